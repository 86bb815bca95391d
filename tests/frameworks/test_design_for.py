"""From real diffusers schedulers to schedules that run in them: levels, solver and scale of the start, end to end."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import specsched as ss
from specsched.models.configured.problems import problem_of

diffusers = pytest.importorskip("diffusers", reason="needs the extra 'frameworks'")
torch = pytest.importorskip("torch", reason="needs the extra 'frameworks'")

# diffusers itself uses what NumPy and torch have deprecated
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore:.*takes no custom levels:UserWarning"),
]

EIGENVALUES = np.array([0.003, 0.1, 0.37, 1.0, 5.0])
SPECTRUM = ss.Spectrum(EIGENVALUES, weights=[400, 60, 20, 5, 1])
SD = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
FLOW = {"use_flow_sigmas": True, "prediction_type": "flow_prediction", "flow_shift": 3.0}

CASES: list[tuple[str, dict[str, Any], str]] = [
    ("EulerDiscreteScheduler", SD, "ddim"),
    ("EulerDiscreteScheduler", {**SD, "timestep_spacing": "leading", "steps_offset": 1}, "ddim"),
    ("EulerDiscreteScheduler", {**SD, "use_karras_sigmas": True, "prediction_type": "v_prediction"}, "ddim"),
    (
        "EulerDiscreteScheduler",
        {
            "timestep_type": "continuous",
            "prediction_type": "v_prediction",
            "sigma_min": 0.002,
            "sigma_max": 700.0,
        },
        "ddim",
    ),
    ("HeunDiscreteScheduler", {**SD, "use_karras_sigmas": True}, "heun"),
    ("DPMSolverMultistepScheduler", SD, "dpmpp_2m"),
    ("DPMSolverMultistepScheduler", {**SD, "use_karras_sigmas": True, "euler_at_final": True}, "dpmpp_2m"),
    ("DPMSolverMultistepScheduler", {**SD, "solver_order": 3}, "dpmpp_3m"),
    ("DPMSolverMultistepScheduler", {**SD, "solver_type": "heun", "lower_order_final": False}, "dpmpp_2m"),
    (
        "DPMSolverMultistepScheduler",
        {**SD, "algorithm_type": "dpmsolver", "final_sigmas_type": "sigma_min"},
        "dpm_multistep",
    ),
    (
        "DPMSolverSinglestepScheduler",
        {**SD, "solver_order": 2, "lower_order_final": True},
        "dpmpp_singlestep",
    ),
    ("DDIMScheduler", {**SD, "steps_offset": 1, "set_alpha_to_one": False}, "ddim"),
    ("DDIMScheduler", {**SD, "timestep_spacing": "trailing"}, "ddim"),
    ("DDIMScheduler", {**SD, "rescale_betas_zero_snr": True, "prediction_type": "v_prediction"}, "ddim"),
    ("DDIMParallelScheduler", {}, "ddim"),
    ("CogVideoXDDIMScheduler", {"prediction_type": "v_prediction"}, "ddim"),
    ("FlowMatchEulerDiscreteScheduler", {"shift": 3.0}, "ddim"),
    ("FlowMatchEulerDiscreteScheduler", {"shift": 3.0, "use_dynamic_shifting": True}, "ddim"),
    ("UniPCMultistepScheduler", FLOW, "unipc"),
    ("UniPCMultistepScheduler", {**FLOW, "final_sigmas_type": "sigma_min", "solver_order": 3}, "unipc"),
    ("EDMEulerScheduler", {}, "ddim"),
    ("EDMEulerScheduler", {"sigma_schedule": "exponential", "final_sigmas_type": "sigma_min"}, "ddim"),
    # no custom levels in diffusers: DesignedScheduler runs them
    ("PNDMScheduler", {**SD, "skip_prk_steps": True, "set_alpha_to_one": False, "steps_offset": 1}, "plms"),
    ("UniPCMultistepScheduler", SD, "unipc"),
    ("UniPCMultistepScheduler", {**SD, "prediction_type": "v_prediction", "solver_order": 3}, "unipc"),
    ("DEISMultistepScheduler", SD, "deis"),
    ("LMSDiscreteScheduler", SD, "lms"),
    ("KDPM2DiscreteScheduler", {}, "dpm_2"),
    ("DPMSolverMultistepScheduler", FLOW, "dpmpp_2m"),
    ("FlowMatchHeunDiscreteScheduler", {"shift": 3.0}, "heun"),
    ("EDMDPMSolverMultistepScheduler", {}, "dpmpp_2m"),
]
STOCHASTIC: list[tuple[str, dict[str, Any], str]] = [
    ("DDPMScheduler", {}, "ddpm"),
    ("DDPMParallelScheduler", SD, "ddpm"),
    ("DPMSolverMultistepScheduler", {**SD, "algorithm_type": "sde-dpmsolver++"}, "dpmpp_2m_sde"),
    (
        "DPMSolverMultistepScheduler",
        {**SD, "algorithm_type": "sde-dpmsolver++", "solver_type": "heun"},
        "dpmpp_2m_sde_heun",
    ),
]
OWN_STOCHASTIC: list[tuple[str, dict[str, Any], str]] = [
    ("EulerAncestralDiscreteScheduler", SD, "ddpm"),
    ("KDPM2AncestralDiscreteScheduler", SD, "dpm_2_ancestral"),
    ("CosineDPMSolverMultistepScheduler", {}, "dpmpp_2m_sde"),
]


def name_of(case: Any) -> str:
    if not isinstance(case, dict):
        return str(case)
    return ",".join(f"{key}={value}" for key, value in case.items() if "beta_" not in key)


def make(name: str, config: dict[str, Any]) -> Any:
    if name.startswith("Cosine"):
        pytest.importorskip("torchsde", reason="CosineDPMSolverMultistepScheduler needs it")
    return getattr(diffusers, name)(**config)


@pytest.mark.parametrize(("name", "config", "sampler"), CASES, ids=name_of)
def test_pipelines_do_what_was_designed(name: str, config: dict[str, Any], sampler: str) -> None:
    """The scheduler, run on an exact denoiser as pipelines run it, has the gains of the design's own transfer."""
    own = make(name, config)
    found = ss.design_for(own, SPECTRUM, 8)
    assert found.design.sampler.name == sampler
    assert found.design.success
    got = gains(found, own)
    options = {"sampler": found.design.sampler, "process": found.problem.process}
    expected = np.sqrt(ss.transfer(SPECTRUM, found.design.schedule, **options).variance)
    # diffusers computes in single precision, and tells networks of flow models whole timesteps
    np.testing.assert_allclose(got, expected, rtol=2e-3)


