"""Pictures and Markdown tables of the comparison of solvers, from the CSV files of solver_table.py."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import _contenders as contenders
import numpy as np
import solver_table_figures as figures

import specsched as ss

BEST, WORST = "best heuristic", "worst heuristic"
RIVALS = (BEST, contenders.TUNED, contenders.FOR_DDIM)
TIE = 0.01
"""W2 distances closer than this, relatively, count as equal."""

LONGEST_LINE = 120  # of a document (tests/test_docs.py)

Row = dict[str, Any]


def write(gaussian: Path, mixture: Path, docs: Path) -> None:
    """Pictures into docs/images, tables between the markers of docs/solver_table.md."""
    exact, mixed = read(gaussian), read(mixture)
    cells = mixture_cells(mixed)
    figures.ratios(exact, docs / "images" / "solver_table.png")
    figures.curves(exact, docs / "images" / "solver_table_curves.png")
    figures.mixture(cells, docs / "images" / "solver_table_mixture.png")
    tables = {
        "wins": wins(exact),
        "losses": losses(exact),
        **{f"w2_{data}": by_solver(exact, data) for data in _values(exact, "data")},
        "errors": errors(exact),
        "neighbourhood": neighbourhood(exact),
        "mixture_wins": mixture_wins(cells),
        "mixture": mixture_table(cells),
        "mixture_losses": mixture_losses(cells),
        "components": components(cells),
        "mixture_errors": mixture_errors(cells),
    }
    fill(docs / "solver_table.md", tables)


def read(path: Path) -> list[Row]:
    """Rows of a CSV file, numbers as numbers."""
    with path.open(newline="", encoding="utf-8") as stream:
        return [{key: _number(value) for key, value in row.items()} for row in csv.DictReader(stream)]


def _number(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def fill(page: Path, tables: dict[str, str]) -> None:
    """Replace what stands between `<!-- table NAME -->` and `<!-- end -->`; tables without a place are left out."""
    text = page.read_text(encoding="utf-8")
    for name, table in tables.items():
        begin, end = f"<!-- table {name} -->\n", "<!-- end -->"
        if begin in text:
            before, after = text.split(begin)
            text = before + begin + "\n" + table + "\n" + end + after.split(end, 1)[1]
    page.write_text(text, encoding="utf-8")


def markdown(header: Sequence[str], rows: Sequence[Sequence[Any]], labels: int = 0) -> str:
    """A Markdown table; where its lines would be too long, several, which share the first `labels` columns."""
    columns = list(zip(*([header, *rows]), strict=True))
    groups: list[list[Any]] = [columns[:labels]]
    for column in columns[labels:]:
        if len(groups[-1]) > labels and _width([*groups[-1], column]) > LONGEST_LINE:
            groups.append(columns[:labels])
        groups[-1] = [*groups[-1], column]
    return "\n".join(_table(list(zip(*group, strict=True))) for group in groups)


def _width(columns: Sequence[Sequence[Any]]) -> int:
    return max(len(_row(row)) for row in zip(*columns, strict=True))


def _row(cells: Sequence[Any]) -> str:
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def _table(rows: Sequence[Sequence[Any]]) -> str:
    return "".join(_row(row) + "\n" for row in (rows[0], ["---"] * len(rows[0]), *rows[1:]))


def _values(rows: Sequence[Row], key: str) -> list[Any]:
    return list(dict.fromkeys(row[key] for row in rows))


def _pick(rows: Sequence[Row], **wanted: Any) -> list[Row]:
    return [row for row in rows if all(row[key] == value for key, value in wanted.items())]


# ---- Gaussian data ------------------------------------------------------------------------------


def score(ratios: np.ndarray) -> str:
    """Wins - ties - losses, and the median ratio."""
    won, lost = int((ratios > 1 + TIE).sum()), int((ratios < 1 / (1 + TIE)).sum())
    return f"{won} - {ratios.size - won - lost} - {lost} ({np.median(ratios):.2f})"


def wins(rows: Sequence[Row]) -> str:
    """The design against its rivals, per data set and kind of denoiser; its own problem left out for DDIM."""
    lines = []
    for case in _values(rows, "case"):
        for data in _values(rows, "data"):
            chosen = _pick(rows, data=data, case=case)
            scores = []
            for rival in RIVALS:
                fair = [row for row in chosen if rival != contenders.FOR_DDIM or row["solver"] != "ddim"]
                scores.append(score(np.array([row[rival] / row[contenders.DESIGNED] for row in fair])))
            lines.append([case, data, *scores])
    return markdown(("denoiser / spectrum", "data", *(f"against {rival}" for rival in RIVALS)), lines)


def losses(rows: Sequence[Row], count: int = 15) -> str:
    """Where the design is worst against the best of its rivals, exact denoiser."""
    exact = _pick(rows, case="exact")
    ranked = sorted(exact, key=lambda row: min(row[r] for r in RIVALS) / row[contenders.DESIGNED])
    lines = []
    for row in ranked[:count]:
        rival = min(RIVALS, key=lambda name: row[name])
        title = f"{rival} ({row['best_name'] if rival == BEST else row['tuned_family']})"
        title = rival if rival == contenders.FOR_DDIM else title
        values = [_short(row[key]) for key in (contenders.DESIGNED, rival, contenders.EXACT)]
        ratio = row[rival] / row[contenders.DESIGNED]
        if ratio < 1 / (1 + TIE):
            lines.append(
                [
                    row["data"],
                    row["solver"],
                    row["nfe"],
                    values[0],
                    title,
                    values[1],
                    f"{ratio:.3f}",
                    *values[2:],
                ]
            )
    header = (
        "data",
        "solver",
        "NFE",
        "designed",
        "best rival",
        "its W2",
        "ratio",
        "designed, exact denoiser",
    )
    return markdown(header, lines) if lines else "None.\n"


def by_solver(rows: Sequence[Row], data: str) -> str:
    """best heuristic / best tuned / designed for DDIM / designed / robust per solver and budget."""
    names = (*RIVALS, contenders.DESIGNED, contenders.ROBUST)
    budgets = [budget for budget in _values(rows, "budget") if budget in (6, 10, 20, 50)]
    lines = []
    for solver in _values(rows, "solver"):
        cells = [
            " / ".join(_marked([row[name] for name in names]))
            for row in (_pick(rows, data=data, case="exact", solver=solver, budget=b)[0] for b in budgets)
        ]
        lines.append([solver, *cells])
    return markdown(("solver", *(f"NFE <= {budget}" for budget in budgets)), lines, labels=1)


def _marked(values: Sequence[float]) -> list[str]:
    """Short numbers, the least in bold."""
    least = min(values)
    return [f"**{_short(v)}**" if v <= least * (1 + 1e-9) else _short(v) for v in values]


def _short(value: Any) -> str:
    if value == "":
        return ""
    return f"{value:.3g}" if 1e-3 <= abs(value) < 1e4 else f"{value:.1e}"


def errors(rows: Sequence[Row]) -> str:
    """Medians over data and solvers with several predictions of W2 / that of the default design."""
    names = (*RIVALS, contenders.ROBUST, contenders.EXACT)
    multistep = [row for row in rows if ss.samplers.as_sampler(row["solver"]).multistep]
    lines = []
    for case in _values(rows, "case"):
        for low, high in ((0, 10), (11, 50)):
            chosen = [row for row in _pick(multistep, case=case) if low < row["budget"] <= high]
            if chosen:
                ratios = {n: np.array([row[n] / row[contenders.DESIGNED] for row in chosen]) for n in names}
                spread = [f"{np.median(r):.2f} ({_short(r.max())})" for r in ratios.values()]
                lines.append([case, f"{max(low, 4)} ... {high}", len(chosen), *spread])
    return markdown(("denoiser / spectrum", "NFE", "cells", *names), lines)


def neighbourhood(rows: Sequence[Row]) -> str:
    """Robust against plain designs, on the spectrum itself and around it."""
    lines = []
    for data in _values(rows, "data"):
        line: list[Any] = [data]
        for case in ("exact", "neighbourhood"):
            chosen = _pick(rows, data=data, case=case)
            line.append(score(np.array([r[contenders.DESIGNED] / r[contenders.ROBUST] for r in chosen])))
        lines.append(line)
    return markdown(("data", "robust against designed, on the spectrum", "on its neighbourhood"), lines)


# ---- mixtures -----------------------------------------------------------------------------------


def mixture_cells(rows: Sequence[Row]) -> list[Row]:
    """One row per data, solver and budget: the rows of its schedules by name, the best heuristic among them."""
    found = []
    keys = list(dict.fromkeys((row["data"], row["solver"], row["budget"]) for row in rows))
    for data, solver, budget in keys:
        group = {row["schedule"]: row for row in _pick(rows, data=data, solver=solver, budget=budget)}
        best = min((r for r in group.values() if r["kind"] == "heuristic"), key=lambda r: r["frechet"])
        nfe = best["nfe"]
        found.append(
            {"data": data, "solver": solver, "budget": budget, "nfe": nfe, "by": {**group, BEST: best}}
        )
    return found


def paired(cells: Sequence[Row], name: str) -> str:
    """Wins - ties - losses of the design by more than two paired standard errors, and the median ratio."""
    margins = [(cell["by"][name]["margin"], cell["by"][name]["margin_se"]) for cell in cells]
    won, lost = sum(m > 2 * e for m, e in margins), sum(m < -2 * e for m, e in margins)
    ratio = [cell["by"][name]["frechet"] / cell["by"][contenders.DESIGNED]["frechet"] for cell in cells]
    return f"{won} - {len(cells) - won - lost} - {lost} ({np.median(ratio):.2f})"


MIXTURE_RIVALS = (*RIVALS, contenders.EXACT, contenders.ROBUST, contenders.COMPONENTS, contenders.WORST)


def mixture_wins(cells: Sequence[Row]) -> str:
    lines = [
        [data, solver, *(paired(_pick(cells, data=data, solver=solver), name) for name in MIXTURE_RIVALS)]
        for data in _values(cells, "data")
        for solver in _values(cells, "solver")
    ]
    lines.append(["all", "all", *(paired(cells, name) for name in MIXTURE_RIVALS)])
    return markdown(("data", "solver", *(f"against {name}" for name in MIXTURE_RIVALS)), lines, labels=2)


def mixture_table(cells: Sequence[Row], budgets: Sequence[int] = (5, 8, 12, 20)) -> str:
    """Frechet distances with standard errors."""
    names = (*RIVALS, contenders.DESIGNED, contenders.ROBUST, contenders.COMPONENTS)

    def shown(row: Row) -> str:
        return f"{_short(row['frechet'])} ± {row['frechet_se']:.1g}"

    lines = [
        [
            c["data"],
            c["solver"],
            c["nfe"],
            *(shown(c["by"][n]) for n in names),
            _short(c["by"][BEST]["floor"]),
        ]
        for c in cells
        if c["budget"] in budgets
    ]
    return markdown(("data", "solver", "NFE", *names, "finite samples"), lines, labels=3)


def mixture_losses(cells: Sequence[Row], count: int = 15) -> str:
    """Where a rival beats the design by more than two paired standard errors, worst first."""
    lines = []
    for cell in cells:
        rival = min(RIVALS, key=lambda name: cell["by"][name]["frechet"])
        row, design = cell["by"][rival], cell["by"][contenders.DESIGNED]
        if row["margin"] < -2 * row["margin_se"]:
            lines.append((row["frechet"] / design["frechet"], cell, rival, row, design))
    lines.sort(key=lambda line: line[0])
    table = [
        [
            cell["data"],
            cell["solver"],
            cell["nfe"],
            f"{_short(design['frechet'])} ± {design['frechet_se']:.1g}",
            f"{rival} ({row['schedule']})" if rival == BEST else rival,
            f"{_short(row['frechet'])} ± {row['frechet_se']:.1g}",
            f"{ratio:.2f}",
            _short(row["floor"]),
        ]
        for ratio, cell, rival, row, design in lines[:count]
    ]
    header = ("data", "solver", "NFE", "designed", "best rival", "its distance", "ratio", "finite samples")
    said = f"{len(lines)} of {len(cells)} cells" + (f"; the worst {count}:" if len(lines) > count else ":")
    return said + "\n\n" + markdown(header, table) if lines else "None.\n"


def components(cells: Sequence[Row]) -> str:
    """What designing for the components does, relative to designing for the overall spectrum: medians."""
    keys = {
        "W2, overall spectrum": "w2_overall",
        "W2, mean over components": "w2_components_rms",
        "W2, worst component": "w2_components_worst",
        "Frechet": "frechet",
        "energy": "energy",
    }
    names = (contenders.ROBUST, contenders.COMPONENTS, contenders.WORST, contenders.TUNED)
    lines = []
    for data in _values(cells, "data"):
        for name in names:
            chosen = [cell["by"] for cell in _pick(cells, data=data)]
            ratios = [_median_ratio(chosen, name, key) for key in keys.values()]
            lines.append([data, name, *ratios])
    return markdown(("data", "schedule", *keys), lines)


def _median_ratio(cells: Sequence[Row], name: str, key: str) -> str:
    """Energy distances, unbiased and so possibly negative, only where the design's is three standard errors large."""
    pairs = [(by[name], by[contenders.DESIGNED]) for by in cells]
    if key == "energy":
        pairs = [(row, design) for row, design in pairs if design[key] > 3 * design["energy_se"]]
    ratios = [row[key] / design[key] for row, design in pairs]
    return f"{np.median(ratios):.2f} ({len(ratios)})" if ratios else "-"


def mixture_errors(cells: Sequence[Row]) -> str:
    """Frechet distance with white errors of the denoiser."""
    names = (contenders.TUNED, contenders.FOR_DDIM, contenders.DESIGNED, contenders.ROBUST, contenders.EXACT)
    lines = [
        [
            cell["data"],
            cell["solver"],
            cell["nfe"],
            *_marked([cell["by"][name]["frechet_erring"] for name in names]),
        ]
        for cell in cells
        if cell["budget"] in (8, 12, 20) and cell["solver"] != "ddim"
    ]
    return markdown(("data", "solver", "NFE", *names), lines)
