"""Work on starts in batches, one after the other or spread over an executor, with the same result."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from typing import Any, Protocol, TypeVar

import numpy as np

from .._support.progress import Meter
from .denoiser import Index


class Counted(Protocol):
    """A result that knows how many network calls it took."""

    @property
    def calls(self) -> int: ...


Result = TypeVar("Result", bound=Counted)


def batches(starts: int | Index, size: int) -> list[Index]:
    """The starts in groups of at most `size`, in order."""
    index = np.arange(starts) if isinstance(starts, int) else starts
    return [index[i : i + size] for i in range(0, len(index), size)]


def spread(
    executor: Executor | None, task: Callable[..., Result], arguments: Sequence[tuple[Any, ...]], meter: Meter
) -> Iterator[Result]:
    """Results of the task in the order of its arguments, with or without an executor."""
    if executor is None:
        for values in arguments:
            result = task(*values)
            meter.add(result.calls)
            yield result
        return
    futures = [executor.submit(task, *values) for values in arguments]
    try:
        for future in futures:
            result = future.result()
            meter.add(result.calls)
            yield result
    finally:
        for future in futures:  # after an error or Ctrl-C, what has not begun is not begun
            future.cancel()


def check_executor(executor: object) -> None:
    """Raise unless it is None or has ``submit`` like those of concurrent.futures and dask.distributed."""
    if executor is not None and not callable(getattr(executor, "submit", None)):
        raise TypeError(
            f"executor must be None or a concurrent.futures.Executor, got {type(executor).__name__}"
        )
