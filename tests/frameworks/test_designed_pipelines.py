"""`DesignedScheduler` in the pipelines of Stable Diffusion, SDXL and SD3."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import small_pipelines as small
import tiny_pipelines as tiny
from small_pipelines import FREE, LEVELS, STEPS, base, close, designed, diffusers, noise, seeded, torch

import specsched as ss

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning:diffusers.*"),
]

# -- pipelines ---------------------------------------------------------------------------------------------------


def guided(pipe: Any, names: dict[str, Any], rows: int, solver: Any, levels: Any, **options: Any) -> Any:
    """What the library itself samples with the pipeline's network and guidance 5."""
    network = getattr(pipe, "unet", None) or pipe.transformer
    given = {name: names[key] for name, key in CONDITIONS.items() if key in names}
    empty = {name: names[f"negative_{key}"] for name, key in CONDITIONS.items() if key in names}
    if hasattr(pipe, "unet"):
        given = {"encoder_hidden_states": given["encoder_hidden_states"]}
        empty = {"encoder_hidden_states": empty["encoder_hidden_states"]}
        if "pooled_prompt_embeds" in names:
            size = torch.tensor([16, 16, 0, 0, 16, 16], dtype=torch.float32).repeat(rows, 1)
            for one, key in ((given, ""), (empty, "negative_")):
                one["added_cond_kwargs"] = {
                    "text_embeds": names[f"{key}pooled_prompt_embeds"],
                    "time_ids": size,
                }
    own = ss.diffusers.DesignedScheduler
    denoiser = ss.models.from_diffusers(
        network, own_of(pipe.scheduler), guidance_scale=5.0, unconditional=empty, **given
    )
    assert isinstance(pipe.scheduler, own)
    return ss.sample(denoiser, noise(rows), levels, sampler=solver, **options)


CONDITIONS = {"encoder_hidden_states": "prompt_embeds", "pooled_projections": "pooled_prompt_embeds"}


def own_of(scheduler: Any) -> Any:
    """The scheduler that the network was trained with."""
    network = scheduler.config["network"]
    return getattr(diffusers, network["_class_name"]).from_config(dict(network))


FLOW = {"process": "flow"}


@pytest.mark.parametrize("solver", [FREE, "heun", "unipc"], ids=["free", "heun", "unipc"])
@pytest.mark.parametrize("name", ["stable_diffusion", "stable_diffusion_xl", "stable_diffusion_3"])
def test_pipelines(name: str, solver: Any) -> None:
    flow = name.endswith("3")
    own = diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0) if flow else base()
    if flow and solver is FREE:
        solver = replace(FREE, model_times=(0.0, *FREE.model_times[1:]))
    pipe = getattr(tiny, name)(own)
    pipe.scheduler = designed(pipe.scheduler, sampler=solver, **(FLOW if flow else {}))
    names = (small.prompts if name == "stable_diffusion" else small.pooled)(2)
    size = {"height": 16, "width": 16, "output_type": "latent", "guidance_scale": 5.0}
    found = pipe(**names, **size, num_inference_steps=STEPS, latents=noise()).images
    close(found, guided(pipe, names, 2, solver, LEVELS, **(FLOW if flow else {})))


def picture(seed: int = 7) -> Any:
    return torch.rand(1, 3, 16, 16, generator=seeded(seed))


