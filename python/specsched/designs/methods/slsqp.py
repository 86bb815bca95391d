"""The paper's method: sequential least-squares quadratic programming (SciPy), with the exact gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..._support.checks import FloatArray
from ..problem import Outcome, Problem

_STRICT = 1e-9  # least log-ratio of neighbouring levels
# Share of sigma_max below which a level is as good as 0: a search without a floor would drift on.
_NOTHING = 1e-25


def order_constraints(problem: Problem) -> tuple[FloatArray, FloatArray]:
    """A, b with A u >= b for u = log sigma of the interior levels: order, least ratio and floor.

    Returns
    -------
    A : ndarray, shape (m, S-1)
    b : ndarray, shape (m,)
    """
    n = problem.steps - 1
    gap = _gap(problem)
    matrix = np.zeros((n + 1, n))
    bound = np.full(n + 1, gap)
    for j in range(n + 1):  # row j: u_{j-1} - u_j >= gap, with the ends in place of u_{-1} and u_n
        if j > 0:
            matrix[j, j - 1] = 1.0
        if j < n:
            matrix[j, j] = -1.0
    bound[0] -= np.log(problem.sigma_max)
    bound[-1] = _lowest(problem)
    return matrix, bound


def _gap(problem: Problem) -> float:
    """Least log-ratio of neighbouring levels."""
    return max(_STRICT, float(np.log(problem.min_ratio)))


def _lowest(problem: Problem) -> float:
    """Log of the lowest interior level that is admitted."""
    if problem.sigma_min:
        return float(np.log(problem.sigma_min)) + _gap(problem)
    return float(np.log(problem.sigma_floor or _NOTHING * problem.sigma_max))


def levels(problem: Problem, u: FloatArray) -> FloatArray:
    """The S + 1 levels from the logs of the interior ones; a trial point far outside is drawn in, to stay finite."""
    inside = np.clip(u, _lowest(problem) - 1.0, np.log(problem.sigma_max) + 1.0)
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
        return optimize.OptimizeResult(x=iterates[-1], nit=len(iterates) - 1, message=message)


class NotFinite(ArithmeticError):
    """A loss or slope that SLSQP must not see: NaN damages its memory."""


def finite(values: Any) -> Any:
    """The values, all finite; raises NotFinite otherwise."""
    if not np.isfinite(values).all():
        raise NotFinite
    return values


def minimise(problem: Problem, start: FloatArray) -> Outcome:
    """SLSQP from `start` (S + 1 levels), in u = log sigma."""
    matrix, bound = order_constraints(problem)
    u = np.log(start[1:-1])
    scale = problem.value_and_grad(start)[0] or 1.0
    if not np.isfinite(scale):
        raise problem.no_finite_loss()
    count = 0

    def objective(x: FloatArray) -> tuple[float, FloatArray]:
        nonlocal count
        count += 1
        sigmas = levels(problem, x)
        value, by_sigma = problem.value_and_grad(sigmas)
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
        best = repair(best, problem)
    error = kkt_error(problem, best)
    good = error <= max(problem.tol, 1e-6)
    message = "converged" if good else f"SLSQP: {found.message}"
    return Outcome(levels(problem, best), error, int(found.nit), count, good, message)


def repair(u: FloatArray, problem: Problem) -> FloatArray:
    """The levels pushed back into order, top down and then bottom up."""
    gap = _gap(problem)
    fixed = u.copy()
    above = np.log(problem.sigma_max)
    for k in range(fixed.size):
        fixed[k] = min(fixed[k], above - gap)
        above = fixed[k]
    below = _lowest(problem)
    for k in range(fixed.size - 1, -1, -1):
        fixed[k] = max(fixed[k], below)
        below = fixed[k] + gap
    return fixed


def kkt_error(problem: Problem, u: FloatArray) -> float:
    """Largest entry of gradient - sum of non-negative multipliers times active constraints, relative to the loss."""
    sigmas = levels(problem, u)
    value, by_sigma = problem.value_and_grad(sigmas)
    gradient = by_sigma[1:-1] * sigmas[1:-1]
    matrix, bound = order_constraints(problem)
    active = matrix @ u - bound < 1e-7
    residual = gradient
    if active.any():
        from scipy.optimize import nnls

        multipliers, _ = nnls(matrix[active].T, gradient)
        residual = gradient - matrix[active].T @ multipliers
    return relative(float(np.abs(residual).max()), max(value, 1e-3 * power(problem)))


def relative(error: float, unit: float) -> float:
    """The error as a share of `unit`; 0 where there is neither (no eigenvalue has power or weight)."""
    return error / unit if error else 0.0


def power(problem: Problem) -> float:
    """What a loss near 0 is measured against: the data's root power, or its dimension for KL."""
    nodes = problem.nodes
    if problem.loss == "w2":
        return float(np.sqrt(nodes.weights @ nodes.eigenvalues + nodes.mean_power.sum()))
    return float(nodes.weights.sum())
