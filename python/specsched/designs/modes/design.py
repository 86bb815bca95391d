"""What `specsched.design` and `design_path` return for a source of modes, or a solver without coefficients."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ...schedules import baselines
from ...schedules.resampling import resampled
from ...schedules.schedule import Schedule, as_schedule
from ..methods.on_timesteps import Exchange
from ..problem import Options
from ..result import Design, remembered
from ..rivals import rivals_of
from ..task import losses_of
from .problem import Asked, ModesProblem, make_modes_problem
from .search import Found, settle, solve

CONVERGED = 1e-3
"""Largest derivative of the squared loss by a log gap or a coefficient, relative to it, that counts as an optimum."""


def design_on_modes(source: Any, steps: Any, options: Options, asked: Asked, init: Any = None) -> Design:
    """One design."""
    problem = make_modes_problem(source, steps, options, asked)
    rivals = _rivals(problem)
    starts = list(rivals.values())
    if init is not None:
        starts.append(_initial(init, problem))
    problem, found = settle(problem, starts)
    return _present(problem, options, found, rivals)


def path_on_modes(source: Any, counts: Iterable[int], options: Options, asked: Asked) -> dict[int, Design]:
    """Designs for several numbers of steps: up from the fewest, each from the one before, and down again."""
    counts = list(counts)
    problems = {count: make_modes_problem(source, count, options, asked) for count in sorted(counts)}
    rivals = {count: _rivals(problem) for count, problem in problems.items()}
    found: dict[int, Found] = {}
    order = list(problems)
    for again in (False, True):
        for count, neighbour in zip(order, [None, *order[:-1]], strict=True):
            warm = [] if neighbour is None else _resampled(found[neighbour], count)
            if again and not warm:
                continue
            own = list(rivals[count].values())
            if count in found:
                one = solve(problems[count], own + warm)
            else:
                problems[count], one = settle(problems[count], own + warm)
            if count not in found or _value(problems[count], one) < _value(problems[count], found[count]):
                found[count] = one
        order.reverse()
    return {count: _present(problems[count], options, found[count], rivals[count]) for count in counts}


def _value(problem: ModesProblem, found: Found) -> float:
    return problem.errors(found.sampler)(found.sigmas)


def _resampled(found: Found, count: int) -> list[Schedule]:
    levels = resampled(found.sigmas if found.free is None else found.free, count)
    return [] if levels is None else [Schedule(levels, name=f"from {found.sigmas.size - 1} steps")]


def _rivals(problem: ModesProblem) -> dict[str, Schedule]:
    """The heuristics with the ends of the problem, or the fixed levels."""
    if problem.schedule is not None:
        return {problem.schedule.name or "schedule": problem.schedule}
    if problem.on_spectra is not None:
        return rivals_of(problem.on_spectra)
    return dict(
        baselines.all_schedules(
            problem.steps,
            sigma_max=problem.sigma_max,
            sigma_min=problem.sigma_min,
            sigma_floor=problem.sigma_floor or None,
        )
    )


def _initial(init: Any, problem: ModesProblem) -> Schedule:
    start = as_schedule(init)
    levels, ends = start.sigmas, (problem.sigma_max, problem.sigma_min)
    if levels.size != problem.steps + 1 or not np.allclose(levels[[0, -1]], ends, rtol=1e-9, atol=0.0):
        raise ValueError(
            f"init must have {problem.steps} steps from {ends[0]:g} to {ends[1]:g}, got {levels.size - 1} from "
            f"{levels[0]:g} to {levels[-1]:g}"
        )
    return start


def _on_grid(problem: ModesProblem, rivals: dict[str, Schedule]) -> dict[str, Schedule]:
    """The heuristics on the timesteps next to their levels."""
    if problem.grid is None:
        return rivals
    search = Exchange(problem, problem.grid, problem.errors(problem.judge), loose=not problem.ratio_given)
    rounded = {name: search.round(rival.sigmas) for name, rival in rivals.items()}
    return {
        name: Schedule(search.levels(row[None])[0], name=name)
        for name, row in rounded.items()
        if row is not None
    }


def _present(problem: ModesProblem, options: Options, found: Found, rivals: dict[str, Schedule]) -> Design:
    schedule = problem.schedule or Schedule(found.sigmas, name=f"designed for {found.sampler.name}")
    errors, judge = problem.errors(found.sampler), problem.errors(problem.judge)
    rivals = _on_grid(problem, rivals)
    losses = {name: float(judge.reported(rival.sigmas[None])[0]) for name, rival in rivals.items()}
    continuous = ratio = None
    if found.free is not None and found.free_sampler is not None:
        freely = problem.errors(found.free_sampler)
        continuous = float(freely.reported(found.free[None])[0])
        ratio = errors(found.sigmas) / freely(found.free)
    if problem.on_spectra is None:
        loss = float(errors.reported(schedule.sigmas[None])[0])
        each = tuple(part.errors(schedule, found.sampler)[0] for part in problem.parts)
        costs = None
    else:
        loss, each = losses_of(problem.on_spectra, schedule, problem.worst)
        costs = problem.on_spectra.costs_of(schedule, None if problem.worst else loss)
    design = Design(
        schedule=schedule,
        loss=loss,
        losses=each,
        _costs=costs,
        baselines=losses,
        baseline_schedules=rivals,
        success=found.slope <= CONVERGED,
        message=found.message,
        nit=found.iterations,
        nfev=found.evaluations,
        kkt_error=found.slope,
        sampler=found.sampler,
        process=problem.modes.process,
        loss_name="w2",
        method="least squares on modes",
        sigma_floor=problem.sigma_floor or None,
        timesteps=found.timesteps,
        continuous_loss=continuous,
        grid_loss_ratio=ratio,
        denoiser_error=problem.denoiser_error,
        smooth_error=problem.smooth_error,
        target=options.target,
        start=options.start,
    )
    made = problem.recordings
    return remembered(design, **({"recordings": list(made)} if made else {}))
