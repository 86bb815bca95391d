"""UniPC: a predictor and a corrector that reuses the evaluation of the next step.

W. Zhao, L. Bai, Y. Rao, J. Zhou, J. Lu, "UniPC: A Unified Predictor-Corrector Framework for Fast Sampling of
Diffusion Models", arXiv 2302.04867, Algorithms 5-8 (data prediction) and 1-4 (noise prediction).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from ..numbers import Numbers, functions, is_traced, is_zero
from .one_step import Denoise, Noise
from .single_step import signal


def unipc(
    denoise: Denoise,
    y: Any,
    sigmas: Numbers,
    noise: Noise,
    *,
    order: int = 2,
    bh: int = 2,
    corrector: bool = True,
    predict_x0: bool = True,
    disable_corrector: Collection[int] = (),
    lower_order_final: bool = True,
) -> Any:
    """UniPC of order 1 to 3 with B(h) = h (bh = 1) or e^h - 1 (bh = 2), in variance-preserving variables.

    The steps in `disable_corrector`, counted from 0, are not corrected.
    """
    steps = len(sigmas) - 1
    past: list[Any] = []
    before: Any = None
    for k in range(steps):
        clean = denoise(y, sigmas[k])
        prediction = clean if predict_x0 else (y - clean) * (1 / sigmas[k])
        if corrector and k > 0 and k - 1 not in disable_corrector:
            used = _order(k - 1, steps, order, lower_order_final)
            y = _update(before, [*past, prediction], sigmas[: k + 1], used, (bh, predict_x0), correct=True)
        past.append(prediction)
        if is_zero(sigmas[k + 1]):
            return past[-1]
        before = y
        used = _order(k, steps, order, lower_order_final)
        y = _update(y, past, sigmas[: k + 2], used, (bh, predict_x0), correct=False)
    return y


def _order(k: int, steps: int, order: float, lower_order_final: bool) -> int:
    """Order of step k: rises from 1 at the start, and falls to 1 at the end if asked."""
    low = min(int(order), k + 1)
    return min(low, steps - k) if lower_order_final else low


def _update(
    y: Any, past: list[Any], sigmas: Numbers, order: int, form: tuple[int, bool], *, correct: bool
) -> Any:
    """One step from sigmas[-2] to sigmas[-1]; `past` ends at sigmas[-2], or at sigmas[-1] to correct."""
    fn = functions(sigmas[-1])
    alpha_s, sigma_s, lambda_s = signal(sigmas[-2])
    alpha_t, sigma_t, lambda_t = signal(sigmas[-1])
    h = lambda_t - lambda_s
    origin = past[-2] if correct else past[-1]
    older = past[:-2] if correct else past[:-1]
    nodes = [(signal(sigmas[-2 - i])[2] - lambda_s) / h for i in range(1, order)]
    slopes = [(older[-i] - origin) * (1 / nodes[i - 1]) for i in range(1, order)]
    if correct:
        nodes.append(h / h)
        slopes.append(past[-1] - origin)
    bh, predict_x0 = form
    if predict_x0:
        hh, keep, scale = -h, sigma_t / sigma_s, alpha_t
    else:
        hh, keep, scale = h, alpha_t / alpha_s, sigma_t
    b_h = hh if bh == 1 else fn.expm1(hh)
    x = keep * (alpha_s * y) - (scale * fn.expm1(hh)) * origin
    for weight, slope in zip(_weights(nodes, hh, b_h), slopes, strict=True):
        x = x - (scale * b_h * weight) * slope
    return x * (1 / alpha_t)


def _weights(nodes: list[Any], hh: Any, b_h: Any) -> list[Any]:
    """Solve sum_j weight_j node_j^(i-1) = b_i; a single weight is 1/2, as published."""
    if not nodes:
        return []
    one = hh / hh
    if len(nodes) == 1:
        return [one / 2]
    fn = functions(hh)
    phi = fn.expm1(hh) / hh - 1
    factorial = one
    right: list[Any] = []
    for i in range(1, len(nodes) + 1):
        right.append(phi * factorial / b_h)
        factorial = factorial * (i + 1)
        phi = phi / hh - 1 / factorial
    return _vandermonde(nodes, right)


def _vandermonde(nodes: list[Any], right: list[Any]) -> list[Any]:
    """Gaussian elimination with pivoting of the matrix nodes_j^i, in the precision of its entries."""
    n = len(nodes)
    rows = [[node**i for node in nodes] + [right[i]] for i in range(n)]
    for c in range(n):
        pivot = c if is_traced(rows[c][c]) else max(range(c, n), key=lambda i: abs(rows[i][c]))
        rows[c], rows[pivot] = rows[pivot], rows[c]
        for i in range(n):
            if i != c:
                factor = rows[i][c] / rows[c][c]
                rows[i] = [p - factor * q for p, q in zip(rows[i], rows[c], strict=True)]
    return [rows[i][n] / rows[i][i] for i in range(n)]
