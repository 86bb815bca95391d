"""Tuned heuristics: the best member of a parametric family for a spectrum."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._support import checks
from .._support.checks import FloatArray
from .._support.codes import LossName, ProcessName, StartName, TargetName
from .._support.texts import shared_texts
from ..analysis.losses import evaluate
from ..analysis.mode_sources import has_modes, modes_of
from ..samplers import as_sampler
from ..schedules.families import FAMILIES, GRID, Space, shown
from ..schedules.schedule import Schedule
from ..spectra.spectrum import Spectrum
from .modes.allowances import error_for
from .problem import DEFAULT_SIGMA_MAX, denoiser_error_for


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
        return f"Member({self.family}: {shown(self.parameters)}; loss {self.loss:.6g})"


@shared_texts
def best_member(
    spectrum: Any,
    steps: int,
    *,
    family: str,
    sigma_max: float | None = None,
    sigma_min: float = 0.0,
    sigma_floor: float | None = None,
    sampler: Any = "ddim",
    process: ProcessName = "vp",
    loss: LossName = "w2",
    target: TargetName = "limit",
    start: StartName = "prior",
    denoiser_error: float | None = None,
    threads: int = 0,
) -> Member:
    """The best member of a family for a spectrum: what tuning that heuristic could reach.

    A grid over the parameters, then a local search from its two best points (Nelder-Mead, or bounded Brent
    for one parameter). Never worse than the family's defaults.

    Parameters
    ----------
    spectrum : Spectrum, array_like or Recording
        Of the data; a large one is searched on in compressed form, and the loss reported is that of the full
        one. Or a recording of a network, or affine modes: ends and process are then theirs.
    steps : int
        Number of steps S >= 1.
    family : str
        A key of `FAMILIES`.
    sigma_max, sigma_min, sigma_floor : float
        End levels, as for `specsched.baselines`; `sigma_max` by default that of `specsched.design`.
    @sampler
    @process
    @loss
    @target
    @start
    denoiser_error : float, optional
        Error of the predictions to allow for, with the defaults of `specsched.design`: it is part of what is minimised,
        but not of the loss reported.
    @threads

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
    >>> from specsched import best_member
    >>> best_member(ss.Spectrum([0.25]), 10, family="kl_optimal", sigma_max=80.0, sigma_min=0.01)
    Member(kl_optimal: eigenvalue=0.25; loss ...)

    The shift of a flow model's schedule; mu is its logarithm:

    >>> latents = ss.Spectrum([9.0, 1.0, 0.1], weights=[1, 10, 100])
    >>> best = best_member(latents, 20, family="flow_shift", process="flow")
    >>> 0.05 <= best.parameters["shift"] <= 50.0
    True
    """
    if denoiser_error is not None:  # its errors would pass for losses without a value in the search below
        checks.real("denoiser_error", denoiser_error, minimum=0.0)
    space = Space(checks.lookup("family", family, FAMILIES))
    full, nodes, own = _judged(spectrum)
    ends: dict[str, Any] = {
        "sigma_max": own["sigma_max"] or checks.lookup("process", process, DEFAULT_SIGMA_MAX),
        "sigma_min": sigma_min,
        "sigma_floor": own["sigma_floor"] if sigma_floor is None and not sigma_min else sigma_floor,
    }
    if sigma_max is not None:
        ends["sigma_max"] = sigma_max
    options: dict[str, Any] = {
        "sampler": sampler,
        "process": process,
        "loss": loss,
        "target": target,
        "start": start,
        "threads": threads,
    }
    solver = as_sampler(sampler)
    if nodes is full and has_modes(full):
        error = error_for(denoiser_error, solver, [full], steps)
    else:
        error = denoiser_error_for(denoiser_error, solver, target)
    untuned = space.baseline(steps, **ends)
    plain = Member(family, space.default(), untuned, evaluate(full, untuned, **options))
    if steps == 1:
        return plain

    def cost_of(data: Any, schedule: Schedule) -> float:
        try:
            return evaluate(data, schedule, denoiser_error=error, **options)
        except ValueError:  # an infinite loss at extreme parameters; the defaults above have passed
            return np.inf

    point = _search(space, lambda point: cost_of(nodes, space.member(point, steps, ends)))
    schedule = space.member(point, steps, ends)
    if cost_of(full, untuned) <= cost_of(full, schedule):
        return plain
    return Member(family, space.parameters(point), schedule, evaluate(full, schedule, **options))


def tuned(
    spectrum: Any,
    steps: int,
    *,
    sigma_max: float | None = None,
    sigma_min: float = 0.0,
    sigma_floor: float | None = None,
    sampler: Any = "ddim",
    process: ProcessName = "vp",
    loss: LossName = "w2",
    target: TargetName = "limit",
    start: StartName = "prior",
    denoiser_error: float | None = None,
    threads: int = 0,
    families: Iterable[str] | None = None,
) -> dict[str, Member]:
    """The best member of every family for a spectrum: see `best_member`.

    Parameters
    ----------
    spectrum, steps, sigma_max, sigma_min, sigma_floor, sampler, process, loss, target, start,
    denoiser_error, threads
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
    >>> from specsched import tuned
    >>> members = tuned(ss.Spectrum([4.0, 0.1]), 8, sigma_max=80.0, families=["edm", "cosine"])
    >>> sorted(members)
    ['cosine', 'edm']
    """
    if isinstance(families, str):
        raise TypeError(f"families must be a list of names, got the string {families!r}")
    if families is not None and not isinstance(families, Iterable):
        raise TypeError(f"families must be a list of names, got {type(families).__name__}")
    names = list(FAMILIES) if families is None else list(families)
    for name in names:
        checks.lookup("family", name, FAMILIES)
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
            target=target,
            start=start,
            denoiser_error=denoiser_error,
            threads=threads,
        )
        for name in names
    }


def _judged(source: Any) -> tuple[Any, Any, dict[str, float | None]]:
    """What losses are reported on, what is searched on, and the ends that the source has of its own."""
    if has_modes(source):
        modes = modes_of(source)
        return modes, modes, {"sigma_max": modes.sigma_max, "sigma_floor": modes.sigma_floor}
    full = source if isinstance(source, Spectrum) else Spectrum(source)
    nodes = full.compress() if full.eigenvalues.size > 256 else full
    return full, nodes, {"sigma_max": None, "sigma_floor": None}


def _search(space: Space, cost: Callable[[FloatArray], float]) -> FloatArray:
    """Grid, then a local search from its two best points; the best point found."""
    found: list[FloatArray] = []
    for start in space.best_starts(cost, 2):
        found += [start, _along_line(cost, start) if start.size == 1 else _simplex(cost, start)]
    return min(found, key=cost)


def _along_line(cost: Callable[[FloatArray], float], start: FloatArray) -> FloatArray:
    """Brent's method between the neighbours of a point of the one-dimensional grid."""
    from scipy.optimize import minimize_scalar

    width = 1.0 / (GRID[1] - 1)
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
