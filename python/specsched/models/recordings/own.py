"""The direction in which each start is unstable: one more mode for it, with its own slope.

Where the flow decides between two outcomes, errors grow by an exponential of the slope along the difference of the
outcomes, which is another direction, at other levels, for every start. A slope that is the mean over starts and
directions grows them too little: a mean of exponentials exceeds the exponential of the mean. The direction shows in
how predictions answer to perturbations, which are measured anyhow.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.polynomial import chebyshev

from ..._support.checks import FloatArray

# Slopes of one start rise and fall within a factor of two of sigma: with degree 8, that of bands, predictions erred by
# 1.3 to 1.5 times as much as with 24; of ridges from .001 to .1, which pull towards the mean of all starts, the more so
# the higher the degree, .003 was best.
_DEGREE, _RIDGE = 24, 0.003
# Recordings have own directions where these leave at most this share of what slopes of bands alone leave of the
# responses: .1 to .4 on `digits` and mixtures with guidance, .5 to .8 on mixtures without, where they gain little;
# above 1.2 on exact Gaussian denoisers.
WORTHWHILE = 0.6


class Own(NamedTuple):
    """What is known along the own direction of each start."""

    usual: FloatArray  # (n, starts): predictions, then errors of the run, as series of the usual degree
    high: FloatArray  # and of the high one
    aligned: FloatArray  # (levels, starts): change times perturbation
    perturbation: FloatArray  # (levels, starts): its square
    response: FloatArray  # (levels, starts): the square of the change
    shares: FloatArray  # (bands, starts): of the direction in each band

    @classmethod
    def joined(cls, parts: list[Own]) -> Own:
        """Those of several batches."""
        return cls(*(np.concatenate(series, axis=1) for series in zip(*parts, strict=True)))


def own_directions(changes: FloatArray) -> FloatArray:
    """Leading direction of what predictions answer to perturbations, shape (starts, values), of length 1.

    Changes have shape (levels, starts, values).
    """
    rows = np.moveaxis(changes, 1, 0)
    return np.array([np.linalg.svd(one, full_matrices=False)[2][0] for one in rows])


def along(values: FloatArray, directions: FloatArray) -> FloatArray:
    """Coordinates of values of shape (..., starts, values) along the direction of each start."""
    return np.asarray(np.einsum("...nd,nd->...n", values, directions))


def without(values: FloatArray, directions: FloatArray) -> FloatArray:
    """What is orthogonal to the direction of each start."""
    return np.asarray(values - along(values, directions)[..., None] * directions)


def own_slopes(x: FloatArray, own: Own, degree: int) -> FloatArray:
    """Slope of each start along its direction as a series, shape (starts, degree + 1)."""
    low = min(_DEGREE, degree)
    basis = chebyshev.chebvander(x, low)
    common = own.aligned.sum(axis=1) / np.maximum(own.perturbation.sum(axis=1), 1e-300)
    weight = 1.0 / np.maximum(own.perturbation.mean(axis=1), 1e-300)
    ridge = _RIDGE * x.size * np.diag(1.0 + np.arange(low + 1.0))
    found = np.zeros((own.aligned.shape[1], degree + 1))
    found[:, : low + 1] = np.linalg.lstsq(basis, common, rcond=None)[0]
    for row, aligned, square in zip(found, own.aligned.T, own.perturbation.T, strict=True):
        normal = (basis * (weight * square)[:, None]).T @ basis + ridge
        row[: low + 1] += np.linalg.solve(normal, basis.T @ (weight * (aligned - common * square)))
    return found


def unexplained(x: FloatArray, own: Own, slopes: FloatArray) -> FloatArray:
    """Square of the change along the directions that the slopes do not explain, per level, summed over starts."""
    k = chebyshev.chebval(x, slopes.T).T
    return np.asarray((own.response - 2.0 * k * own.aligned + k**2 * own.perturbation).sum(axis=1))
