"""Pipelines of diffusers with random weights, of the kinds that the documents load by name."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

diffusers = pytest.importorskip("diffusers", reason="needs the extra 'frameworks'")
torch = pytest.importorskip("torch", reason="needs the extra 'frameworks'")
transformers = pytest.importorskip("transformers", reason="needs the extra 'frameworks'")

BLOCKS = {"block_out_channels": (8, 16), "norm_num_groups": 4, "layers_per_block": 1}
STABLE_DIFFUSION = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}


def _tokenizer() -> Any:
    """Letters only."""
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    words = ["<|startoftext|>", "<|endoftext|>", *letters, *(f"{letter}</w>" for letter in letters)]
    with TemporaryDirectory() as folder:
        vocabulary, merges = Path(folder, "vocab.json"), Path(folder, "merges.txt")
        vocabulary.write_text(json.dumps({word: k for k, word in enumerate(words)}))
        merges.write_text("#version: 0.2\n")
        return transformers.CLIPTokenizer(str(vocabulary), str(merges), model_max_length=16)


def _text_encoder(tokenizer: Any) -> Any:
    config = transformers.CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=16,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=1,
    )
    return transformers.CLIPTextModel(config)


def tiny_vae() -> Any:
    """An autoencoder of four latent channels, an eighth of the size of its images."""
    torch.manual_seed(1)
    return diffusers.AutoencoderKL(
        block_out_channels=(4, 4, 4, 4),
        norm_num_groups=2,
        layers_per_block=1,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=4,
        scaling_factor=0.18215,
    ).eval()


def stable_diffusion() -> Any:
    """A StableDiffusionPipeline as Stable Diffusion 1.5 is configured."""
    torch.manual_seed(0)
    unet = diffusers.UNet2DConditionModel(
        sample_size=8,
        in_channels=4,
        out_channels=4,
        **BLOCKS,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=16,
        attention_head_dim=2,
    )
    tokenizer = _tokenizer()
    pipe = diffusers.StableDiffusionPipeline(
        vae=tiny_vae(),
        text_encoder=_text_encoder(tokenizer),
        tokenizer=tokenizer,
        unet=unet.eval(),
        scheduler=diffusers.PNDMScheduler(skip_prk_steps=True, steps_offset=1, **STABLE_DIFFUSION),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


def unconditional() -> Any:
    """A DDPMPipeline for 8 x 8 images of three channels."""
    torch.manual_seed(0)
    unet = diffusers.UNet2DModel(
        sample_size=8,
        **BLOCKS,
        down_block_types=("DownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "UpBlock2D"),
    )
    pipe = diffusers.DDPMPipeline(unet.eval(), diffusers.DDPMScheduler())
    pipe.set_progress_bar_config(disable=True)
    return pipe


def replace_downloads(monkeypatch: pytest.MonkeyPatch) -> None:
    """`from_pretrained` of the pipelines that documents name gives a tiny one."""
    for owner, make in (
        (diffusers.StableDiffusionPipeline, stable_diffusion),
        (diffusers.DDPMPipeline, unconditional),
    ):
        monkeypatch.setattr(owner, "from_pretrained", lambda *_, _make=make, **__: _make())
