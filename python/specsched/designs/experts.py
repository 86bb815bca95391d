"""One list of levels for two experts: the first from the prior to a fixed boundary, the second from there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._support import checks
from ..analysis.losses import evaluate
from ..samplers import as_sampler
from ..schedules.schedule import Schedule
from ..spectra.spectrum import Spectrum
from .problem import Options, as_spectra, denoiser_error_for, ends_of
from .result import Design
from .single import design


@dataclass(frozen=True)
class ExpertsDesign:
    """A schedule for two experts.

    Attributes
    ----------
    schedule : Schedule
        All levels; `boundary` is one of them, the last of the first expert and the first of the second.
    boundary : float
        Where the second expert takes over.
    steps : tuple of int
        Of the first and of the second expert.
    first, second : Design
        The two parts: from the prior down to the boundary, and from data noised to the boundary.
    loss : float
        Of the whole list, run by one solver that keeps its memory across the boundary; exact denoiser.
    split_losses : dict of int to float
        What chose the split: loss of the whole list, errors of the predictions included, by steps of the first expert.
    """

    schedule: Schedule
    boundary: float
    steps: tuple[int, int]
    first: Design
    second: Design
    loss: float
    split_losses: dict[int, float]

    def __repr__(self) -> str:
        return (
            f"ExpertsDesign({self.first.sampler.name}: {self.steps[0]} + {self.steps[1]} steps, boundary "
            f"{self.boundary:.6g}, loss {self.loss:.6g})"
        )


def design_experts(
    spectrum: Any, steps: int | Sequence[int], boundary: float, **options: Any
) -> ExpertsDesign:
    """Design a schedule that two experts share: one for the levels down to `boundary`, one for those below.

    Parameters
    ----------
    spectrum : Spectrum, array_like or list of Spectrum
        As in `design`.
    steps : int or pair of int
        Steps of both experts together, at least 2: the split with the least loss of the whole list is taken. Or the
        steps of each.
    boundary : float
        Level sigma at which the second expert takes over, between sigma_max and sigma_floor. A flow time t is the
        level t / (1 - t): 7 for the 0.875 of Wan 2.2's text-to-video models, 9 for the 0.9 of its image-to-video ones.
    **options
        Of `design`: sampler, process, sigma_max, sigma_floor, denoiser_error and so on. `target` is "limit".

    Returns
    -------
    ExpertsDesign

    Raises
    ------
    TypeError, ValueError
        Naming the argument that is wrong; `boundary` is not between the ends.

    Notes
    -----
    The first part is designed from the start of the process down to `boundary`, the second with ``start="data"`` from
    there: what the first one misses is not the second one's to mend (docs/limit.md).

    Examples
    --------
    >>> import numpy as np, specsched as ss
    >>> spectrum = ss.Spectrum(100.0 / np.arange(1, 65) ** 2)
    >>> found = ss.design_experts(spectrum, 10, 7.0, sampler="dpmpp_2m", process="flow", sigma_floor=0.01)
    >>> sum(found.steps), 7.0 in found.schedule.sigmas
    (10, True)
    """
    spectra = as_spectra(spectrum)
    asked = Options.named(options)
    if asked.target != "limit":
        raise ValueError(
            f"target={asked.target!r}: the parts of two experts are judged against the limit, target='limit'"
        )
    solver = as_sampler(asked.sampler)
    level = _boundary(boundary, asked)
    splits = _splits(steps)
    whole = spectra[0] if len(spectra) == 1 else Spectrum.merged(spectra)
    shared = {"sampler": solver, "process": asked.process, "loss": asked.loss, "start": asked.start}
    error = denoiser_error_for(asked.denoiser_error, solver, asked.target)
    upper = {**options, "sigma_min": level, "sigma_max": asked.sigma_max}
    upper.pop("sigma_floor", None)
    lower = {**options, "sigma_max": level, "start": "data"}
    parts = {
        first: (
            design(list(spectra), first, **upper),
            design(list(spectra), second, **lower),
        )
        for first, second in splits
    }
    joined = {first: _joined(*pair) for first, pair in parts.items()}
    losses = {n: evaluate(whole, s, denoiser_error=error, **shared) for n, s in joined.items()}
    best = min(losses, key=losses.__getitem__)
    first, second = parts[best]
    return ExpertsDesign(
        schedule=joined[best],
        boundary=level,
        steps=(best, second.schedule.steps),
        first=first,
        second=second,
        loss=evaluate(whole, joined[best], **shared),
        split_losses=losses,
    )


def _boundary(value: Any, options: Options) -> float:
    level = checks.level("boundary", value)
    high, low, floor = ends_of(options)
    bottom = low or floor
    if not bottom < level < high:
        raise ValueError(
            f"boundary={level:g} must lie between the ends, {bottom:g} and {high:g} (levels sigma; a flow time t is "
            "the level t / (1 - t))"
        )
    return level


def _splits(steps: Any) -> list[tuple[int, int]]:
    """Steps of the first and of the second expert: all that are possible, or those that were asked for."""
    if np.ndim(steps) == 0:
        count = checks.integer("steps", steps, minimum=2, maximum=1000)
        return [(n, count - n) for n in range(1, count)]
    if len(steps) != 2:
        raise ValueError(f"steps must be one number or one for each of the two experts, got {len(steps)}")
    first, second = (checks.integer(f"steps[{k}]", n, minimum=1, maximum=1000) for k, n in enumerate(steps))
    return [(first, second)]


def _joined(first: Design, second: Design) -> Schedule:
    levels = np.concatenate([first.schedule.sigmas, second.schedule.sigmas[1:]])
    return Schedule(levels, name=f"designed for {first.sampler.name}, two experts")
