"""Predictions of a recording as Chebyshev series in log(sigma), and their leading modes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..._support.checks import FloatArray

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


def interval(levels: Any, sigma_floor: float, sigma_max: float) -> FloatArray:
    """Place of levels on [-1, 1], even in log(sigma)."""
    return np.asarray(2.0 * np.log(np.asarray(levels) / sigma_floor) / np.log(sigma_max / sigma_floor) - 1.0)
