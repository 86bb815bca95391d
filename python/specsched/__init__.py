"""Optimal noise schedules for diffusion samplers, from the spectrum of the data."""

from __future__ import annotations

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
    "samplers",
    "scan",
    "transfer",
    "tuned",
    "value_and_grad",
]
