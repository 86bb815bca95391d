"""Problems that the benchmarks share."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
from numpy.polynomial import chebyshev
from numpy.typing import NDArray

import specsched as ss
from specsched.analysis.modes import Modes

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


@cache
def make_modes(bands: int = 21, of_each: int = 12, terms: int = 29) -> Modes:
    """Modes of the sizes that 16 starts of a colour network of 16 x 16 pixels give, from 14.6 down to .029."""
    rng = np.random.default_rng(0)
    low, high = 0.029, 14.6
    nodes = chebyshev.chebpts1(terms)
    levels = np.exp(0.5 * (np.log(low * high) + np.log(high / low) * nodes))
    fit = np.linalg.inv(chebyshev.chebvander(nodes, terms - 1)).T
    variance = np.geomspace(30.0, 0.003, bands)
    slope = variance[:, None] / (variance[:, None] + levels**2)
    band = np.repeat(np.arange(bands), of_each)
    phase = rng.uniform(0.0, 6.0, (band.size, 1))
    height = rng.normal(size=(band.size, 1)) * np.sqrt(variance[band, None])
    prediction = height * slope[band] * (1.0 + 0.3 * np.sin(np.log(levels) + phase))
    return Modes.recorded(
        prediction @ fit, band, slope @ fit, variance, np.full(bands, 36.0), sigma_max=high, sigma_floor=low
    )


def mode_levels(modes: Modes, steps: int) -> Array:
    """EDM levels over what the modes cover, then 0."""
    assert modes.sigma_floor is not None
    ends = np.array([modes.sigma_max, modes.sigma_floor]) ** (1 / 7)
    levels = np.append(np.linspace(*ends, steps) ** 7, 0.0)
    levels[0] = modes.sigma_max
    return levels


@pytest.fixture
def problem(request: pytest.FixtureRequest) -> Problem:
    """The problem of the size given as an indirect parameter (dim, steps)."""
    return make_problem(*request.param)
