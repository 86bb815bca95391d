"""The quick grid's claims: what they read from rows, and that they can fail."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="needs the extra 'evidence'")
sys.path.insert(0, str(Path(__file__).parents[2]))

from evidence import quick

ERRORS = {
    "heuristic: edm": 2.0,
    "heuristic: exponential": 1.0,
    "spectrum": 0.7,
    "spectrum, refined": 0.6,
    "designed solver, spectrum": 0.5,
    "designed solver, spectrum, refined": 0.4,
    "designed solver, recording": 0.5,
    "designed solver, recording, refined": 0.5,
    "rival: GITS": 0.9,
}


def rows(**changes: float) -> list[dict[str, Any]]:
    """A grid on which every claim holds, with other errors for some schedules of the 2M cell of 5 calls."""
    found = [
        {"solver": solver, "calls": calls, "schedule": name, "rmse": f"{value:.5g}"}
        for solver, calls in quick.CELLS
        for name, value in ERRORS.items()
    ]
    for row in found:
        if (row["solver"], row["calls"]) == ("dpmpp_2m", 5):
            row["rmse"] = changes.get(row["schedule"], row["rmse"])
    return found


def test_every_claim_holds_on_a_grid_made_for_it() -> None:
    found = quick.claims(rows())
    assert [claim.holds for claim in found] == [True] * 4
    assert found[0].found == " ".join(["0.70"] * len(quick.CELLS))
    assert [claim.found for claim in found[1:]] == ["0.50", "0.86 0.80 1.00", "1.29"]
    assert quick.report(rows()) == 0


@pytest.mark.parametrize(
    ("name", "value", "claim"),
    [
        ("designed solver, spectrum", 1.01, 1),
        ("designed solver, recording, refined", 0.53, 2),
        ("rival: GITS", 0.69, 3),
    ],
)
def test_a_claim_fails_where_its_figures_say_so(name: str, value: float, claim: int) -> None:
    doctored = rows(**{name: value})
    assert not quick.claims(doctored)[claim].holds
    assert quick.report(doctored) >= 1


def test_the_spectrum_must_lead_in_the_median() -> None:
    worse = [{**row, "rmse": "1.1"} if row["schedule"] == "spectrum" else row for row in rows()]
    assert not quick.claims(worse)[0].holds
