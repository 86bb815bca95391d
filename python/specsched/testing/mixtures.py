"""Gaussian mixtures: data that are not Gaussian, whose optimal denoiser is known exactly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._support import checks
from ..spectra.spectrum import Spectrum
from .gaussians import Gaussian
from .literal import process_levels
from .propagation import error_share, sampler_loop

Samples = NDArray[np.float64]

# Numbers that `denoise` treats at a time: larger work space leaves the cache, and the allocator maps it anew each time.
_BLOCK = 8192


class GaussianMixture:
    """A mixture of Gaussians with exact samples, posterior mean and sampling by any sampler.

    Parameters
    ----------
    weights : array_like, shape (K,)
        Positive; scaled to sum to 1.
    means : array_like, shape (K, d)
        Means of the components.
    covariances : array_like, shape (K, d, d)
        Positive semidefinite.

    Raises
    ------
    TypeError, ValueError
        If a shape does not fit, a weight is not positive or a covariance not positive semidefinite.

    Examples
    --------
    >>> mixture = GaussianMixture([1, 1], [[-2.0], [2.0]], [[[0.1]], [[0.1]]])
    >>> mixture.sample(5, seed=0).shape
    (5, 1)
    >>> bool(abs(mixture.denoise(np.array([[0.0]]), 1.0)[0, 0]) < 1e-12)
    True
    """

    def __init__(self, weights: object, means: object, covariances: object) -> None:
        share = checks.vector("weights", weights)
        if (share <= 0).any():
            bad = checks.first_bad(share <= 0)
            raise ValueError(f"weights must be positive; weights[{bad}] is {share[bad]}")
        self.weights = share / share.sum()
        self.means = _shaped("means", means, (share.size, -1))
        dim = self.means.shape[1]
        self.covariances = _shaped("covariances", covariances, (share.size, dim, dim))
        self._values, self._vectors = _eigen(self.covariances)
        # All eigenvectors side by side: one matrix product turns samples into every component's coordinates.
        self._axes = np.ascontiguousarray(self._vectors.transpose(1, 0, 2).reshape(dim, -1))
        self._centres = np.einsum("ki,kij->kj", self.means, self._vectors)

    @property
    def dim(self) -> int:
        """Dimension d."""
        return int(self.means.shape[1])

    def moments(self) -> Gaussian:
        """Mean and covariance of the whole mixture."""
        mean = self.weights @ self.means
        shift = self.means - mean
        within = np.einsum("k,kij->ij", self.weights, self.covariances)
        return Gaussian(mean, within + np.einsum("k,ki,kj->ij", self.weights, shift, shift))

    def spectrum(self) -> Spectrum:
        """Spectrum of the whole mixture, with its mean."""
        whole = self.moments()
        return _spectrum(whole.mean, whole.covariance)

    def component_spectra(self) -> list[Spectrum]:
        """One spectrum for each component, with its mean."""
        return [_spectrum(m, c) for m, c in zip(self.means, self.covariances, strict=True)]

    def sample(self, count: int, *, seed: int | np.random.Generator = 0) -> Samples:
        """`count` exact samples, shape (count, d)."""
        count = checks.integer("count", count, minimum=1)
        rng = np.random.default_rng(seed)
        labels = rng.choice(self.weights.size, size=count, p=self.weights)
        noise = rng.standard_normal((count, self.dim))
        result = np.empty((count, self.dim))
        for k in range(self.weights.size):
            chosen = labels == k
            result[chosen] = self.means[k] + (noise[chosen] * np.sqrt(self._values[k])) @ self._vectors[k].T
        return result

    def denoise(self, y: Samples, sigma: float) -> Samples:
        """Posterior mean of the data given y = data + sigma * noise.

        Parameters
        ----------
        y : ndarray, shape (n, d)
            Noisy samples.
        sigma : float
            Noise level, > 0.

        Returns
        -------
        ndarray, shape (n, d)
        """
        result = np.empty(y.shape)
        rows = max(1, _BLOCK // self._axes.shape[1])
        for first in range(0, len(y), rows):
            part = slice(first, first + rows)
            result[part] = self._posterior_mean(y[part], sigma)
        return result

    def _posterior_mean(self, y: Samples, sigma: float) -> Samples:
        total = self._values + sigma**2
        rotated = (y @ self._axes).reshape(len(y), *total.shape) - self._centres
        scaled = rotated / np.sqrt(total)
        log_density = np.log(self.weights) - 0.5 * np.log(total).sum(axis=1)
        log_density = log_density - 0.5 * np.einsum("nkd,nkd->nk", scaled, scaled)
        share = np.exp(log_density - log_density.max(axis=1, keepdims=True))
        share /= share.sum(axis=1, keepdims=True)
        posterior = (self._centres + rotated * (self._values / total)) * share[:, :, None]
        return np.asarray(posterior.reshape(len(y), -1) @ self._axes.T)

    def run(
        self,
        sigmas: object,
        count: int,
        *,
        sampler: str = "ddim",
        process: str = "vp",
        seed: int = 0,
        denoiser_error: float = 0.0,
        matched: bool = False,
        **options: Any,
    ) -> Samples:
        """Generate samples with a sampler and the exact denoiser, or one with errors.

        Parameters
        ----------
        sigmas : array_like, shape (S+1,)
            Levels, noise -> clean; the last may be 0.
        count : int
            Number of samples n.
        sampler, process : str
            As in `propagate`.
        seed : int, optional
            The same seed gives the same starts for every schedule, so that differences are paired.
        denoiser_error : float >= 0, optional
            Every prediction carries fresh noise of variance denoiser_error^2 l sigma^2 / (l + sigma^2) times
            `error_share` along each principal direction of the whole mixture, l its variance there, as in
            `specsched.evaluate`.
        matched : bool, optional
            Correct the starts and the sampler's noises linearly so that over the samples their means, variances
            and covariances are exact. What is then left of the sampling error comes from higher moments only.
            Needs more samples than d (1 + number of noises).
        **options
            Options of the sampler's loop.

        Returns
        -------
        ndarray, shape (n, d)
        """
        count = checks.integer("count", count, minimum=1)
        levels = checks.vector("sigmas", sigmas)
        error = checks.real("denoiser_error", denoiser_error, minimum=0.0)
        scales = process_levels(levels, process)
        starts, noises, errors = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(3))
        shape = (count, self.dim)
        normals = _MatchedNormals(shape) if matched else _normals(shape)
        x = normals(starts) * np.sqrt(float(np.asarray(scales.start_variance)))

        values, axes = np.linalg.eigh(self.moments().covariance)
        values = np.maximum(values, 0.0)

        def denoise(y: Samples, sigma: float) -> Samples:
            exact = self.denoise(y, float(sigma))
            if error == 0.0:
                return exact
            spread = error * sigma * np.sqrt(values / (values + sigma**2) * error_share(levels, sigma))
            return np.asarray(exact + (errors.standard_normal(shape) * spread) @ axes.T)

        loop = sampler_loop(sampler)
        out = loop(denoise, x / scales.signal[0], levels, lambda: normals(noises), **options)
        return np.asarray(scales.signal[-1] * out)


def _normals(shape: tuple[int, int]) -> Callable[[np.random.Generator], Samples]:
    return lambda rng: rng.standard_normal(shape)


class _MatchedNormals:
    """Standard normals with mean 0 and covariance I over the samples, uncorrelated with all earlier ones."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self._shape = shape
        self._basis = np.full((shape[0], 1), shape[0] ** -0.5)

    def __call__(self, rng: np.random.Generator) -> Samples:
        count, dim = self._shape
        if self._basis.shape[1] + dim >= count:
            raise ValueError(
                f"matched=True needs more samples than numbers drawn for each of them, got count={count}; "
                f"take more samples or matched=False"
            )
        fresh = rng.standard_normal(self._shape)
        fresh -= self._basis @ (self._basis.T @ fresh)
        values, vectors = np.linalg.eigh(fresh.T @ fresh)
        fresh = fresh @ ((vectors / np.sqrt(values)) @ vectors.T)
        self._basis = np.hstack([self._basis, fresh])
        return np.asarray(fresh * np.sqrt(count - 1))


