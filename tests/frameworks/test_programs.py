"""Hand-over to programs that compute levels themselves: their own code, run on an exact denoiser.

`stable-diffusion-sdkit` ships the reference code of DPM-Solver, `comfylib` samplers of ComfyUI (both old releases, a
megabyte together without what they ask for). Stability's `sgm` and `modules` of AUTOMATIC1111's web UI are on no
registry: their tests run where a clone is on PYTHONPATH, and are skipped elsewhere.
"""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from test_libraries import VARIANCES, denoised, expected, load, pytestmark  # noqa: F401  # marks of this file, too

import specsched as ss

torch = pytest.importorskip("torch", reason="needs the extra 'frameworks'")

BETAS = np.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2
ABAR = np.cumprod(1.0 - BETAS)
TRAINED = np.sqrt((1.0 - ABAR) / ABAR)


def on_grid(*timesteps: int) -> ss.Schedule:
    """Levels of training timesteps and a last 0."""
    return ss.Schedule([*TRAINED[list(timesteps)], 0.0])


LEVELS = on_grid(999, 700, 450, 300, 120, 30)


# -- DPM-Solver ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def reference() -> Any:
    return load("ldm.models.diffusion.dpm_solver.dpm_solver")


def noise_schedule(reference: Any) -> Any:
    return reference.NoiseScheduleVP("discrete", alphas_cumprod=torch.tensor(ABAR))


def predicted_noise(schedule: Any) -> Any:
    """An exact network in the coordinates of VP models."""

    def model(x: Any, t: Any) -> Any:
        scale, noise = (find(t).reshape(-1, 1) for find in (schedule.marginal_alpha, schedule.marginal_std))
        return (x - scale * denoised(x / scale, noise / scale)) / noise

    return model


@pytest.mark.parametrize(
    ("order", "sampler"),
    [(1, "ddim"), (2, "dpmpp_2m"), (3, ss.samplers.DPMpp3M(lower_order_final=False))],
    ids=["ddim", "2m", "3m"],
)
@pytest.mark.parametrize(
    "levels", [LEVELS, ss.Schedule(LEVELS.sigmas[:-1])], ids=["to 0", "to its last level"]
)
def test_dpm_solver(reference: Any, order: int, sampler: Any, levels: ss.Schedule) -> None:
    schedule = noise_schedule(reference)
    solver = reference.DPM_Solver(predicted_noise(schedule), schedule, predict_x0=True)
    given = levels.to("dpm_solver", noise_schedule=schedule)
    solver.get_time_steps = given.get_time_steps
    found = solver.sample(torch.ones_like(VARIANCES), **given.arguments, order=order)
    np.testing.assert_allclose(found.numpy().ravel(), expected("vp", levels, sampler), rtol=2e-4)


def test_dpm_solver_is_asked_for_other_steps(reference: Any) -> None:
    given = LEVELS.to("dpm_solver", noise_schedule=noise_schedule(reference))
    with pytest.raises(ValueError, match="steps must be 5, the steps of the schedule, got 20"):
        given.get_time_steps("logSNR", 1.0, 1e-3, 20, "cpu")


def test_levels_that_dpm_solver_has_no_time_for(reference: Any) -> None:
    schedule = noise_schedule(reference)
    with pytest.raises(ValueError, match="outside the range of noise_schedule"):
        ss.Schedule([80.0, 1.0, 0.0]).to("dpm_solver", noise_schedule=schedule)
    with pytest.raises(ValueError, match="at least two positive levels"):
        ss.Schedule([1.0, 0.0]).to("dpm_solver", noise_schedule=schedule)
    with pytest.raises(TypeError, match="must be a NoiseScheduleVP"):
        LEVELS.to("dpm_solver", noise_schedule=ABAR)


# -- ComfyUI -------------------------------------------------------------------------------------------------------


class Discrete:
    """What ComfyUI's KSampler asks of a model with Stable Diffusion's timesteps; predictions are exact."""

    parameterization = "eps"
    alphas_cumprod = torch.tensor(ABAR, dtype=torch.float64)
    model = SimpleNamespace(diffusion_model=SimpleNamespace(dtype=torch.float64))

    def apply_model(self, x: Any, t: Any, **_: Any) -> Any:
        sigma = torch.tensor(TRAINED)[t.long()].reshape(-1, 1, 1, 1)
        y = x * torch.sqrt(1.0 + sigma**2)
        variances = VARIANCES.reshape(1, 1, 4, 1)
        return (y - variances / (variances + sigma**2) * y) / sigma


