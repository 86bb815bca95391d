"""``specsched refine``: a schedule made better on a network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ...models.refining.refine import refine
from ..console import print_json, progress_bar, say
from ..files import Outputs
from ..model import MODEL_HELP, SAMPLER_HELP, ModelOptions
from ..pipelines import PipelineOptions


def run(
    network: Annotated[str, typer.Argument(metavar="NETWORK", help=MODEL_HELP)],
    schedule: Annotated[
        str, typer.Argument(metavar="SCHEDULE", help="Saved schedule, or a heuristic by name, with --steps.")
    ],
    options: ModelOptions,
    pipeline: PipelineOptions,
    out: Annotated[Path, typer.Option(help="Where to save the refined schedule (.json).")],
    sampler: Annotated[str | None, typer.Option(help=SAMPLER_HELP)] = None,
    steps: Annotated[int | None, typer.Option(help="Number of steps of a heuristic given by name.")] = None,
    max_calls: Annotated[int | None, typer.Option(help="Budget in network calls of one sample.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """Refine SCHEDULE on NETWORK. Ctrl-C keeps the best so far; ask for 24 starts."""
    outputs = Outputs([schedule])
    outputs.check("--out", out, (".json",))
    options, solver = pipeline.apply_to_run(options, sampler)
    denoiser, noise = options.load(network)
    levels = options.schedule(schedule, steps, denoiser, solver)
    with progress_bar() as progress:
        found = refine(
            levels,
            denoiser,
            noise,
            sigma_floor=options.sigma_floor,
            max_calls=max_calls,
            **options.run,
            progress=progress,
        )
    outputs.add(out, found.schedule.save)
    outputs.write()
    if as_json:
        names = ("error", "heldout_error", "start_error", "candidates", "calls", "success", "message")
        print_json({"sigmas": list(found.schedule)} | {name: getattr(found, name) for name in names})
        return
    say(repr(found))
    say(f"saved {out}")
