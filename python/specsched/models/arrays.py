"""The few array operations that sampling needs, for NumPy, PyTorch and JAX; frameworks load when their arrays come."""

from __future__ import annotations

import contextlib
import math
import sys
import warnings
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = Any
"""An array of NumPy, PyTorch or JAX."""
Terms: TypeAlias = Sequence[tuple[float, Array]]


class Numpy:
    """Operations on NumPy arrays; also what the other frameworks share."""

    name: ClassVar[str] = "NumPy"
    arrays: ClassVar[str] = "numpy.ndarray"

    def dtype(self, array: Array) -> str:
        """Name of the element type."""
        return str(array.dtype).removeprefix("torch.")

    def device(self, array: Array) -> str:
        """Where the array lives."""
        return "cpu"

    def is_real(self, array: Array) -> bool:
        """Whether it holds floating-point numbers."""
        return self.dtype(array) in _EPSILON

    def epsilon(self, array: Array) -> float:
        """Relative spacing of its numbers."""
        return _EPSILON[self.dtype(array)]

    def combine(self, terms: Terms) -> Array:
        """Sum of factor * array, in a new array."""
        (factor, array), *rest = terms
        total = array * factor
        for factor, array in rest:
            total += array * factor
        return total

    def normal(self, generator: Any, like: Array) -> Array:
        """Standard normal numbers of the shape, type and device of `like`."""
        draw = generator if generator is not None else np.random.default_rng()
        if not isinstance(draw, (np.random.Generator, np.random.RandomState)):
            raise TypeError(
                f"generator must be a numpy.random.Generator for NumPy arrays, got {type(draw).__name__}"
            )
        return draw.standard_normal(like.shape).astype(like.dtype, copy=False)

    def generator(self, generator: Any) -> Any:
        """What `normal` draws from in turn, from what the caller gave."""
        return np.random.default_rng() if generator is None else generator

    def to_host(self, array: Array) -> NDArray[np.float64]:
        """A float64 NumPy copy."""
        return np.array(array, dtype=np.float64)

    def from_host(self, values: NDArray[Any], like: Array) -> Array:
        """A NumPy array as one of the type and device of `like`."""
        return values.astype(like.dtype)

    def rows(self, value: float | NDArray[Any], like: Array) -> Array:
        """One number for each row of `like`, shape (rows,), of its type and device."""
        return np.broadcast_to(np.asarray(value, dtype=like.dtype), like.shape[:1])

    def concatenate(self, arrays: Sequence[Array]) -> Array:
        """Rows of several arrays in one."""
        return np.concatenate(arrays) if len(arrays) > 1 else arrays[0]

    def take(self, array: Array, rows: NDArray[np.intp]) -> Array:
        """The rows with these numbers."""
        return array[rows]

    def finite(self, array: Array) -> bool:
        """Whether no entry is NaN or infinite."""
        return bool(np.isfinite(array).all())

    def quiet(self) -> contextlib.AbstractContextManager[Any]:
        """Context in which the framework keeps no record for gradients."""
        return contextlib.nullcontext()

    def is_out_of_memory(self, error: BaseException) -> bool:
        """Whether fewer rows at once would help."""
        return isinstance(error, MemoryError)

    def pushforward(self, function: Callable[[Array], Array], at: Array, tangents: Array) -> Array:
        """Derivatives of a function of `at` in the directions ``tangents[k]``, by forward-mode differentiation."""
        raise NotImplementedError(
            "arrays of NumPy have no forward-mode derivatives; pass tensors of PyTorch or JAX"
        )


