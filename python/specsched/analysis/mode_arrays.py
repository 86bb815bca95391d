"""The arrays that modes are made of, checked, and handed to the compiled core."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _core
from .._support import checks, codes
from .._support.checks import FloatArray
from ..samplers import Sampler

_SMALLEST_MEAN = 1e-300


def start_variance(eigenvalues: FloatArray, sigma: float, process: str, start: str) -> FloatArray:
    """Var y_S in every direction: of the prior, or of noised data."""
    if codes.start_code(start) == _core.Start.data:
        return np.asarray(eigenvalues + sigma * sigma)
    return np.full(eigenvalues.size, _core.start_variance(codes.process_code(process), sigma))


def only_deterministic(sampler: Sampler) -> None:
    """Raise for a sampler that adds noise: modes follow single trajectories."""
    if not sampler.deterministic:
        raise ValueError(
            f"recordings and other modes follow single trajectories, and sampler {sampler.name!r} adds noise: set its "
            "eta and s_churn to 0, or pass the spectrum instead (recording.spectrum)"
        )


def build(part: dict[str, Any]) -> _core.Modes:
    arrays, numbers = part["arrays"], part["numbers"]
    if part["kind"] == "recorded":
        return _core.Modes.recorded(**{**arrays, "band": arrays["band"].tolist()}, **numbers)
    if part["kind"] == "gaussian":
        made = _core.Modes.gaussian(**arrays, **numbers)
    else:
        made = _core.Modes.guided(**{**arrays, "pair": arrays["pair"].tolist()}, **numbers)
    return made if part["floor"] is None else made.floored(part["floor"])


def means_of(means: Any, pairs: int) -> tuple[Any, FloatArray, FloatArray]:
    """Pair, conditional and unconditional mean of every direction that has one."""
    if means is None:
        return np.zeros(0, dtype=np.int32), np.zeros(0), np.zeros(0)
    cond, uncond = (
        checks.real_array(f"means[{i}]", values).reshape(pairs, -1) for i, values in enumerate(means)
    )
    if cond.shape != uncond.shape:
        raise ValueError(f"means must have the same shape, got {cond.shape} and {uncond.shape}")
    pair = np.repeat(np.arange(pairs, dtype=np.int32), cond.shape[1])
    there = np.maximum(abs(cond), abs(uncond)).ravel() > _SMALLEST_MEAN
    return pair[there], np.ascontiguousarray(cond.ravel()[there]), np.ascontiguousarray(uncond.ravel()[there])


def series_table(name: str, values: Any, rows: int | None = None) -> FloatArray:
    table = checks.real_array(name, values)
    if table.ndim != 2 or table.shape[1] == 0 or (rows is not None and table.shape[0] != rows):
        raise ValueError(
            f"{name} must have one row of Chebyshev coefficients per mode or band, got shape {table.shape}"
        )
    checks.finite(name, table)
    return np.ascontiguousarray(table)
