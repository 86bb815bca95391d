"""Calls that once ended the process or came back with NaN: each is now an error that names its argument, or finite.

Every call runs in this process: a crash fails the whole run, which is what it would do to a user.
"""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import specsched as ss
from specsched import _core

sp = ss.samplers
DATA = ss.Spectrum([4.0, 1.0, 0.1])
NOTHING = ss.Spectrum([0.0, 0.0])


@pytest.mark.parametrize(
    ("call", "names"),
    [
        (lambda: ss.design(DATA, 4, sampler=sp.DDPM(eta=1.2), target="data"), "eta"),
        (lambda: ss.design(DATA, 4, sampler=sp.DDIM(eta=np.nextafter(1.0, 2.0)), target="data"), "eta"),
        (lambda: ss.design_eta(DATA, 4, eta_max=3), "eta_max"),
        (lambda: ss.scan([DATA], [4], sampler=sp.DDPM(eta=3), target="data"), "eta"),
        (lambda: sp.DDPM(s_noise=float("inf")), "s_noise"),
        (lambda: ss.design([1.0, 1e-160], 5, loss="kl", target="data"), "loss='kl'"),
        (lambda: ss.design([1.0, 1e-160], 5, loss="kl", method="slsqp", target="data"), "loss='kl'"),
        (lambda: ss.design([1.0, 1e-160], 5, loss="kl", sampler="dpmpp_2m", target="data"), "loss='kl'"),
        (
            lambda: ss.design(DATA, 5, sampler="dpmpp_2m", denoiser_error=1e154, target="data"),
            "denoiser_error",
        ),
        (
            lambda: ss.evaluate(DATA, [9.0, 1.0], sampler="dpmpp_2m", denoiser_error=1e154, target="data"),
            "denoiser_error",
        ),
        (lambda: ss.design([1e308, 1e308], 5, sampler="ddpm", target="data"), "eigenvalues"),
        (lambda: ss.value_and_grad([1e300], [9.0, 1.0, 0.1], target="data"), "eigenvalues"),
        (lambda: ss.Spectrum([1.0], weights=[1e101]), "weights"),
        (lambda: ss.Spectrum([1.0], mean_power=[1e101]), "mean_power"),
        (lambda: ss.transfer(DATA, [1e155, 1.0], process="ve"), "sigmas"),
        (lambda: ss.evaluate(DATA, [1.0, 1e-120], target="data"), "sigmas"),
        (lambda: ss.design(DATA, 5, sigma_max=1e160, target="data"), "sigma_max"),
        (lambda: ss.design(DATA, 5, sigma_min=1e-160, target="data"), "sigma_min"),
        (lambda: ss.design(DATA, 5, sigma_floor=1e-160, target="data"), "sigma_floor"),
    ],
)
def test_out_of_range_is_an_error_that_names_the_argument(call, names):
    with pytest.raises(ValueError, match=names):
        call()


def test_the_scan_reports_a_problem_without_a_finite_loss():
    grim = ss.Spectrum([1.0, 1e-160])
    found = ss.scan([DATA, grim, DATA], [5], loss="kl", target="data")
    assert not found.errors[0]
    assert not found.errors[2]
    assert "loss='kl'" in found.errors[1]


@pytest.mark.parametrize("method", ["newton", "slsqp"])
@pytest.mark.parametrize("end", [0.0, 0.1])
@pytest.mark.parametrize("process", ["vp", "ve", "flow"])
def test_data_without_variance_have_a_design(method, end, process):
    found = ss.design(NOTHING, 5, method=method, sigma_min=end, process=process, target="data")
    assert np.isfinite(found.kkt_error)
    assert np.isfinite(found.loss)


@pytest.mark.parametrize("part", [NOTHING, ss.Spectrum([1.0, 2.0], weights=[0.0, 0.0])])
def test_worst_case_of_nothing(part):
    found = ss.design([part] * 2, 3, combine="worst", target="data")
    assert found.loss == 0.0
    assert np.isfinite(found.kkt_error)


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
def test_a_matrix_is_an_array_of_samples():
    values = np.random.default_rng(0).normal(size=(8, 64))
    assert ss.Spectrum.from_stationary(np.matrix(values)) == ss.Spectrum.from_stationary(values)


def test_slsqp_stops_where_a_trial_point_has_no_loss(monkeypatch):
    from specsched.designs.methods import slsqp

    plain, calls = slsqp.finite, []

    def failing(values):
        calls.append(1)
        return plain(values * np.nan if len(calls) == 12 else values)

    monkeypatch.setattr(slsqp, "finite", failing)
    found = ss.design(DATA, 5, method="slsqp", target="data")
    assert np.isfinite(found.loss)
    assert found.loss <= found.best_baseline[1]


