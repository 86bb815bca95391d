"""Records, trials and refinements on two workers: threads, processes, Dask; the same to the last bit as on none."""

from __future__ import annotations

from concurrent.futures import Executor
from typing import Any

import numpy as np
import pytest
from executors import EXECUTORS

import specsched as ss

# Guided Gaussians: linear, yet with slopes above 1, and defined in the package, so that any worker can load them.
DENOISER = ss.models.gaussian([2.0, 0.5, 0.02], unconditional=[3.0, 1.0, 0.1], guidance_scale=3.0)
NOISE = np.random.default_rng(0).standard_normal((12, 3))
HIGH, LOW = 14.6, 0.03


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
