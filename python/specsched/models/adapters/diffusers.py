"""Networks of diffusers: UNets and transformers that predict noise, velocity, the sample or a flow."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._support import checks
from ..._support.codes import ProcessName
from ...schedules.training_grid import TrainingGrid
from ..arrays import Array, namespace_of
from .base import MOST_TIME_SCALE, Adapter, Level, affine, columns, dtype_of

Scales = tuple[Level, Level, Level]
"""Factor of the input y, of y in the prediction, and of the network's output in it."""

# The terminal abar of "zero terminal SNR" models, as EulerDiscreteScheduler sets it (scheduling_euler_discrete.py).
_TERMINAL = 2.0**-24
# Networks that take the flow time itself, not 1000 times it (pipelines/flux/pipeline_flux.py: timestep / 1000).
_UNIT_TIME = ("FluxTransformer2DModel", "Flux2Transformer2DModel")


def from_diffusers(
    network: Any,
    scheduler: Any,
    *,
    guidance_scale: float = 1.0,
    unconditional: dict[str, Any] | None = None,
    batched: bool = True,
    prediction_type: str | None = None,
    round_timesteps: bool = False,
    timestep_scale: float | None = None,
    **conditioning: Any,
) -> DiffusersDenoiser:
    """A denoiser from a network of diffusers and the scheduler that it was trained with.

    Parameters
    ----------
    network : torch.nn.Module
        UNet1DModel, UNet2DModel, UNet2DConditionModel, a transformer, or anything called as
        ``network(sample, timestep=t, **conditioning)``.
    scheduler : SchedulerMixin
        Any scheduler with `alphas_cumprod`, a flow-matching one or an EDM one: what the network predicts, and at
        which timestep, is read from its configuration.
    guidance_scale : float
        g of classifier-free guidance ``u + g (c - u)``; 1: none.
    unconditional : dict, optional
        Arguments of the unconditional prediction that differ, for instance ``{"encoder_hidden_states": empty}``.
    batched : bool
        Both predictions of the guidance in one call of the network.
    prediction_type : {"epsilon", "v_prediction", "sample", "flow_prediction"}, optional
        Instead of the scheduler's.
    round_timesteps : bool
        Nearest integer timesteps for networks that take no others; the default is the fractional timestep of the level,
        by interpolation in log(sigma) as EulerDiscreteScheduler does.
    timestep_scale : float, optional
        Factor on the timestep, at most 1e20; by default 1, and 1/1000 for Flux, which takes the flow time itself.
    **conditioning
        Arguments of the network. Arrays whose first axis is the number of starts belong to the starts.

    Returns
    -------
    DiffusersDenoiser
        Called as ``denoiser(y, sigma) -> xhat0``; ``sigma_min`` and ``sigma_max`` are the ends of its training levels.

    Raises
    ------
    TypeError, ValueError
        `scheduler` is of another kind, or guidance lacks `unconditional`.

    Examples
    --------
    >>> import diffusers, torch, specsched as ss  # doctest: +SKIP
    >>> unet = diffusers.UNet2DModel.from_pretrained("google/ddpm-cat-256")  # doctest: +SKIP
    >>> denoiser = ss.models.from_diffusers(unet, diffusers.DDPMScheduler.from_pretrained("google/ddpm-cat-256"))
    ... # doctest: +SKIP
    """
    if not callable(network):
        raise TypeError(f"network must be callable, got {type(network).__name__}")
    checks.flag("round_timesteps", round_timesteps)
    levels = levels_of(scheduler, prediction_type)
    if timestep_scale is None:
        timestep_scale = 1e-3 if type(network).__name__ in _UNIT_TIME else 1.0
    return DiffusersDenoiser(
        network,
        levels,
        checks.real("timestep_scale", timestep_scale, minimum=-MOST_TIME_SCALE, maximum=MOST_TIME_SCALE),
        round_timesteps,
        conditioning,
        guidance_scale,
        unconditional,
        batched,
    )


