"""What a design returns, and how it prints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from functools import cached_property, partial
from html import escape
from textwrap import wrap
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._support.checks import FloatArray
from .._support.codes import LOSS_TITLES
from .._support.values import ByValue
from .._support.version import VERSION
from ..analysis.losses import Costs
from ..samplers import Sampler
from ..schedules.schedule import Schedule
from ..spectra.neighbourhood import Neighbourhood

_SHOWN = 10
"""Heuristics that a design prints, the best first."""


@dataclass(frozen=True, eq=False)
class Design(ByValue):
    """A designed schedule, its loss, and how it compares.

    Attributes
    ----------
    schedule : Schedule
        The levels, noise -> clean; its `made_for` holds what was asked for.
    loss : float
        On the full spectrum (for a list: combined as asked).
    losses : tuple of float
        One per spectrum.
    baselines : dict of str to float
        Loss of every heuristic with the same ends, and of the schedule designed for DDIM ("ddim_designed") where the
        sampler is another one.
    baseline_schedules : dict of str to Schedule
        These schedules.
    success : bool
        Whether the KKT error is below the tolerance asked for.
    message : str
        How the search ended, in words.
    nit, nfev : int
        Iterations, and evaluations of loss and gradient, over all starts.
    kkt_error : float
        Largest violated condition of optimality by log sigma, relative to the loss.
    sampler, process, loss_name, target, start, method, sigma_floor
        What was asked for.
    costs : Costs or None
        What the schedule costs (its distance to the sampler's many-step limit), what its two ends cost (the
        distance of that limit to the data), and the total: see `specsched.costs`. Found when first asked for.
    timesteps : ndarray of int, shape (S,) or (S+1,), or None
        Of a design on a model's grid (``alphas_cumprod``): the timesteps of all positive levels, falling.
        `baselines` are then the heuristics rounded to the grid (best rounding in log sigma), `kkt_error` is that of
        the continuous optimum, and `success` says that no exchange of timesteps improves the design.
    continuous_loss : float or None
        Of a design on a grid: the loss of the continuous design with the same ends.
    grid_loss_ratio : float or None
        Of a design on a grid: what is minimised (the loss, with the denoiser error that the design allows for), over
        that of the continuous design: 1.01 means that the grid costs 1 %.
    denoiser_error : float
        Error of the predictions that the design allows for; the losses are those of an exact denoiser.
    smooth_error : float
        Size of the smooth errors of the predictions that it allows for too (docs/modes.md); 0: none.
    neighbourhood : Neighbourhood or None
        Of a robust design: what it was made for. `loss` and `baselines` are those of the neighbourhood, `losses` those
        of the spectra themselves.
    neighbourhood_losses : ndarray, shape (spectra, scales, tilts), or None
        Of a robust design: the loss of every variant; W2 distances are scaled to the power of the spectrum in the
        middle.
    """

    schedule: Schedule
    loss: float
    losses: tuple[float, ...]
    baselines: dict[str, float]
    success: bool
    message: str
    nit: int
    nfev: int
    kkt_error: float
    sampler: Sampler
    process: str
    loss_name: str
    method: str
    sigma_floor: float | None = None
    baseline_schedules: dict[str, Schedule] = field(default_factory=dict)
    timesteps: NDArray[np.int64] | None = None
    continuous_loss: float | None = None
    grid_loss_ratio: float | None = None
    denoiser_error: float = 0.0
    smooth_error: float = 0.0
    neighbourhood: Neighbourhood | None = None
    neighbourhood_losses: FloatArray | None = None
    target: str = "limit"
    start: str = "prior"
    _costs: Costs | Callable[[], Costs] | None = field(default=None, repr=False, compare=False)

    @cached_property
    def costs(self) -> Costs | None:
        return self._costs() if callable(self._costs) else self._costs

    @property
    def status(self) -> int:
        """0 when converged, 1 otherwise."""
        return 0 if self.success else 1

    @property
    def best_baseline(self) -> tuple[str, float]:
        """Name and loss of the best heuristic."""
        name = min(self.baselines, key=self.baselines.__getitem__)
        return name, self.baselines[name]

    @property
    def gains(self) -> dict[str, float]:
        """Share of each baseline's loss that the design removes, in the order of their losses; positive is better."""
        order = sorted(self.baselines, key=self.baselines.__getitem__)
        return {name: _gain(self.loss, self.baselines[name]) for name in order}

    @property
    def allowance(self) -> str:
        """What errors of the predictions the design allows for, in words."""
        smooth = f", and for smooth ones of {100 * self.smooth_error:.2g} %" if self.smooth_error else ""
        return f"errors of {100 * self.denoiser_error:.3g} % in the predictions{smooth}"

    def __repr__(self) -> str:
        state = "converged" if self.success else f"NOT converged: {self.message}"
        lines = [
            f"Design for {self.sampler.name}, {self.process}, {self.schedule.steps} steps ({self.method}): {state}",
            f"  {LOSS_TITLES[self.loss_name]} to the {self.target:<12} {self.loss:.6g}   "
            f"(KKT error {self.kkt_error:.1e}, {self.nit} iterations)",
            f"  sigmas {_levels(self.schedule)}",
            "  against the heuristics with the same ends (gain):",
        ]
        lines[3:3] = self._extra_lines()
        gains = list(self.gains.items())
        lines += [
            f"    {name:<18} {self.baselines[name]:<12.6g} {gain:+.1%}" for name, gain in gains[:_SHOWN]
        ]
        if len(gains) > _SHOWN:
            lines.append(f"    and {len(gains) - _SHOWN} more")
        return "\n".join(lines)

    def __getstate__(self) -> dict[str, Any]:
        # A copy holds the costs themselves, not the spectrum that they follow from.
        return {each.name: getattr(self, each.name) for each in fields(self)} | {"_costs": self.costs}

    def _compared(self) -> list[Any]:
        return [*super()._compared(), self.costs]

    def _extra_lines(self) -> list[str]:
        lines = []
        if self.costs is not None and self.costs.ends is not None:
            lines.append(f"  {cost_line(self.costs)}")
            lines += [f"  {line}" for line in wrap(self.costs.advice(self.start), 110)]
        if self.denoiser_error:
            lines.append(f"  allows for {self.allowance}")
        if self.timesteps is not None:
            lines.append(f"  timesteps {_abridged([str(t) for t in self.timesteps])}")
            lines.append(
                f"  on the grid: {self.grid_loss_ratio:.6g} times the continuous optimum ({self.continuous_loss:.6g}); "
                f"{self.message}"
            )
        if self.neighbourhood is not None:
            own = ", ".join(f"{loss:.6g}" for loss in self.losses)
            lines.append(f"  robust: losses over {self.neighbourhood}; of the spectrum itself: {own}")
        return lines

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{escape(name)}</td><td>{self.baselines[name]:.6g}</td><td>{gain:+.1%}</td></tr>"
            for name, gain in self.gains.items()
        )
        state = "converged" if self.success else f"<b>not converged</b>: {escape(self.message)}"
        what = f"{escape(self.sampler.name)}, {self.process}, {self.schedule.steps} steps"
        return (
            f"<p><b>Design</b> for {what}: {state}<br>"
            f"{LOSS_TITLES[self.loss_name]} to the {self.target} <b>{self.loss:.6g}</b>, "
            f"KKT error {self.kkt_error:.1e}<br>"
            f"{'<br>'.join([f'sigmas {_levels(self.schedule)}', *map(escape, self._extra_lines())])}</p>"
            f"<table><tr><th>schedule</th><th>loss</th><th>gain</th></tr>{rows}</table>"
        )


