"""Options that several commands share, as dataclasses, and the decorator that spreads them over a command."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import numpy as np
import typer

from .._support import checks, codes, reading
from .._support.checks import FloatArray
from ..designs.problem import DEFAULT_SIGMA_MAX
from ..designs.task import METHODS
from ..samplers import SAMPLERS, Sampler, as_sampler
from ..schedules import baselines
from ..schedules.training_grid import TrainingGrid
from ..spectra.spectrum import Spectrum
from .shell.help import HelpAll


def _data(text: str, *names: str, **settings: Any) -> Any:
    return typer.Option(*names, help=text, rich_help_panel="Data", **settings)


def _problem(text: str, *names: str) -> Any:
    return typer.Option(*names, help=text, rich_help_panel="Sampler and levels")


@dataclass(frozen=True)
class DataOptions:
    """How DATA becomes a spectrum: the options of `load_spectrum`, and what happens to it then."""

    estimator: Annotated[
        str | None, _data("samples (full covariance) or stationary (shift-invariant, by FFT).")
    ] = None
    channels: Annotated[str | None, _data("joint or separate; with --estimator stationary.")] = None
    size: Annotated[str | None, _data("Image size in pixels: N, or HEIGHTxWIDTH.")] = None
    fit: Annotated[str | None, _data("How images get that size: crop, resize, cover or patches.")] = None
    color: Annotated[str | None, _data("rgb or gray.")] = None
    value_range: Annotated[str | None, _data("Values of black and white: LOW,HIGH (default -1,1).")] = None
    content: Annotated[str | None, _data("What an array holds: samples, covariance or eigenvalues.")] = None
    channel_axis: Annotated[int | None, _data("Axis of the channels in an array of samples.")] = None
    window: Annotated[int | None, _data("Frames per window of sound.")] = None
    hop: Annotated[int | None, _data("Frames between windows of sound.")] = None
    channel: Annotated[int | None, _data("Channel of the sound (default: their mean).")] = None
    limit: Annotated[int | None, _data("Largest number of samples, spread evenly.")] = None
    skip_bad: Annotated[bool, _data("Leave out files that cannot be read, and say so.", "--skip-bad")] = False
    scale: Annotated[
        float | None, _data("Multiply the data by this factor, as latent models do before training.")
    ] = None
    floor: Annotated[float | None, _data("Raise smaller eigenvalues to this one (for KL).")] = None
    drop: Annotated[float | None, _data("Leave out eigenvalues up to this one (for KL).")] = None
    no_mean: Annotated[bool, _data("Forget the mean of the data.", "--no-mean")] = False

    def checked(self) -> dict[str, Any]:
        """The arguments of `load_spectrum`, parsed, before any work is done."""
        given = {field.name: getattr(self, field.name) for field in fields(self)[:13]}
        given["size"] = None if self.size is None else _size(self.size)
        if self.value_range is not None:
            given["value_range"] = _numbers("--value-range", self.value_range, 2)
        for name in ("scale", "floor"):
            if getattr(self, name) is not None:
                checks.real(f"--{name}", getattr(self, name), above=0.0)
        if self.drop is not None:
            checks.real("--drop", self.drop, minimum=0.0)
        return given

    def shaped(self, spectrum: Spectrum) -> Spectrum:
        """Scaled, dropped, floored and without its mean, as asked."""
        if self.no_mean:
            spectrum = spectrum.without_mean()
        if self.scale is not None:
            spectrum = spectrum.scaled(self.scale**2)
        if self.drop is not None:
            spectrum = spectrum.dropped(self.drop)
        return spectrum if self.floor is None else spectrum.floored(self.floor)


@dataclass(frozen=True)
class SolverOptions:
    """What runs over the levels and how its output is judged."""

    sampler: Annotated[
        str,
        _problem(
            'Name, also as other programs write it ("DPM++ 2M", "Euler a"), with options after a colon: ddim:eta=0.3. '
            "Known: " + ", ".join(dict.fromkeys(kind.names[0] for kind in SAMPLERS.values())) + "."
        ),
    ] = "ddim"
    process: Annotated[str, _problem("vp, ve or flow.")] = "vp"
    loss: Annotated[str, _problem("One of " + ", ".join(codes.LOSSES) + ".")] = "w2"
    target: Annotated[
        str, _problem("What outputs are compared with: limit (the sampler's many-step limit) or data.")
    ] = "limit"
    start: Annotated[str, _problem("What runs start from: prior, or data (image-to-image, refiners).")] = (
        "prior"
    )
    threads: Annotated[int, _problem("OpenMP threads (0: the default); results do not depend on it.")] = 0

    def checked(self) -> dict[str, Any]:
        """The arguments of `evaluate`, every name known."""
        codes.criterion(self.process, self.loss, self.target, self.start)
        sampler = parse_sampler(self.sampler)
        problem = sampler.core.check_limit() if self.target == "limit" else ""
        if problem:
            raise ValueError(problem.replace("target='data'", "--target data"))
        return {
            "sampler": sampler,
            "process": self.process,
            "loss": self.loss,
            "target": self.target,
            "start": self.start,
            "threads": checks.integer("--threads", self.threads, minimum=0, maximum=4096),
        }

    @property
    def names(self) -> tuple[str, str, str, str]:
        """Process, loss, target and start."""
        return self.process, self.loss, self.target, self.start

    def check_spectrum(self, spectrum: Spectrum, name: str) -> None:
        """Say in terms of the command line how to make a KL divergence finite."""
        if self.loss not in codes.ADMIT_ZEROS and spectrum.has_zeros:
            raise ValueError(
                f"--loss {self.loss} is infinite for zero eigenvalues, and {name!r} has some; "
                "raise them with --floor VALUE, leave them out with --drop VALUE, or use --loss w2"
            )


@dataclass(frozen=True)
class EndOptions:
    """The fixed end levels of all schedules."""

    sigma_max: Annotated[
        float | None, _problem("First level (default: 157.4 for vp, 80 for ve, 999 for flow).")
    ] = None
    sigma_min: Annotated[float, _problem("Last level; 0 ends on clean data.")] = 0.0
    sigma_floor: Annotated[float | None, _problem("With --sigma-min 0: no other level lies below it.")] = None

    def checked(self, process: str, steps: int) -> dict[str, Any]:
        """The ends with their defaults; they fit every baseline of so many steps."""
        top = DEFAULT_SIGMA_MAX[process] if self.sigma_max is None else self.sigma_max
        ends = {"sigma_max": top, "sigma_min": self.sigma_min, "sigma_floor": self.sigma_floor}
        baselines.all_schedules(checks.integer("--steps", steps, minimum=1, maximum=100_000), **ends)
        return ends


@dataclass(frozen=True)
class SearchOptions:
    """How a design is searched for."""

    method: Annotated[str, _problem("newton or slsqp.")] = "newton"
    min_ratio: Annotated[
        float | None, _problem("Least ratio of neighbouring levels (default: some for multistep samplers).")
    ] = None
    denoiser_error: Annotated[
        float | None,
        _problem(
            "Error of the predictions to allow for, as a share of the posterior's spread "
            "(default: 0.12 for samplers that combine predictions, 0 with --target data)."
        ),
    ] = None
    tol: Annotated[float, _problem("Largest KKT error at which a design counts as converged.")] = 1e-9
    max_iter: Annotated[int, _problem("Iterations of each local search.")] = 500

    def checked(self) -> dict[str, Any]:
        """The arguments of `design`, every one in its range."""
        checks.lookup("method", self.method, METHODS)
        error = self.denoiser_error
        return {
            "method": self.method,
            "denoiser_error": None if error is None else checks.real("--denoiser-error", error, minimum=0.0),
            "min_ratio": None
            if self.min_ratio is None
            else checks.real("--min-ratio", self.min_ratio, minimum=1.0),
            "tol": checks.real("--tol", self.tol, above=0.0),
            "max_iter": checks.integer("--max-iter", self.max_iter, minimum=1),
        }


@dataclass(frozen=True)
class VariantOptions:
    """What else a design may be asked for."""

    alphas_cumprod: Annotated[
        Path | None,
        _problem("abar of every training timestep (.npy, .txt): choose among the model's integer timesteps."),
    ] = None
    robust: Annotated[
        float | None,
        _problem("Design for a neighbourhood of the data of this size (1: scaled by 1/2 ... 2, and tilted)."),
    ] = None
    design_eta: Annotated[
        bool, _problem("Choose the sampler's eta together with the levels.", "--design-eta")
    ] = False

    def checked(self, sampler: Sampler) -> dict[str, Any]:
        """The arguments of `design`; the file is read and checked."""
        options: dict[str, Any] = {}
        if self.alphas_cumprod is not None:
            options["alphas_cumprod"] = read_numbers(self.alphas_cumprod, "a training grid")
            TrainingGrid(options["alphas_cumprod"])
        if self.robust is not None:
            options["robust"] = checks.real("--robust", self.robust, above=0.0)
        if self.design_eta and not hasattr(sampler, "eta"):
            raise ValueError(f"--design-eta needs a sampler that has an eta, and {sampler.name!r} has none")
        return options


def read_numbers(path: Path, what: str, kinds: str = ".npy or .txt") -> FloatArray:
    """Numbers from a .npy or .txt file."""
    suffix = path.suffix.lower()
    if suffix == ".npy":
        try:
            return checks.real_array(what, reading.map_array(path))
        except (TypeError, ValueError) as error:
            raise ValueError(f"{str(path)!r} is not an array of numbers: {error}") from None
    if suffix != ".txt":
        raise ValueError(f"{what} must be a {kinds} file, got {str(path)!r}")
    try:
        return np.array([float(part) for part in path.read_text().replace(",", " ").split()])
    except ValueError as error:
        raise ValueError(f"{str(path)!r} must hold numbers: {error}") from None


def expanded(function: Callable[..., None]) -> Callable[..., None]:
    """The command with every dataclass among its parameters replaced by the fields of that dataclass."""
    hints = get_type_hints(function, include_extras=True)
    groups: dict[str, type] = {}
    parameters: list[inspect.Parameter] = []
    for parameter in inspect.signature(function).parameters.values():
        kind = hints[parameter.name]
        if is_dataclass(kind) and isinstance(kind, type):
            groups[parameter.name] = kind
            parameters += _fields_as_parameters(kind)
        else:
            parameters.append(parameter.replace(annotation=kind, kind=inspect.Parameter.KEYWORD_ONLY))

    parameters.append(
        inspect.Parameter("help_all", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=HelpAll)
    )

    def run(**values: Any) -> None:
        del values["help_all"]
        for name, kind in groups.items():
            values[name] = kind(**{field.name: values.pop(field.name) for field in fields(kind)})
        function(**values)

    run.__doc__ = function.__doc__
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


def _fields_as_parameters(kind: type[Any]) -> list[inspect.Parameter]:
    hints = get_type_hints(kind, include_extras=True)
    return [
        inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=hints[field.name]
        )
        for field in fields(kind)
    ]


def is_given(context: typer.Context, name: str) -> bool:
    """Whether an option stands on the command line."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def given_names(context: typer.Context) -> set[str]:
    """The options that stand on the command line."""
    return {name for name in context.params if is_given(context, name)}


