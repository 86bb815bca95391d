"""Writes the tables of docs/evidence.md and the README from the rows in evidence/results: python -m evidence.tables

Each stands between `<!-- NAME -->` and `<!-- end -->`. Errors are in thousandths of a unit of the data.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from .errors import FIXED_ORDERS, read

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "evidence" / "results"
PAGES = (ROOT / "docs" / "evidence.md", ROOT / "README.md")
EDM = "tuned: edm rho 7 low 1"
NETWORKS = ("digits", "cifar16_eps", "cifar16_edm", "latents")

Cell = dict[str, dict[str, str]]
"""Rows of one network, guidance, solver and number of calls, by the name of what was tried."""


def cells(results: Path, kind: str = "errors") -> dict[tuple[str, float, str, int], Cell]:
    """Every cell that has been measured, networks in order."""
    found: dict[tuple[str, float, str, int], Cell] = {}
    for network in NETWORKS:
        path = results / f"{kind}_{network}.csv"
        for row in read(path) if path.exists() else []:
            key = (network, float(row["guidance"]), row["solver"], int(row["calls"]))
            found.setdefault(key, {})[row["schedule"]] = row
    return found


def error(row: dict[str, str]) -> float:
    """Root mean square error of a row."""
    return float(row["rmse"])


def least(cell: Cell, prefix: str) -> dict[str, str]:
    """The row of the least error among names that begin so."""
    return min((row for name, row in cell.items() if name.startswith(prefix)), key=error)


def table(head: str, rows: list[list[Any]]) -> str:
    """Markdown; numbers with three digits."""
    lines = [f"| {head} |", "|" + "---|" * (head.count("|") + 1)]
    for row in rows:
        lines.append("| " + " | ".join(f"{v:.3g}" if isinstance(v, float) else str(v) for v in row) + " |")
    return "\n".join(lines)


def thousandths(row: dict[str, str]) -> float:
    return 1000 * error(row)


def ratio(one: dict[str, str], other: dict[str, str]) -> str:
    return f"{error(one) / error(other):.2f}"


def named(network: str, guidance: float) -> str:
    return f"`{network}`" + (f", guidance {guidance:g}" if guidance != 1 else "")


def spectrum(results: Path, chosen: Callable[[str], bool]) -> str:
    """Levels from the spectrum beside EDM's, the best untuned ones and those tuned in hindsight."""
    rows = []
    for (network, guidance, solver, calls), cell in cells(results).items():
        if not chosen(solver):
            continue
        design, untuned, tuned = cell["spectrum"], least(cell, "heuristic: "), least(cell, "tuned: ")
        shown = [thousandths(r) for r in (cell[EDM], untuned, tuned, design)]
        share = 100 * float(design["standard_error"]) / error(design)
        compared = [ratio(design, r) for r in (cell[EDM], untuned, tuned)]
        rows.append([named(network, guidance), solver, calls, *shown, f"{share:.0f} %", *compared])
    head = "network | solver | calls | EDM (rho 7) | best untuned | tuned | spectrum | +-"
    return table(head + " | over EDM | over untuned | over tuned", rows)


def others(results: Path) -> str:
    """Solvers but for 2M: errors of levels from the spectrum, and from the recording, over the tuned ones."""
    found = {key: cell for key, cell in cells(results).items() if key[2] != "dpmpp_2m"}
    columns = sorted({calls for *_, calls in found})
    rows = []
    for network, guidance, solver in dict.fromkeys(key[:3] for key in found):
        row = [named(network, guidance), solver]
        for calls in columns:
            cell = found.get((network, guidance, solver, calls))
            row.append(cell and ", ".join(over(cell, name, "tuned: ") for name in ("spectrum", "recording")) or "")
        untuned = [
            float(over(cell, "spectrum", "heuristic: "))
            for key, cell in found.items()
            if key[:3] == (network, guidance, solver)
        ]
        rows.append([*row, f"{min(untuned):.2f} to {max(untuned):.2f}"])
    return table("network | solver" + "".join(f" | {c} calls" for c in columns) + " | spectrum over untuned", rows)


