"""A denoiser bound to its starts: counted, checked, with its conditions cut to the rows of each call."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .arrays import Array, Numpy

Index = NDArray[np.intp]


class Denoiser(Protocol):
    """What this library calls: the prediction of the clean data from y = x / alpha at the level sigma.

    A function may have a third parameter ``index``: an integer array that says which starts the rows are.
    """

    def __call__(self, y: Array, sigma: float, /) -> Array: ...


class Calls:
    """Calls of a denoiser for the rows of some starts.

    Parameters
    ----------
    denoiser : callable
        ``denoiser(y, sigma)`` or ``denoiser(y, sigma, index)``.
    ops : Numpy
        Operations of the arrays' framework.
    starts : int
        How many starts there are in all.
    """

    def __init__(self, denoiser: Any, ops: Numpy, starts: int) -> None:
        if not callable(denoiser):
            raise TypeError(
                f"denoiser must be callable as denoiser(y, sigma), got {type(denoiser).__name__}; "
                "ss.models has adapters for networks"
            )
        for_starts = getattr(denoiser, "for_starts", None)
        self.denoiser = for_starts(starts) if callable(for_starts) else denoiser
        self.takes_index = _takes_index(self.denoiser)
        self.per_row = bool(getattr(self.denoiser, "per_row", False))
        self.ops = ops
        self.starts = starts
        self.calls = 0
        """Network calls so far, each of one sample."""

    def __call__(self, y: Array, sigma: Any, index: Index) -> Array:
        self.calls += y.shape[0]
        try:
            output = self.denoiser(y, sigma, index=index) if self.takes_index else self.denoiser(y, sigma)
        except Exception as error:
            if y.shape[0] > 1 and self.ops.is_out_of_memory(error):
                output = (
                    None  # retried below, when the traceback no longer holds the tensors of the failed call
                )
            else:
                raise
        if output is None:
            return self._in_halves(y, sigma, index)
        if type(output) is not type(y) or output.shape != y.shape or output.dtype != y.dtype:
            self._complain(y, output)
        return output

    def checked(self, y: Array, sigma: Any, index: Index) -> Array:
        """The same, and an error if an entry is NaN or infinite."""
        output = self(y, sigma, index)
        if not self.ops.finite(output):
            shown = f"{float(np.min(sigma)):.6g}"
            raise ValueError(
                f"the denoiser returned NaN or infinity at sigma = {shown}; check its precision (half precision "
                "overflows at high levels) and the range of levels that it was trained on"
            )
        return output

    def check_levels(self, levels: NDArray[np.float64]) -> None:
        """Raise where the denoiser knows its range and a positive level lies outside."""
        check = getattr(self.denoiser, "check_levels", None)
        if check is not None:
            check(levels[levels > 0])

    def check_deterministic(self, y: Array, sigma: float, index: Index) -> None:
        """Raise unless rows get the same prediction again, alone and in company."""
        first = self.ops.to_host(self.checked(y, sigma, index))
        part = np.arange((y.shape[0] + 1) // 2)
        try:
            again = self.ops.to_host(self.checked(self.ops.take(y, part), sigma, index[part]))
        except Exception as error:
            raise ValueError(
                f"the denoiser fails on {part.size} of {y.shape[0]} starts ({type(error).__name__}: {error}); give it "
                "a third parameter `index` (which starts the rows are) for conditions that differ between starts"
            ) from error
        change = np.sqrt(np.mean((again - first[part]) ** 2))
        size = np.sqrt(np.mean(first**2))
        # Batches of another size round differently, at most like a short sum of independent roundings.
        if change > np.sqrt(self.ops.epsilon(y)) * max(size, 1e-30):
            raise ValueError(
                f"two calls of the denoiser on the same rows differ by {change / max(size, 1e-30):.2g} of their "
                "size: it is random, keeps state or mixes rows; call network.eval(), fix its noise, and use `index` "
                "for conditions that differ between starts"
            )

    def _in_halves(self, y: Array, sigma: Any, index: Index) -> Array:
        """After the device's memory was exceeded: two smaller batches."""
        self.calls -= y.shape[0]
        half = y.shape[0] // 2
        parts = []
        for rows in (slice(None, half), slice(half, None)):
            level = sigma[rows] if isinstance(sigma, np.ndarray) else sigma
            parts.append(self(y[rows], level, index[rows]))
        return self.ops.concatenate(parts)

    def _complain(self, y: Array, output: Any) -> None:
        if not isinstance(output, type(y)) and not (hasattr(output, "shape") and hasattr(output, "dtype")):
            raise TypeError(
                f"the denoiser must return an array like its input ({self.ops.arrays}), got {type(output).__name__}"
                + ("; return its .sample" if hasattr(output, "sample") else "")
            )
        if not isinstance(output, type(y)) and type(output).__module__ != type(y).__module__:
            raise TypeError(
                f"the denoiser must return a {self.ops.arrays} as it was given, got "
                f"{type(output).__module__}.{type(output).__name__}"
            )
        for what in ("shape", "dtype"):
            got, asked = getattr(output, what), getattr(y, what)
            if got != asked:
                shown = (tuple(got), tuple(asked)) if what == "shape" else (got, asked)
                raise ValueError(
                    f"the denoiser must return the {what} of its input, {shown[1]}, got {shown[0]}"
                    + ("; cast its result: prediction.to(y.dtype)" if what == "dtype" else "")
                )


def check_device(ops: Numpy, y: Array, output: Array) -> None:
    """Raise if a prediction lives elsewhere than its input."""
    if ops.device(y) != ops.device(output):
        raise ValueError(
            f"the denoiser must return an array on the device of its input, {ops.device(y)}, got {ops.device(output)}"
        )


def _takes_index(denoiser: Callable[..., Any]) -> bool:
    target: Any = getattr(denoiser, "forward", denoiser)
    called = target if inspect.isroutine(target) else type(target).__call__
    code = getattr(called, "__code__", None)
    if code is not None and not hasattr(called, "__wrapped__") and not hasattr(target, "__signature__"):
        # What its signature says, in a fiftieth of the time.
        return "index" in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    try:
        parameters = inspect.signature(target).parameters
    except (TypeError, ValueError):  # some compiled callables have none to show
        return False
    return "index" in parameters
