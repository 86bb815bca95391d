"""The mixture as a tool for comparing schedules: errors of the denoiser, matched noise, and what designs gain there."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
import pytest

import specsched as ss
from specsched.testing import Gaussian, GaussianMixture, bures_distance, random_mixture, time_domain

ROOT = Path(__file__).parents[2]
LEVELS = ss.baselines.edm(8, sigma_max=80.0, sigma_min=0.0, sigma_floor=0.01).sigmas


def moments(samples: Any) -> Gaussian:
    return Gaussian(samples.mean(axis=0), np.cov(samples, rowvar=False))


def plain_posterior_mean(mixture: GaussianMixture, y: Any, sigma: float) -> Any:
    """Bayes' rule with full matrices, one component at a time."""
    eye = np.eye(mixture.dim) * sigma**2
    totals = [c + eye for c in mixture.covariances]
    shifts = [y - m for m in mixture.means]
    logs = np.array(
        [
            np.log(w) - 0.5 * np.linalg.slogdet(t)[1] - 0.5 * (s * np.linalg.solve(t, s.T).T).sum(axis=1)
            for w, t, s in zip(mixture.weights, totals, shifts, strict=True)
        ]
    )
    shares = np.exp(logs - logs.max(axis=0))
    shares /= shares.sum(axis=0)
    parts = [
        m + (c @ np.linalg.solve(t, s.T)).T
        for m, c, t, s in zip(mixture.means, mixture.covariances, totals, shifts, strict=True)
    ]
    return sum(share[:, None] * part for share, part in zip(shares, parts, strict=True))


@pytest.mark.parametrize("sigma", [1e-3, 0.3, 5.0, 150.0])
@pytest.mark.parametrize(("components", "dim", "count"), [(1, 1, 3), (3, 5, 700), (20, 60, 15)])
def test_denoiser_in_blocks_is_the_posterior_mean(
    components: int, dim: int, count: int, sigma: float
) -> None:
    mixture = random_mixture(components, dim, spread=2.0, seed=4)
    noise = np.random.default_rng(0).standard_normal((count, dim))
    y = mixture.sample(count, seed=1) + sigma * noise
    expected = plain_posterior_mean(mixture, y, sigma)
    # The reference loses digits where the noise is far below the components' smallest spread.
    assert np.abs(mixture.denoise(y, sigma) - expected).max() < 1e-9


@pytest.mark.parametrize("sampler", ["ddim", "ddpm", "heun", "dpmpp_2m", "unipc", "dpmpp_2m_sde"])
@pytest.mark.parametrize("process", ["vp", "ve", "flow"])
def test_matched_noise_gives_exact_moments_for_one_gaussian(sampler: str, process: str) -> None:
    one = random_mixture(1, 3, seed=5)
    samples = one.run(LEVELS, 200, sampler=sampler, process=process, matched=True)
    exact = time_domain(one.covariances[0], one.means[0], LEVELS, sampler=sampler, process=process)
    assert bures_distance(moments(samples), exact) < 1e-6


def test_matched_noise_needs_enough_samples() -> None:
    mixture = random_mixture(2, 3)
    with pytest.raises(ValueError, match=r"matched=True needs more samples.*count=4"):
        mixture.run(LEVELS, 4, sampler="ddpm", matched=True)


def test_matching_lowers_the_sampling_error() -> None:
    mixture = random_mixture(4, 6, spread=2.0, seed=2)
    goal = mixture.moments()

    def spread(matched: bool) -> float:
        runs = [mixture.run(LEVELS, 300, seed=k, matched=matched) for k in range(12)]
        return float(np.std([bures_distance(moments(x), goal) for x in runs]))

    assert spread(True) < 0.7 * spread(False)


@pytest.mark.parametrize("sampler", ["ddim", "dpmpp_2m", "heun", "dpmpp_2m_sde"])
def test_white_errors_add_the_variance_that_evaluate_says(sampler: str) -> None:
    one = random_mixture(1, 4, seed=3)
    error, count = 0.2, 20_000
    values = np.linalg.eigvalsh(one.covariances[0])
    erring = ss.transfer(ss.Spectrum(values), LEVELS, sampler=sampler, denoiser_error=error)
    samples = one.run(LEVELS, count, sampler=sampler, denoiser_error=error, matched=True)
    total = float(np.trace(np.cov(samples, rowvar=False)))
    assert total == pytest.approx(erring.variance.sum(), rel=0.02)
    assert total > 1.02 * ss.transfer(ss.Spectrum(values), LEVELS, sampler=sampler).variance.sum()


def test_runs_repeat_and_pair() -> None:
    mixture = random_mixture(3, 4, seed=1)
    one = mixture.run(LEVELS, 50, sampler="ddpm", seed=7, denoiser_error=0.1)
    assert np.array_equal(one, mixture.run(LEVELS, 50, sampler="ddpm", seed=7, denoiser_error=0.1))
    assert not np.array_equal(one, mixture.run(LEVELS, 50, sampler="ddpm", seed=8, denoiser_error=0.1))
    with pytest.raises(ValueError, match="denoiser_error"):
        mixture.run(LEVELS, 50, denoiser_error=-1.0)


@pytest.fixture
def examples(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    return import_module("mixture_quality")


@pytest.mark.parametrize("data", ["digits", "photographs", "sound"])
def test_fitted_mixtures_keep_the_spectrum_of_the_data(examples: Any, data: str) -> None:
    mixture = examples.MIXTURES[data]()
    assert mixture.dim == examples.DIM
    assert mixture.weights.sum() == pytest.approx(1.0)
    values = mixture.spectrum().eigenvalues
    largest = ss.sources.load_spectrum(data).eigenvalues.max() if data == "digits" else None
    assert values.max() > 5 * values.min() > 0
    if largest is not None:
        assert values.max() == pytest.approx(largest, rel=1e-2)


def test_mixture_quality(examples: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "quality.png"
    options = ["--solvers", "ddim", "dpmpp_2m", "--budgets", "5", "8", "--seeds", "3", "--count", "400"]
    found = examples.main(["--out", str(out), *options])
    assert matplotlib.image.imread(out)[..., :3].std() > 0.02
    assert "| dpmpp_2m | 8" in capsys.readouterr().out
    for cell in found.values():
        designed, best = cell["designed"], cell["best heuristic"]
        gain = best.frechet - designed.frechet
        assert gain.mean() > 3 * gain.std(ddof=1) / np.sqrt(gain.size)
    calls = {budget: found["dpmpp_2m", budget]["designed"].value for budget in (5, 8)}
    assert calls[8] < calls[5]
