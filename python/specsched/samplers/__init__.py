"""Samplers by name, with their options.

A sampler is a frozen dataclass: its fields are its options (named as in k-diffusion and diffusers), its docstring gives
the source; docs/solvers.md has the formulas. Wherever a function takes ``sampler=``, a name (``"dpmpp_2m"``) or an
instance (``ss.samplers.DPMpp2M(lower_order_final=True)``) will do. `SAMPLERS` lists every name.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from .._support import checks
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
    "Sampler",
    "UniPC",
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
)
SAMPLERS: dict[str, type[Sampler]] = {name: kind for kind in _KINDS for name in kind.names}
"""Every name and alias, and its class."""

_DEFAULTS: dict[str, Sampler] = {}


def as_sampler(sampler: Any) -> Sampler:
    """The sampler of that name with default options, or the instance itself.

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
        known = _DEFAULTS[sampler] = checks.lookup("sampler", sampler, SAMPLERS)()
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
    >>> ss.samplers.from_saved(ss.samplers.DDIM(eta=0.3).saved)
    DDIM(eta=0.3)
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
