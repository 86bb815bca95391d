"""Recordings wherever a spectrum stands: timesteps, paths, scans, tuned families, the worst of several, refusals."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

import specsched as ss
from specsched.designs.methods import on_timesteps
from specsched.designs.modes.problem import Asked, ModesProblem, make_modes_problem
from specsched.designs.problem import Options
from specsched.samplers import Multistep

GRID = np.cumprod(1 - np.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2)
SIGMAS = np.sqrt((1 - GRID) / GRID)
HIGH, LOW = float(SIGMAS[-1]), float(SIGMAS[0])


def record(scale: float) -> ss.Recording:
    """Of a pair of Gaussians under guidance."""
    denoiser = ss.models.gaussian(
        [2.0, 0.5, 0.1, 0.02], unconditional=[3.0, 1.0, 0.2, 0.05], guidance_scale=scale
    )
    noise = np.random.default_rng(0).standard_normal((8, 4))
    return ss.record(denoiser, noise, sigma_max=HIGH, sigma_floor=LOW, levels=40)


@pytest.fixture(scope="module")
def recording() -> ss.Recording:
    return record(1.0)


@pytest.fixture(scope="module")
def guided() -> list[ss.Recording]:
    return [record(scale) for scale in (1.0, 3.0, 7.5)]


def loss_of(recording: ss.Recording, design: Any, levels: Any = None, sampler: Any = None) -> float:
    """What a design for this recording with the error term of this one minimises, of its levels or of others."""
    schedule = design.schedule if levels is None else ss.Schedule(np.asarray(levels))
    asked = sampler or design.sampler
    error = getattr(design, "denoiser_error", 0.0) or None
    problem = make_modes_problem(
        recording, schedule.steps, Options(sampler=asked, denoiser_error=error), Asked()
    )
    return problem.errors(design.sampler)(schedule.sigmas)


@pytest.mark.parametrize("sampler", ["dpmpp_2m", "heun"])
def test_timesteps_of_a_model(recording: ss.Recording, sampler: str) -> None:
    found = ss.design(recording, 4, sampler=sampler, alphas_cumprod=GRID)
    assert found.timesteps is not None
    assert found.timesteps[0] == 999
    np.testing.assert_array_equal(found.schedule.sigmas, [*SIGMAS[found.timesteps], 0.0])
    assert found.grid_loss_ratio is not None
    assert found.grid_loss_ratio < 1.02
    best = loss_of(recording, found)
    for k in (1, 2, 3):  # no neighbouring timestep is better
        for move in (-1, 1):
            steps = found.timesteps.copy()
            steps[k] += move
            if steps[k] < 0 or (np.diff(steps) >= 0).any():
                continue
            assert loss_of(recording, found, [*SIGMAS[steps], 0.0]) >= best * (1 - 1e-9)
    rivals = found.baseline_schedules.values()
    assert best <= min(loss_of(recording, found, rival.sigmas) for rival in rivals) * (1 + 1e-9)


@pytest.mark.parametrize(("sampler", "error"), [("dpmpp_2m", None), (Multistep(order=3), 0.03)])
def test_timesteps_take_few_evaluations(
    recording: ss.Recording, sampler: Any, error: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where rounding costs little beside the continuous design, a longer search would find nothing better."""
    quick = ss.design(recording, 10, sampler=sampler, alphas_cumprod=GRID, denoiser_error=error)
    monkeypatch.setattr(on_timesteps, "NEAR", -1.0)
    thorough = ss.design(recording, 10, sampler=sampler, alphas_cumprod=GRID, denoiser_error=error)
    assert quick.nfev < 0.27 * thorough.nfev
    assert loss_of(recording, quick) <= loss_of(recording, thorough) * 1.01


def test_designed_solver_on_timesteps(recording: ss.Recording) -> None:
    found = ss.design(recording, 5, sampler=Multistep(order=2), alphas_cumprod=GRID)
    assert found.timesteps is not None
    plain = ss.design(recording, 5, sampler="dpmpp_2m", alphas_cumprod=GRID)
    assert loss_of(recording, found) <= loss_of(recording, plain) * (1 + 1e-9)


