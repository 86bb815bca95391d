"""A model's own grid of training timesteps: levels to fractional timesteps, and to integer ones."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from .._support import checks
from .._support.checks import FloatArray
from .._support.notices import tell


class TrainingGrid:
    """The levels at which a model was trained, sigma = sqrt((1 - abar)/abar), rising with the timestep.

    Parameters
    ----------
    alphas_cumprod : array_like, shape (T,)
        abar of timesteps 0 ... T - 1, strictly decreasing within (0, 1); tensors of any device are taken too.

    Raises
    ------
    TypeError, ValueError
        `alphas_cumprod` is not of that kind; the message names the entry.
    """

    def __init__(self, alphas_cumprod: object) -> None:
        abar = checks.vector("alphas_cumprod", alphas_cumprod)
        if abar.size < 2:
            raise ValueError(f"alphas_cumprod must have at least 2 timesteps, got {abar.size}")
        outside = (abar <= 0.0) | (abar >= 1.0)
        if outside.any():
            k = checks.first_bad(outside)
            raise ValueError(
                f"alphas_cumprod must lie in (0, 1); alphas_cumprod[{k}] is {abar[k]:g} "
                "(0 is an infinite level, 1 a level of 0: put in the value that the model was trained with)"
            )
        falling = abar[1:] < abar[:-1]
        if not falling.all():
            k = int(np.argmin(falling))
            reverse = "; it runs from noise to clean: reverse it" if (abar[1:] > abar[:-1]).all() else ""
            raise ValueError(
                f"alphas_cumprod must decrease strictly with the timestep; alphas_cumprod[{k + 1}] = "
                f"{abar[k + 1]:.9g} does not lie below alphas_cumprod[{k}] = {abar[k]:.9g}{reverse}"
            )
        with np.errstate(over="ignore"):
            self.sigmas: FloatArray = np.sqrt((1.0 - abar) / abar)
        if not np.isfinite(self.sigmas).all():
            k = checks.first_bad(~np.isfinite(self.sigmas))
            raise ValueError(
                f"alphas_cumprod[{k}] = {abar[k]:g} is too small: its level is infinite in double precision"
            )
        self.logs: FloatArray = np.log(self.sigmas)
        tied = self.logs[1:] <= self.logs[:-1]
        if tied.any():
            k = int(np.argmax(tied))
            raise ValueError(
                f"alphas_cumprod[{k}] and alphas_cumprod[{k + 1}] are too close, {abar[k]:.17g} and "
                f"{abar[k + 1]:.17g}: their levels coincide in double precision"
            )

    def __len__(self) -> int:
        return self.sigmas.size

    def fractional(self, levels: FloatArray) -> FloatArray:
        """Timesteps of positive levels by interpolation in log(sigma); beyond the ends, by the last slope."""
        logs = np.log(levels)
        place = np.interp(logs, self.logs, np.arange(self.logs.size, dtype=np.float64))
        first, last = self.logs[1] - self.logs[0], self.logs[-1] - self.logs[-2]
        place -= np.maximum(self.logs[0] - logs, 0.0) / first
        place += np.maximum(logs - self.logs[-1], 0.0) / last
        return np.asarray(place)

    def with_own_ends(self, levels: FloatArray, *, slack: float) -> FloatArray:
        """The levels, an end that is the grid's own end rounded moved onto it; raise for what lies beyond the grid."""
        inside = (levels >= self.sigmas[0]) & (levels <= self.sigmas[-1])
        moved = snapped(levels, self.sigmas[0], self.sigmas[-1], fine=inside | self._within(levels, slack))
        self.check_range(moved, slack=slack)
        return moved

    def _within(self, levels: FloatArray, slack: float) -> NDArray[np.bool_]:
        place = self.fractional(levels)
        return np.asarray((place >= -slack) & (place <= len(self) - 1 + slack))

    def check_range(self, levels: FloatArray, *, slack: float) -> None:
        """Raise at the first level that lies more than `slack` timesteps beyond the grid."""
        place = self.fractional(levels)
        above, below = place > len(self) - 1 + slack, place < -slack
        if above.any():
            k = int(np.argmax(above))
            raise ValueError(
                f"sigmas[{k}] = {levels[k]:g} lies above the model's highest level {self.sigmas[-1]:g}, "
                f"on which it was never trained; design with sigma_max={self.sigmas[-1]:g}"
            )
        if below.any():
            k = int(np.argmax(below))
            raise ValueError(
                f"sigmas[{k}] = {levels[k]:g} lies below the model's lowest level {self.sigmas[0]:g}, "
                f"on which it was never trained; design with sigma_floor={self.sigmas[0]:g}"
            )


def rounds_to(level: float, end: float) -> bool:
    """Whether `level` is the positive `end`, written with three or more significant digits.

    Examples
    --------
    >>> from specsched.schedules.training_grid import rounds_to
    >>> [rounds_to(level, 14.6146) for level in (14.6, 14.61, 14.62, 14.5, 15.0)]
    [True, True, True, False, False]
    """
    third_digit = 10.0 ** (math.floor(math.log10(end)) - 2)
    return abs(level - end) <= 0.5 * third_digit * (1.0 + 1e-9)


