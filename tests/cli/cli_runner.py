"""What the tests of the command line share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from typer.testing import CliRunner

import specsched as ss
from specsched.cli.app import app

SPECTRUM = ss.Spectrum(4.0 / np.arange(1, 25) ** 2, mean_power=np.full(24, 0.01))


def run(*arguments: object, columns: int | None = None) -> Any:
    environment = {"COLUMNS": None if columns is None else str(columns)}
    return CliRunner(env=environment).invoke(app, [str(argument) for argument in arguments])


def good(*arguments: object, columns: int | None = None) -> str:
    result = run(*arguments, columns=columns)
    assert result.exit_code == 0, result.stderr
    return str(result.stdout)


def bad(*arguments: object) -> str:
    """The one line of an error, notes of what was chosen before it left out."""
    result = run(*arguments)
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    lines = [line for line in result.stderr.splitlines() if not line.startswith("note: ")]
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("error: ")
    return str(lines[0])


def write_images(folder: Path, sizes: list[int]) -> Path:
    folder.mkdir()
    rng = np.random.default_rng(3)
    for k, size in enumerate(sizes):
        pixels = rng.integers(0, 256, (size, size, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{k}.png")
    return folder