class Levels:
    """How a level enters the network and how the prediction of the data comes out: one entry per parametrisation."""

    def __init__(
        self,
        time: Callable[[Level], Level],
        scales: Callable[[Level], Scales],
        sigma_min: float,
        sigma_max: float,
        discrete: bool,
        process: ProcessName = "vp",
        prediction: str = "",
    ) -> None:
        self.time, self.scales = time, scales
        self.sigma_min, self.sigma_max = sigma_min, sigma_max
        self.discrete = discrete
        self.process = process
        """Whose samples x = alpha y the network's pipelines hold."""
        self.prediction = prediction
        """What the network predicts: "epsilon", "v_prediction", "sample" or "flow"; with "edm " before it for EDM's."""


class DiffusersDenoiser(Adapter):
    """See `from_diffusers`."""

    def __init__(
        self, network: Any, levels: Levels, timestep_scale: float, rounded: bool, *shared: Any
    ) -> None:
        super().__init__(*shared)
        self.sigma_min, self.sigma_max = levels.sigma_min, levels.sigma_max
        self.network = network
        self._levels = levels
        self.prediction = levels.prediction
        self._timestep_scale = timestep_scale
        self._rounded = rounded
        self._dtype = dtype_of(network)

    def __call__(self, y: Array, sigma: Level, index: NDArray[np.intp] | None = None) -> Array:
        self.check_levels(sigma)
        ops = namespace_of("y", y)
        scale, keep, factor = self._levels.scales(sigma)
        time = self._levels.time(sigma)
        x = y * columns(ops, scale, y)
        output = self.guided(self._call, y.shape[0], index, self._cast(x), self._timestep(ops, time, y))
        return affine(ops, keep, y, factor, output.to(y.dtype))

    def _call(self, conditions: Any, x: Array, timestep: Array) -> Array:
        output = self.network(x, timestep=timestep, **conditions)
        output = output.sample if hasattr(output, "sample") else output
        output = output[0] if isinstance(output, tuple) else output
        # Networks with learned variances predict them in a second half of the channels.
        return output[:, : x.shape[1]] if output.shape[1] == 2 * x.shape[1] else output

    def _cast(self, x: Array) -> Array:
        return x if self._dtype is None else x.to(self._dtype)

    def _timestep(self, ops: Any, time: Level, y: Array) -> Array:
        if self._rounded and self._levels.discrete:
            return ops.rows(np.rint(time) if isinstance(time, np.ndarray) else round(time), y).long()
        # Schedulers hand over single precision whatever the network's own; so do its embeddings.
        scaled = time * self._timestep_scale
        torch = ops.torch
        if isinstance(scaled, np.ndarray):
            return torch.as_tensor(scaled, device=y.device).float()
        return torch.full(y.shape[:1], scaled, dtype=torch.float32, device=y.device)


def _option(scheduler: Any, name: str, default: Any = None) -> Any:
    config = scheduler.config
    return config.get(name, default) if hasattr(config, "get") else getattr(config, name, default)


def levels_of(scheduler: Any, prediction_type: str | None) -> Levels:
    """What a scheduler's configuration says of the network that was trained with it."""
    if isinstance(scheduler, type) or not hasattr(scheduler, "config"):
        raise TypeError(
            f"scheduler must be an instance of a diffusers scheduler, got {scheduler!r:.80}; pass pipe.scheduler"
        )
    name = type(scheduler).__name__
    kind = _option(scheduler, "prediction_type", "epsilon") if prediction_type is None else prediction_type
    checks.instance("prediction_type", kind, str)
    if name.startswith("FlowMatch") or kind == "flow_prediction":
        return _flow(scheduler)
    if hasattr(scheduler, "precondition_outputs") and _option(scheduler, "sigma_data") is not None:
        return _edm(scheduler, kind)
    if not hasattr(scheduler, "alphas_cumprod"):
        raise ValueError(
            f"{name} is neither a scheduler with alphas_cumprod nor one of flow matching or EDM; write the denoiser "
            "as a function denoiser(y, sigma) -> xhat0 with y = x / alpha"
        )
    scales = checks.lookup("prediction_type", kind, _VARIANCE_PRESERVING)
    if _option(scheduler, "timestep_type") == "continuous":
        low, high = (float(_option(scheduler, end) or 0.0) for end in ("sigma_min", "sigma_max"))
        return Levels(_quarter_log, scales, low, high or math.inf, discrete=False, prediction=kind)
    grid = TrainingGrid(_with_finite_end(scheduler.alphas_cumprod))
    return Levels(
        _Interpolated(grid),
        scales,
        float(grid.sigmas[0]),
        float(grid.sigmas[-1]),
        discrete=True,
        prediction=kind,
    )


