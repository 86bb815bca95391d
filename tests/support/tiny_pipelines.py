"""Networks, autoencoders and pipelines of diffusers, tiny, with random weights."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

diffusers = pytest.importorskip("diffusers", reason="needs the extra 'frameworks'")
torch = pytest.importorskip("torch", reason="needs the extra 'frameworks'")
transformers = pytest.importorskip("transformers", reason="the pipelines need it")

CHANNELS = 4
BLOCKS = {"block_out_channels": (8, 16), "norm_num_groups": 4, "layers_per_block": 1}
BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
"""Of Stable Diffusion."""


# -- networks ------------------------------------------------------------------------------------------------------


def _fixed(network: Any) -> Any:
    return network.eval().requires_grad_(False)


def unet(channels: int = 3, attention: bool = False, **options: Any) -> Any:
    """An unconditional UNet for (n, channels, 8, 8)."""
    torch.manual_seed(0)
    inner = "Attn" if attention else ""
    return _fixed(
        diffusers.UNet2DModel(
            sample_size=8,
            in_channels=channels,
            out_channels=channels,
            down_block_types=("DownBlock2D", f"{inner}DownBlock2D"),
            up_block_types=(f"{inner}UpBlock2D", "UpBlock2D"),
            **{"attention_head_dim": 4, **BLOCKS, **options},
        )
    )


def conditional_unet(channels: int = CHANNELS, **options: Any) -> Any:
    """The network of Stable Diffusion for (n, channels, 8, 8), with cross-attention to (n, 3, 6) embeddings."""
    torch.manual_seed(0)
    return _fixed(
        diffusers.UNet2DConditionModel(
            sample_size=8,
            in_channels=channels,
            out_channels=channels,
            down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
            **{"cross_attention_dim": 6, "attention_head_dim": 4, **BLOCKS, **options},
        )
    )


def transformer(channels: int = CHANNELS, prompt: int = 6) -> Any:
    """The network of Stable Diffusion 3: latents (n, channels, 8, 8), prompts (n, 3, prompt), pooled (n, 6)."""
    torch.manual_seed(0)
    return _fixed(
        diffusers.SD3Transformer2DModel(
            sample_size=8,
            patch_size=2,
            in_channels=channels,
            out_channels=channels,
            num_layers=1,
            attention_head_dim=4,
            num_attention_heads=2,
            joint_attention_dim=prompt,
            caption_projection_dim=8,
            pooled_projection_dim=6,
            pos_embed_max_size=8,
        )
    )


def autoencoder(halvings: int = 0, channels: int = CHANNELS, **options: Any) -> Any:
    """Latents that are 2^halvings times smaller than their pictures."""
    torch.manual_seed(1)
    return _fixed(
        diffusers.AutoencoderKL(
            latent_channels=channels,
            layers_per_block=1,
            norm_num_groups=4,
            block_out_channels=(8,) * (halvings + 1),
            down_block_types=("DownEncoderBlock2D",) * (halvings + 1),
            up_block_types=("UpDecoderBlock2D",) * (halvings + 1),
            **options,
        )
    )


# -- pipelines -----------------------------------------------------------------------------------------------------


def quiet(pipe: Any) -> Any:
    """Without a progress bar."""
    pipe.set_progress_bar_config(disable=True)
    return pipe


def stable_diffusion(scheduler: Any, kind: str = "StableDiffusionPipeline", **parts: Any) -> Any:
    """Stable Diffusion 1, its image-to-image or its inpainting pipeline; without text, if `parts` bring none."""
    absent = dict.fromkeys(("text_encoder", "tokenizer", "safety_checker", "feature_extractor"))
    own = (
        {"vae": autoencoder(1, shift_factor=0.06), "unet": conditional_unet()} if "unet" not in parts else {}
    )
    given = {**absent, **own, **parts}
    return quiet(getattr(diffusers, kind)(scheduler=scheduler, requires_safety_checker=False, **given))


def stable_diffusion_xl(scheduler: Any, kind: str = "StableDiffusionXLPipeline") -> Any:
    """SDXL: pooled prompts and six numbers on size beside the prompt."""
    network = conditional_unet(
        addition_embed_type="text_time",
        addition_time_embed_dim=2,
        projection_class_embeddings_input_dim=6 + 6 * 2,
    )
    absent = dict.fromkeys(("text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2"))
    parts = {"vae": autoencoder(1, shift_factor=0.06), "unet": network, "add_watermarker": False, **absent}
    return quiet(getattr(diffusers, kind)(scheduler=scheduler, **parts))


def stable_diffusion_3(scheduler: Any, kind: str = "StableDiffusion3Pipeline") -> Any:
    """SD3: a transformer that predicts the flow; its inpainting pipeline wants 16 channels."""
    channels = 16 if "Inpaint" in kind else CHANNELS
    absent = [f"{part}{number}" for part in ("text_encoder", "tokenizer") for number in ("", "_2", "_3")]
    parts = {"transformer": transformer(channels), "vae": autoencoder(1, channels, shift_factor=0.06)}
    return quiet(getattr(diffusers, kind)(scheduler=scheduler, **parts, **dict.fromkeys(absent)))


# -- what the documents load by name -------------------------------------------------------------------------------


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


def _stable_diffusion() -> Any:
    """As Stable Diffusion 1.5 is configured; its prompts have letters only."""
    tokenizer = _tokenizer()
    parts = {
        "vae": autoencoder(3, scaling_factor=0.18215),
        "unet": conditional_unet(cross_attention_dim=16, attention_head_dim=2),
        "text_encoder": _text_encoder(tokenizer),
        "tokenizer": tokenizer,
    }
    return stable_diffusion(diffusers.PNDMScheduler(skip_prk_steps=True, steps_offset=1, **BETAS), **parts)


def _unconditional() -> Any:
    """A DDPMPipeline for 8 x 8 images of three channels."""
    return quiet(diffusers.DDPMPipeline(unet(), diffusers.DDPMScheduler()))


def replace_downloads(monkeypatch: pytest.MonkeyPatch) -> None:
    """`from_pretrained` of the pipelines that documents name gives a tiny one."""
    for owner, make in (
        (diffusers.StableDiffusionPipeline, _stable_diffusion),
        (diffusers.DDPMPipeline, _unconditional),
    ):
        monkeypatch.setattr(owner, "from_pretrained", lambda *_, _make=make, **__: _make())
