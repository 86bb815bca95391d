"""``specsched record``, ``trial`` and ``refine`` on a model that a file names."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from cli_runner import bad, good

import specsched as ss
from specsched.models.configured.published import published

MODEL = """
import numpy as np
import specsched as ss

def model(starts):
    return ss.models.gaussian([2.0, 0.5, 0.02]), np.random.default_rng(0).standard_normal((starts, 3))

def wrong(starts):
    return 1
"""
ENDS = ("--sigma-max", 20, "--sigma-floor", 0.02)


@pytest.fixture
def model(tmp_path: Path) -> str:
    path = tmp_path / "toy_model.py"
    path.write_text(MODEL, encoding="utf-8")
    return f"{path}:model"


def test_record_trial_refine(model: str, tmp_path: Path) -> None:
    recording, refined = tmp_path / "recording.npz", tmp_path / "refined.json"
    text = good("record", model, *ENDS, "--out", recording)
    assert "Recording of 16 starts" in text
    assert ss.Recording.load(recording).sigma_max == 20.0
    text = good("refine", model, "edm", *ENDS, "--steps", 6, "--starts", 24, "--out", refined)
    assert "held-out error" in text
    assert ss.Schedule.load(refined).steps == 6
    arguments = ("trial", model, "edm", refined, *ENDS, "--steps", 6, "--recording", recording)
    assert "predicted" in good(*arguments)
    found = json.loads(good(*arguments, "--json"))
    rows = found["schedules"]
    assert rows[str(refined)]["error"] < rows["edm"]["error"]
    assert rows["edm"]["predicted"] == pytest.approx(rows["edm"]["error"], rel=0.2)


def test_json_of_record_and_refine(model: str, tmp_path: Path) -> None:
    found = json.loads(good("record", model, *ENDS, "--no-slopes", "--out", tmp_path / "a.npz", "--json"))
    assert found["calls"] <= 3000
    options = ("--steps", 5, "--max-calls", 3000, "--out", tmp_path / "a.json", "--json")
    found = json.loads(good("refine", model, "edm", *ENDS, *options))
    assert len(found["sigmas"]) == 6
    assert found["heldout_error"] <= found["start_error"]


def test_saved_designs_bring_their_solver_and_process(model: str, tmp_path: Path) -> None:
    path, refined = tmp_path / "design.json", tmp_path / "refined.json"
    ends = {"sigma_max": 20.0, "sigma_floor": 0.02}
    design = ss.design([2.0, 0.5, 0.02], 5, sampler=ss.samplers.Multistep(order=3), process="ve", **ends)
    design.schedule.save(path)
    good("refine", model, path, "--out", refined, "--max-calls", 4000)
    made_for = ss.Schedule.load(refined).made_for
    assert made_for["sampler"]["options"]["order"] == 3
    assert made_for["process"] == "ve"
    arguments = ("trial", model, path, "--json")
    own, other = (
        json.loads(good(*arguments, *more))["schedules"][str(path)]["error"]
        for more in ((), ("--sampler", "ddim"))
    )
    denoiser = ss.models.gaussian([2.0, 0.5, 0.02])
    noise = np.random.default_rng(0).standard_normal((16, 3))
    assert own == pytest.approx(ss.trial(design, denoiser, noise).errors[0], rel=1e-6)
    assert other > 2.0 * own


def test_compare_and_design_on_a_recording(model: str, tmp_path: Path) -> None:
    path, table = tmp_path / "recording.npz", tmp_path / "table.csv"
    good("record", model, *ENDS, "--out", path)
    recording = ss.Recording.load(path)
    arguments = ("compare", path, "--steps", "4,6", "--sampler", "dpmpp_2m", "--no-tuned", "--out", table)
    assert f"hash {recording.hash}" in good(*arguments)
    found = json.loads(good(*arguments, "--json"))
    assert found["data"]["hash"] == recording.hash
    assert found["process"] == recording.process
    design = ss.design(recording, 6, sampler="dpmpp_2m")
    assert found["losses"]["designed"]["6"] == pytest.approx(design.loss, rel=1e-6)
    edm = ss.baselines.edm(6, sigma_max=20.0, sigma_floor=0.02)
    assert found["losses"]["edm"]["6"] == pytest.approx(
        ss.evaluate(recording, edm, sampler="dpmpp_2m"), rel=1e-6
    )
    assert "designed" in table.read_text()
    saved, drawn = tmp_path / "design.json", tmp_path / "design.png"
    options = ("--steps", 6, "--sampler", "dpmpp_2m", "--out", saved, "--plot", drawn)
    assert f"hash {recording.hash}" in good("design", path, *options)
    made = ss.Schedule.load(saved)
    assert made.made_for["recordings"] == [recording.hash]
    np.testing.assert_allclose(made.sigmas, design.schedule.sigmas, rtol=1e-6)
    assert drawn.stat().st_size > 0


def test_mistakes(model: str, tmp_path: Path) -> None:
    out = ("--out", tmp_path / "a.npz")
    assert "give --sigma-max" in bad("record", model, *out)
    assert "must end in .npz" in bad("record", model, *ENDS, "--out", tmp_path / "a.json")
    assert "at least 4 starts" in bad("record", model, *ENDS, *out, "--starts", 2)
    assert "module:function" in bad("record", "toy", *ENDS, *out)
    assert "there is no file" in bad("record", "nothing.py:model", *ENDS, *out)
    assert "cannot import 'nothing'" in bad("record", "nothing:model", *ENDS, *out)
    assert "has no function 'other'" in bad("record", model.replace(":model", ":other"), *ENDS, *out)
    assert "must return (denoiser, noise)" in bad("record", model.replace(":model", ":wrong"), *ENDS, *out)
    assert "needs --steps" in bad("trial", model, "edm", *ENDS)


def test_a_published_model_decides_how_a_network_is_run(model: str, tmp_path: Path) -> None:
    """As its options would, written out."""
    heuristic = ("trial", model, "edm", "--steps", 6, "--json")
    asked = good(*heuristic, "--model", "pixart")
    _, _, problem = published("pixart")
    ends = ("--sigma-max", problem.sigma_max, "--sigma-floor", problem.sigma_floor, "--process", "vp")
    assert json.loads(asked) == json.loads(good(*heuristic, *ends, "--sampler", "dpmpp_2m"))
    assert asked != good(*heuristic, "--model", "pixart", "--sampler", "ddim")
    out = ("--out", tmp_path / "a.json")
    refined = good("refine", model, "edm", "--steps", 4, "--starts", 24, *out, "--json", "--model", "sd3")
    assert json.loads(refined)["sigmas"][0] == pytest.approx(published("sd3")[2].sigma_max)
    assert "--process is decided by --model" in bad(*heuristic, "--model", "pixart", "--process", "ve")
    assert "--sigma-max is decided by --model" in bad("refine", model, "edm", *ENDS, *out, "--model", "sd3")
    assert "did you mean 'pixart'" in bad(*heuristic, "--model", "pixar")


def test_evaluate_on_a_recording(model: str, tmp_path: Path) -> None:
    path, levels = tmp_path / "recording.npz", tmp_path / "levels.json"
    good("record", model, *ENDS, "--out", path)
    recording = ss.Recording.load(path)
    design = ss.design(recording, 6, sampler="dpmpp_2m")
    design.schedule.save(levels)
    text = good("evaluate", path, levels)
    assert f"hash {recording.hash}" in text
    predicted = recording.predict(design)
    assert f"Predicted error per value: {predicted:.6g}" in text
    found = json.loads(good("evaluate", path, levels, "--json"))
    assert found["value"] == pytest.approx(predicted * recording.dim**0.5, rel=1e-12)
    assert found["value"] < min(found["baselines"].values())
    assert found["data"]["hash"] == recording.hash
    assert "costs" not in found
    by_name = json.loads(good("evaluate", path, "edm", "--steps", 6, "--sampler", "dpmpp_2m", "--json"))
    assert by_name["value"] == pytest.approx(found["baselines"]["edm"], rel=1e-12)
    assert "leave them out" in bad("evaluate", path, levels, "--plot", tmp_path / "p.png")
