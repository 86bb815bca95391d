"""Every baseline against its formula, written out here, and the ranges that are known."""

from __future__ import annotations

import math
from collections.abc import Callable

import mpmath
import numpy as np
import pytest

from specsched import Schedule, baselines

PAPER = {"sigma_max": 157.4, "sigma_min": 0.01}


def solve(curve: Callable[[float], float], level: float, start: float, stop: float) -> float:
    """Time in [start, stop] at which a monotone curve attains `level`, by plain bisection."""
    rising = curve(stop) > curve(start)
    for _ in range(90):
        middle = (start + stop) / 2
        start, stop = (start, middle) if (curve(middle) > level) == rising else (middle, stop)
    return (start + stop) / 2


def from_abar(abar: float) -> float:
    return math.sqrt((1 - abar) / abar)


# betas


def test_linear_is_the_ddpm_ladder() -> None:
    betas = [1e-4 + (0.02 - 1e-4) * k / 999 for k in range(1000)]
    abar = np.cumprod([1 - b for b in betas])
    assert baselines.linear(1000).sigmas[:-1][::-1] == pytest.approx(np.sqrt((1 - abar) / abar), rel=1e-11)
    top = baselines.linear(1, sigma_min=0.01)
    assert top[0] == pytest.approx(157.407, abs=1e-3)
    assert baselines.linear(5)[-2] == pytest.approx(0.0100005, rel=1e-6)


def test_scaled_linear_range_of_stable_diffusion() -> None:
    schedule = baselines.scaled_linear(1000)
    roots = [math.sqrt(0.00085) + (math.sqrt(0.012) - math.sqrt(0.00085)) * k / 999 for k in range(1000)]
    abar = np.cumprod([1 - r * r for r in roots])
    assert schedule.alpha_bar[:-1][::-1] == pytest.approx(abar, rel=1e-11)
    assert schedule[0] == pytest.approx(14.6146, abs=5e-5)
    assert schedule[-2] == pytest.approx(0.0291675, abs=5e-7)  # the last digit quoted is rounded up


@pytest.mark.parametrize("train_steps", [50, 200, 4000])
def test_linear_betas_are_scaled_for_other_ladder_lengths(train_steps: int) -> None:
    reference = baselines.linear(8, **PAPER)
    other = baselines.linear(8, **PAPER, train_steps=train_steps)
    # The same curve up to the discretisation of time, of first order in 1/T.
    np.testing.assert_allclose(other.sigmas, reference.sigmas, rtol=40 / train_steps)
    assert other != reference


def test_linear_between_given_ends_is_equal_in_training_time() -> None:
    betas = 1e-4 + (0.02 - 1e-4) * np.arange(1000) / 999
    rise = np.concatenate([[0.0], np.cumsum(-np.log1p(-betas))])
    schedule = baselines.linear(9, sigma_max=80.0, sigma_min=0.02)
    times = np.interp(np.log1p(schedule.sigmas**2), rise, np.arange(1001))
    np.testing.assert_allclose(np.diff(times), np.diff(times).mean(), rtol=1e-9)


def test_linear_beyond_its_top_goes_on_with_the_last_beta() -> None:
    schedule = baselines.linear(4, sigma_max=1e4, sigma_min=157.0)
    # constant beta = 0.02: log(1 + sigma^2) falls evenly
    np.testing.assert_allclose(np.diff(np.log1p(schedule.sigmas**2)[:4], 2), 0.0, atol=2e-3)


def test_cosine_ladder_with_capped_betas() -> None:
    def f(t: float) -> float:
        return math.cos((t + 0.008) / 1.008 * math.pi / 2) ** 2

    abar, product = [], 1.0
    for k in range(1000):
        product *= 1 - min(1 - f((k + 1) / 1000) / f(k / 1000), 0.999)
        abar.append(product)
    schedule = baselines.cosine(1000)
    np.testing.assert_allclose(schedule.sigmas[:-1][::-1], [from_abar(a) for a in abar], rtol=1e-9)


