"""Problems that the benchmarks share."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

import specsched as ss

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Problem:
    """A spectrum as plain arrays and as an object, and levels that end at 0."""

    arrays: tuple[Array, Array, Array]
    spectrum: ss.Spectrum
    levels: Array
    schedule: ss.Schedule


@cache
def make_problem(dim: int, steps: int) -> Problem:
    """Eigenvalues over eight decades with a mean, like those of photographs; EDM levels (rho = 7), then 0."""
    rng = np.random.default_rng(0)
    eigenvalues = 1e3 * np.arange(1, dim + 1) ** -1.2 * np.exp(rng.normal(0.0, 0.5, dim)) + 1e-5
    arrays = (eigenvalues, np.ones(dim), 1e-3 * eigenvalues)
    grid = np.linspace(80.0 ** (1 / 7), 0.002 ** (1 / 7), steps) ** 7
    levels = np.append(grid, 0.0)
    spectrum = ss.Spectrum(eigenvalues, mean_power=arrays[2])
    return Problem(arrays, spectrum, levels, ss.Schedule(levels))


@pytest.fixture
def problem(request: pytest.FixtureRequest) -> Problem:
    """The problem of the size given as an indirect parameter (dim, steps)."""
    return make_problem(*request.param)
