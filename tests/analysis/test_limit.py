"""The distance to a sampler's many-step limit: closed forms, gradients, starts, errors of predictions and costs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import specsched as ss
from specsched.testing import reference_gradient, reference_loss

DATA = ss.Spectrum(
    [900.0, 30.0, 2.0, 0.3, 1e-2, 1e-4], weights=[1, 2, 1, 3, 1, 2], mean_power=[4.0, 0, 0.3, 0, 0, 0]
)
LEVELS = [14.6, 6.1, 2.2, 0.8, 0.21, 0.05]
SAMPLERS: list[Any] = [
    "ddim",
    "ddpm",
    ss.samplers.DDIM(eta=0.4),
    "heun",
    "dpm_2_ancestral",
    "dpmpp_2s_ancestral",
    "dpmpp_2m",
    "dpmpp_3m",
    ss.samplers.DPMpp2MSDE(eta=0.5, s_noise=1.1),
    "dpmpp_3m_sde",
    "dpmpp_sde",
    "dpm_multistep_sde",
    "unipc",
    "deis",
]
IDS = [sampler if isinstance(sampler, str) else repr(sampler) for sampler in SAMPLERS]


def choices(sampler: Any) -> dict[str, Any]:
    """The sampler as the slow reference takes it."""
    solver = ss.samplers.as_sampler(sampler)
    options = {key: value for key, value in solver.options.items() if not key.startswith("s_t")}
    known = {"eta", "s_noise", "r", "order"}
    return {"sampler": solver.name} | {key: options[key] for key in known & options.keys()}


def of_reference(sampler: Any) -> dict[str, Any]:
    given = choices(sampler)
    if isinstance(sampler, str):
        return {"sampler": given["sampler"]}
    return {"sampler": given["sampler"], "eta": given["eta"]} | (
        {"s_noise": given["s_noise"]} if given.get("s_noise", 1.0) != 1.0 else {}
    )


@pytest.mark.parametrize("sampler", SAMPLERS, ids=IDS)
@pytest.mark.parametrize("loss", ["w2", "kl", "reverse_kl"])
@pytest.mark.parametrize("start", ["prior", "data"])
def test_losses_are_those_of_the_slow_reference(sampler: Any, loss: Any, start: Any) -> None:
    process: Any = "flow" if loss == "kl" else "vp"
    shared = {"process": process, "loss": loss, "target": "limit", "start": start, "denoiser_error": 0.1}
    mine = ss.evaluate(DATA, LEVELS, sampler=sampler, **shared)
    slow = reference_loss(DATA, LEVELS, **shared, **of_reference(sampler), digits=40)
    assert mine == pytest.approx(float(slow), rel=1e-10)


@pytest.mark.parametrize("sampler", SAMPLERS, ids=IDS)
@pytest.mark.parametrize("start", ["prior", "data"])
def test_gradients_are_exact_at_every_level(sampler: Any, start: Any) -> None:
    shared: dict[str, Any] = {"target": "limit", "start": start, "denoiser_error": 0.1}
    _, mine = ss.value_and_grad(DATA, LEVELS, sampler=sampler, **shared)
    slow = reference_gradient(DATA, LEVELS, **shared, **of_reference(sampler), digits=20)
    scaled = np.array(LEVELS)
    np.testing.assert_allclose(mine * scaled, slow * scaled, rtol=0, atol=1e-9 * np.abs(slow * scaled).max())


@pytest.mark.parametrize("sampler", SAMPLERS, ids=IDS)
@pytest.mark.parametrize("loss", ["w2", "kl"])
@pytest.mark.parametrize("start", ["prior", "data"])
def test_many_steps_reach_the_limit(sampler: Any, loss: Any, start: Any) -> None:
    levels = np.geomspace(80.0, 0.01, 20_001)
    options: dict[str, Any] = {"sampler": sampler, "loss": loss, "start": start}
    size = np.sqrt(DATA.total_variance) if loss == "w2" else DATA.dim
    assert ss.evaluate(DATA, levels, **options) < 1e-3 * size
    few = ss.evaluate(DATA, np.geomspace(80.0, 0.01, 11), **options)
    assert ss.evaluate(DATA, levels, **options) < 0.05 * few


@pytest.mark.parametrize("sampler", ["ddim", "heun", "dpmpp_2m", "ddpm", "dpmpp_2m_sde"])
def test_zero_eigenvalues_and_a_last_level_of_0(sampler: str) -> None:
    data = ss.Spectrum([4.0, 0.0], mean_power=[0.0, 1.0])
    value, gradient = ss.value_and_grad(data, [20.0, 5.0, 1.0, 0.1, 0.0], sampler=sampler)
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()
    alone = ss.evaluate(ss.Spectrum([4.0]), [20.0, 5.0, 1.0, 0.1, 0.0], sampler=sampler)
    assert value == pytest.approx(alone, rel=1e-6)


def test_from_noised_data_the_limit_of_the_flow_is_the_data_at_the_last_level() -> None:
    last = 0.2
    levels = np.geomspace(3.0, last, 9)
    parts = ss.costs(ss.Spectrum([4.0, 0.5]), levels, process="ve", start="data")
    spread = np.sqrt(np.array([4.0, 0.5]) + last**2) - np.sqrt([4.0, 0.5])
    assert parts.ends == pytest.approx(np.sqrt(np.sum(spread**2)), rel=1e-12)


def test_costs_name_what_a_schedule_cannot_mend() -> None:
    levels = ss.baselines.edm(20, sigma_max=14.61, sigma_min=0.03)
    parts = ss.costs(DATA, levels, sampler="dpmpp_2m")
    assert parts.ends is not None
    assert parts.schedule is not None
    assert parts.schedule == ss.evaluate(DATA, levels, sampler="dpmpp_2m")
    assert parts.total == ss.evaluate(DATA, levels, sampler="dpmpp_2m", target="data")
    assert abs(parts.schedule - parts.ends) <= parts.total <= parts.schedule + parts.ends
    assert parts.ends_dominate
    assert "sigma_max" in parts.advice()
    assert "start='data'" not in parts.advice("data")
    churned = ss.costs(DATA, levels, sampler="edm_stochastic")
    assert churned.schedule is None
    assert churned.ends is None
    assert not churned.ends_dominate


def test_what_has_no_limit_says_so() -> None:
    with pytest.raises(ValueError, match=r"s_churn.*target='data'"):
        ss.evaluate(DATA, LEVELS, sampler="edm_stochastic")
    with pytest.raises(ValueError, match=r"eta.*target='data'"):
        ss.evaluate(DATA, LEVELS, sampler=ss.samplers.DDIM(eta=[0.1, 0.2, 0.3, 0.2, 0.1]))
    with pytest.raises(ValueError, match="target"):
        ss.evaluate(DATA, LEVELS, target="moon")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="start"):
        ss.design(DATA, 4, start="noise")  # type: ignore[arg-type]


@pytest.mark.parametrize("sampler", ["ddim", "ddpm", "dpmpp_2m", "heun", "dpmpp_2m_sde"])
@pytest.mark.parametrize("error", [0.0, 0.1])
def test_large_and_compressed_spectra_give_the_same(sampler: str, error: float) -> None:
    values = 50.0 * np.arange(1, 4001) ** -1.7
    mean = np.zeros(4000)
    mean[:5] = 0.5
    data, levels = ss.Spectrum(values, mean_power=mean), ss.baselines.edm(30, sigma_max=80.0, sigma_min=0.02)
    options: dict[str, Any] = {"sampler": sampler, "denoiser_error": error}
    value, slope = ss.value_and_grad(data, levels, **options)
    shuffled = np.random.default_rng(0).permutation(4000)
    parts = [
        ss.value_and_grad(ss.Spectrum(values[rows], mean_power=mean[rows]), levels, **options)
        for rows in np.array_split(shuffled, 40)  # too few each for panels
    ]
    squares = sum(part[0] ** 2 for part in parts)
    assert value == pytest.approx(np.sqrt(squares), rel=1e-9)
    by_level = sum(part[0] * part[1] for part in parts) / value
    np.testing.assert_allclose(slope, by_level, rtol=0, atol=1e-7 * np.abs(by_level).max())
    assert ss.evaluate(data.compress(), levels, **options) == pytest.approx(value, rel=1e-8)
    for threads in (1, 2, 3):
        assert ss.value_and_grad(data, levels, threads=threads, **options)[0] == value


STOCHASTIC: list[Any] = [
    "ddpm",
    ss.samplers.DDIM(eta=0.4),
    "dpm_2_ancestral",
    ss.samplers.DPMpp2MSDE(eta=0.5, s_noise=1.1),
    ss.samplers.DPMpp2MSDE(s_noise=0.9),
]


@pytest.mark.parametrize("sampler", STOCHASTIC, ids=repr)
@pytest.mark.parametrize("eigenvalue", [0.0, 1e-100, 1e-8, 1.0, 1e8, 1e12, 1e16, 1e20, 1e50, 1e100])
def test_laws_of_all_eigenvalues(sampler: Any, eigenvalue: float) -> None:
    """Of a large one nearly everything is kept, and the limit's variance is what is lost: it does not cancel."""
    data = ss.Spectrum([eigenvalue], weights=[2.0])
    mine = ss.evaluate(data, LEVELS, sampler=sampler)
    slow = reference_loss(data, LEVELS, target="limit", **of_reference(sampler), digits=130)
    assert mine == pytest.approx(float(slow), rel=1e-11, abs=1e-14)


