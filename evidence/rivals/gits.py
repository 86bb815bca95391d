"""GITS (Chen, Zhou, Wang, Shen & Chen, arXiv 2405.11326): dynamic programming over a teacher's trajectory."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from .knowledge import Choice, Known

GROWTH = 1.15  # weight of later errors in the authors' code


def choose(known: Known, solver: Any, steps: int) -> Choice:
    """The path through 61 levels whose Euler steps deviate least from the teacher."""
    levels, states, predictions = known.teacher
    path = cheapest_path(deviation_costs(levels, states.flatten(2), predictions.flatten(2)), steps - 1)
    return Choice(known.with_zero(levels[path]), solver)


def deviation_costs(levels: np.ndarray, states: torch.Tensor, predictions: torch.Tensor) -> np.ndarray:
    """Cost of an Euler step from level i to j: how much further it leaves the chord than the teacher does."""
    count = len(levels)
    costs = np.full((count, count), np.inf)
    of_teacher = [deviation(states[0], state, states[-1]) for state in states[:-1]] + [0.0]
    for i in range(count - 1):
        slope = (states[i] - predictions[i]) / float(levels[i])
        for j in range(i + 1, count):
            reached = states[i] + float(levels[j] - levels[i]) * slope
            costs[i, j] = deviation(states[0], reached, states[-1]) - of_teacher[j]
    return costs


def deviation(start: torch.Tensor, point: torch.Tensor, end: torch.Tensor) -> float:
    """Mean over the trajectories of the distance of the start from the line through point and end."""
    chord, line = end - start, end - point
    line = line / line.norm(dim=-1, keepdim=True).clamp_min(1e-30)
    return float((chord - (chord * line).sum(-1, keepdim=True) * line).norm(dim=-1).mean())


def cheapest_path(costs: np.ndarray, moves: int) -> list[int]:
    """Nodes of the path from the first to the last with exactly this many moves."""
    value, choices = costs[:, -1].copy(), []
    for _ in range(moves - 1):
        through = costs[:, :-1] + GROWTH * value[:-1]
        choices.append(through.argmin(axis=1))
        value = through.min(axis=1)
    path = [0]
    for choice in reversed(choices):
        path.append(int(choice[path[-1]]))
    return [*path, len(costs) - 1]
