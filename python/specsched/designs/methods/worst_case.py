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
    matrix, bound = problem.core.constraints()
    n = problem.steps - 1
    scale = max(part.core.loss(start) for part in parts) or 1.0
    if not np.isfinite(scale):
        raise problem.no_finite_loss()
    count = 0

    def losses(x: FloatArray) -> tuple[FloatArray, FloatArray]:
        nonlocal count
        count += 1
        sigmas = slsqp.levels(problem, x[:n])
        pairs = [part.core.value_and_grad(sigmas) for part in parts]
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
        u = problem.core.repair(u)
    values = losses(u)[0]
    if values.max() > losses(first)[0].max():
        u = first[:n]
        values = losses(u)[0]
    sigmas = slsqp.levels(problem, u)
    error = _kkt_error(problem, parts, sigmas, values, matrix[matrix @ u - bound < 1e-7])
    good = error <= max(problem.tol, 1e-5)
    message = "converged" if good else f"SLSQP: {found.message}"
    return Outcome(sigmas, error, int(found.nit), count, good, message)


def _kkt_error(
    problem: Problem, parts: list[Problem], sigmas: FloatArray, losses: FloatArray, active: FloatArray
) -> float:
    """That of the losses within a relative 1e-6 of the worst, shared as optimality would have it."""
    from scipy.optimize import nnls

    worst = losses >= losses.max() * (1.0 - 1e-6)
    slopes = np.array(
        [part.core.relative_gradient(sigmas) for part, bad in zip(parts, worst, strict=True) if bad]
    )
    by_log = slopes[:, 1:-1] * sigmas[1:-1]
    # Unknowns: shares of the worst losses (their sum is 1: a heavily weighted row) and forces of the order.
    heavy = 1e3
    system = np.vstack(
        [
            np.hstack([by_log.T, -active.T]),
            np.append(np.full(len(slopes), heavy), np.zeros(len(active)))[None, :],
        ]
    )
    shares, _ = nnls(system, np.append(np.zeros(by_log.shape[1]), heavy))
    return problem.core.kkt_error(sigmas, shares[: len(slopes)] @ slopes)
