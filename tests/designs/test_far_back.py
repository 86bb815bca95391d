"""Fixed solvers that look far back: their designs for a spectrum allow for smooth errors of a network too."""

from __future__ import annotations

import numpy as np
import pytest

import specsched as ss
from specsched.analysis.modes import Modes
from specsched.designs.modes.allowances import MOST_FAR_BACK_CAUTION
from specsched.designs.modes.problem import Asked, make_modes_problem
from specsched.designs.problem import DEFAULT_DENOISER_ERROR, Options

SPECTRA = {
    "power law": ss.Spectrum(1000.0 * np.arange(1, 129) ** -2.0),
    "flat": ss.Spectrum(np.geomspace(4.0, 0.01, 40)),
    "mean": ss.Spectrum(np.geomspace(4.0, 0.01, 40), mean_power=np.r_[3.0, np.zeros(39)]),
}
ENDS = {"sigma_max": 80.0, "sigma_floor": 0.002}
EDM = {"sigma_max": 80.0, "sigma_floor": 0.002, "process": "ve"}


@pytest.mark.parametrize("solver", ["dpmpp_3m", "ipndm", "plms", "lms"])
@pytest.mark.parametrize("steps", [12, 20, 30])
def test_it_is_the_default_with_many_steps(solver: str, steps: int) -> None:
    found = ss.design(SPECTRA["power law"], steps, sampler=solver, **EDM)
    assert found.smooth_error > 0.0
    assert "smooth ones of" in repr(found)


@pytest.mark.parametrize(
    ("solver", "steps", "options"),
    [
        ("dpmpp_3m", 11, {}),
        ("dpmpp_3m", 31, {}),
        ("dpmpp_2m", 20, {}),
        ("ddim", 20, {}),
        ("ipndm", 20, {"denoiser_error": 0.06}),
        ("ipndm", 20, {"denoiser_error": 0.0}),
        ("ipndm", 20, {"target": "data"}),
        ("ipndm", 20, {"method": "slsqp", "tol": 1e-4}),
    ],
)
def test_nothing_else_has_them(solver: str, steps: int, options: dict[str, object]) -> None:
    found = ss.design(SPECTRA["flat"], steps, sampler=solver, **ENDS, **options)
    assert found.smooth_error == 0.0
    assert "smooth ones" not in repr(found)


@pytest.mark.parametrize("name", list(SPECTRA))
@pytest.mark.parametrize("solver", ["dpmpp_3m", "ipndm"])
@pytest.mark.parametrize("steps", [12, 20])
def test_no_schedule_is_better_by_what_is_minimised(name: str, solver: str, steps: int) -> None:
    spectrum = SPECTRA[name]
    found = ss.design(spectrum, steps, sampler=solver, **ENDS)
    options = Options(sampler=solver, **ENDS)
    problem = make_modes_problem(spectrum, steps, options, Asked.of("newton", "mean", None, False))
    while problem.denoiser_error > found.denoiser_error:
        problem = problem.bolder()
    assert problem.smooth_error == found.smooth_error
    errors = problem.errors(problem.judge)
    admitted = [one.sigmas for one in found.baseline_schedules.values() if problem.admits(one.sigmas)]
    assert len(admitted) > 5
    assert errors(found.schedule.sigmas) <= (1.0 + 1e-9) * errors.many(np.array(admitted)).min()
    assert found.loss <= MOST_FAR_BACK_CAUTION * found.best_baseline[1]


def test_the_report_is_that_of_designs_on_spectra() -> None:
    spectrum = SPECTRA["mean"]
    found = ss.design(spectrum, 15, sampler="ipndm", **ENDS)
    exact = ss.evaluate(spectrum, found.schedule, sampler="ipndm")
    assert found.loss == exact == found.losses[0]
    assert found.costs == ss.costs(spectrum, found.schedule, sampler="ipndm")
    assert "ddim_designed" in found.baselines
    for name, loss in found.baselines.items():
        other = ss.evaluate(spectrum, found.baseline_schedules[name], sampler="ipndm")
        np.testing.assert_allclose(loss, other, rtol=1e-8)


def test_several_spectra() -> None:
    spectra = [SPECTRA["flat"], SPECTRA["flat"].scaled(4.0)]
    mean = ss.design(spectra, 12, sampler="dpmpp_3m", **ENDS)
    worst = ss.design(spectra, 12, sampler="dpmpp_3m", combine="worst", **ENDS)
    for found in (mean, worst):
        each = [ss.evaluate(one, found.schedule, sampler="dpmpp_3m") for one in spectra]
        assert found.losses == tuple(each)
        assert found.smooth_error > 0.0
    assert worst.loss == max(worst.losses)
    np.testing.assert_allclose(mean.loss, np.sqrt(np.mean(np.square(mean.losses))), rtol=1e-12)


def test_a_path_has_both_kinds_in_the_order_asked_for() -> None:
    path = ss.design_path(SPECTRA["flat"], [12, 8, 20], sampler="dpmpp_3m", **ENDS)
    assert list(path) == [12, 8, 20]
    assert [found.smooth_error > 0.0 for found in path.values()] == [True, False, True]
    assert path[8].loss > path[12].loss > path[20].loss


def test_modes_that_are_no_recording_have_none() -> None:
    modes = Modes.gaussian(SPECTRA["flat"], sigma_max=80.0)
    fixed = ss.design(modes, 15, sampler="ipndm", sigma_floor=0.002)
    assert fixed.smooth_error == 0.0
    problem = make_modes_problem(modes, 15, Options(sampler="ipndm"), Asked.of("newton", "mean", None, False))
    assert problem.denoiser_error == DEFAULT_DENOISER_ERROR
    free = ss.design(modes, 6, sampler=ss.samplers.Multistep(order=3), sigma_floor=0.002)
    assert free.smooth_error == 0.0
    assert "smooth ones" not in repr(free)


def test_on_timesteps() -> None:
    abar = np.cumprod(1.0 - np.linspace(1e-4, 0.02, 1000))
    found = ss.design(SPECTRA["flat"], 12, sampler="dpmpp_3m", alphas_cumprod=abar)
    assert found.smooth_error > 0.0
    assert found.timesteps is not None
    assert len(found.timesteps) == 12
    sigmas = np.sqrt((1.0 - abar) / abar)[found.timesteps]
    np.testing.assert_allclose(found.schedule.sigmas[:-1], sigmas, rtol=1e-12)
    assert found.loss == ss.evaluate(SPECTRA["flat"], found.schedule, sampler="dpmpp_3m")
