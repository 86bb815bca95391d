"""DPM-Solver and DPM-Solver++ multistep as plain loops; the conventions are those of `one_step`.

A step to level 0 is of first order (y becomes the prediction), as log 0 has no meaning.
"""

from __future__ import annotations

from typing import Any

from ..numbers import Numbers, functions, is_zero
from .one_step import Denoise, Noise
from .single_step import signal


def multistep_order(k: int, steps: int, order: float, lower_order_final: bool, euler_at_final: bool) -> int:
    """Order of step k as in diffusers: rising at the start, lower at the end of short runs if asked."""
    lower = lower_order_final and steps < 15
    if k == steps - 1 and (lower or euler_at_final):
        return 1
    return min(int(order), k + 1, 2 if k == steps - 2 and lower else 4)


def differences(past: list[Any], steps: list[Any], order: int) -> tuple[Any, Any]:
    """First and second divided differences of the predictions, in units of steps[0]; newest first."""
    near = (past[-1] - past[-2]) * (steps[0] / steps[1])
    if order == 2:
        return near, None
    far = (past[-2] - past[-3]) * (steps[0] / steps[2])
    r0, r1 = steps[1] / steps[0], steps[2] / steps[0]
    return near + (near - far) * (r0 / (r0 + r1)), (near - far) * (1 / (r0 + r1))


def _log_steps(sigmas: Numbers, k: int, order: int) -> list[Any]:
    """Steps in half log-SNR, newest first: from level k to k + 1, from k - 1 to k, ..."""
    log = functions(sigmas[0]).log
    return [log(sigmas[k - j]) - log(sigmas[k - j + 1]) for j in range(order)]


def dpmpp_2m(
    denoise: Denoise,
    y: Any,
    sigmas: Numbers,
    noise: Noise,
    *,
    order: int = 2,
    heun: bool = False,
    lower_order_final: bool = False,
    euler_at_final: bool = False,
) -> Any:
    """DPM-Solver++(2M) in variance-preserving variables; Lu et al., arXiv 2211.01095, Algorithm 2.

    `heun` weighs the difference by (e^-h - 1)/h + 1 instead of (1 - e^-h)/2; order 3 is (3M).
    """
    past: list[Any] = []
    for k in range(len(sigmas) - 1):
        past.append(denoise(y, sigmas[k]))
        if is_zero(sigmas[k + 1]):
            return past[-1]
        used = multistep_order(k, len(sigmas) - 1, order, lower_order_final, euler_at_final)
        steps = _log_steps(sigmas, k, used)
        fn, h = functions(sigmas[k]), steps[0]
        alpha_s, sigma_s, _ = signal(sigmas[k])
        alpha_t, sigma_t, _ = signal(sigmas[k + 1])
        x = (sigma_t / sigma_s) * (alpha_s * y) - (alpha_t * fn.expm1(-h)) * past[-1]
        if used > 1:
            first, second = differences(past, steps, used)
            midpoint = used == 2 and not heun
            x = x + (alpha_t * (-fn.expm1(-h) / 2 if midpoint else fn.expm1(-h) / h + 1)) * first
            if used == 3:
                x = x - (alpha_t * ((fn.expm1(-h) + h) / (h * h) - 0.5)) * second
        y = x * (1 / alpha_t)
    return y


def dpmpp_3m(denoise: Denoise, y: Any, sigmas: Numbers, noise: Noise, **options: Any) -> Any:
    """DPM-Solver++(3M), started by first and second order steps.

    As published in the frameworks; twice the weight on the second difference would make it of third order.
    """
    return dpmpp_2m(denoise, y, sigmas, noise, **{"order": 3, "lower_order_final": True, **options})