def test_a_grid_that_does_not_begin_where_the_recording_does(recording: ss.Recording) -> None:
    with pytest.raises(ValueError, match="is not a level of alphas_cumprod"):
        ss.design(recording, 4, alphas_cumprod=GRID[:900])


@pytest.mark.parametrize("sampler", ["dpmpp_2m", Multistep(order=2)])
def test_paths_are_no_worse_than_designs_one_by_one(recording: ss.Recording, sampler: Any) -> None:
    path = ss.design_path(recording, [6, 3, 4], sampler=sampler)
    assert list(path) == [6, 3, 4]
    for count, found in path.items():
        alone = ss.design(recording, count, sampler=sampler)
        assert loss_of(recording, found) <= loss_of(recording, alone) * (1 + 1e-9)


def test_scans_take_recordings(recording: ss.Recording, guided: list[ss.Recording]) -> None:
    found = ss.scan(recording, [3, 4], sampler="dpmpp_2m", threads=1)
    assert found.losses.ravel()[0] == ss.design(recording, 3, sampler="dpmpp_2m").loss
    named = ss.scan({"plain": guided[0], "all": guided}, 3, sampler=["ddim", "dpmpp_2m"], threads=1)
    assert not named.failed
    assert named.problems[2]["spectrum"] == "all"


def test_best_member_of_a_family(recording: ss.Recording) -> None:
    member = ss.best_member(recording, 5, family="edm", sampler="dpmpp_2m")
    untuned = ss.baselines.edm(5, sigma_max=HIGH, sigma_floor=LOW)
    assert member.loss <= ss.evaluate(recording, untuned, sampler="dpmpp_2m")
    assert member.schedule[0] == pytest.approx(HIGH)
    assert member.loss == pytest.approx(ss.evaluate(recording, member.schedule, sampler="dpmpp_2m"))
    assert ss.design(recording, 5, sampler="dpmpp_2m", denoiser_error=0.0).loss <= member.loss * (1 + 1e-9)


@pytest.mark.parametrize("sampler", ["ddim", "dpmpp_2m", Multistep(order=2)])
def test_worst_case_over_a_range_of_guidance(guided: list[ss.Recording], sampler: Any) -> None:
    mean = ss.design(guided, 5, sampler=sampler)
    worst = ss.design(guided, 5, sampler=sampler, combine="worst")
    each = [loss_of(one, worst, sampler=sampler) for one in guided]
    assert max(each) <= max(loss_of(one, mean, sampler=sampler) for one in guided)
    assert mean.loss == pytest.approx(np.sqrt(np.mean(np.square(mean.losses))))
    assert worst.loss == max(worst.losses)
    for one in guided:  # nor can it beat a design for the worst alone
        alone = ss.design(one, 5, sampler=sampler)
        assert max(each) >= loss_of(one, alone, sampler=sampler) * (1 - 1e-2)


def test_a_recording_and_a_spectrum_together(recording: ss.Recording) -> None:
    spectrum = ss.Spectrum([2.0, 0.5, 0.1, 0.02])
    found = ss.design([recording, spectrum], 5, sampler="dpmpp_2m")
    assert found.denoiser_error == 0.06
    assert found.schedule[0] == pytest.approx(HIGH)
    assert found.sigma_floor == LOW
    assert found.losses[1] == pytest.approx(
        ss.evaluate(spectrum, found.schedule, sampler="dpmpp_2m"), rel=1e-6
    )
    assert ss.design(recording, 5, sampler=Multistep(order=3)).denoiser_error == 0.03
    for steps, error in ((5, 0.06), (10, 0.045), (13, 0.03)):
        found = ss.design(spectrum, steps, sampler=Multistep(order=2), sigma_max=HIGH, sigma_floor=LOW)
        assert found.denoiser_error == pytest.approx(error)
        assert np.abs(found.sampler.coefficients).max() <= 2.0


