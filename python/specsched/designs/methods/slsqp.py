"""The paper's method: sequential least-squares quadratic programming (SciPy), with the exact gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..._support.checks import FloatArray
from ..problem import Outcome, Problem


def levels(problem: Problem, u: FloatArray) -> FloatArray:
    """The S + 1 levels from the logs of the interior ones; a trial point far outside is drawn in, to stay finite."""
    inside = np.clip(u, problem.core.lowest - 1.0, np.log(problem.sigma_max) + 1.0)
    return np.concatenate([[problem.sigma_max], np.exp(inside), [problem.sigma_min]])


def solve(value_and_grad: Any, start: FloatArray, **options: Any) -> Any:
    """SciPy's SLSQP for a function that returns value and gradient; `options` are those of `minimize`."""
    from scipy import optimize

    minimize: Any = optimize.minimize  # its stubs are narrower than what it takes
    iterates = [start]

    def reached(x: FloatArray) -> None:
        iterates.append(x.copy())

    def checked(x: FloatArray) -> tuple[float, FloatArray]:
        value, slope = value_and_grad(x)
        return float(finite(value)), finite(slope)

    try:
        return minimize(checked, start, jac=True, method="SLSQP", callback=reached, **options)
    except NotFinite:
        message = "the loss is infinite or undefined at a trial point"
        result: Any = optimize.OptimizeResult
        return result(x=iterates[-1], nit=len(iterates) - 1, message=message)


class NotFinite(ArithmeticError):
    """A loss or slope that SLSQP must not see: NaN damages its memory."""


def finite(values: Any) -> Any:
    """The values, all finite; raises NotFinite otherwise."""
    if not np.isfinite(values).all():
        raise NotFinite
    return values


def minimise(problem: Problem, start: FloatArray) -> Outcome:
    """SLSQP from `start` (S + 1 levels), in u = log sigma."""
    matrix, bound = problem.core.constraints()
    u = np.log(start[1:-1])
    scale = problem.core.value_and_grad(start)[0] or 1.0
    if not np.isfinite(scale):
        raise problem.no_finite_loss()
    count = 0

    def objective(x: FloatArray) -> tuple[float, FloatArray]:
        nonlocal count
        count += 1
        sigmas = levels(problem, x)
        value, by_sigma = problem.core.value_and_grad(sigmas)
        return value / scale, by_sigma[1:-1] * sigmas[1:-1] / scale

    if u.size == 0:
        return Outcome(levels(problem, u), 0.0, 0, 1, True, "converged")
    constraint: dict[str, Any] = {
        "type": "ineq",
        "fun": lambda x: matrix @ x - bound,
        "jac": lambda x: matrix,
    }
    found = solve(
        objective,
        u,
        constraints=[constraint],
        options={"maxiter": problem.max_iter, "ftol": 1e-16},
    )
    best = np.asarray(found.x, dtype=np.float64)
    if (matrix @ best < bound).any():  # SLSQP may end a rounding error outside
        best = problem.core.repair(best)
    error = problem.core.kkt_error(levels(problem, best))
    good = error <= max(problem.tol, 1e-6)
    message = "converged" if good else f"SLSQP: {found.message}"
    return Outcome(levels(problem, best), error, int(found.nit), count, good, message)
