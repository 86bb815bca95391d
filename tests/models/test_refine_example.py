"""The path of a user, from a pipeline of diffusers to a refined schedule that runs in it."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the extra 'frameworks'")
pytest.importorskip("diffusers", reason="needs the extra 'frameworks'")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_pipeline_gets_a_better_schedule(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "examples"))
    found = import_module("refine_pipeline").main()
    assert found["refined"] < found["start"]
    assert found["difference"] < 1e-4
