"""What a diffusers scheduler is set to: read from an instance, or from the JSON file of a published pipeline."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np

from ..._support import checks
from ..._support.checks import FloatArray
from ..._support.reading.documents import read_json
from ..training_grid import TrainingGrid

TERMINAL = 2.0**-24
"""abar of the last timestep of "zero terminal SNR" models, as diffusers sets it (scheduling_euler_discrete.py)."""

_MOST_TIMESTEPS = 1_000_000

_COSINE_OFFSET, _LARGEST_BETA = 0.008, 0.999
"""Of Nichol & Dhariwal's schedule (arXiv 2102.09672), diffusers' "squaredcos_cap_v2"."""

_STABLE_DIFFUSION = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
_DEFAULTS: dict[str, dict[str, Any]] = {
    "HeunDiscreteScheduler": {"beta_start": 0.00085, "beta_end": 0.012},
    "KDPM2DiscreteScheduler": {"beta_start": 0.00085, "beta_end": 0.012},
    "KDPM2AncestralDiscreteScheduler": {"beta_start": 0.00085, "beta_end": 0.012},
    "DPMSolverSDEScheduler": {"beta_start": 0.00085, "beta_end": 0.012},
    "LCMScheduler": _STABLE_DIFFUSION,
    "TCDScheduler": _STABLE_DIFFUSION,
    "CogVideoXDDIMScheduler": {**_STABLE_DIFFUSION, "snr_shift_scale": 3.0},
    "CogVideoXDPMScheduler": {**_STABLE_DIFFUSION, "snr_shift_scale": 3.0},
}
"""Defaults of diffusers 0.42 that differ from class to class, for files that leave them out."""

_NO_GRID = ("FlowMatch", "EDM", "CosineDPM", "IPNDM")
"""Beginnings of the names of schedulers that have no training grid."""


@dataclass(frozen=True)
class Configuration:
    """A scheduler's class, settings and training grid.

    Attributes
    ----------
    names : tuple of str
        The class and the classes that it is derived from.
    options : mapping
        Its settings, as in ``scheduler.config``.
    alphas_cumprod : ndarray, shape (T,), or None
        abar of the training timesteps; None for flow matching and EDM.

    Examples
    --------
    >>> from specsched.schedules.export.configuration import Configuration
    >>> ours = Configuration.of({"_class_name": "EulerDiscreteScheduler", "beta_schedule": "scaled_linear",
    ...                          "beta_start": 0.00085, "beta_end": 0.012})
    >>> ours.name, round(float(ours.grid.sigmas[-1]), 3)
    ('EulerDiscreteScheduler', 14.615)
    """

    names: tuple[str, ...]
    options: Mapping[str, Any]
    alphas_cumprod: FloatArray | None

    @classmethod
    def of(cls, scheduler: object) -> Configuration:
        """From an instance of a scheduler, or a mapping as in ``scheduler_config.json``.

        Raises
        ------
        TypeError, ValueError
            It is neither, or the betas are of a kind that is not known.
        """
        if isinstance(scheduler, Configuration):
            return scheduler
        if isinstance(scheduler, Mapping):
            return cls._from_mapping(scheduler)
        if isinstance(scheduler, type):
            raise TypeError(
                f"scheduler must be an instance, got the class {scheduler.__name__}; pass pipe.scheduler"
            )
        if not hasattr(scheduler, "config") or not hasattr(scheduler, "set_timesteps"):
            raise TypeError(
                "scheduler must be a diffusers scheduler (with config and set_timesteps), "
                f"got {type(scheduler).__name__}"
            )
        names = tuple(base.__name__ for base in type(scheduler).__mro__)
        config: Any = scheduler.config
        options = dict(config) if isinstance(config, Mapping) else dict(vars(config))
        if hasattr(scheduler, "shift"):  # may have been moved by set_shift
            options["shift"] = float(scheduler.shift)
        abar = getattr(scheduler, "alphas_cumprod", None)
        return cls(names, MappingProxyType(options), None if abar is None else _finite_end(abar))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Configuration:
        """From the file ``scheduler/scheduler_config.json`` of a published pipeline.

        Raises
        ------
        OSError
            The file cannot be read.
        ValueError
            It is no JSON object with a ``_class_name``.
        """
        name = checks.path("path", path)
        document = read_json(name, constants=True)  # diffusers writes -Infinity for lambda_min_clipped
        if not isinstance(document, dict):
            raise ValueError(f"{name!r} must hold a JSON object, as scheduler_config.json does")
        try:
            return cls._from_mapping(document)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{name!r}: {error}") from None

    @classmethod
    def _from_mapping(cls, document: Mapping[str, Any]) -> Configuration:
        name = document.get("_class_name")
        if not isinstance(name, str):
            raise TypeError(
                "scheduler must be a diffusers scheduler or its configuration (with a _class_name, as in "
                f"scheduler_config.json), got {type(document).__name__} without one"
            )
        options = {**_DEFAULTS.get(name, {}), **document}
        abar = None if name.startswith(_NO_GRID) else _finite_end(_alphas_cumprod(options))
        return cls((name,), MappingProxyType(options), abar)

    @property
    def name(self) -> str:
        """The scheduler's class."""
        return self.names[0]

    def known_as(self, table: Mapping[str, Any]) -> str | None:
        """The first of the names that the table has."""
        return next((name for name in self.names if name in table), None)

    def option(self, name: str, default: Any = None) -> Any:
        """A setting."""
        return self.options.get(name, default)

    @cached_property
    def grid(self) -> TrainingGrid:
        """The levels of the training timesteps."""
        if self.alphas_cumprod is None:
            raise ValueError(f"{self.name} has no grid of training timesteps")
        return TrainingGrid(self.alphas_cumprod)

    def changed(self, **options: Any) -> Configuration:
        """With other settings."""
        return Configuration(self.names, MappingProxyType({**self.options, **options}), self.alphas_cumprod)


