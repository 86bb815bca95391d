"""Adams-Bashforth samplers on the slope d = (y - denoised)/sigma: LMS, iPNDM (PLMS) and DEIS."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..numbers import Numbers, functions, is_traced, is_zero
from .multistep import multistep_order
from .one_step import Denoise, Noise

Weights = Callable[[list[Any], Any], list[Any]]


def lms(denoise: Denoise, y: Any, sigmas: Numbers, noise: Noise, *, order: int = 4) -> Any:
    """Linear multistep in sigma: the slope's interpolating polynomial integrated exactly over the step."""
    return _adams(denoise, y, sigmas, lambda k: min(int(order), k + 1), _lagrange_integrals)


def ipndm(denoise: Denoise, y: Any, sigmas: Numbers, noise: Noise, *, order: int = 4) -> Any:
    """Adams-Bashforth with the weights of equal steps, low orders to start; Liu et al., arXiv 2202.09778."""
    return _adams(denoise, y, sigmas, lambda k: min(int(order), k + 1), _equal_steps)


def plms(
    denoise: Denoise, y: Any, sigmas: Numbers, noise: Noise, *, order: int = 4, skip_prk_steps: bool = True
) -> Any:
    """iPNDM with a Heun step to start, whose second slope is forgotten, or with three Runge-Kutta steps (PNDM)."""
    if not skip_prk_steps:
        return _pndm(denoise, y, sigmas, order)
    if len(sigmas) == 2:
        return ipndm(denoise, y, sigmas, noise, order=order)
    first = (y - denoise(y, sigmas[0])) * (1 / sigmas[0])
    trial = y + (sigmas[1] - sigmas[0]) * first
    there = (trial - denoise(trial, sigmas[1])) * (1 / sigmas[1])
    y = y + ((sigmas[1] - sigmas[0]) / 2) * (first + there)
    return _adams(
        denoise, y, sigmas[1:], lambda k: min(int(order), k + 2), _equal_steps, [first], [sigmas[0]]
    )


def _pndm(denoise: Denoise, y: Any, sigmas: Numbers, order: int) -> Any:
    """Liu et al., arXiv 2202.09778, Algorithm 2, on slopes d y / d sigma, which make its transfer map Euler's step.

    A Runge-Kutta step goes over two levels, the first its middle; it needs a slope at its end, so not at level 0.
    """
    slopes: list[Any] = []
    start, last = 0, len(sigmas) - (2 if is_zero(sigmas[-1]) else 1)

    def slope(at: Any, level: Any) -> Any:
        return (at - denoise(at, level)) * (1 / level)

    while start < 6 and start + 2 <= last:
        first, middle, end = sigmas[start : start + 3]
        k1 = slope(y, first)
        k2 = slope(y + (middle - first) * k1, middle)
        k3 = slope(y + (middle - first) * k2, middle)
        k4 = slope(y + (end - first) * k3, end)
        y = y + ((end - first) / 6) * (k1 + 2 * k2 + 2 * k3 + k4)
        slopes.insert(0, k1)
        start += 2
    known = len(slopes)
    return _adams(
        denoise,
        y,
        sigmas[start:],
        lambda k: min(int(order), known + k + 1),
        _equal_steps,
        slopes,
        [sigmas[2 * k] for k in reversed(range(known))],
    )


def deis(
    denoise: Denoise,
    y: Any,
    sigmas: Numbers,
    noise: Noise,
    *,
    order: int = 2,
    lower_order_final: bool = True,
    euler_at_final: bool = False,
) -> Any:
    """DEIS with polynomials in log sigma (tAB in log rho); Zhang and Chen, arXiv 2204.13902."""
    steps = len(sigmas) - 1

    def orders(k: int) -> int:
        return multistep_order(k, steps, order, lower_order_final, euler_at_final)

    return _adams(denoise, y, sigmas, orders, _log_integrals)


def _adams(
    denoise: Denoise,
    y: Any,
    sigmas: Numbers,
    orders: Callable[[int], int],
    weights: Weights,
    slopes: Sequence[Any] = (),
    earlier: Sequence[Any] = (),
) -> Any:
    """y' = y + sum of weight_j slope_j over the newest `orders(k)` slopes, `slopes` at `earlier` first."""
    past, levels = list(slopes), list(earlier)
    for k in range(len(sigmas) - 1):
        past.insert(0, (y - denoise(y, sigmas[k])) * (1 / sigmas[k]))
        levels.insert(0, sigmas[k])
        nodes = levels[: orders(k)]
        for weight, slope in zip(weights(nodes, sigmas[k + 1]), past, strict=False):
            y = y + weight * slope
    return y


def _equal_steps(nodes: list[Any], then: Any) -> list[Any]:
    one = nodes[0] / nodes[0]
    table = {1: [1], 2: [3, -1], 3: [23, -16, 5], 4: [55, -59, 37, -9]}[len(nodes)]
    return [(then - nodes[0]) * (one * c / sum(table)) for c in table]


def _lagrange_integrals(nodes: list[Any], then: Any) -> list[Any]:
    """Integrals from nodes[0] to `then` of the Lagrange polynomials of the nodes."""
    result = []
    for j in range(len(nodes)):
        power = _lagrange_coefficients(nodes, j, nodes[0])
        span = then - nodes[0]
        result.append(sum(c * span ** (i + 1) / (i + 1) for i, c in enumerate(power)))
    return result


def _lagrange_coefficients(nodes: list[Any], j: int, origin: Any) -> list[Any]:
    """Coefficients in powers of (t - origin) of the polynomial that is 1 at nodes[j] and 0 at the others."""
    power = [1 if is_traced(origin) or not origin else origin / origin]
    for i, node in enumerate(nodes):
        if i != j:
            shifted = [(origin - node) * c for c in power] + [0]
            for n, c in enumerate(power):
                shifted[n + 1] = shifted[n + 1] + c
            power = [c / (nodes[j] - node) for c in shifted]
    return power


def _log_integrals(nodes: list[Any], then: Any) -> list[Any]:
    """Integrals d sigma from nodes[0] to `then` of the Lagrange polynomials in u = log(sigma / nodes[0])."""
    fn = functions(nodes[0])
    logs = [fn.log(node / nodes[0]) for node in nodes]
    # To 0 the integrals of u^n e^u run to minus infinity.
    moments = [-1, 1, -2, 6] if is_zero(then) else _exponential_moments(len(nodes), fn.log(then / nodes[0]))
    powers = [_lagrange_coefficients(logs, j, logs[0]) for j in range(len(logs))]
    return [nodes[0] * sum(c * m for c, m in zip(p, moments, strict=False)) for p in powers]


def _exponential_moments(count: int, h: Any) -> list[Any]:
    """Integrals of u^n e^u from 0 to h, n < count: by parts, or by a series where that cancels."""
    fn = functions(h)
    if not is_traced(h) and abs(h) < 1:
        return [_moment_series(n, h) for n in range(count)]
    moments = [fn.expm1(h)]
    for n in range(1, count):
        moments.append(h**n * fn.exp(h) - n * moments[-1])
    return moments


def _moment_series(n: int, h: Any) -> Any:
    """h^(n+1) sum_k h^k / (k! (n+1+k))."""
    total, term, k = h * 0, h ** (n + 1), 0
    while total + term / (n + 1 + k) != total:
        total = total + term / (n + 1 + k)
        k += 1
        term = term * h / k
    return total
