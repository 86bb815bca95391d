"""From what a recorded run left to series: second moments, slopes and how far the network is from both."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.polynomial import chebyshev

from ..._support.checks import FloatArray
from .bands import Bands
from .corrections import corrected, corrections
from .own import WORTHWHILE, Own, own_slopes, unexplained
from .series import fit_matrix, places

# Predictions along the flow: beyond degree 28 the residual of trained networks no longer falls.
DEGREE = 28
# Where the residual of this degree is so much smaller, as it is for exact denoisers, predictions are smooth enough for
# it: errors of predicted errors fall to 2e-7 (40 terms: 5e-6, from 80 to .002 1e-4).
_HIGH_DEGREE, _HIGH_SHARE, _MUCH_SMALLER = 60, 0.5, 0.2
# What measured slopes add to those of Gaussian data is smooth, its estimates noisy.
_SLOPE_DEGREE = 8
# Newton's steps towards the variance that fits a slope, and how far its logarithm may go from that of the outputs:
# with guidance no Gaussian fits, and what it leaves is smooth as long as it is not absurd.
_SLOPE_STEPS, _FARTHEST = 30, 3.0
# So is the size of the residual.
_ROUGHNESS_DEGREE = 6


def degrees_for(levels: int) -> tuple[int, int]:
    """The usual degree of the fit and the high one, which few levels cannot tell."""
    usual = min(DEGREE, levels // 3)
    return usual, max(usual, min(_HIGH_DEGREE, int(_HIGH_SHARE * levels)))


class Fitted(NamedTuple):
    """Sums over starts and directions, of series of one degree."""

    gram: FloatArray  # (bands, n, n): of predictions, then of errors of the run
    rest_gram: FloatArray  # of what own directions leave
    residual: FloatArray  # (bands, levels)


class Sums(NamedTuple):
    """Sums over starts and directions: both degrees of the fit, and what perturbations change."""

    gram: FloatArray
    rest_gram: FloatArray
    residual: FloatArray
    high_gram: FloatArray
    high_rest_gram: FloatArray
    high_residual: FloatArray
    response: FloatArray  # (3, bands, levels): |change|^2, <change, perturbation>, |perturbation|^2
    rest_response: FloatArray  # of what own directions leave


def fits(
    sums: Sums, own: Own | None, bands: Bands, levels: FloatArray, variances: FloatArray, starts: int
) -> dict[str, FloatArray]:
    """Second moments per start, slopes as series, and how far the network is from both; no `own`: no slopes either."""
    x = places(levels, levels)
    posterior = variances[:, None] * levels**2 / np.maximum(variances[:, None] + levels**2, 1e-300)
    fitted, smooth = _chosen(sums)
    gram, degree, deviation = fitted.gram, fitted.gram.shape[1] // 2 - 1, np.zeros(len(bands.sizes))
    found = {
        "own": np.zeros((0, degree + 1)),
        "own_slope": np.zeros((0, degree + 1)),
        "own_variance": np.zeros(0),
    }
    if own is None:
        slope = np.asarray((fit_matrix(levels, degree) @ (posterior / levels**2).T).T)
    else:
        slopes, response = own_slopes(x, own, degree), sums.response
        if _worthwhile(x, sums, own, slopes):
            gram, response = fitted.rest_gram, sums.rest_response
            both = (own.high if smooth else own.usual).T / np.sqrt(starts)
            ways = corrections(levels, slopes, degree + 1)
            found["own"] = np.array([way @ one for way, one in zip(ways, both, strict=True)])
            found["own_slope"], found["own_variance"] = slopes, own.shares.T @ variances
        slope = _slopes(response, levels, variances, degree)
        left = sums.response[0] / sums.response[2] - (sums.response[1] / sums.response[2]) ** 2
        deviation = np.sqrt(np.maximum(left, 0.0).mean(axis=1))
    share = fitted.residual / (starts * bands.sizes[:, None])
    return found | {
        "gram": corrected(gram / starts, levels, slope),
        "slope": slope,
        "slope_spread": deviation,
        "roughness": _smooth(x, np.sqrt(share)),
        "roughness_share": np.sqrt((share / np.maximum(posterior, 1e-300)).mean(axis=1)),
    }


def _worthwhile(x: FloatArray, sums: Sums, own: Own, slopes: FloatArray) -> bool:
    """Whether own directions explain much of what slopes of bands leave of the responses."""

    def left(response: FloatArray) -> FloatArray:
        return np.asarray((response[0] - response[1] ** 2 / np.maximum(response[2], 1e-300)).sum(axis=0))

    size = sums.response[2].sum(axis=0)
    with_own = left(sums.rest_response) + unexplained(x, own, slopes)
    return bool(np.mean(with_own / size) < WORTHWHILE * np.mean(left(sums.response) / size))


def _slopes(response: FloatArray, levels: FloatArray, variances: FloatArray, degree: int) -> FloatArray:
    """Slopes of the bands: that of the nearest Gaussian, and smooth what the measured one has beyond it."""
    measured = response[1] / response[2]
    gaussian = _nearest_gaussian(measured, levels, variances)
    slope, low = np.asarray((fit_matrix(levels, degree) @ gaussian.T).T), min(_SLOPE_DEGREE, degree)
    basis = chebyshev.chebvander(places(levels, levels), low)
    slope[:, : low + 1] += np.linalg.lstsq(basis, (measured - gaussian).T, rcond=None)[0].T
    return slope


def _chosen(sums: Sums) -> tuple[Fitted, bool]:
    """The fit of the degree that the predictions deserve, and whether it is the high one."""
    usual, high = Fitted(*sums[:3]), Fitted(*sums[3:6])
    smooth = np.sqrt(high.residual.sum()) < _MUCH_SMALLER * np.sqrt(usual.residual.sum())
    return (high if smooth else usual), bool(smooth)


def _nearest_gaussian(slopes: FloatArray, levels: FloatArray, variances: FloatArray) -> FloatArray:
    """The slopes lambda / (lambda + r^2) nearest to measured ones, by Gauss-Newton in log(lambda).

    The variances of a few outputs err by tens of per cent; slopes tell those of Gaussian data exactly.
    """
    known = np.log(np.maximum(variances, 1e-300))
    logs, square = known.copy(), levels**2
    for _ in range(_SLOPE_STEPS):
        gaussian = 1.0 / (1.0 + square * np.exp(-logs)[:, None])
        by_log = gaussian * (1.0 - gaussian)
        steps = np.sum(by_log * (slopes - gaussian), axis=1) / np.maximum(np.sum(by_log**2, axis=1), 1e-12)
        logs = np.clip(logs + np.clip(steps, -1.0, 1.0), known - _FARTHEST, known + _FARTHEST)
    return np.asarray(1.0 / (1.0 + square * np.exp(-logs)[:, None]))


def _smooth(x: FloatArray, deviations: FloatArray) -> FloatArray:
    """Positive standard deviations as series, smoothed in their logarithms."""
    logs = np.log(np.maximum(deviations, 1e-12 * max(deviations.max(), 1e-300))).T
    fit = np.linalg.lstsq(chebyshev.chebvander(x, _ROUGHNESS_DEGREE), logs, rcond=None)[0]
    nodes = np.cos(np.pi * (np.arange(2 * _ROUGHNESS_DEGREE + 1) + 0.5) / (2 * _ROUGHNESS_DEGREE + 1))
    values = np.exp(chebyshev.chebval(nodes, fit)).T
    return np.asarray(np.linalg.solve(chebyshev.chebvander(nodes, 2 * _ROUGHNESS_DEGREE), values).T)
