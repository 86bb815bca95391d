"""Networks that denoise by themselves (EDM, k-diffusion), and velocities of flow matching."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._support import checks
from ..arrays import Array, namespace_of
from .base import MOST_TIME_SCALE, Adapter, Level, affine, columns, dtype_of


class DirectDenoiser(Adapter):
    """A network that takes y and sigma of every row and returns the clean data."""

    def __init__(self, network: Callable[..., Any], *shared: Any) -> None:
        super().__init__(*shared)
        self.network = network
        self._dtype = dtype_of(network)

    def __call__(self, y: Array, sigma: Level, index: NDArray[np.intp] | None = None) -> Array:
        self.check_levels(sigma)
        ops = namespace_of("y", y)
        x = y if self._dtype is None else y.to(self._dtype)
        output = self.guided(self._call, y.shape[0], index, x, ops.rows(sigma, x))
        return output if output.dtype == y.dtype or self._dtype is None else output.to(y.dtype)

    def _call(self, conditions: Any, x: Array, sigma: Array) -> Array:
        return self.network(x, sigma, **conditions)


class FlowDenoiser(Adapter):
    """A velocity field of flow matching."""

    def __init__(self, velocity: Callable[..., Any], data_at: float, time_scale: float, *shared: Any) -> None:
        super().__init__(*shared)
        self.velocity = velocity
        self._data_at, self._time_scale = data_at, time_scale
        self._dtype = dtype_of(velocity)

    def __call__(self, y: Array, sigma: Level, index: NDArray[np.intp] | None = None) -> Array:
        self.check_levels(sigma)
        ops = namespace_of("y", y)
        keep = 1.0 / (1.0 + sigma)
        noise_share = sigma * keep
        time = noise_share if self._data_at == 0.0 else keep
        x = y * columns(ops, keep, y)
        x = x if self._dtype is None else x.to(self._dtype)
        output = self.guided(self._call, y.shape[0], index, x, ops.rows(time * self._time_scale, x))
        if self._dtype is not None:
            output = output.to(y.dtype)
        toward = -noise_share if self._data_at == 0.0 else noise_share
        return affine(ops, keep, y, toward, output)

    def _call(self, conditions: Any, x: Array, time: Array) -> Array:
        return self.velocity(x, time, **conditions)


def from_edm(
    network: Callable[..., Any],
    *,
    guidance_scale: float = 1.0,
    unconditional: dict[str, Any] | None = None,
    batched: bool = True,
    **conditioning: Any,
) -> DirectDenoiser:
    """A denoiser from a preconditioned network of NVlabs/edm, called as ``network(x, sigma, **conditioning)``.

    Parameters
    ----------
    network : callable
        Takes x (variance exploding, which is y) and sigma of shape (rows,), returns the denoised x; its attributes
        `sigma_min` and `sigma_max` are the range.
    guidance_scale, unconditional, batched
        Classifier-free guidance, as in `from_diffusers`; for instance ``unconditional={"class_labels": None}``
        (with ``batched=False``).
    **conditioning
        Keyword arguments, for instance ``class_labels`` of shape (starts, classes).

    Returns
    -------
    DirectDenoiser

    Examples
    --------
    >>> import numpy as np, specsched as ss
    >>> def network(x, sigma):  # unit-variance data
    ...     return x / (1 + sigma[:, None] ** 2)
    >>> denoiser = ss.models.from_edm(network)
    >>> ss.sample(denoiser, np.ones((1, 2)), [10.0, 1.0, 0.0], sampler="ddim", process="ve").round(3).tolist()
    [[0.545, 0.545]]
    """
    low, high = (
        _end(network, name, default) for name, default in (("sigma_min", 0.0), ("sigma_max", math.inf))
    )
    return DirectDenoiser(network, conditioning, guidance_scale, unconditional, batched, low, high)


def from_k_diffusion(model: Callable[..., Any], **extra_args: Any) -> DirectDenoiser:
    """A denoiser from a model of k-diffusion (or ComfyUI), called as ``model(x, sigma, **extra_args)``.

    Guidance is the wrapper's own affair there. The range is that of the wrapper's table of sigmas, if it has one.

    Examples
    --------
    >>> import numpy as np, specsched as ss
    >>> denoiser = ss.models.from_k_diffusion(lambda x, sigma: x / (1 + sigma[:, None] ** 2))
    >>> denoiser(np.ones((1, 2)), 1.0).tolist()
    [[0.5, 0.5]]
    """
    low, high = _end(model, "sigma_min", 0.0), _end(model, "sigma_max", math.inf)
    return DirectDenoiser(model, extra_args, 1.0, None, True, low, high)


def from_flow(
    velocity: Callable[..., Any],
    *,
    data_at: int = 0,
    time_scale: float = 1.0,
    guidance_scale: float = 1.0,
    unconditional: dict[str, Any] | None = None,
    batched: bool = True,
    sigma_min: float = 0.0,
    sigma_max: float = math.inf,
    **conditioning: Any,
) -> FlowDenoiser:
    """A denoiser from a velocity field of flow matching, called as ``velocity(x, t, **conditioning)``.

    Parameters
    ----------
    velocity : callable
        Takes x and t of shape (rows,), returns dx/dt.
    data_at : {0, 1}
        0: x = (1 - t) x_0 + t eps, velocity eps - x_0 (diffusers, SD3, Flux); 1: x = t x_0 + (1 - t) eps, velocity
        x_0 - eps (Lipman et al., arXiv 2210.02747; rectified flow).
    time_scale : float
        Factor on t, for networks that take 1000 t; at most 1e20.
    guidance_scale, unconditional, batched, **conditioning
        As in `from_diffusers`.
    sigma_min, sigma_max : float
        Range of levels sigma = t / (1 - t) (``data_at=0``) on which the network was trained.

    Returns
    -------
    FlowDenoiser

    Examples
    --------
    >>> import numpy as np, specsched as ss
    >>> velocity = lambda x, t: x / t[:, None]  # all data are 0
    >>> ss.models.from_flow(velocity)(np.ones((1, 2)), 1.0).tolist()
    [[0.0, 0.0]]
    """
    if not isinstance(data_at, (int, np.integer)) or data_at not in (0, 1):
        raise ValueError(f"data_at must be 0 or 1, the time at which x is data, got {data_at!r}")
    scale = checks.real("time_scale", time_scale, above=0.0, maximum=MOST_TIME_SCALE)
    shared = (
        conditioning,
        guidance_scale,
        unconditional,
        batched,
        _level("sigma_min", sigma_min),
        _level("sigma_max", sigma_max),
    )
    return FlowDenoiser(velocity, float(data_at), scale, *shared)


def _end(network: Any, name: str, default: float) -> float:
    """sigma_min or sigma_max of a network: an attribute of its own, or the end of its table of levels."""
    table = getattr(network, "sigmas", None)
    value = getattr(network, name, None)
    if value is None and table is not None and len(table):
        value = min(table) if name == "sigma_min" else max(table)
    return default if value is None else float(value)


def _level(name: str, value: Any) -> float:
    """An end of the range, which may be infinite."""
    infinite = isinstance(value, float) and value == math.inf
    return math.inf if infinite else checks.real(name, value, minimum=0.0)
