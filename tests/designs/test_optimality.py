"""Conditions of optimality, convergence and constraints of designs, and what they say of themselves where they fail."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from standard_designs import FLOOR, HIGH, PAPER, SPECTRA, interior, slopes

import specsched as ss

Array = NDArray[np.float64]

design_module = import_module("specsched.designs.task")


@pytest.mark.parametrize("method", ["newton", "slsqp"])
@pytest.mark.parametrize("choice", [{}, {"loss": "kl"}, {"sampler": "ddpm"}], ids=["w2", "kl", "ddpm"])
def test_conditions_of_optimality_by_differences(choice: dict[str, Any], method: Any) -> None:
    spectrum = SPECTRA["power law"]
    for ends in (PAPER, FLOOR):
        found = ss.design(spectrum, 9, method=method, **choice, **ends, target="data")
        slope = slopes(spectrum, found.schedule, **choice)
        at_floor = found.schedule.sigmas[1:-1] <= ends.get("sigma_floor", 0.0) * (1 + 1e-9)
        assert np.abs(slope[~at_floor]).max() < 2e-6
        assert (slope[at_floor] > -1e-7).all()  # there the loss would fall only below the floor


def test_floor_that_binds() -> None:
    ends = {"sigma_max": 80.0, "sigma_min": 0.0, "sigma_floor": 0.3}
    spectrum = SPECTRA["power law"]
    found, free = (
        ss.design(spectrum, 10, **ends, target="data"),
        ss.design(spectrum, 10, sigma_max=80.0, target="data"),
    )
    assert free.schedule.sigmas[-2] < 0.3
    assert found.schedule.sigmas[-2] == pytest.approx(0.3, rel=1e-12)
    assert found.success
    assert found.loss > free.loss
    slope = slopes(spectrum, found.schedule)
    assert np.abs(slope[:-1]).max() < 1e-7
    assert slope[-1] > 1e-3


@pytest.mark.parametrize(("loss", "power"), [("w2", 2), ("kl", 1)])
def test_kkt_error_of_an_unfinished_design(loss: Any, power: int) -> None:
    spectrum = SPECTRA["wide"]
    found = ss.design(spectrum, 15, loss=loss, max_iter=1, **PAPER, target="data")
    assert not found.success
    assert found.status == 1
    assert "iteration limit" in found.message
    # Relative to the sum of the terms: the squared distance for W2.
    expected = power * np.abs(slopes(spectrum, found.schedule, loss=loss)).max()
    assert found.kkt_error == pytest.approx(expected, rel=1e-5, abs=1e-11)  # slopes near 0 are rounded


def test_slsqp_without_iterations_is_no_success() -> None:
    found = ss.design(SPECTRA["power law"], 12, method="slsqp", max_iter=1, **PAPER, target="data")
    assert not found.success
    assert found.message != "converged"
    assert found.kkt_error > 1e-6


def test_a_failed_search_returns_the_best_start(monkeypatch: pytest.MonkeyPatch) -> None:
    spectrum, steps = SPECTRA["power law"], 8

    def lost(problem: Any, starts: list[ss.Schedule]) -> Any:
        worst = max(starts, key=lambda start: problem.core.loss(start.sigmas))
        return design_module.Outcome(worst.sigmas, 0.0, 3, 5, True, "converged")

    monkeypatch.setitem(design_module.METHODS, "newton", lost)
    found = ss.design(spectrum, steps, **PAPER, target="data")
    name, loss = found.best_baseline
    assert found.loss == loss
    assert not found.success
    assert name in found.message
    # Relative to the squared distance, as for every method.
    assert found.kkt_error == pytest.approx(2.0 * np.abs(slopes(spectrum, found.schedule)).max(), rel=1e-5)
    # A start of one's own counts too; one that breaks a constraint does not.
    optimum = np.exp(interior(ss.design(spectrum, steps, method="slsqp", **PAPER, target="data").schedule))
    own = ss.design(spectrum, steps, init=[HIGH, *optimum, 0.01], **PAPER, target="data")
    np.testing.assert_array_equal(own.schedule.sigmas[1:-1], optimum)
    wide = ss.design(spectrum, steps, min_ratio=3.0, **PAPER, target="data").schedule.sigmas
    assert (wide[:-1] / wide[1:]).min() >= 3.0 * (1 - 1e-12)


def test_levels_that_coincide_are_put_to_use() -> None:
    spectrum, steps = SPECTRA["power law"], 12
    start = ss.baselines.exponential(steps, **PAPER).sigmas.copy()
    for crowd in (slice(3, 9), slice(1, 12), slice(6, 8)):
        levels = start.copy()
        count = levels[crowd].size
        levels[crowd] = levels[crowd][0] * (1 - 1e-12 * np.arange(count))
        found = ss.design(spectrum, steps, init=levels, **PAPER, target="data")
        assert found.success
        assert np.diff(interior(found.schedule)).max() < -1e-2
        assert found.loss == pytest.approx(ss.design(spectrum, steps, **PAPER, target="data").loss, rel=1e-9)


# --- constraints ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["newton", "slsqp"])
@pytest.mark.parametrize("ends", [PAPER, FLOOR], ids=["paper", "floor"])
def test_least_ratio(ends: dict[str, float], method: Any) -> None:
    spectrum, steps = SPECTRA["paper"], 12
    free = ss.design(spectrum, steps, **ends, target="data")
    found = ss.design(spectrum, steps, min_ratio=1.6, method=method, **ends, target="data")
    for result, holds in ((free, False), (found, True)):
        levels = result.schedule.sigmas if ends["sigma_min"] else result.schedule.sigmas[:-1]
        assert ((levels[:-1] / levels[1:]).min() >= 1.6 * (1 - 1e-9)) == holds
    assert found.success, found.message
    assert found.loss > free.loss


def test_largest_least_ratio_leaves_the_geometric_schedule() -> None:
    most = (HIGH / 0.01) ** (1 / 10)
    found = ss.design(SPECTRA["paper"], 10, min_ratio=most * (1 - 1e-9), **PAPER, target="data")
    np.testing.assert_allclose(found.schedule.sigmas, np.geomspace(HIGH, 0.01, 11), rtol=1e-7)


def test_slsqp_without_a_floor_stays_finite() -> None:
    # Left alone, the last level of LMS drifts towards 0 without end.
    spectrum = ss.Spectrum([2.1713571743319284, 156.76432701363606, 0.0007045664279716584])
    start = [80.0, 5.44647699571159, 0.020294137239625358, 0.0]
    found = ss.design(
        spectrum,
        3,
        sampler="lms",
        sigma_max=80.0,
        method="slsqp",
        min_ratio=1.0,
        denoiser_error=0.0,
        init=start,
        target="data",
    )
    assert np.isfinite(found.loss)
    assert np.isfinite(found.kkt_error)
    assert (np.diff(found.schedule.sigmas) < 0.0).all()
    assert found.loss <= ss.evaluate(spectrum, start, sampler="lms", target="data")
