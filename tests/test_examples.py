"""The experiments run, their pictures are not empty, and their numbers are right."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import matplotlib.image
import numpy as np
import pytest

import specsched as ss

ROOT = Path(__file__).parents[1]
EXPERIMENTS = [
    "fig1_synthetic",
    "fig2_eigenvalues",
    "fig3_photographs",
    "fig4_sound",
    "fig5_time_domain",
    "losses_and_samplers",
    "mean_contribution",
    "starts",
]
TARGETS = {10: 0.41293, 28: 0.15385, 60: 0.07287, 112: 0.03975}


@pytest.fixture(autouse=True)
def _examples_on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "examples"))


def run(name: str, out: Path, *arguments: str) -> Any:
    """What the example's main function returns; checks its picture."""
    module: ModuleType = import_module(name)
    found = module.main(["--out", str(out / f"{name}.png"), *arguments])
    picture = matplotlib.image.imread(out / f"{name}.png")
    assert min(picture.shape[:2]) > 300
    assert picture[..., :3].std() > 0.02
    return found


def falls(values: Any) -> bool:
    return bool((np.diff(values) < 0).all())


def beats_all(sweep: Any) -> bool:
    return all((sweep.designed <= losses * (1 + 1e-10)).all() for losses in sweep.baselines.values())