def parse_sampler(text: str | Sampler) -> Sampler:
    """``name`` or ``name:option=value,option=value`` as a sampler; one that is there already stays."""
    if isinstance(text, Sampler):
        return text
    name, _, options = text.partition(":")
    sampler = as_sampler(name)
    if not options:
        return sampler
    known = [field.name for field in fields(sampler)]
    values: dict[str, Any] = {}
    for part in options.split(","):
        option, equals, value = part.partition("=")
        if not equals or option not in known:
            listed = ", ".join(known) or "none"
            raise ValueError(f"--sampler {text!r}: expected {name}:option=value with an option of {listed}")
        values[option] = _value(value)
    return type(sampler)(**values)


def parse_steps(text: str) -> list[int]:
    """Comma-separated numbers of steps, in order, each once."""
    try:
        steps = sorted({int(part) for part in text.split(",")})
    except ValueError:
        raise ValueError(f"--steps must be integers separated by commas, got {text!r}") from None
    for count in steps:
        checks.integer("--steps", count, minimum=1, maximum=100_000)
    return steps


def _value(text: str) -> Any:
    """An integer, a number, true or false, or the text itself."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return {"true": True, "false": False}.get(text.lower(), text)


def _size(text: str) -> int | tuple[int, int]:
    try:
        sides = [int(side) for side in text.lower().split("x")]
    except ValueError:
        sides = []
    if len(sides) not in (1, 2):
        raise ValueError(f"--size must be N or HEIGHTxWIDTH, got {text!r}")
    return sides[0] if len(sides) == 1 else (sides[0], sides[1])


def _numbers(name: str, text: str, count: int) -> tuple[float, ...]:
    try:
        numbers = tuple(float(part) for part in text.split(","))
    except ValueError:
        numbers = ()
    if len(numbers) != count:
        raise ValueError(f"{name} must be {count} numbers separated by commas, got {text!r}")
    return numbers
