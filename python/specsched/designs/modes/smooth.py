"""Smooth errors of a network as modes: what free coefficients must integrate as well as the data's own predictions."""

from __future__ import annotations

import numpy as np
from numpy.polynomial import chebyshev

from ... import _core
from ..._support.checks import FloatArray
from ...analysis.modes import Modes
from ...spectra.spectrum import Spectrum

SMOOTH_ERROR = 0.6
"""Size of the smooth error of a prediction, a fraction of the posterior's spread, where the spectrum alone is known.

Networks differ from the Gaussian denoiser by .15 to .5 (docs/limit.md). Errors of designed solvers of order 3 with .4
and .6 on networks of CIFAR-10, 5, 8 and 12 calls: `cifar16_eps` .0335 .0110 .0047 and .0351 .0093 .0041, `cifar16_edm`
.0436 .0140 .0048 and .0487 .0151 .0049."""

_GROUPS = 12  # of eigenvalues: errors of predictions need no more of their sizes
_LEFT = 1e-3  # share of the variance of the errors that the modes leave out
_FAINT = 1e-6  # share of the total variance below which a group of eigenvalues would only cost time
# Nodes and degree of the series: 1 / (lambda + r^2) over 11 units of log r to 1e-8.
_NODES, _DEGREE = 200, 64


def smooth_errors(spectrum: Spectrum, size: float, high: float, low: float, process: str) -> Modes:
    """Modes of the error delta(r) with the variance size^2 l r^2 / (l + r^2), correlated over levels, in [low, high].

    The network predicts k y + delta. A solver and the exact flow meet the same delta, and differ by what the solver
    makes of its course.
    """
    values, counts = _groups(spectrum)
    u = -np.cos(np.pi * (np.arange(_NODES) + 0.5) / _NODES)
    half = 0.5 * float(np.log(high / low))
    x = half * (u + 1.0) + np.log(low)
    square = np.exp(2.0 * x)
    courses = _courses(x, np.sqrt(1.0 - u * u))
    fit = np.linalg.pinv(chebyshev.chebvander(u, _DEGREE))
    predictions, bands, slopes = [], [], []
    for band, (value, count) in enumerate(zip(values, counts, strict=True)):
        slope, gain = value / (value + square), np.sqrt(value + square)
        delta = size * np.sqrt(count * slope * square)[:, None] * courses
        # dy / dlog r = (1 - k) y - delta and dlog(gain) / dlog r = 1 - k, from 0 at the highest level.
        integral = chebyshev.chebint(fit @ (delta / gain[:, None]), scl=half)
        course = gain * (chebyshev.chebval(np.ones(1), integral) - chebyshev.chebval(u, integral))
        predictions.append((slope * course + delta.T) @ fit.T)
        bands += [band] * courses.shape[1]
        slopes.append(fit @ slope)
    return Modes.recorded(
        np.concatenate(predictions),
        bands,
        np.array(slopes),
        values,
        counts,
        sigma_max=high,
        sigma_floor=low,
        process=process,
    )


def _groups(spectrum: Spectrum) -> tuple[FloatArray, FloatArray]:
    """Eigenvalues of about the same size as one, with the number of directions."""
    power = spectrum.eigenvalues * spectrum.weights
    kept = power > _FAINT * power.sum()
    logs, counts, power = np.log(spectrum.eigenvalues[kept]), spectrum.weights[kept], power[kept]
    width = max(float(np.ptp(logs)), 1e-9) * (1.0 + 1e-9) / _GROUPS
    names = np.unique(((logs - logs.min()) / width).astype(int), return_inverse=True)[1]
    total = np.bincount(names, power)
    return np.asarray(np.exp(np.bincount(names, power * logs) / total)), np.bincount(names, counts).astype(
        float
    )


def _courses(x: FloatArray, weights: FloatArray) -> FloatArray:
    """Functions of x, shape (nodes, functions), whose squares add up to the covariance of the errors."""
    covariance = np.exp(-((x[:, None] - x) ** 2) / (2.0 * _core.ERROR_LENGTH**2))
    roots = np.sqrt(weights)
    variances, vectors = np.linalg.eigh(roots[:, None] * covariance * roots)
    variances, vectors = np.maximum(variances[::-1], 0.0), vectors[:, ::-1]
    count = int(np.count_nonzero(np.cumsum(variances) < (1.0 - _LEFT) * variances.sum())) + 1
    return np.asarray(vectors[:, :count] * np.sqrt(variances[:count]) / roots[:, None])
