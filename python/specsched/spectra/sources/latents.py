"""Latents: from files of tensors, or from images through the encoder of a latent diffusion model."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._support import checks
from ..._support.reading.tensors import Stored, open_tensors
from ..batches import Batches, Block, blocks, pick
from . import images
from .folders import files_below, headers

SUFFIXES = (".safetensors", ".pt", ".pth")
_NAMES = ("latents", "latent", "samples", "")
"""What tensors of latents are called, the most telling first; "" is a file that is one tensor."""


def latent_batches(files: Sequence[Path], *, limit: int | None = None, skip_bad: bool = False) -> Batches:
    """Latents of shape (channels, height, width), (channels, length) or any other from files of tensors.

    Parameters
    ----------
    files : sequence of Path
        .safetensors, .pt or .pth files, each with one tensor, or one called latents, latent or samples. A single file
        holds the samples along its first axis; of several files each is one sample where the first axis of all
        shapes differs from a batch's: tensors of four axes are batches, of fewer axes samples.
    limit : int, optional
        Largest number of samples, taken evenly over all.
    skip_bad : bool
        Leave out files that cannot be read.

    Returns
    -------
    Batches
        A stream that holds one file at a time.

    Raises
    ------
    OSError
        A file cannot be read.
    ValueError
        A file has no tensor of latents, or shapes differ; the message names it.
    """
    if not files:
        raise ValueError("files must hold at least one file of tensors")
    single = len(files) == 1
    entries = headers(files, lambda path: (path, _tensor(path, single).shape), skip_bad=skip_bad)
    files, shapes = [path for path, _ in entries], [shape for _, shape in entries]
    for path, shape in entries:
        if shape[1:] != shapes[0][1:]:
            raise ValueError(
                f"latents differ in shape: {str(files[0])!r} has {shapes[0][1:]}, {str(path)!r} {shape[1:]}; "
                "give a folder with latents of one resolution"
            )
    chosen = pick([shape[0] for shape in shapes], limit)

    def read() -> Iterator[Block]:
        for path, wanted in zip(files, chosen, strict=True):
            if len(wanted):
                yield np.asarray(_tensor(path, single).read()[wanted], dtype=np.float32)

    return Batches(sum(map(len, chosen)), shapes[0][1:], read)


def _tensor(path: Path, single: bool) -> Stored:
    """The latents of a file, samples along the first axis."""
    tensors = open_tensors(path)
    name = next((name for name in _NAMES if name in tensors), next(iter(tensors), None))
    if name is None or (len(tensors) > 1 and name not in _NAMES):
        held = ", ".join(tensors) or "none"
        raise ValueError(f"{str(path)!r} must hold one tensor, or one called latents; it holds {held}")
    found = tensors[name]
    if len(found.shape) < (2 if single else 1):
        raise ValueError(f"{str(path)!r} holds a tensor of shape {found.shape}, which is no batch of latents")
    return found if single or len(found.shape) > 3 else Stored((1, *found.shape), lambda: found.read()[None])


def channel_axis_of(shape: Sequence[int]) -> int | None:
    """Axis of the channels in a batch of samples of this shape: the shorter one of the first and the last."""
    if len(shape) < 3:
        return None
    return 1 if shape[0] <= shape[-1] else -1


# ---- through an encoder --------------------------------------------------------------------------


def encoded(
    vae: Any, pictures: object, *, size: object, batch_size: int, seed: int
) -> Batches | Iterator[Block]:
    """Latents as the network sees them; see `Spectrum.from_vae`."""
    torch = _torch()
    scale = _scaling(vae)
    batch_size = checks.integer("batch_size", batch_size, minimum=1)
    generator = torch.Generator().manual_seed(checks.integer("seed", seed, minimum=0))
    place = next(iter(vae.parameters()), torch.zeros(()))

    def one(batch: Block) -> NDArray[np.float32]:
        pixels = torch.from_numpy(np.ascontiguousarray(_channels_first(batch), dtype=np.float32))
        with torch.no_grad():
            coded = vae.encode(pixels.to(device=place.device, dtype=place.dtype))
        return np.asarray(scale(_drawn(coded, generator, torch)), dtype=np.float32)

    def read() -> Iterator[Block]:
        for _, block in blocks(_pictures(pictures, size)):
            for k in range(0, len(block), batch_size):
                yield one(block[k : k + batch_size])

    return read()


def _pictures(pictures: object, size: object) -> object:
    """Samples from -1 to 1, of a path or as they are."""
    if not isinstance(pictures, (str, os.PathLike)):
        if size is not None:
            raise ValueError("size applies to images at a path; resize an array first")
        return pictures
    files = files_below(Path(pictures), images.SUFFIXES)
    if not files:
        raise OSError(f"{os.fspath(pictures)!r} holds no images")
    return images.image_batches(files, size=size, fit="cover", color="rgb")


def _channels_first(batch: Block) -> Block:
    if batch.ndim != 4 or 3 not in (batch.shape[1], batch.shape[-1]):
        raise ValueError(
            f"images must have shape (n, height, width, 3) or (n, 3, height, width), got {batch.shape}"
        )
    if np.abs(batch).max(initial=0.0) > 2.0:
        raise ValueError(
            f"images must have values from -1 to 1, got {float(np.abs(batch).max()):g}; divide bytes by "
            "127.5 and subtract 1"
        )
    return batch if batch.shape[1] == 3 else np.moveaxis(batch, -1, 1)


def _drawn(coded: Any, generator: Any, torch: Any) -> NDArray[np.float64]:
    """Samples of the encoder's distribution, on which latent models are trained, or its code."""
    if hasattr(coded, "latent_dist"):
        spread = coded.latent_dist
        mean = spread.mean.float().cpu()
        drawn = mean + spread.std.float().cpu() * torch.randn(mean.shape, generator=generator)
        return np.asarray(drawn.double().numpy())
    code = getattr(coded, "latents", getattr(coded, "latent", coded))
    return np.asarray((code[0] if isinstance(code, tuple) else code).float().cpu().double().numpy())


def _scaling(vae: Any) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """(z - shift) scale, or channel by channel where the configuration has a mean and a spread for each."""
    config = getattr(vae, "config", None)
    if not hasattr(vae, "encode") or config is None:
        raise TypeError(
            f"vae must be an autoencoder of diffusers (with encode and config), got {type(vae).__name__}"
        )

    def option(name: str) -> Any:
        return config.get(name) if hasattr(config, "get") else getattr(config, name, None)

    scale = 1.0 if option("scaling_factor") is None else float(option("scaling_factor"))
    shift = 0.0 if option("shift_factor") is None else float(option("shift_factor"))
    if option("latents_mean") is None or option("latents_std") is None:
        return lambda z: (z - shift) * scale
    means, spreads = (np.array(option(f"latents_{name}"), dtype=np.float64) for name in ("mean", "std"))

    def by_channel(z: NDArray[np.float64]) -> NDArray[np.float64]:
        form = (-1,) + (1,) * (z.ndim - 2)
        return (z - means.reshape(form)) * (scale / spreads.reshape(form))

    return by_channel


def _torch() -> Any:
    try:
        import torch
    except ImportError:
        raise ImportError("encoding images needs PyTorch: pip install torch") from None
    return torch
