"""What each scheduler of diffusers takes as a custom schedule, and what it would do to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..._support import checks
from ..._support.checks import FloatArray
from ..._support.notices import tell
from ..._support.precision import single_precision
from ..training_grid import TrainingGrid, rounds_to, snapped

# Single-precision alphas_cumprod leave a level this uncertain, in timesteps.
_ON_GRID = 2e-3

# UniPC moves a first flow time this close to 1 (its own constant, scheduling_unipc_multistep.py).
_UNIPC_BELOW_ONE = 1e-6


def keyword_arguments(sigmas: FloatArray, scheduler: object) -> dict[str, Any]:
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
    - FlowMatchEuler, FlowMatchLCM: ``sigmas``, S flow times, the shift undone; ends in 0.
    - UniPC with flow sigmas: the same as a NumPy array (it multiplies what it is given, and a list cannot be);
      it tells the model whole timesteps, rounded down.
    - EDMEuler: ``sigmas``, a ramp in [0, 1], a torch tensor; ends in 0; levels within its sigma_min ... sigma_max.

    A first or last level that is the model's own end, rounded (14.61 for 14.6146), is taken for that end.

    Options of a solver are the scheduler's own: set them with ``from_config`` (``disable_corrector``, ``solver_type``
    ...), or pass them to its ``step`` (``s_churn`` of EulerDiscrete and EDMEuler); docs/solvers.md has the names.

    Parameters
    ----------
    sigmas : ndarray, shape (S + 1,)
        Levels of the schedule.
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

    Warns
    -----
    UserWarning
        A level was taken for the model's own end.

    Examples
    --------
    ::

        schedule = specsched.design(spectrum, 10, sampler="ddim", sigma_max=14.61, sigma_floor=0.03).schedule
        image = pipe(prompt, **schedule.to_diffusers(pipe.scheduler)).images[0]
    """
    if isinstance(scheduler, type):
        raise TypeError(
            f"scheduler must be an instance, got the class {scheduler.__name__}; pass pipe.scheduler"
        )
    if not hasattr(scheduler, "config") or not hasattr(scheduler, "set_timesteps"):
        raise TypeError(
            "scheduler must be a diffusers scheduler (with config and set_timesteps), "
            f"got {type(scheduler).__name__}"
        )
    for base in type(scheduler).__mro__:
        if base.__name__ in HANDLERS:
            return HANDLERS[base.__name__](sigmas, scheduler)
        if base.__name__ in _INSTEAD:
            raise ValueError(f"{base.__name__} takes no custom schedule; use {_INSTEAD[base.__name__]}")
    raise checks.unknown_name("scheduler", type(scheduler).__name__, HANDLERS)


def _option(scheduler: Any, name: str, default: Any = None) -> Any:
    config = scheduler.config
    return config.get(name, default) if hasattr(config, "get") else getattr(config, name, default)


def _refuse_flags(scheduler: object, *flags: str) -> None:
    """These settings replace or reshape the levels that are passed."""
    name = type(scheduler).__name__
    for flag in flags:
        if _option(scheduler, flag):
            off = "None" if flag == "shift_terminal" else "False"
            raise ValueError(
                f"{name} with {flag}={_option(scheduler, flag)!r} would change the schedule; "
                f"use {name}.from_config(scheduler.config, {flag}={off})"
            )


def _require_last(sigmas: FloatArray, scheduler: object, last: float, why: str) -> None:
    """The framework appends the last level by itself."""
    level = float(sigmas[-1])
    if abs(level - last) <= 1e-3 * last:
        return
    if last > 0 and rounds_to(level, last):
        tell(f"the last level {level:g} is taken for the model's {last:.6g}")
    else:
        advice = f"sigma_min={last:g}" if last > 0 else "sigma_min=0"
        raise ValueError(
            f"{type(scheduler).__name__} ends at sigma = {last:g} ({why}), but the schedule ends at "
            f"{level:g}; design with {advice}"
        )


