"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from . import checks


class Staged:
    """A file on its way to `target`: write to `beside`, then `commit`; `discard` in any case.

    Each one has a name of its own, so that threads and processes may save to one path: the last one wins, whole.
    A symbolic link stays a link, to the new content; an existing file keeps its mode; what is no regular file, such
    as a device or a pipe, is written to, not replaced.

    Parameters
    ----------
    path : path-like
        Where the content is to appear.

    Raises
    ------
    OSError
        If there is a directory at `path`, a file that must not be written, or no folder that can hold it; the
        error names `path`.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._given = checks.path("path", path)
        self.target = Path(os.path.realpath(self._given))
        with _named(self._given):
            self._mode = _mode_of(self.target)
            if self._mode is not None and stat.S_ISDIR(self._mode):
                raise IsADirectoryError(21, "Is a directory")
            if self._mode is not None and not os.access(self.target, os.W_OK):
                raise PermissionError(13, "Permission denied")
            self._replaces = self._mode is None or stat.S_ISREG(self._mode)
            folder = self.target.parent if self._replaces else _temporary()
            # Not after the target, whose name may have all the letters that the system admits; the ending stays,
            # since some writers go by it.
            self.beside = folder / f".{os.urandom(8).hex()}.part{Path(self._given).suffix[:16]}"
            # Made here, so that no one else has the name and a folder that cannot be written shows at once.
            os.close(os.open(self.beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))

    def commit(self) -> None:
        """Put the finished content in place."""
        with _named(self._given):
            if self._replaces:
                if self._mode is not None:
                    os.chmod(self.beside, stat.S_IMODE(self._mode))
                os.replace(self.beside, self.target)
            else:
                import shutil

                with self.beside.open("rb") as source, self.target.open("wb") as sink:
                    shutil.copyfileobj(source, sink)

    def discard(self) -> None:
        """Leave nothing behind but what was committed."""
        with suppress(FileNotFoundError):
            self.beside.unlink()


@contextmanager
def staged(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Where to write what is to appear at `path`; it does so at the end of the block, unless that fails."""
    file = Staged(path)
    try:
        yield file.beside
        file.commit()
    finally:
        file.discard()


def write_whole(path: str | os.PathLike[str], content: bytes) -> None:
    """Write a file that appears whole or not at all; see `Staged`."""
    with staged(path) as beside, _named(str(path)), beside.open("wb") as stream:
        stream.write(content)


def _temporary() -> Path:
    import tempfile  # it loads as long as all of this package

    return Path(tempfile.gettempdir())


def _mode_of(path: Path) -> int | None:
    try:
        return path.stat().st_mode
    except FileNotFoundError:
        return None


@contextmanager
def _named(path: str) -> Iterator[None]:
    """Errors of the system name the path that the user gave, not the file beside it."""
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise
        raise type(error)(error.errno, error.strerror, path) from None
