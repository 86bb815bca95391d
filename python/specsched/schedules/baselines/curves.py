"""Schedules given as a function of continuous time, evaluated at equal time steps."""

from __future__ import annotations

import math

import numpy as np

from ..._support import checks
from ..._support.checks import FloatArray
from ..schedule import Schedule
from ._ends import between, described, ends, finish

_CLIPPED = math.sqrt(1e9 - 1.0)  # Chen's functions reach abar = 0 and are clipped there at 1e-9


@described
def chen_cosine(
    steps: int,
    *,
    sigma_max: float | None = None,
    sigma_min: float | None = None,
    sigma_floor: float | None = None,
    start: float = 0.0,
    end: float = 0.5,
    tau: float = 1.0,
) -> Schedule:
    """Cosine (Chen): abar(t) = (y(t) - y_1)/(y_0 - y_1), y(t) = cos(pi/2 (start + (end - start) t))^(2 tau).

    The released code has end = 0.5, the paper's listing end = 1; here the code's. With start = 0, end = 1,
    tau = 1 it is cos^2(pi/2 t), the same levels as `kl_optimal`. Without ends: S + 1 levels at t = 1 ... 0,
    that is from abar = 1e-9 (where the source clips) to sigma = 0.

    Parameters
    ----------
    start, end : float
        0 <= start < end <= 1.
    tau : float
        In [0.01, 100].

    References
    ----------
    T. Chen, "On the Importance of Noise Scheduling for Diffusion Models", arXiv 2301.10972.

    Examples
    --------
    >>> from specsched import baselines
    >>> baselines.chen_cosine(3, sigma_max=100.0, sigma_min=0.01).sigmas.round(3).tolist()
    [100.0, 1.008, 0.401, 0.01]
    """
    first = checks.real("start", start, minimum=0.0, maximum=1.0)
    last = checks.real("end", end, minimum=0.0, maximum=1.0)
    if last <= first:
        raise ValueError(f"end must be greater than start = {first:g}, got {last:g}")
    curve = _Cosine(first, last, checks.real("tau", tau, minimum=0.01, maximum=100.0))
    where = ends(steps, sigma_max, sigma_min, sigma_floor, native=(_CLIPPED, None))
    # Natively time starts at 1, beyond the clip.
    first_angle = curve.last if sigma_max is None else curve.angle(where.high)
    times = between(first_angle, curve.angle(where.low), where.points)
    return finish(curve.sigmas(times), where, "chen_cosine")


class _Cosine:
    """Chen's cosine in the angle pi/2 (start + (end - start) t)."""

    def __init__(self, start: float, end: float, tau: float) -> None:
        self.first, self.last = start * math.pi / 2, end * math.pi / 2
        # cos(pi/2) must be 0, not 6e-17: its power with a small tau would be far from 0.
        self.cos_first, self.cos_last = math.cos(self.first), math.cos(self.last) if end < 1.0 else 0.0
        self.tau = tau

    def angle(self, sigma: float) -> float:
        """The angle at which the level is `sigma`."""
        low = (self.cos_last / self.cos_first) ** (2 * self.tau)
        abar = 1.0 / math.hypot(1.0, sigma) ** 2
        root = (low + (1.0 - low) * abar) ** (0.5 / self.tau) * self.cos_first
        return min(max(math.acos(min(root, 1.0)), self.first), self.last)

    def sigmas(self, angles: FloatArray) -> FloatArray:
        """Levels at `angles`, in logarithms; differences of cosines as products of sines."""
        fall = 2.0 * np.sin((angles + self.first) / 2) * np.sin((angles - self.first) / 2)
        rise = 2.0 * np.sin((self.last + angles) / 2) * np.sin((self.last - angles) / 2)
        with np.errstate(divide="ignore"):  # both ends of the curve, where a level is 0 or infinite
            log_y = 2 * self.tau * np.log1p(-np.clip(fall / self.cos_first, 0.0, 1.0))
            log_below = log_y.copy()  # log of (y - y_1)/y_0
            if self.cos_last > 0.0:
                log_below += np.log(
                    -np.expm1(-2 * self.tau * np.log1p(np.maximum(rise, 0.0) / self.cos_last))
                )
            log_squared = np.log(-np.expm1(log_y)) - np.maximum(log_below, -1400.0)
        return np.asarray(np.exp(0.5 * np.clip(log_squared, -1400.0, 1400.0)))


