"""Double precision or many digits: the same formulas run on both."""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[Any]  # float64, or dtype object with mpmath numbers


def mpmath() -> Any:
    """The mpmath module, or what to install."""
    try:
        return importlib.import_module("mpmath")
    except ImportError:
        raise ImportError("many-digit references need mpmath: pip install 'specsched[test]'") from None


@contextmanager
def precision(digits: int | None) -> Iterator[None]:
    """Work with `digits` decimal digits inside the block; None means float64."""
    if digits is None:
        yield
    else:
        with mpmath().workdps(digits):
            yield


def numbers(values: object, digits: int | None) -> Numbers:
    """`values` as float64 (digits=None) or as an object array of mpmath numbers; floats convert exactly."""
    if digits is None:
        return np.asarray(values, dtype=np.float64)
    array = np.asarray(values)
    convert = mpmath().mpf
    result = np.empty(array.shape, dtype=object)
    result.reshape(-1)[:] = [convert(v if hasattr(v, "_mpf_") else float(v)) for v in array.flat]
    return result


def functions(number: object) -> Any:
    """The module (math, mpmath or jax.numpy) whose exp, log, sqrt ... fit a scalar `number`."""
    if hasattr(number, "_mpf_"):
        return mpmath()
    return importlib.import_module("jax.numpy") if is_traced(number) else math


def is_traced(number: object) -> bool:
    """Whether JAX traces the number: it has no value yet that could be compared."""
    return hasattr(number, "aval")


def is_zero(level: Any) -> bool:
    """Whether a level is 0; a traced one stands for a positive one."""
    return not is_traced(level) and bool(level == 0)


def elementwise(name: str, values: Numbers) -> Numbers:
    """exp, log, sqrt ... (`name`) of every entry, in the precision of the entries."""
    if values.dtype != object:
        return np.asarray(getattr(np, name)(values))
    result = np.empty(values.shape, dtype=object)
    result.reshape(-1)[:] = [getattr(mpmath(), name)(v) for v in values.flat]
    return result


def zeros(shape: tuple[int, ...], like: Numbers) -> Numbers:
    """Zeros of the number type of `like`."""
    if like.dtype != object:
        return np.zeros(shape)
    result = np.empty(shape, dtype=object)
    result.fill(mpmath().mpf(0))
    return result
