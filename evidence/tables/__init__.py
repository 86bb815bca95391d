"""The tables of docs/evidence.md and the README, made from the rows in evidence/results.

Each stands between `<!-- NAME -->` and `<!-- end -->`. Errors are in thousandths of a unit of the data.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from . import schedules
from .cells import NETWORKS
from .schedules import needed
from .targets import targets

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "evidence" / "results"
PAGES = (ROOT / "docs" / "evidence.md", ROOT / "README.md")

TABLES: dict[str, Callable[[Path], str]] = {
    "headline": schedules.headline,
    "targets": targets,
    "saved": schedules.saved,
    "again": schedules.again,
    "spectrum": schedules.spectrum,
    "every solver": schedules.every_solver,
    "predictions": schedules.predictions,
    "solvers": schedules.solvers,
    **{f"rivals {name}": lambda results, name=name: schedules.rivals(results, name) for name in NETWORKS},
    **{f"features {name}": lambda results, name=name: schedules.features(results, name) for name in NETWORKS},
}


def written(text: str, results: Path) -> str:
    """The page with its tables as the results have them."""

    def fill(found: re.Match[str]) -> str:
        return f"<!-- {found[1]} -->\n\n{TABLES[found[1]](results)}\n\n<!-- end -->"

    return re.sub(r"<!-- ([a-z_0-9 ]+) -->\n.*?<!-- end -->", fill, text, flags=re.DOTALL)


__all__ = ["PAGES", "RESULTS", "needed", "written"]
