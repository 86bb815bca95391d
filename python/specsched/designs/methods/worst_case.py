"""One schedule for several spectra: the least worst loss."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..._support.checks import FloatArray
from ..problem import Outcome, Problem
from . import slsqp


def minimise(problem: Problem, start: FloatArray) -> Outcome:
    """Minimise t subject to loss_j <= t for every spectrum j, from the mean design; SLSQP with exact gradients.

    The KKT error is that of the Lagrangian: the least-squares non-negative multipliers of the losses within a
    relative 1e-6 of the worst, which sum to 1, together with those of the active order constraints.
    """
    parts = problem.parts()
    matrix, bound = slsqp.order_constraints(problem)
    n = problem.steps - 1
    scale = max(part.loss_of_nodes(start) for part in parts) or 1.0
    if not np.isfinite(scale):
        raise problem.no_finite_loss()
    count = 0

    def losses(x: FloatArray) -> tuple[FloatArray, FloatArray]:
        nonlocal count
        count += 1
        sigmas = slsqp.levels(problem, x[:n])
        pairs = [part.value_and_grad(sigmas) for part in parts]
        values = np.array([value for value, _ in pairs]) / scale
        slopes = np.array([grad[1:-1] * sigmas[1:-1] for _, grad in pairs]) / scale
        return slsqp.finite(values), slsqp.finite(slopes)

    if n == 0:
        return Outcome(start, 0.0, 0, 1, True, "converged")
    order = np.hstack([matrix, np.zeros((len(matrix), 1))])
    constraints: list[dict[str, Any]] = [
        {"type": "ineq", "fun": lambda x: order @ x - bound, "jac": lambda x: order},
        {
            "type": "ineq",
            "fun": lambda x: x[n] - losses(x)[0],
            "jac": lambda x: np.hstack([-losses(x)[1], np.ones((len(parts), 1))]),
        },
    ]
    first = np.append(np.log(start[1:-1]), 1.0)
    slope = np.append(np.zeros(n), 1.0)
    found = slsqp.solve(
        lambda x: (x[n], slope),
        first,
        constraints=constraints,
        options={"maxiter": problem.max_iter, "ftol": 1e-14},
    )
    u = np.asarray(found.x[:n], dtype=np.float64)
    if (matrix @ u < bound).any():
        u = slsqp.repair(u, problem)
    values, slopes = losses(u)
    if values.max() > losses(first)[0].max():
        u = first[:n]
        values, slopes = losses(u)
    error = _kkt_error(values, slopes, matrix, matrix @ u - bound)
    good = error <= max(problem.tol, 1e-5)
    message = "converged" if good else f"SLSQP: {found.message}"
    return Outcome(slsqp.levels(problem, u), error, int(found.nit), count, good, message)


def _kkt_error(values: FloatArray, slopes: FloatArray, matrix: FloatArray, slack: FloatArray) -> float:
    from scipy.optimize import nnls

    worst = values >= values.max() * (1.0 - 1e-6)
    active = matrix[slack < 1e-7]
    # Unknowns: multipliers of the worst losses (their sum is 1: a heavily weighted row) and of the order.
    heavy = 1e3
    system = np.vstack(
        [
            np.hstack([slopes[worst].T, -active.T]),
            np.append(np.full(int(worst.sum()), heavy), np.zeros(len(active)))[None, :],
        ]
    )
    target = np.append(np.zeros(slopes.shape[1]), heavy)
    multipliers, _ = nnls(system, target)
    residual = system @ multipliers - target
    return slsqp.relative(float(np.abs(residual[:-1]).max()), float(values.max()))
