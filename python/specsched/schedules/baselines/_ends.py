"""What all baselines share: their arguments, the end levels imposed on them, and the finished schedule."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from ..._support import checks
from ..._support.checks import FloatArray
from ..schedule import Schedule

F = TypeVar("F", bound=Callable[..., Schedule])

_HEADING = "Parameters\n----------\n"
_SHARED = """steps : int
    Number of steps S, 1 to a million.
sigma_max, sigma_min, sigma_floor : float, optional
    End levels shared with other schedules: see `specsched.baselines`.
"""
_RAISES = """Raises
------
TypeError, ValueError
    An argument outside of its range, named.

"""


def described(baseline: F) -> F:
    """Completes the docstring of a baseline by what all of them have in common."""
    text, references, rest = inspect.cleandoc(baseline.__doc__ or "").partition("References\n")
    if references:  # there are no docstrings under python -OO
        own = text if _HEADING in text else f"{text}{_HEADING}\n"
        baseline.__doc__ = own.replace(_HEADING, _HEADING + _SHARED) + _RAISES + references + rest
    return baseline


@dataclass(frozen=True)
class Ends:
    """Where a baseline starts and stops: `points` levels from `high` to `low`, then a 0 if `zero`."""

    points: int
    high: float
    low: float
    zero: bool


def ends(
    steps: object,
    sigma_max: float | None,
    sigma_min: float | None,
    sigma_floor: float | None,
    *,
    native: tuple[float, float | None],
) -> Ends:
    """The ends as given; what is not given is the family's own (highest, lowest positive) level.

    A native lowest level that does not lie well below a given sigma_max gives way to sigma_max / 10. A family
    whose own lowest level is None runs to 0 by itself: then `low` is 0 and there are S + 1 points.
    """
    count = checks.steps(steps)
    high = native[0] if sigma_max is None else checks.level("sigma_max", sigma_max)
    low = 0.0 if sigma_min is None else checks.real("sigma_min", sigma_min, minimum=0.0)
    if low > 0.0:
        checks.level("sigma_min", low)
        if sigma_floor is not None:
            raise ValueError(
                f"sigma_floor applies to sigma_min = 0 only, got sigma_min = {low:g}; leave one out"
            )
        if low >= high:
            raise ValueError(f"sigma_min must lie below sigma_max = {high:g}, got {low:g}")
        return Ends(count + 1, high, low, False)
    if sigma_floor is not None:
        floor = checks.level("sigma_floor", sigma_floor)
        if floor >= high:
            raise ValueError(f"sigma_floor must lie below sigma_max = {high:g}, got {floor:g}")
        return Ends(count, high, floor, True)
    if native[1] is None:
        return Ends(count + 1, high, 0.0, False)
    return Ends(count, high, min(native[1], high / 10.0), True)


def fractions(points: int) -> FloatArray:
    """0 (noise) ... 1 (clean) in `points` equal steps; a single point is 0, the noisy end."""
    return np.arange(points) / max(points - 1, 1)


def between(first: float, last: float, points: int) -> FloatArray:
    """`points` equally spaced values from `first` to `last`, both included; a single one is `first`."""
    return np.asarray(first + (last - first) * fractions(points))


def finish(levels: FloatArray, where: Ends, name: str) -> Schedule:
    """The schedule with exactly the given ends; levels that coincide are spread."""
    full = np.empty(where.points + where.zero)
    full[: where.points] = levels
    full[0] = where.high
    if where.points > 1:
        full[where.points - 1] = where.low
    if where.zero:
        full[-1] = 0.0
    return Schedule._trusted(strictly_decreasing(full, name), name)


def strictly_decreasing(levels: FloatArray, name: str) -> FloatArray:
    """`levels`, those that do not decrease placed log-linearly between their neighbours."""
    if (levels[1:] < levels[:-1]).all():
        return levels
    positive = levels.size - (levels[-1] == 0.0)
    inner = levels[:positive]
    low = inner[-1]
    best_so_far = np.minimum.accumulate(np.concatenate(([np.inf], inner[:-1])))
    # A level must clear its neighbours by more than rounding, or the spread ones would have no room.
    kept = (inner < best_so_far * (1.0 - 1e-9)) & (inner > low * (1.0 + 1e-9))
    kept[0] = kept[-1] = True
    index = np.flatnonzero(kept)
    spread = np.exp(np.interp(np.arange(positive), index, np.log(inner[index])))
    inner[~kept] = spread[~kept]
    if not (levels[1:] < levels[:-1]).all():
        raise ValueError(
            f"{name}: {levels.size - 1} steps do not fit between sigma {levels[0]:g} and {low:g} in double "
            "precision; use fewer steps or move the ends apart"
        )
    return levels
