"""The same analysis with full matrices instead of eigenvalues (the paper's Figure 5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .literal import process_levels
from .propagation import count_draws, sampler_loop

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Gaussian:
    """N(mean, covariance) in d dimensions: arrays of shape (d,) and (d, d)."""

    mean: Matrix
    covariance: Matrix


def time_domain(
    covariance: object,
    mean: object,
    sigmas: object,
    *,
    sampler: str = "ddim",
    process: str = "vp",
    **options: Any,
) -> Gaussian:
    """Output distribution of a sampler by full d x d matrices; nothing is diagonalised.

    The sampler's loop runs on the columns of the affine map (d for the start, one for the constant, d
    for each noise) with the denoiser mu + Sigma (Sigma + sigma^2 I)^-1 (y - mu).

    Parameters
    ----------
    covariance : array_like, shape (d, d)
        Covariance Sigma of the data.
    mean : array_like, shape (d,)
        Mean mu of the data.
    sigmas : array_like, shape (S+1,)
        Levels, noise -> clean.
    sampler, process : str
        As in `propagate`.
    **options
        Options of the sampler's loop.

    Returns
    -------
    Gaussian
        Mean and covariance of the output.

    References
    ----------
    arXiv 2502.00180, Theorem 3.1 and Figure 5.

    Examples
    --------
    >>> out = time_domain([[1.0, 0.5], [0.5, 1.0]], [0.0, 0.0], [50.0, 1.0, 0.0])
    >>> out.covariance.shape
    (2, 2)
    """
    data, centre = np.asarray(covariance, dtype=np.float64), np.asarray(mean, dtype=np.float64)
    levels, loop, dim = np.asarray(sigmas, dtype=np.float64), sampler_loop(sampler), centre.size
    scales = process_levels(levels, process)
    draws = count_draws(loop, levels, options)
    blocks = np.zeros((dim, 1 + dim * (1 + draws)))
    constant, start = blocks.copy(), blocks.copy()
    constant[:, 0] = centre
    start[:, 1 : dim + 1] = np.eye(dim) / scales.signal[0]
    places = iter(range(dim + 1, blocks.shape[1], dim))

    def noise() -> Matrix:
        fresh, place = blocks.copy(), next(places)
        fresh[:, place : place + dim] = np.eye(dim)
        return fresh

    def denoise(y: Matrix, sigma: float) -> Matrix:
        shrink = np.linalg.solve(data + sigma**2 * np.eye(dim), data)  # Sigma and its inverse commute
        return constant + np.asarray(shrink @ (y - constant))

    out = scales.signal[-1] * loop(denoise, start, levels, noise, **options)
    linear, noises = out[:, 1 : dim + 1], out[:, dim + 1 :]
    variance = float(np.asarray(scales.start_variance))
    return Gaussian(out[:, 0], variance * (linear @ linear.T) + noises @ noises.T)


def bures_distance(one: Gaussian, other: Gaussian) -> float:
    """2-Wasserstein distance of two Gaussians by matrix square roots; its square is the Frechet distance.

    Parameters
    ----------
    one, other : Gaussian
        Singular covariances are allowed.

    Returns
    -------
    float

    References
    ----------
    Dowson and Landau, "The Frechet distance between multivariate normal distributions", 1982.

    Examples
    --------
    >>> bures_distance(Gaussian(np.zeros(1), np.eye(1)), Gaussian(np.zeros(1), 4 * np.eye(1)))
    1.0
    """
    return float(np.sqrt(squared_bures(one.mean, one.covariance, other.mean, other.covariance)))


def squared_bures(mean_1: Matrix, cov_1: Matrix, mean_2: Matrix, cov_2: Matrix) -> float:
    """|m1 - m2|^2 + tr(C1 + C2 - 2 (C1^1/2 C2 C1^1/2)^1/2), never negative."""
    # The sum of singular values of A^1/2 B^1/2: the roots of eigenvalues would lose half the digits.
    cross = np.linalg.svd(_root(cov_1) @ _root(cov_2), compute_uv=False).sum()
    spread = np.trace(cov_1) + np.trace(cov_2) - 2 * cross
    return float(np.sum((mean_1 - mean_2) ** 2) + max(spread, 0.0))


def _root(matrix: Matrix) -> Matrix:
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    return np.asarray((vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T)


def gaussian_kl(one: Gaussian, other: Gaussian) -> float:
    """KL(one || other) in nats by solves and log-determinants.

    Parameters
    ----------
    one, other : Gaussian
        Both covariances positive definite.

    Returns
    -------
    float

    Raises
    ------
    numpy.linalg.LinAlgError
        If a covariance is not positive definite.

    Examples
    --------
    >>> round(gaussian_kl(Gaussian(np.ones(1), np.eye(1)), Gaussian(np.zeros(1), np.eye(1))), 12)
    0.5
    """
    lower_one, lower_other = np.linalg.cholesky(one.covariance), np.linalg.cholesky(other.covariance)
    shift = np.linalg.solve(lower_other, other.mean - one.mean)
    ratio = np.linalg.solve(lower_other, lower_one)
    log_det = 2 * (np.log(np.diag(lower_other)).sum() - np.log(np.diag(lower_one)).sum())
    return float((np.sum(ratio**2) + shift @ shift - one.mean.size + log_det) / 2)
