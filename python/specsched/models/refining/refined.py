"""What a refinement returns."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import NamedTuple

from ...samplers import Sampler
from ...schedules.schedule import Schedule


class Iteration(NamedTuple):
    """State after one accepted step: errors over the training and the held-out starts, network calls so far."""

    error: float
    heldout_error: float
    calls: int


@dataclass(frozen=True, eq=False)
class Refined:
    """A schedule, and with `Multistep` its solver, refined on a network.

    Errors are root mean square per value against the network's own converged solution.

    Attributes
    ----------
    schedule, sampler, process
        The best on the held-out starts; accepted wherever a design is.
    error, heldout_error : float
        Over the training and the held-out starts.
    start_error : float
        Of the start (the best candidate) over the held-out starts.
    candidates : dict of str to float
        Held-out error of everything that was tried first; the result is never worse than any.
    start : str
        The candidate from which it was refined.
    history : tuple of Iteration
        The start and every accepted step.
    reference_error : float
        Error of the converged solution itself.
    calls : int
        Network calls, each of one sample, the converged solution and the candidates included.
    seconds : float
    success : bool
        Whether it ended because nothing improved any more.
    message : str
        How it ended.
    derivatives : str
        "forward", or "differences" and, after a colon, why.
    """

    schedule: Schedule
    sampler: Sampler
    process: str
    error: float
    heldout_error: float
    start_error: float
    candidates: dict[str, float]
    start: str
    history: tuple[Iteration, ...]
    reference_error: float
    calls: int
    seconds: float
    success: bool
    message: str
    derivatives: str = "differences"

    def _lines(self) -> list[str]:
        gain = 1.0 - self.heldout_error / self.start_error if self.start_error else 0.0
        part = 1.0 - self.error / self.heldout_error if self.heldout_error else 0.0
        lines = [
            f"Refined {self.sampler.name}, {self.process}, {self.schedule.steps} steps, from {self.start}: "
            f"{self.message}",
            f"  held-out error {self.heldout_error:.4g}, was {self.start_error:.4g} ({-gain:+.0%}); training error "
            f"{self.error:.4g}; the converged solution errs by {self.reference_error:.2g}",
            "  sigmas " + ", ".join(f"{sigma:.4g}" for sigma in self.schedule),
            f"  {self.calls} network calls in {self.seconds:.1f} s, {len(self.history) - 1} accepted steps; "
            f"derivatives: {self.derivatives}",
        ]
        if part > 0.3:  # training 20 to 30 % below held-out was seen with guidance and 16 starts
            lines.append(f"  training and held-out errors differ by {part:.0%}: use more starts")
        return lines

    def __repr__(self) -> str:
        return "\n".join(self._lines())

    def _repr_html_(self) -> str:
        return "<p>" + "<br>".join(escape(line) for line in self._lines()) + "</p>"
