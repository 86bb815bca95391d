"""stable-diffusion.cpp: the levels as its command line takes them."""

from __future__ import annotations

from ..._support.checks import FloatArray
from .comfyui import comfy_sigmas


def options(sigmas: FloatArray, *, flow: bool = False) -> str:
    """``--sigmas a,b,c``, for builds that have this option (leejet/stable-diffusion.cpp, pull request 694).

    Parameters
    ----------
    sigmas : ndarray, shape (S + 1,)
        Levels.
    flow : bool
        Flow times sigma/(1 + sigma) instead, for flow-matching models.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        Two levels coincide in single precision.

    Examples
    --------
    >>> from specsched import Schedule
    >>> Schedule([14.5, 0.5, 0.0]).to("sdcpp")
    '--sigmas 14.5,0.5,0'
    """
    return "--sigmas " + comfy_sigmas(sigmas, flow=flow).text.replace(" ", "")