LIMITED = """
import resource, sys
import specsched as ss
import numpy as np
spectrum = ss.Spectrum(np.linspace(1.0, 2.0, 20000))
levels = np.geomspace(80.0, 0.01, 50)
alone = ss.evaluate(spectrum, levels, threads=1)
if sys.argv[1] == "memory":
    # Room for a few stacks only: of 4,096 threads most do not start.
    used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + (200 << 20),) * 2)
assert ss.evaluate(spectrum, levels, threads=4096) == alone
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits as Linux has them")
@pytest.mark.parametrize("limit", ["none", "memory"])
def test_more_threads_than_the_system_starts(limit):
    run = subprocess.run([sys.executable, "-c", LIMITED, limit], capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr


def test_admitted_range_reaches_its_ends():
    low, high = _core.LEAST_LEVEL, _core.LARGEST_LEVEL
    for sampler in ("ddim", "ddpm", "dpmpp_2m", "heun"):
        value, slope = ss.value_and_grad(DATA, [high, 1.0, low], sampler=sampler, target="data")
        assert np.isfinite(value)
        assert np.isfinite(slope).all()


# ---- the boundary of the core, which trusts nobody: what the package checks before is refused there all the same ----

ONE, TWO, EMPTY, NO_STARTS = np.array([1.0]), np.array([2.0, 1.0]), np.zeros(0), np.zeros((0, 4))
LEVELS = np.array([9.0, 3.0, 1.0, 0.0])
CRITERION = _core.Criterion(_core.Process.vp, _core.Loss.w2, _core.Target.limit, _core.Start.prior)
DDIM, TABLES = _core.Sampler("ddim", {}, 0.0), _core.Sampler("multistep", {"order": 3.0}, 0.0)
MODES = _core.Modes.gaussian(TWO, np.ones(2), np.ones(2), 9.0)


def judged(eigenvalues=TWO, weights=TWO, sigmas=LEVELS):
    return _core.Spectrum(eigenvalues, weights, TWO).evaluate(sigmas, DDIM, CRITERION, 1)


def problem(**other):
    parts = {"eigenvalues": TWO, "weights": TWO, "mean_power": TWO, "sampler": DDIM, "criterion": CRITERION}
    return _core.DesignProblem(**{**parts, "steps": 3, "sigma_max": 9.0, **other})


def recorded(band=(0,), prediction=((1.0, 0.1),), slope=((0.5,),), dimension=ONE):
    arrays = [np.array(a, dtype=float) for a in (prediction, slope)]
    return _core.Modes.recorded(
        0.1,
        9.0,
        arrays[0],
        list(band),
        ONE,
        arrays[1],
        np.zeros((1, 0)),
        ONE,
        np.asarray(dimension, dtype=float),
    )


def designed_on_modes(schedule=EMPTY, starts=NO_STARTS):
    return _core.modes_design(MODES, DDIM, 3, 9.0, 0.0, 0.1, 1.0, 0.0, 4.0, schedule, starts, 10, 1e-6, 2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: judged(weights=ONE), "weights has a wrong length"),
        (lambda: judged(weights=np.ones((1, 2))), "weights must be one-dimensional"),
        (lambda: judged(eigenvalues=EMPTY), "eigenvalues must be a non-empty vector"),
        (lambda: judged(eigenvalues=np.ones((2, 2))), "eigenvalues must be a non-empty vector"),
        (lambda: judged(sigmas=ONE), "at least two levels"),
        (
            lambda: judged(sigmas=np.array([9.0, 0.0, 1.0])),
            r"sigmas\[1\] is 0; losses are computed for levels",
        ),
        (lambda: judged(sigmas=np.array([9.0, np.nan])), r"sigmas\[1\] is nan"),
        (lambda: problem().loss(LEVELS[1:]), "steps"),
        (lambda: problem().value_and_grad(ONE), "levels"),
        (lambda: problem(steps=0), "steps must be at least 1"),
        (lambda: problem(eigenvalues=np.array([1.0, np.inf])), "eigenvalues, weights and mean_power"),
        (lambda: problem().set("hopes", 3.0), "there is no setting 'hopes'"),
        (lambda: _core.check_ends(9.0, 0.1, 0.0, 5.0, 8), "min_ratio=5 leaves no room"),
        (lambda: _core.design_many([problem()], NO_STARTS, np.zeros((2, 1, 4)), 1), "starts"),
        (lambda: _core.design_many([problem()], NO_STARTS, np.zeros((1, 1, 3)), 1), "starts"),
        (lambda: TABLES.with_table(np.zeros((3, 1)), EMPTY), "order - 1 columns"),
        (lambda: TABLES.with_table(np.zeros(3), EMPTY), "order - 1 columns"),
        (lambda: recorded(band=(1,)), "band must number the rows"),
        (lambda: recorded(band=(-1,)), "band must number the rows"),
        (lambda: recorded(prediction=(1.0,)), "prediction has a wrong shape"),
        (lambda: recorded(slope=((0.5,), (0.1,))), "slope has a wrong shape"),
        (lambda: _core.Modes.merged([MODES], [0.5, 0.5]), "one share for each set"),
        (
            lambda: _core.modes_losses(MODES, DDIM, np.zeros((2, 1)), 0.0),
            "rows must hold at least two levels each",
        ),
        (lambda: _core.modes_losses(MODES, DDIM, LEVELS, 0.0), "rows must hold at least two levels each"),
        (lambda: designed_on_modes(starts=np.zeros((1, 3))), r"starts must have steps \+ 1 columns"),
        (lambda: designed_on_modes(starts=LEVELS), r"starts must have steps \+ 1 columns"),
        (lambda: _core.solver_table(_core.Sampler("heun", {}, 0.0), LEVELS), "predict once per step"),
    ],
)
def test_the_core_refuses_what_does_not_fit(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_nothing_to_design_for_is_no_design():
    assert _core.design_many([], NO_STARTS, np.zeros((0, 0, 4)), 1) == []


def test_constants_of_the_search_are_set_one_by_one():
    changed = problem()
    before = changed.settings()
    name = next(iter(before))
    changed.set(name, before[name] + 1.0)
    assert changed.settings() == {**before, name: before[name] + 1.0}


def test_modes_of_the_core_answer_as_gaussians_do():
    """lambda / (lambda + r^2), and where the flow leads: sqrt(lambda / (lambda + r^2)) of the start."""
    answer = MODES.answer(3.0, 0.0)
    np.testing.assert_allclose(answer["slope"], TWO / (TWO + 9.0), rtol=1e-14)
    assert not answer["shift"].any()
    np.testing.assert_allclose(
        MODES.flow(3.0, 0.0) / MODES.flow(3.0, 3.0), np.sqrt(TWO / (TWO + 9.0)), rtol=1e-12
    )