def _shaped(name: str, values: object, shape: tuple[int, ...]) -> Samples:
    array = checks.real_array(name, values)
    wrong = array.ndim != len(shape) or any(
        w not in (-1, n) for w, n in zip(shape, array.shape, strict=False)
    )
    if wrong or array.size == 0:
        wanted = ", ".join("d" if n == -1 else str(n) for n in shape)
        raise ValueError(f"{name} must have shape ({wanted}), got {array.shape}")
    checks.finite(name, array)
    return array


def _eigen(covariances: Samples) -> tuple[Samples, Samples]:
    asymmetry = np.abs(covariances - covariances.transpose(0, 2, 1)).max(axis=(1, 2))
    size = np.abs(covariances).max(axis=(1, 2))
    if (asymmetry > 1e-10 * size).any():
        bad = checks.first_bad(asymmetry > 1e-10 * size)
        raise ValueError(f"covariances must be symmetric; covariances[{bad}] is not")
    values, vectors = np.linalg.eigh(covariances)
    if (values[:, 0] < -1e-10 * size).any():
        bad = checks.first_bad(values[:, 0] < -1e-10 * size)
        raise ValueError(
            f"covariances must be positive semidefinite; covariances[{bad}] has eigenvalue {values[bad, 0]:g}"
        )
    return np.maximum(values, 0.0), vectors


def _spectrum(mean: Samples, covariance: Samples) -> Spectrum:
    values, vectors = np.linalg.eigh(covariance)
    return Spectrum(np.maximum(values, 0.0), mean_power=(vectors.T @ mean) ** 2)


def random_mixture(
    components: int = 10, dim: int = 16, *, spread: float = 1.0, seed: int = 0
) -> GaussianMixture:
    """A reproducible mixture: means N(0, spread^2 / k), covariances with power-law spectra and random axes.

    Parameters
    ----------
    components, dim : int, optional
        K and d.
    spread : float, optional
        Standard deviation of the largest coordinate of the means.
    seed : int, optional
        Seed.

    Returns
    -------
    GaussianMixture

    Examples
    --------
    >>> random_mixture(3, 4).means.shape
    (3, 4)
    """
    rng = np.random.default_rng(seed)
    decay = np.arange(1, dim + 1, dtype=np.float64)
    means = rng.standard_normal((components, dim)) * spread / np.sqrt(decay)
    covariances = np.empty((components, dim, dim))
    for k in range(components):
        axes, _ = np.linalg.qr(rng.standard_normal((dim, dim)))
        values = 0.3 * spread**2 * np.exp(rng.normal(0.0, 0.5)) / decay ** rng.uniform(1.0, 2.5)
        product = (axes * values) @ axes.T
        covariances[k] = (product + product.T) / 2
    return GaussianMixture(np.full(components, 1.0 / components), means, covariances)
