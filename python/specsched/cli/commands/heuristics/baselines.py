"""``specsched baselines``: the heuristics, their parameters and their levels."""

from __future__ import annotations

import inspect
from typing import Annotated, Any

import typer

from ...._support import checks
from ....schedules import baselines
from ....schedules.schedule import Schedule
from ... import report
from ...console import print_json, print_table, say, width
from ...options import EndOptions

_SHARED = ("sigma_max", "sigma_min", "sigma_floor")


def run(
    ends: EndOptions,
    name: Annotated[list[str] | None, typer.Option(help="Only this one; may be repeated.")] = None,
    steps: Annotated[int | None, typer.Option(help="Print the levels for so many steps.")] = None,
    native: Annotated[bool, typer.Option("--native", help="With each family's own end levels.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """List the heuristic schedules with their parameters, or print their levels with --steps."""
    names = list(name or baselines.TABLE)
    for each in names:
        checks.lookup("baseline", each, baselines.TABLE)
    given = ends.sigma_max is not None or ends.sigma_min > 0 or ends.sigma_floor is not None
    if native and given:
        raise ValueError(
            "--native stands for the families' own ends: leave out --sigma-max, --sigma-min and --sigma-floor"
        )
    if steps is None:
        if native or given:
            raise ValueError("the end levels apply to levels: add --steps")
        _list(names, as_json)
        return
    table = _levels(names, steps, None if native else ends)
    if as_json:
        print_json({each: report.schedule_document(schedule) for each, schedule in table.items()})
    else:
        _show(table)


def _levels(names: list[str], steps: int, ends: EndOptions | None) -> dict[str, Schedule]:
    options: dict[str, Any] = {} if ends is None else ends.checked("vp", steps)
    return {name: baselines.make(name, steps, **options) for name in names}


def _list(names: list[str], as_json: bool) -> None:
    facts = {name: (_parameters(name), _first_line(name)) for name in names}
    if as_json:
        print_json(
            {
                name: {
                    "parameters": values,
                    "tunable": list(baselines.TUNABLE.get(name, ())),
                    "about": about,
                }
                for name, (values, about) in facts.items()
            }
        )
        return
    rows = [
        [name, ", ".join(f"{key}={value}" for key, value in values.items()), about]
        for name, (values, about) in facts.items()
    ]
    print_table(["name", "parameters", "about"], rows, left=(0, 1, 2))


def _show(table: dict[str, Schedule]) -> None:
    """Levels in columns, as many schedules at once as the terminal has room for."""
    names = list(table)
    room = max(len(name) for name in names) + 2
    at_once = max(1, (width() - 7) // max(room, 11)) if width() < 1000 else 8
    for first in range(0, len(names), at_once):
        shown = names[first : first + at_once]
        if first:
            say()
        levels = zip(*(table[name] for name in shown), strict=True)
        rows = [[str(k), *(f"{value:.4g}" for value in row)] for k, row in enumerate(levels)]
        print_table(["level", *shown], rows, left=())


def _parameters(name: str) -> dict[str, Any]:
    entry: Any = baselines.TABLE[name]
    fixed = getattr(entry, "keywords", {})
    signature = inspect.signature(getattr(entry, "func", entry))
    defaults = {
        key: value.default for key, value in signature.parameters.items() if key not in ("steps", *_SHARED)
    }
    return {**defaults, **fixed}


def _first_line(name: str) -> str:
    entry: Any = baselines.TABLE[name]
    text = inspect.getdoc(getattr(entry, "func", entry)) or ""
    return text.partition("\n\n")[0].replace("\n", " ").replace("``", "")
