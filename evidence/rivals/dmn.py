"""Optimised time steps (Xue et al., arXiv 2402.17376): a bound on the error that needs no data and no network."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.optimize import LinearConstraint, minimize

from .knowledge import Choice, Known

ORDER = 3  # of the interpolation whose weights the authors' code bounds


def choose(known: Known, solver: Any, steps: int) -> Choice:
    """Log-SNRs that minimise the sum of the solver's weights times the errors sigma^2 / alpha of its predictions."""
    first, last = -math.log(known.high), -math.log(known.floor)
    count = steps - 1
    best = None
    if count > 1:
        order = LinearConstraint(np.diff(np.eye(count + 1), axis=0)[:, 1:-1], *gaps(first, last, count))
        for start in starts(first, last, count):
            found = minimize(
                lambda x: bound(np.concatenate([[first], x, [last]])),
                start[1:-1],
                method="SLSQP",
                constraints=[order],
            )
            if best is None or found.fun < best.fun:
                best = found
    inner = [] if best is None else list(best.x)
    return Choice(known.with_zero(np.exp(-np.array([first, *inner, last]))), solver)


def gaps(first: float, last: float, count: int) -> tuple[np.ndarray, float]:
    """Bounds on the differences of the inner log-SNRs that keep all of them a thousandth of the mean gap apart."""
    low = np.full(count, 1e-3 * (last - first) / count)
    low[0] += first
    low[-1] -= last
    return low, np.inf


def starts(first: float, last: float, count: int) -> list[np.ndarray]:
    """Even in log-SNR and the levels of Karras et al. with rho 7, two of the authors' starts."""
    place = np.linspace(0.0, 1.0, count + 1)
    high, low = math.exp(-first / 7), math.exp(-last / 7)
    return [first + place * (last - first), -7.0 * np.log(high + place * (low - high))]


def bound(place: np.ndarray) -> float:
    """The authors' objective at these log-SNRs (increasing): lower orders at both ends."""
    alpha = 1.0 / np.sqrt(1.0 + np.exp(-2.0 * place))
    errors = (1.0 - alpha**2) / alpha
    last = len(place) - 2
    total, sums = 0.0, np.zeros(len(place))
    for step in range(last + 1):
        used = min(step + 1, last - step + 1, ORDER)
        at = np.arange(step - used + 1, step + 1)
        shares = errors[at] * weights(place[at], place[step], place[step + 1])
        if used == 1 or step < ORDER:
            total += float(np.linalg.norm(shares))
        else:
            sums[at] += shares
    return total + float(np.abs(sums).sum())


def weights(nodes: np.ndarray, start: float, end: float) -> np.ndarray:
    """Integrals of e^l times the Lagrange polynomials of the nodes over [start, end]."""
    width = end - start
    moments = [math.exp(end) - math.exp(start)]
    for power in range(1, len(nodes)):
        moments.append(math.exp(end) * width**power - power * moments[-1])
    return np.linalg.solve(np.vander(nodes - start, increasing=True).T, moments)
