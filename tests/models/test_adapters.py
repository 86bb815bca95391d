"""Adapters and `sample` against the frameworks' own loops, on small real networks."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import small_networks as small
from small_networks import torch

import specsched as ss

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning:diffusers.*"),
]

BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
STEPS = 6


def close(found: Any, expected: Any, tolerance: float = 1e-9) -> None:
    assert found.shape == expected.shape
    assert float((found - expected).abs().max()) < tolerance * float(expected.abs().max())


def loop(scheduler: Any, x: Any, predict: Any, **step: Any) -> Any:
    """The denoising loop of every diffusers pipeline."""
    with torch.no_grad():
        for t in scheduler.timesteps:
            seen = scheduler.scale_model_input(x, t) if hasattr(scheduler, "scale_model_input") else x
            x = scheduler.step(predict(seen, t), t, x, **step).prev_sample
    return x


def levels_of(scheduler: Any) -> ss.Schedule:
    """Its ladder as noise-to-signal ratios."""
    if hasattr(scheduler, "sigmas"):  # rounded to single precision on their way
        scheduler.sigmas = scheduler.sigmas.double()
        return ss.Schedule(scheduler.sigmas.numpy())
    abar = scheduler.alphas_cumprod[scheduler.timesteps.long()].numpy()
    return ss.Schedule(np.append(np.sqrt((1 - abar) / abar), 0.0))


SINGLESTEP = ss.samplers.DPMppSinglestep(lower_order_final=True)


@pytest.mark.parametrize(
    ("name", "config", "sampler", "kind"),
    [
        ("DDIMScheduler", {"clip_sample": False}, "ddim", "epsilon"),
        ("DDIMScheduler", {"clip_sample": False}, "ddim", "v_prediction"),
        ("DDIMScheduler", {"clip_sample": False}, "ddim", "sample"),
        ("DPMSolverMultistepScheduler", {"lower_order_final": False}, "dpmpp_2m", "epsilon"),
        ("DPMSolverMultistepScheduler", {"lower_order_final": False}, "dpmpp_2m", "v_prediction"),
        ("DPMSolverMultistepScheduler", {"solver_order": 3}, "dpmpp_3m", "sample"),
        ("DPMSolverSinglestepScheduler", {"lower_order_final": True}, SINGLESTEP, "epsilon"),
        ("UniPCMultistepScheduler", {}, "unipc", "epsilon"),
        ("DEISMultistepScheduler", {"solver_order": 2}, "deis", "v_prediction"),
    ],
)
def test_discrete_predictions(name: str, config: Any, sampler: Any, kind: str, monkeypatch: Any) -> None:
    scheduler = small.make_scheduler(name, monkeypatch, prediction_type=kind, **BETAS, **config)
    network, noise = small.unet(), small.noise()
    scheduler.set_timesteps(STEPS)
    levels = levels_of(scheduler)
    expected = loop(scheduler, noise, lambda x, t: network(x, t).sample)
    denoiser = ss.models.from_diffusers(network, scheduler)
    close(ss.sample(denoiser, noise, levels, sampler=sampler), expected)


def test_ancestral_noise_is_the_callers(monkeypatch: Any) -> None:
    scheduler = small.make_scheduler("DDPMScheduler", monkeypatch, clip_sample=False, **BETAS)
    scheduler.set_timesteps(STEPS)
    network, noise = small.unet(), small.noise()
    draw = torch.Generator().manual_seed(3)
    expected = loop(scheduler, noise, lambda x, t: network(x, t).sample, generator=draw)
    denoiser = ss.models.from_diffusers(network, scheduler)
    draw = torch.Generator().manual_seed(3)
    close(ss.sample(denoiser, noise, levels_of(scheduler), sampler="ddpm", generator=draw), expected, 1e-6)


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction"])
def test_euler_with_fractional_timesteps(kind: str, monkeypatch: Any) -> None:
    scheduler = small.make_scheduler("EulerDiscreteScheduler", monkeypatch, prediction_type=kind, **BETAS)
    network, noise = small.unet(), small.noise()
    levels = ss.baselines.edm(STEPS, sigma_max=14.6, sigma_min=0.03)
    levels = ss.Schedule([*levels.sigmas[:-1], 0.0])
    scheduler.set_timesteps(sigmas=list(levels))
    scheduler.sigmas = torch.tensor(levels.sigmas.copy())
    start = noise * (1 + levels[0] ** 2) ** 0.5
    expected = loop(scheduler, start, lambda x, t: network(x, t).sample)
    denoiser = ss.models.from_diffusers(network, scheduler)
    close(ss.sample(denoiser, noise, levels, sampler="euler"), expected, 1e-6)


def test_continuous_time_of_video_models(monkeypatch: Any) -> None:
    config = {
        "timestep_type": "continuous",
        "prediction_type": "v_prediction",
        "sigma_min": 0.002,
        "sigma_max": 700.0,
    }
    scheduler = small.make_scheduler("EulerDiscreteScheduler", monkeypatch, use_karras_sigmas=True, **config)
    scheduler.set_timesteps(STEPS)
    levels = ss.baselines.edm(STEPS - 1, sigma_max=700.0, sigma_min=0.002)
    levels = ss.Schedule([*levels.sigmas, 0.0])
    np.testing.assert_allclose(scheduler.sigmas.numpy(), levels.sigmas, rtol=1e-4)
    scheduler.sigmas = torch.tensor(levels.sigmas.copy())
    scheduler.timesteps = 0.25 * scheduler.sigmas[:-1].log()
    network, noise = small.unet(), small.noise()
    expected = loop(scheduler, noise * 700.0, lambda x, t: network(x, t).sample)
    denoiser = ss.models.from_diffusers(network, scheduler)
    close(ss.sample(denoiser, noise, levels, sampler="euler", process="ve"), expected, 1e-6)


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction"])
def test_edm_preconditioning(kind: str, monkeypatch: Any) -> None:
    scheduler = small.make_scheduler("EDMEulerScheduler", monkeypatch, prediction_type=kind)
    scheduler.set_timesteps(STEPS)
    levels = ss.Schedule(scheduler.sigmas.double().numpy())
    scheduler.sigmas = torch.tensor(levels.sigmas.copy())
    scheduler.timesteps = 0.25 * scheduler.sigmas[:-1].log()
    network, noise = small.unet(), small.noise()
    expected = loop(scheduler, noise * levels[0], lambda x, t: network(x, t).sample)
    denoiser = ss.models.from_diffusers(network, scheduler)
    close(ss.sample(denoiser, noise, levels, sampler="euler", process="ve"), expected, 1e-6)


@pytest.mark.parametrize("shift", [1.0, 3.0])
def test_flow_matching_transformer(shift: float, monkeypatch: Any) -> None:
    scheduler = small.make_scheduler("FlowMatchEulerDiscreteScheduler", monkeypatch, shift=shift)
    times = np.linspace(0.95, 0.1, STEPS)
    scheduler.set_timesteps(sigmas=list(times))
    times = shift * times / (1 + (shift - 1) * times)
    scheduler.sigmas = torch.tensor(np.append(times, 0.0))
    scheduler.timesteps = scheduler.sigmas[:-1] * 1000
    network, noise = small.transformer(), small.noise()
    draw = torch.Generator().manual_seed(5)
    prompts = torch.randn(3, 3, 8, dtype=torch.float64, generator=draw)
    pooled = torch.randn(3, 6, dtype=torch.float64, generator=draw)

    def predict(x: Any, t: Any) -> Any:
        arguments = {"encoder_hidden_states": prompts, "pooled_projections": pooled}
        return network(hidden_states=x, timestep=t.expand(len(x)), **arguments).sample

    expected = loop(scheduler, noise, predict)
    denoiser = ss.models.from_diffusers(
        network, scheduler, encoder_hidden_states=prompts, pooled_projections=pooled
    )
    levels = ss.Schedule.from_flow_times(np.append(times, 0.0))
    found = ss.sample(denoiser, noise, levels, sampler="euler", process="flow")
    close(found, expected, 1e-6)


@pytest.mark.parametrize("batched", [True, False])
def test_classifier_free_guidance(batched: bool, monkeypatch: Any) -> None:
    scheduler = small.make_scheduler("DDIMScheduler", monkeypatch, clip_sample=False, **BETAS)
    scheduler.set_timesteps(STEPS)
    network, noise = small.conditional_unet(), small.noise()
    draw = torch.Generator().manual_seed(5)
    prompts, empty = torch.randn(2, 3, 3, 6, dtype=torch.float64, generator=draw)

    def predict(x: Any, t: Any) -> Any:  # as StableDiffusionPipeline does
        without, given = network(torch.cat([x, x]), t, torch.cat([empty, prompts])).sample.chunk(2)
        return without + 7.5 * (given - without)

    expected = loop(scheduler, noise, predict)
    denoiser = ss.models.from_diffusers(
        network,
        scheduler,
        guidance_scale=7.5,
        unconditional={"encoder_hidden_states": empty},
        batched=batched,
        encoder_hidden_states=prompts,
    )
    close(ss.sample(denoiser, noise, levels_of(scheduler), sampler="ddim"), expected, 1e-8)
    some = denoiser.for_starts(3)(noise[1:2], 1.0, index=np.array([1]))
    close(some, denoiser(noise, 1.0)[1:2], 1e-8)


def test_class_labels_follow_their_starts(monkeypatch: Any) -> None:
    scheduler = small.make_scheduler("DDIMScheduler", monkeypatch, **BETAS)
    network, noise = small.unet(num_class_embeds=4), small.noise()
    labels = torch.tensor([0, 1, 2])
    denoiser = ss.models.from_diffusers(network, scheduler, class_labels=labels).for_starts(3)
    whole = denoiser(noise, 2.0, index=np.arange(3))
    for rows in ([2], [1, 0], [2, 2, 0, 1]):
        close(denoiser(noise[rows], 2.0, index=np.array(rows)), whole[rows])


def test_levels_of_each_row(monkeypatch: Any) -> None:
    noise, levels = small.noise(), np.array([0.5, 2.0, 9.0])
    for name, config in (
        ("DDIMScheduler", {"prediction_type": "v_prediction"}),
        ("FlowMatchEulerDiscreteScheduler", {}),
        ("EDMEulerScheduler", {}),
    ):
        denoiser = ss.models.from_diffusers(small.unet(), small.make_scheduler(name, monkeypatch, **config))
        together = denoiser(noise, levels)
        for row, sigma in enumerate(levels):
            close(together[row : row + 1], denoiser(noise[row : row + 1], float(sigma)))


def test_edm_network_and_its_sampler() -> None:
    inner = small.unet()

    def network(x: Any, sigma: Any, class_labels: Any = None) -> Any:  # table 1 of arXiv 2206.00364
        sigma = sigma.reshape(-1, 1, 1, 1)
        total = sigma**2 + 0.25
        output = inner(x / total.sqrt(), sigma.flatten().log() / 4).sample
        return 0.25 / total * x + 0.5 * sigma / total.sqrt() * output

    levels = ss.Schedule([80.0, 20.0, 5.0, 1.0, 0.1, 0.0])
    noise = small.noise()
    x = noise * 80.0
    with torch.no_grad():
        for now, then in itertools.pairwise(levels.sigmas):  # algorithm 1 there
            row = torch.full((3,), float(now), dtype=torch.float64)
            slope = (x - network(x, row)) / now
            euler = x + (then - now) * slope
            if then > 0:
                after = (euler - network(euler, torch.full_like(row, float(then)))) / then
                euler = x + (then - now) * (slope + after) / 2
            x = euler
    close(ss.sample(ss.models.from_edm(network), noise, levels, sampler="heun", process="ve"), x, 1e-6)
    close(
        ss.sample(ss.models.from_k_diffusion(network), noise, levels, sampler="heun", process="ve"), x, 1e-6
    )


def test_velocity_conventions_agree() -> None:
    inner = small.unet()
    noise = small.noise()

    def velocity(x: Any, t: Any) -> Any:
        return inner(x, 1000 * t).sample

    forward = ss.models.from_flow(velocity)
    backward = ss.models.from_flow(lambda x, t: -velocity(x, 1 - t), data_at=1)
    close(backward(noise, 1.7), forward(noise, 1.7), 1e-6)
    x, times = noise, np.array([0.9, 0.6, 0.3, 0.0])
    with torch.no_grad():
        for now, then in itertools.pairwise(times):
            x = x + (then - now) * velocity(x, torch.full((3,), now, dtype=torch.float64))
        levels = ss.Schedule.from_flow_times(times)
        close(ss.sample(forward, noise, levels, sampler="euler", process="flow"), x, 1e-6)


def test_single_precision_network_in_a_double_run(monkeypatch: Any) -> None:
    scheduler = small.make_scheduler("DDIMScheduler", monkeypatch, **BETAS)
    denoiser = ss.models.from_diffusers(small.unet().float(), scheduler)
    assert denoiser(small.noise(), 1.0).dtype == torch.float64


@pytest.mark.parametrize(
    ("sigma", "message"),
    [(20.0, "above the model's highest level 14.61.*sigma_max"), (0.01, "sigma_floor=0.029")],
)
def test_levels_outside_the_models_range(sigma: float, message: str, monkeypatch: Any) -> None:
    denoiser = ss.models.from_diffusers(
        small.unet(), small.make_scheduler("DDIMScheduler", monkeypatch, **BETAS)
    )
    with pytest.raises(ValueError, match=message):
        denoiser(small.noise(), sigma)
    with pytest.raises(ValueError, match=message):
        ss.sample(denoiser, small.noise(), sorted({sigma, 14.0, 1.0, 0.0}, reverse=True), sampler="ddim")


def test_what_adapters_refuse(monkeypatch: Any) -> None:
    scheduler = small.make_scheduler("DDIMScheduler", monkeypatch)
    with pytest.raises(ValueError, match=r"guidance_scale=3 needs .*unconditional"):
        ss.models.from_diffusers(small.unet(), scheduler, guidance_scale=3.0)
    with pytest.raises(TypeError, match=r"pass pipe\.scheduler"):
        ss.models.from_diffusers(small.unet(), type(scheduler))
    with pytest.raises(ValueError, match="prediction_type"):
        ss.models.from_diffusers(small.unet(), scheduler, prediction_type="eps")
    with pytest.raises(ValueError, match="neither a scheduler with alphas_cumprod"):
        ss.models.from_diffusers(small.unet(), small.make_scheduler("ScoreSdeVeScheduler", monkeypatch))
    with pytest.raises(ValueError, match="data_at"):
        ss.models.from_flow(lambda x, t: x, data_at=2)
    with pytest.raises(ValueError, match=r"timestep_scale must be at most 1e\+20, got 1e\+36"):
        ss.models.from_diffusers(small.unet(), scheduler, timestep_scale=1e36)
    with pytest.raises(ValueError, match=r"time_scale must be at most 1e\+20"):
        ss.models.from_flow(lambda x, t: x, time_scale=1e36)


@pytest.mark.parametrize("batched", [True, False])
def test_conditions_in_dictionaries_and_tuples(batched: bool) -> None:
    """Of each start, of all starts alike, and single numbers, as pipelines of SDXL nest them."""
    rng = np.random.default_rng(0)
    noise, text, empty, common = (rng.standard_normal((3, 4)) for _ in range(4))

    def network(x: Any, sigma: Any, added: Any) -> Any:
        text, (size, strength) = added["text"], added["rest"]
        return 0.3 * x + strength * text + size

    denoiser = ss.models.from_edm(
        network,
        guidance_scale=3.0,
        unconditional={"added": {"text": empty, "rest": (common[:1], 0.1)}},
        batched=batched,
        added={"text": text, "rest": (common[:1], 0.1)},
    ).for_starts(3)
    expected = 0.3 * noise + 0.1 * (empty + 3.0 * (text - empty)) + common[:1]
    np.testing.assert_allclose(denoiser(noise, 1.0), expected, rtol=1e-12)
    rows = np.array([2, 0])
    np.testing.assert_allclose(denoiser(noise[rows], 1.0, index=rows), expected[rows], rtol=1e-12)


def test_conditions_of_different_shapes_need_calls_of_their_own() -> None:
    noise, text = np.zeros((2, 4)), np.ones((2, 4))

    def network(x: Any, sigma: Any, text: Any) -> Any:
        return x + text.sum(axis=1, keepdims=True)

    options: Any = {"guidance_scale": 2.0, "unconditional": {"text": text[:, :1]}, "text": text}
    with pytest.raises(ValueError, match=r"different shapes, \(2, 1\) and \(2, 4\); pass batched=False"):
        ss.models.from_edm(network, **options)(noise, 1.0)
    apart = ss.models.from_edm(network, batched=False, **options)(noise, 1.0)
    np.testing.assert_allclose(apart, 1.0 + 2.0 * (4.0 - 1.0))
    with pytest.raises(TypeError, match="unconditional must be a dict of keyword arguments, got ndarray"):
        ss.models.from_edm(network, **{**options, "unconditional": text})


def test_the_range_of_a_network_with_a_table_of_levels() -> None:
    class Table:
        sigmas = (0.1, 1.0, 20.0)

        def __call__(self, x: Any, sigma: Any) -> Any:
            return 0.5 * x

    denoiser = ss.models.from_k_diffusion(Table())
    assert denoiser(np.ones((1, 2)), 20.0).tolist() == [[0.5, 0.5]]
    for outside, end in ((0.05, r"lowest level 0\.1"), (30.0, "highest level 20")):
        with pytest.raises(ValueError, match=end):
            denoiser(np.ones((1, 2)), outside)


def test_a_velocity_in_double_precision_for_single_precision_runs() -> None:
    network = torch.nn.Linear(4, 4, dtype=torch.float64)

    class Velocity(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.inner = network

        def forward(self, x: Any, t: Any) -> Any:
            return self.inner(x)

    y = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        found = ss.models.from_flow(Velocity())(y, 1.0)
        want = ss.models.from_flow(Velocity())(y.double(), 1.0)
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found.numpy(), want.numpy(), atol=1e-6)
