"""Small real networks with random weights, in double precision, and diffusers' schedulers to match."""

from __future__ import annotations

import sys
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs the extra 'frameworks'")
diffusers = pytest.importorskip("diffusers", reason="needs the extra 'frameworks'")

BLOCKS = {"block_out_channels": (8, 16), "norm_num_groups": 4, "layers_per_block": 1, "attention_head_dim": 4}


class DoublePrecision:
    """torch with float64 for float32, so that rounding does not blur the comparison."""

    float32 = torch.float64

    def __getattr__(self, name: str) -> Any:
        return getattr(torch, name)


def unet(**options: Any) -> Any:
    """An unconditional UNet for (n, 2, 8, 8)."""
    torch.manual_seed(0)
    network = diffusers.UNet2DModel(
        sample_size=8,
        in_channels=2,
        out_channels=2,
        down_block_types=("DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D"),
        **BLOCKS,
        **options,
    )
    return network.double().eval().requires_grad_(False)


def conditional_unet() -> Any:
    """A UNet with cross-attention to (n, 3, 6) embeddings, as Stable Diffusion has."""
    torch.manual_seed(0)
    network = diffusers.UNet2DConditionModel(
        sample_size=8,
        in_channels=2,
        out_channels=2,
        cross_attention_dim=6,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        **BLOCKS,
    )
    return network.double().eval().requires_grad_(False)


def transformer() -> Any:
    """The transformer of Stable Diffusion 3, tiny: latents (n, 2, 8, 8), prompts (n, 3, 8), pooled (n, 6)."""
    torch.manual_seed(0)
    network = diffusers.SD3Transformer2DModel(
        sample_size=8,
        patch_size=2,
        in_channels=2,
        out_channels=2,
        num_layers=1,
        attention_head_dim=4,
        num_attention_heads=2,
        joint_attention_dim=8,
        caption_projection_dim=8,
        pooled_projection_dim=6,
        pos_embed_max_size=8,
    )
    return network.double().eval().requires_grad_(False)


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