def _grid(scheduler: Any) -> TrainingGrid:
    return TrainingGrid(scheduler.alphas_cumprod)


def _euler(sigmas: FloatArray, scheduler: object) -> dict[str, Any]:
    """Levels as they are; the model is conditioned on fractional timesteps, clamped to its grid."""
    continuous = _option(scheduler, "timestep_type") == "continuous"
    if not (continuous and _option(scheduler, "prediction_type") == "v_prediction"):
        sigmas = np.append(_grid(scheduler).with_own_ends(sigmas[:-1], slack=0.05), sigmas[-1])
    single_precision(sigmas)
    return {"sigmas": sigmas.tolist()}


def _integers(sigmas: FloatArray, scheduler: object) -> dict[str, Any]:
    """Integer timesteps; every level but the last must be one of the training levels."""
    grid = _grid(scheduler)
    place = grid.fractional(sigmas[:-1])
    on_grid = (np.abs(place - np.rint(place)) <= _ON_GRID) & (place > -0.5) & (place < len(grid) - 0.5)
    levels = snapped(sigmas[:-1], grid.sigmas[0], grid.sigmas[-1], fine=on_grid)
    grid.check_range(levels, slack=0.5)
    place = grid.fractional(levels)
    nearest = np.rint(place)
    off = np.abs(place - nearest) > _ON_GRID
    name = type(scheduler).__name__
    if off.any():
        k = int(np.argmax(off))
        raise ValueError(
            f"{name} takes integer timesteps only, and {int(off.sum())} of {levels.size} levels are off the "
            f"model's grid: sigmas[{k}] = {levels[k]:g} is timestep {place[k]:.3f}. Design on the grid with "
            "alphas_cumprod=scheduler.alphas_cumprod, pass timesteps=schedule.to_timesteps("
            "scheduler.alphas_cumprod).tolist() for the nearest ones, or use EulerDiscreteScheduler, which "
            "takes any levels"
        )
    if (np.diff(nearest) >= 0).any():
        k = int(np.argmax(np.diff(nearest) >= 0))
        raise ValueError(f"{name}: levels {k} and {k + 1} fall on the same timestep {int(nearest[k])}")
    return {"timesteps": nearest.astype(np.int64).tolist()}


def _dpm(sigmas: FloatArray, scheduler: object) -> dict[str, Any]:
    _refuse_flags(
        scheduler,
        "use_karras_sigmas",
        "use_exponential_sigmas",
        "use_beta_sigmas",
        "use_lu_lambdas",
        "use_flow_sigmas",
    )
    _refuse_third_order_noise(scheduler)
    if _option(scheduler, "final_sigmas_type", "zero") == "sigma_min":
        _require_last(sigmas, scheduler, float(_grid(scheduler).sigmas[0]), "final_sigmas_type='sigma_min'")
    else:
        _require_last(sigmas, scheduler, 0.0, "final_sigmas_type='zero'")
    return _integers(sigmas, scheduler)


def _refuse_third_order_noise(scheduler: object) -> None:
    """Its third-order update has no branch for this algorithm and stops with an UnboundLocalError."""
    if _option(scheduler, "algorithm_type") == "sde-dpmsolver" and _option(scheduler, "solver_order", 2) > 2:
        name = type(scheduler).__name__
        raise ValueError(
            f"{name} with algorithm_type='sde-dpmsolver' has no third-order step; "
            f"use {name}.from_config(scheduler.config, solver_order=2)"
        )


def _ancestral(sigmas: FloatArray, scheduler: object) -> dict[str, Any]:
    """DDPM and LCM: the step after the last timestep goes to the clean sample."""
    _require_last(sigmas, scheduler, 0.0, "always")
    return _integers(sigmas, scheduler)


def _tcd(sigmas: FloatArray, scheduler: object) -> dict[str, Any]:
    _require_last(sigmas, scheduler, float(_grid(scheduler).sigmas[0]), "timestep 0")
    return _integers(sigmas, scheduler)


