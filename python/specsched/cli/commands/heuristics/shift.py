"""``specsched shift``: the best shift of a flow model's schedule for data, a solver and numbers of steps."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from ...._support.codes import LOSS_TITLES, LOSSES
from ....analysis.losses import evaluate
from ....designs.heuristics import Member, best_member
from ....designs.single import design
from ....schedules import baselines
from ....spectra.spectrum import Spectrum
from ... import report
from ...console import print_json, print_table, say, working
from ...files import Outputs
from ...options import DataOptions, EndOptions, SolverOptions, parse_steps
from ...work import DATA_HELP, read_for

USUAL = (1.0, 3.0)
"""Shifts to compare with: none, and Stable Diffusion 3's (arXiv 2403.03206)."""


@dataclass(frozen=True)
class Row:
    """The best shift for a number of steps, and the losses of others."""

    best: Member
    usual: dict[float, float]
    designed: float

    @property
    def shift(self) -> float:
        return self.best.parameters["shift"]


def run(
    data: Annotated[str, typer.Argument(metavar="DATA", help=DATA_HELP)],
    reading: DataOptions,
    steps: Annotated[str, typer.Option(help="Numbers of steps, separated by commas.")] = "4,8,16,28,50",
    sampler: Annotated[
        str, typer.Option(help="What runs over the levels: ddim is flow-matching Euler.")
    ] = "ddim",
    loss: Annotated[str, typer.Option(help="One of " + ", ".join(LOSSES) + ".")] = "w2",
    sigma_max: Annotated[float, typer.Option(help="First level, t/(1 - t): 999 is t = 0.999.")] = 999.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Find the shift (or mu = log shift) of a flow model (SD3, Flux, Wan ...) that is best for DATA.

    DATA is what the model is trained on, at the resolution that is asked of it: latents, for a latent model.
    """
    Outputs([data])
    solver = SolverOptions(sampler=sampler, process="flow", loss=loss)
    problem = solver.checked()
    counts = parse_steps(steps)
    ends = {count: EndOptions(sigma_max=sigma_max).checked("flow", count) for count in counts}
    spectrum = read_for(data, reading, solver)
    rows = {}
    for count in counts:
        with working(f"searching the shift for {count} steps"):
            rows[count] = _row(spectrum, count, ends[count], problem)
    if as_json:
        names = report.problem_document(problem["sampler"], *solver.names)
        print_json({**names, "data": report.spectrum_document(spectrum), "shifts": _document(rows)})
        return
    report.show_spectrum(spectrum, data)
    say(f"{LOSS_TITLES[loss]} of {problem['sampler'].name} (flow) with the best shift, and with others")
    say()
    titles = ["steps", "shift", "mu", "loss", *(f"shift {value:g}" for value in USUAL), "designed"]
    print_table(titles, [_cells(count, row) for count, row in rows.items()], left=())


def _row(spectrum: Spectrum, steps: int, ends: dict[str, Any], problem: dict[str, Any]) -> Row:
    best = best_member(spectrum, steps, family="flow_shift", **ends, **problem)
    usual = {
        shift: evaluate(spectrum, baselines.flow_shift(steps, shift=shift, **ends), **problem)
        for shift in USUAL
    }
    return Row(best, usual, design(spectrum, steps, init=best.schedule, **ends, **problem).loss)


def _cells(steps: int, row: Row) -> list[str]:
    losses = [row.best.loss, *row.usual.values(), row.designed]
    return [
        str(steps),
        f"{row.shift:.4g}",
        f"{math.log(row.shift):.4g}",
        *(f"{loss:#.4g}" for loss in losses),
    ]


def _document(rows: dict[int, Row]) -> dict[str, Any]:
    return {
        str(steps): {
            "shift": row.shift,
            "mu": math.log(row.shift),
            "value": row.best.loss,
            "others": {f"shift={shift:g}": value for shift, value in row.usual.items()},
            "designed": row.designed,
            "flow_times": row.best.schedule.flow_times.tolist(),
        }
        for steps, row in rows.items()
    }
