"""Designs as a user would make them with SciPy, from any function that returns value and gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
from peers import Array, ValueAndGrad


def scipy_design(
    value_and_grad: ValueAndGrad, start: Array, *, method: str = "SLSQP", max_iter: int = 1000
) -> tuple[float, Array, int]:
    """Minimise over the inner levels, ends fixed, order kept, by SLSQP or trust-constr with exact gradient.

    The variables are u = log sigma; a last level of 0 stays. Returns the loss, the levels and the iterations.
    """
    from scipy import optimize

    first, inner, last = start[:1], np.log(start[1:-1]), start[-1:]
    n = inner.size
    slopes = np.eye(n + 1, n, k=-1) - np.eye(n + 1, n)  # each level's log minus that of the next
    offset = np.zeros(n + 1)
    offset[0] = np.log(first[0])
    if last[0] > 0:
        offset[-1] = -np.log(last[0])
    else:
        slopes, offset = slopes[:-1], offset[:-1]

    def objective(u: Array) -> tuple[float, Array]:
        levels = np.concatenate([first, np.exp(u), last])
        value, gradient = value_and_grad(levels)
        return value, np.asarray(gradient)[1:-1] * levels[1:-1]

    if method == "SLSQP":
        order: Any = {"type": "ineq", "fun": lambda u: slopes @ u + offset, "jac": lambda u: slopes}
        options: dict[str, Any] = {"maxiter": max_iter, "ftol": 1e-13}
    else:
        order = optimize.LinearConstraint(slopes, -offset, np.inf)
        options = {"maxiter": max_iter, "gtol": 1e-8, "xtol": 1e-10}
    result = optimize.minimize(
        objective, inner, jac=True, method=method, constraints=[order], options=options
    )
    return float(result.fun), np.concatenate([first, np.exp(result.x), last]), int(result.nit)
