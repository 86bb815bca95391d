"""Design problems that tests and report share, and SciPy's answer to them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
import peers
from scipy_designs import scipy_design

import specsched as ss
from specsched.sources import load_spectrum
from specsched.testing import paper_case

KEPT = Path(tempfile.gettempdir()) / "specsched-photographs-32-rgb.npz"
"""Estimating this spectrum takes longer than all the designs."""


@dataclass(frozen=True)
class DesignCase:
    """A spectrum and two fixed end levels."""

    name: str
    spectrum: ss.Spectrum
    sigma_max: float
    sigma_min: float

    def fresh(self) -> ss.Spectrum:
        """The spectrum as a new object, which has not been compressed yet."""
        s = self.spectrum
        return ss.Spectrum(s.eigenvalues, weights=s.weights, mean_power=s.mean_power)

    def design(self, steps: int, **options: Any) -> ss.Design:
        """Ours, compression and the loss on the full spectrum included."""
        ends = {"sigma_max": self.sigma_max, "sigma_min": self.sigma_min}
        return ss.design(self.fresh(), steps, **ends, **options, target="data")

    @cached_property
    def arrays(self) -> peers.Spectrum:
        """Eigenvalues, weights and mean power."""
        return self.spectrum.eigenvalues, self.spectrum.weights, self.spectrum.mean_power

    def start(self, steps: int) -> peers.Array:
        """Where SciPy starts: the cosine schedule between the same ends."""
        return ss.baselines.cosine(steps, sigma_max=self.sigma_max, sigma_min=self.sigma_min).sigmas.copy()

    def scipy(
        self, steps: int, *, gradient: str = "numpy-vectorised", method: str = "SLSQP"
    ) -> Callable[[], tuple[float, peers.Array, int]]:
        """SciPy's, ready to call: loss, levels, iterations, with the exact gradient of this peer."""
        run = peers.DDIM_PEERS[gradient][1](self.arrays, steps)
        start = self.start(steps)
        run(start)  # compiles
        return lambda: scipy_design(run, start, method=method)


@cache
def synthetic() -> DesignCase:
    """The synthetic case of the paper, 50 eigenvalues."""
    case = paper_case()
    return DesignCase("synthetic, d = 50", case.spectrum, case.sigma_max, case.sigma_min)


@cache
def photographs() -> DesignCase:
    """Patches of 32 x 32 pixels of photographs in colour, full covariance: 3072 eigenvalues, kept in a file."""
    if not KEPT.exists():
        load_spectrum("photographs", size=32, color="rgb", estimator="samples").save(KEPT)
    return DesignCase("photographs, d = 3072", ss.Spectrum.load(KEPT), 157.4, 0.01)


@cache
def large(dim: int) -> DesignCase:
    """Any number of eigenvalues over eight decades, with a mean."""
    rng = np.random.default_rng(0)
    eigenvalues = 1e3 * np.geomspace(1.0, 1e-8, dim) * np.exp(rng.normal(0.0, 0.3, dim))
    return DesignCase(f"d = {dim}", ss.Spectrum(eigenvalues, mean_power=1e-3 * eigenvalues), 157.4, 0.01)


@cache
def many(count: int) -> list[ss.Spectrum]:
    """Different spectra for a scan: 50 eigenvalues each, power laws with scatter."""
    rng = np.random.default_rng(1)
    index = np.arange(1, 51)
    found = []
    for _ in range(count):
        exponent, scale = rng.uniform(0.5, 3.0), np.exp(rng.uniform(-3.0, 5.0))
        found.append(ss.Spectrum(scale * index**-exponent * np.exp(rng.normal(0.0, 0.3, 50))))
    return found


CASES = {"synthetic": synthetic, "photographs": photographs}
