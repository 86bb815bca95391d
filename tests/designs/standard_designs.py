"""Ends and spectra on which designs are tested, and what must hold for every design."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

import specsched as ss
from specsched.testing import clustered, log_normal, low_rank, paper_case, power_law

Array = NDArray[np.float64]

HIGH = 157.4
PAPER = {"sigma_max": HIGH, "sigma_min": 0.01}
CLEAN = {"sigma_max": HIGH, "sigma_min": 0.0}
FLOOR = {"sigma_max": HIGH, "sigma_min": 0.0, "sigma_floor": 0.002}
ENDS: list[dict[str, float]] = [PAPER, CLEAN, FLOOR, {"sigma_max": 14.6, "sigma_min": 0.1}]
SPECTRA = {
    "paper": paper_case().spectrum,
    "power law": power_law(64),
    "steep": power_law(40, exponent=4.0),
    "clusters": clustered(30),
    "zeros": low_rank(20, rank=5),
    "far apart": ss.Spectrum([100.0, 1e-4], weights=[1, 50]),
    "mean": ss.Spectrum([1.0, 0.01], mean_power=[25.0, 4.0]),
    "wide": log_normal(200, width=3.0),
}


def interior(schedule: ss.Schedule) -> Array:
    return np.log(schedule.sigmas[1:-1])


def slopes(spectrum: ss.Spectrum, schedule: ss.Schedule, *, width: float = 1e-4, **choice: Any) -> Array:
    """d log(loss) / d log(sigma) of the interior levels, by differences of fourth order."""
    result = np.zeros(schedule.steps - 1)
    for k in range(result.size):

        def loss(shift: float, k: int = k) -> float:
            levels = schedule.sigmas.copy()
            levels[k + 1] *= np.exp(shift)
            return ss.evaluate(spectrum, levels, **choice, target="data")

        difference = 8 * (loss(width) - loss(-width)) - (loss(2 * width) - loss(-2 * width))
        result[k] = difference / (12 * width)
    return result / ss.evaluate(spectrum, schedule, **choice, target="data")


def assert_valid(found: ss.Design, ends: dict[str, float]) -> None:
    levels = found.schedule.sigmas
    assert levels[0] == ends["sigma_max"]
    assert levels[-1] == ends["sigma_min"]
    assert (np.diff(levels) < 0).all()
    if found.schedule.steps > 1:
        assert levels[-2] >= ends.get("sigma_floor", 0.0) * (1 - 1e-12)
