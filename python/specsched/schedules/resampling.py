"""The same curve of levels at another number of steps."""

from __future__ import annotations

import numpy as np

from .._support.checks import FloatArray


def resampled(sigmas: FloatArray, steps: int) -> FloatArray | None:
    """Levels of another number of steps along the same curve of log(sigma) over the index; the ends stay.

    None where there is no curve: two positive levels are needed, and two are to be made.

    Examples
    --------
    >>> import numpy as np
    >>> from specsched.schedules.resampling import resampled
    >>> resampled(np.array([100.0, 10.0, 1.0, 0.0]), 5).round(3).tolist()
    [100.0, 31.623, 10.0, 3.162, 1.0, 0.0]
    """
    tail = sigmas[sigmas == 0.0]
    positive = sigmas[: sigmas.size - tail.size]
    count = steps + 1 - tail.size
    if positive.size < 2 or count < 2:
        return None
    place = np.linspace(0.0, positive.size - 1.0, count)
    levels = np.exp(np.interp(place, np.arange(positive.size), np.log(positive)))
    levels[[0, -1]] = positive[[0, -1]]
    return np.concatenate([levels, tail]) if (np.diff(levels) < 0).all() else None
