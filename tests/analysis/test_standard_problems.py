"""Standard problems, Gaussian mixtures and the distances between distributions: closed forms, moments, errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from specsched import testing
from specsched.testing import (
    Gaussian,
    GaussianMixture,
    energy_distance,
    frechet_distance,
    paper_case,
    random_mixture,
    reference_loss,
    time_domain,
)


def test_paper_case() -> None:
    case = paper_case()
    assert np.sort(np.linalg.eigvalsh(case.covariance)) == pytest.approx(
        np.sort(case.spectrum.eigenvalues), abs=1e-13
    )
    assert case.spectrum.eigenvalues[0] == 0.0
    assert case.spectrum.mean_power.sum() == pytest.approx(case.mean @ case.mean)
    assert 1 / (1 + case.sigma_max**2) == pytest.approx(4.036e-5)
    assert 1 / (1 + case.sigma_min**2) == pytest.approx(0.9999)
    # A row that does not sum to 0 keeps its first eigenvalue.
    assert paper_case(dim=3).spectrum.eigenvalues[0] == 0.0


@pytest.mark.parametrize(
    "make",
    [testing.power_law, testing.log_normal, testing.clustered, testing.low_rank],
    ids=lambda f: f.__name__,
)
def test_standard_spectra_are_reproducible(make: Any) -> None:
    one, other = make(40), make(40)
    assert one.dim == 40
    assert np.array_equal(one.eigenvalues, other.eigenvalues)


def test_mixture_denoiser_is_the_posterior_mean() -> None:
    # One dimension: the posterior mean by numerical integration.
    mixture = GaussianMixture([1, 3], [[-1.0], [2.0]], [[[0.25]], [[0.5]]])
    x = np.linspace(-12, 14, 200_001)
    density = 0.25 * _normal(x, -1.0, 0.25) + 0.75 * _normal(x, 2.0, 0.5)
    for y, sigma in [(0.3, 0.8), (-4.0, 2.5), (2.0, 0.2)]:
        weight = density * _normal(x, y, sigma**2)
        expected = np.sum(x * weight) / np.sum(weight)
        assert mixture.denoise(np.array([[y]]), sigma)[0, 0] == pytest.approx(expected, rel=1e-9)


def _normal(x: Any, mean: float, variance: float) -> Any:
    return np.exp(-((x - mean) ** 2) / (2 * variance)) / np.sqrt(2 * np.pi * variance)


def test_mixture_samples_have_the_mixture_moments() -> None:
    mixture = random_mixture(4, 5, seed=3)
    samples, whole = mixture.sample(200_000, seed=1), mixture.moments()
    assert samples.mean(axis=0) == pytest.approx(whole.mean, abs=0.01)
    assert np.cov(samples, rowvar=False) == pytest.approx(whole.covariance, abs=0.02)
    assert mixture.spectrum().eigenvalues.sum() == pytest.approx(np.trace(whole.covariance))
    assert [s.dim for s in mixture.component_spectra()] == [5.0] * 4
    assert np.array_equal(samples, mixture.sample(200_000, seed=1))


@pytest.mark.parametrize("sampler", ["ddim", "ddpm", "dpmpp_2m"])
def test_a_single_component_runs_like_its_spectrum(sampler: str) -> None:
    one = random_mixture(1, 4, seed=5)
    sigmas = [30.0, 5.0, 1.5, 0.6, 0.2, 0.0]
    samples = one.run(sigmas, 100_000, sampler=sampler, seed=2)
    out = time_domain(one.covariances[0], one.means[0], sigmas, sampler=sampler)
    assert samples.mean(axis=0) == pytest.approx(out.mean, abs=0.02)
    assert np.cov(samples, rowvar=False) == pytest.approx(out.covariance, abs=0.02)


def test_distances_fall_as_steps_grow_and_know_their_error() -> None:
    mixture = random_mixture(5, 6, spread=2.0, seed=1)
    exact = mixture.sample(4000, seed=9)
    values = []
    for steps in (3, 30):
        sigmas = np.append(np.linspace(80 ** (1 / 7), 0.01 ** (1 / 7), steps) ** 7, 0.0)
        samples = mixture.run(sigmas, 4000, seed=4)
        near, energy = frechet_distance(samples, mixture.moments()), energy_distance(samples, exact)
        assert near.error > 0
        assert energy.error > 0
        values.append((near, energy))
    for few, many in zip(*values, strict=True):
        assert few.value - many.value > 3 * (few.error + many.error)


def test_equal_distributions_have_no_energy_distance() -> None:
    mixture = random_mixture(3, 4)
    result = energy_distance(mixture.sample(6000, seed=1), mixture.sample(6000, seed=2))
    assert abs(result.value) < 4 * result.error


def test_bootstrap_error_covers_the_truth() -> None:
    # The spread of the estimate over fresh samples is what the bootstrap says it is, within a factor of 2.
    goal = Gaussian(np.zeros(3), np.eye(3))
    estimates = [
        frechet_distance(np.random.default_rng(k).normal(0.3, 1.2, (400, 3)), goal, resamples=50)
        for k in range(40)
    ]
    spread = np.std([e.value for e in estimates])
    assert 0.5 < np.mean([e.error for e in estimates]) / spread < 2.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0.0, 1.0], [[0.0], [1.0]], [[[1.0]], [[1.0]]]), r"weights\[0\]"),
        (([1.0], [0.0], [[[1.0]]]), "means must have shape"),
        (([1.0], [[0.0]], [[1.0]]), "covariances must have shape"),
        (([1.0], [[0.0, 0.0]], [[[1.0, 0.5], [0.0, 1.0]]]), "symmetric"),
        (([1.0], [[0.0]], [[[-1.0]]]), r"covariances\[0\] has eigenvalue -1"),
        (([1.0], [[float("nan")]], [[[1.0]]]), "finite"),
    ],
)
def test_bad_mixtures(arguments: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        GaussianMixture(*arguments)


def test_bad_samples() -> None:
    good = np.zeros((10, 2))
    with pytest.raises(ValueError, match=r"samples must have shape \(n, d\)"):
        frechet_distance(np.zeros(5), good)
    with pytest.raises(ValueError, match="dimension 3"):
        energy_distance(good, np.zeros((10, 3)))
    with pytest.raises(ValueError, match="at least 2"):
        energy_distance(good, good, batch=8)
    with pytest.raises(ValueError, match="finite"):
        frechet_distance(np.full((3, 1), np.nan), good)


def test_reference_loss_of_the_paper_case() -> None:
    case = paper_case()
    sigmas = case.sigma_max * (case.sigma_min / case.sigma_max) ** np.linspace(0, 1, 11)
    fast = reference_loss(case.spectrum, sigmas, digits=None)
    assert float(reference_loss(case.spectrum, sigmas)) == pytest.approx(fast, rel=1e-12)
