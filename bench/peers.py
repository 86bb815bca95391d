"""What a user would otherwise write: W2 distance and gradient of DDIM and DPM-Solver++(2M), written well.

All work in float64 for the variance-preserving process, with multiplicities and mean, and return
(value, d value / d sigmas). A peer is made once per spectrum and steps; what is called is timed.
With y = x / alpha and levels r_0 > r_1 > ... > r_S (noise -> clean), DDIM multiplies the deviation from the
mean by P = prod_k (lambda + r_k r_{k+1}) / (lambda + r_k^2), so that std = alpha_end P sqrt(1 + r_0^2) and
D2 = alpha_end (1 - P).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
ValueAndGrad = Callable[[Array], tuple[float, Array]]
Spectrum = tuple[Array, Array, Array]  # eigenvalues, weights, mean power


# ---- pieces that the hand-written gradients share


def _ends(levels: Array) -> tuple[float, float]:
    """Scale of the result, standard deviation of the start in y."""
    return float(1 / np.sqrt(1 + levels[-1] ** 2)), float(np.sqrt(1 + levels[0] ** 2))


def _sums(
    spectrum: Spectrum, product: Array, mean_gain: Array, scale: float, start: float
) -> tuple[Array, Array, Array, Array]:
    """Per eigenvalue: squared terms, and their derivatives by P, by log(start) and by log(scale)."""
    eigenvalues, weights, power = spectrum
    std = scale * start * product
    spread, lost = std - np.sqrt(eigenvalues), mean_gain - 1
    by_std, by_mean = 2 * weights * spread, 2 * power * lost
    return (
        weights * spread**2 + power * lost**2,
        by_std * (scale * start) - by_mean * scale,
        by_std * std,
        by_std * std + by_mean * mean_gain,
    )


def _finish(
    total: float, gradient: Array, by_start: float, by_scale: float, levels: Array
) -> tuple[float, Array]:
    """Add the direct derivatives by the ends, and go from the squared distance to the distance."""
    gradient[0] += by_start * levels[0] / (1 + levels[0] ** 2)
    gradient[-1] -= by_scale * levels[-1] / (1 + levels[-1] ** 2)
    distance = float(np.sqrt(total))
    return distance, gradient / (2 * distance)


# ---- NumPy


def numpy_literal(spectrum: Spectrum, steps: int) -> ValueAndGrad:
    """The paper's recurrences step by step (a, b, G, M, D1, D2 in abar), then the gradient level by level."""
    eigenvalues = spectrum[0]

    def forward(levels: Array) -> tuple[Array, Array]:
        alpha_bar = 1 / (1 + levels**2)
        gain, mean_gain = np.ones_like(eigenvalues), np.zeros_like(eigenvalues)
        for now, then in pairwise(alpha_bar):
            a = np.sqrt((1 - then) / (1 - now))
            b = np.sqrt(then) - a * np.sqrt(now)
            inverse = 1 / (now * eigenvalues + 1 - now)
            step = a + b * np.sqrt(now) * eigenvalues * inverse
            mean_gain = step * mean_gain + b * (1 - now) * inverse
            gain = gain * step
        return gain, mean_gain

    def value_and_grad(levels: Array) -> tuple[float, Array]:
        scale, start = _ends(levels)
        gain, mean_gain = forward(levels)
        product = gain / (scale * start)
        terms, by_product, by_start, by_scale = _sums(spectrum, product, mean_gain, scale, start)
        pull = by_product * product
        gradient = np.zeros(steps + 1)
        for k in range(steps):
            across = pull / (eigenvalues + levels[k] * levels[k + 1])
            gradient[k] += (
                across.sum() * levels[k + 1] - 2 * levels[k] * (pull / (eigenvalues + levels[k] ** 2)).sum()
            )
            gradient[k + 1] += across.sum() * levels[k]
        return _finish(terms.sum(), gradient, by_start.sum(), by_scale.sum(), levels)

    return value_and_grad


