"""The path of a user, from a pipeline of diffusers to a refined schedule that runs in it."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the extra 'frameworks'")
pytest.importorskip("diffusers", reason="needs the extra 'frameworks'")


ROOT = Path(__file__).parents[2]
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]


def test_a_pipeline_gets_a_better_schedule(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    found = import_module("refine_pipeline").main()
    assert found["refined"] < found["start"]
    assert found["difference"] < 1e-4


def test_the_lines_of_the_readme(monkeypatch: pytest.MonkeyPatch) -> None:
    """As they stand, on a tiny pipeline; its own scheduler then holds the refined levels."""
    blocks = re.findall(r"^```python\n(.*?)^```$", (ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    (block,) = (block for block in blocks if "ss.refine" in block)
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    names = {"pipe": import_module("refine_pipeline").tiny_pipeline()}
    exec(block, names)
    refined, scheduler = names["refined"], names["pipe"].scheduler
    assert refined.heldout_error <= min(refined.candidates.values()) * (1 + 1e-9)
    assert scheduler.sigmas.tolist() == pytest.approx(refined.schedule.sigmas.tolist(), rel=1e-5)
