"""ComfyUI: text for a node, numbers for code."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..._support import checks
from ..._support.checks import FloatArray
from ..levels import single_precision


class ComfySigmas(NamedTuple):
    """A schedule as ComfyUI takes it."""

    text: str
    """For the ManualSigmas node: fixed-point numbers, ", " between them."""
    values: list[float]
    """For code: ``torch.FloatTensor(values)`` is a SIGMAS."""


def comfy_sigmas(sigmas: FloatArray, *, flow: bool = False) -> ComfySigmas:
    """The S + 1 levels as ComfyUI takes them.

    The text has as many digits as single precision can tell apart, without exponents: ManualSigmas reads
    "1e-3" as 1 and -3. ComfyUI scales the initial noise by sqrt(1 + sigma^2) if ``sigmas[0]`` is within 1e-5
    (relative) of the model's highest level, by sigma otherwise: design with the model's own sigma_max rather
    than a rounded one.

    Parameters
    ----------
    sigmas : ndarray, shape (S + 1,)
        Levels of the schedule.
    flow : bool
        For a flow-matching model (SD3, Flux, Wan ...): the flow times sigma/(1 + sigma) instead.

    Returns
    -------
    ComfySigmas
        Named tuple of ``text`` and ``values``.

    Raises
    ------
    ValueError
        Two levels coincide in single precision.

    Examples
    --------
    >>> from specsched import Schedule
    >>> Schedule([14.5, 0.5, 1e-5, 0.0]).to_comfyui().text
    '14.5, 0.5, 0.00001, 0'
    >>> Schedule([3.0, 1.0, 0.0]).to_comfyui(flow=True).values
    [0.75, 0.5, 0.0]
    """
    checks.flag("flow", flow)
    values = single_precision(sigmas / (1.0 + sigmas) if flow else sigmas)
    text = ", ".join(np.format_float_positional(value, trim="-") for value in values)
    return ComfySigmas(text, values.tolist())
