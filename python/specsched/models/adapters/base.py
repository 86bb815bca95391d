"""What all adapters share: conditions of each start, classifier-free guidance, the range of levels."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._support import checks
from ..arrays import Array, Numpy, namespace_of

Level = float | NDArray[np.float64]
"""One sigma for all rows, or one for each."""
Conditions = Mapping[str, Any]

# Levels of a schedule are computed; a model's own ends are not to be refused for their rounding (float32 tables).
_SLACK = 1e-5
# Conditions cut to the rows of a call are kept for the next one; a batch and its last, smaller one alternate at most.
_KEPT = 2
# Far above any use; predictions times it stay far below the largest numbers of double precision.
_MOST_GUIDANCE = 1e6

MOST_TIME_SCALE = 1e20
"""Of factors on times: the product with a timestep is of single precision, whose numbers end at 3e38."""


class Adapter:
    """A denoiser ``denoiser(y, sigma) -> xhat0`` made from a network.

    Parameters
    ----------
    conditioning : mapping
        Keyword arguments of the network. Arrays whose first axis is the number of starts are cut to the rows of each
        call, those whose first axis is 1 are repeated, everything else is passed as it is; dicts, lists and tuples
        are looked into.
    guidance_scale : float
        Weight g of ``u + g (c - u)`` (classifier-free guidance, Ho & Salimans, arXiv 2207.12598); 1: no guidance;
        within -1e6 and 1e6.
    unconditional : mapping or None
        The keyword arguments that the unconditional prediction has instead; needed for g other than 1.
    batched : bool
        One call for both predictions, or one after the other (half the memory).
    sigma_min, sigma_max : float
        Range of levels on which the network was trained.
    """

    per_row = True  # takes one sigma for each row

    def __init__(
        self,
        conditioning: Conditions,
        guidance_scale: float,
        unconditional: Conditions | None,
        batched: bool,
        sigma_min: float = 0.0,
        sigma_max: float = math.inf,
    ) -> None:
        self.guidance_scale = checks.real(
            "guidance_scale", guidance_scale, minimum=-_MOST_GUIDANCE, maximum=_MOST_GUIDANCE
        )
        if self.guidance_scale != 1.0 and unconditional is None:
            raise ValueError(
                f"guidance_scale={self.guidance_scale:g} needs the conditions of the unconditional prediction: "
                "pass unconditional={...} with the arguments that it has instead, for instance "
                "unconditional={'encoder_hidden_states': empty_prompt}"
            )
        if unconditional is not None and not isinstance(unconditional, Mapping):
            raise TypeError(
                f"unconditional must be a dict of keyword arguments, got {type(unconditional).__name__}"
            )
        self.conditioning = dict(conditioning)
        self.unconditional = {**self.conditioning, **(unconditional or {})}
        checks.flag("batched", batched)
        self.batched = bool(batched)
        self.sigma_min = sigma_min
        self.sigma_max = sigma_max
        self.starts: int | None = None
        self._cut: dict[bytes, tuple[Conditions, Conditions]] = {}

    def for_starts(self, count: int) -> Adapter:
        """The same denoiser, told how many starts there are; `index` then selects among their conditions."""
        bound = object.__new__(type(self))
        bound.__dict__.update(self.__dict__, starts=count, _cut={})
        return bound

    def __call__(self, y: Array, sigma: Level, index: NDArray[np.intp] | None = None) -> Array:
        """Prediction of the clean data, of the shape, type and device of `y`."""
        raise NotImplementedError

    def check_levels(self, levels: Level) -> None:
        """Raise where a level lies outside the network's range."""
        check_range(levels, self.sigma_min, self.sigma_max)

    def guided(self, call: Callable[..., Array], rows: int, index: Any, *arrays: Array) -> Array:
        """The network's output with guidance; `call(conditions, *arrays)` evaluates it once."""
        conditional, unconditional = self._conditions(rows, index)
        scale = self.guidance_scale
        if scale == 1.0:
            return call(conditional, *arrays)
        if self.batched:
            ops = namespace_of("y", arrays[0])
            both = {name: _joined(ops, unconditional[name], conditional[name], rows) for name in conditional}
            output = call(both, *(ops.concatenate([array, array]) for array in arrays))
            without, given = output[:rows], output[rows:]
        else:
            without, given = call(unconditional, *arrays), call(conditional, *arrays)
        return without + (given - without) * scale

    def _conditions(self, rows: int, index: NDArray[np.intp] | None) -> tuple[Conditions, Conditions]:
        key = np.int64(rows).tobytes() if index is None else np.asarray(index).tobytes()
        found = self._cut.get(key)
        if found is None:
            starts = self.starts or rows
            found = (
                {name: _cut(value, rows, index, starts) for name, value in self.conditioning.items()},
                {name: _cut(value, rows, index, starts) for name, value in self.unconditional.items()},
            )
            while len(self._cut) >= _KEPT:
                self._cut.pop(next(iter(self._cut)), None)
            self._cut[key] = found
        return found


