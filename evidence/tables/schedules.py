"""Tables of errors: schedules, solvers, rivals, features and calls saved, each from the rows in evidence/results."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from ..errors import read
from .cells import (
    EDM,
    Cell,
    best_fixed,
    cells,
    error,
    in_short,
    least,
    named,
    of_solvers,
    over,
    ratio,
    span,
    table,
    thousandths,
)

SHOWN = (5, 8, 12, 20)  # calls of the table that gives errors; ratios have all


def spectrum(results: Path) -> str:
    """Levels from the spectrum beside EDM's, the best untuned ones and those tuned in hindsight."""
    rows = []
    for (network, guidance, solver, calls), cell in cells(results).items():
        if solver != "dpmpp_2m" or calls not in SHOWN:
            continue
        design, untuned, tuned = cell["spectrum"], least(cell, "heuristic: "), least(cell, "tuned: ")
        shown = [thousandths(r) for r in (cell[EDM], untuned, tuned, design)]
        share = 100 * float(design["standard_error"]) / error(design)
        compared = [ratio(design, r) for r in (cell[EDM], untuned, tuned)]
        rows.append([named(network, guidance), calls, *shown, f"{share:.0f} %", *compared])
    head = "network | calls | EDM (rho 7) | best untuned | tuned | spectrum | +-"
    return table(head + " | over EDM | over untuned | over tuned", rows)


def every_solver(results: Path) -> str:
    """Errors of levels from the spectrum, and from the recording, over the tuned ones of the same solver."""
    found = cells(results)
    columns = sorted({calls for *_, calls in found})
    rows = []
    for network, guidance, solver in dict.fromkeys(key[:3] for key in found):
        mine = {key[3]: cell for key, cell in found.items() if key[:3] == (network, guidance, solver)}
        row = [in_short(network, guidance), solver.removeprefix("dpmpp_")]
        for calls in columns:
            compared = (
                [over(mine[calls], n, "tuned: ") for n in ("spectrum", "recording")] if calls in mine else []
            )
            row.append(without_zeros(compared))
        untuned = [over(cell, "spectrum", "heuristic: ") for cell in mine.values()]
        rows.append([*row, without_zeros([min(untuned, key=float), max(untuned, key=float)])])
    return table("network | solver" + "".join(f" | {c}" for c in columns) + " | over untuned", rows)


def without_zeros(ratios: list[str]) -> str:
    """Ratios beside each other with two digits: .95 for 0.95, 1.3 for 1.27."""
    return " ".join(one.removeprefix("0") if float(one) < 1.0 else f"{float(one):.1f}" for one in ratios)


PREDICTED = ("predicted", "recorded")  # by the spectrum, by the recording


def rank(cell: Cell, column: str) -> float:
    """Spearman's correlation of errors and predictions over the untuned and tuned schedules of a cell."""
    rows = [row for name, row in cell.items() if name.startswith(("heuristic: ", "tuned: "))]
    return float(spearmanr([error(row) for row in rows], [float(row[column]) for row in rows])[0])


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


def solvers(results: Path) -> str:
    """Designed solvers beside the best of all fixed ones with every schedule, in hindsight."""
    rows = []
    found = cells(results)
    fourth = "designed solver of order 4, recording"
    kinds = ("spectrum", "designed solver, spectrum", "designed solver, recording", fourth)
    names = [f"{kind}, refined" for kind in kinds]
    for key, cell in found.items():
        if key[2] != "dpmpp_2m" or "designed solver, spectrum" not in cell:
            continue
        solver, best = best_fixed(found, key)
        designs = [cell[f"designed solver, {n}"] for n in ("spectrum", "recording")]
        refined = [cell[n] for n in names if n in cell]
        shown = [thousandths(best), f"{solver} ({len(of_solvers(found, key))})", *map(thousandths, designs)]
        shown += [thousandths(cell[n]) if n in cell else "" for n in (fourth, *names)]
        shown += [ratio(row, best) for row in designs]
        shown += [ratio(min(refined, key=error), best) if refined else ""]
        rows.append([named(*key[:2]), key[3], *shown])
    head = "network | calls | fixed | of | spectrum | recording | order 4 | levels"
    head += " | spectrum | recording | order 4 | over |  | "
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
    return table(
        head, [[r["schedule"], r["calls"], *(max(0.0, round(float(r[c]), 9)) for c in columns)] for r in rows]
    )


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
        if solver != "dpmpp_2m" or calls not in (5, 8):
            continue
        shown = [cell[EDM], least(cell, "heuristic: "), least(cell, "tuned: "), cell["spectrum"]]
        names = ("designed solver, spectrum", "designed solver, recording")
        shown += [cell.get(name) for name in (*names, "designed solver, recording, refined")]
        rows.append([named(network, guidance), calls, *(thousandths(r) if r else "" for r in shown)])
    head = "network | calls | EDM (rho 7) | best untuned | tuned"
    return table(head + " | designed levels | designed solver | recorded | refined", rows)
