"""The command line ``specsched``: one file per command (`commands`), and what they share."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


def main() -> None:
    """Entry point of the ``specsched`` program; ends the process with its exit code."""
    try:
        with _ended_by_interrupts():
            from .app import app
        app(prog_name="specsched")
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in ("typer", "rich", "click"):
            raise
        sys.stderr.write("error: the command line needs typer and rich: pip install 'specsched[cli]'\n")
        sys.exit(2)
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        sys.exit(130)


@contextmanager
def _ended_by_interrupts() -> Iterator[None]:
    """Ctrl-C ends the process at once: KeyboardInterrupt is lost where it is raised in a callback of an import."""
    before = signal.getsignal(signal.SIGINT)
    mine = before is signal.default_int_handler  # not ignored, nor the caller's own
    if not mine or threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(*_: Any) -> None:
        os.write(2, b"interrupted\n")
        os._exit(130)

    signal.signal(signal.SIGINT, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
