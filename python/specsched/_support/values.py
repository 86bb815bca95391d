"""Results that compare by value, and stay what they are through pickle and copy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np


def equal(first: Any, second: Any) -> bool:
    """Whether two values are the same: arrays entry by entry, containers item by item, NaN the same as NaN.

    Examples
    --------
    >>> equal({"a": [1, np.array([0.0, np.nan])]}, {"a": [1, np.array([0.0, np.nan])]})
    True
    """
    if type(first) is not type(second):
        return False
    if isinstance(first, np.ndarray):
        return bool(
            first.dtype == second.dtype and np.array_equal(first, second, equal_nan=first.dtype.kind == "f")
        )
    if isinstance(first, Mapping):
        return list(first) == list(second) and all(equal(first[key], second[key]) for key in first)
    if isinstance(first, (list, tuple)):
        return len(first) == len(second) and all(map(equal, first, second))
    return bool(first == second or (first != first and second != second))


class ByValue:
    """Base of frozen dataclasses (made with ``eq=False``) that hold arrays."""

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return equal(self._compared(), other._compared())

    def __hash__(self) -> int:
        # Of what can be hashed: equal objects then have equal hashes, and few others do.
        return hash(tuple(v for v in self._compared() if isinstance(v, (str, int, bool, type(None)))))

    def _compared(self) -> list[Any]:
        return [getattr(self, field.name) for field in fields(self) if field.compare]  # type: ignore[arg-type]

    def __setstate__(self, state: dict[str, Any]) -> None:
        for value in state.values():
            if isinstance(value, np.ndarray):
                value.flags.writeable = False  # which pickle and copy forget
        self.__dict__.update(state)
