"""The schedule with the least error for a spectrum, a sampler and a number of steps."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal

import numpy as np

from . import _core, _names, _validate, baselines, grid_design, slsqp, worst_case
from ._names import LossName, ProcessName
from ._validate import FloatArray
from .design_result import Design
from .grid_design import GridEnds
from .problem import (
    COMPRESS_ABOVE,
    DEFAULT_SIGMA_MAX,
    SAFE_DENOISER_ERROR,
    Objective,
    Options,
    Outcome,
    Problem,
    Search,
    as_spectra,
    make_problem,
)
from .robust import Neighbourhood, as_neighbourhood
from .samplers import Sampler
from .schedule import Schedule, as_schedule
from .spectrum import Spectrum

__all__ = [
    "COMPRESS_ABOVE",
    "DEFAULT_SIGMA_MAX",
    "METHODS",
    "SAFE_DENOISER_ERROR",
    "Outcome",
    "Problem",
    "design",
]

DESIGN_STARTS = 6
"""How many starts a design follows to the end."""


def design(
    spectrum: Any,
    steps: int,
    *,
    sampler: Any = "ddim",
    process: ProcessName = "vp",
    loss: LossName = "w2",
    sigma_max: float | None = None,
    sigma_min: float = 0.0,
    sigma_floor: float | None = None,
    min_ratio: float | None = None,
    denoiser_error: float | None = None,
    method: Literal["newton", "slsqp"] = "newton",
    combine: Literal["mean", "worst"] = "mean",
    alphas_cumprod: Any = None,
    robust: bool | float | Neighbourhood = False,
    init: Any = None,
    tol: float = 1e-9,
    max_iter: int = 500,
    threads: int = 0,
) -> Design:
    """The schedule with the least loss between two fixed end levels.

    Parameters
    ----------
    spectrum : Spectrum, array_like or list of Spectrum
        Of the data. A list asks for one schedule for all of them, see `combine`.
    steps : int
        Number of steps S >= 1.
    sampler : str or specsched.samplers.Sampler
        What will run over the levels.
    process : {"vp", "ve", "flow"}
        The noising process.
    loss : {"w2", "kl", "reverse_kl"}
        What is minimised, see `evaluate`.
    sigma_max : float, optional
        First level (sigma/alpha), fixed. Default: 157.4 for "vp" (abar = 4.036e-5, the paper's), 80 for "ve",
        999 for "flow" (t = 0.999).
    sigma_min : float
        Last level, fixed. With 0 (default) the sampler ends on clean data.
    sigma_floor : float, optional
        With ``sigma_min=0``: no other level lies below it. A model is not trained below its own lowest level.
    min_ratio : float >= 1, optional
        Least ratio of neighbouring levels. Default: 1 for one-step solvers; for solvers that combine several
        predictions a quarter of the mean gap in log sigma, at most 1.1, because nearly coinciding levels act as a
        finite difference, which an exact denoiser rewards and a real one does not.
    denoiser_error : float, optional
        Relative white error of the denoiser (see `evaluate`) that the design allows for, so that it does not rely on
        differences between predictions that a real network does not resolve. Default: `SAFE_DENOISER_ERROR` for
        solvers that combine several predictions, 0 for the others. The reported losses are those of the exact denoiser.
    method : {"newton", "slsqp"}
        "newton": exact Hessian on the compressed spectrum (docs/design.md). "slsqp": SciPy's, with exact gradient
        and order constraints, as in the paper.
    combine : {"mean", "worst"}
        For a list of spectra: the least mean (of squares for "w2", hence its root mean square) or the least worst loss.
    alphas_cumprod : array_like, shape (T,), optional
        A model's abar of timesteps 0 ... T - 1. Every level but a final 0 is then one of its integer timesteps,
        chosen among the integers by exact exchange, not by rounding (docs/grids.md). `sigma_max` is the grid's largest
        level by default; ends that are given must be levels of the grid. See `Design.timesteps`, `.grid_loss_ratio`.
    robust : bool, float or Neighbourhood
        Design for a neighbourhood of every spectrum, scaled and tilted, combined as for a list: True for scales
        1/2, 1, 2 and tilts -0.1, 0, 0.1, a number for a size (1 is the same as True), or a `Neighbourhood`. `loss` and
        `baselines` are then those of the neighbourhood, `losses` those of the spectra themselves.
    init : Schedule or array_like, optional
        A further start.
    tol : float
        Largest KKT error, relative to the loss, at which the design counts as converged; at least 1e-6 for "slsqp",
        which cannot come closer, and 1e-5 for the worst case of a list.
    max_iter : int
        Iterations of each local search.
    threads : int
        OpenMP threads, 0 for the default. The result does not depend on it.

    Returns
    -------
    Design
        Never worse than `init`, the schedule designed for DDIM ("ddim_designed") or any other baseline with the same
        ends (of those that meet `sigma_floor` and `min_ratio`; with a `denoiser_error`: of the loss that includes it).

    Raises
    ------
    TypeError, ValueError
        Naming the argument that is wrong.

    Notes
    -----
    Problem (14) of Benita, Elad & Keshet, arXiv 2502.00180; the second-order method and the starts are derived in
    docs/design.md.

    Examples
    --------
    >>> import numpy as np, specsched as ss
    >>> spectrum = ss.Spectrum(1.0 / np.arange(1, 65) ** 2)
    >>> result = ss.design(spectrum, 10, sigma_max=80.0)
    >>> result.success, result.loss < min(result.baselines.values())
    (True, True)
    """
    options = Options(
        sampler=sampler,
        process=process,
        loss=loss,
        sigma_max=sigma_max,
        sigma_min=sigma_min,
        sigma_floor=sigma_floor,
        min_ratio=min_ratio,
        denoiser_error=denoiser_error,
        tol=tol,
        max_iter=max_iter,
        threads=threads,
    )
    task = prepare(spectrum, steps, options, method, combine, alphas_cumprod, robust)
    rivals = rivals_of(task.problem)
    starts = list(rivals.values())
    if init is not None:
        starts.append(_start("init", init, task.problem))
    outcome = solve(task, starts)
    return present(task, outcome, rivals, starts, outcome.start_losses)


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
    search: Search = _validate.lookup("method", method, METHODS)
    if combine not in ("mean", "worst"):
        raise _validate.unknown_name("combine", combine, ("mean", "worst"))
    _names.loss_code(options.loss)
    around = as_neighbourhood(robust)
    spectra = as_spectra(spectrum)
    grid = None if alphas_cumprod is None else GridEnds(alphas_cumprod, options)
    varied = around.variants(spectra, options.loss) if around else spectra
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
    return _never_worse(task.problem, outcome, starts, task.objective)


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
    of_rivals = None if known is None or task.problem.denoiser_error else known[: len(rivals)]
    found = _report(task, outcome, rivals, of_rivals)
    if task.grid:
        found = _on_grid(task, task.grid, found, starts)
    if task.around is None:
        return found
    nominal = tuple(task.problem.loss_of(spectrum, found.schedule) for spectrum in task.spectra)
    variants = np.array(found.losses).reshape(len(task.spectra), *task.around.shape)
    return replace(
        found,
        losses=nominal,
        neighbourhood=task.around,
        neighbourhood_losses=_validate.read_only(variants),
    )


def _never_worse(problem: Problem, outcome: Outcome, starts: list[Schedule], objective: Objective) -> Outcome:
    """The promise: what the search found, or a start that is better (and meets floor and least ratio)."""
    value = objective(outcome.sigmas)
    losses = outcome.start_losses
    if losses is None:
        losses = objective.many(_rows(starts, problem.steps))
    # Usually none is better, and then none needs to be looked at.
    better = (starts[i] for i in np.argsort(losses, kind="stable") if losses[i] < value)
    best = next((start for start in better if problem.allows(start.sigmas)), None)
    if best is None:
        return outcome
    error = slsqp.kkt_error(problem, np.log(best.sigmas[1:-1])) if len(objective.parts) == 1 else np.inf
    message = f"{outcome.message}; the start {best.name!r} is better and is returned"
    return Outcome(best.sigmas, error, outcome.nit, outcome.nfev, error <= problem.tol, message)


def _newton(problem: Problem, starts: list[Schedule]) -> Outcome:
    nodes = problem.nodes
    found = _core.design(
        nodes.eigenvalues,
        nodes.weights,
        nodes.mean_power,
        problem.sampler.core_for(problem.denoiser_error),
        _names.process_code(problem.process),
        _names.loss_code(problem.loss),
        problem.steps,
        problem.sigma_max,
        problem.sigma_min,
        problem.sigma_floor,
        problem.min_ratio,
        np.array([start.sigmas for start in starts]).reshape(len(starts), problem.steps + 1),
        problem.tol,
        problem.max_iter,
        DESIGN_STARTS,
        problem.threads,
    )
    return Outcome(
        found["sigmas"],
        found["kkt_error"],
        found["iterations"],
        found["evaluations"],
        found["converged"],
        found["status"],
        np.array(found["start_losses"]),
    )


def _slsqp(problem: Problem, starts: list[Schedule]) -> Outcome:
    best = min(starts, key=lambda start: problem.loss_of_nodes(start.sigmas))
    return slsqp.minimise(problem, starts[-1].sigmas if starts[-1].name == "init" else best.sigmas)


METHODS: dict[str, Search] = {"newton": _newton, "slsqp": _slsqp}


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
    outcome = _newton(problem, list(rivals_of(problem).values()))
    return Schedule(outcome.sigmas, name="ddim_designed")


def _start(name: str, value: Any, problem: Problem) -> Schedule:
    start = as_schedule(value)
    ends = (float(start.sigmas[0]), float(start.sigmas[-1]))
    if start.steps != problem.steps:
        raise ValueError(f"{name} has {start.steps} steps, the design has {problem.steps}")
    if not np.allclose(ends, (problem.sigma_max, problem.sigma_min), rtol=1e-9, atol=0.0):
        raise ValueError(
            f"{name} runs from {ends[0]:g} to {ends[1]:g}, the design from sigma_max={problem.sigma_max:g} "
            f"to sigma_min={problem.sigma_min:g}; pass these ends or rescale {name}"
        )
    levels = start.sigmas.copy()
    levels[[0, -1]] = problem.sigma_max, problem.sigma_min
    return Schedule(levels, name=name)


def _rows(schedules: Collection[Schedule], steps: int) -> FloatArray:
    return np.array([schedule.sigmas for schedule in schedules]).reshape(len(schedules), steps + 1)


def _report(
    task: Task, outcome: Outcome, rivals: dict[str, Schedule], of_rivals: FloatArray | None
) -> Design:
    problem = task.problem
    schedule = Schedule(outcome.sigmas, name=f"designed for {problem.sampler.name}")
    value, each = _losses(problem, schedule, task.worst)
    if of_rivals is None:
        exact = Objective.of(problem.exact(), task.worst)
        of_rivals = exact.many(_rows(rivals.values(), problem.steps))
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
        method=task.method,
        sigma_floor=problem.sigma_floor or None,
        denoiser_error=problem.denoiser_error,
    )


def _losses(problem: Problem, schedule: Schedule, worst: bool) -> tuple[float, tuple[float, ...]]:
    """What is reported of a schedule: the loss combined as asked, and that of each spectrum."""
    each = tuple(problem.loss_of(spectrum, schedule) for spectrum in problem.spectra)
    if worst:
        return max(each), each
    return each[0] if len(each) == 1 else problem.loss_of(problem.full, schedule), each


def _on_grid(task: Task, grid: GridEnds, free: Design, starts: list[Schedule]) -> Design:
    """The design on the grid of timesteps; `free` is the continuous one with the same ends."""
    problem, worst, objective = task.problem, task.worst, task.objective
    candidates = [free.schedule.sigmas, *(start.sigmas for start in starts)]
    outcome = grid_design.minimise(problem, grid, objective, candidates)
    search = grid_design.Exchange(problem, grid, Objective.of(problem.exact(), worst))
    rivals: dict[str, Schedule] = {}
    for name, rival in free.baseline_schedules.items():
        row = search.round(rival.sigmas)
        if row is not None:
            rivals[name] = Schedule(search.levels(row[None])[0], name=name)
    levels: FloatArray = search.levels(outcome.timesteps[None])[0]
    schedule = Schedule(levels, name=free.schedule.name)
    value, each = _losses(problem, schedule, worst)
    reached, continuous, continuous_loss = objective(levels), objective(free.schedule.sigmas), free.loss
    if reached < continuous:
        better = _polished(task, schedule)
        continuous, continuous_loss = objective(better.sigmas), _losses(problem, better, worst)[0]
    return replace(
        free,
        schedule=schedule,
        loss=value,
        losses=each,
        baselines={name: search.objective(rival.sigmas) for name, rival in rivals.items()},
        baseline_schedules=rivals,
        success=outcome.success,
        message=outcome.message,
        nit=free.nit + outcome.sweeps,
        nfev=free.nfev + outcome.evaluations,
        timesteps=outcome.timesteps,
        continuous_loss=continuous_loss,
        grid_loss_ratio=reached / continuous if continuous > 0 else 1.0,
    )


def _polished(task: Task, start: Schedule) -> Schedule:
    """A continuous design from levels that the search between the ends has missed; never worse than they are."""
    minimise = worst_case.minimise if task.worst else slsqp.minimise
    outcome = minimise(task.problem, start.sigmas)
    return Schedule(_never_worse(task.problem, outcome, [start], task.objective).sigmas)
