"""Designs in groups: the same bits as one by one, and each problem on its own when something goes wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import specsched as ss
from specsched import _core
from specsched.designs.problem import Options, make_problem
from specsched.designs.scans.batch import design_many
from specsched.designs.scans.result import Outcome

RNG = np.random.default_rng(8)
SPECTRA = [
    ss.Spectrum(np.exp(RNG.normal(size=n)) / np.arange(1, n + 1) ** slope)
    for n, slope in [(1, 0.0), (5, 1.0), (40, 2.0), (96, 1.5), (150, 1.0)]  # the last one gets compressed
]


def alone(problem: dict[str, Any]) -> Outcome:
    found = ss.design(**problem)
    name, value = found.best_baseline
    return Outcome(found.loss, found.success, found.kkt_error, name, value, found.schedule.sigmas)


def same(a: Outcome | None, b: Outcome) -> bool:
    if a is None or a.sigmas is None or b.sigmas is None:
        return False
    return a._replace(sigmas=None) == b._replace(sigmas=None) and bool(np.array_equal(a.sigmas, b.sigmas))


@pytest.mark.parametrize(
    "options",
    [
        {"steps": 1},
        {"steps": 2, "sigma_min": 0.01},
        {"steps": 10, "sigma_floor": 0.02},
        {"steps": 6, "min_ratio": 1.3, "sigma_floor": 0.05},
        {"steps": 7, "loss": "kl", "process": "ve"},
        {"steps": 5, "sampler": "ddpm", "loss": "reverse_kl"},
        {"steps": 5, "sampler": "ddpm", "sigma_min": 0.05, "method": "newton"},
        {"steps": 4, "denoiser_error": 0.05},
        {"steps": 4, "sampler": "dpmpp_2m"},
        {"steps": 4, "method": "slsqp"},
    ],
    ids=str,
)
def test_groups_equal_single_designs(options: dict[str, Any]) -> None:
    problems = [{"spectrum": spectrum, **options} for spectrum in SPECTRA]
    for problem, outcome in zip(problems, design_many(problems, threads=2), strict=True):
        assert same(outcome, alone(problem))


def test_groups_are_found_in_any_order() -> None:
    problems = [{"spectrum": s, "steps": n} for s in SPECTRA[:3] for n in (3, 6)]
    problems.append({"spectrum": SPECTRA[1], "steps": 3, "init": [157.4, 1.0, 0.1, 0.0]})
    problems.append({"spectrum": [SPECTRA[1], SPECTRA[2]], "steps": 3})
    for problem, outcome in zip(problems, design_many(problems), strict=True):
        assert same(outcome, alone(problem))


def test_threads_do_not_matter() -> None:
    problems = [{"spectrum": spectrum, "steps": 8} for spectrum in SPECTRA]
    serial = design_many(problems, threads=1)
    for threads in (2, 3):
        for a, b in zip(design_many(problems, threads=threads), serial, strict=True):
            assert b is not None
            assert same(a, b)


def test_one_bad_problem_leaves_the_others_alone() -> None:
    problems: list[dict[str, Any]] = [{"spectrum": s, "steps": 3, "loss": "kl"} for s in SPECTRA[:2]]
    problems.insert(0, {"spectrum": ss.Spectrum([1.0, 0.0]), "steps": 3, "loss": "kl"})
    problems.append({"spectrum": ss.Spectrum([0.0]), "steps": 3, "loss": "kl"})
    outcomes = design_many(problems)
    assert [bool(outcome and outcome.error) for outcome in outcomes] == [True, False, False, True]
    assert outcomes[0] is not None
    assert outcomes[0].error.startswith("ValueError: loss='kl' is infinite for zero eigenvalues")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0}, "ValueError: steps must be at least 1"),
        ({"steps": True}, "TypeError: steps must be an integer, got a bool"),
        ({"steps": 3, "sampler": "dpm9"}, "ValueError: unknown sampler 'dpm9'"),
        ({"steps": 3, "sigma_min": [1]}, "TypeError: sigma_min must be a real number"),
        ({"steps": 3, "method": "magic"}, "ValueError: unknown method 'magic'"),
        ({"steps": 3, "combine": "best"}, "ValueError: unknown combine 'best'"),
    ],
)
def test_bad_options_fail_each_problem(options: dict[str, Any], message: str) -> None:
    outcomes = design_many([{"spectrum": spectrum, **options} for spectrum in SPECTRA[:3]])
    assert all(outcome is not None and outcome.error.startswith(message) for outcome in outcomes)


def test_true_is_not_one_step() -> None:
    first, second = design_many([{"spectrum": SPECTRA[1], "steps": n} for n in (1, True)])
    assert first is not None
    assert second is not None
    assert (first.error, second.error) == ("", "TypeError: steps must be an integer, got a bool")


def test_stops_between_slices() -> None:
    problems = [{"spectrum": SPECTRA[1], "steps": 3}] * 40
    answers = iter([False, True])
    outcomes = design_many(problems, stop=lambda: next(answers))
    finished = [outcome is not None for outcome in outcomes]
    assert finished == [True] * 32 + [False] * 8


def test_core_checks_shapes() -> None:
    core = make_problem((SPECTRA[1],), 3, Options(sigma_max=80.0)).core
    ((found, error),) = _core.design_many([core], np.empty((0, 4)), np.empty((1, 0, 4)), 1)
    assert error == ""
    assert found.status == _core.DesignStatus.converged
    assert found.start_losses.shape == (0,)
    with pytest.raises(ValueError, match="rows of steps"):
        _core.design_many([core], np.empty((0, 3)), np.empty((1, 0, 4)), 1)
    with pytest.raises(ValueError, match="own_starts must hold"):
        _core.design_many([core], np.empty((0, 4)), np.empty((2, 0, 4)), 1)
    longer = make_problem((SPECTRA[1],), 4, Options(sigma_max=80.0)).core
    with pytest.raises(ValueError, match="same steps"):
        _core.design_many([core, longer], np.empty((0, 4)), np.empty((2, 0, 4)), 1)
