"""Small real networks with random weights, in double precision, and diffusers' schedulers to match."""

from __future__ import annotations

import sys
from typing import Any

import pytest
import tiny_pipelines as tiny
from tiny_pipelines import diffusers, torch


class DoublePrecision:
    """torch with float64 for float32, so that rounding does not blur the comparison."""

    float32 = torch.float64

    def __getattr__(self, name: str) -> Any:
        return getattr(torch, name)


def unet(**options: Any) -> Any:
    """An unconditional UNet for (n, 2, 8, 8)."""
    return tiny.unet(2, attention=True, **options).double()


def conditional_unet() -> Any:
    """A UNet with cross-attention to (n, 3, 6) embeddings, as Stable Diffusion has."""
    return tiny.conditional_unet(2).double()


def transformer() -> Any:
    """The transformer of Stable Diffusion 3, tiny: latents (n, 2, 8, 8), prompts (n, 3, 8), pooled (n, 6)."""
    return tiny.transformer(2, prompt=8).double()


def make_scheduler(name: str, monkeypatch: pytest.MonkeyPatch, **config: Any) -> Any:
    """A scheduler that works in double precision."""
    kind = getattr(diffusers, name)
    monkeypatch.setattr(sys.modules[kind.__module__], "torch", DoublePrecision())
    scheduler = kind(**config)
    for table in ("alphas_cumprod", "final_alpha_cumprod", "one", "sigmas"):
        value = getattr(scheduler, table, None)
        if isinstance(value, torch.Tensor):
            setattr(scheduler, table, value.double())
    return scheduler


def noise(rows: int = 3, seed: int = 1) -> Any:
    """Standard normal starts for these networks."""
    return torch.randn(rows, 2, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