@pytest.mark.parametrize(("name", "config", "sampler"), STOCHASTIC, ids=name_of)
def test_stochastic_solvers_get_their_levels(name: str, config: dict[str, Any], sampler: str) -> None:
    found = ss.design_for(make(name, config), SPECTRUM, 8)
    assert found.design.sampler.name == sampler
    found.scheduler.set_timesteps(**found.arguments)
    timesteps = found.scheduler.timesteps.tolist()
    assert timesteps == found.design.timesteps.tolist()
    abar = found.scheduler.alphas_cumprod.double().numpy()[timesteps]
    np.testing.assert_allclose(np.sqrt((1 - abar) / abar), found.design.schedule.sigmas[:-1], rtol=1e-6)


@pytest.mark.parametrize(("name", "config", "sampler"), OWN_STOCHASTIC, ids=name_of)
def test_stochastic_solvers_run_by_our_scheduler(name: str, config: dict[str, Any], sampler: str) -> None:
    """The spread of many outputs is that of the design's own transfer."""
    own = make(name, config)
    with pytest.warns(UserWarning, match="DesignedScheduler runs the same steps"):
        found = ss.design_for(own, SPECTRUM, 8)
    assert found.design.sampler.name == sampler
    generator = torch.Generator().manual_seed(3)
    starts = torch.randn(4000, EIGENVALUES.size, 1, 1, generator=generator)
    got = run(found, own, starts, generator).var(dim=0).ravel().numpy()
    options = {"sampler": found.design.sampler, "process": found.problem.process}
    expected = ss.transfer(SPECTRUM, found.design.schedule, **options).variance
    np.testing.assert_allclose(got, expected, rtol=0.1)  # four standard errors


def gains(found: Any, own: Any) -> np.ndarray[Any, Any]:
    """Spread of the output for a start of spread one, per eigenvalue, on the exact denoiser."""
    output = run(found, own, torch.ones(1, EIGENVALUES.size, 1, 1))
    return np.asarray(output.numpy().ravel(), dtype=np.float64)


