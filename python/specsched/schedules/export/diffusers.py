"""What each scheduler of diffusers takes as a custom schedule, and what it would do to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..._support import checks
from ..._support.checks import FloatArray
from ..._support.notices import tell
from ..levels import single_precision
from ..training_grid import rounds_to, snapped
from .configuration import Configuration

# Single-precision alphas_cumprod leave a level this uncertain, in timesteps.
_ON_GRID = 2e-3

# UniPC moves a first flow time this close to 1 (its own constant, scheduling_unipc_multistep.py).
_UNIPC_BELOW_ONE = 1e-6

DESIGNED = "specsched.diffusers.DesignedScheduler"
"""The scheduler that runs what those of diffusers do not take, under the name that files of pipelines know it by."""

_ANY = f"or {DESIGNED}, which runs any solver on any levels"


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
    scheduler : diffusers scheduler or mapping
        The instance that will run it (``pipe.scheduler``); its configuration is read, nothing is changed. Or that
        configuration itself, with its ``_class_name``.

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
    config = Configuration.of(scheduler)
    for base in config.names:
        if base in HANDLERS:
            return HANDLERS[base](sigmas, config)
        if base in _INSTEAD:
            raise ValueError(f"{base} takes no custom schedule; use {_INSTEAD[base]}, {_ANY}")
    raise checks.unknown_name("scheduler", config.name, HANDLERS)


def _refuse_flags(config: Configuration, *flags: str) -> None:
    """These settings replace or reshape the levels that are passed."""
    name = config.name
    for flag in flags:
        if config.option(flag):
            off = "None" if flag == "shift_terminal" else "False"
            raise ValueError(
                f"{name} with {flag}={config.option(flag)!r} would change the schedule; "
                f"use {name}.from_config(scheduler.config, {flag}={off})"
            )


def _require_last(sigmas: FloatArray, config: Configuration, last: float, why: str) -> None:
    """The framework appends the last level by itself."""
    level = float(sigmas[-1])
    if abs(level - last) <= 1e-3 * last:
        return
    if last > 0 and rounds_to(level, last):
        tell(f"the last level {level:g} is taken for the model's {last:.6g}")
    else:
        advice = f"sigma_min={last:g}" if last > 0 else "sigma_min=0"
        raise ValueError(
            f"{config.name} ends at sigma = {last:g} ({why}), but the schedule ends at "
            f"{level:g}; design with {advice}, {_ANY}"
        )


def _euler(sigmas: FloatArray, config: Configuration) -> dict[str, Any]:
    """Levels as they are; the model is conditioned on fractional timesteps, clamped to its grid."""
    continuous = config.option("timestep_type") == "continuous"
    if not (continuous and config.option("prediction_type") == "v_prediction"):
        sigmas = np.append(config.grid.with_own_ends(sigmas[:-1], slack=0.05), sigmas[-1])
    single_precision(sigmas)
    return {"sigmas": sigmas.tolist()}


def _integers(sigmas: FloatArray, config: Configuration) -> dict[str, Any]:
    """Integer timesteps; every level but the last must be one of the training levels."""
    grid = config.grid
    place = grid.fractional(sigmas[:-1])
    on_grid = (np.abs(place - np.rint(place)) <= _ON_GRID) & (place > -0.5) & (place < len(grid) - 0.5)
    levels = snapped(sigmas[:-1], grid.sigmas[0], grid.sigmas[-1], fine=on_grid)
    grid.check_range(levels, slack=0.5)
    place = grid.fractional(levels)
    nearest = np.rint(place)
    off = np.abs(place - nearest) > _ON_GRID
    name = config.name
    if off.any():
        k = int(np.argmax(off))
        raise ValueError(
            f"{name} takes integer timesteps only, and {int(off.sum())} of {levels.size} levels are off the "
            f"model's grid: sigmas[{k}] = {levels[k]:g} is timestep {place[k]:.3f}. Design on the grid with "
            "alphas_cumprod=scheduler.alphas_cumprod, pass timesteps=schedule.to_timesteps("
            "scheduler.alphas_cumprod).tolist() for the nearest ones, or use EulerDiscreteScheduler, which "
            f"takes any levels, {_ANY}"
        )
    if (np.diff(nearest) >= 0).any():
        k = int(np.argmax(np.diff(nearest) >= 0))
        raise ValueError(f"{name}: levels {k} and {k + 1} fall on the same timestep {int(nearest[k])}")
    return {"timesteps": nearest.astype(np.int64).tolist()}


def _dpm(sigmas: FloatArray, config: Configuration) -> dict[str, Any]:
    _refuse_flags(
        config,
        "use_karras_sigmas",
        "use_exponential_sigmas",
        "use_beta_sigmas",
        "use_lu_lambdas",
        "use_flow_sigmas",
    )
    _refuse_third_order_noise(config)
    if config.option("final_sigmas_type", "zero") == "sigma_min":
        _require_last(sigmas, config, float(config.grid.sigmas[0]), "final_sigmas_type='sigma_min'")
    else:
        _require_last(sigmas, config, 0.0, "final_sigmas_type='zero'")
    return _integers(sigmas, config)


def _refuse_third_order_noise(config: Configuration) -> None:
    """Its third-order update has no branch for this algorithm and stops with an UnboundLocalError."""
    if config.option("algorithm_type") == "sde-dpmsolver" and config.option("solver_order", 2) > 2:
        name = config.name
        raise ValueError(
            f"{name} with algorithm_type='sde-dpmsolver' has no third-order step; "
            f"use {name}.from_config(scheduler.config, solver_order=2)"
        )


def _ancestral(sigmas: FloatArray, config: Configuration) -> dict[str, Any]:
    """DDPM and LCM: the step after the last timestep goes to the clean sample."""
    _require_last(sigmas, config, 0.0, "always")
    return _integers(sigmas, config)


def _tcd(sigmas: FloatArray, config: Configuration) -> dict[str, Any]:
    _require_last(sigmas, config, float(config.grid.sigmas[0]), "timestep 0")
    return _integers(sigmas, config)


def _heun(sigmas: FloatArray, config: Configuration) -> dict[str, Any]:
    """Fractional timesteps, between which the scheduler interpolates sigma itself, not its logarithm."""
    _refuse_flags(config, "use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas")
    _require_last(sigmas, config, 0.0, "always")
    grid = config.grid
    levels = grid.with_own_ends(sigmas[:-1], slack=0.05)
    place = np.interp(levels, grid.sigmas, np.arange(len(grid), dtype=np.float64))
    if (np.diff(place.astype(np.float32)) >= 0).any():
        k = int(np.argmax(np.diff(place.astype(np.float32)) >= 0))
        raise ValueError(f"{config.name}: levels {k} and {k + 1} are the same timestep in single precision")
    return {"timesteps": place.tolist()}


def _flow_times(sigmas: FloatArray, config: Configuration, shift: float) -> list[float]:
    """Flow times before the scheduler's shift s t/(1 + (s - 1) t), which it applies to custom levels too."""
    _require_last(sigmas, config, 0.0, "it is appended")
    times: FloatArray = sigmas[:-1] / (1.0 + sigmas[:-1])
    unshifted = times / (shift - (shift - 1.0) * times)
    single_precision(np.append(unshifted, 0.0))
    return [float(time) for time in unshifted]


