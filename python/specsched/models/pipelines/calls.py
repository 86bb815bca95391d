"""What a pipeline must know of a run before it begins: one entry for each call of its network."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from ... import _core
from ..._support import codes
from ..._support.codes import ProcessName
from ...samplers import Sampler
from ...schedules.schedule import Schedule
from ..program import COMBINE, Program, program_of


class Call(NamedTuple):
    """One prediction."""

    told: float
    """The level that the network is told."""
    level: float
    """Of the noise in the sample that it is asked on."""
    step: int
    """The step in which it happens."""
    opens: bool
    """Whether it is the first one of its step."""


@dataclass(frozen=True)
class Plan:
    """A run of a solver over a schedule, or over what is left of it after some steps.

    A solver that adds noise before its first prediction (churn) starts from noise so much larger instead: a pipeline
    asks its network before any solver could act.
    """

    schedule: Schedule
    sampler: Sampler
    program: Program
    calls: tuple[Call, ...]
    first_spread: float
    """Standard deviation of the noise that the first churn would have added."""

    def start_deviation(self, process: ProcessName) -> float:
        """Standard deviation of y at the first prediction, per unit of the process's own noise."""
        prior = _core.start_variance(codes.process_code(process), float(self.schedule.sigmas[0]))
        return math.sqrt(prior + self.first_spread**2)

    @property
    def calls_per_step(self) -> int:
        """How many calls every step but the last ones has, where that is one number; else 1."""
        opening = [i for i, call in enumerate(self.calls) if call.opens]
        each = opening[1] if len(opening) > 1 else 1
        return each if opening == [each * step for step in range(len(opening))] else 1


def plan(sampler: Sampler, schedule: Schedule, begin: int = 0) -> Plan:
    """The run from step `begin` on: without what the solver would remember of the steps before."""
    if begin:
        sampler = sampler.begun_at(begin)
        schedule = Schedule(schedule.sigmas[begin:], name=schedule.name)
    program, spread = _without_first_noise(program_of(sampler, schedule))
    return Plan(schedule, sampler, program, _calls(program, schedule, spread), spread)


def _without_first_noise(program: Program) -> tuple[Program, float]:
    first, *rest = program.operations
    if first.spread == 0.0:
        return program, 0.0
    copy = first._replace(terms=((1.0, 0),), spread=0.0)
    return replace(program, operations=(copy, *rest)), first.spread


def _calls(program: Program, schedule: Schedule, first_spread: float) -> tuple[Call, ...]:
    found: list[Call] = []
    step, seen = 0, -1
    for operation in program.operations:
        if operation.kind != COMBINE:
            source = operation.terms[0][1]
            whole = source == (program.outputs[step - 1] if step else 0)
            level = float(schedule.sigmas[step]) if whole else operation.level
            if not found:
                level = math.hypot(float(schedule.sigmas[0]), first_spread)
            found.append(Call(operation.level, level, step, step != seen))
            seen = step
        if operation.step >= 0:
            step = operation.step + 1
    return tuple(found)


def told_levels(calls: tuple[Call, ...]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """What the network is told, call by call."""
    return np.array([call.told for call in calls])
