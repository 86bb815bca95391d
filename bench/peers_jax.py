"""What a user of JAX would write for the other solvers: the plain loop over the steps, jitted, with its gradient.

The loops are those of `specsched.testing`, which say each solver as its paper does; JAX unrolls and compiles them. The
last level is 0 and fixed, as a traced level cannot be asked whether it is 0. For modes of a recording the sums
of Chebyshev polynomials at all levels are one product of matrices.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.polynomial import chebyshev
from peers import Array, Spectrum, ValueAndGrad, _jax_peer

from specsched.analysis.modes import Modes
from specsched.testing.propagation import sampler_loop

SOLVERS = ("heun", "dpmpp_3m", "unipc", "deis", "ipndm")
SOLVERS_OF_MODES = ("dpmpp_2m", "heun")


def _gain(name: str, jax: Any, eigenvalues: Any, levels: Any) -> Any:
    def denoise(y: Any, sigma: Any) -> Any:
        return eigenvalues / (eigenvalues + sigma * sigma) * y

    sigmas = [*(levels[k] for k in range(levels.shape[0] - 1)), 0.0]
    return sampler_loop(name)(denoise, jax.numpy.ones_like(eigenvalues), sigmas, None)


def jax_loop(name: str) -> Callable[[Spectrum, int], ValueAndGrad]:
    """jit(value_and_grad) of the W2 distance of a solver of `SOLVERS`."""
    return lambda spectrum, steps: _jax_peer(partial(_gain, name), spectrum)


def _trajectory(modes: Modes, terms: int = 64) -> Array:
    """Chebyshev coefficients of every mode's exact solution in log sigma."""
    assert modes.sigma_floor is not None
    low, high, nodes = modes.sigma_floor, modes.sigma_max, chebyshev.chebpts1(terms)
    levels = np.exp(0.5 * (np.log(low * high) + np.log(high / low) * nodes))
    values = np.stack([modes.solution(level) for level in levels])
    return np.asarray(np.linalg.solve(chebyshev.chebvander(nodes, terms - 1), values)).T


def _series(jnp: Any, coefficients: Any, place: Any) -> Any:
    """Sums of T_0, T_1, ... at some places in [-1, 1], one column each."""
    rows = [jnp.ones_like(place), place]
    while len(rows) < coefficients.shape[1]:
        rows.append(2 * place * rows[-1] - rows[-2])
    return coefficients @ jnp.stack(rows)


def jax_modes(name: str, modes: Modes) -> Callable[[Array], tuple[float, Array]]:
    """jit(value_and_grad) of the distance to the exact solution of a recording's modes (vp, the last level 0)."""
    import jax

    jax.config.update("jax_enable_x64", True)
    import jax.numpy as jnp

    assert modes.sigma_floor is not None
    low, high = np.log(modes.sigma_floor), np.log(modes.sigma_max)
    part = modes._parts[0]["arrays"]
    held = [jnp.asarray(part[key]) for key in ("prediction", "slope", "band", "weight")]

    @jax.jit
    @jax.value_and_grad
    def compiled(levels: Any, prediction: Any, slope: Any, band: Any, weight: Any, trajectory: Any) -> Any:
        place = (2 * jnp.log(levels[:-1]) - low - high) / (high - low)
        predicted, solution = _series(jnp, prediction, place), _series(jnp, trajectory, place)
        pull = _series(jnp, slope, place)[band]
        sigmas = [*(levels[k] for k in range(levels.shape[0] - 1)), 0.0]

        def denoise(y: Any, sigma: Any) -> Any:
            k = next(k for k, level in enumerate(sigmas) if level is sigma)
            return predicted[:, k] + pull[:, k] * (y - solution[:, k])

        y = sampler_loop(name)(denoise, solution[:, 0], sigmas, None)
        error = y - _series(jnp, prediction, -jnp.ones(1))[:, 0]
        return jnp.sqrt(jnp.sum(weight * error**2))

    trajectory = jnp.asarray(_trajectory(modes))

    def value_and_grad(levels: Array) -> tuple[float, Array]:
        value, gradient = compiled(levels, *held, trajectory)
        return float(value), np.asarray(gradient)

    return value_and_grad
