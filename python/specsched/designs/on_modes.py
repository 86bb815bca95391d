"""Designs on affine modes: levels for a recorded network, and coefficients of the multistep solver."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .. import _core
from .._support import checks
from ..analysis.arguments import LARGEST_DENOISER_ERROR
from ..analysis.mode_sources import has_modes, modes_of, only_distances
from ..analysis.modes import Modes
from ..samplers import Multistep, Sampler, as_sampler
from ..schedules import baselines
from ..schedules.schedule import Schedule, as_schedule
from .problem import DEFAULT_DENOISER_ERROR, Options, as_spectra, compressed, ends_of, least_ratio_for
from .result import Design, remembered

RECORDED_ERROR = 0.06
"""Error of predictions that designs on recordings allow for by default, for solvers with memory.

A fraction of the posterior's spread, beside the measured roughness. Real errors of designed solvers of order 3 on a
noise-predicting network of CIFAR-10 (16 x 16), with 0.03, 0.06, 0.12 and 0.25: 5 calls .0379 .0336 .0370 .0438, 8 calls
.0110 .0119 .0141 .0162, 12 calls .0055 .0060 .0054 .0100."""

COEFFICIENT_LIMIT = 4.0
"""Largest size of a designed coefficient: larger ones of alternating sign cancel on modes and not on networks."""

SEARCHES = 6
"""Searches from different starts; twice as many lowered no loss by more than 1 % on four spectra at 5 to 12 steps."""

MOST_ITERATIONS = 60
"""Of one search."""

CONVERGED = 1e-3
"""Largest derivative of the squared loss by a log gap or a coefficient, relative to it, that counts as an optimum."""


@dataclass(frozen=True)
class ModesProblem:
    """A design on modes with every default filled in."""

    modes: Modes
    parts: tuple[Modes, ...]  # of each source by itself
    steps: int
    sampler: Sampler
    sigma_max: float
    sigma_min: float
    sigma_floor: float  # 0: none
    min_ratio: float
    denoiser_error: float
    schedule: Schedule | None  # fixed levels

    @property
    def designs_coefficients(self) -> bool:
        """Whether the solver is designed too."""
        return needs_coefficients(self.sampler)


def needs_coefficients(sampler: Any) -> bool:
    """Whether this is a multistep solver whose coefficients are still to be chosen."""
    solver = as_sampler(sampler)
    return isinstance(solver, Multistep) and not solver.designed


def on_modes(source: Any, sampler: Any) -> bool:
    """Whether a design for this source and sampler goes by modes."""
    many = source if isinstance(source, (list, tuple)) else [source]
    return any(has_modes(one) for one in many) or needs_coefficients(sampler)


def design_on_modes(
    source: Any,
    steps: Any,
    options: Options,
    *,
    schedule: Any = None,
    init: Any = None,
    refused: dict[str, bool],
) -> Design:
    """What `specsched.design` returns for a source of modes, or for a multistep solver without coefficients.

    `refused`: options that have no meaning here, and whether they were given.
    """
    problem = make_modes_problem(source, steps, options, schedule, refused)
    rivals = _rivals(problem)
    starts = [rival.sigmas for rival in rivals.values()]
    if init is not None:
        starts.append(_initial(init, problem))
    rows = np.array(starts).reshape(len(starts), problem.steps + 1)
    found = _core.modes_design(
        problem.modes._core,
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
        MOST_ITERATIONS if options.max_iter is None else min(MOST_ITERATIONS, options.max_iter),
        1e-7,
        SEARCHES,
    )
    made = [one.hash for one in _as_list(source) if hasattr(one, "hash")]
    return remembered(_present(problem, options, found, rivals), **({"recordings": made} if made else {}))


def make_modes_problem(
    source: Any, steps: Any, options: Options, schedule: Any, refused: dict[str, bool]
) -> ModesProblem:
    """The problem, checked."""
    for name, given in refused.items():
        if given:
            raise ValueError(
                f"{name} is not available for designs on modes (recordings, coefficients of Multistep)"
            )
    only_distances(loss=options.loss, target=options.target)
    levels = None if schedule is None else as_schedule(schedule)
    count = checks.integer("steps", steps, minimum=1, maximum=1000)
    if levels is not None and levels.steps != count:
        raise ValueError(f"schedule has {levels.steps} steps, steps is {count}")
    solver = _lowered(as_sampler(options.sampler), count)
    sources = _as_list(source)
    options = _ends_of_sources(sources, options, levels)
    high, low, floor = ends_of(options)
    ratio = least_ratio_for(options.min_ratio, solver, count, high, low or floor)
    if levels is None:
        _check_room(ratio, count, high, low, floor)
    parts = tuple(_modes(one, high, options) for one in sources)
    for part in parts:
        if not np.isclose(part.sigma_max, high, rtol=1e-6):
            raise ValueError(f"sigma_max is {high:g}, the modes start at {part.sigma_max:g}")
    return ModesProblem(
        modes=parts[0] if len(parts) == 1 else Modes.merged(parts),
        parts=parts,
        steps=count,
        sampler=solver,
        sigma_max=high,
        sigma_min=low,
        sigma_floor=floor,
        min_ratio=ratio,
        denoiser_error=_error(options.denoiser_error, solver, any(map(has_modes, sources))),
        schedule=levels,
    )


def _check_room(ratio: float, count: int, high: float, low: float, floor: float) -> None:
    """Whether so many levels fit between the ends."""
    if low > 0.0 and floor > 0.0:
        raise ValueError(
            f"sigma_floor applies to schedules that end at 0; sigma_min is {low:g}: give one of the two"
        )
    bottom = low or floor
    if bottom >= high:
        raise ValueError(f"sigma_max must lie above sigma_min and sigma_floor, got {high:g} and {bottom:g}")
    intervals = count if low else count - 1
    if bottom and intervals and ratio**intervals >= high / bottom:
        raise ValueError(
            f"min_ratio={ratio:g} leaves no room for {count} steps between {high:g} and {bottom:g}; it must be less "
            f"than {(high / bottom) ** (1.0 / intervals):g}"
        )


def _error(given: Any, solver: Sampler, recorded: bool) -> float:
    if given is not None:
        return checks.real("denoiser_error", given, minimum=0.0, maximum=LARGEST_DENOISER_ERROR)
    if not solver.multistep:
        return 0.0
    return RECORDED_ERROR if recorded else DEFAULT_DENOISER_ERROR


def _as_list(source: Any) -> list[Any]:
    """Several sources, or one."""
    return list(source) if isinstance(source, (list, tuple)) and not _numbers(source) else [source]


def _numbers(source: Any) -> bool:
    return all(np.ndim(one) == 0 and isinstance(one, (int, float, np.number)) for one in source)


def _lowered(solver: Sampler, steps: int) -> Sampler:
    """An order above the number of steps has nothing to combine: it is the number of steps."""
    if isinstance(solver, Multistep) and not solver.designed and solver.order > steps:
        return Multistep(order=steps)
    if isinstance(solver, Multistep) and not solver.designed and solver.order > 4:
        raise ValueError(f"coefficients are designed for orders up to 4, got {solver.order}")
    if not solver.deterministic:
        raise ValueError(
            f"designs on modes follow single trajectories, and sampler {solver.name!r} adds noise: set its eta and "
            "s_churn to 0, or design for a spectrum"
        )
    return solver


def _ends_of_sources(sources: Sequence[Any], options: Options, levels: Schedule | None) -> Options:
    """The ends where none are given: of fixed levels, or of the recordings."""
    changed: dict[str, Any] = {}
    if levels is not None:
        for name, value in (("sigma_max", levels.sigmas[0]), ("sigma_min", levels.sigmas[-1])):
            given = getattr(options, name)
            if given not in (None, 0.0) and not np.isclose(given, value, rtol=1e-9):
                raise ValueError(f"{name} is {given:g}, the schedule has {value:g}")
            changed[name] = float(value)
    known = [modes_of(one) for one in sources if has_modes(one)]
    if known and options.sigma_max is None and levels is None:
        changed["sigma_max"] = known[0].sigma_max
    floors = [one.sigma_floor for one in known if one.sigma_floor is not None]
    if floors and options.sigma_floor is None and changed.get("sigma_min", options.sigma_min) == 0.0:
        changed["sigma_floor"] = max(floors)
    if known:
        changed["process"] = known[0].process
    return replace(options, **changed)


def _modes(source: Any, sigma_max: float, options: Options) -> Modes:
    if has_modes(source):
        return modes_of(source)
    (spectrum,) = as_spectra(source)
    return Modes.gaussian(compressed(spectrum), sigma_max, process=options.process, start=options.start)


def _rivals(problem: ModesProblem) -> dict[str, Schedule]:
    """The heuristics with the ends of the problem, or the fixed levels."""
    if problem.schedule is not None:
        return {problem.schedule.name or "schedule": problem.schedule}
    return dict(
        baselines.all_schedules(
            problem.steps,
            sigma_max=problem.sigma_max,
            sigma_min=problem.sigma_min,
            sigma_floor=problem.sigma_floor or None,
        )
    )


def _initial(init: Any, problem: ModesProblem) -> Any:
    levels = as_schedule(init).sigmas
    ends = (problem.sigma_max, problem.sigma_min)
    if levels.size != problem.steps + 1 or not np.allclose(levels[[0, -1]], ends, rtol=1e-9, atol=0.0):
        raise ValueError(
            f"init must have {problem.steps} steps from {ends[0]:g} to {ends[1]:g}, got {levels.size - 1} from "
            f"{levels[0]:g} to {levels[-1]:g}"
        )
    return levels


def _fixed(problem: ModesProblem) -> Sampler:
    """The solver that heuristics are judged with: DPM-Solver++(2M) beside a designed one."""
    return as_sampler("dpmpp_2m") if problem.designs_coefficients else problem.sampler


def _present(problem: ModesProblem, options: Options, found: Any, rivals: dict[str, Schedule]) -> Design:
    solver = problem.sampler
    if problem.designs_coefficients:
        solver = Multistep(order=int(solver.options["order"]), coefficients=found["coefficients"])
    schedule = problem.schedule or Schedule(found["sigmas"], name=f"designed for {solver.name}")
    loss = problem.modes.errors(schedule, solver)[0]
    judge = _fixed(problem)
    return Design(
        schedule=schedule,
        loss=loss,
        losses=tuple(part.errors(schedule, solver)[0] for part in problem.parts),
        baselines={name: problem.modes.errors(rival, judge)[0] for name, rival in rivals.items()},
        baseline_schedules=rivals,
        success=found["slope"] <= CONVERGED,
        message=f"best of {SEARCHES} searches, from {found['origin']}",
        nit=found["iterations"],
        nfev=found["evaluations"],
        kkt_error=found["slope"],
        sampler=solver,
        process=problem.modes.process,
        loss_name="w2",
        method="least squares on modes",
        sigma_floor=problem.sigma_floor or None,
        denoiser_error=problem.denoiser_error,
        target=options.target,
        start=options.start,
    )
