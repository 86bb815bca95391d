"""One call of `design`: checked, solved from given starts, and presented."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .._support import checks, codes
from .._support.checks import FloatArray
from ..samplers import Sampler
from ..schedules.schedule import Schedule
from ..spectra.neighbourhood import Neighbourhood, as_neighbourhood
from ..spectra.spectrum import Spectrum
from .methods import newton, on_timesteps, slsqp, worst_case
from .methods.on_timesteps import GridEnds, GridOutcome
from .problem import (
    MOST_CAUTION,
    Objective,
    Options,
    Outcome,
    Problem,
    Search,
    as_spectra,
    compressed,
    make_problem,
)
from .result import Design, remembered


@dataclass(frozen=True)
class Task:
    """A call of `design`, checked: its problem, how to solve it, and what to make of the solution."""

    problem: Problem
    spectra: tuple[Spectrum, ...]  # as given, the variants of a robust design left out
    search: Search
    method: str
    worst: bool
    grid: GridEnds | None
    around: Neighbourhood | None

    @property
    def objective(self) -> Objective:
        """What is minimised."""
        return Objective.of(self.problem, self.worst)

    def with_sampler(self, sampler: Sampler) -> Task:
        """The same for another sampler, with the same allowance for denoiser errors."""
        return replace(self, problem=replace(self.problem, sampler=sampler))


def prepare(
    spectrum: Any, steps: Any, options: Options, method: Any, combine: Any, alphas_cumprod: Any, robust: Any
) -> Task:
    """The task that the arguments of `design` describe; raises for whatever is wrong with them."""
    search: Search = checks.lookup("method", method, METHODS)
    checks.lookup("combine", combine, {"mean": False, "worst": True})
    codes.loss_code(options.loss)
    around = as_neighbourhood(robust)
    spectra = as_spectra(spectrum)
    grid = None if alphas_cumprod is None else GridEnds(alphas_cumprod, options)
    varied = around.variants(map(compressed, spectra), options.loss) if around else spectra
    problem = make_problem(varied, steps, grid.options if grid else options)
    if grid:
        grid.check_room(problem.steps)
    worst = combine == "worst" and len(problem.spectra) > 1
    return Task(problem, spectra, search, method, worst, grid, around)


def solve(task: Task, starts: list[Schedule]) -> Outcome:
    """The best levels from these starts, between the ends and on no grid."""
    outcome = task.search(task.problem, starts)
    if task.worst:
        outcome = worst_case.minimise(task.problem, outcome.sigmas)
    elif task.search is newton.minimise:  # the core keeps the promise itself
        return outcome
    return _never_worse(task, outcome, starts)


def settle(task: Task, starts: list[Schedule]) -> tuple[Task, Outcome]:
    """Solve, and with the default allowance for errors lower it as long as it costs too much of the exact loss."""
    outcome = solve(task, starts)
    while task.problem.denoiser_error and not task.problem.error_given:
        admitted = [start.sigmas for start in starts if task.problem.core.admits(start.sigmas)]
        exact = task.objective.reported(np.array([outcome.sigmas, *admitted]))
        if exact[0] <= MOST_CAUTION * exact[1:].min(initial=np.inf):
            break
        task = replace(task, problem=task.problem.bolder())
        outcome = solve(task, starts)
    return task, outcome


def present(
    task: Task,
    outcome: Outcome,
    rivals: dict[str, Schedule],
    starts: list[Schedule],
    known: FloatArray | None = None,
) -> Design:
    """The outcome as users see it, moved to the grid of timesteps where there is one.

    `known` are the losses of the starts on the compressed spectrum, where they have been found; the rivals come first.
    """
    of_rivals = None if known is None else known[: len(rivals)]
    found = _report(task, outcome, rivals, of_rivals)
    if task.grid:
        found = _on_grid(task, task.grid, found, starts)
    found = remembered(found)
    if task.around is None:
        return found
    nominal = tuple(task.problem.loss_of(spectrum, found.schedule) for spectrum in task.spectra)
    variants = np.array(found.losses).reshape(len(task.spectra), *task.around.shape)
    return replace(
        found,
        losses=nominal,
        neighbourhood=task.around,
        neighbourhood_losses=checks.read_only(variants),
    )


def _never_worse(task: Task, outcome: Outcome, starts: list[Schedule]) -> Outcome:
    """The promise: what the search found, or a start that is better (and meets floor and least ratio)."""
    problem, objective = task.problem, task.objective
    rows = _rows(starts, problem.steps)
    index = problem.core.better_start(objective(outcome.sigmas), objective.many(rows), rows)
    if index < 0:
        return outcome
    best = starts[index]
    error = np.inf if task.worst else problem.core.kkt_error(best.sigmas)
    message = outcome.message + newton.better_start(best)
    return Outcome(best.sigmas, error, outcome.nit, outcome.nfev, error <= problem.tol, message)


def _slsqp(problem: Problem, starts: list[Schedule]) -> Outcome:
    best = min(starts, key=lambda start: problem.core.loss(start.sigmas))
    return slsqp.minimise(problem, starts[-1].sigmas if starts[-1].name == "init" else best.sigmas)


METHODS: dict[str, Search] = {"newton": newton.minimise, "slsqp": _slsqp}


def _rows(schedules: Collection[Schedule], steps: int) -> FloatArray:
    return np.array([schedule.sigmas for schedule in schedules]).reshape(len(schedules), steps + 1)


def _report(
    task: Task, outcome: Outcome, rivals: dict[str, Schedule], of_rivals: FloatArray | None
) -> Design:
    problem = task.problem
    schedule = Schedule(outcome.sigmas, name=f"designed for {problem.sampler.name}")
    value, each = losses_of(problem, schedule, task.worst)
    if of_rivals is None:
        of_rivals = task.objective.reported(_rows(rivals.values(), problem.steps))
    return Design(
        schedule=schedule,
        loss=value,
        losses=each,
        baselines=dict(zip(rivals, of_rivals.tolist(), strict=True)),
        baseline_schedules=rivals,
        success=outcome.success,
        message=outcome.message,
        nit=outcome.nit,
        nfev=outcome.nfev,
        kkt_error=outcome.kkt_error,
        sampler=problem.sampler,
        process=problem.process,
        loss_name=problem.loss,
        target=problem.target,
        start=problem.start,
        _costs=problem.costs_of(schedule, None if task.worst else value),
        method=task.method,
        sigma_floor=problem.sigma_floor or None,
        denoiser_error=problem.denoiser_error,
    )


def losses_of(problem: Problem, schedule: Schedule, worst: bool) -> tuple[float, tuple[float, ...]]:
    """What is reported of a schedule: the loss combined as asked, and that of each spectrum."""
    each = tuple(problem.loss_of(spectrum, schedule) for spectrum in problem.spectra)
    if worst:
        return max(each), each
    return each[0] if len(each) == 1 else problem.loss_of(problem.full, schedule), each


def _on_grid(task: Task, grid: GridEnds, free: Design, starts: list[Schedule]) -> Design:
    """The design on the grid of timesteps; `free` is the continuous one with the same ends."""
    problem, worst, objective = task.problem, task.worst, task.objective
    candidates = [free.schedule.sigmas, *(start.sigmas for start in starts)]
    outcome = on_timesteps.minimise(problem, grid, objective, candidates)
    # A heuristic keeps the least ratio only where the user has asked for one.
    search = on_timesteps.Exchange(problem, grid, objective, loose=not problem.ratio_given)
    rivals: dict[str, Schedule] = {}
    for name, rival in free.baseline_schedules.items():
        row = search.round(rival.sigmas)
        if row is not None:
            rivals[name] = Schedule(search.levels(row[None])[0], name=name)
    of_rivals = objective.reported(_rows(rivals.values(), problem.steps))
    outcome = _no_rival_better(outcome, search, rivals, objective)
    levels: FloatArray = search.levels(outcome.timesteps[None])[0]
    schedule = Schedule(levels, name=free.schedule.name)
    value, each = losses_of(problem, schedule, worst)
    reached, continuous, continuous_loss = objective(levels), objective(free.schedule.sigmas), free.loss
    if reached < continuous:
        better = _polished(task, schedule)
        continuous, continuous_loss = objective(better.sigmas), losses_of(problem, better, worst)[0]
    return replace(
        free,
        schedule=schedule,
        loss=value,
        losses=each,
        _costs=problem.costs_of(schedule, None if worst else value),
        baselines=dict(zip(rivals, of_rivals.tolist(), strict=True)),
        baseline_schedules=rivals,
        success=outcome.success,
        message=outcome.message,
        nit=free.nit + outcome.sweeps,
        nfev=free.nfev + outcome.evaluations,
        timesteps=outcome.timesteps,
        continuous_loss=continuous_loss,
        grid_loss_ratio=reached / continuous if continuous > 0 else 1.0,
    )


def _no_rival_better(
    outcome: GridOutcome, search: on_timesteps.Exchange, rivals: dict[str, Schedule], objective: Objective
) -> GridOutcome:
    """The promise on a grid: the timesteps found, or those of a heuristic that the objective prefers."""
    found = objective(search.levels(outcome.timesteps[None])[0])
    losses = {name: objective(rival.sigmas) for name, rival in rivals.items()}
    name = min(losses, key=losses.__getitem__, default="")
    if not name or losses[name] >= found:
        return outcome
    timesteps = search.round(rivals[name].sigmas)
    assert timesteps is not None  # it is a rounding itself
    return replace(outcome, timesteps=timesteps, message=f"the heuristic {name!r} is better and is returned")


def _polished(task: Task, start: Schedule) -> Schedule:
    """A continuous design from levels that the search between the ends has missed; never worse than they are."""
    minimise = worst_case.minimise if task.worst else slsqp.minimise
    outcome = minimise(task.problem, start.sigmas)
    return Schedule(_never_worse(task, outcome, [start]).sigmas)
