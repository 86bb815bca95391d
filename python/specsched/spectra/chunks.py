"""Arrays of Dask: every chunk is reduced where it lies, once, and what is left of them is joined in pairs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import numpy as np

from . import batches

Block = batches.Block


class Joined(Protocol):
    """A running estimate that can take in another one."""

    def merge(self, other: Any) -> None: ...


S = TypeVar("S", bound=Joined)


def is_chunked(samples: object) -> bool:
    """Whether `samples` is an array of Dask.

    Examples
    --------
    >>> import dask.array
    >>> is_chunked(dask.array.zeros((4, 2))), is_chunked([[0.0]])
    (True, False)
    """
    return hasattr(samples, "dask") and hasattr(samples, "to_delayed")


def reduced(samples: Any, estimate: Callable[[Block, int], S]) -> S:
    """The estimate of all rows from ``estimate(rows, first)`` of each chunk, `first` being the number of its first row.

    Runs where Dask computes: on the cluster of the current client, or in threads of this process.

    Raises
    ------
    TypeError, ValueError
        What `estimate` raises, or the array is no batch of samples.
    """
    from dask.delayed import delayed

    check(samples)
    whole = samples.rechunk(dict.fromkeys(range(1, samples.ndim), -1))
    sizes = [0 if size != size else int(size) for size in whole.chunks[0]]  # a size that is not known is NaN
    firsts = np.cumsum([0, *sizes[:-1]])
    run, join = delayed(estimate, pure=False), delayed(_joined, pure=False)
    pieces = whole.to_delayed().ravel()
    states = [run(piece, int(first)) for piece, first in zip(pieces, firsts, strict=True)]
    while len(states) > 1:
        pairs = zip(states[::2], states[1::2], strict=False)
        odd = states[-1:] if len(states) % 2 else []
        states = [join(one, other) for one, other in pairs] + odd
    found: S = states[0].compute()
    return found


def check(samples: Any) -> None:
    """As for batches, of what is known before anything is computed."""
    batches.check_block("samples", samples)


def _joined(one: S, other: S) -> S:
    one.merge(other)
    return one
