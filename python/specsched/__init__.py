"""Optimal noise schedules for diffusion samplers, from the spectrum of the data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import baselines, samplers
from .design import design
from .design_path import design_path
from .design_result import Design
from .eta_design import design_eta
from .fit import Fit, best_member, fit, tuned
from .robust import Neighbourhood
from .samplers import Sampler
from .scan import scan
from .scan_result import ScanResult
from .schedule import Schedule
from .spectrum import Spectrum
from .transfer import Trace, Transfer, evaluate, transfer, value_and_grad

if TYPE_CHECKING:
    from . import models
    from .models.sampling import sample

__version__ = "0.1.0"
__all__ = [
    "Design",
    "Fit",
    "Neighbourhood",
    "Sampler",
    "ScanResult",
    "Schedule",
    "Spectrum",
    "Trace",
    "Transfer",
    "baselines",
    "best_member",
    "design",
    "design_eta",
    "design_path",
    "evaluate",
    "fit",
    "models",
    "sample",
    "samplers",
    "scan",
    "transfer",
    "tuned",
    "value_and_grad",
]

# What works with networks loads when it is first asked for.
_LAZY = {"sample": "models.sampling", "models": "models"}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    module = import_module(f".{_LAZY[name]}", __name__)
    value = module if _LAZY[name] == name else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
