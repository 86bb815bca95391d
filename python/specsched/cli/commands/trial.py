"""``specsched trial``: real errors of schedules on a network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ...models.trial import trial
from ..console import print_json, print_table, progress_bar, say
from ..model import MODEL_HELP, SAMPLER_HELP, ModelOptions, read_recording
from ..pipelines import PipelineOptions


def run(
    network: Annotated[str, typer.Argument(metavar="NETWORK", help=MODEL_HELP)],
    schedules: Annotated[
        list[str],
        typer.Argument(metavar="SCHEDULE...", help="Saved schedules, or heuristics by name, with --steps."),
    ],
    options: ModelOptions,
    pipeline: PipelineOptions,
    sampler: Annotated[str | None, typer.Option(help=SAMPLER_HELP)] = None,
    steps: Annotated[int | None, typer.Option(help="Number of steps of heuristics given by name.")] = None,
    recording: Annotated[Path | None, typer.Option(help="Saved recording: its predictions beside.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Run every SCHEDULE on NETWORK: its error against the model's own converged solution."""
    options, solver = pipeline.apply_to_run(options, sampler)
    predictions = read_recording(recording)
    denoiser, noise = options.load(network)
    tried = {text: options.schedule(text, steps, denoiser, solver) for text in schedules}
    with progress_bar() as progress:
        found = trial(
            tried,
            denoiser,
            noise,
            sigma_floor=options.sigma_floor,
            recording=predictions,
            **options.run,
            progress=progress,
        )
    if as_json:
        rows = {
            name: {"error": float(found.errors[k]), "standard_error": float(found.standard_errors[k])}
            | ({"predicted": float(found.predicted[k])} if found.predicted is not None else {})
            for k, name in enumerate(found.names)
        }
        print_json({"schedules": rows, "reference_error": found.reference_error, "calls": found.calls})
        return
    head, *table = found.rows()
    print_table(head, table, left=(0, 1))
    say(found.foot())
