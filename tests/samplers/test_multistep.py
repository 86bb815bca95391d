"""The multistep solver with a table of coefficients: transfer functions, gradients, and fixed solvers as tables."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import specsched as ss
from specsched.samplers import (
    DDIM,
    DEIS,
    IPNDM,
    LMS,
    DPMMultistep,
    DPMpp2M,
    DPMpp3M,
    Multistep,
    Sampler,
    UniPC,
    as_multistep,
    from_saved,
)
from specsched.testing import propagate

VALUES = np.array([1e-6, 3e-3, 0.4, 1.0, 25.0, 900.0])
TO_ZERO = np.array([80.0, 22.0, 9.0, 3.0, 1.1, 0.4, 0.1, 0.02, 0.0])
TO_FLOOR = TO_ZERO[:-1]
TABLE = np.tril(np.random.default_rng(1).normal(0.3, 0.5, (8, 3)), -1)
TIMES = np.linspace(-0.1, 0.1, 8)


@pytest.mark.parametrize("process", ["vp", "ve", "flow"])
@pytest.mark.parametrize("times", [None, TIMES])
def test_transfer_against_fifty_digits(process: Any, times: Any) -> None:
    for sigmas, rows in ((TO_ZERO, 8), (TO_FLOOR, 7)):
        told = None if times is None else times[:rows]
        solver = Multistep(order=4, coefficients=TABLE[:rows], model_times=told)
        ours = ss.transfer(VALUES, sigmas, sampler=solver, process=process)
        exact = propagate(
            "multistep", VALUES, sigmas, process=process, digits=50, order=4,
            coefficients=TABLE[:rows], model_times=told,
        )  # fmt: skip
        np.testing.assert_allclose(ours.gain, np.array(exact.gain, dtype=float), rtol=1e-11, atol=1e-18)
        np.testing.assert_allclose(
            ours.variance, np.array(exact.variance, dtype=float), rtol=1e-11, atol=1e-18
        )


@pytest.mark.parametrize("times", [None, TIMES])
def test_gradient_against_fifty_digits(times: Any) -> None:
    solver = Multistep(order=4, coefficients=TABLE, model_times=times)
    value, gradient = ss.value_and_grad(VALUES, TO_ZERO, sampler=solver)
    h = 1e-6
    for k in range(8):
        moved = [TO_ZERO + sign * h * TO_ZERO[k] * np.eye(9)[k] for sign in (1, -1)]
        values = [ss.evaluate(VALUES, levels, sampler=solver) for levels in moved]
        numeric = (values[0] - values[1]) / (2 * h * TO_ZERO[k])
        assert gradient[k] == pytest.approx(numeric, rel=1e-6, abs=1e-8 * value / TO_ZERO[k])


FIXED: list[Sampler] = [
    DDIM(),
    DPMpp2M(),
    DPMpp2M(heun=True),
    DPMpp2M(lower_order_final=True),
    DPMpp3M(),
    DPMpp3M(lower_order_final=False),
    DEIS(),
    DEIS(order=3, lower_order_final=False),
    DEIS(order=4, lower_order_final=False),
    *(UniPC(order=p, bh=b, corrector=False) for p in (1, 2, 3) for b in (1, 2)),
    UniPC(order=3),
    IPNDM(),
    IPNDM(order=2),
    LMS(),
    DPMMultistep(order=3, lower_order_final=False),
]


@pytest.mark.parametrize("solver", FIXED, ids=[f"{s.name}-{i}" for i, s in enumerate(FIXED)])
@pytest.mark.parametrize("sigmas", [TO_ZERO, TO_FLOOR], ids=["zero", "floor"])
def test_fixed_solvers_are_tables(solver: Sampler, sigmas: Any) -> None:
    if solver.core.check(sigmas):
        pytest.skip("the solver needs noise at the end")
    table = as_multistep(solver, sigmas)
    want, got = (ss.transfer(VALUES, sigmas, sampler=s) for s in (solver, table))
    np.testing.assert_allclose(got.gain, want.gain, rtol=1e-12, atol=1e-12 * abs(want.gain).max())


def test_known_tables() -> None:
    assert not np.any(as_multistep("ddim", TO_ZERO, order=3).coefficients)
    two = np.array(as_multistep("dpmpp_2m", TO_ZERO, order=3).coefficients)
    h = np.log(TO_ZERO[:-2] / TO_ZERO[1:-1])
    np.testing.assert_allclose(two[1:-1, 0], h[1:] / (2 * h[:-1]), rtol=1e-12)
    np.testing.assert_allclose(two[:, 1], 0.0, atol=1e-12)
    assert as_multistep("dpmpp_2m", TO_ZERO).order == 2
    assert as_multistep("dpmpp_3m", TO_ZERO).order == 3


@pytest.mark.parametrize("name", ["heun", "ddpm", "plms", "dpmpp_2s", "dpmpp_2m_sde"])
def test_other_solvers_are_no_tables(name: str) -> None:
    with pytest.raises(ValueError, match="predict once per step"):
        as_multistep(name, TO_ZERO)


def test_without_coefficients_it_cannot_run() -> None:
    with pytest.raises(ValueError, match="no coefficients yet"):
        ss.transfer(VALUES, TO_ZERO, sampler="multistep")
    one = ss.transfer(VALUES, TO_ZERO, sampler=Multistep(order=1))
    np.testing.assert_allclose(one.gain, ss.transfer(VALUES, TO_ZERO).gain, rtol=1e-12)


def test_it_is_a_value() -> None:
    first = Multistep(order=4, coefficients=TABLE)
    assert first == Multistep(order=4, coefficients=TABLE.tolist())
    assert hash(first) == hash(Multistep(order=4, coefficients=TABLE))
    assert first != Multistep(order=4, coefficients=2 * TABLE)
    assert first.function_evaluations(ss.Schedule(TO_ZERO)) == 8
    assert first.deterministic
    assert first.multistep


@pytest.mark.parametrize("solver", [Multistep(), Multistep(order=4, coefficients=TABLE, model_times=TIMES)])
def test_it_travels_in_files(solver: Multistep) -> None:
    assert from_saved(json.loads(json.dumps(solver.saved))) == solver


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"order": 0}, "order must be at least 1"),
        ({"order": 3, "coefficients": TABLE}, r"shape \(steps, order - 1\)"),
        ({"order": 4, "coefficients": np.ones((8, 3))}, "does not have yet"),
        ({"order": 4, "coefficients": np.where(TABLE, np.nan, 0.0)}, "finite"),
        ({"order": 4, "coefficients": TABLE, "model_times": [0.0]}, "one per step"),
    ],
)
def test_bad_tables(arguments: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Multistep(**arguments)


def test_table_of_another_number_of_steps() -> None:
    with pytest.raises(ValueError, match="8 rows for 7 steps"):
        ss.transfer(VALUES, TO_FLOOR, sampler=Multistep(order=4, coefficients=TABLE))


@pytest.mark.parametrize("options", [{"coefficients": [[]] * 8}, {"model_times": [0.0] * 8}])
def test_order_one_is_ddim(options: Any) -> None:
    """Without coefficients, or with rows of none."""
    solver = Multistep(order=1, **options)
    found, plain = (ss.transfer(VALUES, TO_ZERO, sampler=s) for s in (solver, "ddim"))
    np.testing.assert_allclose(found.gain, plain.gain, rtol=1e-13)
    late = solver.begun_at(3)
    np.testing.assert_allclose(
        ss.transfer(VALUES, TO_ZERO[3:], sampler=late).gain, ss.transfer(VALUES, TO_ZERO[3:]).gain, rtol=1e-13
    )
