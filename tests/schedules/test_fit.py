"""Parametric families: recovered parameters, and the best member for a spectrum."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

from specsched import Schedule, Spectrum, baselines, best_member, evaluate, fit, tuned
from specsched.schedules.families import FAMILIES

PAPER = {"sigma_max": 157.4, "sigma_min": 0.01}
TO_ZERO = {"sigma_max": 80.0, "sigma_min": 0.0, "sigma_floor": 0.02}
SPECTRUM = Spectrum(1.0 / np.arange(1, 101) ** 1.5)


@pytest.mark.parametrize("ends", [PAPER, TO_ZERO, {}])
@pytest.mark.parametrize("steps", [4, 10, 112])
def test_parameters_are_recovered(ends: dict[str, float], steps: int) -> None:
    edm = fit(baselines.edm(steps, **ends, rho=5.0), "edm")
    assert edm.parameters == pytest.approx({"rho": 5.0}, rel=1e-6)
    sigmoid = fit(baselines.sigmoid(steps, **ends, start=-2.0, end=4.0, tau=0.8), "sigmoid")
    assert sigmoid.parameters == pytest.approx({"start": -2.5, "end": 5.0, "tau": 1.0}, rel=1e-4)
    for found in (edm, sigmoid):
        assert found.error < 1e-8


@pytest.mark.parametrize("parameters", [(0.2, 0.9, 1.7), (0.0, 1.0, 1.0), (0.1, 0.6, 0.5)])
def test_cosine_members_are_found_again(parameters: tuple[float, float, float]) -> None:
    """Different parameters can give the same schedule (0, 0.5, 1 and 0, 1, 0.5): levels are compared."""
    start, end, tau = parameters
    target = baselines.chen_cosine(60, **PAPER, start=start, end=end, tau=tau)
    found = fit(target)
    assert found.family == "cosine"
    assert found.error < 1e-6
    np.testing.assert_allclose(found.schedule.alpha_bar, target.alpha_bar, atol=1e-5)


def test_the_cosine_family_holds_nichol_and_dhariwals() -> None:
    found = fit(baselines.cosine(40, **PAPER, s=0.1), "cosine")
    assert found.parameters == pytest.approx({"start": 0.1 / 1.1, "end": 1.0, "tau": 1.0}, rel=1e-4)


@pytest.mark.parametrize("family", ["cosine", "sigmoid", "edm"])
def test_no_member_on_a_dense_grid_is_nearer(family: str) -> None:
    """The linear schedule is in none of the three; an exhaustive search must not find a nearer member."""
    target = baselines.linear(30, **PAPER)
    found = fit(target, family)
    assert found.schedule[0] == 157.4
    assert found.schedule[-1] == 0.01
    misfit = np.sqrt(np.mean((found.schedule.alpha_bar - target.alpha_bar) ** 2))
    assert found.error == pytest.approx(misfit, rel=1e-12)
    make = baselines.TABLE[FAMILIES[family]]
    grids: dict[str, list[dict[str, float]]] = {
        "edm": [{"rho": rho} for rho in np.geomspace(0.3, 100, 200)],
        "sigmoid": [
            {"start": a, "end": a + w} for a in np.linspace(-15, 5, 21) for w in np.linspace(1, 20, 20)
        ],
        "cosine": [
            {"start": a, "end": a + w * (1 - a), "tau": t}
            for a, w, t in itertools.product(
                np.linspace(0, 0.9, 10), np.linspace(0.1, 1, 10), (0.1, 0.3, 1, 3, 10)
            )
        ],
    }
    for parameters in grids[family]:
        member = make(30, **PAPER, **parameters)
        error = math.sqrt(np.mean((member.alpha_bar - target.alpha_bar) ** 2))
        assert error >= found.error - 1e-9, parameters


@pytest.mark.parametrize("levels", [[10.0, 0.0], [10.0, 1.0], [10.0, 1.0, 0.0]])
def test_schedules_without_inner_levels_fit_exactly(levels: list[float]) -> None:
    found = fit(levels, "edm")
    assert found.schedule == Schedule(levels)
    assert found.error == 0.0
    assert found.parameters == {"rho": 7.0}


def test_text_of_a_fit() -> None:
    text = repr(fit(baselines.edm(20, **PAPER, rho=3.0), "edm"))
    assert text.startswith("Fit(edm: rho=3; error ")
    assert repr(best_member([1.0], 1, family="edm", **PAPER, target="data")).startswith(
        "Member(edm: rho=7; loss "
    )


@pytest.mark.parametrize("family", sorted(FAMILIES))
@pytest.mark.parametrize("ends", [PAPER, TO_ZERO])
def test_best_members_are_members_and_beat_the_defaults(family: str, ends: dict[str, float]) -> None:
    member = best_member(SPECTRUM, 6, family=family, **ends, target="data")
    default = baselines.TABLE[FAMILIES[family]](6, **ends)
    assert member.loss <= evaluate(SPECTRUM, default, target="data")
    assert member.loss == evaluate(SPECTRUM, member.schedule, target="data")
    rebuilt = baselines.TABLE[FAMILIES[family]](6, **ends, **member.parameters)
    assert rebuilt == member.schedule


def test_one_eigenvalue_has_equal_angles() -> None:
    """With a single eigenvalue, equal angles are the optimum: none may do better, their own finds it."""
    eigenvalue = 0.3
    members = tuned([eigenvalue], 8, **PAPER, target="data")
    best = baselines.kl_optimal(8, **PAPER, eigenvalue=eigenvalue)
    optimum = evaluate([eigenvalue], best, target="data")
    assert set(members) == set(FAMILIES)
    assert members["kl_optimal"].parameters["eigenvalue"] == pytest.approx(eigenvalue, rel=1e-3)
    assert members["kl_optimal"].loss == pytest.approx(optimum, rel=1e-9)
    assert all(member.loss >= optimum * (1 - 1e-12) for member in members.values())


def test_tuning_reaches_a_dense_scan() -> None:
    member = best_member(SPECTRUM, 10, family="edm", **PAPER, target="data")
    scan = [
        evaluate(SPECTRUM, baselines.edm(10, **PAPER, rho=rho), target="data")
        for rho in np.geomspace(0.3, 100, 400)
    ]
    assert member.loss <= min(scan) + 1e-12


def test_options_reach_the_evaluation() -> None:
    options: dict[str, Any] = {"sampler": "ddpm", "process": "ve", "loss": "kl"}
    member = best_member(SPECTRUM, 5, family="edm", **PAPER, **options, target="data")
    assert member.loss == evaluate(SPECTRUM, member.schedule, **options, target="data")


def test_bad_arguments() -> None:
    with pytest.raises(
        ValueError, match=r"unknown family 'cosin' \(did you mean 'cosine'\?\); known: beta, "
    ):
        fit(baselines.edm(5), "cosin")
    with pytest.raises(ValueError, match="unknown family 'lu'"):
        best_member(SPECTRUM, 5, family="lu", **PAPER, target="data")
    with pytest.raises(ValueError, match="unknown family 'none'"):
        tuned(SPECTRUM, 5, **PAPER, families=["edm", "none"], target="data")
    with pytest.raises(TypeError, match="got the string 'edm'"):
        tuned(SPECTRUM, 5, **PAPER, families="edm", target="data")
    with pytest.raises(ValueError, match="reverse it"):
        fit([0.0, 1.0, 2.0])
    with pytest.raises(ValueError, match="infinite for zero eigenvalues"):
        best_member([1.0, 0.0], 5, family="edm", **PAPER, loss="kl", target="data")
    with pytest.raises(ValueError, match="sigma_min must lie below sigma_max"):
        best_member([1.0], 5, family="edm", sigma_max=1.0, sigma_min=2.0, target="data")
    with pytest.raises(ValueError, match="steps must be at least 1"):
        tuned([1.0], 0, **PAPER, target="data")


def test_members_can_allow_for_a_denoiser_error() -> None:
    spectrum = Spectrum(1.0 / np.arange(1, 40) ** 2)
    ends = {"sigma_max": 80.0, "sigma_floor": 0.01}
    exact = tuned(spectrum, 8, sampler="dpmpp_2m", families=["sigmoid"], **ends, target="data")["sigmoid"]
    safe = tuned(
        spectrum, 8, sampler="dpmpp_2m", families=["sigmoid"], denoiser_error=0.3, **ends, target="data"
    )["sigmoid"]

    def with_error(member: Any) -> float:
        return evaluate(spectrum, member.schedule, sampler="dpmpp_2m", denoiser_error=0.3, target="data")

    assert exact.loss < safe.loss  # what is reported is the loss of the exact denoiser
    assert with_error(safe) < with_error(exact)
    assert safe.loss == pytest.approx(
        evaluate(spectrum, safe.schedule, sampler="dpmpp_2m", target="data"), rel=1e-12
    )
