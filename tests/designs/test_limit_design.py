"""Designs against the many-step limit, with errors of predictions and from noised data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import specsched as ss
from specsched.designs.problem import DEFAULT_DENOISER_ERROR

PHOTOGRAPH_LIKE = ss.Spectrum(3200.0 * np.arange(1, 257) ** -1.9, weights=np.full(256, 3.0))
STABLE_DIFFUSION = {"sigma_max": 14.61, "sigma_floor": 0.03}
SD_GRID = np.cumprod(1.0 - np.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2)


@pytest.mark.parametrize("sampler", ["dpmpp_2m", "heun", "unipc", "ddim"])
@pytest.mark.parametrize("steps", [4, 8, 20])
def test_no_design_is_worse_than_a_heuristic_by_what_it_minimises(sampler: str, steps: int) -> None:
    found = ss.design(PHOTOGRAPH_LIKE, steps, sampler=sampler, **STABLE_DIFFUSION)
    error = found.denoiser_error
    mine = ss.evaluate(PHOTOGRAPH_LIKE, found.schedule, sampler=sampler, denoiser_error=error)
    for name, rival in found.baseline_schedules.items():
        theirs = ss.evaluate(PHOTOGRAPH_LIKE, rival, sampler=sampler, denoiser_error=error)
        assert mine <= theirs * (1 + 1e-9), name


def test_levels_do_not_pile_up_where_the_ends_dominate() -> None:
    found = ss.design(PHOTOGRAPH_LIKE, 20, sampler="dpmpp_2m", **STABLE_DIFFUSION)
    assert 0.0 < found.denoiser_error <= DEFAULT_DENOISER_ERROR
    assert np.sum(found.schedule.sigmas < 0.1) <= 6
    assert found.costs is not None
    assert found.costs.ends_dominate
    assert "The two end levels cost" in repr(found)
    assert max(map(len, repr(found).splitlines())) < 160
    alone = ss.design(PHOTOGRAPH_LIKE, 20, sampler="dpmpp_2m", target="data", **STABLE_DIFFUSION)
    assert ss.evaluate(PHOTOGRAPH_LIKE, found.schedule, sampler="dpmpp_2m") < 0.5 * ss.evaluate(
        PHOTOGRAPH_LIKE, alone.schedule, sampler="dpmpp_2m"
    )


def test_the_default_error_costs_little_of_the_exact_loss() -> None:
    for steps, least in ((5, DEFAULT_DENOISER_ERROR), (20, 0.0)):
        found = ss.design(PHOTOGRAPH_LIKE, steps, sampler="dpmpp_2m", **STABLE_DIFFUSION)
        assert least <= found.denoiser_error <= DEFAULT_DENOISER_ERROR
        assert found.loss <= 1.25 * found.best_baseline[1]
    kept = ss.design(PHOTOGRAPH_LIKE, 20, sampler="dpmpp_2m", denoiser_error=0.12, **STABLE_DIFFUSION)
    assert kept.denoiser_error == 0.12


def test_one_eigenvalue_has_equal_angles_against_the_limit_too() -> None:
    found = ss.design(ss.Spectrum([1.0]), 12, sigma_max=14.6, sigma_min=0.05)
    high, low = np.arctan(14.6), np.arctan(0.05)
    np.testing.assert_allclose(found.schedule.sigmas, np.tan(np.linspace(high, low, 13)), rtol=1e-6)


@pytest.mark.parametrize("sampler", ["ddim", "ddpm", "dpmpp_2m"])
def test_designs_from_noised_data(sampler: str) -> None:
    found = ss.design(PHOTOGRAPH_LIKE, 6, sampler=sampler, start="data", sigma_max=3.0, sigma_floor=0.03)
    assert found.start == "data"
    assert found.loss <= found.best_baseline[1] * (1 + 1e-9)
    assert found.loss == ss.evaluate(PHOTOGRAPH_LIKE, found.schedule, sampler=sampler, start="data")
    other = ss.design(PHOTOGRAPH_LIKE, 6, sampler=sampler, sigma_max=3.0, sigma_floor=0.03)
    judged: Any = {"sampler": sampler, "start": "data", "denoiser_error": found.denoiser_error}
    mine, theirs = (ss.evaluate(PHOTOGRAPH_LIKE, each.schedule, **judged) for each in (found, other))
    assert mine <= theirs * (1 + 1e-6)


def test_both_methods_find_the_same_minimum() -> None:
    options: dict[str, Any] = {"sigma_max": 14.61, "sigma_min": 0.03}
    newton = ss.design(PHOTOGRAPH_LIKE, 10, **options)
    slsqp = ss.design(PHOTOGRAPH_LIKE, 10, method="slsqp", **options)
    assert newton.success
    assert newton.loss == pytest.approx(slsqp.loss, rel=1e-5)


def test_many_forms_of_design_take_target_and_start() -> None:
    data = ss.Spectrum([9.0, 1.0, 0.1])
    options: dict[str, Any] = {"target": "data", "start": "data", "sigma_max": 5.0}
    single = ss.design(data, 5, **options)
    assert ss.design_path(data, [5], **options)[5].loss == pytest.approx(single.loss, rel=1e-9)
    assert ss.scan([data], [5], **options).losses[0] == pytest.approx(single.loss, rel=1e-9)
    member = ss.best_member(data, 5, family="edm", **options)
    assert member.loss >= single.loss * (1 - 1e-9)
    with pytest.raises(ValueError, match="target='data'"):
        ss.design_eta(data, 5, target="limit")


def test_on_a_grid_levels_keep_apart_and_no_heuristic_is_better() -> None:
    found = ss.design(PHOTOGRAPH_LIKE, 20, sampler="dpmpp_2m", alphas_cumprod=SD_GRID)
    positive = found.schedule.sigmas[:-1]
    ratios = positive[:-1] / positive[1:]
    assert ratios.min() > 1.05  # neighbouring timesteps are 1.004 to 1.4 apart
    error = found.denoiser_error
    mine = ss.evaluate(PHOTOGRAPH_LIKE, found.schedule, sampler="dpmpp_2m", denoiser_error=error)
    for name, rival in found.baseline_schedules.items():
        theirs = ss.evaluate(PHOTOGRAPH_LIKE, rival, sampler="dpmpp_2m", denoiser_error=error)
        assert mine <= theirs * (1 + 1e-9), name


def test_a_rounded_end_is_the_grids_own_and_a_note_says_so() -> None:
    with pytest.warns(UserWarning, match=r"sigma_max=14\.61 is taken for the grid's own level 14\.6146"):
        found = ss.design(PHOTOGRAPH_LIKE, 4, sampler="dpmpp_2m", alphas_cumprod=SD_GRID, sigma_max=14.61)
    assert found.timesteps is not None
    assert found.timesteps[0] == 999
    with pytest.raises(ValueError, match=r"sigma_max=14\.5.* is not a level"):
        ss.design(PHOTOGRAPH_LIKE, 4, sampler="dpmpp_2m", alphas_cumprod=SD_GRID, sigma_max=14.55)


def test_a_grid_makes_no_runs_of_timesteps_that_the_continuous_design_would_not_make() -> None:
    found = ss.design(PHOTOGRAPH_LIKE, 20, sampler="dpmpp_2m", alphas_cumprod=SD_GRID)
    ends = {"sigma_max": found.schedule[0], "sigma_floor": float(np.sqrt(1 / SD_GRID[0] - 1))}
    free = ss.design(PHOTOGRAPH_LIKE, 20, sampler="dpmpp_2m", **ends)
    own, other = (np.diff(np.log(each.schedule.sigmas[:-1])) for each in (found, free))
    np.testing.assert_allclose(own, other, rtol=0.15)
    assert found.timesteps is not None
    assert np.diff(found.timesteps).max() < -10


@pytest.mark.parametrize("grid", [None, SD_GRID], ids=["continuous", "timesteps"])
@pytest.mark.parametrize("error", [None, 0.0, 0.12])
def test_more_steps_are_never_worse_than_fewer(grid: Any, error: float | None) -> None:
    ends = STABLE_DIFFUSION if grid is None else {}
    losses = [
        ss.design(
            PHOTOGRAPH_LIKE, steps, sampler="dpmpp_2m", alphas_cumprod=grid, denoiser_error=error, **ends
        ).loss
        for steps in (4, 5, 6, 8, 10, 12, 15, 20)
    ]
    assert (np.diff(losses) < 0.0).all()