IMAGE = {"strength": 0.7, "output_type": "latent", "guidance_scale": 5.0}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("stable_diffusion", "StableDiffusionImg2ImgPipeline"),
        ("stable_diffusion", "StableDiffusionInpaintPipeline"),
        ("stable_diffusion_3", "StableDiffusion3Img2ImgPipeline"),
        ("stable_diffusion_3", "StableDiffusion3InpaintPipeline"),
    ],
)
def test_images_and_masks_as_with_eulers_scheduler(name: str, kind: str) -> None:
    flow = name.endswith("3")
    levels = LEVELS if not flow else ss.Schedule.from_flow_times([0.95, 0.8, 0.6, 0.45, 0.3, 0.1, 0.0])
    if flow:
        own = diffusers.FlowMatchEulerDiscreteScheduler()
        sigmas = levels.flow_times[:-1].tolist()
    else:
        own = diffusers.EulerDiscreteScheduler(**tiny.BETAS)
        sigmas = levels.sigmas.tolist()
    pipe = getattr(tiny, name)(own, kind)
    names = (small.pooled if flow else small.prompts)(1)
    picked = {"image": picture(), **IMAGE}
    if "Inpaint" in kind:
        mask = torch.zeros(1, 1, 16, 16)
        mask[..., :8] = 1.0
        picked = {**picked, "mask_image": mask, "height": 16, "width": 16}
    expected = pipe(**names, **picked, sigmas=sigmas, generator=seeded(8)).images
    pipe.scheduler = designed(own, levels, sampler="ddim")
    found = pipe(**names, **picked, num_inference_steps=STEPS, generator=seeded(8)).images
    close(found, expected, 2e-4)  # Euler's scheduler keeps levels in single precision


@pytest.mark.parametrize("solver", [FREE, "heun", "unipc", "ddpm"], ids=["free", "heun", "unipc", "ddpm"])
def test_image_to_image_begins_without_memory(solver: Any) -> None:
    pipe = tiny.stable_diffusion(base(), "StableDiffusionImg2ImgPipeline")
    pipe.scheduler = designed(pipe.scheduler, sampler=solver)
    latent = torch.randn(2, tiny.CHANNELS, 8, 8, generator=seeded(9))
    names = small.prompts(2)
    draw = seeded(10)
    found = pipe(
        **names,
        image=latent,
        strength=0.5,
        num_inference_steps=STEPS,
        guidance_scale=5.0,
        output_type="latent",
        generator=draw,
    ).images
    same = seeded(10)
    start = torch.randn(2, tiny.CHANNELS, 8, 8, generator=same)
    rest = ss.Schedule(LEVELS.sigmas[3:])
    own = as_begun(solver)
    network = ss.models.from_diffusers(
        pipe.unet,
        base(),
        guidance_scale=5.0,
        unconditional={"encoder_hidden_states": names["negative_prompt_embeds"]},
        encoder_hidden_states=names["prompt_embeds"],
    )
    expected = ss.sample(network, start, rest, sampler=own, start=latent, generator=same)
    close(found, expected)


def as_begun(solver: Any) -> Any:
    """The table from its fourth row on, without what those rows cannot have."""
    if solver is not FREE:
        return solver
    table = np.array(FREE.coefficients)[3:]
    table[0] = 0.0
    table[1, 1:] = 0.0
    return ss.samplers.Multistep(order=3, coefficients=table, model_times=FREE.model_times[3:])


def test_solvers_with_a_beginning_of_their_own_refuse_the_middle() -> None:
    pipe = tiny.stable_diffusion(base(), "StableDiffusionImg2ImgPipeline")
    pipe.scheduler = designed(pipe.scheduler, sampler="plms")
    with pytest.raises(ValueError, match=r"plms cannot begin with call 3 of 7"):
        pipe(**small.prompts(1), image=picture(), strength=0.5, num_inference_steps=STEPS)


def test_two_experts_share_one_design() -> None:
    """SDXL's base runs the first half, its refiner the second, as one of them would run all."""
    names = small.pooled(1)
    common = {"num_inference_steps": STEPS, "guidance_scale": 5.0, "output_type": "latent"}
    pipe = tiny.stable_diffusion_xl(base())
    pipe.scheduler = designed(pipe.scheduler, sampler="ddim")
    whole = pipe(**names, **common, height=16, width=16, latents=noise(1)).images
    half = pipe(**names, **common, height=16, width=16, latents=noise(1), denoising_end=0.5).images
    refiner = diffusers.StableDiffusionXLImg2ImgPipeline(**pipe.components, requires_aesthetics_score=False)
    refiner.set_progress_bar_config(disable=True)
    rest = refiner(
        **names, **common, image=half, denoising_start=0.5, original_size=(16, 16), target_size=(16, 16)
    )
    close(rest.images, whole)
