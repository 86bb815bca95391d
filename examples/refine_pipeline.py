"""From a diffusers pipeline to a schedule refined on its own network, and back into diffusers.

    python examples/refine_pipeline.py

A tiny pipeline with random weights stands for a real one: put ``DDPMPipeline.from_pretrained(...)`` in its place. Needs
the extra "frameworks".
"""

from __future__ import annotations

from typing import Any

import diffusers
import torch

import specsched as ss

STEPS = 6


def tiny_pipeline() -> Any:
    """An unconditional pipeline of diffusers for 8 x 8 images of two channels."""
    torch.manual_seed(0)
    unet = diffusers.UNet2DModel(
        sample_size=8,
        in_channels=2,
        out_channels=2,
        block_out_channels=(8, 16),
        norm_num_groups=4,
        layers_per_block=1,
        down_block_types=("DownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "UpBlock2D"),
    )
    scheduler = diffusers.EulerDiscreteScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear"
    )
    return diffusers.DDPMPipeline(unet.eval(), scheduler)


def refined_for(pipe: Any, steps: int) -> Any:
    """The path of a user: eight lines."""
    denoiser = ss.models.from_diffusers(pipe.unet, pipe.scheduler)
    config = pipe.unet.config
    noise = torch.randn(16, config.in_channels, config.sample_size, config.sample_size)
    ends = {"sigma_max": denoiser.sigma_max, "sigma_min": 0.0, "sigma_floor": denoiser.sigma_min}
    schedule = ss.baselines.edm(steps, **ends)
    refined = ss.refine(schedule, denoiser, noise, sampler="euler")
    print(refined)
    return refined


def in_diffusers(pipe: Any, schedule: ss.Schedule, noise: Any) -> Any:
    """The pipeline's own loop with its Euler scheduler, which takes any levels."""
    pipe.scheduler.set_timesteps(**schedule.to_diffusers(pipe.scheduler))
    x = noise * (1.0 + schedule[0] ** 2) ** 0.5
    with torch.no_grad():
        for t in pipe.scheduler.timesteps:
            output = pipe.unet(pipe.scheduler.scale_model_input(x, t), t).sample
            x = pipe.scheduler.step(output, t, x).prev_sample
    return x


def main() -> dict[str, float]:
    """Refine, run both ways, compare."""
    pipe = tiny_pipeline()
    torch.manual_seed(1)
    refined = refined_for(pipe, STEPS)
    noise = torch.randn(4, 2, 8, 8)
    denoiser = ss.models.from_diffusers(pipe.unet, pipe.scheduler)
    ours = ss.sample(denoiser, noise, refined)
    theirs = in_diffusers(pipe, refined.schedule, noise)
    difference = float((ours - theirs).abs().max())
    print(f"largest difference between ss.sample and diffusers' loop: {difference:.2g}")
    return {"start": refined.start_error, "refined": refined.heldout_error, "difference": difference}


if __name__ == "__main__":
    main()