def predictions(results: Path) -> str:
    """Errors over their predictions, least and largest over the numbers of calls, and ranks of what nobody designed."""
    found, rows = cells(results), []
    for network, guidance, solver in dict.fromkeys(key[:3] for key in found):
        mine = {key[3]: cell for key, cell in found.items() if key[:3] == (network, guidance, solver)}
        ranks = [span([rank(cell, column) for cell in mine.values()]) for column in PREDICTED]
        for name in ("spectrum", "designed solver, spectrum", "designed solver, recording"):
            told = [cell[name] for cell in mine.values() if name in cell]
            title = solver if name == "spectrum" else name
            if told:
                beside = [span([error(row) / float(row[column]) for row in told]) for column in PREDICTED]
                shown = ranks if name == "spectrum" else ["", ""]
                rows.append([named(network, guidance), title, *beside, *shown])
    head = "network | solver | error over prediction, spectrum | recording"
    return table(head + " | ranks, spectrum | recording", rows)


PREDICTED = ("predicted", "recorded")  # by the spectrum, by the recording


def rank(cell: Cell, column: str) -> float:
    """Spearman's correlation of errors and predictions over the untuned and tuned schedules of a cell."""
    rows = [row for name, row in cell.items() if name.startswith(("heuristic: ", "tuned: "))]
    return float(spearmanr([error(row) for row in rows], [float(row[column]) for row in rows])[0])


def span(values: list[float]) -> str:
    """Least and largest as text."""
    least_, largest = f"{min(values):.2f}", f"{max(values):.2f}"
    return least_ if least_ == largest else f"{least_} to {largest}"


def over(cell: Cell, name: str, prefix: str) -> str:
    """Error of a row over the least among names that begin so."""
    return ratio(cell[name], least(cell, prefix))


def solvers(results: Path) -> str:
    """Designed solvers beside the best of all fixed ones with every schedule, in hindsight."""
    rows = []
    found = cells(results)
    for (network, guidance, solver, calls), cell in found.items():
        if solver != "dpmpp_2m" or "designed solver, spectrum" not in cell:
            continue
        rivals = {s: found.get((network, guidance, s, calls)) for s in FIXED_ORDERS}
        tried = {
            s: min(least(c, "heuristic: "), least(c, "tuned: "), key=error) for s, c in rivals.items() if c
        }
        best = min(tried, key=lambda s: error(tried[s]))
        designs = [cell[f"designed solver, {n}"] for n in ("spectrum", "recording")]
        names = ("spectrum, refined", *(f"designed solver, {n}, refined" for n in ("spectrum", "recording")))
        refined = [cell[n] for n in names if n in cell]
        shown = [thousandths(tried[best]), f"{best} ({len(tried)})", *map(thousandths, designs)]
        shown += [thousandths(cell[n]) if n in cell else "" for n in names]
        shown += [ratio(designs[0], tried[best])]
        shown += [ratio(min(refined, key=error), tried[best]) if refined else ""]
        rows.append([named(network, guidance), calls, *shown])
    head = "network | calls | best fixed | of | spectrum | recording | levels"
    head += " | spectrum | recording | of spectrum | refined"
    return table(head, rows)


def rivals(results: Path, network: str) -> str:
    """Published methods beside the designs, with what each spent, one column a number of calls."""
    found = {
        c: cell for (n, g, s, c), cell in cells(results).items() if (n, g, s) == (network, 1.0, "dpmpp_2m")
    }
    found = {c: cell for c, cell in found.items() if any(name.startswith("rival: ") for name in cell)}
    found = dict(sorted(found.items())[:2])
    names = [
        n
        for n in dict.fromkeys(n for cell in found.values() for n in cell)
        if not n.startswith(("heuristic: ", "tuned: "))
    ]
    rows = []
    for title, pick in [("best untuned heuristic", "heuristic: "), ("tuned in hindsight", "tuned: ")]:
        rows.append(
            [title, *(v for cell in found.values() for v in (thousandths(least(cell, pick)), "", ""))]
        )
    for name in names:
        used = [cell.get(name) for cell in found.values()]
        figures = [
            v
            for r in used
            for v in ((thousandths(r), r["spent"], float(r["seconds"])) if r else ("", "", ""))
        ]
        rows.append([name.removeprefix("rival: "), *figures])
    head = "".join(f" | {calls} calls | its calls | seconds" for calls in found)
    return table("method" + head, rows)


def features(results: Path, network: str) -> str:
    """Distances in a classifier's features."""
    rows = read(results / f"features_{network}.csv")
    columns = ("frechet_data", "energy_data", "frechet_converged", "energy_converged")
    head = "schedule | calls | Frechet, data | energy, data | Frechet, converged | energy, converged"
    return table(head, [[r["schedule"], r["calls"], *(max(0.0, float(r[c])) for c in columns)] for r in rows])


