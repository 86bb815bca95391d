"""What levels and their other scales (abar, flow times) must be: in range, monotone, apart in single precision."""

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


def single_precision(values: FloatArray) -> NDArray[np.float32]:
    """`values` in the frameworks' single precision, in which they must still decrease and be finite."""
    with np.errstate(over="ignore", under="ignore"):
        single = values.astype(np.float32)
    if not np.isfinite(single).all():
        k = int(np.argmin(np.isfinite(single)))
        raise ValueError(
            f"level {k} = {values[k]:g} overflows in single precision, in which frameworks sample"
        )
    tied = single[1:] >= single[:-1]
    if tied.any():
        k = int(np.argmax(tied))
        raise ValueError(
            f"levels {k} and {k + 1}, {values[k]:.9g} and {values[k + 1]:.9g}, coincide in single precision, "
            "in which frameworks sample; use fewer steps or move the ends"
        )
    return single
