"""What a design is measured against and starts from: the heuristics with its ends, and the design for DDIM."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from ..schedules import baselines
from ..schedules.schedule import Schedule
from .methods import newton
from .problem import Problem


def rivals_of(problem: Problem) -> dict[str, Schedule]:
    """Every heuristic with the ends of the problem, and the schedule designed for DDIM if the sampler is another."""
    found = dict(_heuristics(problem.steps, problem.sigma_max, problem.sigma_min, problem.sigma_floor))
    plain = problem.for_ddim()
    if plain is not None:
        # Of the spectrum only its nodes matter here: equal problems for other solvers share the answer.
        found["ddim_designed"] = _ddim_designed(replace(plain, spectra=(plain.nodes,), full=plain.nodes))
    return found


@lru_cache(maxsize=256)
def _heuristics(steps: int, high: float, low: float, floor: float) -> dict[str, Schedule]:
    return baselines.all_schedules(steps, sigma_max=high, sigma_min=low, sigma_floor=floor or None)


@lru_cache(maxsize=256)
def _ddim_designed(problem: Problem) -> Schedule:
    outcome = newton.minimise(problem, list(rivals_of(problem).values()))
    return Schedule(outcome.sigmas, name="ddim_designed")