def _finite_end(alphas_cumprod: object) -> FloatArray:
    """abar, a last 0 (an infinite level) replaced by what the frameworks put there."""
    abar = np.array(checks.vector("alphas_cumprod", alphas_cumprod))
    if abar[-1] == 0.0:
        abar[-1] = TERMINAL
    return abar


def _alphas_cumprod(options: Mapping[str, Any]) -> FloatArray:
    """abar from the betas that a configuration asks for."""
    abar = np.cumprod(1.0 - _betas(options))
    scale = float(options.get("snr_shift_scale") or 1.0)
    # CogVideoX divides the signal-to-noise ratio by this number (scheduling_ddim_cogvideox.py).
    abar = abar / (scale + (1.0 - scale) * abar)
    if options.get("rescale_betas_zero_snr"):
        # Lin et al., arXiv 2305.08891, algorithm 1: sqrt(abar) moved and stretched so that it ends at 0.
        roots = np.sqrt(abar)
        abar = ((roots - roots[-1]) * (roots[0] / (roots[0] - roots[-1]))) ** 2
    return np.array(abar)


def _betas(options: Mapping[str, Any]) -> FloatArray:
    trained = options.get("trained_betas")
    if trained is not None:
        return checks.vector("trained_betas", trained)
    count = checks.integer(
        "num_train_timesteps", options.get("num_train_timesteps", 1000), minimum=2, maximum=_MOST_TIMESTEPS
    )
    first = checks.real("beta_start", options.get("beta_start", 0.0001), above=0.0, below=1.0)
    last = checks.real("beta_end", options.get("beta_end", 0.02), above=0.0, below=1.0)
    kind = options.get("beta_schedule", "linear")
    if kind == "linear":
        return np.linspace(first, last, count)
    if kind == "scaled_linear":
        return np.asarray(np.linspace(first**0.5, last**0.5, count) ** 2)
    if kind == "sigmoid":
        return np.asarray(first + (last - first) / (1.0 + np.exp(-np.linspace(-6.0, 6.0, count))))
    if kind == "squaredcos_cap_v2":
        times = np.arange(count + 1) / count
        curve = np.cos((times + _COSINE_OFFSET) / (1.0 + _COSINE_OFFSET) * np.pi / 2.0) ** 2
        return np.array(np.minimum(1.0 - curve[1:] / curve[:-1], _LARGEST_BETA))
    known = ("linear", "scaled_linear", "sigmoid", "squaredcos_cap_v2")
    raise checks.unknown_name("beta_schedule", kind, known)
