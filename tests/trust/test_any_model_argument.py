"""Any argument whatever for what runs networks: the answer is finite, or an error in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st
from test_any_argument import (
    DESIGNED,
    HOSTILE,
    JUDGED,
    LEVELS,
    LOSS,
    NUMBERS,
    POWERS,
    PROCESS,
    SAMPLER,
    STEPS,
    THREADS,
    Call,
    answers_in_words,
)

import specsched as ss

EXACT = ss.models.gaussian([4.0, 1.0, 0.1])
STARTS = np.random.default_rng(0).standard_normal((4, 3))


def wrong_shape(y: Any, sigma: float) -> Any:
    return y[:, :1]


def not_finite(y: Any, sigma: float) -> Any:
    return y * np.nan


def text(y: Any, sigma: float) -> Any:
    return "a prediction"


DENOISER = st.one_of(st.just(EXACT), st.sampled_from([wrong_shape, not_finite, text]), HOSTILE)
NOISE = st.one_of(
    st.just(STARTS),
    st.just(STARTS.astype(np.float32)),
    st.lists(st.lists(st.floats(-3.0, 3.0), min_size=3, max_size=3), min_size=1, max_size=4).map(np.array),
    st.just(np.full((2, 3), 1e300)),
    st.just(np.full((2, 3), np.nan)),
    st.just(np.zeros((3, 3), dtype=int)),
    HOSTILE,
)
RECORDED = ss.record(EXACT, STARTS, sigma_max=20.0, sigma_floor=0.02, levels=64)
RUN = {"sampler": SAMPLER, "process": PROCESS, "start": NOISE}
FLOORED = {**RUN, "sigma_floor": NUMBERS, "batch_size": STEPS, "progress": HOSTILE, "executor": HOSTILE}
SOURCE = st.one_of(st.just([4.0, 1.0, 0.1]), POWERS)
CONFIG = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "prediction_type": "epsilon",
}
TEXTS = st.sampled_from(["linear", "v_prediction", "squaredcos_cap_v2", "nothing of that name"])


def scheduler(changes: dict[str, Any] | None = None) -> Any:
    """A scheduler of diffusers with one setting changed; the settings need not fit it."""
    found = pytest.importorskip("diffusers").DPMSolverMultistepScheduler(**CONFIG)
    found.register_to_config(**(changes or {}))
    return found


def torch_starts() -> Any:
    """The starts as a tensor."""
    return pytest.importorskip("torch").from_numpy(STARTS)


CALLS: dict[str, Call] = {
    "costs": (
        ss.costs,
        [POWERS, LEVELS],
        {"sampler": SAMPLER, "process": PROCESS, "loss": LOSS, "threads": THREADS, "start": HOSTILE},
    ),
    "design from a recording": (
        lambda *a, **k: ss.design(RECORDED, *a, **k),
        [STEPS],
        {
            "sampler": SAMPLER,
            "min_ratio": NUMBERS,
            "denoiser_error": NUMBERS,
            "init": LEVELS,
            "robust": HOSTILE,
        },
    ),
    "evaluate a recording": (lambda *a, **k: ss.evaluate(RECORDED, *a, **k), [LEVELS], JUDGED),
    "sample": (ss.sample, [DENOISER, NOISE, LEVELS], {**RUN, "callback": HOSTILE, "generator": HOSTILE}),
    "record": (
        lambda *a, **k: ss.record(*a, **{"sigma_max": 20.0, "sigma_floor": 0.02, "levels": 64, **k}),
        [DENOISER, NOISE],
        {
            **dict.fromkeys(("sigma_max", "sigma_floor"), NUMBERS),
            "process": PROCESS,
            "start": NOISE,
            "slopes": HOSTILE,
            "bands": HOSTILE,
            "batch_size": STEPS,
            "executor": HOSTILE,
            "progress": HOSTILE,
        },
    ),
    "trial": (
        lambda *a, **k: ss.trial(*a, **{"sampler": "ddim", "levels": 64, **k}),
        [LEVELS, DENOISER, NOISE],
        {**FLOORED, "recording": st.one_of(st.just(RECORDED), HOSTILE), "metric": HOSTILE},
    ),
    "refine": (
        lambda *a, **k: ss.refine(*a, **{"sampler": "ddim", "max_calls": 400, **k}),
        [LEVELS, DENOISER, NOISE],
        {
            **FLOORED,
            "parameters": HOSTILE,
            "candidates": LEVELS,
            "min_ratio": NUMBERS,
            "reference": NOISE,
            "max_calls": st.one_of(st.integers(1, 400), HOSTILE),
            "max_iter": st.one_of(st.integers(1, 3), HOSTILE),
        },
    ),
    "design_for": (
        lambda config, *a, **k: ss.design_for(scheduler(config), *a, **k),
        [
            st.dictionaries(st.sampled_from(sorted(CONFIG)), st.one_of(NUMBERS, TEXTS), max_size=1),
            SOURCE,
            STEPS,
        ],
        {
            **{
                name: DESIGNED[name]
                for name in ("sampler", "loss", "min_ratio", "denoiser_error", "init", "sigma_max")
            },
            "max_iter": st.integers(1, 20),
        },
    ),
    "design_for anything": (ss.design_for, [HOSTILE, SOURCE, STEPS], {}),
    "diffusers.DesignedScheduler": (
        lambda *a, **k: ss.diffusers.DesignedScheduler(*a, **k).init_noise_sigma,
        [LEVELS],
        {
            "sampler": st.one_of(st.just({"name": "dpmpp_2m"}), HOSTILE),
            "process": PROCESS,
            "network": HOSTILE,
            "prediction_type": st.one_of(st.sampled_from(["epsilon", "v_prediction"]), HOSTILE),
            "num_train_timesteps": STEPS,
            "use_flow_sigmas": HOSTILE,
            "round_timesteps": HOSTILE,
        },
    ),
    "diffusers.DesignedScheduler.from_design": (
        lambda *a, **k: ss.diffusers.DesignedScheduler.from_design(*a, **k).init_noise_sigma,
        [LEVELS, st.one_of(st.builds(scheduler), HOSTILE)],
        {"sampler": SAMPLER, "process": PROCESS, "prediction_type": HOSTILE, "round_timesteps": HOSTILE},
    ),
    "k_diffusion.sampler": (
        lambda design, x, sigmas, **k: ss.k_diffusion.sampler(design, **k)(
            lambda y, sigma: 0.5 * y, x, sigmas
        ),
        [LEVELS, NOISE, LEVELS],
        {"sampler": SAMPLER, "flow": HOSTILE},
    ),
    "models.from_diffusers": (
        lambda *a, **k: ss.models.from_diffusers(*a, **k)(torch_starts(), 1.0) and None,
        [st.one_of(st.just(lambda x, t: x), HOSTILE), st.one_of(st.builds(scheduler), HOSTILE)],
        {
            "guidance_scale": NUMBERS,
            "unconditional": HOSTILE,
            "prediction_type": HOSTILE,
            "timestep_scale": NUMBERS,
        },
    ),
    "models.from_edm": (
        lambda *a, **k: ss.models.from_edm(*a, **k)(STARTS, 1.0),
        [st.one_of(st.just(lambda x, sigma: 0.5 * x), HOSTILE)],
        {"guidance_scale": NUMBERS, "unconditional": HOSTILE, "batched": HOSTILE},
    ),
    "models.from_k_diffusion": (
        lambda *a, **k: ss.models.from_k_diffusion(*a, **k)(STARTS, 1.0),
        [st.one_of(st.just(lambda x, sigma: 0.5 * x), HOSTILE)],
        {},
    ),
    "models.gaussian": (
        lambda *a, **k: ss.models.gaussian(*a, **k)(STARTS, 1.0),
        [POWERS],
        {"mean": POWERS, "guidance_scale": NUMBERS, "unconditional": POWERS, "unconditional_mean": POWERS},
    ),
    "models.from_flow": (
        lambda *a, **k: ss.models.from_flow(*a, **k)(STARTS, 1.0),
        [st.one_of(st.just(lambda x, t: x), HOSTILE)],
        {
            **dict.fromkeys(["data_at", "time_scale", "guidance_scale", "sigma_min", "sigma_max"], NUMBERS),
            "unconditional": HOSTILE,
        },
    ),
}


@pytest.mark.parametrize("name", sorted(CALLS))
def test_finite_or_an_error_in_words(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if name.startswith("diffusers."):
        pytest.importorskip("diffusers")
    monkeypatch.chdir(tmp_path)
    answers_in_words(*CALLS[name])
