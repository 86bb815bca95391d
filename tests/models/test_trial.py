"""Trials: errors that are known, standard errors, tables, metrics, executors, refusals."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import specsched as ss

VARIANCES = np.array([2.0, 0.5, 0.02])
DENOISER = ss.models.gaussian(VARIANCES)
LEVELS = {
    "edm": ss.Schedule([*ss.baselines.edm(6, sigma_max=14.6, sigma_min=0.03).sigmas, 0.0]),
    "exponential": ss.Schedule([*ss.baselines.exponential(6, sigma_max=14.6, sigma_min=0.03).sigmas, 0.0]),
}


def noise(rows: int = 12) -> Any:
    return np.random.default_rng(0).standard_normal((rows, 3))


def test_errors_of_a_gaussian_denoiser_are_those_of_its_gains() -> None:
    starts = noise()
    found = ss.trial(LEVELS, DENOISER, starts, sampler="dpmpp_2m", levels=480, sigma_floor=0.03)
    fine = ss.Schedule([*np.geomspace(14.6, 0.03, 4000), 0.0])
    limit = ss.transfer(VARIANCES, fine, sampler="dpmpp_3m").gain
    for k, schedule in enumerate(LEVELS.values()):
        gain = ss.transfer(VARIANCES, schedule, sampler="dpmpp_2m").gain
        squares = np.mean((starts * (gain - limit)) ** 2, axis=1)
        assert found.errors[k] == pytest.approx(np.sqrt(squares.mean()), rel=1e-3)
        np.testing.assert_allclose(found.by_start[k], squares, rtol=1e-2)
        deviation = squares.std(ddof=1) / np.sqrt(12) / (2 * found.errors[k])
        assert found.standard_errors[k] == pytest.approx(deviation, rel=1e-3)
    assert found.reference_error < 1e-5
    assert found.names == ("edm", "exponential")
    assert found.schedule == LEVELS[found.best]


def test_the_table_lists_the_best_first_and_what_it_cost() -> None:
    found = ss.trial(LEVELS, DENOISER, noise(), sampler="heun")
    lines = repr(found).splitlines()
    assert lines[0].split() == ["sampler", "calls", "RMSE", "+-"]
    assert lines[1].split()[:3] == [found.best, "heun", "13"]
    assert lines[-1].startswith("12 starts; the converged solution errs by")
    assert "<th>RMSE</th>" in found._repr_html_()


def test_samplers_of_designs_and_names_of_lists() -> None:
    design = ss.design(VARIANCES, 7, sampler="heun", sigma_max=14.6, sigma_floor=0.03, target="data")
    found = ss.trial(
        [LEVELS["edm"].renamed("mine"), design], DENOISER, noise(), sampler="ddim", sigma_floor=0.03
    )
    assert found.names == ("mine", "designed for heun")
    assert [s.name for s in found.samplers] == ["ddim", "ddim"]
    found = ss.trial({"design": design}, DENOISER, noise())
    assert found.samplers[0].name == "heun"


def test_prefixes_are_shared_and_counted() -> None:
    calls = 0

    def counted(y: Any, sigma: float) -> Any:
        nonlocal calls
        calls += len(y)
        return DENOISER(y, sigma)

    twice = {"one": LEVELS["edm"], "two": LEVELS["edm"]}
    found = ss.trial(twice, counted, noise(), sampler="dpmpp_2m", sigma_floor=0.03, levels=60)
    assert found.calls == calls
    once = ss.trial({"one": LEVELS["edm"]}, counted, noise(), sampler="dpmpp_2m", sigma_floor=0.03, levels=60)
    assert found.calls == once.calls
    assert found.errors[0] == found.errors[1] == once.errors[0]


def test_metric_of_the_users() -> None:
    def largest(outputs: Any, reference: Any) -> Any:
        return np.abs(outputs - reference).max(axis=1)

    found = ss.trial(LEVELS, DENOISER, noise(), sampler="ddim", metric=largest)
    assert found.metric == "largest"
    plain = ss.trial(LEVELS, DENOISER, noise(), sampler="ddim")
    assert (found.errors >= plain.errors).all()
    with pytest.raises(ValueError, match="one finite number for each of the 12 starts"):
        ss.trial(LEVELS, DENOISER, noise(), sampler="ddim", metric=lambda a, b: 1.0)


def test_a_metric_that_cannot_be_called_is_refused_before_anything_runs() -> None:
    def never(y: np.ndarray, sigma: float) -> np.ndarray:
        raise AssertionError("the network was asked")

    with pytest.raises(TypeError, match="metric must be None or a function, got 3"):
        ss.trial(LEVELS, never, noise(), sampler="ddim", metric=3)


def test_executors_change_nothing() -> None:
    alone = ss.trial(LEVELS, DENOISER, noise(), sampler="dpmpp_2m", batch_size=4)
    with ThreadPoolExecutor(2) as executor:
        spread = ss.trial(LEVELS, DENOISER, noise(), sampler="dpmpp_2m", batch_size=4, executor=executor)
    np.testing.assert_array_equal(alone.by_start, spread.by_start)
    with pytest.raises(TypeError, match="executor must be None or"):
        ss.trial(LEVELS, DENOISER, noise(), sampler="ddim", executor=2)  # type: ignore[arg-type]


def test_conditions_follow_their_starts_through_batches() -> None:
    torch = pytest.importorskip("torch", reason="needs the extra 'frameworks'")
    means = torch.arange(12.0, dtype=torch.float64)[:, None] * torch.ones(3, dtype=torch.float64)

    def network(x: Any, sigma: Any, mean: Any) -> Any:
        return mean + (x - mean) / (1 + sigma[:, None] ** 2)

    starts = torch.tensor(noise())
    denoiser = ss.models.from_edm(network, mean=means)
    found = ss.trial(LEVELS, denoiser, starts, sampler="dpmpp_2m", batch_size=5)
    assert float((found.reference - means).abs().max()) < 4.0
    whole = ss.trial(LEVELS, denoiser, starts, sampler="dpmpp_2m")
    np.testing.assert_allclose(found.by_start, whole.by_start, rtol=1e-10)


@pytest.mark.parametrize(
    ("schedules", "options", "message"),
    [
        ({}, {}, "must not be empty"),
        (LEVELS, {"sampler": "ddpm"}, "stochastic sampler ddpm"),
        ({**LEVELS, "low": [10.0, 0.0]}, {}, "same level; 'edm' starts at 14.6, 'low' at 10"),
        ([[14.6, 1.0]], {}, "ends at sigma = 1"),
        (LEVELS, {"sigma_floor": 0.1}, "below sigma_floor = 0.1"),
    ],
)
def test_what_trial_refuses(schedules: Any, options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ss.trial(schedules, DENOISER, noise(), **{"sampler": "ddim", **options})


def test_a_recording_is_one_that_record_made() -> None:
    with pytest.raises(TypeError, match="recording must be a Recording, got bool"):
        ss.trial(LEVELS, DENOISER, noise(), sampler="ddim", recording=True)  # type: ignore[arg-type]


def test_one_start_is_too_few() -> None:
    with pytest.raises(ValueError, match="at least 2 starts"):
        ss.trial(LEVELS, DENOISER, noise(1), sampler="ddim")


def test_the_picture_shows_what_the_recording_predicted() -> None:
    starts = noise()
    recording = ss.record(DENOISER, starts, sigma_max=14.6, sigma_floor=0.03)
    known = ss.trial(LEVELS, DENOISER, starts, sampler="dpmpp_2m", recording=recording)
    plain = ss.trial(LEVELS, DENOISER, starts, sampler="dpmpp_2m", sigma_floor=0.03)
    drawn, without = (trial.plot().axes[0].get_legend_handles_labels()[1] for trial in (known, plain))
    assert set(drawn) - set(without) == {"predicted"}


def test_designs_for_two_processes_are_not_mixed() -> None:
    designs = [ss.design(VARIANCES, 4, sigma_max=14.6, sigma_floor=0.03, process=p) for p in ("vp", "ve")]
    with pytest.raises(ValueError, match=r"different processes, \['ve', 'vp'\]; pass process"):
        ss.trial(designs, DENOISER, noise())
