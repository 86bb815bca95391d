"""What a user of JAX would write for the other solvers: the plain loop over the steps, jitted, with its gradient.

The loops are those of `specsched.testing`, which say each solver as its paper does; JAX unrolls and compiles them. The
last level is 0 and fixed, as a traced level cannot be asked whether it is 0.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from peers import Spectrum, ValueAndGrad, _jax_peer

from specsched.testing.propagation import sampler_loop

SOLVERS = ("heun", "dpmpp_3m", "unipc", "deis", "ipndm")


def _gain(name: str, jax: Any, eigenvalues: Any, levels: Any) -> Any:
    def denoise(y: Any, sigma: Any) -> Any:
        return eigenvalues / (eigenvalues + sigma * sigma) * y

    sigmas = [*(levels[k] for k in range(levels.shape[0] - 1)), 0.0]
    return sampler_loop(name)(denoise, jax.numpy.ones_like(eigenvalues), sigmas, None)


def jax_loop(name: str) -> Callable[[Spectrum, int], ValueAndGrad]:
    """jit(value_and_grad) of the W2 distance of a solver of `SOLVERS`."""
    return lambda spectrum, steps: _jax_peer(partial(_gain, name), spectrum)
