"""What refinement may move, as free numbers: gaps between levels, coefficients, model times."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, NamedTuple, get_args

import numpy as np

from ..._support.checks import FloatArray
from ...samplers import Sampler
from ...schedules.schedule import Schedule
from ..program import Program, program_of

Which = Literal["levels", "coefficients", "all"]

# What is left above the floor begins no smaller than this share of the whole range, or it could not grow.
_LEAST_SHARE = 1e-3
# Coefficients beyond 4 in size cancel on a model and not in reality; model times beyond 0.5 ask for another level.
_MOST_COEFFICIENT, _MOST_TIME = 4.0, 0.5
# Longest step of a log gap, a coefficient, a model time in one iteration.
_LONGEST = (0.7, 0.5, 0.1)
# Steps of the differences, as a share of a gap, a coefficient of 1, a log level: large beside single-precision noise
# that a network amplifies (a hundred times its rounding); in double precision the error of a difference is its step.
_COARSE, _FINE = 0.02, 1e-4
_ROUNDING = 1e-12


class Point(NamedTuple):
    """A solver on a schedule."""

    schedule: Schedule
    sampler: Sampler


@dataclass(frozen=True)
class Parameters:
    """Free numbers of a solver and its schedule.

    With the first level fixed, the gaps log(r_k / r_{k+1}) share the range between it and the floor, beyond the least
    gap, by a softmax; what remains above the floor has a share of its own. A positive last level takes no share. So
    order, least ratio and floor hold by themselves.
    """

    start: Point
    floor: float
    least_gap: float
    levels: bool
    coefficients: bool
    model_range: tuple[float, float]

    @property
    def _ends_at_zero(self) -> bool:
        return bool(self.start.schedule.sigmas[-1] == 0.0)

    @property
    def _gaps(self) -> int:
        """Gaps between positive levels."""
        return self.start.schedule.steps - self._ends_at_zero

    @property
    def _room(self) -> float:
        low = self.floor if self._ends_at_zero else float(self.start.schedule.sigmas[-1])
        return float(np.log(self.start.schedule.sigmas[0] / low)) - self._gaps * self.least_gap

    @property
    def level_count(self) -> int:
        """Free numbers for the levels."""
        return self._gaps + self._ends_at_zero if self.levels and self._gaps > 0 and self._room > 0 else 0

    def table(self) -> tuple[FloatArray, FloatArray]:
        """Coefficients and model times to start from."""
        sampler: Any = self.start.sampler
        table = np.array(sampler.coefficients, dtype=np.float64).reshape(self.start.schedule.steps, -1)
        times = np.zeros(len(table)) if sampler.model_times is None else np.array(sampler.model_times)
        return table, times

    def free(self) -> FloatArray:
        """The numbers at the start: logarithms of shares, coefficients that exist, model times."""
        parts = []
        if self.level_count:
            sigmas = self.start.schedule.sigmas
            positive = sigmas[:-1] if self._ends_at_zero else sigmas
            shares = np.log(positive[:-1] / positive[1:]) - self.least_gap
            if self._ends_at_zero:
                shares = np.append(shares, np.log(positive[-1] / self.floor))
            parts.append(np.log(np.maximum(shares, _LEAST_SHARE * self._room)))
        if self.coefficients:
            table, times = self.table()
            parts += [table[_exists(table)], times]
        return np.concatenate(parts) if parts else np.zeros(0)

    def point(self, free: FloatArray) -> Point:
        """Solver and schedule of these numbers."""
        levels = self.start.schedule
        if self.level_count:
            levels = self._schedule(self.log_levels(free))
        sampler: Any = self.start.sampler
        if self.coefficients:
            table, times = self.table()
            mask = _exists(table)
            count = int(mask.sum())
            table[mask] = free[self.level_count : self.level_count + count]
            times = free[self.level_count + count :]
            sampler = replace(sampler, coefficients=table, model_times=times)
        return Point(levels, sampler)

    def log_levels(self, free: FloatArray) -> FloatArray:
        """log r of all positive levels."""
        shares = _softmax(free[: self.level_count]) * self._room
        gaps = shares[: self._gaps] + self.least_gap
        return np.asarray(np.log(self.start.schedule.sigmas[0]) - np.concatenate([[0.0], np.cumsum(gaps)]))

    def level_slopes(self, free: FloatArray) -> FloatArray:
        """d log r_k / d z of the levels after the first, shape (levels, free numbers of the levels)."""
        share = _softmax(free[: self.level_count])
        slopes = -self._room * (np.diag(share) - np.outer(share, share))
        found = np.cumsum(slopes, axis=0)[: self._gaps]
        return np.asarray(found if self._ends_at_zero else found[:-1])  # a positive last level does not move

    def clipped(self, free: FloatArray) -> FloatArray:
        """Within the bounds of coefficients and model times; shares relative to the largest."""
        found = free.copy()
        n = self.level_count
        if n:
            found[:n] = np.maximum(found[:n] - found[:n].max(), np.log(1e-8))
        if self.coefficients:
            count = int(_exists(self.table()[0]).sum())
            found[n : n + count] = np.clip(found[n : n + count], -_MOST_COEFFICIENT, _MOST_COEFFICIENT)
            logs = (
                np.log(self.start.schedule.sigmas[: self.start.schedule.steps])
                if not n
                else self.log_levels(found)
            )
            logs = logs[: self.start.schedule.steps]
            low, high = np.log(self.model_range[0] or 1e-300), np.log(min(self.model_range[1], 1e300))
            times = np.clip(found[n + count :], -_MOST_TIME, _MOST_TIME)
            found[n + count :] = np.clip(times, np.minimum(low - logs, 0.0), np.maximum(high - logs, 0.0))
        return found

    def longest(self) -> FloatArray:
        """Longest step of each number."""
        sizes = [np.full(self.level_count, _LONGEST[0])]
        if self.coefficients:
            table, times = self.table()
            sizes += [np.full(int(_exists(table).sum()), _LONGEST[1]), np.full(times.size, _LONGEST[2])]
        return np.concatenate(sizes)

    def moves(self, free: FloatArray) -> list[Callable[[float], Program]]:
        """For each column of the Jacobian a function that gives the program with that number moved by a step.

        Levels are moved one at a time, not the gaps, so that a program agrees with the unmoved one up to its level.
        Their steps are in gaps: the smaller one of a level's two.
        """
        count = len(self.level_slopes(free)) if self.level_count else 0
        found: list[Callable[[float], Program]] = []
        found += [
            partial(self._with_level, free, k, unit) for k, unit in enumerate(self.units(free)[:count], 1)
        ]
        found += [partial(self._with_number, free, i) for i in range(self.level_count, len(free))]
        return found

    def units(self, free: FloatArray) -> FloatArray:
        """What a step of 1 is in each column: the smaller gap beside a level, a coefficient of 1, a log level."""
        if not self.level_count:
            return np.ones(len(free))
        gaps = -np.diff(self.log_levels(free))
        count = len(self.level_slopes(free))
        least = [min(gaps[k], gaps[k + 1] if k + 1 < len(gaps) else np.inf) for k in range(count)]
        return np.concatenate([least, np.ones(len(free) - self.level_count)])

    def differences(self, free: FloatArray, single: bool) -> tuple[list[Program], FloatArray]:
        """One program for each difference, the unmoved one first, and the steps of the differences."""
        moves = self.moves(free)
        steps = np.full(len(moves), _COARSE if single else _FINE)  # upward, away from the floor
        if self.coefficients:
            steps[len(moves) - self.start.schedule.steps :] *= -1.0  # a model time at the top can only fall
        here = self.point(free)
        programs = [program_of(here.sampler, here.schedule)]
        programs += [move(step) for move, step in zip(moves, steps.tolist(), strict=True)]
        return programs, steps * self.units(free)

    def _with_level(self, free: FloatArray, k: int, unit: float, step: float) -> Program:
        logs = self.log_levels(free)
        logs[k] += step * unit
        return program_of(self.point(free).sampler, self._schedule(logs))

    def _with_number(self, free: FloatArray, i: int, step: float) -> Program:
        moved = free.copy()
        moved[i] += step
        there = self.point(moved)
        return program_of(there.sampler, there.schedule)

    def chain(self, columns: FloatArray, free: FloatArray) -> FloatArray:
        """Jacobian by the free numbers from that by levels, coefficients and model times."""
        if not self.level_count:
            return columns
        slopes = self.level_slopes(free)
        count = len(slopes)
        return np.concatenate([columns[:, :count] @ slopes, columns[:, count:]], axis=1)

    def _schedule(self, logs: FloatArray) -> Schedule:
        levels = np.exp(logs)
        given = self.start.schedule.sigmas
        levels[0] = given[0]
        if self._ends_at_zero:
            if abs(levels[-1] / self.floor - 1.0) < _ROUNDING:  # exp(log(floor)) may round below it
                levels[-1] = self.floor
            return Schedule(np.append(levels, 0.0), name="refined")
        levels[-1] = given[-1]
        return Schedule(levels, name="refined")


def parameters_for(
    point: Point, which: Which | None, floor: float, least_ratio: float, model_range: tuple[float, float]
) -> Parameters:
    """The free numbers of a solver on a schedule; raises where it has none of the kind asked for."""
    multistep = hasattr(point.sampler, "coefficients")
    which = which or ("all" if multistep else "levels")
    if which not in get_args(Which):
        raise ValueError(f"parameters must be 'levels', 'coefficients' or 'all', got {which!r}")
    if which != "levels" and not multistep:
        raise ValueError(
            f"parameters={which!r} needs a solver with coefficients, ss.samplers.Multistep; {point.sampler.name} has "
            "none: use parameters='levels'"
        )
    if multistep and getattr(point.sampler, "coefficients", None) is None:
        raise ValueError(
            f"{point.sampler.name} has no coefficients yet; refine a design: ss.design(..., sampler=...)"
        )
    sigmas = point.schedule.sigmas
    positive = sigmas[sigmas > 0]
    # Nothing that is refined begins outside its own bounds.
    tightest = float(np.log(positive[:-1] / positive[1:]).min()) if positive.size > 1 else np.inf
    least = min(np.log(least_ratio), 0.5 * tightest)
    return Parameters(point, floor, float(least), which != "coefficients", which != "levels", model_range)


def _exists(table: FloatArray) -> Any:
    """Row n has predictions n - 1 ... 0 to differ from."""
    rows, columns = table.shape
    return np.arange(columns)[None, :] < np.arange(rows)[:, None]


def _softmax(values: FloatArray) -> FloatArray:
    powers = np.exp(values - values.max())
    return np.asarray(powers / powers.sum())
