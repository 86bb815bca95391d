"""Which files of a folder are data, and what to do with those that cannot be read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from ..._support.notices import tell

T = TypeVar("T")

_ARCHIVERS = "__MACOSX"
"""Folder that macOS puts into archives, with a second file for each one."""


def files_below(path: Path, suffixes: Sequence[str]) -> list[Path]:
    """The file itself, or all files below a folder with one of the suffixes, sorted; hidden ones are left out."""
    if not path.is_dir():
        return [path] if path.suffix.lower() in suffixes and path.is_file() else []
    found = (file for file in path.rglob("*") if file.suffix.lower() in suffixes and file.is_file())
    return sorted(file for file in found if not _hidden(file.relative_to(path)))


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") or part == _ARCHIVERS for part in path.parts)


def headers(files: Sequence[Path], header: Callable[[Path], T], *, skip_bad: bool) -> list[T]:
    """What the files' headers tell; with `skip_bad` those that cannot be read are left out, and told."""
    found: list[T] = []
    bad: list[str] = []
    for file in files:
        try:
            found.append(header(file))
        except OSError as error:
            if not skip_bad:
                raise
            bad.append(str(error))
    if bad:
        if not found:
            raise OSError(f"none of {len(files)} files can be read; the first: {bad[0]}")
        tell(f"{len(bad)} of {len(files)} files are skipped, which cannot be read; the first: {bad[0]}")
    return found


def told(error: OSError, skip_bad: bool) -> None:
    """Raise for a file whose header is better than what follows, or tell that it is skipped."""
    if not skip_bad:
        raise error
    tell(f"skipped: {error}")