@pytest.mark.parametrize("sampler", STOCHASTIC, ids=repr)
@pytest.mark.parametrize("process", ["vp", "ve", "flow"])
def test_gradients_of_large_eigenvalues(sampler: Any, process: Any) -> None:
    for eigenvalue in (1e16, 1e50):
        data = ss.Spectrum([eigenvalue])
        _, mine = ss.value_and_grad(data, LEVELS, sampler=sampler, process=process)
        slow = reference_gradient(
            data, LEVELS, process=process, target="limit", **of_reference(sampler), digits=50
        )
        np.testing.assert_allclose(mine * LEVELS, slow * LEVELS, rtol=0, atol=1e-9 * abs(slow * LEVELS).max())


@pytest.mark.parametrize("sampler", STOCHASTIC, ids=repr)
@pytest.mark.parametrize("loss", ["kl", "reverse_kl"])
def test_divergences_of_large_eigenvalues(sampler: Any, loss: Any) -> None:
    for eigenvalue in (1e12, 1e16, 1e50):
        data = ss.Spectrum([eigenvalue])
        slow = reference_loss(data, LEVELS, loss=loss, target="limit", **of_reference(sampler), digits=130)
        assert ss.evaluate(data, LEVELS, sampler=sampler, loss=loss) == pytest.approx(float(slow), rel=1e-9)