@pytest.mark.parametrize("s", [0.0, 0.008, 0.3])
def test_cosine_between_given_ends(s: float) -> None:
    def sigma(t: float) -> float:
        f0, ft = (mpmath.cos((x + s) / (1 + s) * mpmath.pi / 2) ** 2 for x in (0, t))
        return mpmath.sqrt((f0 - ft) / ft)

    high, low = solve(sigma, 157.4, 0.9, 0.9999), solve(sigma, 0.01, 1e-6, 0.1)
    expected = [float(sigma(high + (low - high) * i / 7)) for i in range(8)]
    np.testing.assert_allclose(baselines.cosine(7, **PAPER, s=s).sigmas, expected, rtol=1e-9)


# Chen


@pytest.mark.parametrize("parameters", [(0.0, 0.5, 1.0), (0.0, 1.0, 1.0), (0.2, 1.0, 3.0), (0.1, 0.9, 0.3)])
def test_chen_cosine(parameters: tuple[float, float, float]) -> None:
    start, end, tau = parameters

    def y(x: float) -> float:
        # cos(pi/2) is rounded to 6e-17 by the libraries; its exact value is 0
        return 0.0 if x == 1.0 else math.cos(x * math.pi / 2) ** (2 * tau)

    def gamma(t: float) -> float:
        return (y(t * (end - start) + start) - y(end)) / (y(start) - y(end))

    options = {"start": start, "end": end, "tau": tau}
    native = baselines.chen_cosine(8, **options)
    expected = [from_abar(gamma(1 - i / 8)) for i in range(1, 8)]
    # the native top is abar = 1e-9, at a time slightly below 1
    np.testing.assert_allclose(native.sigmas[1:-1], expected, rtol=2e-2)
    high = solve(gamma, 1 / (1 + 100.0**2), 0.5, 1 - 1e-9)
    low = solve(gamma, 1 / (1 + 0.01**2), 1e-6, 0.2)
    expected = [from_abar(gamma(high + (low - high) * i / 6)) for i in range(7)]
    got = baselines.chen_cosine(6, sigma_max=100.0, sigma_min=0.01, **options)
    np.testing.assert_allclose(got.sigmas, expected, rtol=1e-8)


@pytest.mark.parametrize(
    "parameters", [(-3.0, 3.0, 1.0), (0.0, 3.0, 0.3), (-3.0, 3.0, 0.9), (-2.0, 9.0, 1.0)]
)
def test_sigmoid(parameters: tuple[float, float, float]) -> None:
    start, end, tau = parameters

    def v(x: float) -> float:
        return 1 / (1 + mpmath.exp(-x / tau))

    def gamma(t: float) -> float:
        return (v(end) - v(t * (end - start) + start)) / (v(end) - v(start))

    high = solve(gamma, 1 / (1 + mpmath.mpf(100) ** 2), 0.5, 1)
    low = solve(gamma, 1 / (1 + mpmath.mpf("0.01") ** 2), 0, 0.2)
    expected = [float(mpmath.sqrt(1 / gamma(high + (low - high) * i / 6) - 1)) for i in range(7)]
    got = baselines.sigmoid(6, sigma_max=100.0, sigma_min=0.01, start=start, end=end, tau=tau)
    np.testing.assert_allclose(got.sigmas, expected, rtol=1e-8)


@pytest.mark.parametrize("end", [0.01, 0.5, 0.999999, 1.0])
@pytest.mark.parametrize("tau", [0.01, 100.0])
def test_chen_cosine_at_extreme_parameters(end: float, tau: float) -> None:
    for start in (0.0, 0.99 * end):
        schedule = baselines.chen_cosine(50, sigma_max=1e4, sigma_min=1e-4, start=start, end=end, tau=tau)
        Schedule(schedule.sigmas)


def test_sigmoid_depends_on_ratios_to_tau_only() -> None:
    a = baselines.sigmoid(9, **PAPER, start=-1.0, end=2.0, tau=0.5)
    b = baselines.sigmoid(9, **PAPER, start=-2.0, end=4.0, tau=1.0)
    np.testing.assert_allclose(a.sigmas, b.sigmas, rtol=1e-13)


@pytest.mark.parametrize(("start", "end"), [(-300.0, 300.0), (0.0, 1e-6), (299.0, 300.0), (-0.1, 250.0)])
def test_sigmoid_at_extreme_parameters(start: float, end: float) -> None:
    Schedule(baselines.sigmoid(50, sigma_max=1e4, sigma_min=1e-4, start=start, end=end).sigmas)