def needed(curve: list[tuple[int, float]], wanted: float) -> str:
    """Calls at which a curve of errors falls to `wanted`, log-linear between those measured."""
    for (few, high), (many, low) in pairwise(curve):
        if high >= wanted >= low:
            share = np.log(high / wanted) / np.log(high / low)
            return f"{few * (many / few) ** share:.1f}"
    return f"over {curve[-1][0]}" if curve[-1][1] > wanted else f"under {curve[0][0]}"


def saved(results: Path) -> str:
    """Calls that DPM-Solver++(2M) needs on other levels for what designs reach."""
    found = cells(results)
    rows = []
    for network, guidance in dict.fromkeys((n, g) for n, g, s, _ in found if s == "dpmpp_2m"):
        mine = {
            c: cell for (n, g, s, c), cell in found.items() if (n, g, s) == (network, guidance, "dpmpp_2m")
        }
        if max(mine) < 12:
            continue
        curves = {
            "EDM (rho 7)": [(c, error(cell[EDM])) for c, cell in mine.items()],
            "best untuned": [(c, error(least(cell, "heuristic: "))) for c, cell in mine.items()],
            "tuned": [(c, error(least(cell, "tuned: "))) for c, cell in mine.items()],
        }
        names = ("spectrum", "designed solver, spectrum", "designed solver, spectrum, refined")
        for calls, name in ((c, n) for c in mine if c in (5, 8, 12) for n in names if n in mine[c]):
            row = mine[calls][name]
            rows.append(
                [named(network, guidance), name, calls, thousandths(row)]
                + [needed(curve, error(row)) for curve in curves.values()]
            )
    return table("network | design | calls | error | EDM (rho 7) needs | best untuned | tuned", rows)


def again(results: Path) -> str:
    """Designs of 2M over its tuned schedules on the starts above, and on others that no choice was made on."""
    first, rows = cells(results), []
    names = [f"{kind}{source}" for kind in ("", "designed solver, ") for source in ("spectrum", "recording")]
    for (network, guidance, solver, calls), cell in cells(results, "again").items():
        both = [first[network, guidance, solver, calls], cell]
        ratios = [[ratio(c[name], least(c, "tuned: ")) for c in both] for name in names]
        rows.append([named(network, guidance), calls, *(f"{one}, {other}" for one, other in ratios)])
    return table("network | calls | spectrum | recording | solver, spectrum | solver, recording", rows)


def headline(results: Path) -> str:
    """DPM-Solver++(2M) at few calls, on every kind of levels, and designed solvers."""
    rows = []
    for (network, guidance, solver, calls), cell in cells(results).items():
        if solver != "dpmpp_2m" or calls > 8:
            continue
        shown = [cell[EDM], least(cell, "heuristic: "), least(cell, "tuned: "), cell["spectrum"]]
        shown += [cell["designed solver, spectrum"], cell.get("designed solver, spectrum, refined")]
        rows.append([named(network, guidance), calls, *(thousandths(r) if r else "" for r in shown)])
    head = "network | calls | EDM (rho 7) | best untuned | tuned"
    return table(head + " | designed levels | designed solver | refined", rows)


TABLES: dict[str, Callable[[Path], str]] = {
    "headline": headline,
    "saved": saved,
    "again": again,
    "spectrum": lambda results: spectrum(results, lambda solver: solver == "dpmpp_2m"),
    "spectrum others": lambda results: spectrum(results, lambda solver: solver != "dpmpp_2m"),
    "predictions": predictions,
    "solvers": solvers,
    **{f"rivals {name}": lambda results, name=name: rivals(results, name) for name in NETWORKS},
    **{f"features {name}": lambda results, name=name: features(results, name) for name in NETWORKS},
}


def written(text: str, results: Path) -> str:
    """The page with its tables as the results have them."""

    def fill(found: re.Match[str]) -> str:
        return f"<!-- {found[1]} -->\n\n{TABLES[found[1]](results)}\n\n<!-- end -->"

    return re.sub(r"<!-- ([a-z_0-9 ]+) -->\n.*?<!-- end -->", fill, text, flags=re.DOTALL)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--results", type=Path, default=RESULTS)
    args = parser.parse_args()
    for page in PAGES:
        page.write_text(written(page.read_text(encoding="utf-8"), args.results), encoding="utf-8")


if __name__ == "__main__":
    main()
