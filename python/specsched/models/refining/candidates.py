"""What a refinement may start from: the given start, heuristics, further schedules and designed solvers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..._support.codes import ProcessName
from ...samplers import Multistep, Sampler, as_multistep
from ...schedules import baselines
from ...schedules.schedule import Schedule
from ..sampling import resolve
from ..trial import Entry, entries_of, named

# Whose table levels without coefficients of their own begin with, beside a designed solver: the coefficients of a
# design belong to its levels.
_USUAL = "dpmpp_2m"


def candidates_of(given: Any, entry: Entry, process: ProcessName) -> list[Entry]:
    """Further starts under other names than the first one's."""
    if given is None:
        return _heuristics(entry)
    if isinstance(given, (list, tuple, Mapping)) and not given:
        return []
    found = []
    for name, value in named(given):
        ((_, levels, solver),), _ = entries_of({name: value}, _solver_of(value, entry), process)
        if levels.steps != entry.schedule.steps:
            raise ValueError(
                f"candidates must have {entry.schedule.steps} steps like schedule; {name!r} has {levels.steps}"
            )
        if abs(levels[0] / entry.schedule[0] - 1.0) > 1e-6:
            raise ValueError(
                f"candidates must start at {entry.schedule[0]:.6g}; {name!r} starts at {levels[0]:.6g}"
            )
        found.append(Entry(f"{name} (candidate)" if name == "start" else str(name), levels, solver))
    return found


def _solver_of(value: Any, entry: Entry) -> Sampler:
    """A designed solver keeps its coefficients; what has none takes the solver of the start."""
    levels, own, _ = resolve(value, None, None, otherwise=entry.sampler)
    return own if _designed(own) and own is not entry.sampler else _beside(levels, entry)


def _beside(levels: Schedule, entry: Entry) -> Sampler:
    """The solver of the start for other levels."""
    if not isinstance(entry.sampler, Multistep):
        return entry.sampler
    return as_multistep(_USUAL, levels, order=max(2, entry.sampler.order))


def _designed(solver: Sampler) -> bool:
    return isinstance(solver, Multistep) and solver.designed


def _heuristics(entry: Entry) -> list[Entry]:
    """EDM's levels with three exponents, and even in log(sigma), between the given first and lowest levels."""
    sigmas = entry.schedule.sigmas
    count, high, low = entry.schedule.steps - 1, float(sigmas[0]), float(sigmas[-2])
    if count < 2:
        return []
    ends = {"sigma_max": high, "sigma_min": low}
    ladders = {f"edm, rho {rho:g}": baselines.edm(count, rho=rho, **ends) for rho in (3.0, 7.0, 15.0)}
    ladders["exponential"] = baselines.exponential(count, **ends)
    found = []
    for name, ladder in ladders.items():
        levels = Schedule(np.append(ladder.sigmas, 0.0), name=name)
        found.append(Entry(name, levels, _beside(levels, entry)))
    return found
