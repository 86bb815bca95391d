"""What may stand in the place of a spectrum: affine modes, and what gives them."""

from __future__ import annotations

from typing import Any

from .._support import codes
from .modes import Modes


def has_modes(source: Any) -> bool:
    """Whether this is judged by modes: `Modes`, a recording."""
    return callable(getattr(source, "modes", None))


def modes_of(source: Any) -> Modes:
    """The modes of `Modes` or of a recording."""
    found = source.modes()
    if not isinstance(found, Modes):
        raise TypeError(f"{type(source).__name__}.modes() must return Modes, got {type(found).__name__}")
    return found


def only_distances(*, loss: str, target: str) -> None:
    """Raise for anything but the W2 distance to the exact solution: modes follow single trajectories."""
    codes.criterion("vp", loss, target)  # names that are known at all
    if (loss, target) == ("w2", "limit"):
        return
    name, given, only = ("loss", loss, "w2") if loss != "w2" else ("target", target, "limit")
    raise ValueError(
        f"{name}={given!r} is not available on modes: they follow the distance to the exact solution from the same "
        f"start, {name}={only!r}"
    )
