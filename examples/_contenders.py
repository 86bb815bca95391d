"""The schedules that the comparisons of solvers set against each other, at the same number of denoiser calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import specsched as ss
from specsched import tuned as tuned_members
from specsched.samplers import as_sampler

ENDS: dict[str, float] = {"sigma_max": 157.4, "sigma_min": 0.0, "sigma_floor": 0.002}
"""Process "vp": the paper's first level, an end on clean data, no other level below EDM's lowest."""

TUNED = "best tuned"
FOR_DDIM = "designed for DDIM"
DESIGNED = "designed"
ROBUST = "robust"
EXACT = "exact denoiser"
COMPONENTS = "components"
WORST = "worst component"
AROUND = ss.Neighbourhood()


@dataclass(frozen=True)
class Field:
    """All schedules for one solver and number of steps."""

    solver: str
    steps: int
    evaluations: int
    schedules: dict[str, ss.Schedule]
    tuned_family: str

    @property
    def heuristics(self) -> list[str]:
        """Names of the baselines with their default parameters."""
        return list(ss.baselines.TABLE)


def steps_within(solver: str, budget: int) -> int:
    """The most steps, ending at 0, whose denoiser calls stay within the budget; at least 1."""
    sampler = as_sampler(solver)

    def calls(steps: int) -> int:
        return sampler.function_evaluations(ss.Schedule(np.arange(steps, -1.0, -1.0)))

    return max(steps for steps in range(1, budget + 1) if steps == 1 or calls(steps) <= budget)


def field(spectrum: ss.Spectrum, solver: str, budget: int, components: Sequence[ss.Spectrum] = ()) -> Field:
    """Baselines, the best tuned one, and designs: for DDIM, for the solver, for its surroundings, for components."""
    steps = steps_within(solver, budget)
    fixed: dict[str, Any] = {"sampler": solver, "threads": 1, **ENDS}
    design = ss.design(spectrum, steps, **fixed)
    members = tuned_members(spectrum, steps, **fixed)
    family, tuned = min(members.items(), key=lambda item: item[1].loss)
    schedules = ss.baselines.all_schedules(steps, **ENDS)
    schedules[TUNED] = tuned.schedule
    schedules[FOR_DDIM] = ss.design(spectrum, steps, threads=1, **ENDS).schedule
    schedules[DESIGNED] = design.schedule
    schedules[ROBUST] = ss.design(spectrum, steps, robust=AROUND, **fixed).schedule
    safe = design.sampler.multistep
    schedules[EXACT] = (ss.design(spectrum, steps, denoiser_error=0.0, **fixed) if safe else design).schedule
    if components:
        parts = list(components)
        schedules[COMPONENTS] = ss.design(parts, steps, **fixed).schedule
        schedules[WORST] = ss.design(parts, steps, combine="worst", **fixed).schedule
    calls = design.sampler.function_evaluations(design.schedule)
    return Field(solver, steps, calls, schedules, family)
