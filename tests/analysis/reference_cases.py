"""Levels, spectra and error measures that the reference tests share."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

import specsched as ss

Array = NDArray[np.float64]

# Zero, the tiniest that count, both ends of the admitted range and what lies between.
EIGENVALUES = np.array([0.0, 1e-9, 1e-4, 0.03, 1.0, 47.0, 2e3, 1e6])
WEIGHTS = np.array([3.0, 1.0, 0.5, 2.0, 1.0, 7.0, 1.0, 2.0])
MEAN_POWER = np.array([0.1, 0.0, 2e-4, 0.05, 1.0, 30.0, 0.0, 1e5])


def spectrum(*, zero: bool = True) -> ss.Spectrum:
    """Eigenvalues from 0 (if asked) to 1e6 with multiplicities and means."""
    keep = slice(None) if zero else slice(1, None)
    return ss.Spectrum(EIGENVALUES[keep], weights=WEIGHTS[keep], mean_power=MEAN_POWER[keep])


def levels(steps: int, *, kind: str = "even", end: float = 1e-4) -> Array:
    """`steps` steps from 1e4 to `end`, evenly spaced in log, or with gaps over four decades ("uneven")."""
    low = end if end > 0 else 1e-4
    inner = steps if end > 0 else steps - 1
    if inner == 0:
        return np.array([1e4, end])
    gaps = np.ones(inner)
    if kind == "uneven":
        gaps = 10.0 ** np.random.default_rng(steps).uniform(-3, 1, inner)
    places = np.concatenate([[0.0], np.cumsum(gaps) / gaps.sum()])
    values = 1e4 * (low / 1e4) ** places
    values[-1] = low
    return values if end > 0 else np.append(values, 0.0)


def relative_error(values: Any, reference: Any) -> float:
    """Largest componentwise error relative to the reference; exact zeros must be met."""
    expected = np.array([float(v) for v in np.ravel(reference)])
    scale = np.maximum(np.abs(expected), 1e-290)
    return float(np.max(np.abs(np.ravel(values) - expected) / scale))


def norm_error(values: Any, reference: Any) -> float:
    """Error in the maximum norm, relative to the norm of the reference."""
    expected = np.array([float(v) for v in np.ravel(reference)])
    return float(np.max(np.abs(np.ravel(values) - expected)) / np.max(np.abs(expected)))
