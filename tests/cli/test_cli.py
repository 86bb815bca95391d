"""The command line: what people see, the files it writes, and how it behaves in terminals and pipes."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from cli_runner import SPECTRUM, bad, good, run, write_images
from PIL import Image

import specsched as ss
from specsched import tuned
from specsched.designs.problem import DEFAULT_DENOISER_ERROR
from specsched.schedules.families import FAMILIES

PROGRAM = [sys.executable, "-m", "specsched"]


# ---- design ---------------------------------------------------------------------------------------


def test_design_prints_schedule_and_gains_and_saves(data: Path, tmp_path: Path) -> None:
    out, picture = tmp_path / "schedule.json", tmp_path / "schedule.png"
    text = good("design", data, "--steps", 5, "--sigma-floor", 0.02, "--out", out, "--plot", picture)
    expected = ss.design(SPECTRUM, 5, sigma_floor=0.02)
    saved = ss.Schedule.load(out)
    np.testing.assert_allclose(saved.sigmas, expected.schedule.sigmas, rtol=1e-6)
    for sigma in saved.sigmas:
        assert f"{sigma:.5g}" in text
    rows = {line.split("  ")[0]: line for line in text.splitlines()}
    assert f"{expected.loss:#.5g}" in rows["designed"]
    shown = [name for name in expected.baselines if name in rows]
    for name in shown:
        loss = expected.baselines[name]
        assert f"{loss:#.5g}" in rows[name]
        assert f"{100 * (1 - expected.loss / loss):.1f} %" in rows[name]
    members = tuned(SPECTRUM, 5, sigma_max=157.4, sigma_floor=0.02)
    best = {name: member for name, member in members.items() if f"{name}, tuned" in rows}
    for name, member in best.items():
        assert f"{member.loss:#.5g}" in rows[f"{name}, tuned"]
        assert all(f"{key}=" in rows[f"{name}, tuned"] for key in member.parameters)
    assert len(shown) + len(best) == 7  # beside the design: the best eight rows
    assert f"and {len(expected.baselines) + len(members) - 7} more" in text
    with Image.open(picture) as image:
        assert image.size == (1500, 660)
    assert {path.name for path in tmp_path.iterdir()} == {"data.npz", "schedule.json", "schedule.png"}
    assert f"saved {out}" in text


def test_design_as_json(data: Path) -> None:
    arguments = ["design", data, "--steps", 4, "--sampler", "ddim:eta=0.3", "--process", "ve", "--json"]
    document = json.loads(good(*arguments, "--loss", "kl", "--sigma-max", 50, "--sigma-min", 0.05))
    sampler = ss.samplers.DDIM(eta=0.3)
    ends = {"sigma_max": 50.0, "sigma_min": 0.05}
    expected = ss.design(SPECTRUM, 4, sampler=sampler, process="ve", loss="kl", **ends)
    assert document["value"] == pytest.approx(expected.loss, rel=1e-9)
    assert document["success"] is expected.success
    assert document["sampler"]["name"] == "ddim"
    assert document["sampler"]["options"]["eta"] == 0.3
    assert document["schedule"]["sigmas"][0] == 50.0
    assert document["schedule"]["sigmas"][-1] == 0.05
    assert document["baselines"] == pytest.approx(expected.baselines)
    assert document["gains"]["edm"] == pytest.approx(1 - expected.loss / expected.baselines["edm"])
    assert set(document["tuned"]) >= {"edm", "cosine", "sigmoid"}
    assert document["data"][0]["dim"] == 24


def test_design_never_loses_to_a_tuned_heuristic(data: Path) -> None:
    document = json.loads(good("design", data, "--steps", 6, "--sampler", "heun", "--json"))
    best = min(member["loss"] for member in document["tuned"].values())
    assert document["value"] <= best * (1 + 1e-9)


def test_allowance_for_prediction_errors_is_stated(data: Path) -> None:
    design = ["design", data, "--steps", 4, "--no-tuned", "--sampler"]
    assert f"allows for errors of {100 * DEFAULT_DENOISER_ERROR:g} %" in good(*design, "dpmpp_2m")
    assert "allows for errors of 5 %" in good(*design, "heun", "--denoiser-error", 0.05)
    assert "allows for errors" not in good(*design, "dpmpp_2m", "--denoiser-error", 0)
    assert "allows for errors" not in good(*design, "ddim")


def test_design_for_several_data(data: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    ss.Spectrum([0.5, 0.01]).save(other)
    document = json.loads(good("design", data, other, "--steps", 4, "--combine", "worst", "--json"))
    expected = ss.design([SPECTRUM, ss.Spectrum([0.5, 0.01])], 4, combine="worst")
    assert document["value"] == pytest.approx(expected.loss, rel=1e-6)
    assert document["tuned"] == {}
    assert len(document["data"]) == 2
    text = good("design", data, other, "--steps", 4, "--method", "slsqp", "--no-tuned")
    assert str(other) in text
    assert "slsqp" in text


def test_design_from_a_start(data: Path, tmp_path: Path) -> None:
    start = tmp_path / "start.txt"
    start.write_text("157.4, 3 1\n0.2 0\n")
    assert "designed" in good("design", data, "--steps", 4, "--init", start, "--no-tuned")
    assert "has 4 steps, the design has 5" in bad("design", data, "--steps", 5, "--init", start, "--no-tuned")


def test_a_design_that_has_not_converged_says_so(data: Path) -> None:
    arguments = ["design", data, "--steps", 12, "--max-iter", 1, "--method", "slsqp", "--no-tuned"]
    result = run(*arguments)
    assert result.exit_code == 0
    assert result.stderr.startswith("warning: the design has not converged")


def test_data_options_reach_the_spectrum(tmp_path: Path) -> None:
    samples = np.random.default_rng(0).normal(1.0, 2.0, (200, 3, 3))
    path = tmp_path / "samples.npy"
    np.save(path, samples)
    out = tmp_path / "spectrum.json"
    shape = ["--no-mean", "--scale", 0.5, "--floor", 0.9]
    good("spectrum", path, "--estimator", "stationary", *shape, "--out", out)
    expected = ss.Spectrum.from_stationary(samples).without_mean().scaled(0.25).floored(0.9)
    assert ss.Spectrum.load(out) == expected
    good("spectrum", path, "--drop", 3.5, "--limit", 50, "--out", out)
    picked = samples[np.linspace(0, 199, 50).round().astype(int)]
    assert ss.Spectrum.load(out) == ss.Spectrum.from_samples(picked).dropped(3.5)


def test_images_and_sound(tmp_path: Path) -> None:
    folder = write_images(tmp_path / "images", [8, 12, 9])
    out = tmp_path / "spectrum.npz"
    common = ["--size", "4x8", "--fit", "patches", "--color", "gray", "--value-range", "0,1"]
    text = good("spectrum", folder, *common, "--out", out, "--plot", tmp_path / "spectrum.pdf")
    assert "dim 32" in text
    assert ss.Spectrum.load(out).dim == 32
    assert (tmp_path / "spectrum.pdf").read_bytes().startswith(b"%PDF")
    result = run("spectrum", folder, "--json")
    document = json.loads(result.stdout)
    assert document["dim"] == 8 * 8 * 3
    first, second = result.stderr.splitlines()
    assert [f"note: {told}" for told in document["notes"]] == [first, second]
    assert first.startswith("note: images differ in size")
    assert first.endswith("--size 8, their shortest side, and --fit cover are used")
    assert second.startswith("note: 3 images in 192 dimensions are too few")
    assert "--estimator stationary is used" in second
    wave = tmp_path / "tone.wav"
    soundfile.write(wave, np.sin(np.arange(4000) * 0.1), 8000)
    document = json.loads(good("spectrum", wave, "--window", 64, "--hop", 32, "--json"))
    assert "notes" not in document
    assert document["dim"] == 64
    assert document["total_variance"] == pytest.approx(32, rel=0.1)


# ---- the other commands ---------------------------------------------------------------------------


def test_evaluate(data: Path, tmp_path: Path) -> None:
    schedule = ss.baselines.cosine(7, sigma_max=100.0, sigma_floor=0.03).renamed("my cosine")
    schedule.save(tmp_path / "s.json")
    np.save(tmp_path / "s.npy", schedule.sigmas)
    expected = ss.evaluate(SPECTRUM, schedule, sampler="heun")
    pictures = ["--plot", tmp_path / "output.png", "--trace", tmp_path / "trace.png"]
    text = good("evaluate", data, tmp_path / "s.json", "--sampler", "heun", *pictures)
    assert f"W2 distance to the limit: {expected:.6g}" in text
    assert "my cosine" in text
    assert (tmp_path / "output.png").stat().st_size > 10_000
    assert (tmp_path / "trace.png").stat().st_size > 10_000
    document = json.loads(good("evaluate", data, tmp_path / "s.npy", "--sampler", "heun", "--json"))
    assert document["value"] == pytest.approx(expected, rel=1e-12)
    result = ss.transfer(SPECTRUM, schedule, sampler="heun")
    assert document["variance_ratio"] == pytest.approx(result.variance.sum() / SPECTRUM.total_variance)
    # The heuristics share the ends of the schedule, its last positive level included.
    cosine = ss.baselines.cosine(7, sigma_max=100.0, sigma_floor=0.03)
    assert document["baselines"]["cosine"] == ss.evaluate(SPECTRUM, cosine, sampler="heun")


def test_evaluate_a_heuristic_by_name(data: Path) -> None:
    arguments = ["evaluate", data, "edm", "--steps", 6, "--sigma-max", 80, "--sigma-min", 0.01, "--json"]
    document = json.loads(good(*arguments))
    levels = ss.baselines.edm(6, sigma_max=80.0, sigma_min=0.01)
    assert document["schedule"]["sigmas"] == levels.sigmas.tolist()
    assert document["value"] == ss.evaluate(SPECTRUM, levels)
    worse = json.loads(good(*arguments, "--denoiser-error", 0.2))
    assert worse["value"] == ss.evaluate(SPECTRUM, levels, denoiser_error=0.2)
    assert worse["value"] != document["value"]


def test_evaluate_data_without_variance(tmp_path: Path) -> None:
    path = tmp_path / "zero.json"
    ss.Spectrum([0.0, 0.0]).save(path)
    assert "Variance of the output" not in good("evaluate", path, "edm", "--steps", 3)
    assert "2 entries" in good("spectrum", path)


def test_compare(data: Path, tmp_path: Path) -> None:
    table, picture = tmp_path / "table.csv", tmp_path / "table.svg"
    text = good("compare", data, "--steps", "8,3,8", "--out", table, "--plot", picture)
    assert "<svg" in picture.read_text()
    with table.open(newline="") as file:
        rows = {row[0]: row[1:] for row in csv.reader(file)}
    assert rows["schedule"] == ["3", "8"]
    for k, steps in enumerate((3, 8)):
        found = ss.design(SPECTRUM, steps)
        assert float(rows["designed"][k]) == pytest.approx(found.loss, rel=1e-6)
        for name, loss in found.baselines.items():
            assert float(rows[name][k]) == pytest.approx(loss, rel=1e-9)
        member = tuned(SPECTRUM, steps, sigma_max=157.4, families=["edm"])["edm"]
        assert float(rows["edm, tuned"][k]) == pytest.approx(member.loss, rel=1e-6)
    assert f"{float(rows['designed'][1]):#.4g}" in text
    document = json.loads(good("compare", data, "--steps", "3,8", "--no-tuned", "--json"))
    assert document["losses"]["edm"]["8"] == float(rows["edm"][1])
    assert not [name for name in document["losses"] if "tuned" in name]


def test_baselines_are_listed() -> None:
    text = good("baselines")
    for name in ss.baselines.TABLE:
        assert any(line.startswith(name) for line in text.splitlines())
    assert "rho=7.0" in text
    document = json.loads(good("baselines", "--json"))
    assert set(document) == set(ss.baselines.TABLE)
    assert document["polyexponential"]["parameters"] == {"rho": 2.0}
    assert document["edm"]["tunable"] == ["rho"]


def test_levels_of_baselines() -> None:
    levels = ["--steps", 4, "--name", "edm", "--name", "cosine"]
    document = json.loads(good("baselines", *levels, "--sigma-max", 80, "--sigma-min", 0.002, "--json"))
    expected = ss.baselines.edm(4, sigma_max=80.0, sigma_min=0.002)
    assert document["edm"]["sigmas"] == expected.sigmas.tolist()
    text = good("baselines", *levels, "--native")
    assert f"{ss.baselines.cosine(4).sigmas[1]:.4g}" in text
    assert "linear" not in text


def test_demo(tmp_path: Path) -> None:
    text = good("demo", "--steps", 6, "--size", 16, "--out-dir", tmp_path)
    assert "dim 768" in text
    assert ", tuned" in text
    assert ss.Schedule.load(tmp_path / "specsched_demo.json").steps == 6
    with Image.open(tmp_path / "specsched_demo.png") as image:
        assert image.width == 1500
    assert len(list(tmp_path.iterdir())) == 2
    gains = [line.partition(" %")[0].split()[-1] for line in text.splitlines() if " %" in line]
    assert len(gains) == 7  # of the best eight rows
    document = json.loads(good("demo", "--steps", 6, "--size", 16, "--out-dir", tmp_path, "--json"))
    assert document["data"][0]["dim"] == 768.0
    assert f"{document['value']:.5g}" in text
    assert f"and {len(ss.baselines.TABLE) + len(FAMILIES) - 7} more" in text
    assert min(map(float, gains)) >= 0.0


def test_version_and_help() -> None:
    assert good("--version") == f"specsched {ss.__version__}\n"
    for command in ("design", "evaluate", "compare", "spectrum", "baselines", "demo"):
        assert command in good("--help")
        assert "--json" in good(command, "-h")
    short, whole = good("design", "--help"), good("design", "--help-all")
    for option in ("--estimator", "--sampler", "--model", "--out", "--help-all"):
        assert option in short
        assert option in whole
    for option in ("--min-ratio", "--channel-axis", "--threads", "--combine"):
        assert option not in short
        assert option in whole
    assert "uni_pc" not in whole  # an alias
    assert len(short.splitlines()) < 0.6 * len(whole.splitlines())


# ---- terminals, pipes and processes ---------------------------------------------------------------


@pytest.mark.parametrize("columns", [40, 60])
def test_narrow_terminals_keep_the_numbers(data: Path, columns: int) -> None:
    text = good("design", data, "--steps", 4, columns=columns)
    assert max(map(len, text.splitlines())) <= columns
    wide = good("design", data, "--steps", 4)
    numbers = re.findall(r"^(?:designed|[a-z_]+(?:, tuned)?) +(\d\.\d+)", wide, flags=re.M)
    assert len(numbers) == 8
    for number in numbers:
        assert number in text
    table = good("compare", data, "--steps", "2,3,4,5,6", "--no-tuned", columns=columns)
    assert max(map(len, table.splitlines())) <= columns
    assert "…" not in text + table
    levels = good("baselines", "--steps", 3, columns=columns)
    assert max(map(len, levels.splitlines())) <= columns


def test_long_schedules_are_shown_in_part(data: Path) -> None:
    text = good("design", data, "--steps", 60, "--no-tuned")
    assert any(line.split() == ["..."] for line in text.splitlines())
    assert any(line.split()[:2] == ["60", "0"] for line in text.splitlines() if line)


def test_a_pipe_gets_plain_text(data: Path) -> None:
    result = subprocess.run(
        [*PROGRAM, "spectrum", str(data)], capture_output=True, text=True, check=True, timeout=120
    )
    assert "24 entries" in result.stdout
    assert "\x1b" not in result.stdout
    assert result.stderr == ""


def test_an_error_has_no_traceback_in_a_real_process() -> None:
    result = subprocess.run(
        [*PROGRAM, "design", "nothing", "--steps", "3"], capture_output=True, text=True, timeout=120
    )
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.startswith("error: no file, folder or demo 'nothing'")
    assert len(result.stderr.splitlines()) == 1


def test_no_arguments_show_the_help() -> None:
    result = subprocess.run(PROGRAM, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0
    assert "design" in result.stdout
    assert result.stderr == ""


def test_a_closed_pipe_is_no_error() -> None:
    code = "import sys; from specsched.cli import main; sys.argv = ['specsched', 'baselines']; main()"
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as stream:
        result = subprocess.run(
            [sys.executable, "-c", code], stdout=stream, stderr=subprocess.PIPE, text=True, timeout=120
        )
    assert result.returncode == 1
    assert result.stderr == ""


def test_ctrl_c(tmp_path: Path) -> None:
    fifo = tmp_path / "data.npy"
    os.mkfifo(fifo)
    process = subprocess.Popen(
        [*PROGRAM, "spectrum", str(fifo), "--out", str(tmp_path / "a.npz")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A background job inherits that Ctrl-C is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    # Opening succeeds once the program has begun to read, and it then waits for data.
    with fifo.open("wb"):
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=120)
    assert process.returncode == 130
    assert output == ""
    assert errors == "interrupted\n"
    assert list(tmp_path.iterdir()) == [fifo]


@pytest.mark.parametrize("missing", ["typer", "rich"])
def test_without_the_extra(missing: str) -> None:
    code = f"import sys; sys.modules['{missing}'] = None; from specsched.cli import main; main()"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert result.returncode == 2
    assert result.stderr == "error: the command line needs typer and rich: pip install 'specsched[cli]'\n"


# ---- documentation --------------------------------------------------------------------------------


def test_the_documented_commands_exist() -> None:
    page = (Path(__file__).parents[2] / "docs" / "cli.md").read_text(encoding="utf-8")
    blocks = "".join(part.partition("```")[0] for part in page.split("```sh\n")[1:])
    commands = [line.split() for line in blocks.replace("\\\n", " ").splitlines()]
    assert len(commands) == 15
    for words in commands:
        known = good(words[1], "--help-all", columns=200)
        for word in words[2:]:
            assert not word.startswith("--") or f"{word} " in known, word


def test_the_documented_python_runs() -> None:
    page = (Path(__file__).parents[2] / "docs" / "cli.md").read_text(encoding="utf-8")
    names: dict[str, Any] = {}
    exec(page.partition("## In Python")[2].partition("```python\n")[2].partition("```")[0], names)
    assert len(names["figure"].axes) == 3
    assert len(names["levels"].axes[0].lines) == 3
    assert names["errors"].axes
