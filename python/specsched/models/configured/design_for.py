"""One call from a pipeline to a schedule that runs in it."""

from __future__ import annotations

import inspect
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..._support import checks
from ..._support.notices import tell
from ...designs.result import Design
from ...designs.single import design
from ...schedules.export.configuration import Configuration
from ...schedules.export.diffusers import DESIGNED
from ...spectra.sources import folders, images, table
from ...spectra.spectrum import Spectrum
from ..pipelines.diffusers import scheduler_class
from ..pipelines.network import configured
from .choices import problem_with
from .problems import PipelineProblem

_KEPT = (
    "num_train_timesteps",
    "beta_start",
    "beta_end",
    "beta_schedule",
    "trained_betas",
    "prediction_type",
    "timestep_spacing",
    "rescale_betas_zero_snr",
    "sigma_min",
    "sigma_max",
    "sigma_data",
)
"""Settings of the model: ``from_config`` of another class takes its own default for what was left at the default."""

_FROM_THE_MODEL = ("process", "sigma_max", "sigma_min", "sigma_floor", "alphas_cumprod")


@dataclass(frozen=True)
class PipelineDesign:
    """A designed schedule, and how to run it in a diffusers pipeline.

    Attributes
    ----------
    arguments : dict
        What ``pipe(...)`` and ``scheduler.set_timesteps(...)`` take.
    scheduler : diffusers scheduler
        What must be ``pipe.scheduler`` for it: the given one, another one of diffusers that takes the same steps, or
        `specsched.diffusers.DesignedScheduler`, which runs any solver.
    design : Design
        The design with its losses.
    problem : PipelineProblem
        What was read from the configuration: solver, process, ends, grid, prediction.
    """

    arguments: dict[str, Any]
    scheduler: Any
    design: Design
    problem: PipelineProblem

    def __str__(self) -> str:
        return (
            f"{self.design}\n  runs on {type(self.scheduler).__name__}, called with {_shown(self.arguments)}"
        )


def design_for(pipe_or_scheduler: Any, data: Any, steps: int, **options: Any) -> PipelineDesign:
    """The schedule with the least error for a diffusers pipeline: solver, process, ends and grid are its own.

    Parameters
    ----------
    pipe_or_scheduler : diffusers pipeline or scheduler
        Its scheduler's configuration is read; nothing is changed.
    data : Spectrum, Recording, array_like or path
        What the network denoises, in its own scale: a spectrum, a recording of the network, samples of shape
        (n, d...), or a path that `specsched.sources.load_spectrum` reads. Images at a path are encoded
        (`Spectrum.from_vae`), where the pipeline has a `vae`.
    steps : int
        Number of steps S >= 1.
    **options
        Passed to `specsched.design`: `loss`, `target`, `init`, `robust`, ...; `sampler` for another solver than the
        scheduler's.

    Returns
    -------
    PipelineDesign
        ``.arguments`` for the call, ``.scheduler`` for the pipeline, ``.design``.

    Raises
    ------
    TypeError, ValueError
        The scheduler is not known, or no schedule can be designed for its solver; the message says what to use
        instead. Or an option is one that the configuration decides.

    Warns
    -----
    UserWarning
        The scheduler of the pipeline takes no custom levels, and another one must run them.

    Examples
    --------
    ::

        found = specsched.design_for(pipe, latents, 10)
        pipe.scheduler = found.scheduler
        image = pipe(prompt, **found.arguments).images[0]
    """
    scheduler = getattr(pipe_or_scheduler, "scheduler", pipe_or_scheduler)
    if isinstance(scheduler, Mapping):
        raise TypeError(
            "pipe_or_scheduler must be a pipeline or a scheduler; a configuration alone is for the command line: "
            "specsched design --scheduler-config"
        )
    config = Configuration.of(scheduler)
    chosen = options.pop("sampler", None)
    problem = problem_with(config, chosen)
    for name in _FROM_THE_MODEL:
        if name in options:
            raise ValueError(
                f"{name} is read from the scheduler's configuration; for another one use specsched.design"
            )
    found = design(
        source_of(data, getattr(pipe_or_scheduler, "vae", None)), steps, **{**problem.options, **options}
    )
    if chosen is None and problem.runner not in config.names:
        tell(
            f"{config.name} takes no custom levels: {problem.runner} runs the same steps on them; pipe.scheduler must "
            "be it"
        )
    if problem.runner == DESIGNED:
        runner = scheduler_class().from_design(found, scheduler)
        return PipelineDesign({"num_inference_steps": steps}, runner, found, problem)
    runner = runner_of(scheduler, config, problem)
    return PipelineDesign(found.schedule.to_diffusers(runner), runner, found, problem)


def source_of(data: Any, vae: Any) -> Any:
    """A spectrum (or recording) of whatever describes the data."""
    if isinstance(data, (str, os.PathLike)):
        if vae is not None and folders.files_below(Path(data), images.SUFFIXES):
            return Spectrum.from_vae(vae, data)
        return table.load_spectrum(data)
    if hasattr(data, "shape") and hasattr(data, "dtype"):
        return table.spectrum_of(data)
    return data


def runner_of(scheduler: Any, config: Configuration, problem: PipelineProblem) -> Any:
    """The scheduler of diffusers that runs the levels: the given one where it can."""
    if problem.runner in config.names:
        changes = problem.changes
        return configured(type(scheduler), scheduler.config, **changes) if changes else scheduler
    import diffusers

    kept = {name: config.options[name] for name in _KEPT if name in config.options}
    kind = getattr(diffusers, problem.runner)
    taken = inspect.signature(kind.__init__).parameters
    kept = {name: value for name, value in {**kept, **problem.changes}.items() if name in taken}
    return configured(kind, scheduler.config, **kept)


def _shown(arguments: dict[str, Any]) -> str:
    parts = []
    for name, value in arguments.items():
        values = value.tolist() if hasattr(value, "tolist") else value
        text = checks.brief([round(v, 4) for v in values]) if isinstance(values, list) else str(values)
        parts.append(f"{name}={text}")
    return ", ".join(parts)
