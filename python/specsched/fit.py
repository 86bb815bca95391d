"""Parametric families: the member nearest to a schedule, and the best member for a spectrum."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import _validate, baselines
from ._names import LossName, ProcessName
from ._validate import FloatArray
from .schedule import Schedule, as_schedule
from .spectrum import Spectrum

FAMILIES: dict[str, str] = {
    name.removeprefix("chen_"): name for name in baselines.TUNABLE if name != "cosine"
}
"""Family -> baseline. "cosine" is Chen's (start, end, tau), of which Nichol and Dhariwal's (s) is a part:
start = s/(1 + s), end = 1, tau = 1."""

# Points per parameter of the grid from which a search starts, by the number of parameters.
_GRID = {1: 33, 2: 9, 3: 6}


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
        return f"Fit({self.family}: {_shown(self.parameters)}; error {self.error:.3g} in alpha_bar)"


@dataclass(frozen=True)
class Member:
    """The member of a family that is best for a spectrum: a tuned heuristic.

    Attributes
    ----------
    family : str
        A key of `FAMILIES`.
    parameters : dict of str to float
        As the baseline function takes them.
    schedule : Schedule
        The member.
    loss : float
        Its loss on the spectrum.
    """

    family: str
    parameters: dict[str, float]
    schedule: Schedule
    loss: float

    def __repr__(self) -> str:
        return f"Member({self.family}: {_shown(self.parameters)}; loss {self.loss:.6g})"


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
    >>> from specsched.fit import fit
    >>> fit(baselines.edm(20, sigma_max=80.0, sigma_min=0.002, rho=5.0), "edm")
    Fit(edm: rho=5; error ... in alpha_bar)
    """
    target = as_schedule(schedule)
    space = _Space(_validate.lookup("family", family, FAMILIES))
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


def best_member(
    spectrum: Any,
    steps: int,
    *,
    family: str,
    sigma_max: float,
    sigma_min: float = 0.0,
    sigma_floor: float | None = None,
    sampler: Any = "ddim",
    process: ProcessName = "vp",
    loss: LossName = "w2",
    denoiser_error: float = 0.0,
    threads: int = 0,
) -> Member:
    """The best member of a family for a spectrum: what tuning that heuristic could reach.

    A grid over the parameters, then a local search from its two best points (Nelder-Mead, or bounded Brent
    for one parameter). Never worse than the family's defaults.

    Parameters
    ----------
    spectrum : Spectrum or array_like
        Of the data; a large one is searched on in compressed form, and the loss reported is that of the full
        one.
    steps : int
        Number of steps S >= 1.
    family : str
        A key of `FAMILIES`.
    sigma_max, sigma_min, sigma_floor : float
        End levels, as for `specsched.baselines`.
    sampler, process, loss, threads
        As for `specsched.evaluate`.
    denoiser_error : float
        Relative error of the denoiser to allow for, as `specsched.design` does for multistep samplers: it is part of
        what is minimised, but not of the loss reported.

    Returns
    -------
    Member

    Raises
    ------
    TypeError, ValueError
        As for `specsched.evaluate` and the baselines; unknown `family` (the message lists the known ones).

    Examples
    --------
    >>> import specsched as ss
    >>> from specsched.fit import best_member
    >>> best_member(ss.Spectrum([0.25]), 10, family="kl_optimal", sigma_max=80.0, sigma_min=0.01)
    Member(kl_optimal: eigenvalue=0.25; loss ...)
    """
    from .transfer import evaluate

    space = _Space(_validate.lookup("family", family, FAMILIES))
    full = spectrum if isinstance(spectrum, Spectrum) else Spectrum(spectrum)
    nodes = full.compress() if full.eigenvalues.size > 256 else full
    ends = {"sigma_max": sigma_max, "sigma_min": sigma_min, "sigma_floor": sigma_floor}
    options: dict[str, Any] = {"sampler": sampler, "process": process, "loss": loss, "threads": threads}
    untuned = space.baseline(steps, **ends)
    plain = Member(family, space.default(), untuned, evaluate(full, untuned, **options))
    if steps == 1:
        return plain

    def cost_of(data: Spectrum, schedule: Schedule) -> float:
        try:
            return evaluate(data, schedule, denoiser_error=denoiser_error, **options)
        except ValueError:  # an infinite loss at extreme parameters; the defaults above have passed
            return np.inf

    point = space.search(lambda point: cost_of(nodes, space.member(point, steps, ends)))
    schedule = space.member(point, steps, ends)
    if cost_of(full, untuned) <= cost_of(full, schedule):
        return plain
    return Member(family, space.parameters(point), schedule, evaluate(full, schedule, **options))


