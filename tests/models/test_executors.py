"""Records, trials and refinements on two workers: threads, processes, Dask; the same to the last bit as on none."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any

import numpy as np
import pytest

import specsched as ss

# Guided Gaussians: linear, yet with slopes above 1, and defined in the package, so that any worker can load them.
DENOISER = ss.models.gaussian([2.0, 0.5, 0.02], unconditional=[3.0, 1.0, 0.1], guidance_scale=3.0)
NOISE = np.random.default_rng(0).standard_normal((12, 3))
HIGH, LOW = 14.6, 0.03


@contextmanager
def processes() -> Iterator[Executor]:
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        yield pool


@contextmanager
def dask() -> Iterator[Executor]:
    """Two worker processes, as a device each would be."""
    from distributed import Client, LocalCluster

    options: Any = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with LocalCluster(**options) as cluster, Client(cluster) as client:
        yield client.get_executor()


EXECUTORS: dict[str, Callable[[], Any]] = {"threads": lambda: ThreadPoolExecutor(2), "processes": processes}
if importlib.util.find_spec("distributed"):
    EXECUTORS["dask"] = dask


def everything(executor: Executor | None) -> tuple[ss.Recording, ss.Trial, ss.Refined]:
    """A recording, a trial and a refinement, in batches of four starts."""
    options: dict[str, Any] = {"batch_size": 4, "executor": executor}
    recording = ss.record(DENOISER, NOISE, sigma_max=HIGH, sigma_floor=LOW, levels=40, **options)
    tried = {
        "designed": ss.design(recording, 5, sampler="dpmpp_2m"),
        "edm": ss.baselines.edm(5, sigma_max=HIGH, sigma_floor=LOW),
    }
    trial = ss.trial(
        tried, DENOISER, NOISE, sampler="dpmpp_2m", sigma_floor=LOW, recording=recording, levels=40, **options
    )
    refined = ss.refine(
        tried["designed"], DENOISER, NOISE, candidates=[], reference=trial.reference, max_iter=3, **options
    )
    return recording, trial, refined


@pytest.fixture(scope="module")
def alone() -> tuple[ss.Recording, ss.Trial, ss.Refined]:
    return everything(None)


@pytest.mark.parametrize("name", EXECUTORS)
def test_two_workers_change_nothing(name: str, alone: Any) -> None:
    with EXECUTORS[name]() as executor:
        recording, trial, refined = everything(executor)
    assert (recording.hash, recording.calls) == (alone[0].hash, alone[0].calls)
    np.testing.assert_array_equal(trial.by_start, alone[1].by_start)
    np.testing.assert_array_equal(trial.predicted, alone[1].predicted)
    assert trial.calls == alone[1].calls
    assert refined.schedule == alone[2].schedule
    assert (refined.heldout_error, refined.calls) == (alone[2].heldout_error, alone[2].calls)
