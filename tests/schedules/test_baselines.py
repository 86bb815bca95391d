"""The rules that all baselines share: ends, order, defaults, caches, and what is wrong with arguments."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from specsched import Schedule, baselines

PAPER = {"sigma_max": 157.4, "sigma_min": 0.01}
NAMES = sorted(baselines.TABLE)
AYS = [name for name in NAMES if name.startswith("ays_")]


# rules that all share


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=60, deadline=None)  # the first call loads scipy
@given(
    steps=st.integers(1, 300),
    high=st.floats(1e-2, 1e5),
    ratio=st.floats(1.5, 1e8),
    zero=st.booleans(),
)
def test_ends_are_exact_and_levels_decrease(
    name: str, steps: int, high: float, ratio: float, zero: bool
) -> None:
    low = high / ratio
    given_ends = {"sigma_min": 0.0, "sigma_floor": low} if zero else {"sigma_min": low}
    schedule = baselines.make(name, steps, sigma_max=high, **given_ends)
    assert schedule.steps == steps
    assert schedule.name == name
    assert schedule[0] == high
    Schedule(schedule.sigmas)  # the full check: finite, strictly decreasing
    if not zero:
        assert schedule[-1] == low
        return
    assert schedule[-1] == 0.0
    if steps > 1:
        assert schedule[-2] == low


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("steps", [1, 2, 3, 10, 1000])
def test_native_schedules_end_in_one_zero(name: str, steps: int) -> None:
    schedule = baselines.make(name, steps)
    assert schedule.steps == steps
    assert np.count_nonzero(schedule.sigmas == 0.0) == 1
    Schedule(schedule.sigmas)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("high", [0.005, 1.0, 1e4])
def test_only_the_top_given(name: str, high: float) -> None:
    schedule = baselines.make(name, 6, sigma_max=high)
    assert schedule[0] == high
    assert schedule[-1] == 0.0
    Schedule(schedule.sigmas)


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"cosine", "linear_quadratic", *AYS}))
def test_giving_the_native_ends_changes_nothing(name: str) -> None:
    """Imposed ends restrict a family in its own time, so its native ones must leave it as it is.

    Not so for the cosine (natively a capped ladder), linear_quadratic (whose profile counts its steps) and
    tables (which are stretched until their lowest entry falls on the floor).
    """
    native = baselines.make(name, 12)
    same = baselines.make(name, 12, sigma_max=native[0], sigma_min=0.0, sigma_floor=native[-2])
    # the clip of Chen's functions lies slightly before their last time
    tolerance = 2e-4 if name in ("chen_cosine", "sigmoid") else 1e-9
    np.testing.assert_allclose(same.sigmas, native.sigmas, rtol=tolerance)


def test_all_schedules_share_the_ends_of_the_paper() -> None:
    schedules = baselines.all_schedules(112, **PAPER)
    assert list(schedules) == list(baselines.TABLE)
    for name, schedule in schedules.items():
        assert (schedule[0], schedule[-1], schedule.steps, schedule.name) == (157.4, 0.01, 112, name)
        np.testing.assert_allclose(schedule.alpha_bar[[0, -1]], [4.036e-5, 0.9999], rtol=1e-4)


def test_cached_answers_cannot_be_spoilt() -> None:
    first = baselines.all_schedules(4, **PAPER)
    first.clear()
    second = baselines.all_schedules(4, **PAPER)
    assert list(second) == list(baselines.TABLE)
    with pytest.raises(ValueError, match="read-only"):
        second["edm"].sigmas[0] = 1.0


def test_tunable_parameters_exist_and_their_ranges_work() -> None:
    for name, ranges in baselines.TUNABLE.items():
        assert {scale for _, _, scale in ranges.values()} <= {"linear", "log"}
        # three quarters up: there `end` lies above the middle of `start`
        middle = {
            parameter: low * (high / low) ** 0.75 if scale == "log" else 0.25 * low + 0.75 * high
            for parameter, (low, high, scale) in ranges.items()
        }
        if "start" in ranges:
            middle["start"] = 0.5 * sum(ranges["start"][:2])
        centre = baselines.make(name, 7, **PAPER, **middle)
        for parameter, (low, high, _) in ranges.items():
            lowest = max(low, middle["start"] + 0.01) if parameter == "end" else low
            highest = min(high, middle["end"] - 0.01) if parameter == "start" else high
            for value in (lowest, highest):
                moved = baselines.make(name, 7, **PAPER, **{**middle, parameter: value})
                Schedule(moved.sigmas)
                assert moved != centre, f"{parameter} does not move {name}"


# bad input


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"steps": 0}, ValueError, "steps must be at least 1, got 0"),
        ({"steps": 2.5}, TypeError, "steps must be an integer"),
        ({"steps": True}, TypeError, "steps must be an integer, got a bool"),
        ({"sigma_max": -1.0}, ValueError, "sigma_max must be greater than 0"),
        ({"sigma_max": math.nan}, ValueError, "sigma_max must be finite"),
        ({"sigma_max": "80"}, TypeError, "sigma_max must be a real number"),
        ({"sigma_max": 1.0, "sigma_min": 2.0}, ValueError, "sigma_min must lie below sigma_max = 1, got 2"),
        ({"sigma_max": 1.0, "sigma_min": -0.1}, ValueError, "sigma_min must be at least 0"),
        (
            {"sigma_max": 1.0, "sigma_floor": 1.0},
            ValueError,
            "sigma_floor must lie below sigma_max = 1, got 1",
        ),
        ({"sigma_max": 1.0, "sigma_floor": 0.0}, ValueError, "sigma_floor must be greater than 0"),
        ({"sigma_max": 1.0, "sigma_min": 0.1, "sigma_floor": 0.2}, ValueError, "sigma_min = 0 only"),
        (
            {"sigma_max": 1.0, "sigma_min": 1.0 - 1e-13, "steps": 5000},
            ValueError,
            "5000 steps do not fit between sigma 1 and 1",
        ),
    ],
)
def test_bad_ends(name: str, options: dict[str, object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        baselines.make(name, **{"steps": 5, **options})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("linear", {"beta_start": 0.0}, "beta_start must be greater than 0"),
        ("linear", {"beta_end": 1e-5}, "beta_end must be at least 0.0001"),
        (
            "linear",
            {"train_steps": 10},
            r"beta_end \* 1000/train_steps must be less than 1.*0.02 \* 1000/10 = 2",
        ),
        (
            "linear",
            {"beta_end": 0.9375},
            r"beta_end must be smaller: 1000 betas up to 0\.9375 lead .* 1e\+152",
        ),
        (
            "scaled_linear",
            {"beta_start": 0.5, "beta_end": 0.75, "sigma_max": 1.0},
            "beta_end must be smaller",
        ),
        ("scaled_linear", {"train_steps": 1}, "train_steps must be at least 2"),
        ("cosine", {"s": -0.1}, "s must be at least 0"),
        ("cosine", {"max_beta": 1.0}, "max_beta must be less than 1"),
        ("chen_cosine", {"start": 0.6}, "end must be greater than start = 0.6, got 0.5"),
        ("chen_cosine", {"end": 1.5}, "end must be at most 1"),
        ("chen_cosine", {"tau": 0.0}, "tau must be at least 0.01"),
        ("sigmoid", {"start": 4.0}, "end must be greater than start = 4, got 3"),
        ("sigmoid", {"tau": 0.001}, r"must lie in \[-300, 300\], got -3000 and 3000"),
        ("edm", {"rho": 0.0}, "rho must be at least 0.01"),
        ("polyexponential", {"rho": 1e3}, "rho must be at most 100"),
        ("vp", {"beta_d": 2000.0}, "at most 700, got 1000.1"),
        ("vp", {"eps": 1.0}, "eps must be less than 1"),
        ("beta", {"alpha": 0.0}, "alpha must be at least 0.05"),
        (
            "beta",
            {"variant": "sigmas"},
            r"unknown variant 'sigmas' \(did you mean 'sigma'\?\); known: index, sigma",
        ),
        ("laplace", {"b": 0.0}, "b must be greater than 0"),
        ("kl_optimal", {"eigenvalue": -1.0}, "eigenvalue must be greater than 0"),
        ("flow_shift", {"shift": 0.0}, "shift must be greater than 0"),
        ("linear_quadratic", {"threshold_noise": 0.6}, "threshold_noise must be at most 0.5"),
    ],
)
def test_bad_parameters(name: str, options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        baselines.make(name, 5, **options)


def test_unknown_names() -> None:
    with pytest.raises(ValueError, match=r"unknown baseline 'edmm' \(did you mean 'edm'\?\); known: ays_"):
        baselines.make("edmm", 5)
    with pytest.raises(ValueError, match=r"unknown table 'sd21'.*deepfloyd"):
        baselines.align_your_steps(5, table="sd21")
    with pytest.raises(TypeError, match="baseline must be a string"):
        baselines.make(3, 5)  # type: ignore[arg-type]


def test_all_schedules_checks_its_arguments() -> None:
    with pytest.raises(TypeError, match="sigma_max must be a real number, got list"):
        baselines.all_schedules(5, sigma_max=[1.0])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="steps must be at least 1"):
        baselines.all_schedules(0)


def test_sigmoid_between_ends_alone() -> None:
    """The first level overflowed before its end took its place."""
    assert baselines.sigmoid(1, end=43.0).sigmas.tolist() == baselines.sigmoid(1).sigmas.tolist()
    assert np.isfinite(baselines.sigmoid(3, start=-300.0, end=300.0).sigmas).all()
