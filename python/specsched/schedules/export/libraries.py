"""Libraries whose samplers take a list of levels or times: keyword arguments for the call."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..._support import checks
from ..._support.checks import FloatArray
from . import k_diffusion


def physicsnemo(sigmas: FloatArray) -> dict[str, Any]:
    """``physicsnemo.diffusion.samplers.sample(denoiser, noise, scheduler, **arguments)``, for an EDM noise scheduler.

    Its times are the levels themselves (physicsnemo/diffusion/samplers/samplers.py: `time_steps`, S + 1 of them).

    Examples
    --------
    >>> from specsched import Schedule
    >>> Schedule([80.0, 1.0, 0.0]).to("physicsnemo")["num_steps"]  # doctest: +SKIP
    2
    """
    return {"num_steps": sigmas.size - 1, "time_steps": k_diffusion.tensor(sigmas)}


def smalldiffusion(sigmas: FloatArray) -> dict[str, Any]:
    """``smalldiffusion.samples(model, **arguments)``; with ``gam=1, mu=0`` it is DDIM."""
    return {"sigmas": k_diffusion.tensor(sigmas)}


def flow_matching(sigmas: FloatArray) -> dict[str, Any]:
    """``flow_matching.solver.ODESolver(velocity).sample(noise, **arguments)``: times from 0 (noise) to 1 (data)."""
    return {
        "time_grid": 1.0 - k_diffusion.tensor(sigmas / (1.0 + sigmas)),
        "step_size": None,
        "method": "euler",
    }


def azula(sigmas: FloatArray) -> dict[str, Any]:
    """Times for a sampler of azula over `RectifiedSchedule` (alpha = 1 - t, sigma = t).

    Its samplers take a number of steps, and read the times from a property: ``type("Designed", (DDIMSampler,),
    arguments)(denoiser)`` has these.
    """
    return {"timesteps": k_diffusion.tensor(sigmas / (1.0 + sigmas))}


def deepinv(sigmas: FloatArray, *, sigma_min: float, sigma_max: float) -> dict[str, Any]:
    """``deepinv.sampling.EulerSolver(**arguments)`` for its `VarianceExplodingDiffusion(sigma_min, sigma_max)`.

    There sigma = sigma_min (sigma_max / sigma_min)^t, so that a last level of 0 is left out: the last prediction of the
    denoiser is the sample.

    Parameters
    ----------
    sigmas : ndarray, shape (S + 1,)
        Levels.
    sigma_min, sigma_max : float
        Those of the diffusion.

    Raises
    ------
    TypeError, ValueError
        An end is no level.
    """
    low = checks.real("sigma_min", sigma_min, above=0.0)
    high = checks.real("sigma_max", sigma_max, above=low)
    levels = sigmas[sigmas > 0.0]
    return {"timesteps": k_diffusion.tensor(np.log(levels / low) / np.log(high / low))}
