"""DPM-Solver++ of second and third order with intermediate evaluations; conventions as in `one_step`."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from ..numbers import Numbers, functions, is_zero
from .one_step import Denoise, Noise, ancestral


def signal(sigma: Any) -> tuple[Any, Any, Any]:
    """(alpha, sigma, half log-SNR) of the variance-preserving process at ratio `sigma` > 0."""
    fn = functions(sigma)
    alpha = 1 / fn.sqrt(1 + sigma * sigma)
    return alpha, sigma * alpha, -fn.log(sigma)


def dpmpp_2s(denoise: Denoise, y: Any, sigmas: Numbers, noise: Noise, *, r: float = 0.5) -> Any:
    """DPM-Solver++(2S), inner level after a share r of the step; Lu et al., arXiv 2211.01095, Alg. 1."""
    return dpmpp_2s_ancestral(denoise, y, sigmas, noise, eta=0.0, r=r)


def dpmpp_2s_ancestral(
    denoise: Denoise,
    y: Any,
    sigmas: Numbers,
    noise: Noise,
    *,
    eta: float = 1.0,
    s_noise: float = 1.0,
    r: float = 0.5,
) -> Any:
    """DPM-Solver++(2S) to a lower level, then fresh noise."""
    for now, target in pairwise(sigmas):
        then, up = ancestral(now, target, eta)
        clean = denoise(y, now)
        if is_zero(then):
            y = y + (y - clean) / now * (then - now)
        else:
            fn = functions(now)
            time, h = -fn.log(now), fn.log(now) - fn.log(then)
            inner = fn.exp(-(time + h * r))
            trial = (inner / now) * y - fn.expm1(-h * r) * clean
            mixed = clean + (denoise(trial, inner) - clean) * (h / h / (2 * r))
            y = (then / now) * y - fn.expm1(-h) * mixed
        if up > 0:
            y = y + noise() * (s_noise * up)
    return y


def dpmpp_sde(
    denoise: Denoise,
    y: Any,
    sigmas: Numbers,
    noise: Noise,
    *,
    eta: float = 1.0,
    s_noise: float = 1.0,
    r: float = 0.5,
    brownian: bool = True,
) -> Any:
    """DPM-Solver++ SDE as known from k-diffusion: ancestral steps to the inner level and to the end.

    With `brownian` both noises are increments of one Brownian path in sigma, else they are independent.
    """
    for now, then in pairwise(sigmas):
        clean = denoise(y, now)
        if is_zero(then):
            return clean
        fn = functions(now)
        inner = fn.exp(fn.log(now) + (fn.log(then) - fn.log(now)) * r)
        shared = (now - inner) / (now - then) if brownian else 0
        first, second = noise(), noise()
        down, up = ancestral(now, inner, eta)
        trial = (down / now) * y + (1 - down / now) * clean + first * (s_noise * up)
        mixed = clean + (denoise(trial, inner) - clean) * (now / now / (2 * r))
        down, up = ancestral(now, then, eta)
        whole = first * fn.sqrt(shared) + second * fn.sqrt(1 - shared)
        y = (down / now) * y + (1 - down / now) * mixed + whole * (s_noise * up)
    return y


def dpmpp_singlestep(
    denoise: Denoise,
    y: Any,
    sigmas: Numbers,
    noise: Noise,
    *,
    order: int = 2,
    heun: bool = False,
    lower_order_final: bool = False,
) -> Any:
    """DPM-Solver++ in blocks of `order` levels, each block restarting from its first sample (diffusers)."""
    orders = _block_orders(len(sigmas) - 1, int(order), bool(lower_order_final), sigmas[-1] == 0)
    past: list[Any] = []
    origin = y
    for k, used in enumerate(orders):
        past.append(denoise(y, sigmas[k]))
        if used == 1:
            origin = y
        if is_zero(sigmas[k + 1]):
            return past[-1]
        y = _block_update(origin, past[-used:], sigmas[k - used + 1 : k + 2], heun)
    return y


def _block_orders(steps: int, order: int, lower: bool, to_zero: bool) -> list[int]:
    """1, 2, ..., order repeated; runs that end at 0 or do not fill their blocks end with lower orders."""
    if order == 1:
        return [1] * steps
    block = list(range(1, order + 1))
    whole, rest = divmod(steps, order)
    if not (lower or to_zero or rest):
        return block * whole
    if rest:
        return block * whole + block[:rest]
    return block * (whole - 1) + block[:-1] + [1]


def _block_update(origin: Any, past: list[Any], sigmas: Numbers, heun: bool) -> Any:
    """From sigmas[0] to sigmas[-1] with predictions at all levels but the last, in preserving variables."""
    fn = functions(sigmas[0])
    alpha_s, sigma_s, lambda_s = signal(sigmas[0])
    alpha_t, sigma_t, lambda_t = signal(sigmas[-1])
    h = lambda_t - lambda_s
    x = (sigma_t / sigma_s) * (alpha_s * origin) - (alpha_t * fn.expm1(-h)) * past[0]
    slopes = [
        (m - past[0]) * (h / (signal(s)[2] - lambda_s)) for m, s in zip(past[1:], sigmas[1:-1], strict=True)
    ]
    phi_2 = fn.expm1(-h) / h + 1
    if len(slopes) == 1 and not heun:
        x = x - (alpha_t * fn.expm1(-h) / 2) * slopes[0]
    elif len(slopes) == 2 and heun:
        r1, r0 = ((signal(s)[2] - lambda_s) / h for s in sigmas[1:-1])
        first = (r0 * slopes[0] - r1 * slopes[1]) * (1 / (r0 - r1))
        second = (slopes[1] - slopes[0]) * (2 / (r0 - r1))
        x = x + (alpha_t * phi_2) * first - (alpha_t * ((fn.expm1(-h) + h) / (h * h) - 0.5)) * second
    elif slopes:
        x = x + (alpha_t * phi_2) * slopes[-1]
    return x * (1 / alpha_t)
