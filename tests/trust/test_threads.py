"""Threads and processes: what limits their number, and that whoever computes gets the same bits."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_all_start_methods, get_context
from typing import Any

import numpy as np
import pytest

import specsched as ss
from specsched import _core

DATA = ss.Spectrum(1.0 / np.arange(1, 6_001) ** 1.3)
LEVELS = ss.baselines.edm(60, sigma_max=80.0, sigma_min=0.01).sigmas


def computed(seed: int) -> tuple[float, bytes, bytes]:
    """Loss, gradient and a design, of a problem that is worth several threads."""
    data = DATA.scaled(1.0 + seed)
    loss, gradient = ss.value_and_grad(data, LEVELS, sampler="dpmpp_2m")
    found = ss.design(data, 6, sampler="ddpm", sigma_max=80.0)
    return loss, gradient.tobytes(), found.schedule.sigmas.tobytes()


EXPECTED = [computed(seed) for seed in range(3)]


def default_threads(**variables: str) -> int:
    show = "from specsched import _core; print(_core.resolve_threads(0))"
    environment = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}
    ran = subprocess.run(
        [sys.executable, "-c", show],
        capture_output=True,
        text=True,
        check=True,
        env={**environment, **variables},
    )
    return int(ran.stdout)


@pytest.mark.skipif(_core.resolve_threads(2) == 1, reason="built without OpenMP")
def test_the_default_is_what_the_user_or_the_system_says() -> None:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    assert 1 <= default_threads() <= cores
    assert default_threads(OMP_NUM_THREADS="1") == 1
    assert default_threads(OMP_NUM_THREADS=str(cores + 3)) == cores + 3


@pytest.mark.parametrize("method", sorted(set(get_all_start_methods()) - {"forkserver"}))
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork.*:DeprecationWarning")
def test_other_processes_compute_the_same(method: str) -> None:
    """Forked ones too, after this process has used its threads."""
    with ProcessPoolExecutor(2, mp_context=get_context(method)) as pool:
        assert list(pool.map(computed, range(3))) == EXPECTED


def test_threads_of_a_caller_compute_the_same() -> None:
    """Each of them opens parallel regions of its own."""
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(computed, [0, 1, 2] * 4))
    assert found == EXPECTED * 4


def test_threads_make_no_difference() -> None:
    first: Any = ss.value_and_grad(DATA, LEVELS, sampler="dpmpp_2m", threads=1)
    for threads in (2, 3, 8):
        value, gradient = ss.value_and_grad(DATA, LEVELS, sampler="dpmpp_2m", threads=threads)
        assert value == first[0]
        assert np.array_equal(gradient, first[1])
