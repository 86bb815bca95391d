"""Schedules that space a function of sigma evenly between the two ends."""

from __future__ import annotations

import math

import numpy as np

from ..._support import checks
from ..._support.caching import cached
from ..._support.checks import FloatArray
from ..schedule import Schedule
from ._ends import between, described, ends, finish, fractions
from .ladders import linear_ladder

_CACHE_BYTES = 16 << 20

STABLE_DIFFUSION = (14.614641229333639, 0.02916715815172007)
"""Highest and lowest level of Stable Diffusion's training ladder."""


@described
def edm(
    steps: int,
    *,
    sigma_max: float | None = None,
    sigma_min: float | None = None,
    sigma_floor: float | None = None,
    rho: float = 7.0,
) -> Schedule:
    """EDM (Karras et al.): sigma^(1/rho) equally spaced.

    Without ends: S levels from 80 to 0.002, then 0.

    Parameters
    ----------
    rho : float
        In [0.01, 1000]; 1 spaces sigma evenly, large values log(sigma).

    References
    ----------
    T. Karras, M. Aittala, T. Aila, S. Laine, "Elucidating the Design Space of Diffusion-Based
    Generative Models", arXiv 2206.00364, eq. 5.

    Examples
    --------
    >>> from specsched import baselines
    >>> baselines.edm(4).sigmas.round(4).tolist()
    [80.0, 9.7232, 0.47, 0.002, 0.0]
    """
    exponent = 1.0 / checks.real("rho", rho, minimum=0.01, maximum=1000.0)
    where = ends(steps, sigma_max, sigma_min, sigma_floor, native=(80.0, 0.002))
    # Relative to the top, so that small rho does not overflow.
    ratio = (where.low / where.high) ** exponent
    return finish(where.high * between(1.0, ratio, where.points) ** (1.0 / exponent), where, "edm")


@described
def exponential(
    steps: int,
    *,
    sigma_max: float | None = None,
    sigma_min: float | None = None,
    sigma_floor: float | None = None,
) -> Schedule:
    """log(sigma) equally spaced (a geometric sequence; also the VE schedule of Song et al.).

    Without ends: S levels over Stable Diffusion's range, 14.6146 to 0.0291672, then 0.

    References
    ----------
    Y. Song et al., arXiv 2011.13456 (VE); k-diffusion, ``get_sigmas_exponential``.

    Examples
    --------
    >>> from specsched import baselines
    >>> baselines.exponential(3, sigma_max=10.0, sigma_min=0.01).sigmas.round(12).tolist()
    [10.0, 1.0, 0.1, 0.01]
    """
    return _log_spaced(steps, sigma_max, sigma_min, sigma_floor, 1.0, "exponential")


@described
def polyexponential(
    steps: int,
    *,
    sigma_max: float | None = None,
    sigma_min: float | None = None,
    sigma_floor: float | None = None,
    rho: float = 1.0,
) -> Schedule:
    """log(sigma) falls as a power: log sigma = log low + r^rho (log high - log low), r from 1 to 0.

    rho = 1 (the default of its source) is `exponential`. Without ends as there.

    Parameters
    ----------
    rho : float
        In [0.01, 100].

    References
    ----------
    k-diffusion, ``get_sigmas_polyexponential``.

    Examples
    --------
    >>> from specsched import baselines
    >>> baselines.polyexponential(2, sigma_max=10.0, sigma_min=0.001, rho=2.0).sigmas.round(6).tolist()
    [10.0, 0.01, 0.001]
    """
    power = checks.real("rho", rho, minimum=0.01, maximum=100.0)
    return _log_spaced(steps, sigma_max, sigma_min, sigma_floor, power, "polyexponential")


