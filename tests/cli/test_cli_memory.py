"""A saved design remembers what it was made for, and `evaluate` goes by that."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli_runner import SPECTRUM, bad, good, run

import specsched as ss

ENDS = {"sigma_max": 14.61, "sigma_floor": 0.03}


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A design for 2M with an option of its own, for a process that is not the default."""
    sampler = ss.samplers.DPMpp2M(lower_order_final=True)
    design = ss.design(SPECTRUM, 6, sampler=sampler, process="ve", **ENDS)
    design.schedule.save(tmp_path / "design.json")
    return tmp_path / "design.json"


def test_a_design_tells_what_it_was_made_for(saved: Path) -> None:
    facts = ss.Schedule.load(saved).made_for
    assert ss.samplers.from_saved(facts["sampler"]) == ss.samplers.DPMpp2M(lower_order_final=True)
    assert (facts["process"], facts["loss"], facts["start"]) == ("ve", "w2", "prior")
    assert (facts["sigma_max"], facts["sigma_min"], facts["sigma_floor"]) == (14.61, 0.0, 0.03)
    assert facts["specsched"] == ss.__version__
    abar = [0.99, 0.9, 0.7, 0.5, 0.3, 0.1, 0.01]
    on_grid = ss.design(SPECTRUM, 3, alphas_cumprod=abar)
    assert on_grid.schedule.made_for["timesteps"] == on_grid.timesteps.tolist()


def test_evaluate_uses_what_the_file_remembers(data: Path, saved: Path) -> None:
    schedule = ss.Schedule.load(saved)
    made_for = {"sampler": ss.samplers.DPMpp2M(lower_order_final=True), "process": "ve"}
    result = run("evaluate", data, saved, "--json")
    assert result.exit_code == 0, result.stderr
    document = json.loads(result.stdout)
    assert document["value"] == ss.evaluate(SPECTRUM, schedule, **made_for)
    assert document["sampler"]["name"] == "dpmpp_2m"
    assert document["made_for"]["process"] == "ve"
    edm = ss.baselines.edm(6, **ENDS)
    assert document["baselines"]["edm"] == ss.evaluate(SPECTRUM, edm, **made_for)
    assert "was made for: dpmpp_2m:lower_order_final=True, ve, w2" in result.stderr


def test_evaluate_says_when_it_is_told_otherwise(data: Path, saved: Path) -> None:
    result = run("evaluate", data, saved, "--sampler", "heun", "--process", "ve", "--json")
    assert result.exit_code == 0, result.stderr
    schedule = ss.Schedule.load(saved)
    assert json.loads(result.stdout)["value"] == ss.evaluate(SPECTRUM, schedule, sampler="heun", process="ve")
    assert "was made for dpmpp_2m:lower_order_final=True, not heun, as" in result.stderr
    assert "process" not in result.stderr.splitlines()[-1]  # as the file says, nothing to mention
    both = run(
        "evaluate", data, saved, "--process", "vp", "--loss", "w2", "--target", "limit", "--start", "prior"
    )
    assert "process ve, not vp, as the command line asks" in " ".join(both.stderr.split())
    sampler = ("--sampler", "dpmpp_2m:lower_order_final=true")
    same = run("evaluate", data, saved, *sampler, "--process", "ve", "--loss", "w2", "--target", "limit")
    assert "as the command line asks" not in same.stderr


def test_old_files_and_foreign_ones(data: Path, tmp_path: Path) -> None:
    old = tmp_path / "old.json"
    old.write_text(
        '{"format": "specsched.Schedule", "version": 1, "name": "", "steps": 2, "sigmas": [9.0, 1.0, 0.0]}'
    )
    assert json.loads(good("evaluate", data, old, "--json"))["sampler"]["name"] == "ddim"
    ss.Schedule([9.0, 1.0, 0.0], made_for={"sampler": {"name": "nothing"}}).save(old)
    assert "unknown sampler 'nothing'" in bad("evaluate", data, old)
    ss.Schedule([9.0, 1.0, 0.0], made_for={"sampler": {"name": "ddim", "options": {"et": 1}}}).save(old)
    assert "unknown option of sampler 'ddim' 'et' (did you mean 'eta'?)" in bad("evaluate", data, old)
    ss.Schedule([9.0, 1.0, 0.0], made_for={"process": 3}).save(old)
    assert "process" in bad("evaluate", data, old)
