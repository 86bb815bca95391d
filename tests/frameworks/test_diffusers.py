"""Hand-over against the real schedulers of diffusers: what they do with what we give them."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

from specsched import Schedule, baselines
from specsched.schedules.export.configuration import Configuration

diffusers = pytest.importorskip("diffusers", reason="needs the extra 'frameworks'")
torch = pytest.importorskip("torch", reason="needs the extra 'frameworks'")

# diffusers itself uses what NumPy and torch have deprecated
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

STABLE_DIFFUSION = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
SINGLE = 2e-7  # relative rounding of single precision


def build(name: str, **config: object) -> Any:
    return getattr(diffusers, name)(**config)


def levels_of(scheduler: Any) -> np.ndarray[Any, np.dtype[np.float64]]:
    return scheduler.sigmas.double().numpy()


def model_grid(scheduler: Any) -> np.ndarray[Any, np.dtype[np.float64]]:
    abar = scheduler.alphas_cumprod.double().numpy()
    return np.sqrt((1 - abar) / abar)


def on_grid(scheduler: Any, *, last: float = 0.0) -> tuple[Schedule, list[int]]:
    picked = [999, 845, 730, 587, 443, 310, 193, 116, 53, 13]
    return Schedule([*model_grid(scheduler)[picked], last]), picked


EULER = [
    {},
    {"use_karras_sigmas": True},
    {"use_beta_sigmas": True},
    {"interpolation_type": "log_linear"},
    {"final_sigmas_type": "sigma_min"},
    {"timestep_spacing": "leading", "steps_offset": 1},
    {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"},
]


@pytest.mark.parametrize("config", EULER)
@pytest.mark.parametrize("last", [0.0, 0.05])
def test_euler_runs_the_very_levels(config: dict[str, object], last: float) -> None:
    scheduler = build("EulerDiscreteScheduler", **STABLE_DIFFUSION, **config)
    ends = {"sigma_min": last} if last else {"sigma_min": 0.0, "sigma_floor": 0.03}
    schedule = baselines.edm(12, sigma_max=14.6, **ends)
    scheduler.set_timesteps(**schedule.to_diffusers(scheduler))
    np.testing.assert_allclose(levels_of(scheduler), schedule.sigmas, rtol=SINGLE)
    # conditioning: the fractional timesteps that we report, in single precision
    expected = schedule.timesteps(scheduler.alphas_cumprod)
    np.testing.assert_allclose(scheduler.timesteps.double().numpy(), expected, atol=2e-4)


def test_euler_of_video_diffusion() -> None:
    config = {"timestep_type": "continuous", "prediction_type": "v_prediction", "use_karras_sigmas": True}
    scheduler = build(
        "EulerDiscreteScheduler", sigma_min=0.002, sigma_max=700.0, **STABLE_DIFFUSION, **config
    )
    schedule = baselines.make("ays_svd", 10)
    scheduler.set_timesteps(**schedule.to_diffusers(scheduler))
    np.testing.assert_allclose(levels_of(scheduler), schedule.sigmas, rtol=SINGLE)
    np.testing.assert_allclose(scheduler.timesteps.numpy(), 0.25 * np.log(schedule.sigmas[:-1]), rtol=1e-5)


def test_our_timesteps_are_the_published_ones() -> None:
    tables = diffusers.schedulers.AysSchedules
    scheduler = build("EulerDiscreteScheduler", **STABLE_DIFFUSION)
    schedule = Schedule(tables["StableDiffusionXLSigmas"])
    published = tables["StableDiffusionXLTimesteps"]
    assert schedule.to_timesteps(scheduler.alphas_cumprod).tolist() == published
    for name, key in (("ays_sd15", "StableDiffusionSigmas"), ("ays_svd", "StableDiffusionVideoSigmas")):
        np.testing.assert_allclose(baselines.make(name, 10).sigmas, tables[key], rtol=1e-3)


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("DPMSolverMultistepScheduler", {}),
        ("DPMSolverMultistepScheduler", {"solver_order": 1}),
        ("DPMSolverMultistepScheduler", {"algorithm_type": "sde-dpmsolver++"}),
        ("DPMSolverMultistepScheduler", {"final_sigmas_type": "sigma_min", "algorithm_type": "dpmsolver"}),
        (
            "DPMSolverMultistepScheduler",
            {"final_sigmas_type": "sigma_min", "algorithm_type": "sde-dpmsolver", "solver_type": "heun"},
        ),
        ("DPMSolverMultistepScheduler", {"timestep_spacing": "trailing"}),
        ("DPMSolverSinglestepScheduler", {}),
        ("DPMSolverSinglestepScheduler", {"final_sigmas_type": "sigma_min"}),
    ],
)
@pytest.mark.parametrize("betas", [STABLE_DIFFUSION, {"beta_schedule": "linear"}])
def test_dpm_solver_runs_the_very_levels(
    name: str, config: dict[str, object], betas: dict[str, object]
) -> None:
    scheduler = build(name, **betas, **config)
    last = float(model_grid(scheduler)[0]) if "final_sigmas_type" in config else 0.0
    schedule, picked = on_grid(scheduler, last=last)
    arguments = schedule.to_diffusers(scheduler)
    scheduler.set_timesteps(**arguments)
    assert arguments == {"timesteps": picked}
    assert scheduler.timesteps.tolist() == picked
    np.testing.assert_allclose(levels_of(scheduler), schedule.sigmas, rtol=1e-6)


@pytest.mark.parametrize("name", ["DDPMScheduler", "DDPMParallelScheduler"])
def test_ddpm_steps_between_the_very_levels(name: str) -> None:
    scheduler = build(name)
    schedule, picked = on_grid(scheduler)
    scheduler.set_timesteps(**schedule.to_diffusers(scheduler))
    assert scheduler.timesteps.tolist() == picked
    successors = [int(scheduler.previous_timestep(t)) for t in scheduler.timesteps]
    assert successors == [*picked[1:], -1]
    # the variance of the last step but one tells which levels it stepped between
    a, b = schedule.alpha_bar[-3], schedule.alpha_bar[-2]
    variance = (1 - b) / (1 - a) * (1 - a / b)
    assert float(scheduler._get_variance(picked[-2])) == pytest.approx(variance, rel=1e-4)


def test_lcm_and_tcd_take_the_timesteps() -> None:
    lcm, tcd = build("LCMScheduler", **STABLE_DIFFUSION), build("TCDScheduler", **STABLE_DIFFUSION)
    picked = [999, 759, 499, 259]
    grid = model_grid(lcm)
    lcm.set_timesteps(**Schedule([*grid[picked], 0.0]).to_diffusers(lcm))
    tcd.set_timesteps(**Schedule([*grid[picked], grid[0]]).to_diffusers(tcd))
    assert lcm.timesteps.tolist() == picked
    assert tcd.timesteps.tolist() == picked


@pytest.mark.parametrize("betas", [STABLE_DIFFUSION, {"beta_schedule": "linear"}])
def test_heun_runs_any_levels(betas: dict[str, object]) -> None:
    scheduler = build("HeunDiscreteScheduler", **betas)
    schedule = baselines.edm(9, sigma_max=14.0, sigma_min=0.0, sigma_floor=0.03)
    scheduler.set_timesteps(**schedule.to_diffusers(scheduler))
    # every inner level stands twice, once for each evaluation; timesteps are rounded to single precision
    got = levels_of(scheduler)
    np.testing.assert_allclose(np.append(got[0], got[1::2]), schedule.sigmas, rtol=2e-5)
    np.testing.assert_array_equal(got[2:-1:2], got[1:-2:2])


@pytest.mark.parametrize("shift", [1.0, 3.0, 0.4])
def test_flow_match_runs_the_very_times(shift: float) -> None:
    scheduler = build("FlowMatchEulerDiscreteScheduler", shift=shift)
    schedule = baselines.flow_shift(8, sigma_max=200.0, shift=2.0)
    scheduler.set_timesteps(**schedule.to_diffusers(scheduler))
    np.testing.assert_allclose(levels_of(scheduler), schedule.flow_times, rtol=5e-7)
    np.testing.assert_allclose(scheduler.timesteps.numpy(), 1000 * schedule.flow_times[:-1], rtol=5e-7)


def test_flow_match_with_a_shift_set_later_and_inverted_levels() -> None:
    schedule = baselines.flow_uniform(5, sigma_max=30.0)
    later = build("FlowMatchEulerDiscreteScheduler")
    later.set_shift(5.0)
    later.set_timesteps(**schedule.to_diffusers(later))
    np.testing.assert_allclose(levels_of(later), schedule.flow_times, rtol=5e-7)
    inverted = build("FlowMatchEulerDiscreteScheduler", invert_sigmas=True)
    inverted.set_timesteps(**schedule.to_diffusers(inverted))
    np.testing.assert_allclose(levels_of(inverted), 1 - schedule.flow_times, atol=1e-7)


def test_flow_match_lcm_runs_the_very_times() -> None:
    scheduler = build("FlowMatchLCMScheduler", shift=3.0)
    schedule = baselines.flow_uniform(5, sigma_max=30.0)
    scheduler.set_timesteps(**schedule.to_diffusers(scheduler))
    np.testing.assert_allclose(levels_of(scheduler), schedule.flow_times, rtol=5e-7)


@pytest.mark.parametrize("shift", [1.0, 5.0])
def test_unipc_runs_the_very_flow_times(shift: float) -> None:
    config = {"use_flow_sigmas": True, "prediction_type": "flow_prediction", "flow_shift": shift}
    scheduler = build("UniPCMultistepScheduler", **config)
    schedule = baselines.flow_uniform(7, sigma_max=100.0)
    arguments = schedule.to_diffusers(scheduler)
    scheduler.set_timesteps(**arguments)
    np.testing.assert_allclose(levels_of(scheduler), schedule.flow_times, rtol=SINGLE)


@pytest.mark.parametrize("config", [{}, {"rho": 3.0, "sigma_min": 0.01, "sigma_max": 50.0}])
def test_edm_euler_runs_the_very_levels(config: dict[str, object]) -> None:
    scheduler = build("EDMEulerScheduler", **config)
    schedule = baselines.kl_optimal(9, sigma_max=50.0, sigma_min=0.0, sigma_floor=0.02)
    scheduler.set_timesteps(**schedule.to_diffusers(scheduler))
    np.testing.assert_allclose(levels_of(scheduler), schedule.sigmas, rtol=1e-6)


def test_edm_euler_is_kept_within_its_range() -> None:
    scheduler = build("EDMEulerScheduler", sigma_min=0.002, sigma_max=80.0)
    with pytest.raises(ValueError, match=r"sigmas\[0\] = 157 lies above the sigma_max 80 .*sigma_max=80"):
        Schedule([157.0, 1.0, 0.0]).to_diffusers(scheduler)
    with pytest.raises(ValueError, match=r"sigmas\[1\] = 0\.001 lies below .*sigma_floor=0\.002"):
        Schedule([80.0, 0.001, 0.0]).to_diffusers(scheduler)
    with pytest.warns(UserWarning, match=r"sigmas\[0\] = 80\.04 is taken for the model's highest level 80"):
        arguments = Schedule([80.04, 1.0, 0.002, 0.0]).to_diffusers(scheduler)
    scheduler.set_timesteps(**arguments)
    np.testing.assert_allclose(levels_of(scheduler), [80.0, 1.0, 0.002, 0.0], rtol=1e-6)


@pytest.mark.parametrize(
    "name",
    ["DPMSolverMultistepScheduler", "DDPMScheduler", "EulerDiscreteScheduler", "HeunDiscreteScheduler"],
)
def test_the_ends_of_stable_diffusion_rounded(name: str) -> None:
    """People write 14.61 or 14.62 for 14.6146: the scheduler runs its own highest level."""
    scheduler = build(name, **STABLE_DIFFUSION)
    grid = model_grid(scheduler)
    for written in (14.62, 14.61) if name in ("DPMSolverMultistepScheduler", "DDPMScheduler") else (14.62,):
        with pytest.warns(UserWarning, match=r"is taken for the model's highest level 14\.6146"):
            arguments = Schedule([written, grid[500], grid[7], 0.0]).to_diffusers(scheduler)
        scheduler.set_timesteps(**arguments)
        assert float(scheduler.timesteps[0]) == pytest.approx(999.0, abs=1e-3)
    with pytest.raises(ValueError, match=r"sigmas\[0\] = 14\.[79] "):
        Schedule([14.9, grid[500], 0.0]).to_diffusers(scheduler)


def test_a_last_level_rounded() -> None:
    scheduler = build(
        "DPMSolverMultistepScheduler",
        **STABLE_DIFFUSION,
        final_sigmas_type="sigma_min",
        algorithm_type="dpmsolver",
    )
    grid = model_grid(scheduler)
    with pytest.warns(UserWarning, match=r"last level 0\.0292 is taken for the model's 0\.0291675"):
        arguments = Schedule([grid[999], grid[500], 0.0292]).to_diffusers(scheduler)
    assert arguments == {"timesteps": [999, 500]}


def test_unipc_would_move_a_first_time_of_almost_one() -> None:
    scheduler = build("UniPCMultistepScheduler", use_flow_sigmas=True, prediction_type="flow_prediction")
    with pytest.raises(ValueError, match=r"moves flow times above 1 - 1e-06, .*smaller sigma_max"):
        Schedule([2e6, 1.0, 0.0]).to_diffusers(scheduler)


def test_to_k_diffusion_is_a_float32_tensor() -> None:
    tensor = Schedule([14.6, 1.0, 0.0]).to_k_diffusion()
    assert tensor.dtype == torch.float32
    assert tensor.tolist() == np.float32([14.6, 1.0, 0.0]).tolist()


def test_the_keywords_are_those_that_pipelines_look_for() -> None:
    """Pipelines look the name up in the signature of set_timesteps and pass it on beside the device."""
    euler, dpm = build("EulerDiscreteScheduler"), build("DPMSolverMultistepScheduler")
    for scheduler in (euler, dpm):
        schedule, _ = on_grid(scheduler)
        (keyword,) = schedule.to_diffusers(scheduler)
        assert keyword in inspect.signature(scheduler.set_timesteps).parameters
        scheduler.set_timesteps(**schedule.to_diffusers(scheduler), device="cpu")
        assert len(scheduler.timesteps) == schedule.steps


def test_what_the_refusals_say_is_so() -> None:
    """Third-order SDE-DPM-Solver stops; UniPC on noise predictions returns NaN at level 0."""
    lowest = {"final_sigmas_type": "sigma_min", "algorithm_type": "sde-dpmsolver"}
    third = build("DPMSolverMultistepScheduler", **lowest, solver_order=3)
    with pytest.raises(UnboundLocalError):
        constant_run(third)
    noise_form = build("UniPCMultistepScheduler", use_flow_sigmas=True, predict_x0=False)
    assert torch.isnan(constant_run(noise_form)).all()
    schedule = baselines.edm(5, sigma_max=10.0)
    for scheduler in (third, noise_form):
        with pytest.raises(ValueError, match=r"use .*from_config"):
            schedule.to_diffusers(scheduler)


def constant_run(scheduler: Any) -> Any:
    """Where a model that always returns 1 leads."""
    scheduler.set_timesteps(6)
    x = torch.ones(1, 1, 1, 1)
    for t in scheduler.timesteps:
        x = scheduler.step(torch.ones_like(x), t, x).prev_sample
    return x


REFUSED = [
    "DDIMScheduler",
    "PNDMScheduler",
    "DEISMultistepScheduler",
    "LMSDiscreteScheduler",
    "EulerAncestralDiscreteScheduler",
    "KDPM2DiscreteScheduler",
    "IPNDMScheduler",
    "SASolverScheduler",
    "EDMDPMSolverMultistepScheduler",
    "FlowMatchHeunDiscreteScheduler",
    "UniPCMultistepScheduler",
]


@pytest.mark.parametrize("name", REFUSED)
def test_schedulers_without_a_hook_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"use .*Scheduler"):
        baselines.edm(5, sigma_max=10.0).to_diffusers(build(name))


def gaussian_epsilon(x: float, sigma: float, eigenvalue: float) -> float:
    """The exact noise prediction for data N(0, eigenvalue) at the level sigma of the variance-exploding x."""
    return x * sigma / (eigenvalue + sigma * sigma)


@pytest.mark.parametrize("eigenvalue", [0.01, 0.37, 4.0])
def test_a_euler_run_has_the_gain_of_ddim(eigenvalue: float) -> None:
    """End to end: the product of (lambda + r r')/(lambda + r^2) over the steps of the schedule."""
    scheduler = build("EulerDiscreteScheduler", **STABLE_DIFFUSION)
    schedule = baselines.make("ays_sdxl", 10)
    scheduler.set_timesteps(**schedule.to_diffusers(scheduler))
    x = torch.ones(1, dtype=torch.float64)
    for k, t in enumerate(scheduler.timesteps):
        scheduler.scale_model_input(x, t)
        x = scheduler.step(gaussian_epsilon(x, float(schedule[k]), eigenvalue), t, x).prev_sample.double()
    r, s = schedule.sigmas[:-1], schedule.sigmas[1:]
    gain = np.prod((eigenvalue + r * s) / (eigenvalue + r * r))
    assert float(x) == pytest.approx(gain, rel=1e-5)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("DDPMScheduler", {"beta_schedule": "sigmoid", "beta_end": 0.02}),
        ("DDIMScheduler", {"beta_schedule": "squaredcos_cap_v2"}),
        ("DDIMScheduler", {"beta_schedule": "scaled_linear", "beta_start": 0.001}),
        ("DDIMScheduler", {"trained_betas": [0.001, 0.02, 0.3]}),
        ("DDIMScheduler", {"rescale_betas_zero_snr": True}),
    ],
)
def test_the_grid_of_a_configuration_is_that_of_the_scheduler(name: str, options: dict[str, Any]) -> None:
    scheduler = build(name, **options)
    found = Configuration.of({"_class_name": name, **options}).alphas_cumprod
    expected = scheduler.alphas_cumprod.double().numpy()
    assert found is not None
    np.testing.assert_allclose(found[:-1], expected[:-1], rtol=2e-4, atol=1e-9)  # single precision, added up
    assert found[-1] == pytest.approx(expected[-1], rel=2e-3, abs=1e-7)
    with pytest.raises(ValueError, match="unknown beta_schedule 'cubic'"):
        Configuration.of({"_class_name": name, "beta_schedule": "cubic"})