@pytest.fixture
def comfyui(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Its samplers; torchvision, with which files of pictures are read, need not be there."""
    if importlib.util.find_spec("torchvision") is None:
        for name in ("torchvision", "torchvision.transforms"):
            monkeypatch.setitem(sys.modules, name, ModuleType(name))
        sys.modules["torchvision.transforms"].functional = None  # type: ignore[attr-defined]
    samplers = load("comfy.hazard.samplers")
    monkeypatch.setattr(samplers.model_management, "maximum_batch_area", lambda: 1 << 20)  # else it asks CUDA
    return samplers


def run_in_comfyui(samplers: Any, name: str, levels: ss.Schedule) -> Any:
    sampler = samplers.KSampler(Discrete(), levels.steps, torch.device("cpu"), sampler=name)
    sampler.sigmas = torch.tensor(levels.to_comfyui().values, dtype=torch.float64)
    prompt = torch.zeros(1, 1, 1)
    start = torch.ones(1, 1, 4, 1, dtype=torch.float64)
    return sampler.sample(start, [[prompt, {}]], [[prompt, {}]], 1.0).numpy().ravel()


@pytest.mark.parametrize(
    ("name", "sampler"),
    [
        ("sample_euler", "euler"),
        ("sample_heun", "heun"),
        ("sample_lms", "lms"),
        ("sample_dpmpp_2m", "dpmpp_2m"),
    ],
)
def test_comfyui(comfyui: Any, name: str, sampler: str) -> None:
    """On whole timesteps, since ComfyUI shows networks the nearest one; its table of levels is in single precision."""
    found = run_in_comfyui(comfyui, name, LEVELS)
    np.testing.assert_allclose(found, expected("ve", LEVELS, sampler), rtol=2e-4)


# -- sgm -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "sampler"),
    [("EulerEDMSampler", "euler"), ("HeunEDMSampler", "heun"), ("DPMPP2MSampler", "dpmpp_2m")],
)
def test_sgm(name: str, sampler: str) -> None:
    sampling = load("sgm.modules.diffusionmodules.sampling")
    theirs = {"target": "sgm.modules.diffusionmodules.discretizer.EDMDiscretization"}
    solver = getattr(sampling, name)(discretization_config=theirs, num_steps=LEVELS.steps, device="cpu")
    assert solver.discretization(3).shape == LEVELS.to("sgm")(LEVELS.steps)[:4].shape
    solver.discretization = LEVELS.to("sgm")

    def network(x: Any, sigma: Any, _: Any) -> Any:
        return denoised(x, sigma.reshape(-1, 1))

    found = solver(network, torch.ones_like(VARIANCES), {"prompt": torch.zeros(4, 1)})
    np.testing.assert_allclose(found.numpy().ravel(), expected("vp", LEVELS, sampler), rtol=1e-5)


def test_what_sgm_asks_for() -> None:
    levels = LEVELS.to("sgm")
    assert levels(6).tolist() == LEVELS.to_k_diffusion().tolist()
    assert torch.equal(levels(6, do_append_zero=False, device="cpu"), LEVELS.to_k_diffusion()[:-1])
    assert levels(6, flip=True).tolist() == LEVELS.to_k_diffusion().tolist()[::-1]
    with pytest.raises(ValueError, match="n must be 6, the steps of the schedule, got 50"):
        levels(50)


# -- AUTOMATIC1111 -------------------------------------------------------------------------------------------------


def test_a1111(monkeypatch: pytest.MonkeyPatch) -> None:
    """The file that the export writes, in the web UI's own list of schedulers; its settings are not loaded."""
    pytest.importorskip("modules", reason="needs a clone of the web UI on PYTHONPATH")
    shared = ModuleType("modules.shared")
    monkeypatch.setitem(sys.modules, "modules.shared", shared)
    schedulers = load("modules.sd_schedulers")
    exec(compile(LEVELS.to("a1111", name="Designed"), "designed.py", "exec"), {})
    entry = schedulers.schedulers_map["Designed"]
    assert entry is schedulers.schedulers[-1]
    assert not entry.need_inner_model
    found = entry.function(n=6, sigma_min=0.03, sigma_max=14.6, device="cpu")
    assert torch.equal(found, LEVELS.to_k_diffusion())
    assert entry.function(n=9, sigma_min=0.03, sigma_max=14.6, device="cpu").shape == (10,)
