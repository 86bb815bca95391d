"""LD3 (Tong et al., arXiv 2405.15506) and S4S-Alt (Frankel et al., arXiv 2502.17423): learning through the solver.

Gradient descent on levels and model times (LD3), on coefficients too (S4S-Alt), back through every step of the solver
and the network. The teacher is the network's own converged solution, and a start may move within a small ball around
itself where that brings the student nearer to the teacher's output. Optimisers, rates, rounds and sample counts are
those of LD3's configuration for CIFAR-10; S4S' code is not public, so it takes the same, and Adam for its table.
Losses are squared differences: features that the papers use (LPIPS) are not made for images of 16 pixels. The starts
that decide which state is kept do not move, since they are what is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

import specsched as ss
from specsched.models.reference import SOLVER, fine_schedule

from .knowledge import Choice, Known

TRAIN, BATCH = 50, 2  # and as many starts held out as train
ROUNDS_LEVELS, ROUNDS_ALL = 2, 5  # first the levels alone, then model times (and coefficients) too
RATE_LEVELS, MOMENTUM, RATE_TIMES = 0.005, 0.9, 0.1
RATE_TABLE = 0.02
WINDOW = 0.5  # a model time moves by at most this share of the smallest gap
BALL = 1.0 / 3072**0.5  # radius over the root of the dimension: LD3's 1.0 for 32 x 32 pixels
CHECK_EVERY = 5  # batches between looks at the held-out starts; LD3 looks after each
REFERENCE_LEVELS = 100
TEACHER_SHARE = (
    1 / 3
)  # of a limited budget at most goes to the teacher, which decides how many starts there are


def ld3(known: Known, solver: Any, steps: int, most: int | None = None) -> Choice:
    """Levels and model times for DPM-Solver++(2M); `most` limits the network calls."""
    return learn(known, Student(known.high, known.floor, steps, order=2, free=False), most)


def s4s(known: Known, solver: Any, steps: int, most: int | None = None) -> Choice:
    """Levels, model times and the coefficients of a third-order multistep solver; `most` limits the network calls."""
    return learn(known, Student(known.high, known.floor, steps, order=3, free=True), most)


@dataclass
class Student:
    """Levels, model times and coefficients as tensors that gradients reach."""

    high: float
    floor: float
    steps: int
    order: int
    free: bool

    def __post_init__(self) -> None:
        self.gaps = torch.zeros(self.steps - 1, dtype=torch.float64, requires_grad=True)
        self.shifts = torch.zeros(self.steps, dtype=torch.float64, requires_grad=True)
        table = torch.zeros(self.steps, self.order - 1, dtype=torch.float64)
        if self.free:
            table[:, :1] = self.second_order(self.levels().detach())
        self.table = table.requires_grad_(self.free)

    @property
    def parameters(self) -> list[torch.Tensor]:
        return [self.gaps, self.shifts, self.table]

    def levels(self) -> torch.Tensor:
        """(steps,) positive levels, softmax gaps in log sigma."""
        shares = torch.cumsum(torch.softmax(self.gaps, 0), 0)
        span = np.log(self.floor / self.high)
        return self.high * torch.exp(span * torch.cat([torch.zeros(1, dtype=torch.float64), shares]))

    def times(self, levels: torch.Tensor) -> torch.Tensor:
        """(steps,) shifts of the level that the network is told, in log sigma; none at the ends."""
        most = WINDOW * float((levels[:-1] / levels[1:]).detach().log().min())
        inside = torch.ones_like(levels)
        inside[0] = inside[-1] = 0.0
        return self.shifts.clamp(-most, most) * inside

    @staticmethod
    def second_order(levels: torch.Tensor) -> torch.Tensor:
        """(steps, 1) coefficients of DPM-Solver++(2M); the first and the last step, to 0, have none."""
        gap = (levels[:-1] / levels[1:]).log()
        inner = gap[1:] / (2.0 * gap[:-1])
        zero = torch.zeros(1, dtype=levels.dtype)
        return torch.cat([zero, inner, zero])[:, None]

    def used_table(self, levels: torch.Tensor) -> torch.Tensor:
        """The coefficients, 0 where a prediction does not exist yet."""
        if not self.free:
            return self.second_order(levels)
        n, j = torch.arange(self.steps)[:, None], torch.arange(1, self.order)[None]
        return self.table * (j <= n)

    def choice(self) -> Choice:
        """As the library runs it."""
        with torch.no_grad():
            levels = self.levels()
            sampler = ss.samplers.Multistep(
                order=self.order,
                coefficients=self.used_table(levels).numpy(),
                model_times=self.times(levels).numpy(),
            )
            schedule = levels.numpy().copy()
        schedule[0], schedule[-1] = self.high, self.floor
        return Choice(ss.Schedule([*schedule, 0.0]), sampler)

    def run(self, denoise: Any, noise: torch.Tensor, index: np.ndarray) -> torch.Tensor:
        """The student's sample from standard normal noise."""
        levels = self.levels()
        table, told = self.used_table(levels), levels * torch.exp(self.times(levels))
        y = noise * float(np.sqrt(1.0 + self.high**2))
        seen: list[torch.Tensor] = []
        for n in range(self.steps):
            seen.append(denoise(y, told[n], index))
            ratio = (levels[n + 1] / levels[n] if n + 1 < self.steps else torch.zeros(())).to(y.dtype)
            mixed = seen[-1]
            for j in range(1, min(self.order, n + 1)):
                mixed = mixed + table[n, j - 1].to(y.dtype) * (seen[-1] - seen[-1 - j])
            y = ratio * y + (1.0 - ratio) * mixed
        return y


