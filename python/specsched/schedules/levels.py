"""What levels and their other scales (abar, flow times) must be: in range, and monotone from noise to clean."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .._support import checks
from .._support.checks import FloatArray


def check_range(name: str, array: FloatArray, bad: NDArray[np.bool_], rule: str, hint: str) -> None:
    """No entry marked as bad."""
    if bad.any():
        k = checks.first_bad(bad)
        raise ValueError(f"{name} must {rule}; {name}[{k}] is {array[k]:.17g}{hint}")


def check_order(name: str, array: FloatArray, *, decreasing: bool) -> None:
    """At least two entries, strictly monotone from noise to clean."""
    if array.size < 2:
        raise ValueError(f"{name} must have at least 2 levels (one step), got {array.size}")
    before, after = array[:-1], array[1:]
    right = after < before if decreasing else after > before
    if right.all():
        return
    k = int(np.argmin(right))
    wrong = after > before if decreasing else after < before
    reverse = "; the list runs from clean to noise: reverse it" if wrong.all() else ""
    verb, side = ("decrease", "below") if decreasing else ("increase", "above")
    raise ValueError(
        f"{name} must {verb} strictly from noise to clean; {name}[{k + 1}] = {after[k]:.17g} "
        f"does not lie {side} {name}[{k}] = {before[k]:.17g}{reverse}"
    )
