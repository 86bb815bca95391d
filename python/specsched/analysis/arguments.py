"""Arguments of the analysis, checked."""

from __future__ import annotations

from typing import Any

from .. import _core
from .._support import checks
from ..samplers import Sampler, as_sampler
from ..schedules.schedule import Schedule, as_schedule
from ..spectra.spectrum import Spectrum

LARGEST_DENOISER_ERROR = 1e3
"""Relative errors of the denoiser beyond it are refused: a thousand times the posterior's own spread."""


def checked(
    spectrum: Any, schedule: Any, sampler: Any, denoiser_error: Any
) -> tuple[Spectrum, Schedule, Sampler, _core.Sampler]:
    data = spectrum if isinstance(spectrum, Spectrum) else Spectrum(spectrum)
    solver = as_sampler(sampler)
    levels = as_schedule(schedule)
    solver.check(levels)
    if denoiser_error == 0.0:
        return data, levels, solver, solver.core
    error = checks.real("denoiser_error", denoiser_error, minimum=0.0, maximum=LARGEST_DENOISER_ERROR)
    return data, levels, solver, solver.core_for(error)


def checked_threads(threads: int) -> int:
    if type(threads) is int and 0 <= threads <= 4096:
        return threads
    return checks.integer("threads", threads, minimum=0, maximum=4096)
