"""Models by name, and schedulers by their configuration: what they decide, and how their pipelines are called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from ..models.configured.choices import problem_with
from ..models.configured.problems import PipelineProblem, problem_of
from ..models.configured.published import MODELS, Published, published
from ..samplers import Sampler
from ..schedules.export.configuration import Configuration
from ..schedules.export.diffusers import DESIGNED, keyword_arguments
from ..schedules.schedule import Schedule
from ..spectra.sources import folders, images
from .console import note, say
from .model import ModelOptions
from .options import EndOptions, SolverOptions, given_names, parse_sampler

_DECIDED = ("process", "sigma_max", "sigma_min", "alphas_cumprod")


def _option(text: str) -> Any:
    return typer.Option(help=text, rich_help_panel="Sampler and levels")


@dataclass(frozen=True)
class Pipeline:
    """What was read of a scheduler."""

    config: Configuration
    problem: PipelineProblem
    model: Published | None

    def arguments(self, schedule: Schedule) -> dict[str, Any]:
        """What ``pipe(...)`` takes."""
        problem = self.problem
        if problem.runner == DESIGNED:
            return {"num_inference_steps": schedule.steps}
        config = self.config.changed(**problem.changes)
        if problem.runner not in config.names:
            config = Configuration((problem.runner,), config.options, config.alphas_cumprod)
        return plain(keyword_arguments(schedule.sigmas, config))

    def document(self, schedule: Schedule) -> dict[str, Any]:
        """For JSON."""
        return {
            "scheduler": self.problem.runner,
            "changes": self.problem.changes,
            "arguments": self.arguments(schedule),
            "source": None if self.model is None else self.model.source,
        }

    def lines(self, schedule: Schedule, saved: Path | None) -> list[str]:
        """How to run it, in Python; `saved` is the schedule's file."""
        ((name, values),) = self.arguments(schedule).items()
        runner, changes = self.problem.runner, self.problem.changes
        if runner == DESIGNED:
            loaded = f"specsched.Schedule.load({str(saved or 'FILE')!r})"
            return [
                f"pipe.scheduler = {runner}.from_design({loaded}, pipe.scheduler)",
                f"pipe(..., {name}={values})",
            ]
        given = "".join(f", {key}={value!r}" for key, value in changes.items() if key != "trained_betas")
        shown = ", ".join(f"{value:.6g}" if isinstance(value, float) else str(value) for value in values)
        wrapped = f"torch.tensor([{shown}])" if runner == "EDMEulerScheduler" else f"[{shown}]"
        call = f"pipe(..., {name}={wrapped})"
        if runner == self.config.name and not changes:
            return [call]
        return [f"pipe.scheduler = {runner}.from_config(pipe.scheduler.config{given})", call]

    def show(self, schedule: Schedule, saved: Path | None) -> None:
        """How to run it, for people."""
        say()
        for line in self.lines(schedule, saved):
            say(line)
        if self.problem.runner == DESIGNED:
            say("Without a pipeline: specsched.sample, or the model's own program with the levels above.")


@dataclass(frozen=True)
class PipelineOptions:
    """Where solver, process, ends and grid are read."""

    model: Annotated[
        str | None, _option(f"A published model, which decides sampler and levels: {', '.join(MODELS)}.")
    ] = None
    scheduler_config: Annotated[
        Path | None, _option("The same, from scheduler/scheduler_config.json of a diffusers pipeline.")
    ] = None

    def read(self, sampler: Any = None) -> Pipeline | None:
        """What they say, if one is given; with a sampler of the user's own, for a scheduler that has it."""
        if self.model is not None and self.scheduler_config is not None:
            raise ValueError("--model and --scheduler-config say the same; give one of them")
        if self.model is not None:
            model, config, problem = published(self.model)
        elif self.scheduler_config is not None:
            model, config = None, Configuration.load(self.scheduler_config)
            problem = problem_of(config)
        else:
            return None
        if sampler is not None:
            problem = problem_with(config, parse_sampler(sampler))
        return Pipeline(config, problem, model)

    def apply(
        self, solver: SolverOptions, ends: EndOptions, context: typer.Context
    ) -> tuple[Pipeline | None, SolverOptions, EndOptions, dict[str, Any]]:
        """Options with what the model decides, and arguments of `design` in place of theirs: those of its grid."""
        given = given_names(context)
        found = self.read(solver.sampler if "sampler" in given else None)
        if found is None:
            return None, solver, ends, {}
        for name in _DECIDED:
            if name in given:
                raise ValueError(f"--{name.replace('_', '-')} is decided by the model; leave it out")
        problem = found.problem
        own: Any = problem.sampler
        solver = replace(solver, sampler=own, process=problem.process)
        floor = problem.sigma_floor if problem.sigma_min == 0.0 else None
        ends = EndOptions(
            problem.sigma_max, problem.sigma_min, ends.sigma_floor if "sigma_floor" in given else floor
        )
        if problem.alphas_cumprod is None:
            return found, solver, ends, {}
        grid = {"alphas_cumprod": problem.alphas_cumprod, "sigma_max": None, "sigma_floor": None}
        return found, solver, ends, grid

    def apply_to_run(self, options: ModelOptions, sampler: str | None) -> tuple[ModelOptions, Sampler | None]:
        """How a network is run, with what the model decides, and the solver that it or the user asks for."""
        found = self.read(sampler)
        if found is None:
            return options, None if sampler is None else parse_sampler(sampler)
        for name in ("process", "sigma_max"):
            if getattr(options, name) is not None:
                raise ValueError(f"--{name.replace('_', '-')} is decided by --model; leave it out")
        problem = found.problem
        floor = problem.sigma_floor if options.sigma_floor is None else options.sigma_floor
        own = replace(options, process=problem.process, sigma_max=problem.sigma_max, sigma_floor=floor)
        return own, problem.sampler

    def warn_of(self, data: list[str], pipeline: Pipeline | None) -> None:
        """Pictures are not what latent models denoise."""
        model = None if pipeline is None else pipeline.model
        if model is None or model.scale is None:
            return
        if any(_pictures(source) for source in data):
            note(
                f"{self.model} denoises {model.latents}, and DATA are pictures: its levels will not fit them"
            )


def _pictures(source: str) -> bool:
    return source == "photographs" or bool(folders.files_below(Path(source), images.SUFFIXES))


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Tensors and arrays as lists."""
    return {name: value.tolist() if hasattr(value, "tolist") else value for name, value in values.items()}
