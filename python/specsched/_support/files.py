"""Files that appear whole or not at all."""

from __future__ import annotations

import os


def write_whole(path: str | os.PathLike[str], content: bytes) -> None:
    """Write beside the target, then move into place: no reader ever sees half a file."""
    target = os.path.abspath(os.fspath(path))
    beside = f"{target}.{os.getpid()}.part"
    try:
        with open(beside, "wb") as stream:
            stream.write(content)
        os.replace(beside, target)
    except BaseException:
        if os.path.exists(beside):
            os.unlink(beside)
        raise
