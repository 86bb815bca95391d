"""`DesignedScheduler` in real pipelines: against `specsched.sample`, and against diffusers' own schedulers."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import small_pipelines as small
import tiny_pipelines as tiny
from small_pipelines import FREE, LEVELS, STEPS, base, close, designed, diffusers, loop, noise, seeded, torch

import specsched as ss

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning:diffusers.*"),
]

DETERMINISTIC = [
    FREE,
    "unipc",
    "deis",
    "dpmpp_3m",
    "heun",
    "dpm_2",
    "dpmpp_2s",
    "ddim",
    "lms",
    "ipndm",
    ss.samplers.PLMS(skip_prk_steps=False),
    ss.samplers.UniPC(disable_corrector=[0]),
]
STOCHASTIC = [
    "ddpm",
    "dpmpp_2m_sde",
    "dpmpp_sde",
    "dpm_2_ancestral",
    ss.samplers.DDIM(eta=[0, 0.2, 0.4, 0.6, 0.8, 1]),
]


@pytest.fixture(scope="module")
def network() -> Any:
    return tiny.unet(tiny.CHANNELS, attention=True)


@pytest.mark.parametrize("solver", [*DETERMINISTIC, *STOCHASTIC], ids=str)
def test_every_solver_equals_sample(network: Any, solver: Any) -> None:
    denoiser = ss.models.from_diffusers(network, base())
    expected = ss.sample(denoiser, noise(), LEVELS, sampler=solver, generator=seeded(5))
    scheduler = designed(base(), sampler=solver)
    scheduler.set_timesteps(STEPS)
    start = noise() * scheduler.init_noise_sigma
    found = loop(scheduler, start, lambda x, t: network(x, t).sample, generator=seeded(5))
    close(found, expected)


EDM = {"sigma_min": 0.002, "sigma_max": 80.0, "sigma_data": 0.5}


@pytest.mark.parametrize(
    ("kind", "config"),
    [
        ("DDIMScheduler", {"prediction_type": "epsilon"}),
        ("DDIMScheduler", {"prediction_type": "v_prediction", "rescale_betas_zero_snr": True, **tiny.BETAS}),
        ("DDIMScheduler", {"prediction_type": "sample"}),
        ("EDMEulerScheduler", {**EDM, "prediction_type": "epsilon"}),
        ("EDMEulerScheduler", {**EDM, "prediction_type": "v_prediction"}),
        ("EulerDiscreteScheduler", {"prediction_type": "v_prediction", "timestep_type": "continuous"}),
        ("FlowMatchEulerDiscreteScheduler", {}),
    ],
)
@pytest.mark.parametrize("process", ["vp", "ve"])
@pytest.mark.filterwarnings("ignore:the schedule starts at 14.6")
def test_every_prediction_type(network: Any, kind: str, config: Any, process: Any) -> None:
    own = getattr(diffusers, kind)(**config)
    if kind.startswith("Flow"):
        process = "flow"
    denoiser = ss.models.from_diffusers(network, own)
    expected = ss.sample(denoiser, noise(), LEVELS, sampler=FREE, process=process)
    scheduler = designed(own, sampler=FREE, process=process)
    scheduler.set_timesteps(STEPS)
    start = noise() * scheduler.init_noise_sigma
    close(loop(scheduler, start, lambda x, t: network(x, t).sample), expected)


def test_a_last_level_above_zero_and_whole_timesteps(network: Any) -> None:
    levels = ss.Schedule([14.6, 4.0, 0.7, 0.05])
    denoiser = ss.models.from_diffusers(network, base(), round_timesteps=True)
    expected = ss.sample(denoiser, noise(), levels, sampler="dpm_solver")
    scheduler = designed(base(), levels, sampler="dpm_solver", round_timesteps=True)
    scheduler.set_timesteps(3)
    assert scheduler.timesteps.dtype == torch.int64
    close(loop(scheduler, noise(), lambda x, t: network(x, t).sample), expected)


# -- files, copies, mistakes ---------------------------------------------------------------------------------------


def test_pipelines_are_saved_and_loaded(tmp_path: Path) -> None:
    pipe = tiny.stable_diffusion(base())
    pipe.scheduler = designed(pipe.scheduler, sampler=FREE)
    pipe.save_pretrained(tmp_path)
    absent = dict.fromkeys(
        ("safety_checker", "text_encoder", "tokenizer", "feature_extractor", "image_encoder")
    )
    again = tiny.quiet(diffusers.StableDiffusionPipeline.from_pretrained(tmp_path, **absent))
    assert again.scheduler.sampler == FREE
    assert again.scheduler.schedule == LEVELS
    arguments = {**small.prompts(1), "height": 16, "width": 16, "output_type": "latent", "latents": noise(1)}
    first = pipe(**arguments, num_inference_steps=STEPS).images
    assert torch.equal(first, again(**arguments, num_inference_steps=STEPS).images)


def test_a_scheduler_alone_is_saved_and_loaded(tmp_path: Path) -> None:
    designed(base(), sampler=FREE).save_pretrained(tmp_path)
    again = ss.diffusers.DesignedScheduler.from_pretrained(tmp_path)
    again.set_timesteps(STEPS)
    assert len(again.timesteps) == STEPS
    assert again.sampler == FREE


def test_saved_designs_bring_their_solver(tmp_path: Path) -> None:
    spectrum = ss.Spectrum(1.0 / np.arange(1, 33) ** 2)
    design = ss.design(spectrum, 5, sampler=ss.samplers.Multistep(order=3), sigma_max=14.6, sigma_floor=0.03)
    design.schedule.save(tmp_path / "design.json")
    scheduler = designed(base(), ss.Schedule.load(tmp_path / "design.json"))
    assert scheduler.sampler == design.sampler
    assert scheduler.process == design.process


def test_copies() -> None:
    scheduler = designed(base(), sampler=FREE)
    for other in (copy.deepcopy(scheduler), pickle.loads(pickle.dumps(scheduler))):
        assert other.sampler == scheduler.sampler
        assert other.schedule == scheduler.schedule
    inherited = designed(scheduler, sampler="unipc")
    assert inherited.config["network"] == scheduler.config["network"]


def test_half_precision_keeps_its_type(network: Any) -> None:
    scheduler = designed(base(), sampler=FREE)
    scheduler.set_timesteps(STEPS)
    x = loop(scheduler, noise().half(), lambda x, t: network(x.float(), t).sample.half())
    assert x.dtype == torch.float16


def test_a_generator_for_each_sample(network: Any) -> None:
    scheduler = designed(base(), sampler="ddpm")

    def run(x: Any, generator: Any) -> Any:
        scheduler.set_timesteps(STEPS)
        return loop(scheduler, x, lambda x, t: network(x, t).sample, generator=generator)

    both = run(noise(), [seeded(1), seeded(2)])
    close(both[1:], run(noise()[1:], seeded(2)))


@pytest.mark.filterwarnings("ignore:the schedule starts at 14.6")
def test_first_churn_is_part_of_the_initial_noise() -> None:
    scheduler = designed(
        diffusers.EDMEulerScheduler(**EDM), sampler=ss.samplers.Heun(s_churn=2.0), process="ve"
    )
    first = 14.6 * (1.0 + 2.0 / STEPS)
    assert scheduler.init_noise_sigma == pytest.approx(first, rel=1e-12)
    scheduler.set_timesteps(STEPS)
    assert float(scheduler.timesteps[0]) == pytest.approx(0.25 * np.log(first), rel=1e-6)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda s: s.set_timesteps(50), "pass num_inference_steps=6"),
        (lambda s: s.set_timesteps(sigmas=[3.0, 2.0]), "sigmas are those of the design"),
        (lambda s: type(s)(), "from_design"),
        (
            lambda s: designed(base(), sampler="ddim", design=[200.0, 1.0, 0.0]),
            "never trained; use sigma_max=14.6146",
        ),
        (lambda s: designed(base(), sampler="ddim", design=[10.0, 1e-3, 0.0]), "use sigma_floor=0.0291"),
        (lambda s: designed(base(), [14.6, 1.0, 0.0], sampler=FREE), "coefficients has 6 rows for 2 steps"),
        (lambda s: s.step(torch.zeros(1, 4), 1.0, torch.zeros(1, 4)), "call set_timesteps"),
    ],
)
def test_mistakes(make: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make(designed(base(), sampler="ddim"))


def test_no_solver_is_a_mistake() -> None:
    with pytest.raises(TypeError, match="sampler is needed"):
        designed(base())


def test_another_process_than_the_flow_networks_own_warns() -> None:
    with pytest.warns(UserWarning, match="design with process='flow'"):
        scheduler = designed(diffusers.FlowMatchEulerDiscreteScheduler(), sampler="ddim", process="vp")
    assert scheduler.process == "flow"


def test_a_start_below_the_networks_highest_level_warns() -> None:
    with pytest.warns(
        UserWarning, match=r"starts at 10, .* for this network at 14.6146: design with sigma_max"
    ):
        designed(base(), [10.0, 1.0, 0.0], sampler="ddim")


def test_solvers_refined_on_other_predictions_are_refused(network: Any) -> None:
    denoiser = ss.models.from_diffusers(network, base())
    start = torch.randn(8, tiny.CHANNELS, 8, 8, generator=seeded(3))
    options = {"sampler": "dpmpp_2m", "max_iter": 0, "candidates": [], "sigma_floor": 0.1}
    refined = ss.refine(LEVELS, denoiser, start, **options)
    assert designed(base(), refined).sampler == refined.sampler
    with pytest.raises(ValueError, match=r"predicts 'epsilon', and this one predicts 'v_prediction'"):
        designed(base(prediction_type="v_prediction"), refined)


def test_steps_beyond_the_end(network: Any) -> None:
    scheduler = designed(base(), sampler="ddim")
    scheduler.set_timesteps(STEPS)
    x = loop(scheduler, noise(), lambda x, t: network(x, t).sample)
    with pytest.raises(ValueError, match="the run of 6 calls is over"):
        scheduler.step(x, scheduler.timesteps[-1], x)


def test_a_step_takes_less_than_a_millisecond() -> None:
    """The scheduler's own time for one latent of Stable Diffusion; the best of several runs."""
    scheduler = designed(base(), sampler=FREE)
    x = torch.randn(1, 4, 64, 64, generator=seeded(1))
    taken = []
    for _ in range(20):
        scheduler.set_timesteps(STEPS)
        began = time.perf_counter()
        loop(scheduler, x, lambda x, t: x)
        taken.append((time.perf_counter() - began) / STEPS)
    assert min(taken) < 1e-3


def test_the_library_alone_does_not_load_diffusers() -> None:
    code = "import sys, specsched; specsched.diffusers; sys.exit(int(bool({'diffusers', 'torch'} & set(sys.modules))))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_options_without_a_limit_are_no_obstacle() -> None:
    """DPM-Solver's lambda_min_clipped is minus infinity by default, which no configuration file holds."""
    former = diffusers.DPMSolverMultistepScheduler.from_config(base().config)
    scheduler = designed(former, sampler="unipc")
    assert "lambda_min_clipped" not in scheduler.config["network"]
    scheduler.set_timesteps(STEPS)
    assert len(scheduler.timesteps) == STEPS