class Torch(Numpy):
    """Operations on PyTorch tensors; nothing here waits for a device or copies to the host unless it says so."""

    name = "PyTorch"
    arrays = "torch.Tensor"

    def __init__(self, torch: Any) -> None:
        self.torch = torch

    def device(self, array: Array) -> str:
        return str(array.device)

    def combine(self, terms: Terms) -> Array:
        (factor, array), *rest = terms
        total = array * factor
        for factor, array in rest:
            total.add_(array, alpha=factor)  # `total` is ours
        return total

    def normal(self, generator: Any, like: Array) -> Array:
        torch = self.torch
        if isinstance(generator, (list, tuple)) and len(generator) == like.shape[0]:  # one for each row
            return torch.cat([self.normal(one, like[i : i + 1]) for i, one in enumerate(generator)])
        if generator is not None and not isinstance(generator, torch.Generator):
            raise TypeError(
                f"generator must be a torch.Generator for PyTorch tensors, got {type(generator).__name__}"
            )
        place = like.device if generator is None else generator.device
        noise = torch.randn(like.shape, generator=generator, device=place, dtype=like.dtype)
        return noise.to(like.device)  # a generator of the CPU draws the same numbers for every device

    def generator(self, generator: Any) -> Any:
        return generator  # None is torch's global one

    def to_host(self, array: Array) -> NDArray[np.float64]:
        return np.array(array.detach().to(self.torch.float64).cpu().numpy())

    def from_host(self, values: NDArray[Any], like: Array) -> Array:
        return self.torch.as_tensor(values, device=like.device).to(like.dtype)

    def rows(self, value: float | NDArray[Any], like: Array) -> Array:
        if isinstance(value, np.ndarray):
            return self.from_host(value, like)
        return self.torch.full(like.shape[:1], value, dtype=like.dtype, device=like.device)

    def concatenate(self, arrays: Sequence[Array]) -> Array:
        return self.torch.cat(list(arrays)) if len(arrays) > 1 else arrays[0]

    def take(self, array: Array, rows: NDArray[np.intp]) -> Array:
        return array[self.torch.as_tensor(rows, device=array.device)]

    def finite(self, array: Array) -> bool:
        # One kernel instead of five; where the sum of finite numbers overflows, they decide.
        wide = self.torch.float32 if array.element_size() < 4 else None
        return math.isfinite(array.sum(dtype=wide)) or bool(self.torch.isfinite(array).all())

    def quiet(self) -> contextlib.AbstractContextManager[Any]:
        return self.torch.no_grad()  # type: ignore[no-any-return]

    def is_out_of_memory(self, error: BaseException) -> bool:
        return isinstance(error, (MemoryError, self.torch.cuda.OutOfMemoryError))

    def pushforward(self, function: Callable[[Array], Array], at: Array, tangents: Array) -> Array:
        torch = self.torch
        from torch.nn.attention import SDPBackend, sdpa_kernel

        # Of the kernels for attention only the plain one has a forward derivative.
        with warnings.catch_warnings(), sdpa_kernel(SDPBackend.MATH), _contiguous_norms(torch):
            warnings.simplefilter("ignore", DeprecationWarning)  # of what PyTorch uses itself
            return torch.func.vmap(lambda tangent: torch.func.jvp(function, (at,), (tangent,))[1])(tangents)


@lru_cache(maxsize=1)
def _contiguous_norms(torch: Any) -> Any:
    """Context in which group normalisation copies what is not contiguous: its derivative takes nothing else."""

    class Contiguous(torch.overrides.TorchFunctionMode):  # type: ignore[misc]
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            if func is torch.nn.functional.group_norm:
                args = (args[0].contiguous(), *args[1:])
            return func(*args, **(kwargs or {}))

    return Contiguous()


class _Keys:
    """A JAX key that gives a new one for every draw."""

    def __init__(self, jax: Any, key: Any) -> None:
        self._jax = jax
        self._key = key

    def next(self) -> Any:
        self._key, key = self._jax.random.split(self._key)
        return key


