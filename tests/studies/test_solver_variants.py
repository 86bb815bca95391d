"""Two-stage steps and correctors are tables of the designed solver's kind, and gain nothing beside it."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

import specsched as ss

sys.path.insert(0, str(Path(__file__).parents[2] / "studies"))

import solver_variants

SPECTRUM = ss.Spectrum([4.0, 1.0, 0.2, 0.05, 0.01])


def test_two_stages_are_two_steps_of_a_table() -> None:
    """DPM-Solver++(2S): the middle in log sigma, then the prediction there alone."""
    outer = np.array([20.0, 4.0, 0.8, 0.1])
    middle = np.sqrt(outer[:-1] * outer[1:])
    levels = np.append(np.column_stack([outer[:-1], middle]).ravel(), outer[-1])
    coefficients = (1 - outer[1:] / outer[:-1]) / (1 - outer[1:] / middle) - 1
    table = solver_variants.two_stage_table(coefficients)
    expected = ss.transfer(SPECTRUM, outer, sampler="dpmpp_2s").gain
    np.testing.assert_allclose(ss.transfer(SPECTRUM, levels, sampler=table).gain, expected, rtol=1e-12)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_a_corrector_without_a_call_is_one_order_more(order: int) -> None:
    levels = ss.baselines.edm(8, sigma_max=20.0, sigma_floor=0.02)
    solver = ss.samplers.UniPC(order=order)
    table = ss.samplers.as_multistep(solver, levels)
    assert table.order == order + 1
    expected = ss.transfer(SPECTRUM, levels, sampler=solver).gain
    np.testing.assert_allclose(ss.transfer(SPECTRUM, levels, sampler=table).gain, expected, rtol=1e-9)


def test_free_tables_leave_less_than_two_stages() -> None:
    found = solver_variants.variants(SPECTRUM, 4, {"sigma_max": 20.0, "sigma_floor": 0.02})
    sums = {name: value for name, (_, _, value) in found.items()}
    assert sums["order 2"] < sums["two-stage"]
    assert sums["order 4"] <= sums["order 3"] * 1.01 <= sums["order 2"] * 1.02
