"""From the name of a model, or the file of a scheduler, to a schedule, and from a schedule to a framework."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli_runner import bad, good, run, write_images

import specsched as ss
from specsched.models.configured.published import MODELS, published
from specsched.schedules.export import IN_PYTHON, REFUSED, TARGETS

CONFIG = {
    "_class_name": "DPMSolverMultistepScheduler",
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "use_karras_sigmas": True,
    "lambda_min_clipped": float("-inf"),
}


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "schedule.json"
    ss.Schedule([14.0, 2.0, 0.5, 0.0], name="mine").save(path)
    return path


@pytest.mark.parametrize("name", MODELS)
def test_every_published_model(data: Path, name: str) -> None:
    document = json.loads(good("design", data, "--steps", 5, "--model", name, "--no-tuned", "--json"))
    model, _, problem = published(name)
    assert document["process"] == problem.process
    assert document["pipeline"]["source"] == model.source
    sigmas = document["schedule"]["sigmas"]
    assert sigmas[0] == pytest.approx(problem.sigma_max, rel=1e-6)
    assert sigmas[-2] >= problem.sigma_floor * (1 - 1e-9)
    assert sigmas[-1] == 0
    ((key, values),) = document["pipeline"]["arguments"].items()
    if key == "num_inference_steps":
        assert values == 5
        assert document["pipeline"]["scheduler"] == "specsched.diffusers.DesignedScheduler"
    else:
        assert len(values) in (5, 6)


def test_models_decide_the_levels(data: Path) -> None:
    assert "--sigma-max is decided by the model" in bad(
        "design", data, "--steps", 5, "--model", "sdxl", "--sigma-max", 80
    )
    assert "give one of them" in bad(
        "design", data, "--steps", 5, "--model", "sdxl", "--scheduler-config", data
    )
    assert "did you mean 'sdxl'" in bad("design", data, "--steps", 5, "--model", "sdx")
    text = good("design", data, "--steps", 4, "--model", "sdxl", "--sampler", "DPM++ 2M Karras", "--no-tuned")
    assert "DPMSolverMultistepScheduler.from_config(" in text
    assert "timesteps=[999, " in text
    heun = good("design", data, "--steps", 4, "--model", "sdxl", "--sampler", "Heun", "--no-tuned")
    assert "HeunDiscreteScheduler.from_config(pipe.scheduler.config)" in heun
    ours = good("design", data, "--steps", 4, "--model", "sdxl", "--sampler", "LMS Karras", "--no-tuned")
    assert "pipe.scheduler = specsched.diffusers.DesignedScheduler.from_design(" in ours


def test_schedulers_that_take_no_levels(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "schedule.json"
    text = good("design", data, "--steps", 4, "--model", "sd15", "--no-tuned", "--out", out)
    assert "plms" in text
    lines = (
        f"pipe.scheduler = specsched.diffusers.DesignedScheduler.from_design(specsched.Schedule.load({str(out)!r}), "
        "pipe.scheduler)\npipe(..., num_inference_steps=4)\n"
    )
    assert lines in text
    assert good("export", out, "--to", "diffusers", "--model", "sd15") == lines


@pytest.mark.parametrize(("name", "solver"), [("sdxl", "ddim"), ("pixart", "dpmpp_2m")])
def test_comparisons_for_a_model(data: Path, name: str, solver: str) -> None:
    """The losses are those of designs with the same option, on the model's own grid where its solver needs that."""
    table = json.loads(good("compare", data, "--steps", "3,5", "--model", name, "--no-tuned", "--json"))
    alone = json.loads(good("design", data, "--steps", 5, "--model", name, "--no-tuned", "--json"))
    assert table["sampler"]["name"] == solver
    assert table["losses"]["designed"]["5"] == pytest.approx(alone["value"], rel=1e-9)
    assert table["losses"]["edm"]["5"] == pytest.approx(alone["baselines"]["edm"], rel=1e-9)
    assert table["losses"]["designed"]["3"] > table["losses"]["designed"]["5"]


def test_evaluations_for_a_model(data: Path, saved: Path, tmp_path: Path) -> None:
    """A heuristic by name lies between the model's ends; a file has levels of its own, and runs in its solver."""
    found = json.loads(good("evaluate", data, "edm", "--steps", 6, "--model", "pixart", "--json"))
    _, _, problem = published("pixart")
    assert found["sampler"]["name"] == problem.sampler.name == "dpmpp_2m"
    sigmas = found["schedule"]["sigmas"]
    assert (sigmas[0], sigmas[-2]) == pytest.approx((problem.sigma_max, problem.sigma_floor), rel=1e-9)
    design = tmp_path / "design.json"
    good("design", data, "--steps", 4, "--model", "sdxl", "--no-tuned", "--out", design)
    result = run("evaluate", data, design, "--model", "pixart", "--json")
    assert json.loads(result.stdout)["sampler"]["name"] == "dpmpp_2m"
    assert "was made for ddim, not dpmpp_2m" in result.stderr
    assert json.loads(good("evaluate", data, saved, "--model", "edm-cifar", "--json"))["process"] == "ve"
    assert "--process is decided by the model" in bad(
        "evaluate", data, saved, "--model", "sdxl", "--process", "vp"
    )


def test_pictures_are_no_latents(tmp_path: Path) -> None:
    folder = write_images(tmp_path / "photos", [16, 16, 16])
    result = run("design", folder, "--steps", 3, "--model", "sdxl", "--no-tuned")
    assert result.exit_code == 0, result.stderr
    assert "denoises latents 0.13025 * z" in result.stderr


