"""W2 distance and gradient side by side with what a user would otherwise write.

    pytest bench/test_kernels.py --benchmark-enable --benchmark-columns=min,median,rounds

Every contender is checked against the others before it is timed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import peers
import pytest
from conftest import Problem

import specsched as ss

# Peers may warn about their own internals.
pytestmark = pytest.mark.filterwarnings("default")
SIZES = [(50, 10), (3072, 112), (3072, 1000), (65536, 112)]
SIZES_2M = [(50, 10), (3072, 20)]


def _name(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


def _agree(problem: Problem, result: tuple[float, Any], sampler: str) -> None:
    value, gradient = ss.value_and_grad(problem.spectrum, problem.schedule, sampler=sampler, target="data")
    assert result[0] == pytest.approx(value, rel=1e-9)
    # The derivative by a last level of 0 is a matter of convention for multistep solvers.
    inner = slice(None) if sampler == "ddim" else slice(-1)
    error = np.abs(result[1] - gradient)[inner].max()
    assert error <= 1e-9 * np.abs(gradient[inner]).max()


@pytest.mark.parametrize("problem", SIZES, indirect=True, ids=_name)
def test_ddim_specsched(problem: Problem, benchmark: Any) -> None:
    benchmark.group = f"ddim {_name((problem.spectrum.eigenvalues.size, problem.schedule.steps))}"
    _agree(problem, benchmark(ss.value_and_grad, problem.spectrum, problem.schedule), "ddim")


@pytest.mark.parametrize("peer", peers.DDIM_PEERS)
@pytest.mark.parametrize("problem", SIZES, indirect=True, ids=_name)
def test_ddim_peer(problem: Problem, peer: str, benchmark: Any) -> None:
    _time_peer(problem, peers.DDIM_PEERS[peer], "ddim", benchmark)


@pytest.mark.parametrize("problem", SIZES_2M, indirect=True, ids=_name)
def test_dpmpp_2m_specsched(problem: Problem, benchmark: Any) -> None:
    benchmark.group = f"dpmpp_2m {_name((problem.spectrum.eigenvalues.size, problem.schedule.steps))}"
    result = benchmark(ss.value_and_grad, problem.spectrum, problem.schedule, sampler="dpmpp_2m")
    _agree(problem, result, "dpmpp_2m")


@pytest.mark.parametrize("peer", peers.DPMPP_2M_PEERS)
@pytest.mark.parametrize("problem", SIZES_2M, indirect=True, ids=_name)
def test_dpmpp_2m_peer(problem: Problem, peer: str, benchmark: Any) -> None:
    _time_peer(problem, peers.DPMPP_2M_PEERS[peer], "dpmpp_2m", benchmark)


def _time_peer(problem: Problem, entry: tuple[str, Any], sampler: str, benchmark: Any) -> None:
    package, make = entry
    pytest.importorskip(package)
    steps = problem.schedule.steps
    run = make(problem.arrays, steps)
    run(problem.levels)  # compiles
    benchmark.group = f"{sampler} {_name((problem.spectrum.eigenvalues.size, steps))}"
    _agree(problem, benchmark(run, problem.levels), sampler)