class Jax(Numpy):
    """Operations on JAX arrays."""

    name = "JAX"
    arrays = "jax.Array"

    def __init__(self, jax: Any) -> None:
        self.jax = jax

    def device(self, array: Array) -> str:
        return ", ".join(sorted(map(str, array.devices())))

    def combine(self, terms: Terms) -> Array:
        (factor, array), *rest = terms
        total = array * factor
        for factor, array in rest:
            total = total + array * factor
        return total

    def normal(self, generator: Any, like: Array) -> Array:
        return self.jax.random.normal(generator.next(), like.shape, like.dtype)

    def generator(self, generator: Any) -> Any:
        if generator is None:
            raise ValueError(
                "generator is needed for JAX, which has no global one: pass generator=jax.random.key(0)"
            )
        return _Keys(self.jax, generator)

    def from_host(self, values: NDArray[Any], like: Array) -> Array:
        place = getattr(like, "sharding", None)  # what stands for arrays in derivatives has none
        return self.jax.device_put(self.jax.numpy.asarray(values, dtype=like.dtype), place)

    def rows(self, value: float | NDArray[Any], like: Array) -> Array:
        values = np.broadcast_to(np.asarray(value, dtype=np.float64), like.shape[:1])
        return self.jax.numpy.asarray(values, dtype=like.dtype)

    def concatenate(self, arrays: Sequence[Array]) -> Array:
        return self.jax.numpy.concatenate(list(arrays)) if len(arrays) > 1 else arrays[0]

    def finite(self, array: Array) -> bool:
        return bool(self.jax.numpy.isfinite(array).all())

    def pushforward(self, function: Callable[[Array], Array], at: Array, tangents: Array) -> Array:
        return self.jax.vmap(self.jax.linearize(function, at)[1])(tangents)


_EPSILON = {"float64": 2.0**-52, "float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}
_NUMPY = Numpy()


@lru_cache(maxsize=1)
def _torch() -> Torch:
    import torch

    return Torch(torch)


@lru_cache(maxsize=1)
def _jax() -> Jax:
    import jax

    return Jax(jax)


def namespace_of(name: str, array: Array) -> Numpy:
    """The operations for this kind of array; `name` is the argument that errors blame."""
    if isinstance(array, np.ndarray):
        return _NUMPY
    # Whoever holds a tensor has loaded its framework, so that none is loaded here in vain.
    torch, jax = sys.modules.get("torch"), sys.modules.get("jax")
    if torch is not None and isinstance(array, torch.Tensor):
        return _torch()
    if jax is not None and isinstance(array, jax.Array):
        return _jax()
    raise TypeError(
        f"{name} must be an array of NumPy, PyTorch or JAX, got {type(array).__module__}.{type(array).__name__}"
    )


def check_noise(noise: Array) -> Numpy:
    """The namespace of standard normal noise for at least one start, or a clear error."""
    ops = namespace_of("noise", noise)
    if not ops.is_real(noise):
        raise TypeError(
            f"noise must hold floating-point numbers, got dtype {ops.dtype(noise)}; one of {', '.join(_EPSILON)}"
        )
    if noise.ndim < 2 or 0 in noise.shape:
        raise ValueError(
            f"noise must have the starts as its first axis and at least one more, got shape {tuple(noise.shape)}"
        )
    return ops


def check_spread(noise: Array, ops: Numpy) -> None:
    """Raise if the numbers cannot be standard normal, as when they were scaled by sigma already."""
    values = ops.to_host(noise)
    if not np.isfinite(values).all():
        raise ValueError(f"noise must be finite; {_count_bad(values)} of its {values.size} entries are not")
    largest = float(np.abs(values).max()) or 1.0
    size = largest * float(np.sqrt(np.mean((values / largest) ** 2)))  # no square overflows
    # 6 standard deviations of the root mean square of this many standard normal numbers.
    if abs(size - 1.0) > 6.0 / np.sqrt(2.0 * values.size) + 0.05:
        raise ValueError(
            f"noise must be standard normal (it is scaled to the first level here); its root mean square is {size:.3g}"
        )


def _count_bad(values: NDArray[np.float64]) -> int:
    return int(values.size - np.isfinite(values).sum())
