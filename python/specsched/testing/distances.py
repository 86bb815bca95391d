"""Distances between samples, each with a standard error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .._support import checks
from .gaussians import Gaussian, squared_bures

Samples = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """An estimated value and its standard error."""

    value: float
    error: float


def frechet_distance(samples: object, target: object, *, resamples: int = 100, seed: int = 0) -> Estimate:
    """Frechet distance ``|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^1/2)`` of the Gaussian fits, as FID uses it.

    Parameters
    ----------
    samples : array_like, shape (n, d)
        Generated samples.
    target : Gaussian or array_like, shape (m, d)
        Exact moments of the data, or samples of it.
    resamples : int, optional
        Bootstrap resamples of `samples` for the standard error.
    seed : int, optional
        Seed of the bootstrap.

    Returns
    -------
    Estimate
        The value is biased upward by O(d/n), alike for every schedule compared at the same n.

    Raises
    ------
    TypeError, ValueError
        If the arrays are not of shape (n, d) with n >= 2 or do not share d.

    References
    ----------
    Heusel et al., "GANs Trained by a Two Time-Scale Update Rule", arXiv 1706.08500.

    Examples
    --------
    >>> x = np.random.default_rng(0).standard_normal((2000, 2))
    >>> result = frechet_distance(x, Gaussian(np.zeros(2), np.eye(2)))
    >>> result.value < 0.01, result.error < 0.01
    (True, True)
    """
    ours = _samples("samples", samples)
    goal = target if isinstance(target, Gaussian) else _fit(_samples("target", target), None)
    if goal.mean.size != ours.shape[1]:
        raise ValueError(f"target has dimension {goal.mean.size}, samples have {ours.shape[1]}")
    resamples = checks.integer("resamples", resamples, minimum=2)
    rng = np.random.default_rng(seed)
    count = ours.shape[0]
    # Multinomial weights avoid copying the samples for every resample.
    repeats = [
        _frechet(ours, goal, rng.multinomial(count, np.full(count, 1 / count))) for _ in range(resamples)
    ]
    return Estimate(_frechet(ours, goal, None), float(np.std(repeats, ddof=1)))


def _frechet(samples: Samples, goal: Gaussian, weights: NDArray[np.int64] | None) -> float:
    fit = _fit(samples, weights)
    return squared_bures(fit.mean, fit.covariance, goal.mean, goal.covariance)


def _fit(samples: Samples, weights: NDArray[np.int64] | None) -> Gaussian:
    return Gaussian(
        np.average(samples, axis=0, weights=weights),
        np.atleast_2d(np.cov(samples, rowvar=False, fweights=weights)),
    )


def energy_distance(samples: object, target: object, *, batch: int = 500) -> Estimate:
    """Squared energy distance ``2 E|X - Y| - E|X - X'| - E|Y - Y'|``, unbiased; 0 only for equal distributions.

    Parameters
    ----------
    samples, target : array_like, shape (n, d) and (m, d)
        Generated samples and samples of the data.
    batch : int, optional
        Both sets are cut into batches of this size; the value is the mean over batches, the error its
        standard error. At least two whole batches are needed.

    Returns
    -------
    Estimate
        May be slightly negative when the distributions agree.

    Raises
    ------
    TypeError, ValueError
        If the arrays do not fit or are too short for two batches.

    References
    ----------
    Szekely and Rizzo, "Energy statistics: a class of statistics based on distances", 2013.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x, y = rng.standard_normal((1000, 2)), rng.standard_normal((1000, 2)) + 3
    >>> energy_distance(x, y, batch=200).value > 1
    True
    """
    ours, theirs = _samples("samples", samples), _samples("target", target)
    if ours.shape[1] != theirs.shape[1]:
        raise ValueError(f"target has dimension {theirs.shape[1]}, samples have {ours.shape[1]}")
    batch = checks.integer("batch", batch, minimum=2)
    batches = min(ours.shape[0], theirs.shape[0]) // batch
    if batches < 2:
        raise ValueError(
            f"batch = {batch} leaves {batches} whole batches of the samples; at least 2 are needed"
        )
    values = [
        _energy(ours[k * batch : (k + 1) * batch], theirs[k * batch : (k + 1) * batch])
        for k in range(batches)
    ]
    return Estimate(float(np.mean(values)), float(np.std(values, ddof=1) / np.sqrt(batches)))


def _energy(x: Samples, y: Samples) -> float:
    n = x.shape[0]
    within = (_distances(x, x).sum() + _distances(y, y).sum()) / (n * (n - 1))
    return float(2 * _distances(x, y).mean() - within)


def _distances(x: Samples, y: Samples) -> Samples:
    squared = (x**2).sum(axis=1)[:, None] + (y**2).sum(axis=1)[None, :] - 2 * (x @ y.T)
    if x is y:
        np.fill_diagonal(squared, 0.0)
    return np.asarray(np.sqrt(np.maximum(squared, 0.0)))


def _samples(name: str, values: object) -> Samples:
    array = checks.real_array(name, values)
    if array.ndim != 2 or array.shape[0] < 2 or array.shape[1] < 1:
        raise ValueError(f"{name} must have shape (n, d) with n >= 2, got {array.shape}")
    checks.finite(name, array)
    return array
