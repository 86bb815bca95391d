"""What the rivals may know of a network: its predictions, along its own trajectories or on noised data."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch

import specsched as ss

TRAJECTORIES = 64  # GITS warms up with 256 trajectories; the mean costs of 64 give the same paths
PAIRS = 256  # noised samples a level: standard errors of a mean loss are below 2 %
LEVELS = 33


class Choice(NamedTuple):
    """What a rival chose."""

    schedule: ss.Schedule
    sampler: Any


class Known:
    """A denoiser with what methods ask of it; every network call of one sample is counted in `calls`.

    Parameters
    ----------
    denoiser_for : callable
        ``denoiser_for(count)`` gives ``denoise(y, sigma, index)`` for that many starts.
    samples : Tensor, shape (n, ...)
        Clean data, for the methods that need a training loss.
    high, floor : float
        Levels between which the network works.
    """

    def __init__(
        self,
        denoiser_for: Callable[[int], Any],
        samples: torch.Tensor,
        high: float,
        floor: float,
        seed: int = 3,
    ) -> None:
        self.denoiser_for, self.samples, self.high, self.floor = denoiser_for, samples[:PAIRS], high, floor
        self.seed = seed
        self.calls = 0

    def predict(self, y: torch.Tensor, sigma: float, starts: int | None = None) -> torch.Tensor:
        """Denoised samples."""
        self.calls += len(y)
        return self.denoiser_for(starts or len(y))(y, sigma, np.arange(len(y)))

    def noise(self, count: int) -> torch.Tensor:
        """Standard normal starts, the same at every call."""
        shape = (count, *self.samples.shape[1:])
        return torch.randn(shape, generator=torch.Generator().manual_seed(self.seed))

    def with_zero(self, levels: np.ndarray) -> ss.Schedule:
        """The schedule of these levels and a last step to 0, the ends exact."""
        levels = np.array(levels, dtype=np.float64)
        levels[0], levels[-1] = self.high, self.floor
        return ss.Schedule([*levels, 0.0])

    def equidistant(self, grid: np.ndarray, density: np.ndarray, steps: int) -> ss.Schedule:
        """Levels that share the integral of `density` over log sigma equally; `grid` increases."""
        place = np.log(grid)
        pieces = 0.5 * (density[1:] + density[:-1]) * np.diff(place)
        length = np.concatenate([[0.0], np.cumsum(pieces)])
        wanted = np.linspace(length[-1], 0.0, steps)
        return self.with_zero(np.exp(np.interp(wanted, length, place)))

    @cached_property
    def grid(self) -> np.ndarray:
        """Levels at which losses are measured, increasing."""
        return np.geomspace(self.floor, self.high, LEVELS)

    @cached_property
    def noised(self) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        """Noised data at the levels of the grid, the same noise at each, and their predictions."""
        noise = self.noise(len(self.samples))
        states = [self.samples + float(r) * noise for r in self.grid]
        return states, [self.predict(y, float(r)) for y, r in zip(states, self.grid, strict=True)]

    @cached_property
    def score_speeds(self) -> np.ndarray:
        """Change of sigma times the score in log sigma between levels of the grid, the noised data held fixed."""
        grid = self.grid
        states, predictions = self.noised
        speeds = []
        for k in range(len(grid) - 1):
            here, there = float(grid[k]), float(grid[k + 1])
            score = (predictions[k] - states[k]) / here**2
            moved = (self.predict(states[k], there) - states[k]) / there**2
            cost = here**2 * float(((moved - score) ** 2).mean())
            speeds.append(np.sqrt(cost) / np.log(there / here))
        return np.array(speeds)

    @cached_property
    def teacher(self) -> tuple[np.ndarray, torch.Tensor, torch.Tensor]:
        """GITS' teacher: 61 levels of Karras et al. by iPNDM: levels, states and predictions, shape (61, n, ...)."""
        levels = ss.baselines.edm(60, sigma_max=self.high, sigma_min=self.floor).sigmas
        noise = self.noise(TRAJECTORIES)
        states = [noise * float(np.sqrt(1 + levels[0] ** 2))]
        predictions = []

        def keep(step: int, sigma: float, state: torch.Tensor, newest: torch.Tensor) -> None:
            states.append(state)
            predictions.append(newest)

        denoise = self.denoiser_for(TRAJECTORIES)
        ss.sample(denoise, noise, ss.Schedule(levels), sampler="ipndm", callback=keep)
        self.calls += 60 * TRAJECTORIES
        predictions.append(self.predict(states[-1], float(levels[-1])))
        return levels, torch.stack(states), torch.stack(predictions)
