"""What was asked of the designs, and in how many cells it came."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from .cells import NETWORKS, Cell, Key, best_fixed, cells, error, in_short, least, rows_of, table, tried_all

Ratios = Iterator[tuple[Key, float]]
Cells = dict[Key, Cell]
BEYOND_REFERENCE = (
    3.0  # cells whose tuned schedule errs less than so many times the reference's own error say little
)


class Target(NamedTuple):
    """Ratios of errors, one a cell, and the limits that shares of the cells are to keep."""

    text: str
    ratios: Callable[[Cells], Ratios]
    limits: tuple[tuple[float, float], ...]
    """Largest ratio, and the share of the cells that is to stay below."""


def over_schedules(name: str, prefix: str) -> Callable[[Cells], Ratios]:
    """A design over the best schedule whose name begins so, for the same solver."""

    def ratios(found: Cells) -> Ratios:
        for key, cell in found.items():
            best = least(cell, prefix)
            if name in cell and error(best) > BEYOND_REFERENCE * float(best["reference_error"]):
                yield key, error(cell[name]) / error(best)

    return ratios


def over_fixed(
    *names: str, prefixes: tuple[str, ...] = ("heuristic: ", "tuned: "), guided: bool = True
) -> Callable[[Cells], Ratios]:
    """The best of these designs over the best fixed solver, on schedules whose names begin so."""

    def ratios(found: Cells) -> Ratios:
        for key, cell in found.items():
            mine = [error(cell[name]) for name in names if name in cell]
            if key[2] == "dpmpp_2m" and mine and tried_all(found, key) and (guided or key[1] == 1.0):
                yield key, min(mine) / error(best_fixed(found, key, prefixes)[1])

    return ratios


def over_rivals(found: Cells) -> Ratios:
    """A refined solver, the spectrum's where it was refined, over the best published method in its cell."""
    for key, cell in found.items():
        refined = [name for name in REFINED_SOLVERS if name in cell]
        if refined and any(other.startswith("rival: ") for other in cell):
            yield key, error(cell[refined[0]]) / error(least(cell, "rival: "))


def over_rivals_in_features(results: Path, column: str) -> Callable[[Cells], Ratios]:
    """The best of the refined solvers over the best published method, in a distance to the converged samples."""

    def ratios(_: Cells) -> Ratios:
        for network in NETWORKS:
            rows = rows_of(results, "features", network)
            for calls in dict.fromkeys(row["calls"] for row in rows):
                cell = {row["schedule"]: float(row[column]) for row in rows if row["calls"] == calls}
                rivals = [value for name, value in cell.items() if name.startswith("rival: ")]
                mine = [cell[name] for name in REFINED_SOLVERS if name in cell]
                if mine and rivals:
                    yield (network, 1.0, "dpmpp_2m", int(calls)), min(mine) / min(rivals)

    return ratios


SOLVERS = {"solver": "designed solver", "order 4": "designed solver of order 4"}
REFINED_SOLVERS = (
    "designed solver, spectrum, refined",
    "designed solver, recording, refined",
    "designed solver of order 4, recording, refined",
)
PUBLISHED = ((1.0, 0.8), (1.05, 1.0))
TARGETS = (
    Target(
        "levels, spectrum / untuned",
        over_schedules("spectrum", "heuristic: "),
        ((1.1, 0.9),),
    ),
    Target(
        "levels, recording / tuned",
        over_schedules("recording", "tuned: "),
        ((1.05, 0.75), (1.25, 0.95)),
    ),
    Target(
        "levels refined / tuned",
        over_schedules("spectrum, refined", "tuned: "),
        ((0.85, 0.6), (1.0, 0.95)),
    ),
    Target(
        "levels refined / untuned",
        over_schedules("spectrum, refined", "heuristic: "),
        ((0.75, 0.5),),
    ),
    *(
        target
        for title, design in SOLVERS.items()
        for target in (
            Target(
                f"{title}, spectrum / untuned fixed",
                over_fixed(f"{design}, spectrum", prefixes=("heuristic: ",)),
                ((1.1, 0.9),),
            ),
            Target(
                f"{title}, spectrum / best fixed",
                over_fixed(f"{design}, spectrum", guided=False),
                ((0.95, 1.0),),  # asked at 5, 8 and 12 calls; all are counted
            ),
        )
    ),
    *(
        Target(
            f"{title}, recording / best fixed",
            over_fixed(f"{design}, recording"),
            ((0.9, 0.5), (1.05, 0.9)),
        )
        for title, design in SOLVERS.items()
    ),
    Target(
        "solver, refined / best fixed",
        over_fixed(*REFINED_SOLVERS),
        ((0.5, 0.5), (0.65, 0.75), (0.9, 0.95)),
    ),
    Target(
        "solver, refined / best published",
        over_rivals,
        PUBLISHED,
    ),
)
FEATURES = {"Frechet": "frechet_converged", "energy": "energy_converged"}
"""Columns of the tables of features."""


def targets(results: Path) -> str:
    """Cells that keep each limit, of those measured, by network and guidance."""
    found = cells(results)
    groups = list(dict.fromkeys(group_of(key) for key in found))
    rows = []
    in_features = [
        Target(f"{name} distance, refined / published", over_rivals_in_features(results, column), PUBLISHED)
        for name, column in FEATURES.items()
    ]
    for target in (*TARGETS, *in_features):
        ratios = list(target.ratios(found))
        if not ratios:
            continue
        for limit, share in target.limits:
            kept = {group: [r <= limit for key, r in ratios if group_of(key) == group] for group in groups}
            whole = [one for group in kept.values() for one in group]
            counts = [f"{sum(some)}/{len(some)}" if some else "" for some in (*kept.values(), whole)]
            reached = bool(whole) and sum(whole) >= share * len(whole)
            rows.append(
                [
                    target.text,
                    f"{limit:g}",
                    f"{100 * share:.0f} %",
                    *counts,
                    "yes" if reached else "*no*",
                ]
            )
    return table(f"error of | at most | in | {' | '.join(groups)} | all | met", rows)


def group_of(key: Key) -> str:
    """The column that counts a cell: its network, or guidance of any scale."""
    return in_short(key[0], 1.0) if key[1] == 1.0 else f"{in_short(key[0], 1.0)} guided"