def numpy_vectorised(spectrum: Spectrum, steps: int) -> ValueAndGrad:
    """Whole (eigenvalues x steps) arrays with the analytic adjoint, in blocks that stay in the cache."""
    block = max(1, 2**15 // (steps + 1))
    parts = [
        tuple(np.ascontiguousarray(a[i : i + block]) for a in spectrum)
        for i in range(0, spectrum[0].size, block)
    ]

    def value_and_grad(levels: Array) -> tuple[float, Array]:
        scale, start = _ends(levels)
        across, square = levels[:-1] * levels[1:], levels[:-1] ** 2
        total, sums = 0.0, np.zeros(2)
        pull_across, pull_square = np.zeros(steps), np.zeros(steps)
        for part in parts:
            column = part[0][:, None]
            numerator, denominator = column + across, column + square
            product = np.prod(numerator / denominator, axis=1)
            terms, by_product, by_start, by_scale = _sums(part, product, scale * (1 - product), scale, start)
            pull = by_product * product
            pull_across += pull @ np.reciprocal(numerator, out=numerator)
            pull_square += pull @ np.reciprocal(denominator, out=denominator)
            total += terms.sum()
            sums += by_start.sum(), by_scale.sum()
        gradient = np.zeros(steps + 1)
        gradient[:-1] = pull_across * levels[1:] - 2 * pull_square * levels[:-1]
        gradient[1:] += pull_across * levels[:-1]
        return _finish(total, gradient, sums[0], sums[1], levels)

    return value_and_grad


# ---- numba


def numba_parallel(spectrum: Spectrum, steps: int) -> ValueAndGrad:
    """Compiled, parallel over blocks of eigenvalues, the inner loop over lanes so that it vectorises."""
    kernel = _numba_kernel()

    def value_and_grad(levels: Array) -> tuple[float, Array]:
        scale, start = _ends(levels)
        partial = kernel(*spectrum, levels, scale, start).sum(axis=0)
        return _finish(float(partial[0]), partial[3:], float(partial[1]), float(partial[2]), levels)

    return value_and_grad


_kernels: dict[str, Any] = {}


def _numba_kernel() -> Any:
    if "numba" in _kernels:
        return _kernels["numba"]
    import numba

    lanes = 64

    @numba.njit(parallel=True, fastmath=True, error_model="numpy")
    def kernel(
        eigenvalues: Array, weights: Array, power: Array, levels: Array, scale: float, start: float
    ) -> Array:  # pragma: no cover
        size, steps = eigenvalues.size, levels.size - 1
        blocks = (size + lanes - 1) // lanes
        partial = np.zeros((blocks, steps + 4))
        for b in numba.prange(blocks):
            lo, n = b * lanes, min(lanes, size - b * lanes)
            # The last block is padded with entries that weigh nothing.
            value, pull = np.ones(lanes), np.zeros(lanes)
            product = np.ones(lanes)
            value[:n] = eigenvalues[lo : lo + n]
            for k in range(steps):
                across, square = levels[k] * levels[k + 1], levels[k] * levels[k]
                for j in range(lanes):
                    product[j] *= (value[j] + across) / (value[j] + square)
            for j in range(n):
                std, mean_gain = scale * start * product[j], scale * (1 - product[j])
                spread, lost = std - np.sqrt(value[j]), mean_gain - 1
                by_std, by_mean = 2 * weights[lo + j] * spread, 2 * power[lo + j] * lost
                partial[b, 0] += weights[lo + j] * spread**2 + power[lo + j] * lost**2
                partial[b, 1] += by_std * std
                partial[b, 2] += by_std * std + by_mean * mean_gain
                pull[j] = (by_std * start - by_mean) * scale * product[j]
            for k in range(steps):
                across, square = levels[k] * levels[k + 1], levels[k] * levels[k]
                sum_across, sum_square = 0.0, 0.0
                for j in range(lanes):
                    # One division for both reciprocals.
                    p, q = value[j] + across, value[j] + square
                    both = pull[j] / (p * q)
                    sum_across += both * q
                    sum_square += both * p
                partial[b, 3 + k] += sum_across * levels[k + 1] - 2 * sum_square * levels[k]
                partial[b, 4 + k] += sum_across * levels[k]
        return partial

    _kernels["numba"] = kernel
    return kernel


# ---- JAX


def _jax_peer(gain: Callable[[Any, Any, Any], Any], spectrum: Spectrum) -> ValueAndGrad:
    """jit(value_and_grad) of the W2 distance whose gain P is gain(jax, eigenvalues, levels)."""
    import jax

    jax.config.update("jax_enable_x64", True)
    import jax.numpy as jnp

    @jax.jit
    def compiled(eigenvalues: Any, weights: Any, power: Any, levels: Any) -> Any:
        def loss(levels: Any) -> Any:
            scale = 1 / jnp.sqrt(1 + levels[-1] ** 2)
            product = gain(jax, eigenvalues, levels)
            spread = scale * jnp.sqrt(1 + levels[0] ** 2) * product - jnp.sqrt(eigenvalues)
            lost = scale * (1 - product) - 1
            return jnp.sqrt(jnp.sum(weights * spread**2) + jnp.sum(power * lost**2))

        return jax.value_and_grad(loss)(levels)

    held = tuple(jnp.asarray(a) for a in spectrum)

    def value_and_grad(levels: Array) -> tuple[float, Array]:
        value, gradient = compiled(*held, levels)
        return float(value), np.asarray(gradient)

    return value_and_grad


def _jax_ddim_scan(jax: Any, eigenvalues: Any, levels: Any) -> Any:
    def step(product: Any, pair: Any) -> Any:
        now, then = pair
        return product * (eigenvalues + now * then) / (eigenvalues + now * now), None

    return jax.lax.scan(step, jax.numpy.ones_like(eigenvalues), (levels[:-1], levels[1:]))[0]


def _jax_ddim_vectorised(jax: Any, eigenvalues: Any, levels: Any) -> Any:
    log1p, column = jax.numpy.log1p, eigenvalues[:, None]
    across, square = levels[:-1] * levels[1:], levels[:-1] ** 2
    return jax.numpy.exp(jax.numpy.sum(log1p((across - square) / (column + square)), axis=1))


def _jax_2m_scan(jax: Any, eigenvalues: Any, levels: Any) -> Any:
    """y' = (r'/r) y + (1 - r'/r) [(1 + c) D - c D_before], c = h/(2 h_before); first order at both ends."""
    jnp = jax.numpy
    h = jnp.log(levels[:-2] / levels[1:-1])
    half = jnp.concatenate([jnp.zeros(1), h[1:] / (2 * h[:-1])])

    def step(carry: Any, inputs: Any) -> Any:
        y, before = carry
        now, then, c = inputs
        clean = eigenvalues / (eigenvalues + now * now) * y
        ratio = then / now
        return (ratio * y + (1 - ratio) * ((1 + c) * clean - c * before), clean), None

    one = jnp.ones_like(eigenvalues)
    (y, _), _ = jax.lax.scan(step, (one, one), (levels[:-2], levels[1:-1], half))
    return _last_step(eigenvalues, levels, y)


def _jax_2m_unrolled(jax: Any, eigenvalues: Any, levels: Any) -> Any:
    return _unrolled_2m(jax.numpy, eigenvalues, levels)


def _last_step(eigenvalues: Any, levels: Any, y: Any) -> Any:
    ratio = levels[-1] / levels[-2]
    return ratio * y + (1 - ratio) * (eigenvalues / (eigenvalues + levels[-2] ** 2)) * y


def _unrolled_2m(xp: Any, eigenvalues: Any, levels: Any) -> Any:
    """The same recurrence as a Python loop, which JAX unrolls and PyTorch records."""
    h = xp.log(levels[:-2] / levels[1:-1])
    shrink = eigenvalues / (eigenvalues + levels[:-1, None] ** 2)
    ratio = levels[1:] / levels[:-1]
    y = before = xp.ones_like(eigenvalues)
    for k in range(levels.shape[0] - 2):
        clean = shrink[k] * y
        mixed = clean if k == 0 else clean + (clean - before) * (h[k] / (2 * h[k - 1]))
        y, before = ratio[k] * y + (1 - ratio[k]) * mixed, clean
    return _last_step(eigenvalues, levels, y)


def jax_scan(spectrum: Spectrum, steps: int) -> ValueAndGrad:
    """DDIM, jit(value_and_grad) over lax.scan."""
    return _jax_peer(_jax_ddim_scan, spectrum)


def jax_vectorised(spectrum: Spectrum, steps: int) -> ValueAndGrad:
    """DDIM, jit(value_and_grad) of the sum of logarithms."""
    return _jax_peer(_jax_ddim_vectorised, spectrum)


def jax_scan_2m(spectrum: Spectrum, steps: int) -> ValueAndGrad:
    """DPM-Solver++(2M), jit(value_and_grad) over lax.scan."""
    return _jax_peer(_jax_2m_scan, spectrum)


def jax_unrolled_2m(spectrum: Spectrum, steps: int) -> ValueAndGrad:
    """DPM-Solver++(2M), jit(value_and_grad) of the unrolled loop."""
    return _jax_peer(_jax_2m_unrolled, spectrum)


# ---- PyTorch


def _torch_peer(gain: Callable[[Any, Any, Any], Any], spectrum: Spectrum, *, compiled: bool) -> ValueAndGrad:
    import torch

    eigenvalues, weights, power = (torch.tensor(a, dtype=torch.float64) for a in spectrum)
    root = torch.sqrt(eigenvalues)

    def loss(levels: Any) -> Any:
        scale = 1 / torch.sqrt(1 + levels[-1] ** 2)
        product = gain(torch, eigenvalues, levels)
        spread = scale * torch.sqrt(1 + levels[0] ** 2) * product - root
        lost = scale * (1 - product) - 1
        return torch.sqrt((weights * spread**2).sum() + (power * lost**2).sum())

    run = torch.compile(loss) if compiled else loss

    def value_and_grad(levels: Array) -> tuple[float, Array]:
        variable = torch.tensor(levels, dtype=torch.float64, requires_grad=True)
        value = run(variable)
        (gradient,) = torch.autograd.grad(value, variable)
        return float(value.detach()), gradient.numpy()

    return value_and_grad


def _torch_ddim(torch: Any, eigenvalues: Any, levels: Any) -> Any:
    across, square = levels[:-1] * levels[1:], levels[:-1] ** 2
    return torch.exp(torch.log1p((across - square) / (eigenvalues[:, None] + square)).sum(dim=1))


def torch_autograd(spectrum: Spectrum, steps: int) -> ValueAndGrad:
    """DDIM, eager autograd of the sum of logarithms."""
    return _torch_peer(_torch_ddim, spectrum, compiled=False)


def torch_compiled(spectrum: Spectrum, steps: int) -> ValueAndGrad:
    """DDIM, torch.compile of the same."""
    return _torch_peer(_torch_ddim, spectrum, compiled=True)


def torch_autograd_2m(spectrum: Spectrum, steps: int) -> ValueAndGrad:
    """DPM-Solver++(2M), eager autograd of the loop."""
    return _torch_peer(_unrolled_2m, spectrum, compiled=False)


def torch_compiled_2m(spectrum: Spectrum, steps: int) -> ValueAndGrad:
    """DPM-Solver++(2M), torch.compile of the loop."""
    return _torch_peer(_unrolled_2m, spectrum, compiled=True)


# ---- the same by name, with the package each needs

DDIM_PEERS: dict[str, tuple[str, Callable[[Spectrum, int], ValueAndGrad]]] = {
    "numpy-literal": ("numpy", numpy_literal),
    "numpy-vectorised": ("numpy", numpy_vectorised),
    "numba": ("numba", numba_parallel),
    "jax-scan": ("jax", jax_scan),
    "jax-vectorised": ("jax", jax_vectorised),
    "torch": ("torch", torch_autograd),
    "torch-compile": ("torch", torch_compiled),
}
DPMPP_2M_PEERS: dict[str, tuple[str, Callable[[Spectrum, int], ValueAndGrad]]] = {
    "jax-scan": ("jax", jax_scan_2m),
    "jax-unrolled": ("jax", jax_unrolled_2m),
    "torch": ("torch", torch_autograd_2m),
    "torch-compile": ("torch", torch_compiled_2m),
}
