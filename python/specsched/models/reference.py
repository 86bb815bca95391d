"""A denoiser's own converged solution: what every schedule of a deterministic sampler tends to."""

from __future__ import annotations

import numpy as np

from .. import samplers
from ..samplers import Sampler
from ..schedules.schedule import Schedule

# Third order: on two trained networks the order at which 60 to 120 levels err least (UniPC-3 and DEIS-3 tie with it).
SOLVER: Sampler = samplers.DPMpp3M()


def fine_schedule(sigma_max: float, sigma_floor: float, count: int) -> Schedule:
    """`count` positive levels between the ends and a last step to 0, half-way between even in log(sigma) and EDM's.

    The step from the floor to 0 returns the prediction at the floor, as every sampler's does, so that schedules with
    this floor converge to the same solution.
    """
    place = np.linspace(0.0, 1.0, count)
    even = np.log(sigma_max) + np.log(sigma_floor / sigma_max) * place
    rho = 7.0  # of Karras et al., arXiv 2206.00364
    edm = rho * np.log(sigma_max ** (1 / rho) + (sigma_floor ** (1 / rho) - sigma_max ** (1 / rho)) * place)
    levels = np.exp((even + edm) / 2.0)
    levels[0], levels[-1] = sigma_max, sigma_floor
    return Schedule(np.append(levels, 0.0), name="reference")


def error_from_halving(difference: float) -> float:
    """Error of the finer of two runs from their difference, if one with half the levels errs at least 4 times as much.

    A third-order solver would gain a factor of 8; what a network's roughness leaves of it is nearer to 4.
    """
    return difference / 3.0
