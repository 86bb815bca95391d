"""Training data of the evidence networks. Nothing here is committed: the caller names the file of images.

Every function returns float32 samples centred on zero, channels first, with integer labels.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np


def cifar(path: str | Path, size: int = 16) -> tuple[np.ndarray, np.ndarray]:
    """CIFAR-10 in [-1, 1], (n, 3, size, size), by averaging squares of pixels; and its labels, (n,).

    `path` names an archive of JPEG files: `data` (all bytes), `offsets` (n + 1) and `labels` (n).
    """
    from PIL import Image

    archive = np.load(path)
    data, offsets, labels = archive["data"], archive["offsets"], archive["labels"]
    n, step = len(labels), 32 // size
    pixels = np.empty((n, 32, 32, 3), np.uint8)
    for i in range(n):
        image = Image.open(io.BytesIO(data[offsets[i] : offsets[i + 1]].tobytes()))
        pixels[i] = np.asarray(image.convert("RGB"))
    images = np.zeros((n, size, size, 3), np.float32)
    for row in range(step):
        for column in range(step):
            images += pixels[:, row::step, column::step]
    images = images.transpose(0, 3, 1, 2) / np.float32(127.5 * step**2) - 1
    return np.ascontiguousarray(images), labels.astype(np.int64)


def latents(path: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """Latents of CIFAR-10 at 32 x 32 by the committed autoencoder, (n, 8, 8, 8), and labels, (n,)."""
    import torch

    from .networks import load

    images, labels = cifar(path, 32)
    network = load("autoencoder")
    with torch.no_grad():
        parts = [network.unet.encode(part) for part in torch.from_numpy(images).split(250)]
    return torch.cat(parts).numpy(), labels


def digits() -> tuple[np.ndarray, np.ndarray]:
    """Scikit-learn's handwritten digits in [-1, 1], (1797, 1, 8, 8), and their labels, (1797,)."""
    from sklearn.datasets import load_digits

    source = load_digits()
    return (source.images[:, None] / 8 - 1).astype(np.float32), source.target.astype(np.int64)


def sounds(count: int = 8000, length: int = 128) -> tuple[np.ndarray, np.ndarray]:
    """Synthesised plucked tones, (count, 1, length), deviation about 0.5, and zeros as labels, (count,).

    Five harmonics of a fundamental of 2 to 12 turns a window, amplitudes falling as 1 / k times a random factor,
    random phases, decay and onset; the same for every call.
    """
    random = np.random.default_rng(0)
    time = np.arange(length) / length - random.uniform(0, 0.5, (count, 1))
    fundamental = 2 * 6 ** random.uniform(size=(count, 1))
    decay = np.where(time > 0, np.exp(-time.clip(0) * random.uniform(1, 6, (count, 1))), 0)
    x = np.zeros((count, length))
    for k in range(1, 6):
        amplitude, phase = random.exponential(1 / k, (count, 1)), random.uniform(0, 2 * np.pi, (count, 1))
        x += amplitude * decay * np.sin(2 * np.pi * k * fundamental * time + phase)
    return (x[:, None] * (0.5 / x.std())).astype(np.float32), np.zeros(count, np.int64)
