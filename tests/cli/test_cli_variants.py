"""The command line: designs on a grid of timesteps, for a neighbourhood, with eta."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from cli_runner import SPECTRUM, bad, good
from rich.console import Console

import specsched as ss
from specsched.cli import console, work
from specsched.designs.heuristics import Member


def test_design_on_the_timesteps_of_a_model(data: Path, tmp_path: Path) -> None:
    grid = np.cumprod(1.0 - np.linspace(1e-4, 0.02, 1000))
    np.save(tmp_path / "abar.npy", grid)
    (tmp_path / "abar.txt").write_text("\n".join(repr(float(x)) for x in grid))
    wanted = ss.design(SPECTRUM, 5, alphas_cumprod=grid)
    assert wanted.timesteps is not None
    text = good("design", data, "--steps", 5, "--alphas-cumprod", tmp_path / "abar.npy")
    assert "timesteps: " + ", ".join(map(str, wanted.timesteps)) in text
    assert "On the grid" in text
    document = json.loads(
        good("design", data, "--steps", 5, "--alphas-cumprod", tmp_path / "abar.txt", "--json")
    )
    assert document["timesteps"] == wanted.timesteps.tolist()


def test_robust_design(data: Path) -> None:
    wanted = ss.design(SPECTRUM, 4, robust=0.5)
    text = good("design", data, "--steps", 4, "--robust", 0.5)
    assert f"for the data itself {wanted.losses[0]:.5g}" in text
    assert f"{wanted.loss:#.5g}" in text


def test_design_with_eta(data: Path) -> None:
    wanted = ss.design_eta(SPECTRUM, 4, sampler="ddim", sigma_max=3.0)
    text = good("design", data, "--steps", 4, "--sigma-max", 3, "--design-eta")
    assert f"eta: {wanted.sampler.options['eta']:.5g}" in text
    assert "designed, eta=0" in text


def test_bad_variants(data: Path, tmp_path: Path) -> None:
    (tmp_path / "up.txt").write_text("0.1 0.2 0.3")
    (tmp_path / "words.txt").write_text("a b")
    assert "--alphas-cumprod must decrease" in bad(
        "design", data, "--steps", 2, "--alphas-cumprod", tmp_path / "up.txt"
    )
    assert "numbers" in bad("design", data, "--steps", 2, "--alphas-cumprod", tmp_path / "words.txt")
    assert ".npy or .txt" in bad("design", data, "--steps", 2, "--alphas-cumprod", tmp_path / "x.csv")
    assert "--robust" in bad("design", data, "--steps", 2, "--robust", -1)
    assert "eta" in bad("design", data, "--steps", 2, "--sampler", "heun", "--design-eta")
    assert "--init" in bad("design", data, "--steps", 2, "--method", "slsqp", "--design-eta")


def test_what_has_no_limit_is_judged_against_the_data(data: Path) -> None:
    asked = ("evaluate", data, "edm", "--steps", 5, "--sampler", "edm_stochastic", "--sigma-max", 20)
    assert "--target data" in bad(*asked)
    text = good(*asked, "--target", "data")
    schedule = ss.baselines.edm(5, sigma_max=20.0)
    loss = ss.evaluate(SPECTRUM, schedule, sampler="edm_stochastic", target="data")
    assert f"{loss:#.5g}" in text
    assert "the ends" not in text  # there is no limit that they could be measured by


@pytest.mark.parametrize("option", ["--plot", "--trace"])
def test_one_picture_alone(data: Path, tmp_path: Path, option: str) -> None:
    good("evaluate", data, "edm", "--steps", 3, option, tmp_path / "one.png")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data.npz", "one.png"]


def test_a_tuned_heuristic_that_beats_the_search_is_where_it_starts_again() -> None:
    asked = {"sampler": "dpmpp_2m", "sigma_max": 20.0, "sigma_floor": 0.02}
    best = ss.design(SPECTRUM, 6, **asked)
    brief = ss.design(SPECTRUM, 6, **asked, max_iter=1)
    assert brief.loss > best.loss * (1.0 + 1e-6)
    member = Member("edm", {"rho": 7.0}, best.schedule, best.loss)
    again = work.best_design([SPECTRUM], 6, {"edm": member}, **asked, max_iter=1)
    assert again.loss <= best.loss * (1.0 + 1e-12)
    assert again.nfev > brief.nfev  # both searches are counted


def test_a_terminal_sees_the_work_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = io.StringIO()
    screen = Console(file=shown, force_terminal=True, width=80)
    monkeypatch.setattr(console, "console", lambda *, error=False: screen)
    with console.progress_bar() as update:
        assert update is not None
        update(3, 8, "reading images")
    assert "reading images" in shown.getvalue()
    assert "3/8" in shown.getvalue()
    with console.working("designing"):
        pass
    assert "designing" in shown.getvalue()