def _flow(sigmas: FloatArray, config: Configuration) -> dict[str, Any]:
    _refuse_flags(
        config,
        "use_dynamic_shifting",
        "shift_terminal",
        "use_karras_sigmas",
        "use_exponential_sigmas",
        "use_beta_sigmas",
    )
    shift = float(config.option("shift", 1.0))
    return {"sigmas": _flow_times(sigmas, config, shift)}


def _unipc(sigmas: FloatArray, config: Configuration) -> dict[str, Any]:
    name = config.name
    if not config.option("use_flow_sigmas"):
        raise ValueError(
            f"{name} takes a custom schedule for flow-matching models only (use_flow_sigmas=True); "
            f"use DPMSolverMultistepScheduler (timesteps), EulerDiscreteScheduler (sigmas), {_ANY}"
        )
    _refuse_flags(
        config,
        "use_dynamic_shifting",
        "shift_terminal",
        "use_karras_sigmas",
        "use_exponential_sigmas",
        "use_beta_sigmas",
    )
    _refuse_repeated_last(config)
    if not config.option("predict_x0", True):
        raise ValueError(
            f"{name} with predict_x0=False cannot step to the level 0 that it appends (it returns NaN); "
            f"use {name}.from_config(scheduler.config, predict_x0=True)"
        )
    if sigmas[0] / (1.0 + sigmas[0]) > 1.0 - _UNIPC_BELOW_ONE:
        raise ValueError(
            f"{name} moves flow times above 1 - {_UNIPC_BELOW_ONE:g}, and sigmas[0] = {sigmas[0]:g} is one; "
            "design with a smaller sigma_max"
        )
    times = _flow_times(sigmas, config, float(config.option("flow_shift", 1.0)))
    return {"sigmas": np.array(times)}


def _refuse_repeated_last(config: Configuration) -> None:
    if config.option("final_sigmas_type", "zero") == "sigma_min":
        name = config.name
        raise ValueError(
            f"{name} with final_sigmas_type='sigma_min' repeats the last level, a wasted step; "
            f"use {name}.from_config(scheduler.config, final_sigmas_type='zero')"
        )


def _edm(sigmas: FloatArray, config: Configuration) -> dict[str, Any]:
    """The argument called sigmas is the ramp of Karras' formula, and must be a tensor."""
    name = config.name
    if config.option("sigma_schedule", "karras") != "karras":
        raise ValueError(
            f"{name} with sigma_schedule={config.option('sigma_schedule')!r} takes no custom schedule; "
            f"use {name}.from_config(scheduler.config, sigma_schedule='karras')"
        )
    _refuse_repeated_last(config)
    _require_last(sigmas, config, 0.0, "final_sigmas_type='zero'")
    single_precision(sigmas)
    lowest, highest = (float(config.option(f"sigma_{end}")) for end in ("min", "max"))
    levels = _within(sigmas[:-1], lowest, highest, name)
    exponent = 1.0 / float(config.option("rho", 7.0))
    low, high = lowest**exponent, highest**exponent
    ramp = (high - levels**exponent) / (high - low)
    import torch  # the scheduler itself needs it, too

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


HANDLERS: dict[str, Callable[[FloatArray, Configuration], dict[str, Any]]] = {
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