@described
def lu(
    steps: int,
    *,
    sigma_max: float | None = None,
    sigma_min: float | None = None,
    sigma_floor: float | None = None,
) -> Schedule:
    """Lu's log-SNR spacing: lambda = log(alpha/sigma) equally spaced.

    lambda = -log of our sigma, so this is `exponential`, level by level: where both stand in a table they are one
    heuristic under two names. It stands here because people look for it under this name (``use_lu_lambdas``).
    diffusers rounds it to training steps; here it is not rounded.

    References
    ----------
    C. Lu et al., "DPM-Solver: A Fast ODE Solver for Diffusion Probabilistic Model Sampling in
    Around 10 Steps", arXiv 2206.00927, section 3.4 and appendix.

    Examples
    --------
    >>> from specsched import baselines
    >>> (-baselines.lu(4, sigma_max=100.0, sigma_min=0.01).log_snr / 2).round(3).tolist()
    [4.605, 2.303, 0.0, -2.303, -4.605]
    """
    return _log_spaced(steps, sigma_max, sigma_min, sigma_floor, 1.0, "lu")


def _log_spaced(
    steps: int, high: float | None, low: float | None, floor: float | None, power: float, name: str
) -> Schedule:
    where = ends(steps, high, low, floor, native=STABLE_DIFFUSION)
    fall = (1.0 - fractions(where.points)) ** power
    bottom, top = math.log(where.low), math.log(where.high)
    return finish(np.exp(bottom + fall * (top - bottom)), where, name)


@described
def kl_optimal(
    steps: int,
    *,
    sigma_max: float | None = None,
    sigma_min: float | None = None,
    sigma_floor: float | None = None,
    eigenvalue: float = 1.0,
) -> Schedule:
    """Equal angles: arctan(sigma / sqrt(eigenvalue)) equally spaced.

    With eigenvalue = 1 it is the schedule called "KL optimal". It is the exact optimum of DDIM for data of a
    single variance: the angles of that eigenvalue turn by equal amounts, and the output variance is the
    largest that S steps can keep. Without ends: S levels over Stable Diffusion's range, then 0. (One code in
    use ends at the lowest level without a 0, another divides by S - 1 and gives NaN at one step; here S steps
    always end at the level asked for.)

    Parameters
    ----------
    eigenvalue : float
        Variance that the schedule is made for, in [1e-100, 1e100].

    References
    ----------
    A. Sabour, S. Fidler, K. Kreis, "Align Your Steps", arXiv 2404.14507, section 3 (Gaussian data).

    Examples
    --------
    >>> from specsched import baselines
    >>> import numpy as np
    >>> schedule = baselines.kl_optimal(3, sigma_max=100.0, sigma_min=0.01)
    >>> np.degrees(np.arctan(schedule.sigmas)).round(2).tolist()
    [89.43, 59.81, 30.19, 0.57]
    """
    scale = math.sqrt(checks.real("eigenvalue", eigenvalue, above=0.0, minimum=1e-100, maximum=1e100))
    where = ends(steps, sigma_max, sigma_min, sigma_floor, native=STABLE_DIFFUSION)
    angles = between(math.atan(where.high / scale), math.atan(where.low / scale), where.points)
    return finish(scale * np.tan(angles), where, "kl_optimal")


