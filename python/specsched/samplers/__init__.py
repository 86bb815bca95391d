"""Samplers by name, with their options.

A sampler is a frozen dataclass: its fields are its options (named as in k-diffusion and diffusers), its docstring gives
the source; docs/solvers.md has the formulas. Wherever a function takes ``sampler=``, a name (``"dpmpp_2m"``) or an
instance (``ss.samplers.DPMpp2M(lower_order_final=True)``) will do. `SAMPLERS` lists every name.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import _core
from .._support import checks
from ..schedules.schedule import as_schedule
from .base import Sampler
from .multistep import (
    DEIS,
    IPNDM,
    LMS,
    PLMS,
    DPMMultistep,
    DPMMultistepSDE,
    DPMpp2M,
    DPMpp2MSDE,
    DPMpp2MSDEHeun,
    DPMpp3M,
    DPMpp3MSDE,
    UniPC,
)
from .one_step import (
    DDIM,
    DDPM,
    DPM2,
    DPM2Ancestral,
    DPMpp2S,
    DPMpp2SAncestral,
    DPMppSDE,
    DPMppSinglestep,
    EDMStochastic,
    Heun,
)
from .spellings import canonical
from .tables import Multistep

__all__ = [
    "DDIM",
    "DDPM",
    "DEIS",
    "DPM2",
    "IPNDM",
    "LMS",
    "PLMS",
    "SAMPLERS",
    "DPM2Ancestral",
    "DPMMultistep",
    "DPMMultistepSDE",
    "DPMpp2M",
    "DPMpp2MSDE",
    "DPMpp2MSDEHeun",
    "DPMpp2S",
    "DPMpp2SAncestral",
    "DPMpp3M",
    "DPMpp3MSDE",
    "DPMppSDE",
    "DPMppSinglestep",
    "EDMStochastic",
    "Heun",
    "Multistep",
    "Sampler",
    "UniPC",
    "as_multistep",
    "as_sampler",
    "from_saved",
]

_KINDS: tuple[type[Sampler], ...] = (
    DDIM,
    DDPM,
    Heun,
    EDMStochastic,
    DPM2,
    DPM2Ancestral,
    DPMpp2S,
    DPMpp2SAncestral,
    DPMppSinglestep,
    DPMpp2M,
    DPMpp3M,
    DPMppSDE,
    DPMpp2MSDE,
    DPMpp2MSDEHeun,
    DPMpp3MSDE,
    DPMMultistep,
    DPMMultistepSDE,
    UniPC,
    DEIS,
    IPNDM,
    PLMS,
    LMS,
    Multistep,
)
SAMPLERS: dict[str, type[Sampler]] = {name: kind for kind in _KINDS for name in kind.names}
"""Every name and alias, and its class."""

_ROUNDING = 1e-13
"""Share of the largest coefficient below which one of a solver's table is rounding error."""

_DEFAULTS: dict[str, Sampler] = {}


def as_sampler(sampler: Any) -> Sampler:
    """The sampler of that name with default options, or the instance itself.

    Names may be written as in other programs: "DPM++ 2M Karras", "Euler a", "UniPCMultistepScheduler". A schedule
    that is named after the sampler is left aside.

    Raises
    ------
    TypeError
        Neither a name nor a Sampler.
    ValueError
        Unknown name; the message lists the known ones and the nearest.
    """
    if isinstance(sampler, Sampler):
        return sampler
    if not isinstance(sampler, str):
        raise TypeError(
            f"sampler must be a name or a specsched.samplers.Sampler, got {type(sampler).__name__}"
        )
    known = _DEFAULTS.get(sampler)
    if known is None:
        name = sampler if sampler in SAMPLERS else canonical(sampler, SAMPLERS) or sampler
        known = _DEFAULTS[sampler] = checks.lookup("sampler", name, SAMPLERS)()
    return known


def from_saved(entry: Any) -> Sampler:
    """The sampler that `Sampler.saved` describes, as saved schedules hold it.

    Raises
    ------
    TypeError, ValueError
        The entry is not of that kind, the name is unknown, or an option is not one of that sampler.

    Examples
    --------
    >>> import specsched as ss
    >>> ss.samplers.from_saved(ss.samplers.DDIM(eta=0.3).saved) == ss.samplers.DDIM(eta=0.3)
    True
    """
    if not isinstance(entry, Mapping) or not isinstance(entry.get("options", {}), Mapping):
        raise TypeError(f"a saved sampler must be a mapping of name and options, got {entry!r}")
    kind = checks.lookup("sampler", entry.get("name"), SAMPLERS)
    options = {name: math.inf if value is None else value for name, value in entry.get("options", {}).items()}
    for name in options:
        if name not in kind.__dataclass_fields__:
            raise checks.unknown_name(f"option of sampler {kind.names[0]!r}", name, kind.__dataclass_fields__)
    found: Sampler = kind(**options)
    return found


def as_multistep(sampler: Any, schedule: Any, order: int | None = None) -> Multistep:
    """The table of coefficients by which another solver runs over this schedule.

    Parameters
    ----------
    sampler : str or Sampler
        Deterministic, with one prediction per step at the step's first level: DDIM, DPM-Solver and DPM-Solver++
        multistep, UniPC, DEIS, iPNDM, LMS.
    schedule : Schedule or array_like, shape (S+1,)
        Noise levels, noise -> clean.
    order : int >= 1, optional
        Keeps this many predictions and leaves earlier ones out. Default: as many as it takes to reproduce the solver
        to rounding. Solvers in the noise prediction, and correctors, look back to the first step.

    Raises
    ------
    TypeError, ValueError
        For other solvers, and for what is no schedule.

    Examples
    --------
    >>> import specsched as ss
    >>> ss.samplers.as_multistep("dpmpp_2m", [8.0, 4.0, 2.0, 0.0]).order
    2
    """
    solver, levels = as_sampler(sampler), as_schedule(schedule)
    solver.check(levels)
    table = _core.solver_table(solver.core, levels.sigmas)
    # Entries of rounding error are 0: the table of DDIM is exact.
    table[abs(table) < _ROUNDING * max(1.0, abs(table).max(initial=0.0))] = 0.0
    used = np.flatnonzero(table.any(axis=0))
    back = int(used[-1]) + 1 if used.size else 0
    if order is not None:
        back = checks.integer("order", order, minimum=1) - 1
    kept = np.zeros((levels.steps, back))
    shared = min(back, table.shape[1])
    kept[:, :shared] = table[:, :shared]
    return Multistep(order=back + 1, coefficients=kept)
