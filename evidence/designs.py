"""The designs that the tables of evidence judge: from the spectrum, from a recording, refined on the network."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import specsched as ss

from .errors import Case, Tried
from .rivals import EQUAL_CALLS, NAMES, Known, chosen
from .rivals import SOLVERS as METHOD_SOLVERS

RECORDED_STARTS = 16  # enough for networks without labels; better four for each label
REFINED = ("spectrum", "designed solver, spectrum", "designed solver, recording")
DESIGNED = {"designed solver": 3, "designed solver of order 4": 4}
EQUAL_TO = "designed solver, spectrum, refined"  # whose network calls rivals may have


class Designs:
    """Everything that knows more than a formula: called as ``designs(case, solver, steps)``.

    The recording is made once for a case, on starts of its own. `spent` says for a number of steps what refining took
    before, where it is not done here: rivals may have as many network calls.
    """

    def __init__(
        self,
        case: Case,
        refine_up_to: int = 0,
        rivals: Sequence[str] = (),
        starts: int = RECORDED_STARTS,
        keep: Path | None = None,
        refined: Sequence[str] = REFINED,
        spent: Mapping[int, int] | None = None,
    ) -> None:
        self.refine_up_to, self.keep, self.refine_from = refine_up_to, keep, refined
        self.spent = dict(spent or {})
        self.rivals = [name for name in NAMES if name in rivals or "all" in rivals]
        self.known = Known(case.denoiser, case.some, case.high, case.floor)
        self.noise = case.noise(starts, case.seed)
        self.denoiser = case.denoiser(starts)
        self.recording = ss.record(self.denoiser, self.noise, sigma_max=case.high, sigma_floor=case.floor)

    def __call__(self, case: Case, solver: str, steps: int) -> dict[str, Tried]:
        ends = {"sigma_max": case.high, "sigma_floor": case.floor}
        sources = {"spectrum": case.spectrum, "recording": self.recording}
        found = {
            name: timed(lambda source=source: ss.design(source, steps, sampler=solver, **ends))
            for name, source in sources.items()
        }
        found["spectrum, W2 to the data"] = timed(
            lambda: ss.design(case.spectrum, steps, sampler=solver, target="data", **ends)
        )
        if solver == "dpmpp_2m":  # once for all fixed solvers of the same cost
            found |= {
                f"{title}, {name}": timed(
                    lambda source=source, order=order: ss.design(
                        source, steps, sampler=ss.samplers.Multistep(order=order), **ends
                    )
                )
                for title, order in DESIGNED.items()
                for name, source in sources.items()
            }
        for name in (n for n in found if n.endswith("recording")):
            found[name] = found[name]._replace(spent=self.recording.calls)
        if steps <= self.refine_up_to:
            found |= {
                f"{n}, refined": self.refined(n, found[n], case, solver)
                for n in self.refine_from
                if n in found
            }
        equal = found[EQUAL_TO].spent if EQUAL_TO in found else self.spent.get(steps)
        rivals = [n for n in self.rivals_of(solver) if equal or not n.endswith(EQUAL_CALLS)]
        return found | {f"rival: {n}": self.rival(n, solver, steps, equal) for n in rivals}

    def rivals_of(self, solver: str) -> list[str]:
        """Rivals that are tried with this solver."""
        return [
            n for n in self.rivals if solver in METHOD_SOLVERS.get(n.removesuffix(EQUAL_CALLS), (solver,))
        ]

    def rival(self, name: str, solver: str, steps: int, equal: int | None) -> Tried:
        """What a published method chooses. What it measures once for a network is counted where it comes first."""
        before = self.known.calls
        found = timed(lambda: chosen(self.known, name, solver, steps, equal))
        return found._replace(spent=self.known.calls - before)

    def refined(self, name: str, start: Tried, case: Case, solver: str) -> Tried:
        """Levels (and coefficients of designed solvers) moved on the network itself, on the recorded starts."""
        found = timed(
            lambda: ss.refine(
                start.schedule, self.denoiser, self.noise, sampler=start.sampler, sigma_floor=case.floor
            )
        )
        if self.keep is not None:
            self.keep.mkdir(parents=True, exist_ok=True)
            words = [f"{case.guidance:g}", str(start.schedule.steps), *name.replace(",", "").split()]
            if solver != "dpmpp_2m":
                words.append(solver)
            found.schedule.save(self.keep / ("_".join(words) + ".json"))
        return found._replace(spent=found.spent + start.spent)


def timed(make: Callable[[], Any]) -> Tried:
    """What `make` returns, with the seconds and network calls that it took."""
    began = time.perf_counter()
    design = make()
    return Tried(
        design.schedule, design.sampler, time.perf_counter() - began, int(getattr(design, "calls", 0))
    )
