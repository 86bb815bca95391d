"""Progress of long work: `progress=None | True | callable`, the same everywhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Protocol, TextIO


class ProgressCallback(Protocol):
    """What a progress callback looks like: called now and then with the state of the work.

    Parameters
    ----------
    done : int
        Units finished so far.
    total : int or None
        Units in all, None while unknown.
    what : str
        The unit, for example "samples".
    """

    def __call__(self, done: int, total: int | None, what: str, /) -> object: ...


class Meter:
    """Counts finished units and tells a callback; used as a context manager.

    Parameters
    ----------
    progress : None, bool or callable
        None or False is silent; True keeps one line on standard error; a callable gets
        ``(done, total, what)`` after every update.
    what : str
        The unit counted.
    total : int, optional
        Units in all, if known.

    Examples
    --------
    >>> with Meter(lambda done, total, what: print(done, total, what), "samples", 4) as meter:
    ...     meter.add(3)
    ...     meter.add(1)
    3 4 samples
    4 4 samples
    """

    def __init__(self, progress: object, what: str, total: int | None = None) -> None:
        self._callback = _callback(progress)
        self._what = what
        self._total = total
        self._done = 0

    def add(self, count: int = 1) -> None:
        """Count `count` more units as finished."""
        self._done += count
        if self._callback is not None:
            self._callback(self._done, self._total, self._what)

    def __enter__(self) -> Meter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(self._callback, StderrLine):
            self._callback.close()


class StderrLine:
    """One line on a stream, rewritten in place, at most ten times a second.

    Examples
    --------
    >>> line = StderrLine(sys.stdout)
    >>> line(5, 10, "samples"); line.close()
    samples: 5 of 10 (50 %)
    """

    _interval = 0.1

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._live = self._stream.isatty()
        self._last = 0.0
        self._text = ""

    def __call__(self, done: int, total: int | None, what: str, /) -> None:
        share = f" of {total} ({100 * done // total} %)" if total else ""
        self._text = f"{what}: {done}{share}"
        now = time.monotonic()
        # A log file gets only the final line; a terminal sees the count move.
        if self._live and now - self._last >= self._interval:
            self._last = now
            self._stream.write(f"\r{self._text}\x1b[K")
            self._stream.flush()

    def close(self) -> None:
        """Write the final state and end the line."""
        if self._text:
            start = "\r" if self._live else ""
            self._stream.write(f"{start}{self._text}\n")
            self._stream.flush()
            self._text = ""


def _callback(progress: object) -> ProgressCallback | None:
    if progress is None or progress is False:
        return None
    if progress is True:
        return StderrLine()
    if callable(progress):
        return progress
    raise TypeError(f"progress must be None, True or a callable(done, total, what), got {progress!r}")
