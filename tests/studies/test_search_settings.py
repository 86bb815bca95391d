"""The study of the search's constants: every constant has a row with its present value, and the study runs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def study(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(str(ROOT / "studies"))
    import search_settings

    yield search_settings
    sys.modules.pop("search_settings")


def test_the_table_has_every_constant_as_it_is(study: ModuleType) -> None:
    problem, _ = next(study.problems([("ddim", 4)]))
    rows = [line.split(" | ") for line in study.DOCUMENT.read_text().splitlines() if line.startswith("| `")]
    table = {row[0].strip("| `"): row[1] for row in rows}
    settings = {name: f"{value:g}" for name, value in problem.core.settings().items() if "." in name}
    assert table == settings


def test_a_constant_changes_what_a_search_does(study: ModuleType) -> None:
    cases = list(study.problems([("ddim", 8)]))
    losses, work = study.outcome(cases, "starts.followed", 6)
    again, less = study.outcome(cases, "starts.followed", 1)
    assert less < work
    assert (again >= losses * (1 - 1e-9)).all()
    assert study.outcome(cases, "starts.followed", 6)[1] == work


def test_an_unknown_constant(study: ModuleType) -> None:
    problem, _ = next(study.problems([("ddim", 4)]))
    with pytest.raises(ValueError, match=r"no setting 'starts[.]nothing'"):
        problem.core.set("starts.nothing", 1.0)
