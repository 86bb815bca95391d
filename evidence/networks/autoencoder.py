"""A small convolutional autoencoder of images: 32 x 32 pixels to 8 x 8 places of a few channels."""

from __future__ import annotations

import torch
from torch import Tensor, nn

NOISE = 0.1  # deviation of what is added to latents in training, so that near ones decode alike
PENALTY = 5e-4  # of their mean square, which sets their scale against the noise: about that of a VAE at 26 dB
SCALE = 0.94  # one over the deviation of the committed encoder's latents
GROUPS = 8


class Residual(nn.Module):
    """Two convolutions beside the identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.GroupNorm(GROUPS, width),
            nn.SiLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.GroupNorm(GROUPS, width),
            nn.SiLU(),
            nn.Conv2d(width, width, 3, padding=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class Autoencoder(nn.Module):
    """Squares of two pixels become channels first, since convolutions cost least on coarse grids."""

    def __init__(self, channels: int, latents: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        fine, coarse = widths
        self.encoder = nn.Sequential(
            nn.PixelUnshuffle(2),
            nn.Conv2d(4 * channels, fine, 3, padding=1),
            Residual(fine),
            nn.Conv2d(fine, coarse, 3, stride=2, padding=1),
            Residual(coarse),
            Residual(coarse),
            nn.GroupNorm(GROUPS, coarse),
            nn.Conv2d(coarse, latents, 1),
        )
        self.decoder = nn.Sequential(
            nn.Conv2d(latents, coarse, 3, padding=1),
            Residual(coarse),
            Residual(coarse),
            nn.Conv2d(coarse, 4 * fine, 3, padding=1),
            nn.PixelShuffle(2),
            Residual(fine),
            nn.GroupNorm(GROUPS, fine),
            nn.SiLU(),
            nn.Conv2d(fine, 4 * channels, 3, padding=1),
            nn.PixelShuffle(2),
        )

    def encode(self, x: Tensor) -> Tensor:
        """Latents of deviation about 1 of images in [-1, 1]."""
        return self.encoder(x) * SCALE

    def decode(self, latents: Tensor) -> Tensor:
        """Images of such latents."""
        return self.decoder(latents / SCALE)

    def loss(self, x: Tensor, random: torch.Generator) -> Tensor:
        """Squared error of the decoded images and the penalty, on one batch."""
        latents = self.encoder(x)
        noise = torch.randn(latents.shape, generator=random)
        return (self.decoder(latents + NOISE * noise) - x).square().mean() + PENALTY * latents.square().mean()
