"""``specsched export``: a saved schedule as a framework takes it."""

from __future__ import annotations

from inspect import signature
from pathlib import Path
from typing import Annotated, Any

import typer

from ..._support import checks
from ..._support.files import write_whole
from ...schedules.export import IN_PYTHON, REFUSED, TARGETS
from ...schedules.export.diffusers import DESIGNED
from ...schedules.schedule import Schedule
from ...schedules.training_grid import TrainingGrid
from ..console import print_json, say
from ..files import Outputs
from ..options import read_numbers
from ..pipelines import Pipeline, PipelineOptions, plain
from ..work import read_schedule

NAMES = [name.replace("_", "-") for name in TARGETS if name not in IN_PYTHON]


def run(
    schedule: Annotated[Path, typer.Argument(metavar="SCHEDULE", help="Saved schedule (.json, .npy, .txt).")],
    to: Annotated[str, typer.Option(help=f"Where it goes: {', '.join(NAMES)}.")],
    pipeline: PipelineOptions,
    alphas_cumprod: Annotated[
        Path | None, typer.Option(help="abar of every training timestep (.npy, .txt); for --to timesteps.")
    ] = None,
    flow: Annotated[
        bool, typer.Option("--flow", help="Flow times for flow-matching models; for comfyui and sdcpp.")
    ] = False,
    name: Annotated[str | None, typer.Option(help="What a list of schedules shows; for a1111.")] = None,
    sigma_min: Annotated[float | None, typer.Option(help="Of the diffusion; for deepinv.")] = None,
    sigma_max: Annotated[float | None, typer.Option(help="Of the diffusion; for deepinv.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write to this file instead of standard output.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print a saved schedule as a framework takes it.

    diffusers and timesteps need the scheduler: --model, --scheduler-config or --alphas-cumprod.
    """
    outputs = Outputs([str(schedule)])
    outputs.check("--out", out)
    target = to.lower().replace("-", "_")
    if target in REFUSED:
        raise ValueError(f"--to {to}: {REFUSED[target]}")
    if target in IN_PYTHON:
        raise ValueError(f"--to {to}: it takes an object, which Python makes: {IN_PYTHON[target]}")
    checks.lookup("target", target, TARGETS)
    levels = read_schedule(schedule)
    given = {"flow": flow or None, "name": name, "sigma_min": sigma_min, "sigma_max": sigma_max}
    options = {key: value for key, value in given.items() if value is not None}
    for option in options:
        if option not in signature(TARGETS[target]).parameters:
            raise ValueError(f"--{option.replace('_', '-')} does not apply to --to {to}")
    if target == "a1111":
        options.setdefault("name", levels.name or schedule.stem)
    found = pipeline.read()
    if target in ("diffusers", "timesteps"):
        options = _with_scheduler(target, found, alphas_cumprod)
    elif found is not None or alphas_cumprod is not None:
        raise ValueError(f"--model, --scheduler-config and --alphas-cumprod do not apply to --to {to}")
    if target == "deepinv" and len(options) < 2:
        raise ValueError("--to deepinv needs --sigma-min and --sigma-max of its diffusion")
    text, document = _shown(target, schedule, levels, options, found)
    if as_json:
        print_json({"target": to, **document})
    elif out is None:
        say(text.rstrip("\n"))
    if out is not None:
        write_whole(out, f"{text.rstrip()}\n".encode())


def _with_scheduler(target: str, found: Pipeline | None, alphas_cumprod: Path | None) -> dict[str, Any]:
    if target == "diffusers":
        if found is None or alphas_cumprod is not None:
            raise ValueError("--to diffusers needs the scheduler: --model NAME or --scheduler-config FILE")
        return {}
    if alphas_cumprod is not None:
        return {"alphas_cumprod": read_numbers(alphas_cumprod, "a training grid")}
    if found is None:
        raise ValueError(
            "--to timesteps needs the training grid: --model NAME, --scheduler-config FILE or --alphas-cumprod FILE"
        )
    grid: TrainingGrid = found.config.grid  # raises for models that have none
    assert len(grid)
    return {"alphas_cumprod": found.config.alphas_cumprod}


def _shown(
    target: str, path: Path, levels: Schedule, options: dict[str, Any], found: Pipeline | None
) -> tuple[str, dict[str, Any]]:
    """The text for people, and what JSON holds."""
    if target == "diffusers" and found is not None:
        document = found.document(levels)
        if found.problem.runner == DESIGNED:
            return "\n".join(found.lines(levels, path)), document
        return _setting(document["arguments"]), document
    value = levels.to(target, **options)
    if isinstance(value, str):
        return value, {"text": value}
    if isinstance(value, dict):
        return _setting(plain(value)), {"arguments": plain(value)}
    if hasattr(value, "text"):
        return value.text, {"text": value.text, "values": value.values}
    return ", ".join(f"{number:.9g}" for number in value.tolist()), {"values": value.tolist()}


def _setting(arguments: dict[str, Any]) -> str:
    return "\n".join(f"{name}={value}" for name, value in arguments.items())
