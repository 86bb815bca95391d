"""Levels, schedulers, noise and prompts for the tiny pipelines of Stable Diffusion, SDXL and SD3."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tiny_pipelines import BETAS, CHANNELS, diffusers, torch

import specsched as ss

LEVELS = ss.Schedule([14.6, 6.0, 2.5, 1.0, 0.4, 0.1, 0.0])
STEPS = LEVELS.steps
FREE = replace(
    ss.samplers.as_multistep("dpmpp_3m", LEVELS), model_times=[-0.01, 0.02, -0.03, 0.01, 0.02, 0.05]
)


def seeded(seed: int) -> Any:
    """A generator."""
    return torch.Generator().manual_seed(seed)


def noise(rows: int = 2) -> Any:
    """Standard normal latents."""
    return torch.randn(rows, CHANNELS, 8, 8, generator=seeded(1))


def base(**config: Any) -> Any:
    """A scheduler of Stable Diffusion's levels."""
    return diffusers.DDIMScheduler(clip_sample=False, **BETAS, **config)


def designed(scheduler: Any, design: Any = LEVELS, **options: Any) -> Any:
    """The scheduler under test."""
    return ss.diffusers.DesignedScheduler.from_design(design, scheduler, **options)


def close(found: Any, expected: Any, tolerance: float = 1e-5) -> None:
    """Relative to the largest value."""
    assert found.shape == expected.shape
    assert found.dtype == expected.dtype
    assert float((found - expected).abs().max()) < tolerance * float(expected.abs().max())


def loop(scheduler: Any, x: Any, predict: Any, **step: Any) -> Any:
    """The denoising loop of every pipeline."""
    with torch.no_grad():
        for t in scheduler.timesteps:
            x = scheduler.step(predict(scheduler.scale_model_input(x, t), t), t, x, **step).prev_sample
    return x


def embeddings(rows: int, *shape: int, seed: int) -> Any:
    """In place of a text encoder's output."""
    return torch.randn(rows, *shape, generator=torch.Generator().manual_seed(seed))


def prompts(rows: int) -> dict[str, Any]:
    """What the caller passes instead of text."""
    return {
        "prompt_embeds": embeddings(rows, 3, 6, seed=2),
        "negative_prompt_embeds": embeddings(rows, 3, 6, seed=3),
    }


def pooled(rows: int) -> dict[str, Any]:
    """Prompts with their pooled parts."""
    return {
        **prompts(rows),
        "pooled_prompt_embeds": embeddings(rows, 6, seed=4),
        "negative_pooled_prompt_embeds": embeddings(rows, 6, seed=5),
    }
