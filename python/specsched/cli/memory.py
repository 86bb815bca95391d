"""What a saved schedule was made for, where the command line says nothing else."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

from ..samplers import Sampler, from_saved
from ..schedules.schedule import Schedule
from .options import EndOptions, SolverOptions, parse_sampler

_SETTINGS = ("process", "loss", "target", "start")
"""Options of `SolverOptions` that a schedule remembers by the same name."""


@dataclass(frozen=True)
class Recalled:
    """Options, completed by what the schedule remembers, and what there is to say about it."""

    solver: SolverOptions
    ends: EndOptions
    overrides: dict[str, Any]  # arguments of `evaluate` that no text on the command line could give
    notes: tuple[str, ...] = ()


def recall(
    levels: Schedule, shown: str, solver: SolverOptions, ends: EndOptions, given: set[str]
) -> Recalled:
    """The options with those of the schedule where the command line (`given`) gave none; notes on both."""
    facts = levels.made_for
    if not facts:
        return Recalled(solver, ends, {})
    used: dict[str, Any] = {}
    differs: list[str] = []
    known = {field.name for field in fields(solver)}
    for name in _SETTINGS:
        if name not in facts or name not in known:
            continue
        if name not in given:
            used[name] = facts[name]
        elif getattr(solver, name) != facts[name]:
            differs.append(f"{name} {facts[name]}, not {getattr(solver, name)}")
    solver = replace(solver, **used)
    overrides: dict[str, Any] = {}
    if "sampler" in facts:
        sampler = _sampler(facts["sampler"], shown)
        if "sampler" not in given:
            overrides["sampler"] = sampler
            used = {"sampler": _spelled(sampler), **used}
        elif parse_sampler(solver.sampler) != sampler:
            differs.insert(0, f"{_spelled(sampler)}, not {_spelled(parse_sampler(solver.sampler))}")
    if facts.get("sigma_floor") is not None and "sigma_floor" not in given:
        ends = replace(ends, sigma_floor=float(facts["sigma_floor"]))
    return Recalled(solver, ends, overrides, _notes(shown, used, differs))


def _notes(shown: str, used: dict[str, Any], differs: list[str]) -> tuple[str, ...]:
    notes = []
    if used:
        told = ", ".join(str(value) for value in used.values())
        notes.append(f"evaluated for what {shown!r} was made for: {told}")
    if differs:
        notes.append(f"{shown!r} was made for {'; '.join(differs)}, as the command line asks")
    return tuple(notes)


def _spelled(sampler: Sampler) -> str:
    """The sampler as --sampler takes it: the name, and the options that are not the defaults."""
    plain = type(sampler)()
    values = {field.name: getattr(sampler, field.name) for field in fields(sampler)}
    options = [f"{name}={value}" for name, value in values.items() if value != getattr(plain, name)]
    return sampler.name + (":" + ",".join(options) if options else "")


def _sampler(entry: Any, shown: str) -> Sampler:
    try:
        return from_saved(entry)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{shown!r}, made_for: {error}") from None
