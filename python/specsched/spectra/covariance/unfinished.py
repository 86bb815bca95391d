"""Threads that still work when the process ends: the library that they are in must not be unloaded beneath them.

After Ctrl-C nobody waits for LAPACK. A process that ended as usual would free OpenBLAS's buffers while it computes in
them, which is a segmentation fault once in some hundred interruptions.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading

INTERRUPTED = 130  # what a shell reports of a process that Ctrl-C ended
_threads: list[threading.Thread] = []


def start(thread: threading.Thread) -> None:
    """Start a thread that the end of the process respects."""
    _threads[:] = [*(one for one in _threads if one.is_alive()), thread]
    thread.start()


def leave(code: int) -> None:
    """End the process at once if a thread still works, else return."""
    if any(thread.is_alive() for thread in _threads):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _end() -> None:
    """An interruption that ends the process does so at once; whoever has handled it waits for the threads here."""
    if isinstance(getattr(sys, "last_value", None), KeyboardInterrupt):
        leave(INTERRUPTED)
    for thread in _threads:
        thread.join()


atexit.register(_end)
