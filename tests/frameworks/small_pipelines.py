"""The pipelines of Stable Diffusion, SDXL and SD3, tiny, with random weights."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

import specsched as ss

torch = pytest.importorskip("torch", reason="needs the extra 'frameworks'")
diffusers = pytest.importorskip("diffusers", reason="needs the extra 'frameworks'")
pytest.importorskip("transformers", reason="the pipelines need it")

BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
BLOCKS = {"block_out_channels": (8, 16), "norm_num_groups": 4, "layers_per_block": 1}
CHANNELS = 4
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


def vae(channels: int = CHANNELS) -> Any:
    """Latents are half as wide as pictures."""
    torch.manual_seed(0)
    return diffusers.AutoencoderKL(
        latent_channels=channels,
        shift_factor=0.06,
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        **BLOCKS,
    ).eval()


def unet(**options: Any) -> Any:
    """Cross-attention to (n, 3, 6) embeddings."""
    torch.manual_seed(0)
    network = diffusers.UNet2DConditionModel(
        sample_size=8,
        cross_attention_dim=6,
        attention_head_dim=4,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        **{"in_channels": CHANNELS, "out_channels": CHANNELS, **BLOCKS, **options},
    )
    return network.eval().requires_grad_(False)


def embeddings(rows: int, *shape: int, seed: int) -> Any:
    """In place of a text encoder's output."""
    return torch.randn(rows, *shape, generator=torch.Generator().manual_seed(seed))


def quiet(pipe: Any) -> Any:
    """Without a progress bar."""
    pipe.set_progress_bar_config(disable=True)
    return pipe


def stable_diffusion(scheduler: Any, kind: str = "StableDiffusionPipeline") -> Any:
    """Stable Diffusion 1, its image-to-image or its inpainting pipeline."""
    return quiet(
        getattr(diffusers, kind)(
            vae=vae(),
            text_encoder=None,
            tokenizer=None,
            unet=unet(),
            scheduler=scheduler,
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )
    )


def prompts(rows: int) -> dict[str, Any]:
    """What the caller passes instead of text."""
    return {
        "prompt_embeds": embeddings(rows, 3, 6, seed=2),
        "negative_prompt_embeds": embeddings(rows, 3, 6, seed=3),
    }


def stable_diffusion_xl(scheduler: Any, kind: str = "StableDiffusionXLPipeline") -> Any:
    """SDXL: pooled prompts and six numbers on size beside the prompt."""
    network = unet(
        addition_embed_type="text_time",
        addition_time_embed_dim=2,
        projection_class_embeddings_input_dim=6 + 6 * 2,
    )
    return quiet(
        getattr(diffusers, kind)(
            vae=vae(),
            text_encoder=None,
            text_encoder_2=None,
            tokenizer=None,
            tokenizer_2=None,
            unet=network,
            scheduler=scheduler,
            add_watermarker=False,
        )
    )


def pooled(rows: int) -> dict[str, Any]:
    """Prompts with their pooled parts."""
    return {
        **prompts(rows),
        "pooled_prompt_embeds": embeddings(rows, 6, seed=4),
        "negative_pooled_prompt_embeds": embeddings(rows, 6, seed=5),
    }


def stable_diffusion_3(scheduler: Any, kind: str = "StableDiffusion3Pipeline") -> Any:
    """SD3: a transformer that predicts the flow; its inpainting pipeline wants 16 channels."""
    channels = 16 if "Inpaint" in kind else CHANNELS
    torch.manual_seed(0)
    network = diffusers.SD3Transformer2DModel(
        sample_size=8,
        patch_size=2,
        in_channels=channels,
        out_channels=channels,
        num_layers=1,
        attention_head_dim=4,
        num_attention_heads=2,
        joint_attention_dim=6,
        caption_projection_dim=8,
        pooled_projection_dim=6,
        pos_embed_max_size=8,
    )
    return quiet(
        getattr(diffusers, kind)(
            transformer=network.eval().requires_grad_(False),
            scheduler=scheduler,
            vae=vae(channels),
            **dict.fromkeys(("text_encoder", "text_encoder_2", "text_encoder_3")),
            **dict.fromkeys(("tokenizer", "tokenizer_2", "tokenizer_3")),
        )
    )
