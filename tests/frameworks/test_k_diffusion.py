"""The sampler function of k-diffusion, and the ComfyUI node with the API of ComfyUI that it touches."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import specsched as ss

torch = pytest.importorskip("torch", reason="needs the extra 'frameworks'")

LEVELS = ss.Schedule([14.6, 6.0, 2.5, 1.0, 0.4, 0.1, 0.0])
FREE = ss.samplers.as_multistep("dpmpp_3m", LEVELS)


def denoise(x: Any, sigma: Any, **_: Any) -> Any:
    """A denoiser that bends; one level for each row."""
    s = sigma.reshape(-1, 1)
    return torch.tanh(x) / (1.0 + s * s)


def noise() -> Any:
    return torch.randn(3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def of_the_library(levels: Any, solver: Any, **options: Any) -> Any:
    def predict(y: Any, sigma: float) -> Any:
        return denoise(y, torch.full((3,), sigma, dtype=y.dtype))

    return ss.sample(predict, noise(), levels, sampler=solver, **options)


def tensor(schedule: ss.Schedule) -> Any:
    return torch.tensor(schedule.sigmas.copy())


@pytest.mark.parametrize("solver", [FREE, "heun", "unipc", "ddim"], ids=["free", "heun", "unipc", "ddim"])
def test_equals_sample(solver: Any) -> None:
    sample = ss.k_diffusion.sampler(LEVELS, sampler=solver)
    found = sample(denoise, noise() * 14.6, LEVELS.to_k_diffusion())
    torch.testing.assert_close(found, of_the_library(LEVELS, solver, process="ve"), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("flow", [False, True])
def test_what_is_not_finite_is_an_error(flow: bool) -> None:
    levels = tensor(LEVELS)
    levels = levels / (1.0 + levels) if flow else levels
    sample = ss.k_diffusion.sampler(LEVELS, sampler=FREE, flow=flow)
    with pytest.raises(ValueError, match="x must be finite"):
        sample(denoise, noise() * torch.nan, levels)
    with pytest.raises(ValueError, match="so does a prediction"):
        sample(lambda x, sigma: x * torch.inf, noise(), levels)


def test_levels_are_numbers() -> None:
    with pytest.raises(TypeError, match="sigmas must be an array of real numbers"):
        ss.k_diffusion.sampler(LEVELS, sampler=FREE)(denoise, noise(), 10**400)
    with pytest.raises(ValueError, match="sigmas must be flow times below 1, got 1"):
        ss.k_diffusion.sampler(LEVELS, sampler="ddim", flow=True)(denoise, noise(), torch.tensor([1.0, 0.0]))


def test_callback_and_conditions() -> None:
    seen: list[dict[str, Any]] = []
    asked: list[dict[str, Any]] = []

    def model(x: Any, sigma: Any, **given: Any) -> Any:
        asked.append(given)
        return denoise(x, sigma)

    sample = ss.k_diffusion.sampler(LEVELS, sampler=FREE)
    x = sample(model, noise() * 14.6, tensor(LEVELS), {"cond": 7, "seed": 3}, seen.append, True)
    assert [one["i"] for one in seen] == list(range(LEVELS.steps))
    assert [one["sigma"] for one in seen] == LEVELS.sigmas[:-1].tolist()
    assert torch.equal(seen[-1]["x"], x)
    assert asked == [{"cond": 7, "seed": 3}] * LEVELS.steps


def test_noise_follows_the_seed() -> None:
    sample = ss.k_diffusion.sampler(LEVELS, sampler="ddpm")
    first, again, other = (sample(denoise, noise() * 14.6, tensor(LEVELS), {"seed": s}) for s in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    draw = torch.Generator().manual_seed(1)
    expected = of_the_library(LEVELS, "ddpm", process="ve", generator=draw)
    torch.testing.assert_close(first, expected, rtol=1e-12, atol=1e-12)


def test_the_last_levels_alone() -> None:
    sample = ss.k_diffusion.sampler(LEVELS, sampler=FREE)
    rest = ss.Schedule(LEVELS.sigmas[3:])
    expected = of_the_library(rest, FREE.begun_at(3), process="ve")
    torch.testing.assert_close(sample(denoise, noise(), tensor(rest)), expected, rtol=1e-12, atol=1e-12)


def test_other_levels() -> None:
    other = ss.Schedule([10.0, 1.0, 0.0])
    found = ss.k_diffusion.sampler(LEVELS, sampler="dpmpp_2m")(denoise, noise() * 10.0, tensor(other))
    torch.testing.assert_close(found, of_the_library(other, "dpmpp_2m", process="ve"), rtol=1e-12, atol=1e-12)
    with pytest.raises(ValueError, match=r"designed for the 6 steps .* sigmas are 2 others"):
        ss.k_diffusion.sampler(LEVELS, sampler=FREE)(denoise, noise(), tensor(other))


def test_flow_times() -> None:
    levels = ss.Schedule.from_flow_times([0.95, 0.7, 0.4, 0.1, 0.0])

    def model(x: Any, t: Any) -> Any:  # in the coordinates of flow networks
        assert float(t.max()) < 1.0
        t = t.reshape(-1, 1)
        return denoise(x / (1.0 - t), t / (1.0 - t))

    found = ss.k_diffusion.sampler(levels, sampler="unipc", flow=True)(
        model, noise(), torch.tensor(levels.flow_times)
    )
    expected = of_the_library(levels, "unipc", process="flow")
    torch.testing.assert_close(found, expected, rtol=1e-11, atol=1e-11)


# -- ComfyUI -------------------------------------------------------------------------------------------------------


@dataclass
class FakeKSampler:
    """`comfy.samplers.KSAMPLER`: its first argument."""

    sampler_function: Any


class ModelSampling:
    sigma_max = torch.tensor(14.6146)


class Const(ModelSampling):
    sigma_max = torch.tensor(1.0)


class Model:
    """A MODEL: all that the node asks it for."""

    def __init__(self, sampling: Any) -> None:
        self.sampling = sampling

    def get_model_object(self, name: str) -> Any:
        assert name == "model_sampling"
        return self.sampling


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> Any:
    comfy, samplers, sampling = (ModuleType(f"comfy{part}") for part in ("", ".samplers", ".model_sampling"))
    samplers.KSAMPLER, sampling.CONST = FakeKSampler, Const  # type: ignore[attr-defined]
    comfy.samplers, comfy.model_sampling = samplers, sampling  # type: ignore[attr-defined]
    for module in (comfy, samplers, sampling):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    path = Path(__file__).parents[2] / "examples" / "comfyui" / "__init__.py"
    spec = importlib.util.spec_from_file_location("comfyui_specsched", path)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded.NODE_CLASS_MAPPINGS["SpecschedDesign"]()


@pytest.fixture
def saved(tmp_path: Path) -> str:
    spectrum = ss.Spectrum(1.0 / np.arange(1, 33) ** 2)
    design = ss.design(spectrum, 5, sampler=ss.samplers.Multistep(order=2), sigma_max=14.6, sigma_floor=0.03)
    design.schedule.save(tmp_path / "design.json")
    return str(tmp_path / "design.json")


def test_node_runs_a_saved_design(node: Any, saved: str) -> None:
    sampler, sigmas = node.load(Model(ModelSampling()), saved)
    design = ss.Schedule.load(saved)
    assert sigmas.dtype == torch.float32
    found = sampler.sampler_function(denoise, noise() * float(sigmas[0]), sigmas, extra_args={"seed": 1})
    solver = ss.samplers.from_saved(design.made_for["sampler"])
    expected = of_the_library(design, solver, process="ve")
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)


def test_node_denoises_in_part_and_for_flow_models(node: Any, saved: str) -> None:
    design = ss.Schedule.load(saved)
    _, sigmas = node.load(Model(ModelSampling()), saved, denoise=0.4)
    torch.testing.assert_close(sigmas, torch.tensor(design.sigmas[3:].copy()).float())
    _, times = node.load(Model(Const()), saved)
    torch.testing.assert_close(times, torch.tensor(design.flow_times).float())


def test_node_refuses_designs_for_other_models(node: Any, saved: str) -> None:
    lower = ModelSampling()
    lower.sigma_max = torch.tensor(10.0)
    with pytest.raises(ValueError, match=r"above the model's highest level 10: .* design with sigma_max=10"):
        node.load(Model(lower), saved)


def test_node_says_what_comfyui_asks(node: Any) -> None:
    assert node.RETURN_TYPES == ("SAMPLER", "SIGMAS")
    assert set(node.INPUT_TYPES()["required"]) == {"model", "file"}
    assert callable(getattr(node, node.FUNCTION))
