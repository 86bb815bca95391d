"""From the second moments of a recording to affine modes, and the error that they predict."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.polynomial import chebyshev

from ..._support.checks import FloatArray
from ...samplers import Sampler
from ...schedules.schedule import Schedule
from ..arrays import Numpy
from ..program import program_of, run

# Modes of a band beyond this share of its power are dropped; at most so many are kept.
_DROPPED, _MOST = 1e-9, 12
# Degree of a(r) = s - k y: that of the factors together; nothing is left beyond it but rounding.
_OFFSET_DEGREE = 72
# Gauss points of the quadrature that follows the trajectories; exact to rounding for the degrees here.
_PIECES, _POINTS = 256, 8


class Modes(NamedTuple):
    """Affine modes D(y, r) = s(r) + k(r) (y - y_s(r)), y_s the trajectory of s from 0, as the compiled core takes them.

    Series are Chebyshev in log(sigma): ``x = 2 log(r / lowest) / log(highest / lowest) - 1``.

    Attributes
    ----------
    lowest, highest : float
        Ends of the interval of the series.
    prediction : ndarray, shape (modes, degree + 1)
        s; the sum of the squared errors of all modes is the expected squared distance of one sample.
    band : list of int
        The band that each mode belongs to.
    weight : ndarray, shape (modes,)
        Of the squared errors: 1.
    slope : ndarray, shape (bands, degree + 1)
        k.
    roughness : ndarray, shape (bands, degree + 1)
        Standard deviation of the fit's residual, per direction.
    variance, dimension : ndarray, shape (bands,)
        Variance per direction, and directions.
    """

    lowest: float
    highest: float
    prediction: FloatArray
    band: list[int]
    weight: FloatArray
    slope: FloatArray
    roughness: FloatArray
    variance: FloatArray
    dimension: FloatArray


def leading(grams: FloatArray) -> tuple[FloatArray, list[int]]:
    """Leading eigenvectors of each band's second moments, scaled by the roots of their eigenvalues, and their bands."""
    predictions, bands = [], []
    for band, gram in enumerate(grams):
        values, vectors = np.linalg.eigh(gram)
        values, vectors = np.maximum(values[::-1], 0.0), vectors[:, ::-1]
        left = 1.0 - np.cumsum(values) / max(values.sum(), 1e-300)
        keep = min(int((left > _DROPPED).sum()) + 1, _MOST, int((values > 0).sum()))
        predictions.append((vectors[:, :keep] * np.sqrt(values[:keep])).T)
        bands += [band] * keep
    return np.concatenate(predictions), bands


def _trajectories(count: int, nodes: FloatArray, half: float) -> FloatArray:
    """y(r) = r int_r^{r_max} T_m(tau) / tau^2 dtau of every Chebyshev polynomial at the nodes, shape (count, nodes).

    The flow dy/dr = (y - s) / r from y(r_max) = 0; `half` is d log(r) / dx.
    """
    edges = np.linspace(-1.0, 1.0, _PIECES + 1)
    points, weights = np.polynomial.legendre.leggauss(_POINTS)
    middle, size = 0.5 * (edges[1:] + edges[:-1]), 1.0 / _PIECES
    x = middle[:, None] + size * points
    # Relative to the top level, so that nothing overflows: int T e^{-half (x + 1)} half dx.
    pieces = np.einsum("pqm,pq,q->pm", chebyshev.chebvander(x, count - 1), np.exp(-half * (x + 1.0)), weights)
    below = np.concatenate([np.cumsum(pieces[::-1], axis=0)[::-1], np.zeros((1, count))]) * size * half
    place = np.clip(np.searchsorted(edges, nodes, side="right") - 1, 0, _PIECES - 1)
    left, width = nodes, 0.5 * (edges[place + 1] - nodes)
    inner = (left + width)[:, None] + width[:, None] * points
    rest = np.einsum(
        "pqm,pq,q->pm", chebyshev.chebvander(inner, count - 1), np.exp(-half * (inner + 1.0)), weights
    )
    total = rest * width[:, None] * half + below[place + 1]
    return np.asarray((total * np.exp(half * (nodes + 1.0))[:, None]).T)


class ModeDenoiser:
    """The modes as a denoiser of one row, y = (modes,)."""

    def __init__(self, modes: Modes) -> None:
        self._ends = modes.lowest, modes.highest
        self._slope = modes.slope[modes.band]
        nodes = np.cos(np.pi * (np.arange(_OFFSET_DEGREE + 1) + 0.5) / (_OFFSET_DEGREE + 1))
        half = 0.5 * np.log(modes.highest / modes.lowest)
        trajectory = modes.prediction @ _trajectories(modes.prediction.shape[1], nodes, half)
        offset = series(modes.prediction, nodes) - series(self._slope, nodes) * trajectory
        self._offset = np.asarray(np.linalg.solve(chebyshev.chebvander(nodes, _OFFSET_DEGREE), offset.T).T)
        self.limit = series(modes.prediction, -1.0)

    def __call__(self, y: FloatArray, sigma: float) -> FloatArray:
        x = interval(sigma, *self._ends)
        return series(self._slope, x) * y + series(self._offset, x)


def predicted_error(modes: Modes, denoiser: ModeDenoiser, levels: Schedule, solver: Sampler) -> float:
    """See `Recording.predict`."""
    check_ends(modes, levels.sigmas)
    if not solver.deterministic:
        raise ValueError(
            f"a recording predicts deterministic samplers only; {solver.name} adds noise: set its eta (or s_churn) "
            "to 0, or judge it by ss.trial with a metric"
        )
    found = run(program_of(solver, levels), np.zeros((1, len(modes.band))), denoiser, Numpy())
    return float(np.sqrt(np.sum((found[0] - denoiser.limit) ** 2) / np.sum(modes.dimension)))


def check_ends(modes: Modes, sigmas: FloatArray) -> None:
    """Raise unless the levels lie in the recorded range and start at its top."""
    slack = 1e-6
    positive = sigmas[sigmas > 0]
    if abs(sigmas[0] / modes.highest - 1.0) > slack:
        raise ValueError(
            f"the schedule starts at sigma = {sigmas[0]:.6g}, the recording at {modes.highest:.6g}; "
            "use this sigma_max, or record from the other"
        )
    if positive[-1] < modes.lowest * (1.0 - slack) or sigmas[-1] > 0.0:
        raise ValueError(
            f"the schedule must end at 0 with no positive level below the recording's sigma_floor = "
            f"{modes.lowest:.6g}; its last levels are {sigmas[-2]:.6g} and {sigmas[-1]:.6g}"
        )


def interval(levels: Any, sigma_floor: float, sigma_max: float) -> FloatArray:
    """Place of levels on [-1, 1], even in log(sigma)."""
    return np.asarray(2.0 * np.log(np.asarray(levels) / sigma_floor) / np.log(sigma_max / sigma_floor) - 1.0)


def series(coefficients: FloatArray, x: Any) -> FloatArray:
    """Values of Chebyshev series, shape (series, points), from coefficients (series, degree + 1)."""
    return np.asarray(chebyshev.chebval(x, coefficients.T))
