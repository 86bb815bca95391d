"""Searches for levels and coefficients on modes: the mean of several sources, the worst of them, whole timesteps."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ... import _core
from ..._support.checks import FloatArray
from ...analysis.modes import Modes
from ...samplers import Multistep, Sampler
from ...schedules.schedule import Schedule
from ..methods.on_timesteps import GridEnds, minimise
from ..problem import MOST_CAUTION
from .allowances import MOST_FAR_BACK_CAUTION
from .problem import ModesProblem

COEFFICIENT_LIMIT = 2.0
"""Largest size of a designed coefficient: larger ones of alternating sign cancel on modes and not on networks.

Errors on networks of designs from spectra, with 4 and with 2, under an independent error of .08 that falls with the
gap: `latents` at 8 calls .0415 and .0296, `cifar16_eps` at 12 and 20 calls .00447, .00281 and .00456, .00274."""

SEARCHES = 6
"""Searches from different starts; twice as many lowered no loss by more than 1 % on four spectra at 5 to 12 steps."""

MOST_ITERATIONS = 60
"""Of one search."""

_ROUNDS = 24
"""Of the worst case; the worst error of two and of three recordings settles to 1e-3 within 20."""


@dataclass(frozen=True)
class Found:
    """Levels, their sampler, and how the search ended."""

    sigmas: FloatArray
    sampler: Sampler
    slope: float  # largest derivative of what is minimised, relative to it
    iterations: int
    evaluations: int
    message: str
    timesteps: NDArray[np.int64] | None = None
    free: FloatArray | None = None  # levels of the continuous design, where these are a model's timesteps
    free_sampler: Sampler | None = None


def solve(problem: ModesProblem, starts: list[Schedule]) -> Found:
    """The best levels (and coefficients) found; never worse than a start that meets floor and least ratio."""
    return _placed(problem, _freely(problem, starts), starts)


def settle(problem: ModesProblem, starts: list[Schedule]) -> tuple[ModesProblem, Found]:
    """Solve, and with the default allowance for errors lower it as long as it costs too much of the exact loss."""
    found = _freely(problem, starts)
    rows = np.array([start.sigmas for start in starts if problem.admits(start.sigmas)])
    least = (
        _most_caution(problem) * problem.errors(problem.judge).reported(rows).min() if len(rows) else np.inf
    )
    settled = problem.error_given or problem.designs_coefficients
    while problem.denoiser_error and not settled:
        if problem.errors(found.sampler).reported(found.sigmas[None])[0] <= least:
            break
        problem = problem.bolder()
        found = _freely(problem, starts)
    return problem, _placed(problem, found, starts)


def _most_caution(problem: ModesProblem) -> float:
    return MOST_FAR_BACK_CAUTION if problem.smooth else MOST_CAUTION


def _placed(problem: ModesProblem, found: Found, starts: list[Schedule]) -> Found:
    """On the model's own timesteps, where there are some."""
    return found if problem.grid is None else _on_timesteps(problem, problem.grid, found, starts)


def _freely(problem: ModesProblem, starts: list[Schedule]) -> Found:
    return _least_worst(problem, starts) if problem.worst else search(problem, problem.mean, starts)


def search(problem: ModesProblem, modes: Modes, starts: list[Schedule], searches: int = SEARCHES) -> Found:
    """One call of the core, for these modes."""
    rows = np.array([start.sigmas for start in starts]).reshape(len(starts), problem.steps + 1)
    found = _core.modes_design(
        modes._core,
        problem.sampler.core,
        problem.steps,
        problem.sigma_max,
        problem.sigma_min,
        problem.sigma_floor,
        problem.min_ratio,
        problem.denoiser_error,
        COEFFICIENT_LIMIT,
        np.zeros(0) if problem.schedule is None else problem.schedule.sigmas,
        rows,
        min(MOST_ITERATIONS, problem.max_iter),
        1e-7,
        searches,
    )
    solver = problem.sampler
    if problem.designs_coefficients:
        solver = Multistep(order=int(solver.options["order"]), coefficients=found["coefficients"])
    message = f"best of {searches} searches, from {found['origin']}"
    return Found(found["sigmas"], solver, found["slope"], found["iterations"], found["evaluations"], message)


def _least_worst(problem: ModesProblem, starts: list[Schedule]) -> Found:
    """The least worst error of the sources: of the least mean squares with shares that follow the errors.

    At the optimum of the worst case some mean of the squares is stationary, in which only the worst have shares.
    Each round multiplies every share by that source's squared error.
    """
    parts = problem.searched
    shares = np.full(len(parts), 1.0 / len(parts))
    best, least, iterations, evaluations = None, np.inf, 0, 0
    for number in range(_ROUNDS):
        first = number == 0
        own = starts if best is None else [Schedule(best.sigmas), *starts]
        found = search(problem, Modes.merged(parts, shares), own, SEARCHES if first else 1)
        iterations, evaluations = iterations + found.iterations, evaluations + found.evaluations
        errors = problem.errors(found.sampler).each(found.sigmas[None])[:, 0]
        if errors.max() < least:
            best, least = found, float(errors.max())
        squares = shares * errors**2
        if not squares.sum() > 0.0:
            break
        shares = squares / squares.sum()
    assert best is not None
    if problem.schedule is None and not problem.designs_coefficients:
        best = _or_a_start(problem, best, starts)
    return replace(
        best, iterations=iterations, evaluations=evaluations, message=f"least worst error; {best.message}"
    )


def _or_a_start(problem: ModesProblem, found: Found, starts: list[Schedule]) -> Found:
    """What was found, or a start that is better and meets floor and least ratio."""
    errors = problem.errors(found.sampler)
    least = errors(found.sigmas)
    for start in starts:
        levels = start.sigmas
        if problem.admits(levels) and errors(levels) < least:
            least, found = errors(levels), replace(found, sigmas=levels, message=f"the start {start.name!r}")
    return found


def _on_timesteps(problem: ModesProblem, grid: GridEnds, free: Found, starts: list[Schedule]) -> Found:
    """The design on a model's timesteps: the best choice for the sampler, then coefficients for that choice."""
    errors = problem.errors(free.sampler)
    candidates = [free.sigmas, *(start.sigmas for start in starts)]
    outcome = minimise(problem, grid, errors, candidates, errors(free.sigmas))
    levels = np.append(grid.sigmas[outcome.timesteps], [0.0] if grid.ends_at_zero else [])
    found = replace(
        free,
        sigmas=levels,
        timesteps=outcome.timesteps,
        free=free.sigmas,
        free_sampler=free.sampler,
        iterations=free.iterations + outcome.sweeps,
        evaluations=free.evaluations + outcome.evaluations,
        message=outcome.message,
    )
    if not problem.designs_coefficients:
        return found
    fixed = replace(problem, schedule=Schedule(levels), grid=None)
    own = solve(fixed, [])
    better = problem.errors(own.sampler)(levels) < errors(levels)
    return replace(found, sampler=own.sampler) if better else found
