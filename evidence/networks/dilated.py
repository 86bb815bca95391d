"""A small network for signals in time: residual convolutions of growing dilation (as DiffWave, arXiv 2009.09761)."""

from __future__ import annotations

from types import SimpleNamespace

import torch
from torch import Tensor, nn

DILATIONS = (1, 2, 4, 8, 16, 1, 2, 4, 8, 16)  # a field of 125 samples, about one whole sound


class Block(nn.Module):
    """Gated convolution; the noise level scales and shifts its input."""

    def __init__(self, width: int, dilation: int, embedded: int) -> None:
        super().__init__()
        self.level = nn.Linear(embedded, 2 * width)
        self.wide = nn.Conv1d(width, 2 * width, 3, padding=dilation, dilation=dilation)
        self.out = nn.Conv1d(width, width, 1)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        scale, shift = self.level(embedding)[..., None].chunk(2, dim=1)
        value, gate = self.wide(x * (1 + scale) + shift).chunk(2, dim=1)
        return x + self.out(value.tanh() * gate.sigmoid())


class Dilated(nn.Module):
    """Same calling convention as the U-Nets of diffusers: network(x, time, class_labels=None).sample."""

    def __init__(self, channels: int, width: int, frequencies: int = 16) -> None:
        super().__init__()
        self.register_buffer("frequencies", torch.logspace(0, -2, frequencies))
        self.embed = nn.Sequential(nn.Linear(2 * frequencies, 32), nn.SiLU())
        self.first = nn.Conv1d(channels, width, 3, padding=1)
        self.blocks = nn.ModuleList(Block(width, dilation, 32) for dilation in DILATIONS)
        self.last = nn.Sequential(nn.SiLU(), nn.Conv1d(width, channels, 3, padding=1))

    def forward(self, x: Tensor, time: Tensor, class_labels: None = None) -> SimpleNamespace:
        angles = time[:, None] * self.frequencies
        embedding = self.embed(torch.cat([angles.sin(), angles.cos()], dim=1))
        hidden = self.first(x)
        for block in self.blocks:
            hidden = block(hidden, embedding)
        return SimpleNamespace(sample=self.last(hidden))
