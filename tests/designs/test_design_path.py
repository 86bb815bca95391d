"""Designs for many numbers of steps, and the schedules of other solvers that designs start from."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import specsched as ss
from specsched.schedules.resampling import resampled
from specsched.testing import paper_case, power_law

SPECTRUM = paper_case().spectrum
ENDS = {"sigma_max": 80.0, "sigma_floor": 0.02}


def minimised(found: ss.Design) -> float:
    """The loss that the design minimises, with the denoiser error that it allows for."""
    error = found.denoiser_error
    return ss.evaluate(SPECTRUM, found.schedule, sampler=found.sampler, denoiser_error=error, target="data")


@pytest.mark.parametrize("sampler", ["ddim", "ddpm", "dpmpp_2m"])
def test_never_worse_than_one_by_one(sampler: str) -> None:
    steps = [8, 3, 5, 12, 1]
    path = ss.design_path(SPECTRUM, steps, sampler=sampler, **ENDS, target="data")
    assert list(path) == steps
    for count, found in path.items():
        assert found.schedule.steps == count
        alone = ss.design(SPECTRUM, count, sampler=sampler, **ENDS, target="data")
        assert minimised(found) <= minimised(alone) * (1 + 1e-8)
        assert found.baselines == pytest.approx(alone.baselines, rel=1e-12)
        assert found.success
    losses = [minimised(path[count]) for count in sorted(steps)]
    assert losses == sorted(losses, reverse=True)


def test_neighbours_lead_out_of_local_minima() -> None:
    # SLSQP searches from one start only, so that each design alone may end in a poor minimum.
    spectrum = power_law(40, largest=10.0)
    steps = [8, 10, 12]
    options: dict[str, Any] = {"method": "slsqp", "sampler": "dpmpp_2m", **ENDS}
    alone = [ss.design(spectrum, count, **options, target="data").loss for count in steps]
    together = [found.loss for found in ss.design_path(spectrum, steps, **options, target="data").values()]
    assert alone[2] > alone[1]
    assert together[2] < together[1] < together[0]


def test_options_are_those_of_design() -> None:
    pair = [SPECTRUM.floored(1e-3), power_law(30, largest=4.0)]
    worst = ss.design_path(pair, [3, 5], combine="worst", loss="kl", process="ve", **ENDS, target="data")
    for count, found in worst.items():
        alone = ss.design(pair, count, combine="worst", loss="kl", process="ve", **ENDS, target="data")
        assert found.loss <= alone.loss * (1 + 1e-9)
        assert found.loss == max(found.losses)
        assert (found.loss_name, found.process) == ("kl", "ve")
    abar = np.cumprod(1 - np.linspace(1e-4, 0.02, 1000))
    grid = ss.design_path(SPECTRUM, [4, 6], alphas_cumprod=abar, robust=True, target="data")
    for found in grid.values():
        assert found.timesteps is not None
        assert found.neighbourhood is not None
    wide = ss.design_path(SPECTRUM, range(3, 7), min_ratio=2.0, **ENDS, target="data")
    for found in wide.values():
        positive = found.schedule.sigmas[:-1]
        assert (positive[:-1] / positive[1:]).min() >= 2.0 * (1 - 1e-12)


def test_resampled_levels() -> None:
    levels = np.array([80.0, 9.0, 2.0, 0.3, 0.0])
    np.testing.assert_allclose(resampled(levels, 4), levels, rtol=1e-14)
    for steps in (2, 3, 9, 40):
        found = resampled(levels, steps)
        assert found is not None
        assert found.size == steps + 1
        assert found[[0, -2, -1]].tolist() == [80.0, 0.3, 0.0]
        assert (np.diff(found) < 0).all()
    to_end = resampled(levels[:-1], 6)
    assert to_end is not None
    assert to_end[[0, -1]].tolist() == [80.0, 0.3]
    assert resampled(levels, 1) is None
    assert resampled(np.array([80.0, 0.0]), 3) is None


@pytest.mark.parametrize(
    ("steps", "options", "error", "message"),
    [
        ([], {}, ValueError, "steps must not be empty"),
        ([3, 5, 3], {}, ValueError, r"steps\[2\] = 3 is there twice"),
        ([3, 0], {}, ValueError, r"steps\[1\] must be at least 1"),
        ([3, 2.5], {}, TypeError, r"steps\[1\] must be an integer"),
        (7, {}, TypeError, r"steps must be a list of integers, got int; for one use design\(\)"),
        ([3], {"metod": "slsqp"}, ValueError, "unknown option 'metod'"),
        ([3], {"method": "bfgs"}, ValueError, "unknown method 'bfgs'"),
        ([3], {"sigma_max": -1.0}, ValueError, "sigma_max must be greater than 0"),
    ],
)
def test_bad_paths(steps: Any, options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        ss.design_path(SPECTRUM, steps, **options, target="data")


# --- schedules designed for another solver -----------------------------------------------------------------


@pytest.mark.parametrize("sampler", ["ddpm", "dpmpp_2m", "heun"])
def test_the_schedule_designed_for_ddim_is_a_baseline(sampler: str) -> None:
    found = ss.design(SPECTRUM, 6, sampler=sampler, denoiser_error=0.0, **ENDS, target="data")
    for_ddim = ss.design(SPECTRUM, 6, **ENDS, target="data")
    np.testing.assert_allclose(
        found.baseline_schedules["ddim_designed"].sigmas, for_ddim.schedule.sigmas, rtol=1e-9
    )
    expected = ss.evaluate(SPECTRUM, for_ddim.schedule, sampler=sampler, target="data")
    assert found.baselines["ddim_designed"] == pytest.approx(expected, rel=1e-9)
    assert found.loss <= expected * (1 + 1e-12)
    assert "ddim_designed" in found.gains


def test_for_ddim_itself_it_is_the_design() -> None:
    found = ss.design(SPECTRUM, 6, **ENDS, target="data")
    assert set(found.baselines) == set(found.baseline_schedules) == set(ss.baselines.TABLE)
    other = ss.design(SPECTRUM, 6, sampler=ss.samplers.DDIM(eta=0.5), **ENDS, target="data")
    assert set(other.baselines) == {*ss.baselines.TABLE, "ddim_designed"}
