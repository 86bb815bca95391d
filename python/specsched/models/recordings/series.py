"""Predictions of a recording as Chebyshev series in log(sigma), and their leading modes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.polynomial import chebyshev

from ..._support.checks import FloatArray

# Values between levels are those of a spline of this degree. With 5, predictions for Gaussian denoisers err up to ten
# times as much (2e-6).
_SPLINE_DEGREE = 7
# Chebyshev points to a level, at which the spline is projected: more change nothing.
_OVERSAMPLING = 4
# Modes of a band beyond this share of its power are dropped; at most so many are kept.
_DROPPED, _MOST = 1e-9, 12


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


def places(at: Any, levels: FloatArray) -> FloatArray:
    """Places on [-1, 1], even in log(sigma): the highest of the levels, which come first, at 1, the lowest at -1."""
    high, low = float(levels[0]), float(levels[-1])
    return np.asarray(2.0 * np.log(np.asarray(at) / low) / np.log(high / low) - 1.0)


def fit_matrix(levels: FloatArray, degree: int) -> FloatArray:
    """What turns values at the levels into a series, shape (degree + 1, levels).

    A spline goes through the values and is projected. Least squares over the levels themselves would leave the series
    free to swing between them near the ends, where polynomials of high degree turn faster than levels follow.
    """
    from scipy.interpolate import make_interp_spline

    count = max(_OVERSAMPLING * len(levels), 2 * (degree + 1))
    points = chebyshev.chebpts1(count)
    spline = make_interp_spline(places(levels, levels)[::-1], np.eye(len(levels))[::-1], k=_SPLINE_DEGREE)
    # On these points the polynomials are orthogonal.
    scale = np.full((degree + 1, 1), 2.0 / count)
    scale[0] = 1.0 / count
    return np.asarray(scale * (chebyshev.chebvander(points, degree).T @ spline(np.clip(points, -1.0, 1.0))))


def packed(grams: FloatArray) -> FloatArray:
    """Lower triangles of symmetric matrices, shape (bands, n (n + 1) / 2)."""
    rows, columns = np.tril_indices(grams.shape[1])
    return np.asarray(grams[:, rows, columns])


def unpacked(triangles: FloatArray) -> FloatArray:
    """What `packed` was given."""
    size = int(np.sqrt(2 * triangles.shape[1]))
    rows, columns = np.tril_indices(size)
    grams = np.empty((len(triangles), size, size))
    grams[:, rows, columns] = grams[:, columns, rows] = triangles
    return grams