def remembered(design: Design, **facts: Any) -> Design:
    """The design with a schedule that tells, also when it is saved, what it was made for; `facts` are told too."""
    return replace(design, schedule=design.schedule.remembering(partial(_asked, design, facts)))


def _asked(design: Design, facts: dict[str, Any]) -> dict[str, Any]:
    schedule = design.schedule
    asked: dict[str, Any] = {
        "specsched": VERSION,
        "sampler": design.sampler.saved,
        "process": design.process,
        "loss": design.loss_name,
        "target": design.target,
        "start": design.start,
        "denoiser_error": design.denoiser_error,
        "smooth_error": design.smooth_error,
        "sigma_max": schedule[0],
        "sigma_min": schedule[-1],
        "sigma_floor": design.sigma_floor,
    }
    if design.timesteps is not None:
        asked["timesteps"] = design.timesteps
    return {**asked, **facts}


def cost_line(costs: Costs) -> str:
    """The three distances in one line."""
    return (
        f"to the sampler's limit (the schedule) {costs.schedule:.5g}, from there to the data (the ends) "
        f"{costs.ends:.5g}, in all {costs.total:.5g}"
    )


def _gain(loss: float, baseline: float) -> float:
    return 1.0 - loss / baseline if baseline > 0 else 0.0


def _levels(schedule: Schedule) -> str:
    return _abridged([f"{s:.4g}" for s in schedule.sigmas])


def _abridged(values: list[str]) -> str:
    return ", ".join([*values[:6], "...", *values[-6:]] if len(values) > 14 else values)
