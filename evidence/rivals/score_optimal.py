"""Score-optimal schedules (Williams, Campbell, Doucet & Syed, arXiv 2412.07877), corrector-optimised cost."""

from __future__ import annotations

from typing import Any

import numpy as np

from .knowledge import Choice, Known


def choose(known: Known, solver: Any, steps: int) -> Choice:
    """Equal lengths in the metric delta(t) = v(t)^2 E|d/dt score(x_t, t)|^2 with v = sigma, x_t held fixed."""
    grid, speeds = known.grid, known.score_speeds
    middle = np.sqrt(grid[1:] * grid[:-1])
    density = np.exp(np.interp(np.log(grid), np.log(middle), np.log(speeds)))
    return Choice(known.equidistant(grid, density, steps), solver)
