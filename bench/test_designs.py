"""Designs side by side with SciPy's SLSQP and trust-constr with exact gradients, compression, and scans.

    pytest bench/test_designs.py --benchmark-enable --benchmark-columns=min,median,rounds

Every design is checked against SciPy's before it is timed. OPENBLAS_NUM_THREADS=1 makes SLSQP faster.
"""

from __future__ import annotations

from typing import Any

import design_cases
import numpy as np
import pytest
from design_cases import CASES, DesignCase

import specsched as ss

# SciPy and numba may warn about their own internals.
pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> DesignCase:
    """One of the two spectra."""
    return CASES[request.param]()


@pytest.mark.parametrize("steps", [10, 28, 112])
def test_design(case: DesignCase, steps: int, benchmark: Any) -> None:
    benchmark.group = f"design {case.name}, S = {steps}"
    found = benchmark(case.design, steps)
    assert found.success
    assert found.loss <= min(found.baselines.values())


@pytest.mark.parametrize("steps", [10, 28])
@pytest.mark.parametrize("method", ["SLSQP", "trust-constr"])
def test_scipy(method: str, steps: int, benchmark: Any) -> None:
    case = design_cases.synthetic()
    benchmark.group = f"design {case.name}, S = {steps}"
    loss, levels, _ = benchmark.pedantic(case.scipy(steps, method=method), rounds=3)
    assert (np.diff(levels) < 0).all()
    assert case.design(steps).loss <= loss * (1 + 1e-6)


@pytest.mark.parametrize("steps", [1000, 2000])
def test_many_steps(steps: int, benchmark: Any) -> None:
    benchmark.group = "design, many steps"
    found = benchmark.pedantic(design_cases.synthetic().design, (steps,), rounds=3)
    assert found.loss <= min(found.baselines.values())


@pytest.mark.parametrize("dim", [1000, 1_000_000])
def test_design_of_nodes(dim: int, benchmark: Any) -> None:
    """After compression the dimension no longer matters."""
    case = design_cases.large(dim)
    nodes = case.spectrum.compress()
    benchmark.group = "design of a compressed spectrum, S = 112"
    ends = {"sigma_max": case.sigma_max, "sigma_min": case.sigma_min}
    assert benchmark(ss.design, nodes, 112, **ends).success


def test_compress(benchmark: Any) -> None:
    case = design_cases.large(1_000_000)
    benchmark.group = "compress"
    nodes = benchmark(lambda: case.fresh().compress())
    schedule = ss.baselines.edm(112)
    value, gradient = ss.value_and_grad(case.spectrum, schedule, target="data")
    value_of_nodes, gradient_of_nodes = ss.value_and_grad(nodes, schedule, target="data")
    assert value_of_nodes == pytest.approx(value, rel=1e-11)
    assert np.abs(gradient_of_nodes - gradient).max() <= 1e-11 * np.abs(gradient).max()


def test_scan(benchmark: Any) -> None:
    spectra = design_cases.many(1000)
    benchmark.group = "scan of 1000 designs, S = 10"
    assert benchmark.pedantic(ss.scan, (spectra, 10), rounds=3).success.mean() > 0.99
