"""The data that the commands are tried on."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_runner import SPECTRUM


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "data.npz"
    SPECTRUM.save(path)
    return path
