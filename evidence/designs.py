"""The designs that the tables of evidence judge: from the spectrum, from a recording, refined on the network."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import specsched as ss

from .errors import TRAIN_SEED, Case, Tried
from .rivals import RIVALS, Known
from .rivals import SOLVERS as METHOD_SOLVERS

RECORDED_STARTS = 16


class Designs:
    """Everything that knows more than a formula: called as ``designs(case, solver, steps)``.

    The recording is made once for a case, on starts of its own.
    """

    def __init__(self, case: Case, refine_up_to: int = 0, rivals: Sequence[str] = ()) -> None:
        self.refine_up_to = refine_up_to
        self.rivals = [name for name in RIVALS if name in rivals or "all" in rivals]
        self.known = Known(case.denoiser, case.samples, case.high, case.floor)
        self.noise = case.noise(RECORDED_STARTS, TRAIN_SEED)
        self.denoiser = case.denoiser(RECORDED_STARTS)
        self.recording = ss.record(self.denoiser, self.noise, sigma_max=case.high, sigma_floor=case.floor)

    def __call__(self, case: Case, solver: str, steps: int) -> dict[str, Tried]:
        ends = {"sigma_max": case.high, "sigma_floor": case.floor}
        found = {
            "spectrum": timed(lambda: ss.design(case.spectrum, steps, sampler=solver, **ends)),
            "spectrum, W2 to the data": timed(
                lambda: ss.design(case.spectrum, steps, sampler=solver, target="data", **ends)
            ),
            "recording": timed(lambda: ss.design(self.recording, steps, sampler=solver, **ends)),
        }
        if solver == "dpmpp_2m":  # once for all fixed solvers of the same cost
            free = ss.samplers.Multistep(order=3)
            found["designed solver, spectrum"] = timed(
                lambda: ss.design(case.spectrum, steps, sampler=free, **ends)
            )
            found["designed solver, recording"] = timed(
                lambda: ss.design(self.recording, steps, sampler=free, **ends)
            )
        found |= {f"rival: {name}": self.rival(name, solver, steps) for name in self.rivals_of(solver)}
        if steps <= self.refine_up_to:
            for name in [n for n in found if n in ("recording", "designed solver, recording")]:
                found[f"{name}, refined"] = self.refined(found[name], case)
        return found

    def rivals_of(self, solver: str) -> list[str]:
        """Rivals that are tried with this solver."""
        return [name for name in self.rivals if solver in METHOD_SOLVERS.get(name, (solver,))]

    def rival(self, name: str, solver: str, steps: int) -> Tried:
        """What a published method chooses. What it measures once for a network is counted where it comes first."""
        before = self.known.calls
        found = timed(lambda: RIVALS[name](self.known, solver, steps))
        return found._replace(spent=self.known.calls - before)

    def refined(self, start: Tried, case: Case) -> Tried:
        """Levels (and coefficients) moved on the network itself, on the recorded starts."""
        return timed(
            lambda: ss.refine(
                start.schedule, self.denoiser, self.noise, sampler=start.sampler, sigma_floor=case.floor
            )
        )


def timed(make: Callable[[], Any]) -> Tried:
    """What `make` returns, with the seconds that it took and the error that it predicts per value."""
    began = time.perf_counter()
    design = make()
    seconds = time.perf_counter() - began
    predicted = getattr(design, "predicted", float("nan"))
    spent = int(getattr(design, "calls", 0))
    return Tried(design.schedule, design.sampler, seconds, float(predicted), spent)
