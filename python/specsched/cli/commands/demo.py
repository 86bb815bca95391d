"""``specsched demo``: from real photographs to a schedule, with no file of the user's."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ...schedules.families import FAMILIES
from .. import report
from ..console import note, print_json, say
from ..files import Outputs
from ..options import DataOptions, EndOptions, SolverOptions
from ..work import best_design, read_for, tune
from .design import picture, show


def run(
    steps: Annotated[int, typer.Option(help="Number of steps.")] = 10,
    sampler: Annotated[str, typer.Option(help="What runs over the levels.")] = "ddim",
    size: Annotated[int, typer.Option(help="Height and width of the patches in pixels.")] = 32,
    out_dir: Annotated[Path, typer.Option(help="Where the files go.")] = Path("."),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Design a schedule for patches of real photographs, and print its gain over every heuristic."""
    schedule_path, picture_path = out_dir / "specsched_demo.json", out_dir / "specsched_demo.png"
    outputs = Outputs()
    outputs.check("--out-dir", schedule_path, (".json",))
    outputs.check_picture("--out-dir", picture_path)
    solver = SolverOptions(sampler=sampler)
    problem = solver.checked()
    # Models are not trained below about this level, so a schedule must not go there.
    ends = EndOptions(sigma_floor=0.01).checked(solver.process, steps)
    spectrum = read_for("photographs", DataOptions(size=str(size), estimator="stationary"), solver)
    members = tune(spectrum, steps, list(FAMILIES), ends, problem)
    found = best_design([spectrum], steps, members, **problem, **ends)

    outputs.add(schedule_path, found.schedule.save)
    outputs.add(picture_path, picture(found, spectrum, members))
    outputs.write()
    if as_json:
        document = {"data": [report.spectrum_document(spectrum)], **report.design_document(found, members)}
        print_json(report.problem_document(found.sampler, *solver.names) | document)
    else:
        say(f"Data: {size} x {size} patches of two photographs (a temple, a flower), values -1 to 1")
        report.show_spectrum(spectrum)
        show(found, members)
        say(f"saved {schedule_path} and {picture_path}")
    if not found.success:
        note(f"the design has not converged: {found.message}", kind="warning")
