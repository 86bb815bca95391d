"""A design problem on affine modes with every default filled in and every argument checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np

from ... import _core
from ..._support import checks
from ..._support.checks import FloatArray
from ..._support.notices import tell
from ...analysis.mode_arrays import only_deterministic
from ...analysis.mode_sources import has_modes, modes_of, only_distances
from ...analysis.modes import Modes
from ...samplers import Multistep, Sampler, as_sampler
from ...schedules.schedule import Schedule, as_schedule
from ...spectra.neighbourhood import as_neighbourhood
from ..methods.on_timesteps import GridEnds
from ..problem import (
    BOLDER,
    Options,
    Problem,
    as_spectra,
    compressed,
    ends_of,
    least_ratio_for,
    lowered,
    make_problem,
)
from .allowances import OWN_SHARE, error_for, is_recording, looks_far_back, needs_coefficients, smooth_size
from .smooth import smooth_errors

LOWEST_SHARE = 1e-4
"""Lowest level over the first one where nothing else says it."""


@dataclass(frozen=True)
class Errors:
    """What a design on modes minimises: the root of the summed squares of errors, of all sources or of the worst.

    Attributes
    ----------
    parts, told : tuple of Modes
        What is minimised and what is reported: one set for all sources together, or one for each where the worst is
        meant.
    sampler : Sampler
        With its coefficients.
    denoiser_error : float
        Allowed for.
    """

    parts: tuple[Modes, ...]
    told: tuple[Modes, ...]
    sampler: Sampler
    denoiser_error: float

    def each(self, rows: FloatArray) -> FloatArray:
        """What is minimised of each part for each row of levels, shape (parts, rows)."""
        return self._of(self.parts, rows, self.denoiser_error)

    def _of(self, parts: tuple[Modes, ...], rows: FloatArray, denoiser_error: float) -> FloatArray:
        levels = np.ascontiguousarray(rows)
        sums = [_core.modes_losses(p._core, self.sampler.core, levels, denoiser_error) for p in parts]
        scales = [p.scale_at(float(levels[0, -1])) if len(levels) else 1.0 for p in parts]
        return np.array([scale * np.sqrt(found) for scale, found in zip(scales, sums, strict=True)])

    def many(self, rows: FloatArray) -> FloatArray:
        """What is minimised, for each row of levels."""
        return np.asarray(self.each(rows).max(axis=0))

    def reported(self, rows: FloatArray) -> FloatArray:
        """The same for the sources as they are, without errors of predictions."""
        return np.asarray(self._of(self.told, rows, 0.0).max(axis=0))

    def __call__(self, sigmas: FloatArray) -> float:
        return float(self.many(sigmas[None])[0])


@dataclass(frozen=True)
class ModesProblem:
    """A design on modes with every default filled in."""

    modes: Modes
    parts: tuple[Modes, ...]  # of each source by itself
    searched: tuple[Modes, ...]  # what is minimised in their place
    worst: bool  # of the parts, instead of their mean
    steps: int
    sampler: Sampler
    sigma_max: float
    sigma_min: float
    sigma_floor: float  # 0: none
    min_ratio: float
    ratio_given: bool
    denoiser_error: float
    error_given: bool  # by the user; the default may be lowered
    smooth: float  # share of smooth errors in what is minimised; 0: none
    searched_with: Callable[[float], tuple[Modes, ...]]  # `searched` with another share of them
    max_iter: int
    schedule: Schedule | None  # fixed levels
    grid: GridEnds | None  # the timesteps that levels are chosen from
    recordings: tuple[str, ...]  # checksums of the sources that are recordings
    on_spectra: Problem | None  # the same for spectra alone and a fixed solver, which reports are made with

    @property
    def designs_coefficients(self) -> bool:
        """Whether the solver is designed too."""
        return needs_coefficients(self.sampler)

    @property
    def smooth_error(self) -> float:
        """Size of the smooth errors in what is minimised; 0: none."""
        return float(smooth_size(bool(self.recordings), self.steps) * np.sqrt(self.smooth))

    @property
    def judge(self) -> Sampler:
        """The solver that heuristics are judged with: DPM-Solver++(2M) beside a designed one."""
        return as_sampler("dpmpp_2m") if self.designs_coefficients else self.sampler

    def admits(self, levels: FloatArray) -> bool:
        """Whether levels with the ends of the problem meet floor and least ratio."""
        positive = levels[levels > 0]
        return bool(
            positive[-1] >= self.sigma_floor * (1.0 - 1e-12)
            and (positive[:-1] >= positive[1:] * self.min_ratio * (1.0 - 1e-12)).all()
        )

    def bolder(self) -> ModesProblem:
        """The same problem with a smaller allowance for errors, the smooth ones included."""
        error = lowered(self.denoiser_error)
        if not self.smooth:
            return replace(self, denoiser_error=error)
        share = self.smooth * BOLDER**2 if error else 0.0
        return replace(self, denoiser_error=error, smooth=share, searched=self.searched_with(share))

    def errors(self, sampler: Sampler) -> Errors:
        """What is minimised, with this sampler."""
        told = self.parts if self.worst else (self.modes,)
        return Errors(self.searched if self.worst else (self.mean,), told, sampler, self.denoiser_error)

    @cached_property
    def mean(self) -> Modes:
        """What is minimised for all sources together."""
        return Modes.merged(self.searched) if len(self.searched) > 1 else self.searched[0]


def on_modes(source: Any, sampler: Any) -> bool:
    """Whether a design for this source and sampler goes by modes."""
    many = source if isinstance(source, (list, tuple)) else [source]
    return any(has_modes(one) for one in many) or needs_coefficients(sampler)


@dataclass(frozen=True)
class Asked:
    """What `design` was asked for besides source, steps and options."""

    combine: Any = "mean"
    alphas_cumprod: Any = None
    schedule: Any = None

    @classmethod
    def of(cls, method: Any, combine: Any, alphas_cumprod: Any, robust: Any, schedule: Any = None) -> Asked:
        """From the arguments of `design`; raises for those that have no meaning on modes."""
        for name, given in {
            "robust": as_neighbourhood(robust) is not None,
            "method": method != "newton",
        }.items():
            if given:
                raise ValueError(
                    f"{name} is not available for designs on modes (recordings, coefficients of Multistep)"
                )
        return cls(combine, alphas_cumprod, schedule)


def make_modes_problem(source: Any, steps: Any, options: Options, asked: Asked) -> ModesProblem:
    """The problem, checked."""
    schedule, alphas_cumprod = asked.schedule, asked.alphas_cumprod
    if schedule is not None and alphas_cumprod is not None:
        raise ValueError(
            "schedule= fixes the levels, and alphas_cumprod asks for others: pass one of the two"
        )
    worst = checks.lookup("combine", asked.combine, {"mean": False, "worst": True})
    only_distances(loss=options.loss, target=options.target)
    levels = None if schedule is None else as_schedule(schedule)
    count = checks.integer("steps", steps, minimum=1, maximum=1000)
    if levels is not None and levels.steps != count:
        raise ValueError(f"schedule has {levels.steps} steps, steps is {count}")
    solver = _lowered(as_sampler(options.sampler), count)
    sources = _as_list(source)
    options = _ends_of_sources(sources, options, levels)
    grid = None if alphas_cumprod is None else GridEnds(alphas_cumprod, options)
    if grid is not None:
        options = grid.options
        grid.check_room(count)
    high, low, floor = ends_of(options)
    ratio = _least_ratio(options.min_ratio, solver, count, high, low or floor)
    if levels is None:
        # A hair above, since the search shares out what the least gaps leave.
        _core.check_ends(high, low, floor, ratio * (1.0 + 1e-12), count)
    parts = tuple(_modes(one, high, options) for one in sources)
    for part in parts:
        if not np.isclose(part.sigma_max, high, rtol=1e-6):
            raise ValueError(
                f"sigma_max is {high:.9g}, the modes start at {part.sigma_max:.9g}: make them (or record) from "
                f"sigma_max={high!r}"
            )
    error = error_for(options.denoiser_error, solver, sources, count)
    free = needs_coefficients(solver)
    # A solver that is free to would mend what every run ends in: the prediction at the floor (docs/modes.md).
    end = floor if free and floor else None
    only_spectra = not free and not any(map(has_modes, sources))
    far_back = only_spectra and looks_far_back(solver, count) and options.denoiser_error is None
    # They fit a spectrum, which modes that are no recording do not say.
    fitted = any(is_recording(one) or not has_modes(one) for one in sources)
    smooth = 1.0 if far_back or (free and error > 0.0 and fitted) else 0.0
    between = (high, low or floor or LOWEST_SHARE * high)
    searched_with = partial(_searched, sources, parts, options, count, between, end)
    return ModesProblem(
        modes=parts[0] if len(parts) == 1 else Modes.merged(parts),
        parts=parts,
        searched=searched_with(smooth),
        worst=worst and len(parts) > 1,
        steps=count,
        sampler=solver,
        sigma_max=high,
        sigma_min=low,
        sigma_floor=floor,
        min_ratio=ratio,
        ratio_given=options.min_ratio is not None,
        denoiser_error=error,
        error_given=options.denoiser_error is not None,
        smooth=smooth,
        searched_with=searched_with,
        max_iter=checks.integer("max_iter", options.max_iter, minimum=1),
        schedule=levels,
        grid=grid,
        recordings=tuple(one.hash for one in sources if hasattr(one, "hash")),
        on_spectra=make_problem(as_spectra(source), count, options) if only_spectra else None,
    )


def _least_ratio(given: Any, solver: Sampler, count: int, high: float, bottom: float) -> float:
    """As for spectra, but half of the mean gap where coefficients are free: they make differences of near levels."""
    if given is not None or not needs_coefficients(solver):
        return least_ratio_for(given, solver, count, high, bottom)
    return float((high / (bottom or LOWEST_SHARE * high)) ** (0.5 / count))


def _searched(
    sources: Sequence[Any],
    parts: Sequence[Modes],
    options: Options,
    steps: int,
    between: tuple[float, float],
    end: float | None,
    smooth: float,
) -> tuple[Modes, ...]:
    """What is minimised in place of each source.

    With a recording, `OWN_SHARE` of the sum is that of its own spectrum, unless another one is given beside it, or
    modes are to be taken as exact (an error of 0 is asked for). Smooth errors that fit the spectrum, on levels between
    two ends, have the share `smooth`. Closed-form modes end in the prediction at the level `end`, if there is one.
    """
    alone = all(map(has_modes, sources)) and options.denoiser_error != 0.0
    found = []
    for source, part in zip(sources, parts, strict=True):
        given, recorded = has_modes(source), is_recording(source)
        exact = part if given or end is None else _modes(source, part.sigma_max, options, end)
        members, shares = [exact], [1.0]
        own = source.spectrum if recorded else None if given else as_spectra(source)[0]
        if recorded and alone:
            members.append(_modes(own, part.sigma_max, options, end))
            shares = [1.0 - OWN_SHARE, OWN_SHARE]
        if smooth and own is not None:
            size = smooth_size(recorded, steps)
            members.append(smooth_errors(compressed(own), size, *between, part.process))
            shares.append(smooth)
        found.append(Modes.merged(members, shares) if len(members) > 1 else exact)
    return tuple(found)


def _as_list(source: Any) -> list[Any]:
    """Several sources, or one."""
    return list(source) if isinstance(source, (list, tuple)) and not _numbers(source) else [source]


def _numbers(source: Any) -> bool:
    return all(np.ndim(one) == 0 and isinstance(one, (int, float, np.number)) for one in source)


def _lowered(solver: Sampler, steps: int) -> Sampler:
    """An order above the number of steps has nothing to combine: it is the number of steps."""
    if isinstance(solver, Multistep) and not solver.designed and solver.order > steps:
        tell(f"order {solver.order} is lowered to {steps}: so many steps have no more predictions to combine")
        return Multistep(order=steps)
    if isinstance(solver, Multistep) and not solver.designed and solver.order > 4:
        raise ValueError(f"coefficients are designed for orders up to 4, got {solver.order}")
    only_deterministic(solver)
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


def _modes(source: Any, sigma_max: float, options: Options, end: float | None = None) -> Modes:
    if has_modes(source):
        return modes_of(source)
    (spectrum,) = as_spectra(source)
    return Modes.gaussian(
        compressed(spectrum), sigma_max, process=options.process, start=options.start, sigma_floor=end
    )
