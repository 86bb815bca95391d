"""Output files: checked before the work starts, and written all together or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from .._support.files import Staged


class Outputs:
    """The files that a command will write.

    `check` a path before the work, `add` what writes it; `write` first writes every file beside its target,
    and only when all are complete moves them into place.
    """

    def __init__(self, inputs: Iterable[str] = ()) -> None:
        self._inputs = [Path(path) for path in inputs]
        self._targets: dict[Path, tuple[Path, Callable[[Path], object]] | None] = {}

    def check(self, option: str, path: Path | None, endings: tuple[str, ...] = ()) -> None:
        """Raise where a file could not be written to `path`."""
        if path is None:
            return
        if endings and path.suffix.lower() not in endings:
            raise ValueError(f"{option} must end in {' or '.join(endings)}, got {str(path)!r}")
        if path.is_dir():
            raise IsADirectoryError(f"{option} is a directory: {str(path)!r}")
        folder = path.absolute().parent
        if not folder.is_dir():
            raise FileNotFoundError(f"{option}: there is no directory {str(folder)!r}")
        if not os.access(folder, os.W_OK):
            raise PermissionError(f"{option}: cannot write to the directory {str(folder)!r}")
        resolved = path.resolve()
        if resolved in self._targets:
            raise ValueError(f"{option} names a file that another option writes: {str(path)!r}")
        if any(_same(path, source) for source in self._inputs):
            raise ValueError(f"{option} would overwrite the input {str(path)!r}; give another name")
        self._targets[resolved] = None

    def check_picture(self, option: str, path: Path | None) -> None:
        """The same for a picture: Matplotlib must be there and know the ending."""
        if path is not None:
            from ..plot import check_ending

            check_ending(path)
            self.check(option, path)

    def add(self, path: Path | None, save: Callable[[Path], object]) -> None:
        """`save(path)` writes the file."""
        if path is not None:
            self._targets[path.resolve()] = (path, save)

    def write(self) -> None:
        """Write everything that was added."""
        ready: list[Staged] = []
        try:
            for path, save in filter(None, self._targets.values()):
                ready.append(Staged(path))
                save(ready[-1].beside)
            for file in ready:
                file.commit()
        finally:
            for file in ready:
                file.discard()


def _same(path: Path, other: Path) -> bool:
    return path.exists() and other.exists() and path.samefile(other)