def check_range(levels: Level, sigma_min: float, sigma_max: float) -> None:
    """Raise where a level lies outside the range on which a network was trained."""
    high, low = float(np.max(levels)), float(np.min(levels))
    if high > sigma_max * (1.0 + _SLACK):
        raise ValueError(
            f"sigma = {high:.6g} lies above the model's highest level {sigma_max:.6g}, on which it was "
            f"never trained; use sigma_max={sigma_max:.6g}"
        )
    if low < sigma_min * (1.0 - _SLACK):
        raise ValueError(
            f"sigma = {low:.6g} lies below the model's lowest level {sigma_min:.6g}, on which it was "
            f"never trained; use sigma_floor={sigma_min:.6g}"
        )


def _is_array(value: Any) -> bool:
    return hasattr(value, "shape") and hasattr(value, "dtype") and len(value.shape) > 0


def _cut(value: Any, rows: int, index: NDArray[np.intp] | None, starts: int) -> Any:
    """Conditions of these rows."""
    if isinstance(value, Mapping):
        return {name: _cut(part, rows, index, starts) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_cut(part, rows, index, starts) for part in value)
    if not _is_array(value):
        return value
    if value.shape[0] == starts and index is not None:
        return namespace_of("conditioning", value).take(value, index)
    if value.shape[0] == 1 and rows > 1:
        return namespace_of("conditioning", value).take(value, np.zeros(rows, dtype=np.intp))
    return value


def _joined(ops: Numpy, without: Any, given: Any, rows: int) -> Any:
    """One argument for a batch of unconditional rows followed by conditional ones."""
    if isinstance(given, Mapping):
        return {name: _joined(ops, without[name], given[name], rows) for name in given}
    if isinstance(given, (list, tuple)):
        return type(given)(_joined(ops, a, b, rows) for a, b in zip(without, given, strict=True))
    if _is_array(given) and given.shape[0] == rows:
        if not _is_array(without) or tuple(without.shape) != tuple(given.shape):
            raise ValueError(
                "the unconditional and the conditional prediction have conditions of different shapes, "
                f"{getattr(without, 'shape', without)!r} and {tuple(given.shape)}; pass batched=False"
            )
        return ops.concatenate([without, given])
    return given


def columns(ops: Numpy, values: Level, like: Array) -> Any:
    """A factor for every row that broadcasts against `like`."""
    if isinstance(values, np.ndarray):
        return ops.rows(values, like).reshape((-1,) + (1,) * (like.ndim - 1))
    return values


def affine(ops: Numpy, keep: Level, y: Array, factor: Level, output: Array) -> Array:
    """keep * y + factor * output, each one number or one for every row."""
    if isinstance(keep, np.ndarray) or isinstance(factor, np.ndarray):
        return y * columns(ops, keep, y) + output * columns(ops, factor, y)
    return ops.combine([(keep, y), (factor, output)])


def dtype_of(network: Any) -> Any:
    """Element type of a torch module's parameters; None for functions."""
    parameters = getattr(network, "parameters", None)
    first = next(iter(parameters()), None) if callable(parameters) else None
    return None if first is None else first.dtype