@described
def sigmoid(
    steps: int,
    *,
    sigma_max: float | None = None,
    sigma_min: float | None = None,
    sigma_floor: float | None = None,
    start: float = -3.0,
    end: float = 3.0,
    tau: float = 1.0,
) -> Schedule:
    """Sigmoid (Jabri, Chen): abar(t) = (v_1 - v(t))/(v_1 - v_0), v = sigmoid((start + (end - start) t)/tau).

    Only start/tau and end/tau count. Without ends: S + 1 levels at t = 1 ... 0, that is from abar = 1e-9
    (where the source clips) to sigma = 0.

    Parameters
    ----------
    start, end : float
        start < end, both divided by tau within [-300, 300].
    tau : float
        In [1e-100, 1e100].

    References
    ----------
    A. Jabri, D. Fleet, T. Chen, "Scalable Adaptive Computation for Iterative Generation", arXiv 2212.11972;
    T. Chen, arXiv 2301.10972.

    Examples
    --------
    >>> from specsched import baselines
    >>> baselines.sigmoid(3, sigma_max=100.0, sigma_min=0.01).sigmas.round(3).tolist()
    [100.0, 1.756, 0.569, 0.01]
    """
    scale = checks.real("tau", tau, above=0.0, minimum=1e-100, maximum=1e100)
    first, last = checks.real("start", start) / scale, checks.real("end", end) / scale
    if last <= first:
        raise ValueError(f"end must be greater than start = {start:g}, got {end:g}")
    if max(abs(first), abs(last)) > 300.0:
        raise ValueError(f"start/tau and end/tau must lie in [-300, 300], got {first:g} and {last:g}")
    where = ends(steps, sigma_max, sigma_min, sigma_floor, native=(_CLIPPED, None))
    # sigma^2 = sinh(u)/sinh(L - u) cosh(last/2)/cosh(first/2), u = L t, in logarithms against overflow.
    length, offset = (last - first) / 2, _log_cosh(last / 2) - _log_cosh(first / 2)
    high = length if sigma_max is None else _sigmoid_time(where.high, length, offset)
    low = _sigmoid_time(where.low, length, offset)
    u = between(high, low, where.points)
    with np.errstate(divide="ignore"):
        rising, falling = np.log(-np.expm1(-2 * u)), np.log(-np.expm1(-2 * np.maximum(length - u, 0.0)))
    log_ratio = 2 * u - length + rising - falling
    return finish(np.exp(0.5 * np.clip(log_ratio + offset, -1400.0, 1400.0)), where, "sigmoid")


def _log_cosh(x: float) -> float:
    return abs(x) + math.log1p(math.exp(-2 * abs(x))) - math.log(2.0)


def _sigmoid_time(sigma: float, length: float, offset: float) -> float:
    """u with sinh(u)/sinh(L - u) = q:  2u = log((1 + q e^L)/(1 + q e^-L))."""
    if sigma == 0.0:
        return 0.0
    q = 2.0 * math.log(sigma) - offset
    return 0.5 * float(np.logaddexp(0.0, q + length) - np.logaddexp(0.0, q - length))


@described
def vp(
    steps: int,
    *,
    sigma_max: float | None = None,
    sigma_min: float | None = None,
    sigma_floor: float | None = None,
    beta_d: float = 19.9,
    beta_min: float = 0.1,
    eps: float = 1e-3,
) -> Schedule:
    """Continuous VP process: log(1 + sigma^2) = beta_d t^2/2 + beta_min t.

    Without ends: S levels at t = 1 ... eps (152.2 ... 0.0105), then 0. With ends: equal steps of t between
    the times at which they are attained, beta_d and beta_min as they are (EDM's code re-solves the two betas
    from the ends instead).

    Parameters
    ----------
    beta_d, beta_min : float
        At least 1e-6, and >= 0.
    eps : float
        Last time of the native schedule, in [1e-9, 1).

    References
    ----------
    Y. Song et al., "Score-Based Generative Modeling through Stochastic Differential Equations",
    arXiv 2011.13456; k-diffusion, ``get_sigmas_vp``.

    Examples
    --------
    >>> from specsched import baselines
    >>> baselines.vp(2).sigmas.round(4).tolist()
    [152.167, 0.0105, 0.0]
    """
    slope = checks.real("beta_d", beta_d, above=0.0, minimum=1e-6)
    least = checks.real("beta_min", beta_min, minimum=0.0)
    stop = checks.real("eps", eps, above=0.0, minimum=1e-9, below=1.0)
    if slope / 2 + least > 700.0:
        raise ValueError(f"beta_d/2 + beta_min must be at most 700, got {slope / 2 + least:g}")
    native = (_vp_sigma(1.0, slope, least), _vp_sigma(stop, slope, least))
    where = ends(steps, sigma_max, sigma_min, sigma_floor, native=native)
    t = between(_vp_time(where.high, slope, least), _vp_time(where.low, slope, least), where.points)
    return finish(np.sqrt(np.expm1(t * (0.5 * slope * t + least))), where, "vp")


def _vp_sigma(t: float, slope: float, least: float) -> float:
    return math.sqrt(math.expm1(t * (0.5 * slope * t + least)))


def _vp_time(sigma: float, slope: float, least: float) -> float:
    rise = 2.0 * math.log(math.hypot(1.0, sigma)) if sigma > 1.0 else math.log1p(sigma * sigma)
    # The root of the quadratic without cancellation.
    return 2.0 * rise / (least + math.sqrt(least * least + 2.0 * slope * rise))


