"""Schedules of discrete training ladders: a list of betas, and levels picked from it at equal time steps."""

from __future__ import annotations

import math

import numpy as np

from ..._support import checks
from ..._support.caching import cached
from ..._support.checks import FloatArray
from ..schedule import Schedule
from ._ends import Ends, between, described, ends, finish

_CACHE_BYTES = 16 << 20
_MOST_TRAIN_STEPS = 1_000_000
_LEAST_BETA = 1e-12
"""Below it the levels of a ladder run together: 1 - beta keeps only four digits of beta."""

_MOST_RISE = 700.0
"""Of log(1 + sigma^2), whose exponential is to be a number. Between given ends the ladder may lead far beyond them."""


class Ladder:
    """abar_k = (1 - beta_1) ... (1 - beta_k) in continuous time: beta is constant within a training step.

    Time runs from 0 (clean) to T; the training levels lie at 1, ..., T. Beyond T the last beta goes on, so
    that any level has a time.
    """

    def __init__(self, betas: FloatArray) -> None:
        # log(1 + sigma^2) = -log(abar), which the betas' constancy makes piecewise linear in time.
        self._rise = np.concatenate(([0.0], np.cumsum(-np.log1p(-betas))))
        if self._rise[-1] > _MOST_RISE:
            raise ValueError(
                f"beta_end must be smaller: {betas.size} betas up to {betas[-1]:.4g} lead to levels beyond "
                f"{math.exp(_MOST_RISE / 2.0):.1g}"
            )
        self._times = np.arange(self._rise.size, dtype=np.float64)
        self.length = betas.size
        self.nbytes = self._rise.nbytes + self._times.nbytes
        self.native = (_sigma(self._rise[-1]), _sigma(self._rise[1]))

    def time(self, sigma: float) -> float:
        """Time in training steps at which the level is `sigma`."""
        rise = 2.0 * math.log(sigma) if sigma > 1e8 else math.log1p(sigma * sigma)
        last = float(self._rise[-1])
        if rise > last:
            return self.length + (rise - last) / float(last - self._rise[-2])
        return float(np.interp(rise, self._rise, self._times))

    def sigmas(self, times: FloatArray) -> FloatArray:
        """Levels at `times` (training steps; may exceed T)."""
        rise = np.interp(times, self._times, self._rise)
        slope = self._rise[-1] - self._rise[-2]
        rise += slope * np.maximum(times - self.length, 0.0)
        return np.asarray(np.sqrt(np.expm1(rise)))

    def levels(self, where: Ends) -> FloatArray:
        """Equal time steps between the times of the two ends."""
        return self.sigmas(between(self.time(where.high), self.time(where.low), where.points))


@described
def linear(
    steps: int,
    *,
    sigma_max: float | None = None,
    sigma_min: float | None = None,
    sigma_floor: float | None = None,
    beta_start: float = 1e-4,
    beta_end: float = 0.02,
    train_steps: int = 1000,
) -> Schedule:
    """Linear betas (DDPM): beta rises linearly over T training steps.

    beta_k = beta_start + (beta_end - beta_start) (k - 1)/(T - 1), both ends times 1000/T, so that the ladder
    spans the same levels for every T (with the unscaled 1000-step betas a 100-step ladder would stop at sigma
    = 1.3).

    Without ends: S levels at equal time steps from the last training step to the first (157.4 ... 0.01 for
    the defaults; fractional steps in between, beta being constant within a step), then 0. With ends: equal
    time steps between the times at which the ladder attains them; above its top the last beta goes on.

    Parameters
    ----------
    beta_start, beta_end : float
        First and last beta of the 1000-step ladder, 0 < beta_start <= beta_end.
    train_steps : int
        T >= 2. At T <= 20 the scaled beta_end = 0.02 would reach 1, an error: pick few steps from a long
        ladder.

    References
    ----------
    J. Ho, A. Jain, P. Abbeel, "Denoising Diffusion Probabilistic Models", arXiv 2006.11239; the
    scaling by 1000/T: A. Nichol, P. Dhariwal, arXiv 2102.09672.

    Examples
    --------
    >>> from specsched import baselines
    >>> baselines.linear(3, sigma_max=157.4, sigma_min=0.01).sigmas.round(3).tolist()
    [157.4, 9.489, 1.462, 0.01]
    """
    ladder = linear_ladder(beta_start, beta_end, train_steps, False)
    where = ends(steps, sigma_max, sigma_min, sigma_floor, native=ladder.native)
    return finish(ladder.levels(where), where, "linear")


@described
def scaled_linear(
    steps: int,
    *,
    sigma_max: float | None = None,
    sigma_min: float | None = None,
    sigma_floor: float | None = None,
    beta_start: float = 0.00085,
    beta_end: float = 0.012,
    train_steps: int = 1000,
) -> Schedule:
    """Betas whose square root rises linearly (Stable Diffusion); sigma from 14.6146 to 0.0291675.

    Everything else as for `linear`. (ComfyUI calls this ladder "linear".)

    Parameters
    ----------
    beta_start, beta_end : float
        First and last beta of the 1000-step ladder, 0 < beta_start <= beta_end.
    train_steps : int
        T >= 2.

    References
    ----------
    R. Rombach et al., "High-Resolution Image Synthesis with Latent Diffusion Models", arXiv 2112.10752.

    Examples
    --------
    >>> from specsched import baselines
    >>> baselines.scaled_linear(2).sigmas.round(4).tolist()
    [14.6146, 0.0292, 0.0]
    """
    ladder = linear_ladder(beta_start, beta_end, train_steps, True)
    where = ends(steps, sigma_max, sigma_min, sigma_floor, native=ladder.native)
    return finish(ladder.levels(where), where, "scaled_linear")