def _heun(sigmas: FloatArray, scheduler: object) -> dict[str, Any]:
    """Fractional timesteps, between which the scheduler interpolates sigma itself, not its logarithm."""
    _refuse_flags(scheduler, "use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas")
    _require_last(sigmas, scheduler, 0.0, "always")
    grid = _grid(scheduler)
    levels = grid.with_own_ends(sigmas[:-1], slack=0.05)
    place = np.interp(levels, grid.sigmas, np.arange(len(grid), dtype=np.float64))
    if (np.diff(place.astype(np.float32)) >= 0).any():
        k = int(np.argmax(np.diff(place.astype(np.float32)) >= 0))
        raise ValueError(
            f"{type(scheduler).__name__}: levels {k} and {k + 1} are the same timestep in single precision"
        )
    return {"timesteps": place.tolist()}


def _flow_times(sigmas: FloatArray, scheduler: object, shift: float) -> list[float]:
    """Flow times before the scheduler's shift s t/(1 + (s - 1) t), which it applies to custom levels too."""
    _require_last(sigmas, scheduler, 0.0, "it is appended")
    times: FloatArray = sigmas[:-1] / (1.0 + sigmas[:-1])
    unshifted = times / (shift - (shift - 1.0) * times)
    single_precision(np.append(unshifted, 0.0))
    return [float(time) for time in unshifted]


def _flow(sigmas: FloatArray, scheduler: Any) -> dict[str, Any]:
    _refuse_flags(
        scheduler,
        "use_dynamic_shifting",
        "shift_terminal",
        "use_karras_sigmas",
        "use_exponential_sigmas",
        "use_beta_sigmas",
    )
    shift = float(getattr(scheduler, "shift", _option(scheduler, "shift", 1.0)))
    return {"sigmas": _flow_times(sigmas, scheduler, shift)}


def _unipc(sigmas: FloatArray, scheduler: object) -> dict[str, Any]:
    name = type(scheduler).__name__
    if not _option(scheduler, "use_flow_sigmas"):
        raise ValueError(
            f"{name} takes a custom schedule for flow-matching models only (use_flow_sigmas=True); "
            "use DPMSolverMultistepScheduler (timesteps) or EulerDiscreteScheduler (sigmas)"
        )
    _refuse_flags(
        scheduler,
        "use_dynamic_shifting",
        "shift_terminal",
        "use_karras_sigmas",
        "use_exponential_sigmas",
        "use_beta_sigmas",
    )
    _refuse_repeated_last(scheduler)
    if not _option(scheduler, "predict_x0", True):
        raise ValueError(
            f"{name} with predict_x0=False cannot step to the level 0 that it appends (it returns NaN); "
            f"use {name}.from_config(scheduler.config, predict_x0=True)"
        )
    if sigmas[0] / (1.0 + sigmas[0]) > 1.0 - _UNIPC_BELOW_ONE:
        raise ValueError(
            f"{name} moves flow times above 1 - {_UNIPC_BELOW_ONE:g}, and sigmas[0] = {sigmas[0]:g} is one; "
            "design with a smaller sigma_max"
        )
    times = _flow_times(sigmas, scheduler, float(_option(scheduler, "flow_shift", 1.0)))
    return {"sigmas": np.array(times)}


def _refuse_repeated_last(scheduler: object) -> None:
    if _option(scheduler, "final_sigmas_type", "zero") == "sigma_min":
        name = type(scheduler).__name__
        raise ValueError(
            f"{name} with final_sigmas_type='sigma_min' repeats the last level, a wasted step; "
            f"use {name}.from_config(scheduler.config, final_sigmas_type='zero')"
        )