def test_configurations_of_schedulers(data: Path, tmp_path: Path) -> None:
    path = tmp_path / "scheduler_config.json"
    path.write_text(json.dumps(CONFIG))
    text = good("design", data, "--steps", 4, "--scheduler-config", path, "--no-tuned")
    assert "from_config(pipe.scheduler.config, use_karras_sigmas=False)" in text
    path.write_text("{}")
    assert "_class_name" in bad("design", data, "--steps", 4, "--scheduler-config", path)
    path.write_text('{"_class_name": "LCMScheduler"}')
    assert "jump from noise to data" in bad("design", data, "--steps", 4, "--scheduler-config", path)
    path.write_text("[]")
    assert "JSON object" in bad("design", data, "--steps", 4, "--scheduler-config", path)


def test_export_of_text(saved: Path, tmp_path: Path) -> None:
    assert good("export", saved, "--to", "comfyui") == "14, 2, 0.5, 0\n"
    assert good("export", saved, "--to", "sdcpp") == "--sigmas 14,2,0.5,0\n"
    assert good("export", saved, "--to", "comfyui", "--flow").startswith("0.93333334, 0.6666667")
    out = tmp_path / "levels.txt"
    assert good("export", saved, "--to", "comfyui", "--out", out) == ""
    assert out.read_text() == "14, 2, 0.5, 0\n"
    document = json.loads(good("export", saved, "--to", "comfyui", "--json"))
    assert document["values"] == [14.0, 2.0, 0.5, 0.0]


def test_export_to_diffusers(saved: Path, tmp_path: Path) -> None:
    assert good("export", saved, "--to", "diffusers", "--model", "sdxl") == "sigmas=[14.0, 2.0, 0.5, 0.0]\n"
    grid = np.cumprod(1 - np.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2)
    timesteps = ", ".join(map(str, ss.Schedule.load(saved).to_timesteps(grid)))
    assert good("export", saved, "--to", "timesteps", "--model", "sdxl").strip() == timesteps
    path = tmp_path / "scheduler_config.json"
    path.write_text(json.dumps({**CONFIG, "use_karras_sigmas": False}))
    assert "off the model's grid" in bad("export", saved, "--to", "diffusers", "--scheduler-config", path)
    abar = tmp_path / "abar.npy"
    np.save(abar, grid)
    assert good("export", saved, "--to", "timesteps", "--alphas-cumprod", abar).strip() == timesteps


def test_export_to_the_web_ui(saved: Path, tmp_path: Path) -> None:
    """The file, run against a stand-in for the one module of the web UI that it uses."""
    pytest.importorskip("torch")
    script = good("export", saved, "--to", "a1111", "--name", 'My "best"')
    entries, functions = web_ui(script)
    assert [entry.label for entry in entries] == ['My "best"']
    assert functions(3).tolist() == [14.0, 2.0, 0.5, 0.0]
    longer = functions(5).tolist()
    assert len(longer) == 6
    np.testing.assert_allclose(longer[::2][:2], [14.0, 2.0], rtol=1e-6)
    assert functions(1).tolist() == [14.0, 0.0]


def web_ui(script: str) -> tuple[list[Any], Any]:
    import sys
    from dataclasses import dataclass
    from types import ModuleType

    @dataclass
    class Scheduler:  # modules/sd_schedulers.py of the web UI
        name: str
        label: str
        function: Any
        default_rho: float = -1
        need_inner_model: bool = False
        aliases: Any = None

    modules, inner = ModuleType("modules"), ModuleType("modules.sd_schedulers")
    inner.Scheduler, inner.schedulers, inner.schedulers_map = Scheduler, [], {}  # type: ignore[attr-defined]
    modules.sd_schedulers = inner  # type: ignore[attr-defined]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "modules", modules)
        patch.setitem(sys.modules, "modules.sd_schedulers", inner)
        for _ in range(2):  # scripts are loaded again when the page is reloaded
            exec(compile(script, "script.py", "exec"), {})
    entries = inner.schedulers  # type: ignore[attr-defined]
    return entries, lambda steps: entries[0].function(steps, 0.03, 14.6, "cpu")


@pytest.mark.parametrize("target", sorted(set(TARGETS) - {"diffusers", "timesteps", "deepinv", *IN_PYTHON}))
def test_every_target(saved: Path, target: str) -> None:
    pytest.importorskip("torch")
    name = target.replace("_", "-")
    assert good("export", saved, "--to", name).strip()
    assert json.loads(good("export", saved, "--to", name, "--json"))["target"] == name


def test_mistakes_of_export(saved: Path) -> None:
    assert "did you mean 'comfyui'" in bad("export", saved, "--to", "comfyuo")
    for name, reason in REFUSED.items():
        assert reason.partition(";")[0] in bad("export", saved, "--to", name)
    for name, line in IN_PYTHON.items():
        assert line in bad("export", saved, "--to", name)
    assert "--to diffusers needs the scheduler" in bad("export", saved, "--to", "diffusers")
    assert "--to timesteps needs the training grid" in bad("export", saved, "--to", "timesteps")
    assert "no grid of training timesteps" in bad("export", saved, "--to", "timesteps", "--model", "flux")
    assert "--flow does not apply" in bad("export", saved, "--to", "a1111", "--flow")
    assert "do not apply" in bad("export", saved, "--to", "comfyui", "--model", "sdxl")
    assert "needs --sigma-min and --sigma-max" in bad("export", saved, "--to", "deepinv")
