"""Designs on modes: levels, coefficients, promises."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import specsched as ss
from specsched.analysis.modes import Modes
from specsched.samplers import Multistep, as_multistep

VALUES = 50.0 / np.arange(1, 65) ** 2
SPECTRUM = ss.Spectrum(VALUES)
ENDS: dict[str, Any] = {"sigma_max": 14.61, "sigma_floor": 0.03}


def loss_with_error(source: Any, design: ss.Design) -> float:
    modes = Modes.gaussian(source, 14.61)
    return float(np.hypot(*modes.errors(design.schedule, design.sampler, design.denoiser_error)))


@pytest.mark.parametrize("order", [2, 3, 4])
@pytest.mark.parametrize("steps", [5, 10])
def test_designed_solver_is_better_than_the_fixed_ones_at_their_best(order: int, steps: int) -> None:
    """In the loss with the error term, which is what both are designed for."""
    own = ss.design(SPECTRUM, steps, sampler=Multistep(order=order), **ENDS)
    table = np.array(own.sampler.coefficients)
    assert table.shape == (steps, order - 1)
    assert abs(table).max() <= 4.0
    for name in ("dpmpp_2m", "dpmpp_3m")[: order - 1]:
        fixed = ss.design(
            Modes.gaussian(SPECTRUM, 14.61), steps, sampler=name, denoiser_error=own.denoiser_error, **ENDS
        )
        as_table = replace(fixed, sampler=as_multistep(name, fixed.schedule))
        assert loss_with_error(SPECTRUM, own) <= loss_with_error(SPECTRUM, as_table) * (1 + 1e-9)
    assert own.loss == pytest.approx(ss.evaluate(SPECTRUM, own.schedule, sampler=own.sampler), rel=1e-9)


def test_design_is_a_local_optimum() -> None:
    own = ss.design(SPECTRUM, 8, sampler=Multistep(order=3), **ENDS)
    best = loss_with_error(SPECTRUM, own)
    rng = np.random.default_rng(0)
    modes = Modes.gaussian(SPECTRUM, 14.61)
    for _ in range(40):
        table = np.array(own.sampler.coefficients) + np.tril(rng.normal(0, 1e-3, (8, 2)), -1)
        sigmas = own.schedule.sigmas.copy()
        sigmas[1:-1] *= np.exp(rng.normal(0, 1e-3, 7))
        sigmas[1:-1] = np.maximum(sigmas[1:-1], 0.03)
        other = np.hypot(*modes.errors(sigmas, Multistep(order=3, coefficients=table), own.denoiser_error))
        assert other > best * (1 - 2e-4)


@pytest.mark.parametrize("sampler", ["ddim", "dpmpp_2m", "heun", "unipc"])
def test_levels_on_modes_keep_floor_and_order_and_beat_every_heuristic(sampler: str) -> None:
    found = ss.design(Modes.gaussian(SPECTRUM, 14.61), 8, sampler=sampler, denoiser_error=0.0, **ENDS)
    levels = found.schedule.sigmas
    assert levels[[0, -1]].tolist() == [14.61, 0.0]
    assert levels[-2] >= 0.03 * (1 - 1e-12)
    assert (np.diff(levels) < 0).all()
    assert found.loss <= min(found.baselines.values()) * (1 + 1e-9)


def test_positive_last_level() -> None:
    found = ss.design(SPECTRUM, 6, sampler=Multistep(order=3), sigma_max=14.61, sigma_min=0.05)
    assert found.schedule.sigmas[-1] == 0.05
    assert found.loss < min(found.baselines.values())


def test_coefficients_alone_for_fixed_levels() -> None:
    schedule = ss.baselines.edm(8, sigma_max=14.61, sigma_min=0.03)
    levels = np.append(schedule.sigmas[:-1], 0.0)
    found = ss.design(SPECTRUM, 8, sampler=Multistep(order=3), schedule=levels, denoiser_error=0.1)
    np.testing.assert_array_equal(found.schedule.sigmas, levels)
    modes = Modes.gaussian(SPECTRUM, 14.61)
    for name in ("ddim", "dpmpp_2m", "dpmpp_3m"):
        assert loss_with_error(SPECTRUM, found) < np.hypot(
            *modes.errors(levels, as_multistep(name, levels), 0.1)
        )


def test_error_term_lowers_what_errors_of_predictions_become() -> None:
    free, careful = (
        ss.design(SPECTRUM, 8, sampler=Multistep(order=3), denoiser_error=eta, **ENDS) for eta in (0.0, 0.2)
    )
    assert careful.loss > free.loss
    modes = Modes.gaussian(SPECTRUM, 14.61)
    assert (
        modes.errors(careful.schedule, careful.sampler, 0.2)[1]
        < modes.errors(free.schedule, free.sampler, 0.2)[1]
    )


def test_order_is_lowered_to_the_steps() -> None:
    with pytest.warns(UserWarning, match="order 4 is lowered to 2"):
        found = ss.design(SPECTRUM, 2, sampler=Multistep(order=4), **ENDS)
    assert np.shape(found.sampler.coefficients) == (2, 1)


def test_several_sources() -> None:
    others = [SPECTRUM, ss.Spectrum(VALUES**1.5)]
    both = ss.design(others, 6, sampler=Multistep(order=2), **ENDS)
    assert len(both.losses) == 2
    assert both.loss == pytest.approx(np.sqrt(np.mean(np.square(both.losses))), rel=1e-9)


@pytest.mark.filterwarnings("ignore:order 2 is lowered to 1")
def test_steps_of_one_and_two() -> None:
    for steps in (1, 2):
        for sampler in ("ddim", Multistep(order=2)):
            found = ss.design(Modes.gaussian(SPECTRUM, 14.61), steps, sampler=sampler, **ENDS)
            assert found.schedule.steps == steps


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sampler": "ddpm"}, "adds noise"),
        ({"loss": "kl"}, "exact solution"),
        ({"target": "data"}, "exact solution"),
        ({"sampler": Multistep(order=7)}, "orders up to 4"),
        ({"sigma_max": 20.0}, "modes start at"),
        ({"alphas_cumprod": np.linspace(0.99, 0.01, 50)}, "is not a level of alphas_cumprod"),
        ({"schedule": [14.61, 1.0, 0.0]}, "steps"),
    ],
)
def test_what_does_not_fit(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ss.design(Modes.gaussian(SPECTRUM, 14.61), 8, **{"sampler": Multistep(order=3), **ENDS, **change})
