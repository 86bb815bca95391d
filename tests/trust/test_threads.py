"""Threads and processes: what limits their number, and that whoever computes gets the same bits."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_all_start_methods, get_context
from typing import Any

import numpy as np
import pytest

import specsched as ss
from specsched import _core
from specsched._support.caching import cached

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


COLD = """
import sys, threading
import numpy as np
import specsched as ss

def all_of_it(seed):
    data = ss.Spectrum((2.0 + seed) / np.arange(1, 41) ** 1.2)
    found = [ss.design(data, 5, sampler=name).schedule for name in ("ddim", "dpmpp_2m", "heun", "unipc")]
    found += ss.baselines.all_schedules(6 + seed, sigma_max=80.0, sigma_floor=0.01).values()
    found += [ss.design_path(data, [3, 4])[4].schedule, ss.best_member(data, 4, family="edm", sigma_max=80.0).schedule]
    scanned = ss.scan([data, data.scaled(2.0)], [3, 4])
    found += [scanned.schedule(k) for k in range(4)]
    numbers = [level for schedule in found for level in schedule.sigmas]
    for name in sorted({*ss.samplers.SAMPLERS} - {"multistep"}):  # it has no coefficients of its own
        levels = ss.baselines.edm(8, sigma_max=80.0, sigma_min=0.01)
        transfer = ss.transfer(data, levels, sampler=name)
        numbers += [*transfer.variance, *transfer.trace().variance[3]]
        numbers.append(ss.evaluate(data, levels, sampler=name, target="data"))
    start = np.random.default_rng(seed).standard_normal((4, 40))
    numbers += [*ss.sample(ss.models.gaussian(data.eigenvalues), start, found[1], sampler="dpmpp_2m").ravel()]
    return np.array(numbers).tobytes()

together, bytes_of = threading.Barrier(8), {}
def run(k):
    together.wait()
    bytes_of[k] = all_of_it(k % 2)

threads = [threading.Thread(target=run, args=(k,)) for k in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
alone = [all_of_it(seed) for seed in range(2)]
assert [bytes_of.get(k) for k in range(8)] == alone * 4, "threads differ"
if not getattr(sys, "_is_gil_enabled", lambda: True)():
    print("without the lock")
"""


def test_threads_that_begin_together() -> None:
    """Eight at once on a library that nobody has used: its caches, lazy names and tables fill while all of them ask."""
    ran = subprocess.run([sys.executable, "-c", COLD], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        assert "without the lock" in ran.stdout  # the compiled module does not ask for it


def test_threads_make_no_difference() -> None:
    first: Any = ss.value_and_grad(DATA, LEVELS, sampler="dpmpp_2m", threads=1)
    for threads in (2, 3, 8):
        value, gradient = ss.value_and_grad(DATA, LEVELS, sampler="dpmpp_2m", threads=threads)
        assert value == first[0]
        assert np.array_equal(gradient, first[1])


def test_caches_keep_what_was_used_last() -> None:
    made: list[int] = []

    @cached(most_bytes=3 * 2048, size=lambda found: found.nbytes)
    def zeros(key: int) -> Any:
        made.append(key)
        return np.zeros(128)  # as many bytes as an entry takes besides

    for key in (1, 2, 3, 1, 4, 3, 1, 2):
        zeros(key)
    assert made == [1, 2, 3, 4, 2]  # 2 had waited longest when 4 came
    assert zeros.nbytes <= 3 * 2048


def test_two_threads_that_compute_the_same_keep_it_once() -> None:
    both = threading.Barrier(2)

    @cached(most_bytes=1 << 20, size=lambda found: found.nbytes)
    def zeros(key: int) -> Any:
        both.wait(10.0)  # neither has it when the other begins
        return np.zeros(128)

    threads = [threading.Thread(target=zeros, args=(1,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert zeros.nbytes == 2048
