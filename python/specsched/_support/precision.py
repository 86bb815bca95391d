"""Single precision, in which frameworks sample."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .checks import FloatArray


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