def learn(known: Known, student: Student, most: int | None = None) -> Choice:
    """Descend, and keep what is best on the held-out starts.

    Without `most` the rounds are LD3's. With it there are fewer starts, half of them held out, and rounds go on until
    the network calls are spent, levels alone for the same share of them.
    """
    half = (
        TRAIN
        if most is None
        else max(2 * BATCH, min(TRAIN, int(TEACHER_SHARE * most / REFERENCE_LEVELS / 2)))
    )
    begun, rounds = known.calls, ROUNDS_LEVELS + ROUNDS_ALL
    noise, denoise = known.noise(2 * half), known.denoiser_for(2 * half)
    target = teacher(known, denoise, noise)
    after = known.calls
    moved = noise[:half].clone()
    levels = torch.optim.RMSprop([student.gaps], lr=RATE_LEVELS, momentum=MOMENTUM)
    rest: list[Any] = [torch.optim.SGD([student.shifts], lr=RATE_TIMES)]
    if student.free:
        rest.append(torch.optim.Adam([student.table], lr=RATE_TABLE))
    best, kept = np.inf, [p.detach().clone() for p in student.parameters]
    shuffle = torch.Generator().manual_seed(known.seed)
    done = spent = 0.0
    while spent < 1.0:
        for number, rows in enumerate(torch.randperm(half, generator=shuffle).split(BATCH)):
            if number % CHECK_EVERY == 0:
                error = held_out(known, student, denoise, noise, target)
                if error < best:
                    best, kept = error, [p.detach().clone() for p in student.parameters]
            optimisers = [levels, *(rest if spent >= ROUNDS_LEVELS / rounds else [])]
            descend(known, student, denoise, noise, moved, target, rows, optimisers)
        for parameter, value in zip(student.parameters, kept, strict=True):
            parameter.data.copy_(value)
        done += 1
        spent = done / rounds if most is None else (known.calls - after) / max(begun + most - after, 1)
    return student.choice()


def teacher(known: Known, denoise: Any, noise: torch.Tensor) -> torch.Tensor:
    """The network's own converged samples."""
    fine = fine_schedule(known.high, known.floor, REFERENCE_LEVELS)
    known.calls += len(noise) * REFERENCE_LEVELS
    with torch.no_grad():
        return ss.sample(denoise, noise, fine, sampler=SOLVER)


def held_out(
    known: Known, student: Student, denoise: Any, noise: torch.Tensor, target: torch.Tensor
) -> float:
    """Mean square error on the second half of the starts, which does not train."""
    index = np.arange(len(noise) // 2, len(noise))
    with torch.no_grad():
        output = student.run(denoise, noise[index], index)
    known.calls += len(index) * student.steps
    return float(((output - target[index]) ** 2).mean())


def descend(
    known: Known,
    student: Student,
    denoise: Any,
    noise: torch.Tensor,
    moved: torch.Tensor,
    target: torch.Tensor,
    rows: torch.Tensor,
    optimisers: list[Any],
) -> None:
    """One step for a batch, and a step of its starts within their balls."""
    start = moved[rows].clone().requires_grad_(True)
    losses = ((student.run(denoise, start, rows.numpy()) - target[rows]) ** 2).flatten(1).mean(1)
    for parameter in student.parameters:
        parameter.grad = None
    losses.mean().backward()
    torch.nn.utils.clip_grad_norm_([p for p in student.parameters if p.grad is not None], 1.0)
    for optimiser in optimisers:
        optimiser.step()
    radius = BALL * noise[0].numel() ** 0.5
    with torch.no_grad():
        slope = start.grad.flatten(1)
        step = slope / slope.norm(dim=1, keepdim=True).clamp_min(1e-30) * radius
        away = (start - step.view_as(start) - noise[rows]).flatten(1)
        away = away * (radius / away.norm(dim=1, keepdim=True)).clamp(max=1.0)
        tried = noise[rows] + away.view_as(start)
        after = ((student.run(denoise, tried, rows.numpy()) - target[rows]) ** 2).flatten(1).mean(1)
        better = after < losses
        moved[rows[better]] = tried[better]
    # A backward pass costs about as much as two forward ones.
    known.calls += len(rows) * student.steps * 4
