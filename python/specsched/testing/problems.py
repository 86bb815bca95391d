"""Standard problems: the paper's synthetic case and spectra of several kinds, all reproducible."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..spectra.spectrum import Spectrum

PAPER_SIGMA_MAX = float(np.sqrt((1 - 4.036e-5) / 4.036e-5))
PAPER_SIGMA_MIN = float(np.sqrt((1 - 0.9999) / 0.9999))


@dataclass(frozen=True)
class Problem:
    """Gaussian data with its spectrum.

    Attributes
    ----------
    spectrum : Spectrum
        Eigenvalues with the squared mean in the same basis.
    covariance : ndarray, shape (d, d)
        Covariance of the data.
    mean : ndarray, shape (d,)
        Mean of the data.
    sigma_max, sigma_min : float
        End levels that the paper fixes.
    """

    spectrum: Spectrum
    covariance: NDArray[np.float64]
    mean: NDArray[np.float64]
    sigma_max: float = PAPER_SIGMA_MAX
    sigma_min: float = PAPER_SIGMA_MIN


def paper_case(dim: int = 50, spread: float = 0.1, mean: float = 0.05) -> Problem:
    """Synthetic case: covariance A^T A with A circulant, its first row linear from -spread to spread.

    Parameters
    ----------
    dim : int, optional
        Dimension d.
    spread : float, optional
        l: the first row of A runs from -l to l.
    mean : float, optional
        Value of every entry of the mean.

    Returns
    -------
    Problem
        The mean, being constant, lies in the eigendirection of frequency 0.

    References
    ----------
    arXiv 2502.00180, section 5.1 and Figure 1.

    Examples
    --------
    >>> case = paper_case()
    >>> case.spectrum.dim, round(case.sigma_max, 1), round(case.sigma_min, 2)
    (50.0, 157.4, 0.01)
    """
    row = np.linspace(-spread, spread, dim)
    circulant = np.stack([np.roll(row, k) for k in range(dim)])
    eigenvalues = np.abs(np.fft.fft(row)) ** 2
    eigenvalues[0] = row.sum() ** 2
    if abs(row.sum()) < 1e-12:
        eigenvalues[0] = 0.0  # the row is antisymmetric: its sum is rounding error
    mean_power = np.zeros(dim)
    mean_power[0] = dim * mean**2
    spectrum = Spectrum(eigenvalues, mean_power=mean_power)
    return Problem(spectrum, circulant.T @ circulant, np.full(dim, mean))


def power_law(dim: int = 256, exponent: float = 2.0, largest: float = 100.0) -> Spectrum:
    """Eigenvalues largest / k^exponent for k = 1 ... dim, as natural images have.

    Examples
    --------
    >>> float(power_law(4, exponent=1.0).eigenvalues[3])
    25.0
    """
    return Spectrum(largest / np.arange(1, dim + 1, dtype=np.float64) ** exponent)


def log_normal(dim: int = 256, centre: float = 0.0, width: float = 2.0, seed: int = 0) -> Spectrum:
    """Eigenvalues exp(N(centre, width^2)).

    Examples
    --------
    >>> log_normal(8).dim
    8.0
    """
    return Spectrum(np.exp(np.random.default_rng(seed).normal(centre, width, dim)))


def clustered(
    dim: int = 256, centres: tuple[float, ...] = (100.0, 1.0, 1e-3), width: float = 0.1, seed: int = 0
) -> Spectrum:
    """Eigenvalues in narrow log-normal clusters of equal size about `centres`.

    Examples
    --------
    >>> clustered(6).eigenvalues.shape
    (6,)
    """
    places = np.log(np.resize(np.asarray(centres), dim))
    return Spectrum(np.exp(places + np.random.default_rng(seed).normal(0.0, width, dim)))


def low_rank(dim: int = 256, rank: int = 32, seed: int = 0) -> Spectrum:
    """`rank` log-normal eigenvalues and dim - rank zeros.

    Examples
    --------
    >>> int((low_rank(16, rank=4).eigenvalues == 0).sum())
    12
    """
    values = np.zeros(dim)
    values[:rank] = np.exp(np.random.default_rng(seed).normal(0.0, 1.5, rank))
    return Spectrum(values)
