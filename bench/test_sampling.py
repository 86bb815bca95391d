"""What `specsched.sample` costs beside a loop by hand: DPM-Solver++(2M), 20 steps, a denoiser that burns 1 ms.

    pytest bench/test_sampling.py --benchmark-enable --benchmark-columns=min,median,rounds

Processor time between two calls of the denoiser, its minimum over the repeats for every place in the run: other
programs on the machine lengthen some of them, hardly all. The overhead, named in the title of each table, is the
difference over the run's whole time.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import specsched as ss

STEPS, BURNT, REPEATS = 20, 1e-3, 40
SHAPE = (4, 3, 32, 32)
LEVELS = ss.Schedule([*ss.baselines.edm(STEPS - 1, sigma_max=80.0, sigma_min=0.02).sigmas, 0.0])
SIGMAS: list[float] = LEVELS.sigmas.tolist()


class Burner:
    """A denoiser that returns its input after a millisecond of processor time, and notes when it was called."""

    def __init__(self) -> None:
        self.marks: list[float] = []

    def __call__(self, y: Any, sigma: float) -> Any:
        began = now = time.thread_time()
        while now < began + BURNT:
            now = time.thread_time()
        self.marks += [began, time.thread_time()]
        return y

    def between(self, run: Callable[[Burner], Any]) -> np.ndarray:
        """Seconds before, between and after the calls of the denoiser in one run, shape (calls + 1,)."""
        self.marks.clear()
        began = time.thread_time()
        run(self)
        return np.diff([began, *self.marks, time.thread_time()])[::2]


def by_hand(denoiser: Any, noise: Any) -> Any:
    """The loop that a user would write."""
    y, before = noise * math.sqrt(1.0 + SIGMAS[0] ** 2), None
    for i in range(STEPS):
        here, there = SIGMAS[i], SIGMAS[i + 1]
        x = prediction = denoiser(y, here)
        if before is not None and there > 0.0:
            ratio = math.log(SIGMAS[i - 1] / here) / math.log(here / there)
            x = (1.0 + 0.5 / ratio) * prediction - (0.5 / ratio) * before
        y = (there / here) * y + (1.0 - there / here) * x
        before = prediction
    return y


@pytest.fixture(params=["numpy", "torch"])
def noise(request: pytest.FixtureRequest) -> Any:
    values = np.random.default_rng(0).standard_normal(SHAPE).astype(np.float32)
    if request.param == "numpy":
        return values
    return pytest.importorskip("torch").from_numpy(values)


def test_overhead(noise: Any, benchmark: Any) -> None:
    burner = Burner()
    torch = None if isinstance(noise, np.ndarray) else pytest.importorskip("torch")
    quiet = contextlib.nullcontext if torch is None else torch.no_grad

    def library(denoiser: Any) -> Any:
        return ss.sample(denoiser, noise, LEVELS, sampler="dpmpp_2m")

    def hand(denoiser: Any) -> Any:
        with quiet():
            return by_hand(denoiser, noise)

    np.testing.assert_allclose(library(burner), hand(burner), rtol=1e-4, atol=1e-4)
    times = [(burner.between(library), burner.between(hand)) for _ in range(REPEATS)]
    ours, theirs = np.min(times, axis=0).sum(axis=1)
    overhead = (ours - theirs) / (STEPS * BURNT + theirs)
    benchmark.extra_info["overhead"] = f"{overhead:.2%}"
    benchmark.group = f"sample, {type(noise).__module__}, {overhead:.2%} over a loop by hand"
    benchmark(library, burner)
