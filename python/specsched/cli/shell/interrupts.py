"""Ctrl-C where no Python code runs."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..._support.progress import ProgressCallback

_UNINTERRUPTED = "eigenvalue problems"
"""What `Meter` calls the phase in which LAPACK holds the interpreter until it is done: minutes, for wide data."""


@contextmanager
def interruptible(progress: ProgressCallback | None) -> Iterator[ProgressCallback]:
    """`progress` for reading data, during which Ctrl-C ends the program at once even in a call of LAPACK.

    There the system itself ends it, as it ends programs that know nothing of Ctrl-C (the shell sees the same code,
    130); no file is open for writing at that time.
    """
    try:
        before: Any = signal.getsignal(signal.SIGINT)
        signal.signal(signal.SIGINT, before)
    except ValueError:  # not in the main thread, which alone may set handlers
        yield progress or _silent
        return

    def update(done: int, total: int | None, what: str, /) -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL if what == _UNINTERRUPTED and done == 0 else before)
        if progress is not None:
            progress(done, total, what)

    try:
        yield update
    finally:
        signal.signal(signal.SIGINT, before)


def _silent(done: int, total: int | None, what: str, /) -> None:
    return None
