"""Distances between the output of a sampler and its many-step limit or the data, and their gradients by the levels."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from .. import _core
from .._support import checks, codes
from .._support.checks import FloatArray
from .._support.codes import LossName, ProcessName, StartName, TargetName
from .._support.texts import shared_texts
from ..samplers import Sampler
from ..schedules.schedule import Schedule
from ..spectra.spectrum import Spectrum
from .arguments import checked, checked_criterion, checked_threads
from .mode_sources import has_modes, modes_of, only_distances


@shared_texts
def evaluate(
    spectrum: Any,
    schedule: Any,
    *,
    sampler: Any = "ddim",
    process: ProcessName = "vp",
    loss: LossName = "w2",
    target: TargetName = "limit",
    start: StartName = "prior",
    denoiser_error: float = 0.0,
    threads: int = 0,
) -> float:
    """Distance between the sampler's output and what it would be with infinitely many steps, or the data.

    Parameters
    ----------
    spectrum : Spectrum or array_like
        Eigenvalues of the data covariance, in squared data units. Or affine modes, or a recording of a network: then
        the distance is that of the outputs of a deterministic sampler to the exact solutions from the same starts, and
        process and start are theirs.
    @schedule
    @sampler
    @process
    @loss
    @target
    @start
    @denoiser_error
    @threads

    Returns
    -------
    float

    Raises
    ------
    TypeError, ValueError
        For bad input; for a KL of a spectrum with zero eigenvalues, which is infinite; for ``target="limit"`` of a
        sampler with churn or with one eta per step, which has no limit that is the same for every schedule.

    Examples
    --------
    >>> import specsched as ss
    >>> round(ss.evaluate(ss.Spectrum([4.0]), [10.0, 1.0, 0.0]), 4)
    0.8886
    >>> round(ss.evaluate(ss.Spectrum([4.0]), [10.0, 1.0, 0.0], target="data"), 4)
    0.9177
    """
    if has_modes(spectrum):
        only_distances(loss=loss, target=target)
        return float(np.hypot(*modes_of(spectrum).errors(schedule, sampler, denoiser_error)))
    data, levels, solver, core = checked(spectrum, schedule, sampler, denoiser_error)
    criterion = checked_criterion(data, solver, process, loss, target, start)
    threads = checked_threads(threads)
    value = data._in_core(threads).evaluate(levels.sigmas, core, criterion, threads)
    return _finite(value, loss)


@shared_texts
def value_and_grad(
    spectrum: Any,
    schedule: Any,
    *,
    sampler: Any = "ddim",
    process: ProcessName = "vp",
    loss: LossName = "w2",
    target: TargetName = "limit",
    start: StartName = "prior",
    denoiser_error: float = 0.0,
    threads: int = 0,
) -> tuple[float, FloatArray]:
    """The distance of `evaluate` and its exact gradient by every level.

    Parameters
    ----------
    spectrum
        As for `evaluate`.
    @schedule
    @sampler
    @process
    @loss
    @target
    @start
    @denoiser_error
    @threads

    Returns
    -------
    value : float
    gradient : ndarray, shape (S+1,)
        d value / d sigma_k, the two ends included.

    Raises
    ------
    TypeError, ValueError
        As for `evaluate`.

    Examples
    --------
    >>> import specsched as ss
    >>> value, gradient = ss.value_and_grad(ss.Spectrum([1.0]), [10.0, 1.0, 0.0])
    >>> gradient.shape
    (3,)
    """
    if has_modes(spectrum):
        only_distances(loss=loss, target=target)
        return modes_of(spectrum).value_and_grad(schedule, sampler, denoiser_error)
    data, levels, solver, core = checked(spectrum, schedule, sampler, denoiser_error)
    criterion = checked_criterion(data, solver, process, loss, target, start)
    threads = checked_threads(threads)
    value, gradient = data._in_core(threads).value_and_grad(levels.sigmas, core, criterion, threads)
    # The sum of squares is the quicker test; where it overflows the slow one decides.
    if not math.isfinite(gradient.dot(gradient)) and not np.isfinite(gradient).all():
        level = checks.first_bad(~np.isfinite(gradient))
        raise ValueError(
            f"the gradient of loss={loss!r} by sigmas[{level}] is {gradient[level]}: eigenvalues and levels lie too "
            "far apart; rescale the spectrum (spectrum.scaled) or move the levels"
        )
    return _finite(value, loss), gradient


class Costs(NamedTuple):
    """Where a distance to the data comes from.

    Attributes
    ----------
    schedule : float or None
        Distance of the output to the sampler's many-step limit: what the choice of levels costs. None for a sampler
        that has no such limit (churn, one eta per step).
    ends : float or None
        Distance of that limit to the data: what the first and the last level cost, whatever lies between.
    total : float
        Distance of the output to the data. W2 distances do not add up: it lies between their difference and their sum.
    """

    schedule: float | None
    ends: float | None
    total: float

    @property
    def ends_dominate(self) -> bool:
        """Whether the ends cost more than the schedule does."""
        return self.schedule is not None and self.ends is not None and self.ends > self.schedule

    def advice(self, start: str = "prior") -> str:
        """A sentence for when the ends dominate, and otherwise nothing."""
        if not self.ends_dominate:
            return ""
        other = "" if start == "data" else ", or start='data' where the run starts from noised data"
        return (
            f"The two end levels cost {self.ends:.4g}, more than the schedule between them ({self.schedule:.4g}): no "
            f"schedule mends that; a higher sigma_max and a lower last level do{other}."
        )


@shared_texts
def costs(
    spectrum: Any,
    schedule: Any,
    *,
    sampler: Any = "ddim",
    process: ProcessName = "vp",
    loss: LossName = "w2",
    start: StartName = "prior",
    threads: int = 0,
) -> Costs:
    """What the schedule costs, what its two ends cost, and the distance to the data that comes of both.

    Parameters
    ----------
    spectrum : Spectrum or array_like
        Eigenvalues of the data covariance, in squared data units; the denoiser is exact.
    @schedule
    @sampler
    @process
    @loss
    @start
    @threads

    Returns
    -------
    Costs

    Raises
    ------
    TypeError, ValueError
        As for `evaluate`.

    Examples
    --------
    >>> import specsched as ss
    >>> found = ss.costs(ss.Spectrum([100.0, 1.0]), ss.baselines.edm(50, sigma_max=14.6, sigma_min=0.03))
    >>> found.ends_dominate, found.total > found.schedule
    (True, True)
    """
    data, levels, solver, _ = checked(spectrum, schedule, sampler, 0.0)
    checked_criterion(data, solver, process, loss, "data", start)
    return costs_of(data, levels, solver, (process, loss, start), checked_threads(threads))


def costs_of(
    data: Spectrum,
    levels: Schedule,
    solver: Sampler,
    judged: tuple[str, str, str],
    threads: int,
    known: dict[str, float] | None = None,
) -> Costs:
    """The same for arguments that have been checked: process, loss and start; distances by target as far as known."""
    process, loss, start = judged
    distances = dict(known or {})
    limited = not solver.core.check_limit()
    for target in ("data", "limit") if limited else ("data",):
        if target not in distances:
            criterion = codes.criterion(process, loss, target, start)
            value = data._in_core(threads).evaluate(levels.sigmas, solver.core, criterion, threads)
            distances[target] = _finite(value, loss)
    if not limited:
        return Costs(None, None, distances["data"])
    ends = _core.ends_cost(
        data.eigenvalues,
        data.weights,
        data.mean_power,
        solver.core,
        codes.criterion(process, loss, "data", start),
        float(levels.sigmas[0]),
        float(levels.sigmas[-1]),
    )
    return Costs(distances["limit"], _finite(ends, loss), distances["data"])


def _finite(value: float, loss: str) -> float:
    if not math.isfinite(value):
        raise ValueError(
            f"loss={loss!r} is {value} here: the output variance of some eigenvalue underflows; "
            f"floor the spectrum (spectrum.floored) or end the schedule at a positive level"
        )
    return value
