"""What a recording's own run errs by, taken out of its predictions.

The run visits states y with errors of its solver, and records D(y). Between its levels the exact flow of the recorded
predictions is known from their series; how far the run's states are from it says what its predictions lack, to first
order: D at the right state is the recorded one plus k times the error, k the slope. For Gaussian denoisers, which are
affine, that is exact, whatever the number of levels.
"""

from __future__ import annotations

import numpy as np
from numpy.polynomial import chebyshev

from ..._support.checks import FloatArray
from .series import places

_OVERSAMPLING = 4  # points to a term of the series, for products of two of them
_POINTS = 6  # of Gauss and Legendre between neighbouring levels: exact to rounding for series of degree 40


def flow_of(levels: FloatArray, predictions: FloatArray, first: FloatArray) -> FloatArray:
    """States y at the levels, from ``first`` at the highest, that follow r dy/dr = y - D.

    `predictions` are series, shape (degree + 1, columns).
    """
    matrix = _integrals(levels, np.zeros(1), np.ones(1), len(predictions))
    return np.asarray((levels / levels[0])[:, None] * first + matrix @ predictions)


def corrected(grams: FloatArray, levels: FloatArray, slopes: FloatArray) -> FloatArray:
    """Second moments of the predictions along the exact flow, shape (bands, degree + 1, degree + 1).

    `grams` are those of recorded predictions and errors of the states together; the exact flow differs from that of
    the recorded predictions by w with r dw/dr = w - k (w - e), e the errors, and its predictions by k (w - e).
    """
    found = []
    for gram, way in zip(grams, corrections(levels, slopes, grams.shape[1] // 2), strict=True):
        moments = way @ gram @ way.T
        found.append(0.5 * (moments + moments.T))  # symmetric to the last bit: files hold one half
    return np.array(found)


def corrections(levels: FloatArray, slopes: FloatArray, count: int) -> list[FloatArray]:
    """For each slope, the series of predictions along the exact flow from those recorded and of errors.

    Shape (count, 2 count).
    """
    # Points where series of that degree are known best.
    at = np.cos(np.linspace(0.0, np.pi, _OVERSAMPLING * count))
    points = levels[-1] * (levels[0] / levels[-1]) ** (0.5 * (at + 1.0))
    points[0], points[-1] = levels[0], levels[-1]
    basis = chebyshev.chebvander(at, count - 1)
    fit = np.linalg.pinv(basis)
    found = []
    for slope in slopes:
        k = chebyshev.chebval(at, slope)
        change = fit @ (k[:, None] * (-_integrals(points, slope, slope, count) - basis))
        found.append(np.concatenate([np.eye(count), change], axis=1))
    return found


def _integrals(levels: FloatArray, slope: FloatArray, weight: FloatArray, count: int) -> FloatArray:
    """``exp(G(x)) int_x^X exp(-G) weight T_j`` for each level and j, X the highest level, dG/dx = 1 - slope."""
    logs = np.log(levels)
    half = 0.5 * (logs[0] - logs[-1])
    nodes, weights = np.polynomial.legendre.leggauss(_POINTS)
    width = 0.5 * (logs[:-1] - logs[1:])
    points = (0.5 * (logs[:-1] + logs[1:]))[:, None] + width[:, None] * nodes
    inner = places(np.exp(points), levels)
    integral = chebyshev.chebint(slope, scl=half)

    def growth(x: FloatArray, place: FloatArray) -> FloatArray:
        return np.asarray(x - logs[0] - chebyshev.chebval(place, integral) + chebyshev.chebval(1.0, integral))

    inside = np.exp(-growth(points, inner)) * chebyshev.chebval(inner, weight) * weights * width[:, None]
    parts = np.einsum("ip,ipj->ij", inside, chebyshev.chebvander(inner, count - 1))
    sums = np.concatenate([np.zeros((1, count)), np.cumsum(parts, axis=0)])
    return np.asarray(np.exp(growth(logs, places(levels, levels)))[:, None] * sums)
