"""Hand-over of a schedule to the frameworks that sample with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from . import _diffusers
from ._precision import single_precision
from .schedule import Schedule
from .training_grid import timesteps, to_timesteps

__all__ = [
    "TARGETS",
    "ComfySigmas",
    "timesteps",
    "to_comfyui",
    "to_diffusers",
    "to_k_diffusion",
    "to_timesteps",
]


def to_diffusers(schedule: Schedule, scheduler: object) -> dict[str, Any]:
    """Keyword arguments for ``pipe(...)`` or ``set_timesteps(...)`` that reproduce the schedule exactly.

    What diffusers takes differs from scheduler to scheduler, and most of them check nothing; this function
    returns what the given one needs, or raises and says what to use instead. (Checked against diffusers
    0.42.)

    - EulerDiscrete: ``sigmas``, S + 1 levels, the last one included.
    - Heun: ``timesteps``, fractional; ends in 0.
    - DPMSolverMultistep, DPMSolverSinglestep, DDPM, LCM: ``timesteps``, integers; the levels must be on the
      grid.
    - TCD, and DPMSolver where it predicts the noise (``final_sigmas_type="sigma_min"``): the same; ends in the
      model's lowest level.
    - FlowMatchEuler, FlowMatchLCM, UniPC with flow sigmas: ``sigmas``, S flow times, the shift undone; ends
      in 0.
    - EDMEuler: ``sigmas``, a ramp in [0, 1], a torch tensor; ends in 0.

    Options of a solver are the scheduler's own: set them with ``from_config`` (``disable_corrector``, ``solver_type``
    ...), or pass them to its ``step`` (``s_churn`` of EulerDiscrete and EDMEuler); docs/solvers.md has the names.

    Parameters
    ----------
    schedule : Schedule
        S + 1 levels.
    scheduler : diffusers scheduler
        The instance that will run it (``pipe.scheduler``); its configuration is read, nothing is changed.

    Returns
    -------
    dict
        One entry, ``sigmas`` or ``timesteps``.

    Raises
    ------
    TypeError
        `scheduler` is not an instance of a scheduler.
    ValueError
        The scheduler cannot run this schedule: it takes no custom one, its configuration would change it, its
        last level is another, or levels lie beyond the model's training range or off its grid of timesteps.

    Examples
    --------
    ::

        schedule = specsched.design(spectrum, 10, sampler="ddim", sigma_max=14.61, sigma_floor=0.03).schedule
        image = pipe(prompt, **schedule.to_diffusers(pipe.scheduler)).images[0]
    """
    return _diffusers.keyword_arguments(schedule, scheduler)


def to_k_diffusion(schedule: Schedule) -> Any:
    """The S + 1 levels as k-diffusion's ``sample_*(model, x, sigmas)`` take them: a float32 tensor.

    k-diffusion, and all that descends from it (A1111, Forge, sgm; ComfyUI's SIGMAS for models that are not
    flow models), expects the initial x to be noise times ``sigmas[0]`` and the list to end in 0; it checks
    neither.

    Returns
    -------
    torch.Tensor, shape (S + 1,)

    Raises
    ------
    ImportError
        torch is not installed (``schedule.sigmas`` holds the same levels as a NumPy array).
    ValueError
        Two levels coincide in single precision.
    """
    values = single_precision(schedule.sigmas)
    try:
        import torch
    except ImportError:
        raise ImportError(
            "to_k_diffusion returns a tensor and needs torch (pip install torch); "
            "schedule.sigmas is the same as a NumPy array"
        ) from None
    return torch.from_numpy(values)


class ComfySigmas(NamedTuple):
    """A schedule as ComfyUI takes it."""

    text: str
    """For the ManualSigmas node: fixed-point numbers, ", " between them."""
    values: list[float]
    """For code: ``torch.FloatTensor(values)`` is a SIGMAS."""


def to_comfyui(schedule: Schedule, *, flow: bool = False) -> ComfySigmas:
    """The S + 1 levels as ComfyUI takes them.

    The text has as many digits as single precision can tell apart, without exponents: ManualSigmas reads
    "1e-3" as 1 and -3. ComfyUI scales the initial noise by sqrt(1 + sigma^2) if ``sigmas[0]`` is within 1e-5
    (relative) of the model's highest level, by sigma otherwise: design with the model's own sigma_max rather
    than a rounded one.

    Parameters
    ----------
    schedule : Schedule
        S + 1 levels.
    flow : bool
        For a flow-matching model (SD3, Flux, Wan ...): flow times sigma/(1 + sigma) instead of sigma.

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
    values = single_precision(schedule.flow_times if flow else schedule.sigmas)
    text = ", ".join(np.format_float_positional(value, trim="-") for value in values)
    return ComfySigmas(text, values.tolist())


TARGETS: dict[str, Callable[..., Any]] = {
    "diffusers": to_diffusers,
    "k_diffusion": to_k_diffusion,
    "comfyui": to_comfyui,
    "timesteps": timesteps,
    "to_timesteps": to_timesteps,
}
"""Every hand-over by name: a function of the schedule and what the target needs to know."""