@described
def flow_uniform(
    steps: int,
    *,
    sigma_max: float | None = None,
    sigma_min: float | None = None,
    sigma_floor: float | None = None,
) -> Schedule:
    """Flow-matching times t = sigma/(1 + sigma) equally spaced (rectified flow).

    Without ends: S + 1 times from 0.999 to 0; t = 1 itself is an infinite level and cannot stand in a
    schedule.

    References
    ----------
    X. Liu, C. Gong, Q. Liu, "Flow Straight and Fast", arXiv 2209.03003.

    Examples
    --------
    >>> from specsched import baselines
    >>> baselines.flow_uniform(4, sigma_max=4.0).flow_times.round(3).tolist()
    [0.8, 0.6, 0.4, 0.2, 0.0]
    """
    return _shifted(steps, sigma_max, sigma_min, sigma_floor, 1.0, "flow_uniform")


@described
def flow_shift(
    steps: int,
    *,
    sigma_max: float | None = None,
    sigma_min: float | None = None,
    sigma_floor: float | None = None,
    shift: float = 3.0,
) -> Schedule:
    """Shifted flow-matching times: t = shift u/(1 + (shift - 1) u), u equally spaced, sigma = shift u/(1-u).

    The default is Stable Diffusion 3's. Flux's time shift mu is shift = exp(mu). Without ends: S + 1 times
    from 0.999 to 0.

    Parameters
    ----------
    shift : float
        In [1e-6, 1e6]; above 1 spends more steps at high noise.

    References
    ----------
    P. Esser et al., "Scaling Rectified Flow Transformers for High-Resolution Image Synthesis",
    arXiv 2403.03206, eq. 23.

    Examples
    --------
    >>> from specsched import baselines
    >>> baselines.flow_shift(3, sigma_max=6.0).sigmas.round(3).tolist()
    [6.0, 2.4, 0.857, 0.0]
    """
    return _shifted(
        steps,
        sigma_max,
        sigma_min,
        sigma_floor,
        checks.real("shift", shift, above=0.0, minimum=1e-6, maximum=1e6),
        "flow_shift",
    )


def _shifted(
    steps: int, high: float | None, low: float | None, floor: float | None, shift: float, name: str
) -> Schedule:
    where = ends(steps, high, low, floor, native=(999.0, None))
    u = between(where.high / (shift + where.high), where.low / (shift + where.low), where.points)
    with np.errstate(divide="ignore"):  # times that round to 1; `finish` puts the levels between the ends
        levels = shift * u / (1.0 - u)
    return finish(levels, where, name)


@described
def linear_quadratic(
    steps: int,
    *,
    sigma_max: float | None = None,
    sigma_min: float | None = None,
    sigma_floor: float | None = None,
    threshold_noise: float = 0.025,
) -> Schedule:
    """Flow times that fall linearly for the first half of the steps, then quadratically (Mochi).

    1 - t rises linearly to `threshold_noise` over the first S // 2 steps, then as the parabola that joins it
    smoothly and ends at 1. With ends, t is this profile stretched between their flow times. Without ends: S +
    1 times from 0.999 to 0. (ComfyUI multiplies the profile by sigma_max for any model, which is right for
    flow models only, where sigma is t; here it is t for all.)

    Parameters
    ----------
    threshold_noise : float
        In [1e-6, 0.5].

    References
    ----------
    Genmo, Mochi 1 (``linear_quadratic_schedule``), also in ComfyUI.

    Examples
    --------
    >>> from specsched import baselines
    >>> baselines.linear_quadratic(4, sigma_max=999.0).flow_times.round(4).tolist()
    [0.999, 0.9865, 0.974, 0.7243, 0.0]
    """
    threshold = checks.real("threshold_noise", threshold_noise, above=0.0, minimum=1e-6, maximum=0.5)
    where = ends(steps, sigma_max, sigma_min, sigma_floor, native=(999.0, None))
    high, low = where.high / (1.0 + where.high), where.low / (1.0 + where.low)
    times = high + (low - high) * _linear_quadratic(where.points - 1, threshold)
    with np.errstate(divide="ignore"):  # times that round to 1; `finish` puts the levels between the ends
        levels = times / (1.0 - times)
    return finish(levels, where, "linear_quadratic")


def _linear_quadratic(steps: int, threshold: float) -> FloatArray:
    """Profile of steps + 1 values from 0 to 1."""
    if steps < 2:
        return np.arange(steps + 1, dtype=np.float64)
    linear = steps // 2
    slope, beyond = threshold / linear, steps - linear
    past = np.maximum(np.arange(steps + 1) - linear, 0)
    curvature = (1.0 - slope * steps) / beyond**2
    return np.asarray(slope * np.arange(steps + 1) + curvature * past**2)