# functions of sigma


def test_edm_formula() -> None:
    n, rho = 18, 7
    expected = [
        (80 ** (1 / rho) + i / (n - 1) * (0.002 ** (1 / rho) - 80 ** (1 / rho))) ** rho for i in range(n)
    ]
    np.testing.assert_allclose(baselines.edm(18).sigmas, [*expected, 0.0], rtol=1e-12)
    np.testing.assert_allclose(
        baselines.edm(4, **PAPER, rho=1.0).sigmas, np.linspace(157.4, 0.01, 5), rtol=1e-13
    )


def test_exponential_and_its_kin() -> None:
    expected = np.geomspace(157.4, 0.01, 8)
    for name in ("exponential", "lu"):
        np.testing.assert_allclose(baselines.make(name, 7, **PAPER).sigmas, expected, rtol=1e-13)
    np.testing.assert_allclose(baselines.polyexponential(7, **PAPER).sigmas, expected, rtol=1e-13)
    assert baselines.exponential(6)[0] == pytest.approx(baselines.scaled_linear(6)[0], rel=1e-12)
    assert baselines.exponential(6)[-2] == pytest.approx(baselines.scaled_linear(6)[-2], rel=1e-12)


def test_polyexponential_formula() -> None:
    r = np.linspace(1, 0, 6)
    expected = np.exp(r**2.5 * (math.log(40.0) - math.log(0.1)) + math.log(0.1))
    got = baselines.polyexponential(5, sigma_max=40.0, sigma_min=0.1, rho=2.5)
    np.testing.assert_allclose(got.sigmas, expected, rtol=1e-13)


def test_coinciding_levels_are_spread() -> None:
    """r^100 underflows the spacing of doubles for half of the steps; they must still differ."""
    schedule = baselines.polyexponential(40, **PAPER, rho=100.0)
    assert (np.diff(schedule.sigmas) < 0).all()


def test_kl_optimal_has_equal_angles() -> None:
    angles = np.arctan(baselines.kl_optimal(20, **PAPER).sigmas)
    np.testing.assert_allclose(np.diff(angles), np.diff(angles).mean(), rtol=1e-11)
    angles = np.arctan(baselines.kl_optimal(20, **PAPER, eigenvalue=0.3).sigmas / math.sqrt(0.3))
    np.testing.assert_allclose(np.diff(angles), np.diff(angles).mean(), rtol=1e-11)


def test_equal_angles_are_the_cosine_schedule() -> None:
    equal = baselines.kl_optimal(20, **PAPER).sigmas
    np.testing.assert_allclose(baselines.cosine(20, **PAPER, s=0.0).sigmas, equal, rtol=1e-11)
    np.testing.assert_allclose(baselines.chen_cosine(20, **PAPER, end=1.0).sigmas, equal, rtol=1e-9)


@pytest.mark.parametrize("ends", [(157.4, 0.01), (100.0, 5.0), (0.2, 0.001)])
def test_laplace_quantiles(ends: tuple[float, float]) -> None:
    """Both ends in either tail and on both sides of the location."""
    mu, b = 0.3, 0.6
    schedule = baselines.laplace(9, sigma_max=ends[0], sigma_min=ends[1], mu=mu, b=b)
    z = (np.log(schedule.sigmas) - mu) / b
    upper_tail = np.where(z > 0, 0.5 * np.exp(-np.abs(z)), 1 - 0.5 * np.exp(-np.abs(z)))
    np.testing.assert_allclose(np.diff(upper_tail), np.diff(upper_tail).mean(), rtol=1e-9)


@pytest.mark.parametrize("variant", ["sigma", "index"])
def test_beta_quantiles(variant: str) -> None:
    schedule = baselines.beta(6, sigma_max=14.0, sigma_min=0.03, alpha=0.6, beta=0.8, variant=variant)
    if variant == "sigma":
        q = (schedule.sigmas - 0.03) / (14.0 - 0.03)
    else:
        ladder = baselines.scaled_linear(1000).sigmas[:-1][::-1]
        rise = np.log1p(ladder**2)
        times = np.interp(np.log1p(schedule.sigmas**2), rise, np.arange(1.0, 1001.0))
        q = (times - times[-1]) / (times[0] - times[-1])
    p = [float(mpmath.betainc(0.6, 0.8, 0, value, regularized=True)) for value in q]
    np.testing.assert_allclose(p, np.linspace(1, 0, 7), atol=1e-9)


