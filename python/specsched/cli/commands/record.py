"""``specsched record``: a network's probability flow in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ...models.recordings.record import record
from ..console import print_json, progress_bar, say
from ..files import Outputs
from ..model import MODEL_HELP, ModelOptions


def run(
    network: Annotated[str, typer.Argument(metavar="NETWORK", help=MODEL_HELP)],
    options: ModelOptions,
    out: Annotated[Path, typer.Option(help="Where to save the recording (.npz).")],
    no_slopes: Annotated[
        bool, typer.Option("--no-slopes", help="Half the network calls; not for guided models.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """Record NETWORK once, so that any deterministic sampler's schedules can be judged without it."""
    outputs = Outputs()
    outputs.check("--out", out, (".npz",))
    denoiser, noise = options.load(network)
    high, low = options.ends(denoiser)
    with progress_bar() as progress:
        found = record(
            denoiser,
            noise,
            sigma_max=high,
            sigma_floor=low,
            slopes=not no_slopes,
            **options.run,
            progress=progress,
        )
    outputs.add(out, found.save)
    outputs.write()
    if as_json:
        names = (
            "starts",
            "shape",
            "sigma_max",
            "sigma_floor",
            "process",
            "reference_error",
            "denoiser_error",
            "calls",
        )
        print_json({name: getattr(found, name) for name in (*names, "seconds", "hash")})
        return
    say(repr(found))
    say(f"saved {out}")
