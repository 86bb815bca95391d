"""Results that are kept between calls, bounded by the bytes that they hold."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import update_wrapper
from typing import Any, Generic, TypeVar

R = TypeVar("R")

_OVERHEAD = 1 << 10
"""What an entry takes besides its arrays: the key, its place, and objects around the arrays."""


def cached(most_bytes: int, size: Callable[..., int]) -> Callable[[Callable[..., R]], Cached[R]]:
    """Keeps the results of a function that were used last, as `functools.lru_cache` does, up to a number of bytes.

    Parameters
    ----------
    most_bytes : int
        Bytes of all results together; a larger one is not kept.
    size : callable
        (result) or (result, *arguments) -> bytes of the arrays that an entry keeps.
    """
    return lambda function: Cached(function, most_bytes, size)


class Cached(Generic[R]):
    """A function with its kept results; safe to call from several threads."""

    def __init__(self, function: Callable[..., R], most_bytes: int, size: Callable[..., int]) -> None:
        update_wrapper(self, function)
        self._function, self._most, self._size = function, most_bytes, size
        self._with_arguments = size.__code__.co_argcount > 1
        self._kept: OrderedDict[Hashable, tuple[R, int]] = OrderedDict()
        self._lock = threading.Lock()
        self.nbytes = 0

    def __call__(self, *arguments: Any) -> R:
        with self._lock:
            entry = self._kept.get(arguments)
            if entry is not None:
                self._kept.move_to_end(arguments)
                return entry[0]
        result = self._function(*arguments)
        size = _OVERHEAD + (self._size(result, *arguments) if self._with_arguments else self._size(result))
        with self._lock:
            if arguments not in self._kept:
                self._kept[arguments] = (result, size)
                self.nbytes += size
            while self.nbytes > self._most:
                _, (_, freed) = self._kept.popitem(last=False)
                self.nbytes -= freed
        return result