def test_worst_case_is_stationary(guided: list[ss.Recording]) -> None:
    """No small move lowers the worst error by more than the rounds leave undone."""
    found = ss.design(guided, 4, sampler="ddim", combine="worst", denoiser_error=0.0)
    draw = np.random.default_rng(1)
    for _ in range(60):
        levels = found.schedule.sigmas.copy()
        levels[1:-1] = np.maximum(levels[1:-1] * np.exp(draw.normal(0.0, 0.02, 3)), LOW)
        assert max(ss.evaluate(one, levels) for one in guided) > found.loss * (1 - 2e-3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sampler": "ddpm"}, "'ddpm' adds noise: .* pass the spectrum instead .recording.spectrum."),
        ({"robust": True}, "robust is not available"),
        ({"method": "slsqp"}, "method is not available"),
        ({"combine": "best"}, "combine"),
        ({"loss": "kl"}, "loss='kl' is not available"),
        ({"schedule": [HIGH, 1.0, 0.0], "alphas_cumprod": GRID}, "pass one of the two"),
    ],
)
def test_what_designs_on_recordings_refuse(
    recording: ss.Recording, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        ss.design(recording, 2, **options)


def test_recordings_travel_and_show_themselves(recording: ss.Recording) -> None:
    again = pickle.loads(pickle.dumps(recording))
    schedule = ss.baselines.edm(4, sigma_max=HIGH, sigma_floor=LOW)
    assert again.predict(schedule, sampler="ddim") == recording.predict(schedule, sampler="ddim")
    shown = recording._repr_html_()
    assert shown.count("<tr>") == 1 + len(recording.names)
    assert "<th>gain</th>" in ss.transfer([1.0, 2.0], [10.0, 1.0, 0.0])._repr_html_()


def test_pictures(recording: ss.Recording) -> None:
    pytest.importorskip("matplotlib", reason="needs the extra 'plot'")
    from specsched.plot import plot_design, plot_spectrum

    left, right = recording.plot().axes[:2]
    assert len(left.lines) == 2 * len(recording.names)
    assert len(right.lines) == len(recording.names)
    design = ss.design(recording, 4, sampler="dpmpp_2m")
    labels = plot_design(design, recording).subfigs[0].axes[0].get_legend_handles_labels()[1]
    assert f"designed ({design.loss:.3g})" in labels
    assert plot_spectrum({"recorded": recording}).axes[0].lines
    noise = np.random.default_rng(2).standard_normal((4, 4))
    tried = {"designed": design, "edm": ss.baselines.edm(4, sigma_max=HIGH, sigma_floor=LOW)}
    trial = ss.trial(
        tried,
        ss.models.gaussian([2.0, 0.5, 0.1, 0.02]),
        noise,
        sampler="dpmpp_2m",
        sigma_floor=LOW,
        levels=40,
    )
    labels = [text.get_text() for text in trial.plot().axes[0].get_yticklabels()]
    assert labels[0].startswith(trial.best)


def test_what_is_minimised_beside_a_recording(recording: ss.Recording) -> None:
    """Its own spectrum, for levels alone and for tables, and for tables smooth errors that grow with the steps."""

    def problem(sampler: Any, steps: int) -> ModesProblem:
        return make_modes_problem(recording, steps, Options(sampler=sampler), Asked())

    own = problem("dpmpp_2m", 30).searched[0].size - recording.modes().size
    assert own > 0
    tables = [problem(Multistep(order=3), steps) for steps in (12, 14, 15, 30)]
    assert {table.searched[0].size for table in tables} == {tables[0].searched[0].size}
    assert tables[0].searched[0].size > recording.modes().size + own
    np.testing.assert_allclose([table.smooth_error for table in tables], [0.2, 0.2 + 0.8 / 3, 0.6, 0.6])
    np.testing.assert_allclose([table.denoiser_error for table in tables], [0.015, 0.031 / 3, 0.008, 0.008])
