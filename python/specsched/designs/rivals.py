"""What a design is measured against and starts from: the heuristics with its ends, and the design for DDIM."""

from __future__ import annotations

from dataclasses import replace

from .._support.caching import cached
from ..schedules import baselines
from ..schedules.schedule import Schedule
from .methods import newton
from .problem import Problem

_CACHE_BYTES = 8 << 20
"""Designs for DDIM that are kept, with their problems: some two thousand of ten steps."""


def rivals_of(problem: Problem) -> dict[str, Schedule]:
    """Every heuristic with the ends of the problem, and the schedule designed for DDIM if the sampler is another."""
    found = baselines.all_schedules(
        problem.steps,
        sigma_max=problem.sigma_max,
        sigma_min=problem.sigma_min,
        sigma_floor=problem.sigma_floor or None,
    )
    plain = problem.for_ddim()
    if plain is not None:
        # Of the spectrum only its nodes matter here: equal problems for other solvers share the answer.
        found["ddim_designed"] = _ddim_designed(replace(plain, spectra=(plain.nodes,), full=plain.nodes))
    return found


def _kept(schedule: Schedule, problem: Problem) -> int:
    return schedule.sigmas.nbytes + 3 * problem.nodes.eigenvalues.nbytes


@cached(_CACHE_BYTES, _kept)
def _ddim_designed(problem: Problem) -> Schedule:
    outcome = newton.minimise(problem, list(rivals_of(problem).values()))
    return Schedule(outcome.sigmas, name="ddim_designed")
