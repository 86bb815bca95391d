"""Optimal noise schedules for diffusion samplers, from the spectrum of the data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import baselines, samplers
from ._support.version import VERSION
from .analysis.gains import Trace, Transfer, transfer
from .analysis.losses import Costs, costs, evaluate, value_and_grad
from .designs.heuristics import best_member, tuned
from .designs.path import design_path
from .designs.result import Design
from .designs.single import design
from .designs.with_eta import design_eta
from .samplers import Sampler
from .schedules.families import Fit, fit
from .schedules.schedule import Schedule
from .spectra.neighbourhood import Neighbourhood
from .spectra.spectrum import Spectrum

if TYPE_CHECKING:
    from . import diffusers, k_diffusion, models
    from .designs.scans.experts import ExpertsDesign, design_experts
    from .designs.scans.result import ScanResult
    from .designs.scans.runs import scan
    from .models.configured.design_for import design_for
    from .models.recordings.record import record
    from .models.recordings.recording import Recording
    from .models.refining.refine import refine
    from .models.refining.refined import Refined
    from .models.sampling import sample
    from .models.trial import Trial, trial

__version__ = VERSION
__all__ = [
    "Costs",
    "Design",
    "ExpertsDesign",
    "Fit",
    "Neighbourhood",
    "Recording",
    "Refined",
    "Sampler",
    "ScanResult",
    "Schedule",
    "Spectrum",
    "Trace",
    "Transfer",
    "Trial",
    "baselines",
    "best_member",
    "costs",
    "design",
    "design_eta",
    "design_experts",
    "design_for",
    "design_path",
    "diffusers",
    "evaluate",
    "fit",
    "k_diffusion",
    "models",
    "record",
    "refine",
    "sample",
    "samplers",
    "scan",
    "transfer",
    "trial",
    "tuned",
    "value_and_grad",
]

# What works with networks or with processes loads when it is first asked for.
_LAZY = {
    "design_experts": "designs.scans.experts",
    "design_for": "models.configured.design_for",
    "diffusers": "diffusers",
    "k_diffusion": "k_diffusion",
    "ExpertsDesign": "designs.scans.experts",
    "models": "models",
    "record": "models.recordings.record",
    "Recording": "models.recordings.recording",
    "refine": "models.refining.refine",
    "Refined": "models.refining.refined",
    "sample": "models.sampling",
    "scan": "designs.scans.runs",
    "ScanResult": "designs.scans.result",
    "trial": "models.trial",
    "Trial": "models.trial",
}


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
