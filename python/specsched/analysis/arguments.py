"""Arguments of the analysis, checked."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _core
from .._support import checks, codes
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
    if type(denoiser_error) is float and denoiser_error == 0.0:
        return data, levels, solver, solver.core
    error = checks.real("denoiser_error", denoiser_error, minimum=0.0, maximum=LARGEST_DENOISER_ERROR)
    return data, levels, solver, solver.core_for(error)


def checked_criterion(
    data: Spectrum, solver: Sampler, process: Any, loss: Any, target: Any, start: Any
) -> _core.Criterion:
    """What is judged, with every name known, finite on this spectrum and defined for this sampler."""
    criterion = codes.criterion(process, loss, target, start)
    if loss not in codes.ADMIT_ZEROS and data.has_zeros:
        zero = int(np.argmax(data.eigenvalues < _core.SMALLEST_EIGENVALUE))
        raise ValueError(
            f"loss={loss!r} is infinite for zero eigenvalues (spectrum.eigenvalues[{zero}] = "
            f"{data.eigenvalues[zero]:g}); use spectrum.floored(minimum) to raise them, spectrum.dropped(minimum) "
            f"to leave them out, or loss='w2'"
        )
    if target == "limit":
        problem = solver.core.check_limit()
        if problem:
            raise ValueError(problem)
    return criterion


def checked_threads(threads: int) -> int:
    if type(threads) is int and 0 <= threads <= 4096:
        return threads
    return checks.integer("threads", threads, minimum=0, maximum=4096)