def _edm(sigmas: FloatArray, scheduler: Any) -> dict[str, Any]:
    """The argument called sigmas is the ramp of Karras' formula, and must be a tensor."""
    name = type(scheduler).__name__
    if _option(scheduler, "sigma_schedule", "karras") != "karras":
        raise ValueError(
            f"{name} with sigma_schedule={_option(scheduler, 'sigma_schedule')!r} takes no custom schedule; "
            f"use {name}.from_config(scheduler.config, sigma_schedule='karras')"
        )
    _refuse_repeated_last(scheduler)
    _require_last(sigmas, scheduler, 0.0, "final_sigmas_type='zero'")
    single_precision(sigmas)
    lowest, highest = (float(_option(scheduler, f"sigma_{end}")) for end in ("min", "max"))
    levels = _within(sigmas[:-1], lowest, highest, name)
    exponent = 1.0 / float(_option(scheduler, "rho", 7.0))
    low, high = lowest**exponent, highest**exponent
    ramp = (high - levels**exponent) / (high - low)
    import torch  # the scheduler has loaded it

    return {"sigmas": torch.from_numpy(ramp)}


def _within(levels: FloatArray, low: float, high: float, name: str) -> FloatArray:
    """Levels of a model that was trained between two levels, on no grid."""
    levels = snapped(levels, low, high, fine=(levels >= low) & (levels <= high))
    for bad, side, end, option in (
        (levels > high, "above", high, f"sigma_max={high:g}"),
        (levels < low, "below", low, f"sigma_floor={low:g}"),
    ):
        if bad.any():
            k = int(np.argmax(bad))
            raise ValueError(
                f"sigmas[{k}] = {levels[k]:g} lies {side} the {option.partition('=')[0].replace('floor', 'min')} "
                f"{end:g} of {name}, on which its model was never trained; design with {option}"
            )
    return levels


HANDLERS: dict[str, Callable[[FloatArray, Any], dict[str, Any]]] = {
    "EulerDiscreteScheduler": _euler,
    "HeunDiscreteScheduler": _heun,
    "DPMSolverMultistepScheduler": _dpm,
    "DPMSolverSinglestepScheduler": _dpm,
    "DDPMScheduler": _ancestral,
    "DDPMParallelScheduler": _ancestral,
    "LCMScheduler": _ancestral,
    "TCDScheduler": _tcd,
    "FlowMatchEulerDiscreteScheduler": _flow,
    "FlowMatchLCMScheduler": _flow,
    "UniPCMultistepScheduler": _unipc,
    "EDMEulerScheduler": _edm,
}
"""Scheduler class -> what it takes."""

_DETERMINISTIC = (
    "EulerDiscreteScheduler (sigmas; the same step) or DPMSolverMultistepScheduler with solver_order=1 and "
    "algorithm_type='dpmsolver++' (timesteps)"
)
_MULTISTEP = "DPMSolverMultistepScheduler (timesteps)"

_INSTEAD: dict[str, str] = {
    "DDIMScheduler": _DETERMINISTIC,
    "DDIMParallelScheduler": _DETERMINISTIC,
    "CogVideoXDDIMScheduler": _DETERMINISTIC,
    "PNDMScheduler": _MULTISTEP,
    "LMSDiscreteScheduler": _MULTISTEP,
    "IPNDMScheduler": _MULTISTEP,
    "DEISMultistepScheduler": _MULTISTEP,
    "SASolverScheduler": f"{_MULTISTEP} with algorithm_type='sde-dpmsolver++'",
    "DPMSolverSDEScheduler": f"{_MULTISTEP} with algorithm_type='sde-dpmsolver++'",
    "CogVideoXDPMScheduler": f"{_MULTISTEP} with algorithm_type='sde-dpmsolver++'",
    "EulerAncestralDiscreteScheduler": "DDPMScheduler (timesteps; ancestral sampling too)",
    "KDPM2DiscreteScheduler": "HeunDiscreteScheduler (fractional timesteps)",
    "KDPM2AncestralDiscreteScheduler": "DDPMScheduler (timesteps; ancestral sampling too)",
    "EDMDPMSolverMultistepScheduler": "EDMEulerScheduler",
    "CosineDPMSolverMultistepScheduler": "EDMEulerScheduler",
    "FlowMatchHeunDiscreteScheduler": "FlowMatchEulerDiscreteScheduler",
}
"""Schedulers without a hook for a custom schedule -> what to use."""
