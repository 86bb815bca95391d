"""Published methods that choose levels (and more) for a network, each as its paper says, small and cited.

Every one is a function ``rival(known, solver, steps) -> Choice``. `known` is what it may use, `Known` of `knowledge`,
which counts the network calls. Levels of a method go from the first level to the network's lowest one in `steps`
values; a last step to 0 follows, as every framework takes it.
"""

from __future__ import annotations

from typing import Any

from . import dmn, entropic, gits, learned, score_optimal
from .knowledge import Choice, Known

RIVALS = {
    "DMN": dmn.choose,
    "rescaled entropic": entropic.choose,
    "score-optimal": score_optimal.choose,
    "GITS": gits.choose,
    "LD3": learned.ld3,
    "S4S-Alt": learned.s4s,
}
SOLVERS = {"LD3": ("dpmpp_2m",), "S4S-Alt": ("dpmpp_2m",)}
"""Solvers that a rival is written for, where not all: these learn through DPM-Solver++(2M), or replace it."""

EQUAL_CALLS = ", equal calls"
NAMES = (*RIVALS, *(name + EQUAL_CALLS for name in SOLVERS))
"""Those that learn also with as many network calls as refining a designed solver took, instead of their own number."""


def chosen(known: Known, name: str, solver: Any, steps: int, equal: int | None = None) -> Choice:
    """What one of `NAMES` chooses; `equal` limits the network calls of those that say so."""
    plain = name.removesuffix(EQUAL_CALLS)
    limits = {"most": equal} if equal is not None and name != plain else {}
    return RIVALS[plain](known, solver, steps, **limits)


__all__ = ["EQUAL_CALLS", "NAMES", "RIVALS", "SOLVERS", "Choice", "Known", "chosen"]