def run(found: Any, own: Any, starts: Any, generator: Any = None) -> Any:
    """What a pipeline does, with an exact denoiser for the network."""
    scheduler = found.scheduler
    scheduler.set_timesteps(**found.arguments)
    eigenvalues = torch.tensor(EIGENVALUES, dtype=torch.float32).reshape(1, -1, 1, 1)
    sample = starts * getattr(scheduler, "init_noise_sigma", 1.0)
    drawn = {} if generator is None else {"generator": generator}
    for t in scheduler.timesteps:
        scaled = scheduler.scale_model_input(sample, t) if hasattr(scheduler, "scale_model_input") else sample
        output = network(scheduler, found.problem, own, sample, scaled, eigenvalues)
        sample = scheduler.step(output, t, sample, **drawn).prev_sample
    return sample


def network(scheduler: Any, problem: Any, own: Any, sample: Any, scaled: Any, eigenvalues: Any) -> Any:
    """What a perfectly trained network would answer."""
    level = scheduler.sigmas[scheduler.step_index or 0]
    if problem.process == "flow":
        alpha, noise = 1 - level, level
    elif scaled is sample:  # variance preserving
        alpha, noise = 1 / (1 + level**2).sqrt(), level / (1 + level**2).sqrt()
    else:
        alpha, noise = torch.ones_like(level), level
    clean = eigenvalues / (eigenvalues + (noise / alpha) ** 2) * sample / alpha
    if hasattr(own, "precondition_outputs"):
        spread = own.config.sigma_data
        skip = spread**2 / (level**2 + spread**2)
        sign = -1.0 if problem.prediction == "v_prediction" else 1.0  # as diffusers' precondition_outputs
        return sign * (clean - skip * sample) / (level * spread / (level**2 + spread**2).sqrt())
    error = (sample - alpha * clean) / noise
    if problem.prediction == "v_prediction":
        unit = 1 / (1 + level**2).sqrt()
        return unit * error - unit * level * clean
    return {"epsilon": error, "sample": clean, "flow_prediction": error - clean}[problem.prediction]


def test_a_pipeline_its_scheduler_and_its_data() -> None:
    scheduler = make("EulerDiscreteScheduler", SD)
    rng = np.random.default_rng(0)
    latents = rng.normal(size=(20, 4, 8, 8)).cumsum(axis=-1).astype(np.float32)
    with pytest.warns(UserWarning, match="20 images in 256 dimensions"):
        found = ss.design_for(SimpleNamespace(scheduler=scheduler), torch.from_numpy(latents), 5, loss="w2")
    same = ss.design_for(scheduler, ss.Spectrum.from_stationary(latents, channel_axis=1), 5)
    assert found.scheduler is scheduler
    assert found.arguments == same.arguments
    assert "sigmas=[14.6146" in str(found)
    assert "runs on EulerDiscreteScheduler" in str(found)


def test_the_scheduler_stays_as_it_is() -> None:
    scheduler = make("DPMSolverMultistepScheduler", {**SD, "use_karras_sigmas": True})
    before = dict(scheduler.config)
    found = ss.design_for(scheduler, SPECTRUM, 5)
    assert dict(scheduler.config) == before
    assert not found.scheduler.config.use_karras_sigmas


@pytest.mark.filterwarnings("error")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_another_scheduler_is_announced() -> None:
    with pytest.warns(UserWarning, match="EulerDiscreteScheduler runs the same steps"):
        ss.design_for(make("DDIMScheduler", SD), SPECTRUM, 4)
    with pytest.warns(UserWarning, match="DesignedScheduler runs the same steps"):
        ss.design_for(make("PNDMScheduler", SD), SPECTRUM, 4)


