"""Schedules on a model's own timesteps: the best choice of integers, searched for among the integers."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..._support import checks
from ..._support.checks import FloatArray
from ..._support.notices import tell
from ...schedules.training_grid import TrainingGrid, cheapest_descent, rounds_to
from ..problem import Options

IntArray = NDArray[np.int64]

ENUMERATE_UP_TO = 4096
"""Problems with at most so many choices of timesteps are solved by trying them all."""

SNAP = 0.05
"""An end level counts as one of the grid's if it is off by at most this share of the distance between timesteps."""

RELOCATE_UP_TO = 32  # levels; above, moving one level far away gains little and costs a lot to try
FOLLOWED_STARTS = 4
NEAR = 0.003
"""Choices that cost so little beside the continuous optimum are improved by moves of one timestep only.

On the recording of a network (2M, Heun, designed; 5 to 20 steps; grids of 40, 100 and 1000) longer searches found the
same timesteps, with 2 to 40 times as many evaluations."""


class Ladder(Protocol):
    """What the search needs of a problem."""

    @property
    def steps(self) -> int: ...
    @property
    def min_ratio(self) -> float: ...
    @property
    def ratio_given(self) -> bool: ...
    @property
    def max_iter(self) -> int: ...


class Many(Protocol):
    """What is minimised, for each row of levels."""

    def many(self, rows: FloatArray) -> FloatArray: ...


class GridEnds:
    """The part of a training grid that a schedule may use, and the design options that go with it.

    Parameters
    ----------
    alphas_cumprod : array_like, shape (T,)
        abar of timesteps 0 ... T - 1.
    options : Options
        As the user gave them.

    Raises
    ------
    TypeError, ValueError
        `alphas_cumprod` is not strictly decreasing within (0, 1), or an end level is not on the grid.
    """

    def __init__(self, alphas_cumprod: object, options: Options) -> None:
        grid = TrainingGrid(alphas_cumprod)
        self.sigmas, self.logs = grid.sigmas, grid.logs
        self.highest = len(grid) - 1
        if options.sigma_max is not None:
            self.highest = self._snap("sigma_max", options.sigma_max)
        low = checks.real("sigma_min", options.sigma_min, minimum=0.0)
        self.ends_at_zero = low == 0.0
        if not self.ends_at_zero:
            self.lowest = self._snap("sigma_min", low)
        elif options.sigma_floor is not None:
            self.lowest = self._above_floor(options.sigma_floor)
        else:
            self.lowest = 0
        self.options = replace(
            options,
            sigma_max=float(self.sigmas[self.highest]),
            sigma_min=0.0 if self.ends_at_zero else float(self.sigmas[self.lowest]),
            sigma_floor=self._floor(options),
        )

    def _floor(self, options: Options) -> Any:
        """The continuous optimum that a design is compared with goes no lower than the grid does."""
        if not self.ends_at_zero or self.lowest >= self.highest:
            return options.sigma_floor
        return float(self.sigmas[self.lowest])

    def _snap(self, name: str, value: object) -> int:
        level = checks.real(name, value, above=0.0)
        place = np.abs(self.logs - math.log(level))
        t = int(np.argmin(place))
        beside = t - 1 if (t > 0 and self.logs[t] > math.log(level)) or t == len(self.logs) - 1 else t + 1
        if place[t] > SNAP * abs(self.logs[beside] - self.logs[t]):
            for end in (0, len(self.sigmas) - 1):
                if rounds_to(level, float(self.sigmas[end])):
                    tell(
                        f"{name}={level:g} is taken for the grid's own level {self.sigmas[end]:.6g}", above=6
                    )
                    return end
            raise ValueError(
                f"{name}={level:g} is not a level of alphas_cumprod, which lie between {self.sigmas[0]:.6g} and "
                f"{self.sigmas[-1]:.6g}; the nearest is {self.sigmas[t]:.9g} (timestep {t})"
            )
        return t

    def _above_floor(self, value: object) -> int:
        floor = checks.real("sigma_floor", value, above=0.0)
        lowest = int(np.searchsorted(self.sigmas, floor * (1.0 - 1e-9)))
        if lowest > self.highest:
            raise ValueError(
                f"sigma_floor={floor:g} lies above every level that the schedule may use: "
                f"the highest is {self.sigmas[self.highest]:g}"
            )
        return lowest

    def check_room(self, steps: int) -> None:
        """Raise unless there are enough timesteps for the steps."""
        needed = steps if self.ends_at_zero else steps + 1
        available = self.highest - self.lowest + 1
        if needed > available:
            raise ValueError(
                f"{steps} steps need {needed} timesteps; alphas_cumprod has {available} between the levels "
                f"{self.sigmas[self.lowest]:g} and {self.sigmas[self.highest]:g}"
            )


@dataclass(frozen=True)
class GridOutcome:
    """The timesteps found, falling, and how the search ended."""

    timesteps: IntArray
    evaluations: int
    sweeps: int
    success: bool
    message: str


