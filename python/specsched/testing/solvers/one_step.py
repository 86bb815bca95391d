"""Euler, Heun and the midpoint rule as plain loops, in variance-exploding variables y = x / alpha.

Each takes denoise(y, sigma) -> prediction of the clean data, the start y, the levels (noise -> clean, the
last may be 0) and noise() -> a standard normal of the shape of y. On y they use only sums and products with
scalars, so that one loop moves samples, or the coefficients of an affine map, in float64 or with mpmath.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

from ..numbers import Numbers, functions, is_zero

Denoise = Callable[[Any, Any], Any]
Noise = Callable[[], Any]


def ddim(
    denoise: Denoise,
    y: Any,
    sigmas: Numbers,
    noise: Noise,
    *,
    eta: float = 0.0,
    s_churn: float = 0.0,
    s_tmin: float = 0.0,
    s_tmax: float = float("inf"),
    s_noise: float = 1.0,
    diffusers_churn: bool = False,
) -> Any:
    """DDIM (eta = 0, Euler) to DDPM (eta = 1, Euler ancestral); Song et al., arXiv 2010.02502, eq. 12.

    `diffusers_churn` takes the slope before the churn.
    """
    for now, then in pairwise(sigmas):
        before = y
        y, raised = _churn(y, now, len(sigmas) - 1, noise, (s_churn, s_tmin, s_tmax, s_noise))
        down, up = ancestral(raised, then, eta)
        seen, level = (before, now) if diffusers_churn else (y, raised)
        y = y + (seen - denoise(seen, level)) / level * (down - raised)
        if eta > 0:
            y = y + noise() * (up * s_noise)
    return y


def ddpm(
    denoise: Denoise, y: Any, sigmas: Numbers, noise: Noise, *, eta: float = 1.0, s_noise: float = 1.0
) -> Any:
    """Euler ancestral: DDIM with eta = 1."""
    return ddim(denoise, y, sigmas, noise, eta=eta, s_noise=s_noise)


def heun(
    denoise: Denoise,
    y: Any,
    sigmas: Numbers,
    noise: Noise,
    *,
    s_churn: float = 0.0,
    s_tmin: float = 0.0,
    s_tmax: float = float("inf"),
    s_noise: float = 1.0,
) -> Any:
    """EDM's sampler; Karras et al., arXiv 2206.00364, Algorithm 1 (s_churn = 0) and Algorithm 2."""
    for now, then in pairwise(sigmas):
        y, raised = _churn(y, now, len(sigmas) - 1, noise, (s_churn, s_tmin, s_tmax, s_noise))
        slope = (y - denoise(y, raised)) / raised
        step = then - raised
        if is_zero(then):
            y = y + slope * step
        else:
            trial = y + slope * step
            slope_then = (trial - denoise(trial, then)) / then
            y = y + (slope + slope_then) * (step / 2)
    return y


def edm_stochastic(denoise: Denoise, y: Any, sigmas: Numbers, noise: Noise, **options: Any) -> Any:
    """EDM's Algorithm 2 with its settings for ImageNet."""
    imagenet = {"s_churn": 40.0, "s_tmin": 0.05, "s_tmax": 50.0, "s_noise": 1.003}
    return heun(denoise, y, sigmas, noise, **{**imagenet, **options})


def dpm_2(
    denoise: Denoise,
    y: Any,
    sigmas: Numbers,
    noise: Noise,
    *,
    s_churn: float = 0.0,
    s_tmin: float = 0.0,
    s_tmax: float = float("inf"),
    s_noise: float = 1.0,
) -> Any:
    """DPM-Solver-2 in Karras' form: the slope at the geometric mean of the two levels; Euler to 0."""
    for now, then in pairwise(sigmas):
        y, raised = _churn(y, now, len(sigmas) - 1, noise, (s_churn, s_tmin, s_tmax, s_noise))
        y = _midpoint(denoise, y, raised, then)
    return y


def dpm_2_ancestral(
    denoise: Denoise, y: Any, sigmas: Numbers, noise: Noise, *, eta: float = 1.0, s_noise: float = 1.0
) -> Any:
    """DPM-Solver-2 to a lower level, then fresh noise."""
    for now, then in pairwise(sigmas):
        down, up = ancestral(now, then, eta)
        y = _midpoint(denoise, y, now, down)
        if up > 0:
            y = y + noise() * (up * s_noise)
    return y


def _midpoint(denoise: Denoise, y: Any, now: Any, then: Any) -> Any:
    slope = (y - denoise(y, now)) / now
    if is_zero(then):
        return y + slope * (then - now)
    fn = functions(now)
    middle = fn.exp((fn.log(now) + fn.log(then)) / 2)
    trial = y + slope * (middle - now)
    return y + (trial - denoise(trial, middle)) / middle * (then - now)


def ancestral(now: Any, then: Any, eta: float) -> tuple[Any, Any]:
    """(level to step down to, standard deviation of the noise that leads back up to `then`)."""
    sqrt = functions(now).sqrt
    up = min(then, eta * then * sqrt(now * now - then * then) / now)
    return sqrt(then * then - up * up), up


def _churn(
    y: Any, now: Any, steps: int, noise: Noise, settings: tuple[float, float, float, float]
) -> tuple[Any, Any]:
    """Raise the level by the factor 1 + gamma and add the noise that belongs to it."""
    s_churn, s_tmin, s_tmax, s_noise = settings
    if not (s_churn > 0 and s_tmin <= now <= s_tmax):
        return y, now
    sqrt = functions(now).sqrt
    gamma = min(now / now * s_churn / steps, sqrt(2) - 1)
    raised = now * (1 + gamma)
    return y + noise() * (sqrt(raised * raised - now * now) * s_noise), raised