@pytest.mark.parametrize(
    ("config", "sampler", "runner"),
    [
        (SD, "DPM++ 2M", "DPMSolverMultistepScheduler"),
        (SD, "dpmpp_3m", "DPMSolverMultistepScheduler"),
        ({**SD, "prediction_type": "v_prediction"}, "heun", "HeunDiscreteScheduler"),
        ({"shift": 3.0}, ss.samplers.UniPC(order=3), "UniPCMultistepScheduler"),
        (SD, "LMS", "DesignedScheduler"),
        ({"shift": 3.0}, "DPM++ 2M", "DesignedScheduler"),
    ],
    ids=name_of,
)
def test_another_solver_for_the_same_model(config: dict[str, Any], sampler: Any, runner: str) -> None:
    kind = "FlowMatchEulerDiscreteScheduler" if "shift" in config else "EulerDiscreteScheduler"
    own = make(kind, config)
    found = ss.design_for(own, SPECTRUM, 8, sampler=sampler)
    assert type(found.scheduler).__name__ == runner
    assert found.design.sampler == ss.samplers.as_sampler(sampler)
    got = gains(found, own)
    options = {"sampler": found.design.sampler, "process": found.problem.process}
    expected = np.sqrt(ss.transfer(SPECTRUM, found.design.schedule, **options).variance)
    np.testing.assert_allclose(got, expected, rtol=2e-3)


@pytest.mark.parametrize(
    ("name", "config", "advice"),
    [
        ("LCMScheduler", {}, "jump from noise to data"),
        ("TCDScheduler", {}, "jump from noise to data"),
        ("SASolverScheduler", {}, "DPMSolverMultistepScheduler"),
        ("CogVideoXDPMScheduler", {}, "CogVideoXDDIMScheduler"),
        ("IPNDMScheduler", {}, "PNDMScheduler"),
        ("DDIMInverseScheduler", {}, "from data to noise"),
        ("FlowMatchEulerDiscreteScheduler", {"stochastic_sampling": True}, "stochastic_sampling=False"),
        ("DPMSolverSinglestepScheduler", {"algorithm_type": "sde-dpmsolver++"}, "dpmsolver\\+\\+"),
        ("ScoreSdeVeScheduler", {}, "unknown scheduler"),
    ],
)
def test_what_cannot_be_designed_for_says_why(name: str, config: dict[str, Any], advice: str) -> None:
    with pytest.raises(ValueError, match=advice):
        ss.design_for(make(name, config), SPECTRUM, 5)


@pytest.mark.parametrize("sampler", ["dpmpp_2m", "ddpm", "deis"])
def test_a_configuration_that_diffusers_refuses(sampler: str) -> None:
    scheduler = make("DPMSolverMultistepScheduler", SD)
    scheduler.register_to_config(beta_schedule="quadratic")
    with pytest.raises(ValueError, match=r"diffusers makes no .*Scheduler .*: quadratic is not"):
        ss.design_for(scheduler, SPECTRUM, 5, sampler=sampler)


def test_wrong_arguments() -> None:
    scheduler = make("EulerDiscreteScheduler", SD)
    with pytest.raises(ValueError, match="sigma_max is read from the scheduler"):
        ss.design_for(scheduler, SPECTRUM, 5, sigma_max=10.0)
    with pytest.raises(TypeError, match="pipeline or a scheduler"):
        ss.design_for({"_class_name": "EulerDiscreteScheduler"}, SPECTRUM, 5)
    with pytest.raises(TypeError, match="got the class"):
        ss.design_for(diffusers.EulerDiscreteScheduler, SPECTRUM, 5)
    with pytest.raises(TypeError, match="got Spectrum"):
        ss.design_for(SPECTRUM, scheduler, 5)


@pytest.mark.parametrize(
    ("name", "config"), [case[:2] for case in (*CASES, *STOCHASTIC, *OWN_STOCHASTIC)], ids=name_of
)
def test_files_say_what_schedulers_say(name: str, config: dict[str, Any]) -> None:
    """The problem read from scheduler_config.json is that of the scheduler built from it."""
    whole = problem_of(make(name, config))
    for document in ({"_class_name": name, **config}, {"_class_name": name, **make(name, config).config}):
        read = problem_of(document)
        assert (read.sampler, read.process, read.runner) == (whole.sampler, whole.process, whole.runner)
        assert (read.prediction, set(read.changes)) == (whole.prediction, set(whole.changes))
        # single precision of alphas_cumprod, near 1 for the lowest level
        np.testing.assert_allclose(read.sigma_max, whole.sigma_max, rtol=1e-4)
        np.testing.assert_allclose(read.sigma_floor, whole.sigma_floor, rtol=1e-3)
        np.testing.assert_allclose(read.sigma_min, whole.sigma_min, rtol=1e-3)
