"""The page of precomputed designs: its numbers are the library's, and a browser draws them as the controls move."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

DOCS = Path(__file__).parents[1] / "docs"
FOLDER = DOCS / "_static" / "browser"
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def committed() -> dict[str, Any]:
    text = (FOLDER / "designs.js").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text.removeprefix("window.specschedDesigns = ").rstrip().rstrip(";"))
    return found


def place(data: dict[str, Any], exponent: float, ends: int, sampler: str, steps: int) -> dict[str, Any]:
    index = data["exponents"].index(exponent)
    for key, k in (
        ("ends", ends),
        ("samplers", data["samplers"].index(sampler)),
        ("steps", data["steps"].index(steps)),
    ):
        index = index * len(data[key]) + k
    found: dict[str, Any] = data["designs"][index]
    return found


def test_the_designs_are_those_of_the_library() -> None:
    spec = importlib.util.spec_from_file_location("make_designs", DOCS / "make_designs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    data = committed()
    assert len(data["designs"]) == np.prod(
        [len(data[key]) for key in ("exponents", "ends", "samplers", "steps")]
    )
    assert (FOLDER / "designs.js").stat().st_size < 500_000
    for sampler, steps in (("ddim", 8), ("heun", 5), ("dpmpp_2m", 4)):
        made = module.entry(module.spectrum(2.0), sampler, steps, list(module.ENDS.values())[1])
        kept = place(data, 2.0, 1, sampler, steps)
        np.testing.assert_allclose(kept["levels"], made["levels"], rtol=0.01)
        assert kept["loss"] == pytest.approx(made["loss"], rel=0.01)


def drawn(tmp_path: Path, moves: str) -> str:
    """The page's markup after its script, and then `moves`, have run in a headless browser."""
    assert BROWSER is not None
    markup = re.search(r'<div id="designs".*?</div>', (DOCS / "browser.md").read_text("utf-8"), re.DOTALL)
    assert markup is not None
    scripts = "".join(
        f'<script src="{(FOLDER / name).as_uri()}"></script>' for name in ("designs.js", "page.js")
    )
    page = tmp_path / "page.html"
    page.write_text(
        f"<!doctype html><body>{markup[0]}{scripts}<script>{moves}</script></body>", encoding="utf-8"
    )
    command = [
        BROWSER,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        f"--user-data-dir={tmp_path / 'profile'}",
    ]
    # Its own messages go to standard error.
    result = subprocess.run(
        [*command, "--dump-dom", page.as_uri()], capture_output=True, text=True, timeout=120
    )
    return result.stdout


@pytest.mark.skipif(BROWSER is None, reason="needs Chromium or Chrome")
def test_a_browser_draws_what_the_controls_ask_for(tmp_path: Path) -> None:
    data = committed()
    moves = """
        for (const [name, value] of [["steps", 2], ["sampler", 2], ["ends", 1], ["exponent", 4]]) {
          const control = document.getElementById(`designs-${name}`);
          control.value = value;
          control.dispatchEvent(new Event("input"));
        }"""
    for script, chosen in (("", (2.0, 0, "ddim", 10)), (moves, (3.0, 1, "heun", 6))):
        html = drawn(tmp_path, script)
        numbers = re.search(r'<code id="designs-numbers">([^<]*)</code>', html)
        assert numbers is not None
        design = place(data, *chosen)
        assert [float(value) for value in numbers[1].split(",")] == design["levels"]
        assert html.count("<polyline") == 1 + len(data["rivals"])
        assert html.count("<circle") == chosen[3] + 1
        assert f">{design['loss']:g}<" in html
