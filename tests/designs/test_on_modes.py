"""Designs on modes: levels, coefficients, promises."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import specsched as ss
from specsched import _core
from specsched.analysis.modes import Modes
from specsched.designs.modes.problem import Asked, make_modes_problem
from specsched.designs.modes.smooth import smooth_errors
from specsched.designs.problem import Options
from specsched.samplers import DPMpp2M, Multistep, as_multistep
from specsched.testing.propagation import sampler_loop

VALUES = 50.0 / np.arange(1, 65) ** 2
SPECTRUM = ss.Spectrum(VALUES)
ENDS: dict[str, Any] = {"sigma_max": 14.61, "sigma_floor": 0.03}


def minimised(design: ss.Design, sampler: Any = None) -> float:
    """What a design of order 3 with the error term of this one minimises, of its levels and solver."""
    options = Options(sampler=Multistep(order=3), denoiser_error=design.denoiser_error, **ENDS)
    problem = make_modes_problem(SPECTRUM, design.schedule.steps, options, Asked())
    return problem.errors(sampler or design.sampler)(design.schedule.sigmas)


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
        assert minimised(own) <= minimised(fixed, as_multistep(name, fixed.schedule))
    assert own.loss == pytest.approx(ss.evaluate(SPECTRUM, own.schedule, sampler=own.sampler), rel=1e-9)


def test_designed_solver_leaves_what_every_run_ends_in() -> None:
    """With a floor a run ends in the prediction there; at 0 the limit is elsewhere, and no solver should go there."""
    own = ss.design(SPECTRUM, 20, sampler=Multistep(order=3), **ENDS)
    floored = Modes.gaussian(SPECTRUM, 14.61, sigma_floor=0.03)
    there = ss.evaluate(floored, own.schedule, sampler=own.sampler)
    assert there < 0.25 * own.loss
    ends = []
    for sampler in (Multistep(order=3), "dpmpp_3m"):
        problem = make_modes_problem(SPECTRUM, 20, Options(sampler=sampler, **ENDS), Asked())
        assert problem.modes.solution(0.0) == pytest.approx(Modes.gaussian(SPECTRUM, 14.61).solution(0.0))
        ends.append(problem.searched[0].solution(0.0)[: floored.size])
    np.testing.assert_allclose(ends[0], floored.solution(0.0), rtol=1e-12)
    assert (ends[1] > ends[0]).all()  # levels alone: as reported


def test_design_is_a_local_optimum() -> None:
    own = ss.design(SPECTRUM, 8, sampler=Multistep(order=3), **ENDS)
    options = Options(sampler=Multistep(order=3), **ENDS)
    problem = make_modes_problem(SPECTRUM, 8, options, Asked())
    best = problem.errors(own.sampler)(own.schedule.sigmas)
    rng = np.random.default_rng(0)
    for _ in range(40):
        table = np.array(own.sampler.coefficients) + np.tril(rng.normal(0, 1e-3, (8, 2)), -1)
        sigmas = own.schedule.sigmas.copy()
        sigmas[1:-1] *= np.exp(rng.normal(0, 1e-3, 7))
        sigmas[1:-1] = np.maximum(sigmas[1:-1], 0.03)
        assert problem.errors(Multistep(order=3, coefficients=table))(sigmas) > best * (1 - 2e-4)


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
    for name in ("ddim", "dpmpp_2m", "dpmpp_3m"):
        assert minimised(found) <= minimised(found, as_multistep(name, levels))


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


def test_smooth_errors_are_what_the_process_makes_of_them() -> None:
    """Two variances, 2 and .05 in 3 directions: the variance of y_0 by quadrature over the covariance of the error."""
    high, low, size = 20.0, 0.05, 0.3
    levels = np.array([high, 6.0, 1.5, 0.4, low])
    spectrum = ss.Spectrum([2.0, 0.05], weights=[1.0, 3.0])
    modes = smooth_errors(spectrum, size, high, low, "vp")
    ours = np.bincount(
        np.repeat([0, 1], modes.size // 2),
        _core.modes_jacobian(modes._core, DPMpp2M().core, levels, 0.0)[0][: modes.size] ** 2,
    )
    x = np.linspace(np.log(low), np.log(high), 1001)
    weights = np.gradient(x)
    weights[[0, -1]] *= 0.5
    for i, (value, count) in enumerate(((0.05, 3.0), (2.0, 1.0))):
        spread = size * np.sqrt(value * np.exp(2 * x) / (value + np.exp(2 * x)))
        # What the exact flow makes of an error at x, and, at the levels, the solver.
        flow = np.sqrt((value + low**2) / (value + np.exp(2 * x))) * weights
        places, gains = list(x), list(-flow * spread)
        for p, level in enumerate(levels[:-1]):
            calls = iter(range(99))
            gain = sampler_loop("dpmpp_2m")(
                lambda y, r, calls=calls, p=p, value=value: value / (value + r * r) * y + (next(calls) == p),
                0.0,
                levels,
                lambda: 0.0,
            )
            places.append(np.log(level))
            gains.append(gain * size * np.sqrt(value * level**2 / (value + level**2)))
        distance = np.subtract.outer(places, places)
        want = count * np.array(gains) @ np.exp(-(distance**2) / (2 * 0.8**2)) @ np.array(gains)
        assert ours[i] == pytest.approx(want, rel=0.02)


def test_a_recording_brings_its_own_spectrum() -> None:
    noise = np.random.default_rng(0).standard_normal((16, 4))
    recording = ss.record(ss.models.gaussian([2.0, 0.5, 0.1, 0.02]), noise, sigma_max=14.61, sigma_floor=0.03)
    options = Options(sampler="dpmpp_2m", denoiser_error=0.06)
    problem = make_modes_problem(recording, 6, options, Asked())
    assert len(problem.searched) == 1
    found = ss.design(recording, 6, sampler="dpmpp_2m")
    assert found.denoiser_error == 0.06
    sums = [
        np.square(modes.errors(found.schedule, "dpmpp_2m", 0.06)).sum()
        for modes in (recording.modes(), Modes.gaussian(recording.spectrum, 14.61))
    ]
    assert problem.errors(problem.sampler)(found.schedule.sigmas) ** 2 == pytest.approx(
        np.mean(sums), rel=1e-9
    )
    assert found.loss == pytest.approx(recording.modes().errors(found.schedule, "dpmpp_2m")[0], rel=1e-12)
    beside = make_modes_problem([recording, ss.Spectrum([2.0, 0.5])], 6, options, Asked())
    assert [modes.size for modes in beside.searched] == [modes.size for modes in beside.parts]


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


def test_a_start_of_the_users() -> None:
    """Never worse than it, in the loss that is minimised; with other ends or steps it is no start."""
    asked: dict[str, Any] = {"sampler": Multistep(order=3), **ENDS}
    first = ss.design(SPECTRUM, 4, **asked)
    again = ss.design(SPECTRUM, 4, **asked, init=first.schedule)
    assert minimised(again) <= minimised(first) * (1 + 1e-9)
    with pytest.raises(ValueError, match=r"init must have 4 steps from 14\.61 to 0, got 3"):
        ss.design(SPECTRUM, 4, **asked, init=[14.61, 3.0, 1.0, 0.0])
    with pytest.raises(ValueError, match=r"init must have 4 steps from 14\.61 to 0, got 4 from 9"):
        ss.design(SPECTRUM, 4, **asked, init=[9.0, 3.0, 1.0, 0.5, 0.0])


def test_a_source_that_answers_with_something_else() -> None:
    class Source:
        def modes(self) -> str:
            return "modes"

    with pytest.raises(TypeError, match=r"Source\.modes\(\) must return Modes, got str"):
        ss.design(Source(), 4, **ENDS)
