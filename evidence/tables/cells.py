"""Rows of evidence/results as cells, and how tables write them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import FIXED_ORDERS, SOLVERS, read

NETWORKS = ("digits", "sound", "cifar16_eps", "cifar16_edm", "latents", "cifar32")
EDM = "tuned: edm rho 7 low 1"

Key = tuple[str, float, str, int]
"""Network, guidance, solver and number of calls."""
Cell = dict[str, dict[str, str]]
"""Rows of one key, by the name of what was tried."""


def cells(results: Path, kind: str = "errors") -> dict[Key, Cell]:
    """Every cell that has been measured: networks in order, then guidance, solvers and calls."""
    found: dict[Key, Cell] = {}
    for network in NETWORKS:
        for row in rows_of(results, kind, network):
            key = (network, float(row["guidance"]), row["solver"], int(row["calls"]))
            found.setdefault(key, {})[row["schedule"]] = row
    return dict(sorted(found.items(), key=lambda item: (NETWORKS.index(item[0][0]), order(item[0]))))


def rows_of(results: Path, kind: str, network: str) -> list[dict[str, str]]:
    """Rows of one file, none where nothing has been measured."""
    path = results / f"{kind}_{network}.csv"
    return read(path) if path.exists() else []


def order(key: Key) -> tuple[float, int, int]:
    """Of cells within a network."""
    _, guidance, solver, calls = key
    return guidance, SOLVERS.index(solver), calls


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


def in_short(network: str, guidance: float) -> str:
    """The same where many columns must share a line."""
    return network.removeprefix("cifar16_") + (f" {guidance:g}" if guidance != 1 else "")


def span(values: list[float]) -> str:
    """Least and largest as text."""
    least_, largest = f"{min(values):.2f}", f"{max(values):.2f}"
    return least_ if least_ == largest else f"{least_} to {largest}"


def over(cell: Cell, name: str, prefix: str) -> str:
    """Error of a row over the least among names that begin so."""
    return ratio(cell[name], least(cell, prefix))


def of_solvers(found: dict[Key, Cell], key: Key) -> dict[str, Cell]:
    """Cells of every fixed solver with the network, guidance and calls of a key."""
    network, guidance, _, calls = key
    return {k[2]: cell for k, cell in found.items() if (k[0], k[1], k[3]) == (network, guidance, calls)}


def tried_all(found: dict[Key, Cell], key: Key) -> bool:
    """Whether every fixed multistep solver has been measured there."""
    return set(FIXED_ORDERS) <= set(of_solvers(found, key))


def best_fixed(
    found: dict[Key, Cell], key: Key, prefixes: tuple[str, ...] = ("heuristic: ", "tuned: ")
) -> tuple[str, dict[str, str]]:
    """The solver of the least error with schedules whose names begin so, and its row."""
    best = {
        solver: min((least(cell, prefix) for prefix in prefixes), key=error)
        for solver, cell in of_solvers(found, key).items()
    }
    solver = min(best, key=lambda s: error(best[s]))
    return solver, best[solver]
