"""The design problem that a diffusers scheduler's configuration stands for, and the scheduler that runs its levels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from ..._support import checks
from ..._support.checks import FloatArray
from ..._support.codes import ProcessName
from ...samplers import (
    DDIM,
    DDPM,
    DPM2,
    LMS,
    PLMS,
    DPM2Ancestral,
    DPMMultistep,
    DPMMultistepSDE,
    Heun,
    Sampler,
)
from ...schedules.export.configuration import Configuration
from ...schedules.export.diffusers import DESIGNED
from .solvers import deis, dpm_multistep, dpm_singlestep, unipc

_RESHAPING = ("use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas", "use_lu_lambdas")
"""Settings that would replace the levels that are handed over."""


@dataclass(frozen=True)
class PipelineProblem:
    """What to design for, and what runs it.

    Attributes
    ----------
    sampler : Sampler
        The scheduler's solver with its options.
    process : {"vp", "ve", "flow"}
        Scale of the start.
    sigma_max, sigma_min, sigma_floor : float
        First, last, and lowest positive level.
    alphas_cumprod : ndarray or None
        The training grid, for schedulers that take its integer timesteps only.
    prediction : str
        What the network predicts: "epsilon", "v_prediction", "sample", "flow_prediction".
    runner : str
        Class of the scheduler that runs the levels: the given one where it can.
    changes : dict
        Settings that must change for it.
    """

    sampler: Sampler
    process: ProcessName
    sigma_max: float
    sigma_floor: float
    prediction: str
    runner: str
    sigma_min: float = 0.0
    alphas_cumprod: FloatArray | None = None
    changes: dict[str, Any] = field(default_factory=dict)

    @property
    def options(self) -> dict[str, Any]:
        """The arguments of `specsched.design`."""
        options: dict[str, Any] = {
            "sampler": self.sampler,
            "process": self.process,
            "sigma_max": self.sigma_max,
            "sigma_min": self.sigma_min,
        }
        if self.alphas_cumprod is not None:
            return options | {"sigma_max": None, "alphas_cumprod": self.alphas_cumprod}
        return options | {"sigma_floor": self.sigma_floor if self.sigma_min == 0.0 else None}


def problem_of(scheduler: object) -> PipelineProblem:
    """The design problem of a scheduler, or of its configuration.

    Parameters
    ----------
    scheduler : diffusers scheduler, mapping or Configuration
        An instance, or what ``scheduler_config.json`` holds.

    Returns
    -------
    PipelineProblem

    Raises
    ------
    TypeError
        `scheduler` is neither.
    ValueError
        It is not known, or its solver is not one that schedules can be designed for; the message says what to use.

    Examples
    --------
    >>> from specsched.models.configured.problems import problem_of
    >>> found = problem_of({"_class_name": "DPMSolverMultistepScheduler", "solver_order": 3})
    >>> found.sampler.name, found.process, round(found.sigma_max, 1)
    ('dpmpp_3m', 'vp', 157.4)
    """
    config = Configuration.of(scheduler)
    refused = config.known_as(_REFUSED)
    if refused is not None:
        raise ValueError(f"no schedule can be designed for {config.name}: {_REFUSED[refused]}")
    known = config.known_as(_PROBLEMS)
    if known is None:
        raise checks.unknown_name("scheduler", config.name, _PROBLEMS)
    return _PROBLEMS[known](config)


# ---- levels --------------------------------------------------------------------------------------


def _on_levels(config: Configuration, sampler: Sampler, runner: str, **more: Any) -> PipelineProblem:
    """Any level between the ends of the training grid."""
    levels = config.grid.sigmas
    return PipelineProblem(
        sampler,
        _start_of(config),
        float(levels[-1]),
        float(levels[0]),
        str(config.option("prediction_type", "epsilon")),
        runner,
        **more,
    )


def _on_grid(config: Configuration, sampler: Sampler, runner: str, **more: Any) -> PipelineProblem:
    """Integer timesteps only; the sample is scaled as in VP."""
    found = _on_levels(config, sampler, runner, alphas_cumprod=config.alphas_cumprod, **more)
    return replace(found, process="vp")


def _start_of(config: Configuration) -> ProcessName:
    """Schedulers in sigma multiply the start by sigma, or by sqrt(sigma^2 + 1) where timesteps are "leading"."""
    return "vp" if config.option("timestep_spacing", "linspace") == "leading" else "ve"


def _flow_levels(config: Configuration, sampler: Sampler, runner: str, **changes: Any) -> PipelineProblem:
    """Flow times from 1 - 1/T to 1/T: the levels of t = 1 and t = 0 are no numbers."""
    count = float(config.option("num_train_timesteps", 1000))
    return PipelineProblem(
        sampler, "flow", count - 1.0, 1.0 / (count - 1.0), "flow_prediction", runner, changes=changes
    )


def _edm_levels(config: Configuration, sampler: Sampler, runner: str, **changes: Any) -> PipelineProblem:
    cosine = config.name.startswith("Cosine")
    low, high = (0.3, 500.0) if cosine else (0.002, 80.0)
    return PipelineProblem(
        sampler,
        "ve",
        float(config.option("sigma_max", high)),
        float(config.option("sigma_min", low)),
        str(config.option("prediction_type", "v_prediction" if cosine else "epsilon")),
        runner,
        changes=changes,
    )


def _plain(config: Configuration, **more: Any) -> dict[str, Any]:
    """The settings that must change so that the scheduler keeps the levels."""
    return {**{flag: False for flag in _RESHAPING if config.option(flag)}, **more}


def _unshifted(config: Configuration) -> dict[str, Any]:
    """The same for flow times, which shifts would move."""
    shifts = {"use_dynamic_shifting": False, "shift_terminal": None}
    return _plain(config, **{flag: off for flag, off in shifts.items() if config.option(flag)})


def _lowest(config: Configuration) -> float:
    """The last level of a run that ends above 0."""
    return float(config.grid.sigmas[0])


def _ends_above_zero(config: Configuration) -> bool:
    return bool(config.option("final_sigmas_type", "zero") == "sigma_min")


# ---- schedulers ----------------------------------------------------------------------------------


def _euler(config: Configuration) -> PipelineProblem:
    found = _on_levels(config, DDIM(), "EulerDiscreteScheduler")
    if config.option("timestep_type") == "continuous" and found.prediction == "v_prediction":
        low, high = config.option("sigma_min"), config.option("sigma_max")
        found = replace(found, sigma_floor=float(low or 0.002), sigma_max=float(high or 700.0))
    if _ends_above_zero(config):
        found = replace(found, sigma_min=found.sigma_floor)
    return found


def _heun(config: Configuration) -> PipelineProblem:
    return _on_levels(config, Heun(), "HeunDiscreteScheduler", changes=_plain(config))


def _ddim(config: Configuration) -> PipelineProblem:
    """Its step computes the previous timestep from a uniform stride; Euler in sigma is the same step on any levels."""
    changes: dict[str, Any] = {}
    if config.option("snr_shift_scale") and config.alphas_cumprod is not None:
        abar = config.alphas_cumprod
        ratios = [float(abar[0]), *(abar[1:] / abar[:-1]).tolist()]
        changes = {"trained_betas": [1.0 - ratio for ratio in ratios], "rescale_betas_zero_snr": False}
    found = _on_levels(config, DDIM(), "EulerDiscreteScheduler", changes=changes)
    leading = config.option("timestep_spacing", "leading") == "leading"
    return replace(found, process="vp" if leading else "ve")


def _dpm(config: Configuration) -> PipelineProblem:
    sampler, name = dpm_multistep(config), "DPMSolverMultistepScheduler"
    if config.option("use_flow_sigmas"):
        return _flow_levels(config, sampler, DESIGNED)
    noise = isinstance(sampler, (DPMMultistep, DPMMultistepSDE))
    changes = _plain(config)
    if noise and not _ends_above_zero(config):
        changes["final_sigmas_type"] = "sigma_min"
    if isinstance(sampler, DPMMultistepSDE) and config.option("solver_order", 2) > 2:
        changes["solver_order"] = 2
    last = _lowest(config) if noise or _ends_above_zero(config) else 0.0
    return _on_grid(config, sampler, name, changes=changes, sigma_min=last)


def _singlestep(config: Configuration) -> PipelineProblem:
    if config.option("algorithm_type", "dpmsolver++") != "dpmsolver++":
        raise ValueError(
            f"no schedule can be designed for {config.name} with algorithm_type="
            f"{config.option('algorithm_type')!r}; use from_config(scheduler.config, algorithm_type='dpmsolver++')"
        )
    sampler = dpm_singlestep(config)
    if config.option("use_flow_sigmas"):
        return _flow_levels(config, sampler, DESIGNED)
    last = _lowest(config) if _ends_above_zero(config) else 0.0
    return _on_grid(config, sampler, "DPMSolverSinglestepScheduler", changes=_plain(config), sigma_min=last)


def _ddpm(config: Configuration) -> PipelineProblem:
    return _on_grid(config, DDPM(), config.name)


def _flow_euler(config: Configuration) -> PipelineProblem:
    if config.option("stochastic_sampling"):
        raise ValueError(
            f"no schedule can be designed for {config.name} with stochastic_sampling=True, which draws new noise at "
            "every step; use from_config(scheduler.config, stochastic_sampling=False)"
        )
    return _flow_levels(config, DDIM(), "FlowMatchEulerDiscreteScheduler", **_unshifted(config))


def _unipc(config: Configuration) -> PipelineProblem:
    if config.option("solver_p") is not None:
        raise ValueError(f"no schedule can be designed for {config.name} with another solver_p; leave it out")
    predict_x0 = bool(config.option("predict_x0", True))
    # B(h) = h is infinite on the step to the level 0 that most pipelines end with.
    last_is_zero = predict_x0 and not _ends_above_zero(config)
    sampler = unipc(config, bh2=last_is_zero)
    if config.option("use_flow_sigmas"):
        changes = _unshifted(config)
        if _ends_above_zero(config):
            changes["final_sigmas_type"] = "zero"
        if not predict_x0:
            sampler, changes["predict_x0"] = replace(sampler, predict_x0=True), True
        return _flow_levels(config, sampler, "UniPCMultistepScheduler", **changes)
    last = 0.0 if last_is_zero else _lowest(config)
    return replace(_on_levels(config, sampler, DESIGNED, sigma_min=last), process="vp")


def _deis(config: Configuration) -> PipelineProblem:
    sampler = deis(config)
    if config.option("use_flow_sigmas"):
        return _flow_levels(config, sampler, DESIGNED)
    return replace(_on_levels(config, sampler, DESIGNED), process="vp")


def _pndm(config: Configuration) -> PipelineProblem:
    sampler = PLMS(skip_prk_steps=bool(config.option("skip_prk_steps", False)))
    return replace(_on_levels(config, sampler, DESIGNED), process="vp")


def _edm_euler(config: Configuration) -> PipelineProblem:
    changes: dict[str, Any] = {}
    if config.option("sigma_schedule", "karras") != "karras":
        changes["sigma_schedule"] = "karras"
    if config.option("final_sigmas_type", "zero") != "zero":
        changes["final_sigmas_type"] = "zero"
    return _edm_levels(config, DDIM(), "EDMEulerScheduler", **changes)


def _edm_dpm(config: Configuration) -> PipelineProblem:
    return _edm_levels(config, dpm_multistep(config), DESIGNED)


def _with(sampler: Sampler) -> Callable[[Configuration], PipelineProblem]:
    """A scheduler in sigma that takes no custom levels."""
    return lambda config: _on_levels(config, sampler, DESIGNED)


def _flow_heun(config: Configuration) -> PipelineProblem:
    return _flow_levels(config, Heun(), DESIGNED)


_PROBLEMS: dict[str, Callable[[Configuration], PipelineProblem]] = {
    "EulerDiscreteScheduler": _euler,
    "HeunDiscreteScheduler": _heun,
    "DPMSolverMultistepScheduler": _dpm,
    "DPMSolverSinglestepScheduler": _singlestep,
    "DDPMScheduler": _ddpm,
    "DDPMParallelScheduler": _ddpm,
    "DDIMScheduler": _ddim,
    "DDIMParallelScheduler": _ddim,
    "CogVideoXDDIMScheduler": _ddim,
    "FlowMatchEulerDiscreteScheduler": _flow_euler,
    "FlowMatchHeunDiscreteScheduler": _flow_heun,
    "UniPCMultistepScheduler": _unipc,
    "DEISMultistepScheduler": _deis,
    "PNDMScheduler": _pndm,
    "LMSDiscreteScheduler": _with(LMS()),
    "EulerAncestralDiscreteScheduler": _with(DDPM()),
    "KDPM2DiscreteScheduler": _with(DPM2()),
    "KDPM2AncestralDiscreteScheduler": _with(DPM2Ancestral()),
    "EDMEulerScheduler": _edm_euler,
    "EDMDPMSolverMultistepScheduler": _edm_dpm,
    "CosineDPMSolverMultistepScheduler": _edm_dpm,
}
"""Scheduler class -> its problem."""

_DISTILLED = (
    "its models jump from noise to data, and are not the denoisers that the theory is about; their own few levels are "
    "part of their training"
)
_REFUSED: dict[str, str] = {
    "LCMScheduler": _DISTILLED,
    "TCDScheduler": _DISTILLED,
    "FlowMatchLCMScheduler": _DISTILLED,
    "CMStochasticIterativeScheduler": _DISTILLED,
    "SASolverScheduler": "SA-Solver is not among the solvers here; put DPMSolverMultistepScheduler with "
    "algorithm_type='sde-dpmsolver++' into the pipeline",
    "DPMSolverSDEScheduler": "its noise comes from a Brownian tree; put DPMSolverMultistepScheduler with "
    "algorithm_type='sde-dpmsolver++' into the pipeline",
    "CogVideoXDPMScheduler": "its solver is not among those here; put CogVideoXDDIMScheduler into the pipeline",
    "DDIMInverseScheduler": "it runs from data to noise",
    "DPMSolverMultistepInverseScheduler": "it runs from data to noise",
    "IPNDMScheduler": "its models are conditioned on an index of the run; put PNDMScheduler into the pipeline",
}
"""Scheduler class -> why not, and what to do."""
