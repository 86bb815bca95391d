"""Refinement of whole solvers, coefficients and model times included, on a denoiser that is not linear."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import specsched as ss

SPREAD = np.array([0.5, 0.2, 0.1, 0.05])
FLOOR = 0.02
ENDS = {"sigma_max": 20.0, "sigma_floor": FLOOR}


def denoiser(y: Any, sigma: float) -> Any:
    """Exact for a mixture of two Gaussians at +-1 in every coordinate, each with its own spread."""
    power, total = SPREAD**2, SPREAD**2 + sigma**2
    return (power * y + sigma**2 * np.tanh(y / total)) / total


def noise(rows: int = 24, seed: int = 0) -> Any:
    return np.random.default_rng(seed).standard_normal((rows, 4))


@pytest.fixture(scope="module")
def design() -> ss.Design:
    return ss.design(ss.Spectrum(1.0 + SPREAD**2), 6, sampler=ss.samplers.Multistep(order=3), **ENDS)


def fresh_errors(**tried: Any) -> dict[str, float]:
    trial = ss.trial(tried, denoiser, noise(200, 7), sigma_floor=FLOOR)
    return dict(zip(trial.names, trial.errors.tolist(), strict=True))


@pytest.mark.parametrize("parameters", ["coefficients", "all"])
def test_refined_solvers_are_better_on_fresh_starts(design: ss.Design, parameters: Any) -> None:
    found = ss.refine(design, denoiser, noise(), parameters=parameters, candidates=[], sigma_floor=FLOOR)
    assert found.heldout_error < 0.6 * found.start_error
    errors = fresh_errors(design=design, refined=found)
    assert errors["refined"] < 0.6 * errors["design"]
    assert found.calls <= 20_000
    solver: Any = found.sampler
    assert solver.order == 3
    assert np.abs(solver.coefficients).max() <= 4.0
    assert np.abs(solver.model_times).max() <= 0.5
    assert (found.schedule == design.schedule) == (parameters == "coefficients")
    assert found.schedule[-2] >= FLOOR


def test_all_is_the_default_and_candidates_are_tried(design: ss.Design) -> None:
    found = ss.refine(design, denoiser, noise(), sigma_floor=FLOOR, max_iter=4)
    assert found.sampler != design.sampler
    assert len(found.candidates) == 5
    assert found.heldout_error <= min(found.candidates.values())


def test_saved_refinements_bring_their_solver(design: ss.Design, tmp_path: Path) -> None:
    found = ss.refine(design, denoiser, noise(), candidates=[], sigma_floor=FLOOR, max_iter=1)
    found.schedule.save(tmp_path / "refined.json")
    again = ss.Schedule.load(tmp_path / "refined.json")
    assert again.made_for["process"] == found.process
    expected = ss.sample(denoiser, noise(2), found)
    np.testing.assert_array_equal(ss.sample(denoiser, noise(2), again), expected)


def test_solvers_without_a_table_are_designed_first() -> None:
    schedule = ss.Schedule([20.0, 3.0, 1.0, 0.3, 0.0])
    with pytest.raises(ValueError, match="has no coefficients yet; refine a design"):
        ss.refine(schedule, denoiser, noise(), sampler=ss.samplers.Multistep(order=2), sigma_floor=FLOOR)


def test_designed_candidates_keep_their_own_coefficients(design: ss.Design) -> None:
    """Of several designed solvers, of other orders too, the best is refined, and nothing ends below any of them."""
    other = ss.design(ss.Spectrum(1.0 + SPREAD**2), 6, sampler=ss.samplers.Multistep(order=2), **ENDS)
    good = ss.refine(other, denoiser, noise(), candidates=[], sigma_floor=FLOOR, max_iter=3)
    tried = {"second order": other, "refined": good, "edm": ss.Schedule([20.0, 9.0, 3.0, 1.0, 0.3, 0.1, 0.0])}
    found = ss.refine(design, denoiser, noise(), candidates=tried, sigma_floor=FLOOR, max_iter=0)
    # each alone gets the error that it has among the candidates
    for name in ("second order", "refined"):
        alone = ss.refine(tried[name], denoiser, noise(), candidates=[], sigma_floor=FLOOR, max_iter=0)
        assert alone.start_error == pytest.approx(found.candidates[name], rel=1e-9)
    usual = ss.refine(
        tried["edm"], denoiser, noise(), sampler="dpmpp_2m", candidates=[], sigma_floor=FLOOR, max_iter=0
    )
    assert usual.start_error == pytest.approx(found.candidates["edm"], rel=1e-9)
    assert found.start == "refined"
    assert found.sampler == good.sampler
    assert found.heldout_error == min(found.candidates.values())
    further = ss.refine(design, denoiser, noise(), candidates=tried, sigma_floor=FLOOR, max_iter=3)
    assert further.sampler.options["order"] == 2
    assert further.heldout_error < found.heldout_error


def test_a_designed_candidate_beside_a_fixed_solver_is_refined_as_a_whole(design: ss.Design) -> None:
    good = ss.refine(design, denoiser, noise(), candidates=[], sigma_floor=FLOOR, max_iter=3)
    levels = design.schedule.renamed("levels").remembering({})
    options: dict[str, Any] = {"sampler": "ddim", "candidates": {"good": good}, "sigma_floor": FLOOR}
    found = ss.refine(levels, denoiser, noise(), max_iter=2, **options)
    assert found.start == "good"
    solver: Any = found.sampler
    assert solver.order == 3
    assert solver.model_times is not None
    kept = ss.refine(levels, denoiser, noise(), parameters="levels", max_iter=2, **options)
    assert kept.sampler == good.sampler
    assert kept.schedule != good.schedule
