"""The command line: designs on a grid of timesteps, for a neighbourhood, with eta."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from cli_runner import SPECTRUM, bad, good

import specsched as ss


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