def _with_finite_end(alphas_cumprod: Any) -> NDArray[np.float64]:
    abar = np.array(
        alphas_cumprod.detach().cpu().numpy() if hasattr(alphas_cumprod, "detach") else alphas_cumprod
    )
    abar = abar.astype(np.float64)
    if abar[-1] == 0.0:
        abar[-1] = _TERMINAL
    return np.asarray(abar)


class _Interpolated:
    """Fractional timestep of a level; a class, so that denoisers can be sent to other processes."""

    def __init__(self, grid: TrainingGrid) -> None:
        self._grid = grid

    def __call__(self, sigma: Level) -> Level:
        times = np.clip(self._grid.fractional(np.atleast_1d(sigma)), 0.0, len(self._grid) - 1.0)
        return np.asarray(times) if isinstance(sigma, np.ndarray) else float(times[0])


def _quarter_log(sigma: Level) -> Level:
    return np.asarray(0.25 * np.log(sigma)) if isinstance(sigma, np.ndarray) else 0.25 * math.log(sigma)


def _arc(sigma: Level) -> Level:
    """CosineDPMSolverMultistepScheduler (Stable Audio): 2 atan(sigma) / pi."""
    return 2.0 / math.pi * (np.arctan(sigma) if isinstance(sigma, np.ndarray) else math.atan(sigma))


def _signal(sigma: Level) -> Level:
    """alpha of the variance-preserving process."""
    return (1.0 + sigma * sigma) ** -0.5


def _epsilon(sigma: Level) -> Scales:
    return _signal(sigma), 1.0, -sigma


def _velocity(sigma: Level) -> Scales:
    alpha = _signal(sigma)
    return alpha, alpha * alpha, -sigma * alpha


def _sample(sigma: Level) -> Scales:
    return _signal(sigma), 0.0, 1.0


_VARIANCE_PRESERVING: dict[str, Callable[[Level], Scales]] = {
    "epsilon": _epsilon,
    "v_prediction": _velocity,
    "sample": _sample,
}


def _flow_scales(sigma: Level) -> Scales:
    keep = 1.0 / (1.0 + sigma)
    return keep, keep, -sigma * keep


class _FlowTime:
    def __init__(self, steps: float) -> None:
        self._steps = steps

    def __call__(self, sigma: Level) -> Level:
        return self._steps * sigma / (1.0 + sigma)


def _flow(scheduler: Any) -> Levels:
    """x = (1 - t) x_0 + t eps with output eps - x_0; timestep 1000 t, with any shift already in t."""
    steps = float(_option(scheduler, "num_train_timesteps", 1000))
    return Levels(
        _FlowTime(steps), _flow_scales, 0.0, math.inf, discrete=False, process="flow", prediction="flow"
    )


class _EDMScales:
    """Preconditioning of Karras et al. (arXiv 2206.00364), table 1; "v_prediction" flips the sign of the output."""

    def __init__(self, spread: float, sign: float) -> None:
        self._spread, self._sign = spread, sign

    def __call__(self, sigma: Level) -> Scales:
        power = self._spread**2
        total = sigma * sigma + power
        return total**-0.5, power / total, self._sign * sigma * self._spread * total**-0.5


def _edm(scheduler: Any, kind: str) -> Levels:
    if kind not in ("epsilon", "v_prediction"):
        raise ValueError(
            f"prediction_type must be 'epsilon' or 'v_prediction' for EDM schedulers, got {kind!r}"
        )
    scales = _EDMScales(float(_option(scheduler, "sigma_data")), 1.0 if kind == "epsilon" else -1.0)
    arc = type(scheduler).__name__.startswith("Cosine")
    low, high = float(_option(scheduler, "sigma_min")), float(_option(scheduler, "sigma_max"))
    return Levels(
        _arc if arc else _quarter_log,
        scales,
        low,
        high,
        discrete=False,
        process="ve",
        prediction=f"edm {kind}",
    )