@described
def cosine(
    steps: int,
    *,
    sigma_max: float | None = None,
    sigma_min: float | None = None,
    sigma_floor: float | None = None,
    s: float = 0.008,
    max_beta: float = 0.999,
    train_steps: int = 1000,
) -> Schedule:
    """Cosine (Nichol and Dhariwal): abar(t) = f(t)/f(0), f(t) = cos^2((t + s)/(1 + s) pi/2).

    Without ends: the ladder of T betas 1 - abar(k/T)/abar((k-1)/T), capped at `max_beta`, S levels at equal
    time steps from the last training step to the first, then 0. With ends: abar(t) itself at equal time steps
    between the times at which it attains them (no cap is needed there). With s = 0 the levels have equal
    angles arctan(sigma): `kl_optimal`. Dividing by f(0) is part of the definition; some codes leave it out
    because it cancels in the betas, and then get abar(0) < 1.

    Parameters
    ----------
    s : float
        Offset, 0 <= s <= 10.
    max_beta : float
        In (0, 1).
    train_steps : int
        T >= 2.

    References
    ----------
    A. Nichol, P. Dhariwal, "Improved Denoising Diffusion Probabilistic Models", arXiv 2102.09672, eq. 17.

    Examples
    --------
    >>> from specsched import baselines
    >>> baselines.cosine(3, sigma_max=100.0, sigma_min=0.01).sigmas.round(3).tolist()
    [100.0, 1.727, 0.587, 0.01]
    """
    ladder = _cosine_ladder(s, max_beta, train_steps)
    where = ends(steps, sigma_max, sigma_min, sigma_floor, native=ladder.native)
    if sigma_max is None and sigma_min is None and sigma_floor is None:
        return finish(ladder.levels(where), where, "cosine")
    times = between(_cosine_time(where.high, s), _cosine_time(where.low, s), where.points)
    return finish(_cosine_sigma(times, s), where, "cosine")


def _cosine_time(sigma: float, s: float) -> float:
    """Inverse of abar(t) = f(t)/f(0)."""
    # sin^2 of the angle, written so that nothing cancels at small levels.
    start = math.sin(math.pi / 2 * s / (1 + s))
    shrink = 1.0 / math.hypot(1.0, sigma)
    sine = math.hypot(start * shrink, sigma * shrink)
    cosine = math.cos(math.pi / 2 * s / (1 + s)) * shrink
    return math.atan2(sine, cosine) * (2 / math.pi) * (1 + s) - s


def _cosine_sigma(times: FloatArray, s: float) -> FloatArray:
    """sigma^2 = (f(0) - f(t))/f(t), with the difference of squared cosines as a product of sines."""
    scale = math.pi / 2 / (1 + s)
    angle, start = (times + s) * scale, s * scale
    squared = np.sin(angle + start) * np.sin(angle - start)
    return np.asarray(np.sqrt(np.maximum(squared, 0.0)) / np.cos(angle))


def _sigma(rise: float) -> float:
    return math.sqrt(math.expm1(rise))


def linear_ladder(beta_start: float, beta_end: float, train_steps: int, root: bool) -> Ladder:
    count = checks.integer("train_steps", train_steps, minimum=2, maximum=_MOST_TRAIN_STEPS)
    scale = 1000.0 / count
    first = checks.real("beta_start", beta_start, above=0.0, minimum=_LEAST_BETA)
    last = checks.real("beta_end", beta_end, minimum=first) * scale
    first *= scale
    if last >= 1.0:
        raise ValueError(
            f"beta_end * 1000/train_steps must be less than 1, got {beta_end:g} * 1000/{count} = {last:g}; "
            "use a longer ladder and pick fewer steps from it"
        )
    return _make_linear(first, last, count, root)


@cached(_CACHE_BYTES, lambda ladder: ladder.nbytes)
def _make_linear(first: float, last: float, count: int, root: bool) -> Ladder:
    if root:
        return Ladder(np.linspace(math.sqrt(first), math.sqrt(last), count) ** 2)
    return Ladder(np.linspace(first, last, count))


def _cosine_ladder(s: float, max_beta: float, train_steps: int) -> Ladder:
    offset = checks.real("s", s, minimum=0.0, maximum=10.0)
    cap = checks.real("max_beta", max_beta, above=0.0, below=1.0)
    count = checks.integer("train_steps", train_steps, minimum=2, maximum=_MOST_TRAIN_STEPS)
    return _make_cosine(offset, cap, count)


@cached(_CACHE_BYTES, lambda ladder: ladder.nbytes)
def _make_cosine(s: float, max_beta: float, count: int) -> Ladder:
    rise = np.log1p(_cosine_sigma(np.arange(count) / count, s) ** 2)
    betas = np.append(-np.expm1(-np.diff(rise)), 1.0)  # the last one is 1, abar(1) being 0
    return Ladder(np.minimum(betas, max_beta))
