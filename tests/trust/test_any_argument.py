"""Any argument whatever: the public interface answers with finite numbers or with an error that says what is wrong.

Hypothesis draws the arguments. SPECSCHED_TRUST_CASES is the number of cases for each call (65 where it is not set,
8,000 in all; 780 make 100,000). They are the same in every run, or those of the number SPECSCHED_TRUST_SEED.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

import specsched as ss
from specsched import baselines
from specsched._support.notices import Notice
from specsched.samplers import SAMPLERS

CASES = int(os.environ.get("SPECSCHED_TRUST_CASES", "65"))
SEED = os.environ.get("SPECSCHED_TRUST_SEED", "")
ADMITTED = (TypeError, ValueError, OSError, MemoryError)
NEVER = (
    "incompatible function arguments",
    "ambiguous",
    "object has no attribute",
    "not subscriptable",
    "pybind",
)

HOSTILE = st.sampled_from(
    [
        None,
        True,
        "",
        "a",
        b"a",
        -1,
        0,
        10**400,
        2**31,
        2**63,
        -(10**30),
        float("nan"),
        float("inf"),
        -float("inf"),
        1e300,
        -1e300,
        5e-324,
        1e160,
        1j,
        (),
        [],
        {},
        [None],
        ["a"],
        [[1.0], [2.0, 3.0]],
        [10**400],
        object(),
        np.array(1.0),
        np.array([1.0, 2.0]),
        np.array(["a", "b"]),
        np.zeros((0, 3)),
        np.float32(0.5),
        np.int64(3),
        np.ma.masked_array([3.0, 2.0], mask=[True, False]),
        np.ma.masked,
        np.datetime64("2020-01-01"),
    ]
)
NUMBERS = st.one_of(
    st.floats(1e-3, 200.0),
    st.floats(),
    st.floats(1e-320, 1e308),
    st.integers(-3, 12),
    HOSTILE,
)


def decreasing(values: list[float]) -> list[float]:
    return sorted(set(values), reverse=True)


LEVELS = st.one_of(
    st.lists(st.floats(1e-3, 200.0), min_size=2, max_size=6).map(decreasing),
    st.lists(st.floats(0.0, 1e308), min_size=2, max_size=6).map(decreasing),
    st.lists(st.floats(), max_size=4),
    HOSTILE,
)
POWERS = st.one_of(
    st.lists(st.floats(1e-6, 100.0), min_size=1, max_size=5),
    st.lists(st.floats(0.0, 1e308), min_size=1, max_size=5),
    st.lists(st.floats(), max_size=3),
    HOSTILE,
)
ROWS = st.one_of(
    st.lists(st.lists(st.floats(-10.0, 10.0), min_size=3, max_size=3), min_size=2, max_size=6),
    st.lists(st.lists(st.floats(), min_size=2, max_size=2), max_size=4),
    HOSTILE,
)
STEPS = st.one_of(st.integers(1, 6), st.sampled_from([2**31, 10**12]), HOSTILE)
SAMPLER = st.one_of(st.sampled_from(sorted(SAMPLERS)), HOSTILE)
PROCESS = st.one_of(st.sampled_from(["vp", "ve", "flow"]), HOSTILE)
LOSS = st.one_of(st.sampled_from(["w2", "kl", "reverse_kl"]), HOSTILE)
THREADS = st.one_of(st.sampled_from([0, 1, 2]), HOSTILE)
ERROR = st.one_of(st.sampled_from([0.0, 0.05]), NUMBERS)
FAMILY = st.one_of(st.sampled_from(["edm", "cosine", "laplace"]), HOSTILE)
ENDS = {"sigma_max": NUMBERS, "sigma_min": NUMBERS, "sigma_floor": NUMBERS}
ABAR = st.one_of(
    st.lists(st.floats(0.001, 0.999), min_size=2, max_size=8).map(decreasing),
    st.lists(st.floats(0.0, 1.0), min_size=2, max_size=4).map(decreasing),
    HOSTILE,
)
JUDGED = {"sampler": SAMPLER, "process": PROCESS, "loss": LOSS, "threads": THREADS, "denoiser_error": ERROR}
DESIGNED = {
    **JUDGED,
    **ENDS,
    "min_ratio": NUMBERS,
    "tol": NUMBERS,
    "max_iter": st.one_of(st.integers(1, 20), HOSTILE),
    "init": LEVELS,
    "method": st.one_of(st.sampled_from(["newton", "slsqp"]), HOSTILE),
    "robust": NUMBERS,
    "combine": HOSTILE,
    "alphas_cumprod": ABAR,
}
RUN = {name: JUDGED[name] for name in ("sampler", "process", "threads", "denoiser_error")}
DESIGNED_ETA = {
    **{name: DESIGNED[name] for name in (*ENDS, "process", "loss", "threads", "tol", "max_iter")},
    "sampler": SAMPLER,
    "per_step": st.booleans(),
    "eta_max": NUMBERS,
}

Call = tuple[Callable[..., Any], list[Any], dict[str, Any]]
"""A function, what is always given in order, and what may be given by name."""

SHAPES: dict[str, dict[str, Any]] = {
    "linear": {"beta_start": NUMBERS, "beta_end": NUMBERS, "train_steps": STEPS},
    "cosine": {"s": NUMBERS, "max_beta": NUMBERS, "train_steps": STEPS},
    "chen_cosine": {"start": NUMBERS, "end": NUMBERS, "tau": NUMBERS},
    "sigmoid": {"start": NUMBERS, "end": NUMBERS, "tau": NUMBERS},
    "edm": {"rho": NUMBERS},
    "polyexponential": {"rho": NUMBERS},
    "vp": {"beta_d": NUMBERS, "beta_min": NUMBERS, "eps": NUMBERS},
    "beta": {"alpha": NUMBERS, "beta": NUMBERS, "variant": HOSTILE},
    "laplace": {"mu": NUMBERS, "b": NUMBERS},
    "kl_optimal": {"eigenvalue": NUMBERS},
    "linear_quadratic": {"threshold_noise": NUMBERS},
    "flow_shift": {"shift": NUMBERS},
    "scaled_linear": {"beta_start": NUMBERS, "beta_end": NUMBERS, "train_steps": STEPS},
    "exponential": {},
    "lu": {},
    "flow_uniform": {},
    "align_your_steps": {"table": HOSTILE},
}


def small() -> ss.Spectrum:
    return ss.Spectrum([4.0, 1.0, 0.1])


CALLS: dict[str, Call] = {
    "Spectrum": (ss.Spectrum, [POWERS], {"weights": POWERS, "mean_power": POWERS}),
    "Spectrum.merged": (
        ss.Spectrum.merged,
        [st.one_of(st.just([small(), small()]), HOSTILE)],
        {"weights": POWERS},
    ),
    "Spectrum.from_covariance": (ss.Spectrum.from_covariance, [ROWS], {"mean": POWERS}),
    "Spectrum.from_samples": (
        ss.Spectrum.from_samples,
        [ROWS],
        {"mean": POWERS, "ddof": NUMBERS, "dtype": HOSTILE},
    ),
    "Spectrum.from_stationary": (
        ss.Spectrum.from_stationary,
        [ROWS],
        {"ndim": NUMBERS, "channel_axis": NUMBERS, "channels": HOSTILE, "mean": HOSTILE, "ddof": NUMBERS},
    ),
    "Spectrum.from_labels": (ss.Spectrum.from_labels, [ROWS, ROWS], {"estimator": HOSTILE}),
    "Spectrum.power_law": (
        ss.Spectrum.power_law,
        [st.one_of(st.integers(1, 32), st.tuples(st.integers(1, 8), st.integers(1, 8)), HOSTILE)],
        {"exponent": NUMBERS, "variance": NUMBERS, "channels": st.one_of(st.integers(1, 3), HOSTILE)},
    ),
    "Spectrum.load": (ss.Spectrum.load, [HOSTILE], {}),
    "Spectrum.scaled": (
        lambda *a, **k: small().scaled(*a, **k),
        [NUMBERS],
        {"tilt": NUMBERS, "reference": NUMBERS},
    ),
    "Spectrum.weighted": (lambda w: small().weighted(w), [POWERS], {}),
    "Spectrum.floored": (lambda x: small().floored(x), [NUMBERS], {}),
    "Spectrum.dropped": (lambda x: small().dropped(x), [NUMBERS], {}),
    "Spectrum.compress": (
        lambda *a, **k: small().compress(*a, **k),
        [NUMBERS],
        {"nodes": NUMBERS, "threads": THREADS},
    ),
    "Schedule": (ss.Schedule, [LEVELS], {"name": HOSTILE}),
    "Schedule.from_alpha_bar": (ss.Schedule.from_alpha_bar, [LEVELS], {}),
    "Schedule.from_flow_times": (ss.Schedule.from_flow_times, [LEVELS], {}),
    "Schedule.load": (ss.Schedule.load, [HOSTILE], {}),
    "Schedule.timesteps": (lambda abar: ss.Schedule([1.5, 1.0, 0.0]).timesteps(abar), [ABAR], {}),
    "Schedule.to_timesteps": (lambda abar: ss.Schedule([1.5, 1.0, 0.0]).to_timesteps(abar), [ABAR], {}),
    "Neighbourhood": (ss.Neighbourhood, [POWERS, POWERS], {}),
    "fit": (ss.fit, [LEVELS, FAMILY], {}),
    "evaluate": (ss.evaluate, [POWERS, LEVELS], JUDGED),
    "value_and_grad": (ss.value_and_grad, [POWERS, LEVELS], JUDGED),
    "transfer": (ss.transfer, [POWERS, LEVELS], RUN),
    "trace": (lambda *a, **k: ss.transfer(*a, **k).trace(), [POWERS, LEVELS], RUN),
    "design": (ss.design, [POWERS, STEPS], DESIGNED),
    "design_eta": (ss.design_eta, [POWERS, STEPS], DESIGNED_ETA),
    "design_path": (ss.design_path, [POWERS, st.one_of(st.just([2, 3]), HOSTILE)], {**JUDGED, **ENDS}),
    "scan": (ss.scan, [st.just([[4.0, 1.0]]), st.one_of(st.just([2, 3]), HOSTILE)], {**JUDGED, **ENDS}),
    "best_member": (
        lambda *a, **k: ss.best_member(*a, **{"sigma_max": 80.0, "family": "edm", **k}),
        [POWERS, STEPS],
        {**JUDGED, **ENDS, "family": FAMILY},
    ),
    "sources.demo_sound": (
        lambda *a, **k: ss.Spectrum.from_stationary(_sources().demo_sound(*a, **{"count": 4, **k})),
        [st.one_of(st.integers(2, 32), HOSTILE)],
        {"rate": NUMBERS, "seed": HOSTILE},
    ),
    "sources.load_spectrum": (
        lambda *a, **k: _sources().load_spectrum(*a, **k),
        [HOSTILE],
        {"limit": NUMBERS},
    ),
    **{
        f"baselines.{name}": (getattr(baselines, name), [STEPS], {**ENDS, **shape})
        for name, shape in SHAPES.items()
    },
    **{
        f"samplers.{kind.__name__}": (kind, [], dict.fromkeys(kind.__dataclass_fields__, NUMBERS))
        for kind in dict.fromkeys(SAMPLERS.values())
    },
}


def _sources() -> Any:
    from specsched import sources

    return sources


def check_finite(value: Any) -> None:
    """Numbers anywhere in a result are finite."""
    if isinstance(value, float):
        assert np.isfinite(value)
    elif isinstance(value, np.ndarray) and value.dtype.kind == "f":
        assert np.isfinite(value).all()
    elif isinstance(value, dict):
        check_finite(list(value.values()))
    elif isinstance(value, (list, tuple)):
        for part in value:
            check_finite(part)
    elif isinstance(value, ss.Schedule):
        check_finite(value.sigmas)
    elif isinstance(value, ss.Spectrum):
        check_finite([value.eigenvalues, value.weights, value.mean_power])
    elif isinstance(value, ss.Design):
        check_finite([value.schedule, value.loss, value.kkt_error])
    elif isinstance(value, ss.Transfer):
        check_finite([value.gain, value.mean_gain, value.variance, value.injected])


def sound(strategy: Any) -> Any:
    """Its first alternative, which is what the function is made for."""
    alternatives = getattr(strategy, "original_strategies", None)
    return sound(alternatives[0]) if alternatives else strategy


@st.composite
def drawn(draw: Any, given_always: list[Any], may_be_given: dict[str, Any]) -> tuple[Any, Any]:
    """Anything for all arguments, or for one beside sound ones: checks behind other checks are met only so."""
    choices = [*range(len(given_always)), *may_be_given]
    alone = draw(st.none() | st.sampled_from(choices)) if choices else None
    if alone is None:
        some = st.fixed_dictionaries({}, optional=may_be_given)
        return draw(st.tuples(*given_always)), draw(some)
    arguments = tuple(draw(one if k == alone else sound(one)) for k, one in enumerate(given_always))
    return arguments, {name: draw(one) for name, one in may_be_given.items() if name == alone}


def answers_in_words(
    function: Callable[..., Any],
    given_always: list[Any],
    may_be_given: dict[str, Any],
    admitted: tuple[type[Exception], ...] = ADMITTED,
) -> None:
    """Call with drawn arguments: numbers are finite, errors of an admitted kind and without words of the machinery."""

    @settings(
        max_examples=CASES,
        deadline=timedelta(minutes=2),
        derandomize=not SEED,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(drawn(given_always, may_be_given))
    def check(given_here: tuple[tuple[Any, ...], dict[str, Any]]) -> None:
        arguments, options = given_here
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.simplefilter("ignore", Notice)  # advice to the user, in words
            try:
                result = function(*arguments, **options)
            except admitted as error:
                text = str(error)
                assert text
                assert not any(word in text for word in NEVER), text
                assert len(text) < 1000
                return
        check_finite(result)

    (seed(int(SEED))(check) if SEED else check)()


@pytest.mark.parametrize("name", sorted(CALLS))
def test_finite_or_an_error_in_words(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    answers_in_words(*CALLS[name])