def dpm_multistep(
    denoise: Denoise,
    y: Any,
    sigmas: Numbers,
    noise: Noise,
    *,
    order: int = 2,
    heun: bool = False,
    lower_order_final: bool = True,
    euler_at_final: bool = False,
    eta: float = 0.0,
    s_noise: float = 1.0,
) -> Any:
    """DPM-Solver multistep on noise predictions, variance-preserving; Lu et al., arXiv 2206.00927.

    With `eta` it integrates dy = -(1 + eta) sigma e dlambda + sqrt(2 eta) sigma dw, e extrapolated, in y = x / alpha;
    eta = 1 is SDE-DPM-Solver, arXiv 2211.01095, section 5.
    """
    past: list[Any] = []
    for k in range(len(sigmas) - 1):
        past.append((y - denoise(y, sigmas[k])) * (1 / sigmas[k]))
        used = multistep_order(k, len(sigmas) - 1, order, lower_order_final, euler_at_final)
        steps = _log_steps(sigmas, k, used)
        fn, h = functions(sigmas[k]), steps[0]
        alpha_s, _, _ = signal(sigmas[k])
        alpha_t, sigma_t, _ = signal(sigmas[k + 1])
        drift = sigma_t + eta * sigma_t
        x = (alpha_t / alpha_s) * (alpha_s * y) - (drift * fn.expm1(h)) * past[-1]
        if used > 1:
            first, second = differences(past, steps, used)
            midpoint = used == 2 and not heun
            x = x - (drift * (fn.expm1(h) / 2 if midpoint else fn.expm1(h) / h - 1)) * first
            if used == 3:
                x = x - (drift * ((fn.expm1(h) - h) / (h * h) - 0.5)) * second
        if eta > 0:
            x = x + noise() * (sigma_t * fn.sqrt(eta * fn.expm1(2 * h)) * s_noise)
        y = x * (1 / alpha_t)
    return y


def dpm_multistep_sde(denoise: Denoise, y: Any, sigmas: Numbers, noise: Noise, **options: Any) -> Any:
    """SDE-DPM-Solver multistep on noise predictions: eta = 1."""
    return dpm_multistep(denoise, y, sigmas, noise, **{"eta": 1.0, **options})


def dpmpp_2m_sde(
    denoise: Denoise,
    y: Any,
    sigmas: Numbers,
    noise: Noise,
    *,
    order: int = 2,
    eta: float = 1.0,
    s_noise: float = 1.0,
    heun: bool = False,
    lower_order_final: bool = False,
    euler_at_final: bool = False,
    diffusers_d2: bool = False,
) -> Any:
    """SDE-DPM-Solver++(2M) in variance-exploding variables; Lu et al., arXiv 2211.01095, section 5.

    Order 3 is k-diffusion's form; `diffusers_d2` lowers the weight of the second difference by 1.
    """
    past: list[Any] = []
    for k in range(len(sigmas) - 1):
        past.append(denoise(y, sigmas[k]))
        if is_zero(sigmas[k + 1]):
            return past[-1]
        used = multistep_order(k, len(sigmas) - 1, order, lower_order_final, euler_at_final)
        steps = _log_steps(sigmas, k, used)
        fn, h = functions(sigmas[k]), steps[0]
        total = h + eta * h
        y = (sigmas[k + 1] / sigmas[k] * fn.exp(-eta * h)) * y - fn.expm1(-total) * past[-1]
        if used > 1:
            first, second = differences(past, steps, used)
            phi_2 = fn.expm1(-total) / total + 1
            y = y + (-fn.expm1(-total) / 2 if used == 2 and not heun else phi_2) * first
            if used == 3:
                y = y - (phi_2 / total - 0.5 + (1 if diffusers_d2 else 0)) * second
        if eta > 0:
            y = y + noise() * (sigmas[k + 1] * fn.sqrt(-fn.expm1(-2 * eta * h)) * s_noise)
    return y


def dpmpp_2m_sde_heun(denoise: Denoise, y: Any, sigmas: Numbers, noise: Noise, **options: Any) -> Any:
    """SDE-DPM-Solver++(2M) with heun=True."""
    return dpmpp_2m_sde(denoise, y, sigmas, noise, **{"heun": True, **options})


def dpmpp_3m_sde(denoise: Denoise, y: Any, sigmas: Numbers, noise: Noise, **options: Any) -> Any:
    """SDE-DPM-Solver++(3M): order 3 with heun=True."""
    return dpmpp_2m_sde(denoise, y, sigmas, noise, **{"order": 3, "heun": True, **options})


def multistep(
    denoise: Denoise,
    y: Any,
    sigmas: Numbers,
    noise: Noise,
    *,
    order: int = 3,
    coefficients: Any = None,
    model_times: Any = None,
) -> Any:
    """Multistep with a table of coefficients c[k][j - 1], in y = x / alpha."""
    past: list[Any] = []
    exp = functions(sigmas[0]).exp
    for k in range(len(sigmas) - 1):
        told = sigmas[k] * exp(sigmas[k] * 0 + model_times[k]) if model_times is not None else sigmas[k]
        past.append(denoise(y, told))
        ratio = sigmas[k + 1] / sigmas[k]
        guess = past[k]
        for j in range(1, min(order - 1, k) + 1):
            guess = guess + (past[k] - past[k - j]) * coefficients[k][j - 1]
        y = y * ratio + guess * (1 - ratio)
    return y
