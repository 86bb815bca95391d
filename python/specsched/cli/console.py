"""Text for people: tables that fold on narrow terminals, plain text in pipes, and a progress bar."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .._support.progress import ProgressCallback

_NAMES_FIT = 48
"""Narrower terminals fold the names of schedules."""
_NOTES: list[str] = []


def console(*, error: bool = False) -> Console:
    """Of standard output or error as they are now; in a pipe nothing is coloured, wrapped or cut."""
    stream = sys.stderr if error else sys.stdout
    piped = not stream.isatty() and "COLUMNS" not in os.environ
    return Console(stderr=error, highlight=False, markup=False, emoji=False, width=10_000 if piped else None)


def say(text: str = "", *, style: str | None = None) -> None:
    """A line on standard output."""
    console().print(Text(text, style=style or ""), soft_wrap=False)


def forget_notes() -> None:
    """A new run of the program."""
    _NOTES.clear()


def note(text: str, *, kind: str = "note") -> None:
    """What was chosen for the user, or went wrong: a line on standard error, and an entry of the JSON document."""
    _NOTES.append(text)
    console(error=True).print(Text(f"{kind}: {text}"), soft_wrap=False)


def print_json(document: dict[str, Any]) -> None:
    """The document, with all notes of this run, and nothing else on standard output."""
    if _NOTES:
        document = {**document, "notes": list(_NOTES)}
    sys.stdout.write(json.dumps(document, indent=2, allow_nan=False) + "\n")


def print_table(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    left: Sequence[int] = (0,),
    bold: Sequence[int] = (),
) -> None:
    """Rows under headings: numbers to the right, the columns in `left` to the left; `bold` names rows."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    for k, title in enumerate(columns):
        table.add_column(
            title,
            justify="left" if k in left else "right",
            overflow="fold",
            no_wrap=k not in left or (k == 0 and width() >= _NAMES_FIT),
        )
    for k, row in enumerate(rows):
        table.add_row(*map(Text, row), style="bold green" if k in bold else None)
    screen = console()
    with screen.capture() as captured:
        screen.print(table)
    # Trailing blanks would wrap on a terminal that is a column too narrow.
    lines = [line.rstrip() for line in captured.get().splitlines()]
    sys.stdout.write("\n".join(lines) + "\n")


def width() -> int:
    """Columns of the terminal."""
    return console().width


@contextmanager
def progress_bar() -> Iterator[ProgressCallback | None]:
    """A bar on standard error for ``progress=``; nothing where that is no terminal."""
    screen = console(error=True)
    if not screen.is_terminal:
        yield None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=screen, transient=True) as bar:
        task = bar.add_task("reading", total=None)

        def update(done: int, total: int | None, what: str, /) -> None:
            bar.update(task, completed=done, total=total, description=what)

        yield update


@contextmanager
def working(text: str) -> Iterator[None]:
    """A spinner on standard error while something takes its time; nothing where that is no terminal."""
    screen = console(error=True)
    if not screen.is_terminal:
        yield
        return
    with screen.status(text):
        yield