class Exchange:
    """Searches for the best timesteps by exchanging them; every value is exact.

    Parameters
    ----------
    problem : Problem
        With the options of `grid`.
    grid : GridEnds
        The timesteps to choose from.
    objective : Objective
        What is minimised.
    loose : bool
        Leave the least ratio out.
    enough : float
        A value from which moves of one timestep are improvement enough.
    """

    def __init__(
        self,
        problem: Ladder,
        grid: GridEnds,
        objective: Many,
        *,
        loose: bool = False,
        enough: float = -math.inf,
    ) -> None:
        self.grid, self.objective, self.enough = grid, objective, enough
        self.count = problem.steps + (0 if grid.ends_at_zero else 1)
        self.free = range(1, self.count if grid.ends_at_zero else self.count - 1)
        self.gap = 0.0 if loose else math.log(problem.min_ratio) * (1.0 - 1e-12)
        self.max_iter = self.most_sweeps = problem.max_iter
        self.evaluations = self.sweeps = 0
        self.stopped = False  # at the limit of sweeps, from any start

    def levels(self, rows: IntArray) -> FloatArray:
        """Levels of rows of timesteps, the final 0 included."""
        sigmas = self.grid.sigmas[rows]
        if not self.grid.ends_at_zero:
            return sigmas
        return np.concatenate([sigmas, np.zeros((len(rows), 1))], axis=1)

    def allowed(self, rows: IntArray) -> NDArray[np.bool_]:
        """Which rows keep to the ends, the order and the least ratio."""
        grid = self.grid
        inside = (rows[:, 0] == grid.highest) & (rows[:, -1] >= grid.lowest)
        if not grid.ends_at_zero:
            inside &= rows[:, -1] == grid.lowest
        falling = (np.diff(rows, axis=1) < 0).all(axis=1)
        good = inside & falling
        logs = grid.logs[np.where(good[:, None], rows, 0)]
        return np.asarray(good & (logs[:, :-1] - logs[:, 1:] >= self.gap).all(axis=1))

    def values(self, rows: IntArray) -> FloatArray:
        """The objective of each row."""
        self.evaluations += len(rows)
        return self.objective.many(self.levels(rows))

    def round(self, sigmas: FloatArray) -> IntArray | None:
        """The timesteps nearest to these levels in log(sigma), best of all choices; None if there is none."""
        grid = self.grid
        columns = slice(grid.lowest, grid.highest + 1)
        logs = grid.logs[columns]
        cost = np.square(np.log(sigmas[: self.count])[:, None] - logs)
        cost[0, :-1] = np.inf
        if not grid.ends_at_zero:
            cost[-1, 1:] = np.inf
        above = np.maximum(np.searchsorted(logs, logs + self.gap), np.arange(1, logs.size + 1))
        path = cheapest_descent(cost, above)
        return None if path is None else path + grid.lowest

    def enumerable(self) -> bool:
        """Whether trying every choice is cheap."""
        between = self.grid.highest - self.grid.lowest - (0 if self.grid.ends_at_zero else 1)
        return math.comb(between, len(self.free)) <= ENUMERATE_UP_TO

    def enumerate(self) -> IntArray:
        """The best of all choices."""
        grid = self.grid
        between = range(grid.highest - 1, grid.lowest - (1 if grid.ends_at_zero else 0), -1)
        tail = () if grid.ends_at_zero else (grid.lowest,)
        choices = itertools.combinations(between, len(self.free))
        rows = np.array([(grid.highest, *choice, *tail) for choice in choices], dtype=np.int64)
        rows = rows[self.allowed(rows)]
        return np.asarray(rows[np.argmin(self.values(rows))])

    def improve(self, row: IntArray) -> tuple[IntArray, float]:
        """From one choice to one that no move improves (or to the limit of sweeps)."""
        best = (row, float(self.values(row[None])[0]))
        self.most_sweeps = self.sweeps + self.max_iter
        if best[1] <= self.enough:
            return self._settle(best, 1)
        step = self._first_step()
        while self.sweeps < self.most_sweeps:
            before = best[1]
            for size in _halving(step):
                best = self._settle(best, size)
            best = self._first_better(best, self._anywhere(best[0]))
            if self.count <= RELOCATE_UP_TO:
                best = self._best_of(best, self._relocations(best[0]))
            if not best[1] < before:
                return best
            step = 4
        self.stopped = True
        return best

    def _first_step(self) -> int:
        return max(1, (self.grid.highest - self.grid.lowest) // (4 * self.count))

    def _settle(self, best: tuple[IntArray, float], size: int) -> tuple[IntArray, float]:
        """Shifts of `size` timesteps, as long as one helps."""
        while self.sweeps < self.most_sweeps:
            before = best[1]
            self.sweeps += 1
            for k in self.free:
                best = self._best_of(best, self._shifts(best[0], k, size))
            if not best[1] < before:
                break
        return best

    def _first_better(
        self, best: tuple[IntArray, float], batches: Iterable[IntArray]
    ) -> tuple[IntArray, float]:
        """The best of the first batch that holds a better choice."""
        for batch in batches:
            found = self._best_of(best, batch)
            if found[1] < best[1]:
                return found
        return best

    def _best_of(self, best: tuple[IntArray, float], rows: IntArray) -> tuple[IntArray, float]:
        rows = rows[self.allowed(rows)] if len(rows) else rows
        if not len(rows):
            return best
        values = self.values(rows)
        i = int(np.argmin(values))
        # Rounding alone must not count as progress: moves would go back and forth.
        return (rows[i], float(values[i])) if values[i] < best[1] * (1.0 - 1e-13) else best

    def _shifts(self, row: IntArray, k: int, size: int) -> IntArray:
        """Level k alone, with its neighbour (both ways), and runs of levels that begin at k, moved by `size`."""
        last = self.free[-1]
        patterns = []
        for length in _lengths(last - k + 1):
            run = np.zeros_like(row)
            run[k : k + length] = size
            patterns.append(run)
        if k < last:
            apart = np.zeros_like(row)
            apart[k], apart[k + 1] = size, -size
            patterns.append(apart)
        moves = np.array(patterns)
        return np.concatenate([row + moves, row - moves])

    def _anywhere(self, row: IntArray) -> Iterator[IntArray]:
        """Every level at every free timestep between its neighbours."""
        for k in self.free:
            low = row[k + 1] if k + 1 < self.count else self.grid.lowest - 1
            places = np.arange(low + 1, row[k - 1], dtype=np.int64)
            rows = np.tile(row, (len(places), 1))
            rows[:, k] = places
            yield rows

    def _relocations(self, row: IntArray) -> IntArray:
        """Every level taken out and put in the middle of another gap."""
        ends = np.append(row, self.grid.lowest - 1) if self.grid.ends_at_zero else row
        middles = (ends[:-1] + ends[1:]) // 2
        rows = [_moved(row, k, int(t)) for k in self.free for t in middles if t not in row]
        return np.array(rows, dtype=np.int64).reshape(len(rows), row.size)


def minimise(
    problem: Ladder,
    grid: GridEnds,
    objective: Many,
    candidates: Iterable[FloatArray],
    continuous: float = -math.inf,
) -> GridOutcome:
    """The best timesteps found, from the optimal roundings of candidate levels.

    `continuous` is the least value without a grid, where evaluations are too expensive for searching on beside it.

    Small problems are solved by trying every choice; then the result is the optimum. Otherwise the best
    roundings are improved by moves until none helps: any level to any free timestep between its neighbours,
    one level or a run of neighbours up or down, two neighbours towards or away from each other, one level
    taken out and put into another gap.

    Raises
    ------
    ValueError
        No choice of timesteps keeps the least ratio.
    """
    candidates = list(candidates)
    enough = continuous * (1.0 + NEAR)
    search = Exchange(problem, grid, objective, enough=enough)
    roundings = [row for sigmas in candidates if (row := search.round(sigmas)) is not None]
    if not roundings and not problem.ratio_given:  # the grid is too coarse for the least ratio of the default
        search = Exchange(problem, grid, objective, loose=True, enough=enough)
        roundings = [row for sigmas in candidates if (row := search.round(sigmas)) is not None]
    if not roundings:
        raise ValueError(
            f"min_ratio={problem.min_ratio:g} leaves no choice of {search.count} timesteps between the levels "
            f"{grid.sigmas[grid.lowest]:g} and {grid.sigmas[grid.highest]:g}; lower it or take fewer steps"
        )
    if search.enumerable():
        best = search.enumerate()
        return GridOutcome(best, search.evaluations, 1, True, "the best of all choices")
    starts = np.unique(np.array(roundings), axis=0)
    order = np.argsort(search.values(starts), kind="stable")
    followed = FOLLOWED_STARTS if search.count <= RELOCATE_UP_TO else 1
    found = []
    for i in order[:followed]:
        found.append(search.improve(starts[i]))
        if found[-1][1] <= enough:
            break
    best, _ = min(found, key=lambda pair: pair[1])
    message = (
        "limit of sweeps reached (max_iter)" if search.stopped else "no exchange of timesteps improves it"
    )
    return GridOutcome(best, search.evaluations, search.sweeps, not search.stopped, message)


def _halving(size: int) -> Iterator[int]:
    while size >= 1:
        yield size
        size //= 2


def _lengths(most: int) -> list[int]:
    """1, 2, 3, 4, 6, 8, 12, ... up to `most`, and `most` itself: runs worth moving as one."""
    lengths = [n for n in (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128) if n < most]
    return [*lengths, most]


def _moved(row: IntArray, k: int, timestep: int) -> IntArray:
    rest = np.delete(row, k)
    return np.insert(rest, int(np.sum(rest > timestep)), timestep)
