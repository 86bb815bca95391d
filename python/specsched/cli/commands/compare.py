"""``specsched compare``: every heuristic, tuned or not, and the design, over numbers of steps."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ..._support.codes import LOSS_TITLES
from ...analysis.losses import Costs
from ...samplers import Sampler
from ...schedules.families import FAMILIES
from .. import report
from ..console import note, print_json, print_table, say, width
from ..files import Outputs
from ..options import DataOptions, EndOptions, SearchOptions, SolverOptions, parse_steps
from ..pipelines import PipelineOptions
from ..work import DATA_HELP, RECORDING_HELP, best_design, read_for, tune, with_recording

DESIGNED = "designed"
Table = dict[str, dict[int, float]]
"""Name -> (steps -> loss)."""


def run(
    context: typer.Context,
    data: Annotated[str, typer.Argument(metavar="DATA", help=DATA_HELP + " " + RECORDING_HELP)],
    steps: Annotated[str, typer.Option(help="Numbers of steps, separated by commas.")],
    pipeline: PipelineOptions,
    reading: DataOptions,
    solver: SolverOptions,
    ends: EndOptions,
    search: SearchOptions,
    tuned: Annotated[
        bool, typer.Option("--tuned/--no-tuned", help="Tune the parameters of the heuristics, too.")
    ] = True,
    out: Annotated[Path | None, typer.Option(help="Save the table (.csv).")] = None,
    plot: Annotated[Path | None, typer.Option(help="Save a picture (.png, .pdf, .svg, ...).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Compare all heuristics, tuned ones included, and the design over several numbers of steps."""
    outputs = Outputs([data])
    outputs.check("--out", out, (".csv",))
    outputs.check_picture("--plot", plot)
    counts = parse_steps(steps)
    model, solver, ends, grid = pipeline.apply(solver, ends, context)
    recording, solver, ends = with_recording(data, solver, ends)
    problem = solver.checked()
    options = problem | search.checked()
    levels = {count: ends.checked(solver.process, count) for count in counts}
    families = list(FAMILIES) if tuned and not grid else []  # none is tuned on a grid
    pipeline.warn_of([data], model)
    source = read_for(data, reading, solver) if recording is None else recording

    table: Table = {}
    designs: dict[int, Costs] = {}
    for count in counts:
        allowance = {"denoiser_error": options["denoiser_error"]}
        members = tune(source, count, families, levels[count], problem | allowance)
        found = best_design([source], count, members, **options, **(levels[count] | grid))
        losses = {DESIGNED: found.loss, **found.baselines}
        losses |= {f"{name}, tuned": member.loss for name, member in members.items()}
        for name, value in losses.items():
            table.setdefault(name, {})[count] = value
        if found.costs is not None:
            designs[count] = found.costs
        if not found.success:
            note(f"the design of {count} steps has not converged: {found.message}", kind="warning")
    table = dict(sorted(table.items(), key=lambda row: [row[1][count] for count in reversed(counts)]))

    outputs.add(out, lambda path: _save(table, counts, path))
    _draw(outputs, plot, table, solver.loss, problem["sampler"])
    outputs.write()
    if as_json:
        named = {name: {str(count): value for count, value in row.items()} for name, row in table.items()}
        document = {
            "data": report.data_document(source),
            "steps": counts,
            "losses": named,
            "costs": {str(count): report.costs_document(each) for count, each in designs.items()},
        }
        print_json(report.problem_document(problem["sampler"], *solver.names) | document)
        return
    report.show_data(source, data)
    what = f"{LOSS_TITLES[solver.loss]} to the {solver.target}"
    say(f"{what} after so many steps of {problem['sampler'].name} ({solver.process})")
    _show(table, counts)
    for count, each in designs.items():
        say()
        say(f"The design of {count} steps:")
        report.show_costs(each, solver.start)
    for path in filter(None, (out, plot)):
        say(f"saved {path}")


def _show(table: Table, counts: list[int]) -> None:
    """The table, cut into several where the terminal is too narrow for all columns."""
    longest = max(map(len, table))
    at_once = max(1, (width() - longest) // 11)
    mine = list(table).index(DESIGNED)
    for first in range(0, len(counts), at_once):
        shown = counts[first : first + at_once]
        say()
        rows = [[name, *(f"{row[count]:#.4g}" for count in shown)] for name, row in table.items()]
        print_table(["steps", *map(str, shown)], rows, bold=(mine,))


def _save(table: Table, counts: list[int], path: Path) -> None:
    lines = [",".join(["schedule", *map(str, counts)])]
    lines += [",".join([f'"{name}"', *(repr(row[count]) for count in counts)]) for name, row in table.items()]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")


def _draw(outputs: Outputs, plot: Path | None, table: Table, loss: str, sampler: Sampler) -> None:
    if plot is None:
        return
    from ...plot import plot_comparison, save_figure

    figure: Any = plot_comparison(table, loss=loss, highlight=DESIGNED)
    figure.axes[0].set_title(sampler.name, fontsize=11)
    outputs.add(plot, lambda path: save_figure(figure, path))