@described
def laplace(
    steps: int,
    *,
    sigma_max: float | None = None,
    sigma_min: float | None = None,
    sigma_floor: float | None = None,
    mu: float = 0.0,
    b: float = 0.5,
) -> Schedule:
    """Quantiles of a Laplace distribution of log(sigma), with location mu and scale b.

    Without ends: S levels over Stable Diffusion's range, then 0. In ComfyUI, quantiles at 0 and 1 (infinite)
    are held back by an added 1e-5 and clamped to the range, which repeats levels, and no 0 follows. Here the
    quantiles run evenly between the probabilities of the two ends: no clamp, no repeated level.

    Parameters
    ----------
    mu : float
        Location of log(sigma), in [-300, 300].
    b : float
        Scale, in [1e-3, 1e3].

    References
    ----------
    T. Hang, S. Gu, "Improved Noise Schedule for Diffusion Training", arXiv 2407.03297.

    Examples
    --------
    >>> from specsched import baselines
    >>> baselines.laplace(4, sigma_max=100.0, sigma_min=0.01).sigmas.round(4).tolist()
    [100.0, 1.4141, 1.0, 0.7071, 0.01]
    """
    location = checks.real("mu", mu, minimum=-300.0, maximum=300.0)
    scale = checks.real("b", b, above=0.0, minimum=1e-3, maximum=1e3)
    where = ends(steps, sigma_max, sigma_min, sigma_floor, native=STABLE_DIFFUSION)
    top = (math.log(where.high) - location) / scale
    bottom = (math.log(where.low) - location) / scale
    if top * bottom >= 0.0:
        # Both ends in one tail: probabilities relative to the nearer end, or the far tail would round away.
        near = top if abs(top) < abs(bottom) else bottom
        weights = between(math.exp(abs(near) - abs(top)), math.exp(abs(near) - abs(bottom)), where.points)
        z = math.copysign(1.0, top + bottom) * (abs(near) - _log(weights))
    else:
        upper = between(math.exp(-top), 2.0 - math.exp(bottom), where.points)
        lower = between(2.0 - math.exp(-top), math.exp(bottom), where.points)
        z = np.where(upper <= 1.0, -_log(upper), _log(lower))
    return finish(np.exp(location + scale * z), where, "laplace")


def _log(weights: FloatArray) -> FloatArray:
    """Logarithm of tail probabilities in [0, 1]; the far ends may have underflowed or not be meant."""
    return np.asarray(np.log(np.clip(weights, np.finfo(np.float64).tiny, 1.0)))


@described
def beta(
    steps: int,
    *,
    sigma_max: float | None = None,
    sigma_min: float | None = None,
    sigma_floor: float | None = None,
    alpha: float = 0.6,
    beta: float = 0.6,
    variant: str = "sigma",
) -> Schedule:
    """Quantiles of a Beta(alpha, beta) distribution of sigma or of the training time.

    Two different schedules go under this name; `variant` says which:

    - "sigma" (diffusers, AUTOMATIC1111): sigma itself, sigma = low + q (high - low);
    - "index" (ComfyUI): the training time of Stable Diffusion's ladder, time = t(low) + q (t(high) - t(low)).
      ComfyUI rounds the index and drops duplicates, so that fewer steps than asked for may result, and stops
      one quantile short of the lowest level; here the time is not rounded and the lowest level is reached.

    q runs over the quantiles at probabilities 1, ..., 0, equally spaced. Without ends: S levels over Stable
    Diffusion's range, then 0.

    Parameters
    ----------
    alpha, beta : float
        Shape parameters, in [0.05, 100].
    variant : {"sigma", "index"}
        What the distribution is of.

    References
    ----------
    T. Lee et al., "Beta Sampling is All You Need", arXiv 2407.12173.

    Examples
    --------
    >>> from specsched import baselines
    >>> baselines.beta(4, sigma_max=10.0, sigma_min=0.01).sigmas.round(3).tolist()
    [10.0, 8.245, 5.005, 1.765, 0.01]
    """
    a = checks.real("alpha", alpha, minimum=0.05, maximum=100.0)
    b = checks.real("beta", beta, minimum=0.05, maximum=100.0)
    use_index = checks.lookup("variant", variant, {"sigma": False, "index": True})
    where = ends(steps, sigma_max, sigma_min, sigma_floor, native=STABLE_DIFFUSION)
    q = _beta_quantiles(where.points, a, b)
    if not use_index:
        return finish(where.low + q * (where.high - where.low), where, "beta")
    ladder = linear_ladder(0.00085, 0.012, 1000, True)
    low = ladder.time(where.low)
    return finish(ladder.sigmas(low + q * (ladder.time(where.high) - low)), where, "beta_index")


@cached(_CACHE_BYTES, lambda quantiles: quantiles.nbytes)
def _beta_quantiles(points: int, a: float, b: float) -> FloatArray:
    # scipy.special holds what scipy.stats would take a second to load.
    from scipy.special import betaincinv

    return checks.read_only(np.asarray(betaincinv(a, b, 1.0 - fractions(points))))