def test_fig1_synthetic(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = run("fig1_synthetic", tmp_path, "--steps", "10", "28", "60", "112")
    sweep = found["sweep"]
    for count, loss in zip(sweep.steps, sweep.designed, strict=True):
        assert 0.99 * TARGETS[count] < loss <= TARGETS[count]
    assert beats_all(sweep)
    assert falls(sweep.designed)
    assert all(design.success for design in sweep.designs)
    assert len(sweep.baselines) >= 20
    fits, losses = found["fits"], found["fit_losses"]
    assert fits["sigmoid"].error < 0.01 < fits["cosine"].error < fits["edm"].error
    assert all(loss > found["chosen"].loss for loss in losses.values())
    printed = capsys.readouterr().out
    assert f"| 112 | {sweep.designed[-1]:.5g}" in printed
    assert all(name in printed for name in sweep.baselines)


def test_fig2_eigenvalues(tmp_path: Path) -> None:
    found = run("fig2_eigenvalues", tmp_path)
    assert max(found["deviation"].values()) < 1e-8
    for value, design in found["single"].items():
        assert design.loss < found["joint_loss"][value]
    assert found["error"].shape == (20, 10)
    assert (found["error"] < 0).all()  # discretised DDIM shrinks
    last = found["error"][-1]
    cosine = ss.baselines.cosine(60, sigma_max=157.4039609970535, sigma_min=0.010000500037502575)
    variance = ss.transfer(found["eigenvalues"], cosine).variance
    # At the last level the target is eigenvalue + sigma^2 in y, which is alpha^2 times that in x.
    target = (found["eigenvalues"] + cosine.sigmas[-1] ** 2) * cosine.alpha_bar[-1]
    np.testing.assert_allclose(last, variance / target - 1, rtol=1e-8)
    np.testing.assert_allclose(last[[0, 9]], [-0.0440, -0.0649], atol=1e-4)


def test_fig3_photographs(tmp_path: Path) -> None:
    found = run("fig3_photographs", tmp_path, "--size", "8", "--stride", "16", "--steps", "10", "28")
    full, stationary = found.spectra.values()
    assert full.dim == stationary.dim == 8 * 8 * 3
    assert full.total_variance == pytest.approx(stationary.total_variance, rel=0.05)
    for sweep in (found.paper, found.clean):
        assert beats_all(sweep)
        assert falls(sweep.designed)
    assert (np.array([loss for _, loss in found.clean.best()]) > 1.1 * found.clean.designed).all()
    assert (found.carried < 1.01 * found.clean.designed).all()
    assert (found.carried >= found.clean.designed * (1 - 1e-9)).all()


def test_fig4_sound(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = run("fig4_sound", tmp_path, "--window", "128", "--count", "500", "--steps", "10", "28")
    assert "synthetic" in capsys.readouterr().out
    assert len(found.spectra["full covariance"]) == 128
    for sweep in (found.paper, found.clean):
        assert beats_all(sweep)
        assert falls(sweep.designed)
    assert (found.carried < 1.05 * found.clean.designed).all()


def test_fig5_time_domain(tmp_path: Path) -> None:
    found = run("fig5_time_domain", tmp_path, "--dim", "12", "--steps", "6", "28", "--design-at", "5")
    assert {row[2:4] for row in found["rows"]} == {
        (s, loss) for s in ("ddim", "ddpm") for loss in ("w2", "kl")
    }
    assert found["largest_difference"] < 1e-8
    assert found["covariance_difference"] < 1e-12
    assert found["matrix_design_loss"] == pytest.approx(found["design"].loss, rel=1e-8)
    assert found["matrix_design_loss"] >= found["design"].loss * (1 - 1e-9)
    assert found["level_difference"] < 1e-3


def test_losses_and_samplers(tmp_path: Path) -> None:
    found = run("losses_and_samplers", tmp_path, "--steps", "10", "60")
    assert len(found) == 6
    for sweep in found.values():
        assert beats_all(sweep)
        assert falls(sweep.designed)
        assert all(design.success for design in sweep.designs)
    assert found["DDIM on VE, W2"].designed == pytest.approx(found["DDIM, W2"].designed, rel=2e-3)
    assert (found["DDPM, W2"].designed > found["DDIM, W2"].designed).all()
    for kind, sweep in found.items():
        if "KL" in kind:
            assert (np.array([loss for _, loss in sweep.best()]) > 2.5 * sweep.designed).all()


def test_mean_contribution(tmp_path: Path) -> None:
    found = run("mean_contribution", tmp_path, "--means", "0.05", "5", "--tops", "3", "14.6", "157.4")
    assert found["paper_share"] < 1e-6
    shares = {mean: [row[4] for row in found["rows"] if row[0] == mean] for mean in (0.05, 5.0)}
    assert falls(shares[0.05])
    assert shares[5.0][-1] > 1000 * shares[0.05][-1]
    for _, _, knows, blind, share in found["rows"]:
        assert knows <= blind * (1 + 1e-9)
        assert 0 <= share <= 1
    assert found["rows"][3][3] > 1.5 * found["rows"][3][2]  # a large mean and a low first level


def test_starts(tmp_path: Path) -> None:
    found = run("starts", tmp_path, "--steps", "20", "--count", "1")
    starts = import_module("starts")
    for problem in found["results"]:
        assert starts.excess(found, problem, "newton").max() < 1e-9
        assert starts.excess(found, problem, "slsqp").min() > -1e-9
    assert starts.excess(found, "synthetic case", "slsqp").max() < 1e-6
    assert starts.excess(found, "10 / k^2", "slsqp").max() > 1e-3


def test_designed_solver(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = run("designed_solver", tmp_path)
    losses = {name: values[0] for name, values in found["losses"].items()}
    page = (ROOT / "docs" / "designed_solver.md").read_text(encoding="utf-8")
    for name, loss in losses.items():
        assert f"{loss:.3f}".lstrip("0") in page, name
    assert losses["trusting"] < losses["designed"] < 0.6 * losses["DPM-Solver++(2M)"]
    place = int(np.argmin(abs(found["errors"] - 0.12)))
    assert found["losses"]["designed"][place] < 0.9 * found["losses"]["trusting"][place]
    assert "python examples/designed_solver.py" in page
    assert (ROOT / "docs" / "images" / "designed_solver.png").is_file()


def test_an_example_runs_as_a_script_from_anywhere(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "mean.png"
    command = [sys.executable, str(ROOT / "examples" / "mean_contribution.py"), "--out", str(out)]
    done = subprocess.run(
        [*command, "--steps", "6", "--means", "0.5", "--tops", "5", "80"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert "picture:" in done.stdout
    assert out.stat().st_size > 10_000


def test_every_experiment_is_described_with_its_picture() -> None:
    text = (ROOT / "docs" / "experiments.md").read_text(encoding="utf-8")
    for name in EXPERIMENTS:
        assert f"python examples/{name}.py" in text
        source = (ROOT / "examples" / f"{name}.py").read_text(encoding="utf-8")
        (picture,) = re.findall(r"docs/(images/\w+\.png)", source)
        assert f"({picture})" in text
        assert (ROOT / "docs" / picture).is_file()
