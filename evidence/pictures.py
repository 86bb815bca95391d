"""A grid of samples of a network, by Heun's method on the levels of Karras et al. (2022):
python -m evidence.pictures NAME --out FILE.png
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .networks import CHECKPOINTS, Network, load
from .train import samples


def heun(network: Network, y: Tensor, levels: np.ndarray, labels: Tensor | None, guidance: float) -> Tensor:
    """Solution of the probability flow dy/dr = (y - D) / r along decreasing levels, the last step to 0 by Euler's
    method; y is scaled already."""
    for r, s in zip(levels, [*levels[1:], 0.0], strict=True):
        slope = (y - network.denoise(y, r, labels, guidance)) / r
        there = y + (s - r) * slope
        if s > 0:
            there = y + (s - r) * (slope + (there - network.denoise(there, s, labels, guidance)) / s) / 2
        y = there
    return y


def grid(x: Tensor, columns: int, scale: int) -> np.ndarray:
    """Samples (n, c, h, w) in [-1, 1] as one uint8 picture, each pixel `scale` wide, a grey line after every sample."""
    x = torch.nn.functional.pad(x, (0, 1, 0, 1))
    n, c, h, w = x.shape
    tiles = (
        x.view(n // columns, columns, c, h, w)
        .permute(0, 3, 1, 4, 2)
        .reshape(n // columns * h, columns * w, c)
    )
    pixels = ((tiles.clamp(-1, 1) + 1) * 127.5).round().byte().numpy()
    return pixels.repeat(scale, 0).repeat(scale, 1).squeeze()


def waves(x: Tensor, height: int = 64) -> Tensor:
    """Sounds (n, 1, length) as images (n, 1, height, length) of their curves, from -2 to 2."""
    rows = ((2 - x.clamp(-2, 2)) / 4 * (height - 1)).round().long()
    return torch.full((len(x), 1, height, x.shape[-1]), -1.0).scatter_(2, rows[:, :, None], 1.0)


def picture(network: Network, x: Tensor) -> np.ndarray:
    """Samples of a network as people look at them, ten (sounds: five) in a row."""
    if network.recipe.data == "latents":
        x = load("autoencoder").unet.decode(x)
    return grid(waves(x), 5, 1) if x.dim() == 3 else grid(x, 10, 48 // x.shape[-1])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument(
        "--data", help="the CIFAR-10 archive: for the autoencoder, images beside what it decodes"
    )
    parser.add_argument("--checkpoints", type=Path, default=CHECKPOINTS)
    parser.add_argument("--count", type=int, default=40, help="a multiple of ten: one column for each class")
    parser.add_argument("--steps", type=int, default=18)
    parser.add_argument("--guidance", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    from PIL import Image

    network = load(args.name, args.checkpoints)
    if network.kind == "autoencoder":
        images = torch.from_numpy(
            samples(network.recipe, args.data)[0][:: 50_000 // args.count][: args.count]
        )
        decoded = network.unet.decode(network.unet.encode(images))
        Image.fromarray(grid(torch.stack([images, decoded], dim=1).flatten(0, 1), 10, 2)).save(args.out)
        return
    low, high = (s ** (1 / 7) for s in network.sigma_range)
    levels = np.linspace(high, low, args.steps) ** 7
    start = (
        torch.randn(args.count, *network.shape, generator=torch.Generator().manual_seed(args.seed))
        * levels[0]
    )
    labels = torch.arange(args.count) % network.classes if network.classes else None
    x = heun(network, start, levels, labels, args.guidance)
    Image.fromarray(picture(network, x)).save(args.out)


if __name__ == "__main__":
    main()
