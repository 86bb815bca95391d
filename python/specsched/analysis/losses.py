"""Distances between the output of a sampler and the data, and their gradients by the levels."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _core
from .._support import checks, codes
from .._support.checks import FloatArray
from .._support.codes import LossName, ProcessName
from ..spectra.spectrum import Spectrum
from .arguments import checked, checked_threads


def evaluate(
    spectrum: Any,
    schedule: Any,
    *,
    sampler: Any = "ddim",
    process: ProcessName = "vp",
    loss: LossName = "w2",
    denoiser_error: float = 0.0,
    threads: int = 0,
) -> float:
    """Distance between the sampler's output and the data.

    Parameters
    ----------
    spectrum, schedule, sampler, process, denoiser_error, threads
        As for `transfer`.
    loss : {"w2", "kl", "reverse_kl"}
        2-Wasserstein distance (not squared), KL(data || model) or KL(model || data) in nats
        (Theorems 4.1 and 4.2 of Benita, Elad & Keshet, arXiv 2502.00180).

    Returns
    -------
    float

    Raises
    ------
    TypeError, ValueError
        For bad input; for a KL of a spectrum with zero eigenvalues, which is infinite.

    Examples
    --------
    >>> import specsched as ss
    >>> round(ss.evaluate(ss.Spectrum([1.0]), [10.0, 1.0, 0.0]), 4)
    0.4527
    """
    data, levels, _, core = checked(spectrum, schedule, sampler, denoiser_error)
    code = loss_of(loss, data)
    value = _core.evaluate(
        *data._in_panels(),
        levels.sigmas,
        core,
        codes.process_code(process),
        code,
        checked_threads(threads),
    )
    return _finite(value, loss)


def value_and_grad(
    spectrum: Any,
    schedule: Any,
    *,
    sampler: Any = "ddim",
    process: ProcessName = "vp",
    loss: LossName = "w2",
    denoiser_error: float = 0.0,
    threads: int = 0,
) -> tuple[float, FloatArray]:
    """The distance of `evaluate` and its exact gradient by every level.

    Returns
    -------
    value : float
    gradient : ndarray, shape (S+1,)
        d value / d sigma_k, the two ends included.

    Raises
    ------
    TypeError, ValueError
        As for `evaluate`.

    Examples
    --------
    >>> import specsched as ss
    >>> value, gradient = ss.value_and_grad(ss.Spectrum([1.0]), [10.0, 1.0, 0.0])
    >>> gradient.shape
    (3,)
    """
    data, levels, _, core = checked(spectrum, schedule, sampler, denoiser_error)
    code = loss_of(loss, data)
    value, gradient = _core.value_and_grad(
        *data._in_panels(),
        levels.sigmas,
        core,
        codes.process_code(process),
        code,
        checked_threads(threads),
    )
    if not np.isfinite(gradient).all():
        level = checks.first_bad(~np.isfinite(gradient))
        raise ValueError(
            f"the gradient of loss={loss!r} by sigmas[{level}] is {gradient[level]}: eigenvalues and levels lie too "
            "far apart; rescale the spectrum (spectrum.scaled) or move the levels"
        )
    return _finite(value, loss), gradient


def loss_of(loss: Any, data: Spectrum) -> _core.Loss:
    code = codes.loss_code(loss)
    if loss != "w2" and data.has_zeros:
        zero = int(np.argmax(data.eigenvalues < _core.SMALLEST_EIGENVALUE))
        raise ValueError(
            f"loss={loss!r} is infinite for zero eigenvalues (spectrum.eigenvalues[{zero}] = "
            f"{data.eigenvalues[zero]:g}); use spectrum.floored(minimum) to raise them, spectrum.dropped(minimum) "
            f"to leave them out, or loss='w2'"
        )
    return code


def _finite(value: float, loss: str) -> float:
    if not np.isfinite(value):
        raise ValueError(
            f"loss={loss!r} is {value} here: the output variance of some eigenvalue underflows; "
            f"floor the spectrum (spectrum.floored) or end the schedule at a positive level"
        )
    return value
