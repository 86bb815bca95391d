"""Parametric families, and the member nearest to a schedule."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._support import checks
from .._support.checks import FloatArray
from . import baselines
from .schedule import Schedule, as_schedule

FAMILIES: dict[str, str] = {
    name.removeprefix("chen_"): name for name in baselines.TUNABLE if name != "cosine"
}
"""Family -> baseline. "cosine" is Chen's (start, end, tau), of which Nichol and Dhariwal's (s) is a part:
start = s/(1 + s), end = 1, tau = 1."""

GRID = {1: 33, 2: 9, 3: 6}
"""Points per parameter of the grid from which a search starts, by the number of parameters."""


@dataclass(frozen=True)
class Fit:
    """The member of a family that is nearest to a schedule.

    Attributes
    ----------
    family : str
        A key of `FAMILIES`.
    parameters : dict of str to float
        Of the member, as the baseline function takes them.
    error : float
        Root mean square of the differences in abar over all S + 1 levels.
    schedule : Schedule
        The member, with the steps and end levels of the schedule that was fitted.
    """

    family: str
    parameters: dict[str, float]
    error: float
    schedule: Schedule

    def __repr__(self) -> str:
        return f"Fit({self.family}: {shown(self.parameters)}; error {self.error:.3g} in alpha_bar)"


def fit(schedule: Any, family: str = "cosine") -> Fit:
    """The member of a parametric family nearest to a schedule, by least squares in abar.

    Members share the schedule's steps and end levels (with a last level of 0: the level before it, too). The
    estimates of Figure 1 of Benita et al., arXiv 2502.00180, are of this kind.

    Parameters
    ----------
    schedule : Schedule or array_like, shape (S + 1,)
        What to describe.
    family : str
        "cosine" (Chen: start, end, tau), "sigmoid" (start, end; tau = 1, since only their ratios to tau
        count), "edm" (rho), or any other key of `FAMILIES`.

    Returns
    -------
    Fit
        Parameters, error and the member itself.

    Raises
    ------
    TypeError, ValueError
        `schedule` is no schedule, or `family` is not known (the message lists the known ones).

    Examples
    --------
    >>> from specsched import baselines
    >>> from specsched import fit
    >>> fit(baselines.edm(20, sigma_max=80.0, sigma_min=0.002, rho=5.0), "edm")
    Fit(edm: rho=5; error ... in alpha_bar)
    """
    target = as_schedule(schedule)
    space = Space(checks.lookup("family", family, FAMILIES))
    positive = target.sigmas[target.sigmas > 0.0]
    if positive.size < 3:  # no level between the ends: every member is this schedule
        return Fit(family, space.default(), 0.0, target)
    ends = _ends_of(target)
    wanted = target.alpha_bar

    def member(point: FloatArray) -> Schedule:
        return space.member(point, target.steps, ends)

    def residual(point: FloatArray) -> FloatArray:
        return member(point).alpha_bar - wanted

    def misfit(point: FloatArray) -> float:
        return float(np.square(residual(point)).sum())

    from scipy.optimize import least_squares

    def refined(start: FloatArray, evaluations: int) -> FloatArray:
        found = least_squares(
            residual, start, bounds=(0.0, 1.0), xtol=1e-14, ftol=1e-14, gtol=1e-14, max_nfev=evaluations
        )
        return np.asarray(found.x)

    candidates = [refined(start, 20) for start in space.best_starts(misfit, 3)]
    best = refined(min(candidates, key=misfit), 200)
    error = float(np.sqrt(misfit(best) / wanted.size))
    return Fit(family, space.parameters(best), error, member(best))


class Space:
    """The parameters of a family as a point in the unit cube."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.baseline: Callable[..., Schedule] = baselines.TABLE[name]
        self.ranges = baselines.TUNABLE[name]

    def parameters(self, point: FloatArray) -> dict[str, float]:
        """From the cube; `end` runs from just above `start`, so that every point is valid."""
        values: dict[str, float] = {}
        for (name, (low, high, scale)), part in zip(self.ranges.items(), point, strict=True):
            share = min(max(float(part), 0.0), 1.0)
            if name == "end":
                low = values["start"] + 0.02 * (high - values["start"])
            values[name] = low * (high / low) ** share if scale == "log" else low + share * (high - low)
        return self._completed(values)

    def default(self) -> dict[str, float]:
        """The baseline's own values."""
        keywords = _defaults(self.baseline)
        return self._completed({name: float(keywords[name]) for name in self.ranges})

    def _completed(self, values: dict[str, float]) -> dict[str, float]:
        return {**values, "tau": 1.0} if self.name == "sigmoid" else values

    def member(self, point: FloatArray, steps: int, ends: dict[str, float | None]) -> Schedule:
        return self.baseline(steps, **ends, **self.parameters(point))

    def best_starts(self, cost: Callable[[FloatArray], float], count: int) -> list[FloatArray]:
        """The `count` best points of a grid over the cube."""
        axis = np.linspace(0.0, 1.0, GRID[len(self.ranges)])
        grid = [np.array(point) for point in itertools.product(axis, repeat=len(self.ranges))]
        costs = np.array([cost(point) for point in grid])
        return [grid[k] for k in np.argsort(costs, kind="stable")[:count]]


def _defaults(function: Any) -> dict[str, Any]:
    """Keyword defaults of a baseline, those that its table entry overrides included."""
    overridden = getattr(function, "keywords", {})
    return {**getattr(function, "func", function).__kwdefaults__, **overridden}


def _ends_of(schedule: Schedule) -> dict[str, float | None]:
    if schedule[-1] > 0.0:
        return {"sigma_max": schedule[0], "sigma_min": schedule[-1], "sigma_floor": None}
    return {"sigma_max": schedule[0], "sigma_min": 0.0, "sigma_floor": schedule[-2]}


def shown(parameters: dict[str, float]) -> str:
    return ", ".join(f"{name}={value:.4g}" for name, value in parameters.items())
