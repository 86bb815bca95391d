"""Errors of the library, of the options and of the system as one line on standard error."""

from __future__ import annotations

import os
import sys
import warnings
from typing import Any

import typer
from typer.core import TyperGroup

from ..._support.notices import Notice
from ...spectra.covariance.unfinished import INTERRUPTED, leave
from ..console import forget_notes, note
from .wording import options_of, reworded

BAD_INPUT = 2
_EXPECTED = (TypeError, ValueError, OSError, ImportError, MemoryError)


class Interrupted(Exception):
    """Ctrl-C, under a name that the argument parser does not handle in its own way."""


class OneLineErrors(TyperGroup):
    """A group of commands in which an expected error ends in ``error: ...`` and exit code 2."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; Ctrl-C passes as `Interrupted`."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise Interrupted from None

    def main(self, args: Any = None, prog_name: str | None = None, **extra: Any) -> Any:  # type: ignore[override]
        """Run the program and end the process with its exit code."""
        try:
            extra["standalone_mode"] = False
            forget_notes()
            with warnings.catch_warnings():
                _show_notices(options_of(self))
                code = super().main(args, prog_name, **extra)
            sys.stdout.flush()
        except typer.Exit as end:
            code = end.exit_code
        except (Interrupted, KeyboardInterrupt, typer.Abort):
            code = _say("interrupted", INTERRUPTED)
            leave(INTERRUPTED)
        except BrokenPipeError:
            # The reader of a pipe has seen enough; without this, closing the stream would complain.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            code = 1
        except _EXPECTED as error:
            code = _say(f"error: {reworded(_one_line(error), options_of(self))}", BAD_INPUT)
        except Exception as error:
            if not hasattr(error, "format_message"):
                raise
            code = _usage(error)
        sys.exit(code if isinstance(code, int) else 0)


def _show_notices(options: dict[str, str]) -> None:
    """What the library chose for the user becomes a line on standard error; other warnings stay as they are."""
    warnings.simplefilter("always", Notice)
    others = warnings.showwarning

    def show(message: Any, category: Any, *place: Any, **more: Any) -> None:
        if issubclass(category, Notice):
            note(reworded(_joined(str(message)), options))
        else:
            others(message, category, *place, **more)

    warnings.showwarning = show


def _usage(error: Any) -> int:
    """A mistake in the options; a program called with nothing at all gets its help."""
    message = str(error.format_message())
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":
        sys.stdout.write(f"{message}\n" if message else "")
        return 0
    hint = f" (try '{context.command_path} --help')" if context is not None else ""
    return _say(f"error: {_joined(message).rstrip('.')}{hint}", BAD_INPUT)


def _one_line(error: BaseException) -> str:
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"{error.strerror}: {os.fspath(error.filename)!r}"
    if isinstance(error, MemoryError):
        return f"not enough memory ({_joined(str(error)) or 'no details'})"
    return _joined(str(error)) or type(error).__name__


def _joined(text: str) -> str:
    return " ".join(text.split())


def _say(line: str, code: int) -> int:
    sys.stderr.write(f"{line}\n")
    return code
