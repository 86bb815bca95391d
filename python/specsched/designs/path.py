"""Designs for many numbers of steps at once, each a start of its neighbours."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Literal

from .._support import checks
from ..schedules.resampling import resampled
from ..schedules.schedule import Schedule
from ..spectra.neighbourhood import Neighbourhood
from .modes.allowances import with_smooth_errors
from .modes.design import path_on_modes
from .modes.problem import Asked, on_modes
from .problem import Options, Outcome
from .result import Design
from .rivals import rivals_of
from .task import Task, prepare, present, settle, solve

LEAST_GAIN = 1e-9
"""Relative gain of a design that makes another pass worth its while."""

MOST_PASSES = 6


def design_path(
    spectrum: Any,
    steps: Iterable[int],
    *,
    method: Literal["newton", "slsqp"] = "newton",
    combine: Literal["mean", "worst"] = "mean",
    alphas_cumprod: Any = None,
    robust: bool | float | Neighbourhood = False,
    **options: Any,
) -> dict[int, Design]:
    """Designs for several numbers of steps, better together than one by one.

    Every design starts from the heuristics and the many-step limit, as in `design`, and from the levels of its
    neighbours resampled to its own number of steps. Passes up and down the numbers of steps go on until no
    design improves. For multistep solvers, whose losses have many local minima, this finds lower ones.

    Parameters
    ----------
    spectrum, method, combine, alphas_cumprod, robust
        As for `design`.
    steps : iterable of int
        Numbers of steps, each at least 1, in any order, each once.
    **options
        Further options of `design`: sampler, process, loss, target, start, sigma_max, sigma_min, sigma_floor,
        min_ratio, denoiser_error, tol, max_iter, threads.

    Returns
    -------
    dict of int to Design
        In the order of `steps`. Between fixed ends, no design is worse than the one that `design` finds alone.

    Raises
    ------
    TypeError, ValueError
        As for `design`; if `steps` is empty or names a number twice.

    Examples
    --------
    >>> import specsched as ss
    >>> path = ss.design_path(ss.Spectrum([4.0, 1.0, 0.1]), [5, 10, 20], sigma_max=80.0)
    >>> [found.schedule.steps for found in path.values()]
    [5, 10, 20]
    >>> path[5].loss > path[10].loss > path[20].loss
    True
    """
    counts = _counts(steps)
    asked = Options.named(options)
    all_of_them = on_modes(spectrum, asked.sampler)
    by_modes = [n for n in counts if all_of_them or with_smooth_errors(spectrum, n, asked, method, robust)]
    found = _by_spectrum(
        [n for n in counts if n not in by_modes],
        lambda n: prepare(spectrum, n, asked, method, combine, alphas_cumprod, robust),
    )
    if by_modes:
        rest = Asked.of(method, combine, alphas_cumprod, robust)
        found |= path_on_modes(spectrum, by_modes, asked, rest)
    return {count: found[count] for count in counts}


def _by_spectrum(counts: list[int], task_of: Callable[[int], Task]) -> dict[int, Design]:
    tasks = {count: task_of(count) for count in sorted(counts)}
    rivals = {count: rivals_of(task.problem) for count, task in tasks.items()}
    starts = {count: list(found.values()) for count, found in rivals.items()}
    outcomes: dict[int, Outcome] = {}
    order = list(tasks)
    for number in range(MOST_PASSES if order else 0):
        improved = _one_pass(order, tasks, starts, outcomes)
        order.reverse()
        if number > 0 and not improved:
            break
    return {
        count: present(tasks[count], outcomes[count], rivals[count], starts[count] + _warm(count, outcomes))
        for count in counts
    }


def _one_pass(
    order: list[int],
    tasks: dict[int, Task],
    starts: dict[int, list[Schedule]],
    outcomes: dict[int, Outcome],
) -> bool:
    """Solve each problem from its neighbours (for the first time: from all else too); whether any design improved."""
    improved = False
    for count in order:
        task, warm = tasks[count], _warm(count, outcomes)
        known = outcomes.get(count)
        if known is None:
            task, alone = settle(task, starts[count])
            tasks[count] = task
            outcomes[count] = _better(task, alone, warm)
            improved = True
            continue
        found = _better(task, known, warm)
        improved = improved or found is not known
        outcomes[count] = found
    return improved


def _better(task: Task, known: Outcome, warm: list[Schedule]) -> Outcome:
    """The known outcome, or a better one from the warm starts."""
    if not warm:
        return known
    found = solve(task, warm)
    objective = task.objective
    gains = objective(found.sigmas) < objective(known.sigmas) * (1.0 - LEAST_GAIN)
    return found if gains and task.problem.core.admits(found.sigmas) else known


def _warm(count: int, outcomes: dict[int, Outcome]) -> list[Schedule]:
    """The neighbours' levels, resampled to this number of steps."""
    below = max((other for other in outcomes if other < count), default=None)
    above = min((other for other in outcomes if other > count), default=None)
    neighbours = [(other, outcomes[other].sigmas) for other in (below, above) if other is not None]
    found = [(other, resampled(levels, count)) for other, levels in neighbours]
    return [Schedule(levels, name=f"from {other} steps") for other, levels in found if levels is not None]


def _counts(steps: Iterable[int]) -> list[int]:
    if isinstance(steps, (str, bytes)) or not isinstance(steps, Iterable):
        raise TypeError(f"steps must be a list of integers, got {type(steps).__name__}; for one use design()")
    counts = [checks.integer(f"steps[{i}]", count, minimum=1) for i, count in enumerate(steps)]
    if not counts:
        raise ValueError("steps must not be empty")
    for i, count in enumerate(counts):
        if count in counts[:i]:
            raise ValueError(f"steps must name each number once; steps[{i}] = {count} is there twice")
    return counts