def tuned(
    spectrum: Any,
    steps: int,
    *,
    sigma_max: float,
    sigma_min: float = 0.0,
    sigma_floor: float | None = None,
    sampler: Any = "ddim",
    process: ProcessName = "vp",
    loss: LossName = "w2",
    denoiser_error: float = 0.0,
    threads: int = 0,
    families: Iterable[str] | None = None,
) -> dict[str, Member]:
    """The best member of every family for a spectrum: see `best_member`.

    Parameters
    ----------
    spectrum, steps, sigma_max, sigma_min, sigma_floor, sampler, process, loss, denoiser_error, threads
        As for `best_member`.
    families : iterable of str, optional
        Which ones; all of `FAMILIES` by default.

    Returns
    -------
    dict of str to Member

    Raises
    ------
    TypeError, ValueError
        As for `best_member`.

    Examples
    --------
    >>> import specsched as ss
    >>> from specsched.fit import tuned
    >>> members = tuned(ss.Spectrum([4.0, 0.1]), 8, sigma_max=80.0, families=["edm", "cosine"])
    >>> sorted(members)
    ['cosine', 'edm']
    """
    if isinstance(families, str):
        raise TypeError(f"families must be a list of names, got the string {families!r}")
    names = list(FAMILIES) if families is None else list(families)
    for name in names:
        _validate.lookup("family", name, FAMILIES)
    return {
        name: best_member(
            spectrum,
            steps,
            family=name,
            sigma_max=sigma_max,
            sigma_min=sigma_min,
            sigma_floor=sigma_floor,
            sampler=sampler,
            process=process,
            loss=loss,
            denoiser_error=denoiser_error,
            threads=threads,
        )
        for name in names
    }


class _Space:
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
        axis = np.linspace(0.0, 1.0, _GRID[len(self.ranges)])
        grid = [np.array(point) for point in itertools.product(axis, repeat=len(self.ranges))]
        costs = np.array([cost(point) for point in grid])
        return [grid[k] for k in np.argsort(costs, kind="stable")[:count]]

    def search(self, cost: Callable[[FloatArray], float]) -> FloatArray:
        """Grid, then a local search from its two best points; the best point found."""
        found: list[FloatArray] = []
        for start in self.best_starts(cost, 2):
            found += [start, _along_line(cost, start) if start.size == 1 else _simplex(cost, start)]
        return min(found, key=cost)


def _along_line(cost: Callable[[FloatArray], float], start: FloatArray) -> FloatArray:
    """Brent's method between the neighbours of a point of the one-dimensional grid."""
    from scipy.optimize import minimize_scalar

    width = 1.0 / (_GRID[1] - 1)
    around = (max(start[0] - width, 0.0), min(start[0] + width, 1.0))
    found = minimize_scalar(lambda share: cost(np.array([share])), bounds=around, options={"xatol": 1e-9})
    return np.array([found.x])


def _simplex(cost: Callable[[FloatArray], float], start: FloatArray) -> FloatArray:
    """Nelder-Mead within the cube."""
    from scipy.optimize import minimize

    found = minimize(
        cost,
        start,
        method="Nelder-Mead",
        bounds=[(0.0, 1.0)] * start.size,
        options={"xatol": 1e-7, "fatol": 1e-12, "maxfev": 120 * start.size},
    )
    return np.asarray(found.x)


def _defaults(function: Any) -> dict[str, Any]:
    """Keyword defaults of a baseline, those that its table entry overrides included."""
    overridden = getattr(function, "keywords", {})
    return {**getattr(function, "func", function).__kwdefaults__, **overridden}


def _ends_of(schedule: Schedule) -> dict[str, float | None]:
    if schedule[-1] > 0.0:
        return {"sigma_max": schedule[0], "sigma_min": schedule[-1], "sigma_floor": None}
    return {"sigma_max": schedule[0], "sigma_min": 0.0, "sigma_floor": schedule[-2]}


def _shown(parameters: dict[str, float]) -> str:
    return ", ".join(f"{name}={value:.4g}" for name, value in parameters.items())