def snapped(levels: FloatArray, low: float, high: float, *, fine: NDArray[np.bool_]) -> FloatArray:
    """The levels, the first and the last one moved onto a model's ends if they are these ends rounded.

    Levels that are `fine` stay. A `UserWarning` tells what was moved.
    """
    moved = levels.copy()
    for k, end, which in ((0, high, "highest"), (levels.size - 1, low, "lowest")):
        trial = moved.copy()
        trial[k] = end
        if fine[k] or not rounds_to(float(levels[k]), end) or (np.diff(trial) >= 0).any():
            continue
        moved = trial
        tell(f"sigmas[{k}] = {levels[k]:g} is taken for the model's {which} level {end:.6g}")
    return moved


def timesteps(sigmas: FloatArray, alphas_cumprod: object) -> FloatArray:
    """Fractional training timesteps of the S levels at which the model is evaluated.

    Interpolated in log(sigma), as diffusers' ``_sigma_to_t`` and k-diffusion's ``sigma_to_t`` do. The last of
    the S + 1 levels, at which no sampler evaluates the model, is left out.

    Parameters
    ----------
    sigmas : ndarray, shape (S + 1,)
        Levels of a schedule.
    alphas_cumprod : array_like, shape (T,)
        The model's abar of timesteps 0 ... T - 1, strictly decreasing within (0, 1).

    Returns
    -------
    ndarray, shape (S,)
        In [0, T - 1], strictly decreasing except where a level had to be moved into the grid.

    Raises
    ------
    TypeError, ValueError
        `alphas_cumprod` is not of that kind, or a level lies more than 0.05 timesteps beyond the grid.

    Warns
    -----
    UserWarning
        The first or last level lies beyond the grid, but only by rounding (14.62 for 14.6146): it is taken for
        the grid's end.

    Examples
    --------
    >>> import numpy as np
    >>> from specsched import Schedule
    >>> abar = np.cumprod(1 - np.linspace(1e-4, 0.02, 1000))
    >>> Schedule([150.0, 10.0, 1.0, 0.0]).timesteps(abar).round(2).tolist()
    [994.22, 673.67, 258.09]
    """
    grid = TrainingGrid(alphas_cumprod)
    levels = grid.with_own_ends(sigmas[:-1], slack=0.05)
    return np.asarray(np.clip(grid.fractional(levels), 0.0, len(grid) - 1.0))


def to_timesteps(
    sigmas: FloatArray, alphas_cumprod: object, *, keep_first: bool = False, keep_last: bool = False
) -> NDArray[np.int64]:
    """Integer training timesteps nearest to the S levels of the model's evaluations, strictly decreasing.

    The best of all choices: the sum of squared differences of log(sigma) is minimal under the strict order
    (by dynamic programming), so that crowded levels share the timesteps around them instead of pushing each
    other.

    Parameters
    ----------
    sigmas : ndarray, shape (S + 1,)
        Levels of a schedule.
    alphas_cumprod : array_like, shape (T,)
        The model's abar of timesteps 0 ... T - 1, strictly decreasing within (0, 1); T >= S.
    keep_first, keep_last : bool
        Make the first timestep T - 1, the last one 0, as some frameworks and models need it.

    Returns
    -------
    ndarray of int64, shape (S,)
        In [0, T - 1]. To design on the grid instead of rounding to it, see ``design(alphas_cumprod=...)``.

    Raises
    ------
    TypeError, ValueError
        `alphas_cumprod` is not of that kind, has fewer than S entries, or a level lies more than half a
        timestep beyond the grid.

    Examples
    --------
    >>> import numpy as np
    >>> from specsched import Schedule
    >>> abar = np.cumprod(1 - np.linspace(1e-4, 0.02, 1000))
    >>> Schedule([150.0, 10.0, 1.0, 0.999, 0.0]).to_timesteps(abar).tolist()
    [994, 674, 258, 257]
    """
    checks.flag("keep_first", keep_first)
    checks.flag("keep_last", keep_last)
    grid = TrainingGrid(alphas_cumprod)
    steps, size = sigmas.size - 1, len(grid)
    if steps > size:
        raise ValueError(f"{steps} steps need at least {steps} training timesteps; alphas_cumprod has {size}")
    if keep_first and keep_last and steps == 1:
        raise ValueError("keep_first and keep_last need at least 2 steps, got 1")
    levels = grid.with_own_ends(sigmas[:-1], slack=0.5)
    cost = np.square(np.log(levels)[:, None] - grid.logs)
    if keep_first:
        cost[0, :-1] = np.inf
    if keep_last:
        cost[-1, 1:] = np.inf
    path = cheapest_descent(cost)
    assert path is not None  # there are as many timesteps as levels
    return path


def cheapest_descent(cost: FloatArray, above: NDArray[np.int64] | None = None) -> NDArray[np.int64] | None:
    """Columns c_0 > c_1 > ... with the least sum of cost[k, c_k], or None if every choice costs infinity.

    `above` holds, for every column c, the first one that may come before it; by default c + 1.
    """
    steps, size = cost.shape
    columns = np.arange(size)
    before = columns + 1 if above is None else above
    came_from = np.zeros((steps, size), dtype=np.int64)
    total = cost[0]
    for k in range(1, steps):
        # Cheapest way to row k - 1 at any column to the right, and which column that was.
        cheapest = np.minimum.accumulate(total[::-1])[::-1]
        where = np.minimum.accumulate(np.where(total == cheapest, columns, size)[::-1])[::-1]
        came_from[k] = np.append(where, 0)[before]
        total = cost[k] + np.append(cheapest, np.inf)[before]
    path = np.empty(steps, dtype=np.int64)
    path[-1] = np.argmin(total)
    if not np.isfinite(total[path[-1]]):
        return None
    for k in range(steps - 1, 0, -1):
        path[k - 1] = came_from[k, path[k]]
    return path