def test_beta_index_has_as_many_steps_as_asked_for() -> None:
    assert baselines.beta(900, variant="index").steps == 900


# functions of time


def test_vp_formula() -> None:
    t = np.linspace(1, 1e-3, 7)
    expected = np.sqrt(np.exp(19.9 * t**2 / 2 + 0.1 * t) - 1)
    np.testing.assert_allclose(baselines.vp(7).sigmas[:-1], expected, rtol=1e-10)
    between = baselines.vp(5, sigma_max=300.0, sigma_min=0.5)
    rise = np.log1p(between.sigmas**2)
    times = (np.sqrt(0.01 + 2 * 19.9 * rise) - 0.1) / 19.9
    np.testing.assert_allclose(np.diff(times), np.diff(times).mean(), rtol=1e-10)


def test_flow_times_and_shift() -> None:
    uniform = baselines.flow_uniform(4, sigma_max=9.0)
    np.testing.assert_allclose(uniform.flow_times, [0.9, 0.675, 0.45, 0.225, 0.0], rtol=1e-14)
    shifted = baselines.flow_shift(4, sigma_max=9.0, shift=3.0)
    u = np.linspace(0.75, 0.0, 5)  # the unshifted time of 0.9: 0.9/(3 - 2 * 0.9)
    np.testing.assert_allclose(shifted.flow_times, 3 * u / (1 + 2 * u), rtol=1e-14)


@pytest.mark.parametrize("steps", [2, 3, 4, 7, 20])
@pytest.mark.parametrize("threshold", [0.025, 0.5])
def test_linear_quadratic(steps: int, threshold: float) -> None:
    """The two pieces written with their three coefficients, as published."""
    half = steps // 2
    rest, excess = steps - half, half - threshold * steps
    a, b = excess / (half * rest**2), threshold / half - 2 * excess / rest**2
    rising = [i * threshold / half for i in range(half)]
    rising += [a * i * i + b * i + a * half * half for i in range(half, steps)] + [1.0]
    schedule = baselines.linear_quadratic(steps, threshold_noise=threshold)
    np.testing.assert_allclose(schedule.flow_times, 0.999 * (1 - np.array(rising)), rtol=1e-10, atol=1e-15)


# tables


def test_align_your_steps_tables_at_ten_steps() -> None:
    sd15 = [14.615, 6.475, 3.861, 2.697, 1.886, 1.396, 0.963, 0.652, 0.399, 0.152]
    np.testing.assert_allclose(baselines.align_your_steps(10).sigmas, [*sd15, 0.0], rtol=1e-13)
    for table, levels in baselines.ALIGN_YOUR_STEPS.items():
        native = baselines.align_your_steps(10, table=table)
        np.testing.assert_allclose(native.sigmas[:-1], levels[:-1], rtol=1e-13)
        spanned = baselines.align_your_steps(10, table=table, sigma_min=levels[-1])
        np.testing.assert_allclose(spanned.sigmas, levels, rtol=1e-13)


def test_align_your_steps_is_log_linear_between_entries() -> None:
    schedule = baselines.make("ays_sdxl", 20)
    assert schedule[1] == pytest.approx(math.sqrt(14.615 * 6.315), rel=1e-13)
    assert schedule[2] == pytest.approx(6.315, rel=1e-13)


def test_align_your_steps_is_stretched_to_given_ends() -> None:
    schedule = baselines.align_your_steps(10, **PAPER)
    table = np.log(baselines.ALIGN_YOUR_STEPS["sd15"])
    levels = np.log(schedule.sigmas)
    np.testing.assert_allclose(
        (levels - levels[-1]) / (levels[0] - levels[-1]),
        (table - table[-1]) / (table[0] - table[-1]),
        atol=1e-13,
    )
