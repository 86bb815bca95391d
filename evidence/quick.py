"""The directions that the tables of evidence have, on a grid that takes a minute:

python -m evidence.errors digits --quick

Each claim is about ratios of errors, and says what it found. Only what has room to spare is claimed.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any, NamedTuple

import numpy as np

CELLS = (
    ("dpmpp_2m", 5),
    ("dpmpp_2m", 8),
    ("ddim", 8),
    ("dpmpp_3m", 5),
    ("unipc", 5),
    ("deis", 5),
    ("ipndm", 5),
)
STARTS, REFINE_UP_TO = 16, 5
RIVALS = ("DMN", "rescaled entropic", "GITS")

Rows = list[dict[str, Any]]


class Claim(NamedTuple):
    """What is said, what was found, and whether it holds."""

    text: str
    found: str
    holds: bool


def claims(rows: Rows) -> list[Claim]:
    """What the grid says of `rows`, as `evidence.errors.measure` makes them."""
    cells: dict[tuple[str, int], dict[str, float]] = defaultdict(dict)
    for row in rows:
        cells[row["solver"], int(row["calls"])][row["schedule"]] = float(row["rmse"])
    untuned = {cell: best(tried, "heuristic: ") for cell, tried in cells.items()}
    spectrum = [tried["spectrum"] / untuned[cell] for cell, tried in cells.items()]
    free = cells["dpmpp_2m", 5]
    fixed = min(value for (_, calls), value in untuned.items() if calls == 5)
    solver = free["designed solver, spectrum"] / fixed
    refined = [
        value / free[name.removesuffix(", refined")]
        for name, value in free.items()
        if name.endswith(", refined")
    ]
    rivals = best(free, "rival: ") / free["spectrum"]
    return [
        Claim(
            "levels from the spectrum err less than the best untuned heuristic, chosen in hindsight (median)",
            listed(spectrum),
            float(np.median(spectrum)) < 1.0,
        ),
        Claim(
            "a solver designed from the spectrum errs less than every fixed solver with every heuristic",
            listed([solver]),
            solver < 1.0,
        ),
        Claim(
            "refining raises no error on fresh starts by more than 5 %, and lowers one by more than 10 %",
            listed(refined),
            max(refined) < 1.05 and min(refined) < 0.9,
        ),
        Claim(
            "DMN, rescaled entropic time and GITS err more than the spectrum's levels",
            listed([rivals]),
            rivals > 1.0,
        ),
    ]


def best(tried: dict[str, float], prefix: str) -> float:
    """Least error among names that begin so."""
    return min(value for name, value in tried.items() if name.startswith(prefix))


def listed(ratios: list[float]) -> str:
    """Ratios as text."""
    return " ".join(f"{ratio:.2f}" for ratio in ratios)


def report(rows: Rows) -> int:
    """Prints every claim; the number of those that do not hold."""
    found = claims(rows)
    for claim in found:
        print(f"{'ok  ' if claim.holds else 'FAIL'} {claim.text}: {claim.found}")
    return sum(not claim.holds for claim in found)
