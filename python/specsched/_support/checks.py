"""Checks of what users pass in, and the words in which they hear of a mistake."""

from __future__ import annotations

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

LARGEST_INTEGER = 2**31 - 1
"""Whole numbers beyond it are refused where no smaller limit is stated: the core counts with 32 bits."""

MOST_STEPS = 1_000_000
"""Steps of the longest schedule: three orders of magnitude above what samplers run."""


def unknown_name(kind: str, name: object, known: Iterable[str]) -> ValueError:
    """The error for a name that is not known: lists the known ones and the nearest."""
    import difflib

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


def integer(name: str, value: object, *, minimum: int | None = None, maximum: int = LARGEST_INTEGER) -> int:
    """A whole number in [minimum, maximum]."""
    if isinstance(value, bool):
        raise TypeError(f"{name} must be an integer, got a bool")
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f"{name} must be an integer, got {type(value).__name__} {brief(value)}") from None
    if minimum is not None and number < minimum:
        raise ValueError(f"{name} must be at least {minimum}, got {brief(number)}")
    if number > maximum:
        raise ValueError(f"{name} must be at most {maximum}, got {brief(number)}")
    return number


def steps(value: object) -> int:
    """A number of steps."""
    return integer("steps", value, minimum=1, maximum=MOST_STEPS)


def instance(name: str, value: object, kind: type) -> None:
    """Raise TypeError for what is not of that class."""
    if not isinstance(value, kind):
        raise TypeError(f"{name} must be a {kind.__name__}, got {type(value).__name__}")


def flag(name: str, value: object) -> None:
    """Raise TypeError for what is neither True nor False: of an array nobody knows which it is."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be True or False, got {brief(value)}")


def function(name: str, value: object) -> None:
    """Raise TypeError for what is neither None nor can be called."""
    if value is not None and not callable(value):
        raise TypeError(f"{name} must be None or a function, got {brief(value)}")


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
    number = value if type(value) is float else _as_float(name, value)
    if not math.isfinite(number):
        raise ValueError(f"{name} must be finite, got {number}")
    if above is not None and number <= above:
        raise ValueError(f"{name} must be greater than {above:g}, got {number:g}")
    if below is not None and number >= below:
        raise ValueError(f"{name} must be less than {below:g}, got {number:g}")
    if minimum is not None and number < minimum:
        raise ValueError(f"{name} must be at least {minimum:g}, got {number:g}")
    if maximum is not None and number > maximum:
        raise ValueError(f"{name} must be at most {maximum:g}, got {number:g}")
    return number


def _as_float(name: str, value: object) -> float:
    unmasked(name, value)
    scalar = isinstance(value, (numbers.Real, np.floating, np.integer)) and not isinstance(value, bool)
    if not scalar and not (isinstance(value, np.ndarray) and value.ndim == 0 and value.dtype.kind in "iuf"):
        raise TypeError(f"{name} must be a real number, got {type(value).__name__}")
    try:
        return float(value)  # type: ignore[arg-type]
    except OverflowError:
        raise ValueError(f"{name} is too large for double precision, got {brief(value)}") from None


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
    unmasked(name, values)
    try:
        array = np.asarray(on_host(values))
    except ValueError:
        raise TypeError(f"{name} must be an array of real numbers; got a ragged sequence") from None
    except (TypeError, RuntimeError, OverflowError) as error:  # what arrays of other libraries raise
        raise TypeError(f"{name} must be an array of real numbers: {error}") from None
    if array.dtype.kind == "c":
        raise TypeError(
            f"{name} must be real, got complex values (dtype {array.dtype}); take .real or abs() first"
        )
    if array.dtype.kind == "O":
        raise TypeError(
            f"{name} must be an array of real numbers; an entry is none, or too large for double precision"
        )
    if array.dtype.kind not in "iuf":
        raise TypeError(f"{name} must be an array of real numbers, got dtype {array.dtype}")
    with np.errstate(over="ignore"):  # of wider floats; infinity is then refused as such
        return array.astype(np.float64, copy=False)


def unmasked(name: str, values: object) -> None:
    """Raise ValueError for masked entries, which an array of numbers cannot hold."""
    parts = values if isinstance(values, (list, tuple)) else (values,)
    hidden = sum(int(np.count_nonzero(part.mask)) for part in parts if isinstance(part, np.ma.MaskedArray))
    if hidden:
        raise ValueError(
            f"{name} has {hidden} masked entries; fill them (numpy.ma.filled(values, number)) or leave them out "
            "(values.compressed())"
        )


def on_host(values: Any) -> Any:
    """A tensor's values in host memory, without its gradient; anything else as it is."""
    if hasattr(values, "detach") and hasattr(values, "cpu"):
        return values.detach().cpu().numpy()
    return values


def brief(value: object) -> str:
    """What a message shows of a value: never hundreds of digits."""
    if isinstance(value, int) and value.bit_length() > 100:
        return f"an integer of {value.bit_length()} bits"
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:97]}..."


def first_bad(mask: NDArray[np.bool_]) -> int | tuple[int, ...]:
    """Index of the first True of `mask`: an int for vectors, a tuple otherwise."""
    index = tuple(int(i) for i in np.argwhere(mask)[0])
    return index[0] if len(index) == 1 else index


def finite(name: str, array: FloatArray) -> None:
    """Raise ValueError at the first NaN or infinity."""
    if not np.isfinite(array).all():
        bad = first_bad(~np.isfinite(array))
        raise ValueError(f"{name} must be finite; {name}[{_show(bad)}] is {array[bad]}")


def vector(name: str, values: object, *, length: int | None = None, longest: int | None = None) -> FloatArray:
    """A one-dimensional, non-empty, finite float64 array (contiguous; a copy only where needed)."""
    array = real_array(name, values)
    if array.ndim != 1:
        raise ValueError(f"{name} must be one-dimensional, got shape {array.shape}")
    if array.size == 0:
        raise ValueError(f"{name} must not be empty")
    if longest is not None and array.size > longest:
        raise ValueError(f"{name} must have at most {longest} entries, got {array.size}")
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
