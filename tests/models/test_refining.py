"""Refinement on denoisers with known answers: gains, bounds, budgets, interruption, executors, refusals."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import specsched as ss
from specsched.models.refining.parameters import Point, parameters_for

VARIANCES = np.array([4.0, 1.0, 0.1, 0.01])
DENOISER = ss.models.gaussian(VARIANCES)
FLOOR = 0.02


def noise(rows: int = 24, seed: int = 0) -> Any:
    return np.random.default_rng(seed).standard_normal((rows, 4))


def edm(steps: int) -> ss.Schedule:
    return ss.Schedule([*ss.baselines.edm(steps - 1, sigma_max=20.0, sigma_min=FLOOR).sigmas, 0.0])


def real_error(schedule: Any, sampler: Any) -> float:
    starts = noise(200, 7)
    return float(ss.trial(schedule, DENOISER, starts, sampler=sampler, sigma_floor=FLOOR).errors[0])


@pytest.mark.parametrize(
    ("sampler", "gain"), [("ddim", 0.9), ("dpmpp_2m", 0.2), ("unipc", 0.2), ("heun", 0.95)]
)
def test_refined_schedules_are_better_on_fresh_starts(sampler: str, gain: float) -> None:
    found = ss.refine(edm(8), DENOISER, noise(), sampler=sampler, sigma_floor=FLOOR)
    assert found.heldout_error <= min(found.candidates.values())
    assert real_error(found.schedule, sampler) < gain * min(real_error(edm(8), sampler), found.start_error)
    levels = found.schedule.sigmas
    assert levels[0] == 20.0
    assert levels[-1] == 0.0
    assert levels[-2] >= FLOOR
    assert (levels[:-2] / levels[1:-1]).min() >= 1.02
    assert found.calls <= 10_000


def test_single_precision_refines_as_well() -> None:
    torch = pytest.importorskip("torch", reason="needs the extra 'frameworks'")
    found = ss.refine(edm(8), DENOISER, torch.tensor(noise()).float(), sampler="dpmpp_2m")
    assert found.heldout_error < 0.05 * found.start_error


def test_the_best_candidate_is_the_start_and_never_beaten() -> None:
    good = ss.refine(edm(6), DENOISER, noise(), sampler="dpmpp_2m", sigma_floor=FLOOR)
    again = ss.refine(
        edm(6),
        DENOISER,
        noise(),
        sampler="dpmpp_2m",
        candidates={"start": edm(6), "good": good},
        max_iter=0,
        sigma_floor=FLOOR,
    )
    assert again.start == "good"
    assert set(again.candidates) == {"start", "start (candidate)", "good"}
    assert again.schedule == good.schedule
    assert again.heldout_error == again.start_error == again.candidates["good"]
    assert again.message == "0 steps taken"


def test_counted_calls_and_budget() -> None:
    calls = 0

    def counted(y: Any, sigma: float) -> Any:
        nonlocal calls
        calls += len(y)
        return DENOISER(y, sigma)

    found = ss.refine(edm(8), counted, noise(), sampler="heun", max_calls=5000)
    assert found.calls == calls <= 5000
    assert not found.success
    assert "budget of 5000" in found.message


def test_interruption_returns_the_best_so_far() -> None:
    calls = 0

    def interrupted(y: Any, sigma: float) -> Any:
        nonlocal calls
        calls += len(y)
        if calls > 4500:
            raise KeyboardInterrupt
        return DENOISER(y, sigma)

    found = ss.refine(edm(8), interrupted, noise(), sampler="dpmpp_2m")
    assert found.message == "interrupted"
    assert not found.success
    assert found.heldout_error <= found.start_error


def test_reference_of_a_trial_saves_its_calls() -> None:
    starts = noise()
    tried = ss.trial(edm(8), DENOISER, starts, sampler="dpmpp_2m", sigma_floor=FLOOR)
    whole = ss.refine(edm(8), DENOISER, starts, sampler="dpmpp_2m", max_iter=0)
    saved = ss.refine(edm(8), DENOISER, starts, sampler="dpmpp_2m", max_iter=0, reference=tried.reference)
    assert saved.calls < whole.calls - 1500
    assert saved.start_error == pytest.approx(whole.start_error, rel=0.05)


def test_executors_change_nothing() -> None:
    options: dict[str, Any] = {"sampler": "dpmpp_2m", "batch_size": 6, "max_iter": 4}
    alone = ss.refine(edm(6), DENOISER, noise(), **options)
    with ThreadPoolExecutor(2) as executor:
        spread = ss.refine(edm(6), DENOISER, noise(), executor=executor, **options)
    assert spread.schedule == alone.schedule
    assert spread.calls == alone.calls


@pytest.mark.parametrize("last", [0.0, 0.05])
def test_free_numbers_keep_the_levels_and_have_exact_slopes(last: float) -> None:
    schedule = ss.Schedule([20.0, 5.0, 1.0, 0.3, 0.1, last])
    sampler = ss.samplers.as_sampler("dpmpp_2m")
    free = parameters_for(Point(schedule, sampler), "levels", 0.02, 1.01, (0.0, np.inf))
    start = free.free()
    np.testing.assert_allclose(free.point(start).schedule.sigmas, schedule.sigmas, rtol=1e-12)
    slopes = free.level_slopes(start)
    for i in range(start.size):
        step = np.zeros(start.size)
        step[i] = 1e-6
        numeric = (free.log_levels(start + step) - free.log_levels(start - step)) / 2e-6
        np.testing.assert_allclose(slopes[:, i], numeric[1 : len(slopes) + 1], atol=1e-8)
    wild = free.point(free.clipped(np.random.default_rng(0).normal(0, 30, start.size))).schedule
    assert wild.steps == 5
    assert wild[0] == 20.0
    assert wild[-1] == last


def test_results_stand_for_designs() -> None:
    found = ss.refine(edm(6), DENOISER, noise(), sampler="dpmpp_2m", max_iter=3)
    direct = ss.sample(DENOISER, noise(2), found.schedule, sampler="dpmpp_2m")
    np.testing.assert_array_equal(ss.sample(DENOISER, noise(2), found), direct)
    assert "network calls" in repr(found)
    assert "held-out error" in found._repr_html_()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"parameters": "all"}, ValueError, "needs a solver with coefficients"),
        ({"parameters": "gaps"}, ValueError, "parameters must be"),
        ({"sampler": "ddpm"}, ValueError, "stochastic sampler ddpm"),
        ({"candidates": [edm(5)]}, ValueError, "must have 6 steps"),
        ({"candidates": [[10.0, 5.0, 2.0, 1.0, 0.5, 0.1, 0.0]]}, ValueError, "must start at 20"),
        ({"reference": np.zeros((2, 4))}, ValueError, "reference must have the shape of noise"),
        ({"sigma_floor": 1.0}, ValueError, "below sigma_floor = 1"),
        ({"min_ratio": 0.5}, ValueError, "min_ratio must be at least 1"),
    ],
)
def test_what_refine_refuses(options: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        ss.refine(edm(6), DENOISER, noise(), **{"sampler": "ddim", **options})


def test_few_starts_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 8 starts"):
        ss.refine(edm(6), DENOISER, noise(4), sampler="ddim")
