"""Designs of eta: exact gradients, no worse than any fixed eta, and where noise helps."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import specsched as ss
from specsched.designs.problem import Options, make_problem
from specsched.testing import paper_case

SPECTRUM = paper_case().spectrum
ENDS = {"sigma_max": 80.0, "sigma_floor": 0.02}
SHIFTED = ss.Spectrum([4.0, 1.0, 0.1], mean_power=[3.0, 0.0, 0.0])  # the start does not know the mean


def test_one_eta_for_each_step() -> None:
    levels = [20.0, 5.0, 1.0, 0.2, 0.0]
    same = ss.samplers.DDIM(eta=(0.3,) * 4)
    assert same.eta_steps == (0.3,) * 4
    assert not same.deterministic
    assert "eta" not in same.options
    assert ss.evaluate(SPECTRUM, levels, sampler=same, target="data") == pytest.approx(
        ss.evaluate(SPECTRUM, levels, sampler=ss.samplers.DDIM(eta=0.3), target="data"), rel=1e-12
    )
    assert ss.samplers.DDIM(eta=[0, 0, 0]).deterministic
    assert ss.samplers.DDIM(eta=np.array([0.1, 0.2])) == ss.samplers.DDIM(eta=(0.1, 0.2))
    assert ss.samplers.DDIM(eta=0.2).eta_steps is None
    assert ss.samplers.Heun().eta_steps is None
    mixed = ss.transfer(SPECTRUM, levels, sampler=ss.samplers.DDPM(eta=(1.0, 0.0, 0.5, 0.0)))
    none = ss.transfer(SPECTRUM, levels, sampler="ddim")
    assert (mixed.injected[SPECTRUM.eigenvalues > 0] > 0).all()
    assert (mixed.gain[SPECTRUM.eigenvalues > 0] < none.gain[SPECTRUM.eigenvalues > 0]).all()


@pytest.mark.parametrize(
    ("eta", "error", "message"),
    [
        ((0.1, -0.2), ValueError, "eta.*-0.2"),
        ((0.1, np.inf), ValueError, r"eta must be finite; eta\[1\]"),
        (("a", "b"), TypeError, "eta must be an array of real numbers"),
        ([[0.1]], ValueError, "eta must be one-dimensional"),
        ([], ValueError, "eta must not be empty"),
    ],
)
def test_bad_eta_per_step(eta: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        ss.samplers.DDIM(eta=eta)


def test_number_of_etas_is_that_of_the_steps() -> None:
    for run in (ss.evaluate, ss.transfer):
        with pytest.raises(ValueError, match="eta has 2 values for 3 steps"):
            run(SPECTRUM, [20.0, 5.0, 1.0, 0.0], sampler=ss.samplers.DDIM(eta=(0.1, 0.2)))
    with pytest.raises(ValueError, match="eta has 2 values for 5 steps"):
        ss.design(SPECTRUM, 5, sampler=ss.samplers.DDIM(eta=(0.1, 0.2)), target="data")


@pytest.mark.parametrize("loss", ["w2", "kl"])
@pytest.mark.parametrize("name", ["ddim", "dpmpp_2m_sde", "dpmpp_2s_ancestral"])
def test_gradient_by_eta_against_differences(name: str, loss: Any) -> None:
    data = SPECTRUM.floored(1e-3)
    sigmas = np.array([30.0, 8.0, 3.0, 0.9, 0.2, 0.05])
    eta = np.array([0.7, 0.2, 0.9, 0.4, 0.6])
    base = ss.samplers.as_sampler(name)
    options = Options(
        sampler=base, loss=loss, target="data", sigma_max=30.0, sigma_min=0.05, denoiser_error=0.0
    )
    problem = make_problem((data,), 5, options)
    value, by_sigma, by_eta = problem.core.value_and_grad_eta(sigmas, eta)
    assert value == pytest.approx(
        ss.evaluate(data, sigmas, sampler=replace(base, eta=tuple(eta)), loss=loss, target="data"), rel=1e-13
    )
    step = 1e-5
    for k in range(5):
        up, down = eta.copy(), eta.copy()
        up[k] += step
        down[k] -= step
        pair = [
            ss.evaluate(data, sigmas, sampler=replace(base, eta=tuple(e)), loss=loss, target="data")
            for e in (up, down)
        ]
        assert by_eta[k] == pytest.approx((pair[0] - pair[1]) / (2 * step), rel=1e-5, abs=1e-8 * value)
    _, plain = ss.value_and_grad(
        data, sigmas, sampler=replace(base, eta=tuple(eta)), loss=loss, target="data"
    )
    np.testing.assert_allclose(by_sigma, plain, rtol=1e-10)


def test_no_noise_from_the_right_start() -> None:
    for per_step in (False, True):
        found = ss.design_eta(SPECTRUM, 8, per_step=per_step, **ENDS)
        assert found.sampler == ss.samplers.DDIM()
        assert found.loss == pytest.approx(ss.design(SPECTRUM, 8, **ENDS, target="data").loss, rel=1e-9)


def test_noise_where_the_start_is_wrong() -> None:
    options = {"sigma_max": 10.0, "sigma_floor": 0.02}
    found = ss.design_eta(SHIFTED, 6, **options)
    eta = found.sampler.options["eta"]
    assert 0.2 < eta < 0.8
    assert found.success
    assert found.loss == ss.evaluate(SHIFTED, found.schedule, sampler=found.sampler, target="data")
    grid = [
        ss.design(SHIFTED, 6, sampler=ss.samplers.DDIM(eta=e), **options, target="data").loss
        for e in np.linspace(0, 1, 41)
    ]
    assert found.loss <= min(grid) * (1 + 1e-12)
    assert found.loss == pytest.approx(min(grid), rel=1e-4)
    assert found.loss < 0.99 * found.baselines["designed, eta=0"]
    assert found.baselines["designed, eta=0"] == pytest.approx(grid[0], rel=1e-9)
    assert found.baselines["designed, eta=1"] == pytest.approx(grid[-1], rel=1e-9)
    nearby = [replace(found.sampler, eta=eta + change) for change in (-1e-3, 1e-3)]
    assert all(ss.evaluate(SHIFTED, found.schedule, sampler=s, target="data") > found.loss for s in nearby)


def test_noise_in_the_first_steps_only() -> None:
    options = {"sigma_max": 10.0, "sigma_floor": 0.02}
    common = ss.design_eta(SHIFTED, 6, **options)
    found = ss.design_eta(SHIFTED, 6, per_step=True, **options)
    eta = found.sampler.eta_steps
    assert eta is not None
    assert len(eta) == 6
    assert eta[0] > 0.9
    assert eta[3:] == (0.0, 0.0, 0.0)
    assert found.loss < 0.95 * common.loss
    assert found.loss == ss.evaluate(SHIFTED, found.schedule, sampler=found.sampler, target="data")


def test_multistep_solver() -> None:
    common = ss.design_eta(SPECTRUM, 5, sampler="dpmpp_2m_sde", **ENDS)
    found = ss.design_eta(SPECTRUM, 5, sampler="dpmpp_2m_sde", per_step=True, **ENDS)
    for result in (common, found):
        assert result.loss <= result.baselines["designed, eta=0"]
        assert result.sampler.name == "dpmpp_2m_sde"
    assert found.loss < common.loss


def test_worst_case_grid_and_limits() -> None:
    pair = [SHIFTED, ss.Spectrum([1.0, 0.5, 0.1])]
    options = {"sigma_max": 10.0, "sigma_floor": 0.02}
    worst = ss.design_eta(pair, 4, combine="worst", **options)
    assert worst.loss == max(worst.losses)
    assert worst.loss <= min(worst.baselines.values()) * (1 + 1e-9)
    abar = np.cumprod(1 - np.linspace(1e-4, 0.02, 1000))
    grid = ss.design_eta(SHIFTED, 4, alphas_cumprod=abar, sigma_max=float(np.sqrt(1 / abar[600] - 1)))
    assert grid.timesteps is not None
    assert grid.timesteps[0] == 600
    assert grid.loss <= grid.baselines["designed, eta=0"]
    small = ss.design_eta(SHIFTED, 6, eta_max=0.1, **options)
    assert small.sampler.options["eta"] == 0.1
    assert "designed, eta=0.1" in small.baselines
    one = ss.design_eta(SHIFTED, 1, sigma_max=10.0, sigma_min=0.1)
    assert one.loss <= one.baselines["designed, eta=1"]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"sampler": "dpmpp_2m"},
            ValueError,
            "sampler 'dpmpp_2m' has no eta; those that have one: ddim, ddpm,",
        ),
        ({"eta_max": 0.0}, ValueError, "eta_max must be greater than 0"),
        ({"per_step": True, "combine": "worst"}, ValueError, "per_step=True takes combine='mean'"),
        ({"sigma_maxx": 3.0}, ValueError, "unknown option 'sigma_maxx' .did you mean 'sigma_max'"),
        ({"sampler": 3}, TypeError, "sampler must be a name"),
    ],
)
def test_bad_options(options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        ss.design_eta(SHIFTED, 4, **options)
