"""Checks of what users pass in, and the words in which they hear of a mistake."""

from __future__ import annotations

import difflib
import math
import numbers
import operator
import os
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _core

FloatArray = NDArray[np.float64]


def unknown_name(kind: str, name: object, known: Iterable[str]) -> ValueError:
    """The error for a name that is not known: lists the known ones and the nearest."""
    names = sorted(known)
    close = difflib.get_close_matches(str(name), names, n=1)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    return ValueError(f"unknown {kind} {name!r}{hint}; known: {', '.join(names)}")


def lookup(kind: str, name: object, table: dict[str, Any]) -> Any:
    """The entry of `table` under `name`, or a clear error."""
    if not isinstance(name, str):
        raise TypeError(f"{kind} must be a string, got {type(name).__name__}")
    try:
        return table[name]
    except KeyError:
        raise unknown_name(kind, name, table) from None


def integer(name: str, value: object, *, minimum: int | None = None, maximum: int | None = None) -> int:
    """A whole number in [minimum, maximum]."""
    if isinstance(value, bool):
        raise TypeError(f"{name} must be an integer, got a bool")
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f"{name} must be an integer, got {type(value).__name__} {value!r}") from None
    if minimum is not None and number < minimum:
        raise ValueError(f"{name} must be at least {minimum}, got {number}")
    if maximum is not None and number > maximum:
        raise ValueError(f"{name} must be at most {maximum}, got {number}")
    return number


def path(name: str, value: object) -> str:
    """A path as a string, as the system takes it."""
    if not isinstance(value, (str, os.PathLike)):
        raise TypeError(f"{name} must be a string or a path, got {type(value).__name__}")
    text = os.fsdecode(value)
    if not text or "\0" in text:
        raise ValueError(f"{name} must be a path, got {text!r}")
    return text


def indices(name: str, values: object) -> tuple[int, ...]:
    """Whole numbers >= 0, of any sequence."""
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise TypeError(f"{name} must be a sequence of integers, got {type(values).__name__}")
    return tuple(integer(f"{name}[{i}]", value, minimum=0) for i, value in enumerate(values))


def real(
    name: str,
    value: object,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    above: float | None = None,
    below: float | None = None,
) -> float:
    """A finite number, within closed (minimum, maximum) or open (above, below) bounds."""
    scalar = isinstance(value, (numbers.Real, np.floating, np.integer)) and not isinstance(value, bool)
    if not scalar and not (isinstance(value, np.ndarray) and value.ndim == 0 and value.dtype.kind in "iuf"):
        raise TypeError(f"{name} must be a real number, got {type(value).__name__}")
    number = float(value)  # type: ignore[arg-type]
    if not math.isfinite(number):
        raise ValueError(f"{name} must be finite, got {number}")
    if minimum is not None and number < minimum:
        raise ValueError(f"{name} must be at least {minimum:g}, got {number:g}")
    if maximum is not None and number > maximum:
        raise ValueError(f"{name} must be at most {maximum:g}, got {number:g}")
    if above is not None and number <= above:
        raise ValueError(f"{name} must be greater than {above:g}, got {number:g}")
    if below is not None and number >= below:
        raise ValueError(f"{name} must be less than {below:g}, got {number:g}")
    return number


def level(name: str, value: object) -> float:
    """A positive noise level within the range that losses are computed for."""
    number = real(name, value, above=0.0)
    if not _core.LEAST_LEVEL <= number <= _core.LARGEST_LEVEL:
        raise ValueError(
            f"{name} must lie between {_core.LEAST_LEVEL:g} and {_core.LARGEST_LEVEL:g}, got {number:g}"
        )
    return number


def real_array(name: str, values: object) -> FloatArray:
    """`values` as float64 of any shape; TypeError for what is not real numbers (complex, strings, ragged lists)."""
    try:
        array = np.asarray(values)
    except ValueError:
        raise TypeError(f"{name} must be an array of real numbers; got a ragged sequence") from None
    if array.dtype.kind == "c":
        raise TypeError(
            f"{name} must be real, got complex values (dtype {array.dtype}); take .real or abs() first"
        )
    if array.dtype.kind not in "iuf":
        raise TypeError(f"{name} must be an array of real numbers, got dtype {array.dtype}")
    return array.astype(np.float64, copy=False)


def first_bad(mask: NDArray[np.bool_]) -> int | tuple[int, ...]:
    """Index of the first True of `mask`: an int for vectors, a tuple otherwise."""
    index = tuple(int(i) for i in np.argwhere(mask)[0])
    return index[0] if len(index) == 1 else index


def finite(name: str, array: FloatArray) -> None:
    """Raise ValueError at the first NaN or infinity."""
    if not np.isfinite(array).all():
        bad = first_bad(~np.isfinite(array))
        raise ValueError(f"{name} must be finite; {name}[{_show(bad)}] is {array[bad]}")


def vector(name: str, values: object, *, length: int | None = None) -> FloatArray:
    """A one-dimensional, non-empty, finite float64 array (contiguous; a copy only where needed)."""
    array = real_array(name, values)
    if array.ndim != 1:
        raise ValueError(f"{name} must be one-dimensional, got shape {array.shape}")
    if array.size == 0:
        raise ValueError(f"{name} must not be empty")
    if length is not None and array.size != length:
        raise ValueError(f"{name} must have {length} entries, got {array.size}")
    finite(name, array)
    return np.ascontiguousarray(array)


def non_negative(name: str, array: FloatArray) -> None:
    """Raise ValueError at the first negative entry."""
    if (array < 0).any():
        bad = first_bad(array < 0)
        raise ValueError(f"{name} must be >= 0; {name}[{_show(bad)}] is {array[bad]}")


def at_most(name: str, array: FloatArray, limit: float) -> None:
    """Raise ValueError at the first entry above the limit."""
    if (array > limit).any():
        bad = first_bad(array > limit)
        raise ValueError(f"{name} must be at most {limit:g}; {name}[{_show(bad)}] is {array[bad]:g}")


def _show(index: int | tuple[int, ...]) -> str:
    return str(index) if isinstance(index, int) else ", ".join(map(str, index))


def read_only(array: FloatArray) -> FloatArray:
    """An owned, contiguous, read-only float64 copy."""
    copy = np.array(array, dtype=np.float64, order="C")
    copy.flags.writeable = False
    return copy
