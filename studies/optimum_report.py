"""Tables and the picture of the study of optima."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

Row = dict[str, Any]
Rows = list[Row]

NUMBERS = ("design", "rival", "excess", "baseline", "refined", "hits", "seconds")
EXAMPLE = ("spectrum", "family", "steps", "ends", "loss", "sampler")
TITLES = {
    "newton": "own local search from about 70 starts",
    "slsqp": "32 SLSQP runs",
    "multistep": "64 long SLSQP runs, DPM-Solver++(2M)",
    "wide": "16 long SLSQP runs, DPM-Solver++(2M), every spectrum",
}


def write(
    parts: dict[str, list[dict[str, str]]], tolerance: dict[str, float], out: Path, images: Path
) -> None:
    """Small CSV tables and the picture; the Markdown tables go to standard output."""
    rows = {part: [_typed(row) for row in found] for part, found in parts.items() if found}
    out.mkdir(parents=True, exist_ok=True)
    table: Rows = []
    for part, found in rows.items():
        bound = tolerance[part]
        family = _grouped(found, lambda row: (row["family"], row["steps"]), bound)
        table += [{"part": part, **entry} for entry in family]
        print(f"\n### {TITLES[part]}: {_sentence(found, bound)}\n")
        print(_matrix(family))
        print(
            "\n"
            + _lines(_grouped(found, lambda row: (row["ends"], f"{row['loss']}, {row['sampler']}"), bound))
        )
        print("\n" + _lost(found, bound))
    _save(out / "optimum.csv", table)
    lost = [{"part": part, **row} for part, found in rows.items() for row in _losers(found, tolerance[part])]
    keep = ("part", *EXAMPLE, "design", "rival", "excess", "start", "levels")
    _save(out / "optimum_lost.csv", [{name: row[name] for name in keep} for row in lost])
    _picture(rows, tolerance, images / "optimum.png")


def _typed(row: dict[str, str]) -> Row:
    numbers = {name: float(row.get(name) or "nan") for name in NUMBERS}
    return {**row, **numbers, "steps": int(row["steps"])}


def _losers(rows: Rows, bound: float) -> Rows:
    return sorted((row for row in rows if row["excess"] > bound), key=lambda row: -row["excess"])


def _grouped(rows: Rows, key: Callable[[Row], tuple[Any, Any]], bound: float) -> Rows:
    """One entry for each value of the key: how many, how many within the bound, the worst, the median gain."""
    groups: dict[tuple[Any, Any], Rows] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    entries = []
    for (first, second), members in sorted(groups.items()):
        excess = np.array([row["excess"] for row in members])
        gain = [1.0 - row["design"] / row["baseline"] for row in members]
        hits = np.array([row["hits"] for row in members])
        entries.append(
            {
                "group": first,
                "of": second,
                "problems": len(members),
                "within": int((excess <= bound).sum()),
                "worst_excess": f"{max(excess.max(), 0.0):.2e}",
                "best_excess": f"{excess.min():.2e}",
                "median_gain": f"{np.median(gain):.4f}",
                "single_run_hits": "" if np.isnan(hits).all() else f"{np.nanmean(hits):.3f}",
            }
        )
    return entries


def _sentence(rows: Rows, bound: float) -> str:
    excess = np.array([row["excess"] for row in rows])
    good = int((excess <= bound).sum())
    better = int((excess < -bound).sum())
    spent = sum(row["seconds"] for row in rows)
    return (
        f"{good} of {len(rows)} problems within {bound:g} ({100 * good / len(rows):.2f} %), "
        f"design lower by more than that in {better}, worst excess {max(excess.max(), 0):.2e}, {spent:.0f} s"
    )


def _matrix(entries: Rows) -> str:
    """Families by numbers of steps: share within the bound and worst excess."""
    columns = sorted({entry["of"] for entry in entries})
    lines = [
        "| family | " + " | ".join(f"S = {c}" for c in columns) + " |",
        "|---" * (len(columns) + 1) + "|",
    ]
    for family in dict.fromkeys(entry["group"] for entry in entries):
        cells = {entry["of"]: _cell(entry) for entry in entries if entry["group"] == family}
        lines.append(f"| {family} | " + " | ".join(cells.get(c, "") for c in columns) + " |")
    return "\n".join(lines)


def _cell(entry: Row) -> str:
    lost = entry["problems"] - entry["within"]
    worst = f", worst {float(entry['worst_excess']):.0e}" if lost else ""
    return f"{entry['within']}/{entry['problems']}{worst}; {100 * float(entry['median_gain']):.0f}%"


def _lines(entries: Rows) -> str:
    lines = [
        "| ends | loss, sampler | within | worst excess | median gain | single run suffices |",
        "|---" * 6 + "|",
    ]
    lines += [
        f"| {e['group']} | {e['of']} | {e['within']}/{e['problems']} | {e['worst_excess']} "
        f"| {100 * float(e['median_gain']):.1f} % | {e['single_run_hits']} |"
        for e in entries
    ]
    return "\n".join(lines)


def _lost(rows: Rows, bound: float) -> str:
    lost = _losers(rows, bound)
    if not lost:
        return "No problem was lost."
    lines = ["| spectrum | S | ends | loss | sampler | excess | best rival from |", "|---" * 7 + "|"]
    lines += [
        f"| {r['spectrum']} | {r['steps']} | {r['ends']} | {r['loss']} | {r['sampler']} "
        f"| {r['excess']:.2e} | {r['start']} |"
        for r in lost
    ]
    return "\n".join(lines)


def _save(path: Path, rows: Rows) -> None:
    if not rows:
        path.unlink(missing_ok=True)
        return
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _picture(rows: dict[str, Rows], tolerance: dict[str, float], path: Path) -> None:
    """Left: excess over the best challenger, all problems in order. Right: how often one SLSQP run suffices."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    for part, found in rows.items():
        excess = np.sort([row["excess"] for row in found])
        left.plot(np.linspace(0, 100, excess.size), excess, label=f"{TITLES[part]} ({excess.size})")
    left.set_yscale("symlog", linthresh=1e-9)
    for bound in sorted(set(tolerance.values())):
        left.axhline(bound, color="0.6", lw=0.8, ls=":")
    left.set(xlabel="% of problems", ylabel="loss(design) / loss(best challenger) - 1")
    left.legend(fontsize=8, frameon=False, loc="lower right")
    found = rows.get("slsqp", [])
    for family in dict.fromkeys(row["family"] for row in found):
        # A run counts if it ends within 1e-6 of the best that design or any run found.
        right.plot(*_hits_by_steps(row for row in found if row["family"] == family), "o-", ms=3, label=family)
    right.set_xscale("log")
    ticks = sorted({row["steps"] for row in found})
    right.set_xticks(ticks, [str(t) for t in ticks], minor=False)
    right.minorticks_off()
    right.set(xlabel="steps S", ylabel="% of single SLSQP runs that reach the best", ylim=(0, 102))
    right.legend(fontsize=8, frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def _hits_by_steps(rows: Iterable[Row]) -> tuple[list[int], list[float]]:
    by_steps: dict[int, list[float]] = {}
    for row in rows:
        by_steps.setdefault(row["steps"], []).append(100.0 * row["hits"])
    steps = sorted(by_steps)
    return steps, [float(np.mean(by_steps[s])) for s in steps]
