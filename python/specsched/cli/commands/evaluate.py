"""``specsched evaluate``: how good a schedule is for data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from ..._support import checks
from ..._support.codes import LOSS_TITLES
from ...analysis.gains import Transfer, transfer
from ...analysis.losses import Costs, costs, evaluate
from ...schedules import baselines
from ...schedules.schedule import Schedule
from ...spectra.spectrum import Spectrum
from .. import report
from ..console import note, print_json, say
from ..files import Outputs
from ..memory import recall
from ..options import DataOptions, EndOptions, SolverOptions, given_names
from ..pipelines import PipelineOptions
from ..work import DATA_HELP, RECORDING_HELP, read_for, read_schedule, with_recording


def run(
    context: typer.Context,
    data: Annotated[str, typer.Argument(metavar="DATA", help=DATA_HELP + " " + RECORDING_HELP)],
    schedule: Annotated[
        str,
        typer.Argument(
            metavar="SCHEDULE",
            help="Saved schedule (.json, .npy, .txt), or a heuristic by name, with --steps.",
        ),
    ],
    pipeline: PipelineOptions,
    reading: DataOptions,
    solver: SolverOptions,
    ends: EndOptions,
    steps: Annotated[int | None, typer.Option(help="Number of steps of a heuristic given by name.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Save a picture of output and data spectrum.")] = None,
    denoiser_error: Annotated[
        float,
        typer.Option(help="Error of the predictions as a share of the posterior's spread, part of the loss."),
    ] = 0.0,
    trace: Annotated[Path | None, typer.Option(help="Save a picture of the errors step by step.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Evaluate SCHEDULE on DATA, beside the heuristics with the same ends.

    A saved design is evaluated for the sampler, process and loss that it was made for, unless others are given.
    """
    outputs = Outputs([data, schedule])
    outputs.check_picture("--plot", plot)
    outputs.check_picture("--trace", trace)
    error = checks.real("--denoiser-error", denoiser_error, minimum=0.0)
    solver.checked()
    given, asked = given_names(context), ends
    model, solver, ends, _ = pipeline.apply(solver, ends, context)
    recording, solver, ends = with_recording(data, solver, ends)
    if recording and (plot or trace):
        raise ValueError(
            "--plot and --trace show the output's variance, which a recording does not tell; leave them out"
        )
    levels = _schedule(schedule, steps, ends, asked, solver.process)
    decided = set() if model is None else {"sampler", "process", "sigma_floor"}
    recalled = recall(levels, schedule, solver, ends, given | decided)
    solver, ends = recalled.solver, recalled.ends
    options = solver.checked() | {"denoiser_error": error} | recalled.overrides
    options["sampler"].check(levels)
    pipeline.warn_of([data], model)
    source: Any = read_for(data, reading, solver) if recording is None else recording
    for line in recalled.notes:
        note(line)

    value = evaluate(source, levels, **options)
    heuristics = _same_ends(levels, ends.sigma_floor)
    others = {name: evaluate(source, other, **options) for name, other in heuristics.items()}
    moments = None if recording else _moments(source, levels, options)
    if moments is not None:
        _draw(outputs, plot, trace, moments.result)
    outputs.write()
    if as_json:
        document = {
            "data": report.data_document(source),
            "schedule": report.schedule_document(levels),
            "made_for": dict(levels.made_for),
            "value": value,
            **({} if moments is None else moments.document()),
            "baselines": others,
        }
        print_json(report.problem_document(options["sampler"], *solver.names) | document)
        return
    report.show_data(source, data)
    say(f"Schedule: {repr(levels).partition('(')[2].removesuffix(')')}")
    say(f"Sampler: {options['sampler'].name}, {solver.process}")
    say(f"{LOSS_TITLES[solver.loss]} to the {solver.target}: {value:.6g}")
    if recording:
        say(f"Predicted error per value: {value / recording.dim**0.5:.6g}")
    if moments is not None:
        report.show_costs(moments.costs, solver.start)
        if moments.variance_ratio is not None:
            say(f"Variance of the output: {100.0 * moments.variance_ratio:.4g} % of the data's")
    say()
    report.show_losses("this schedule", value, others, {}, solver.loss)
    for path in filter(None, (plot, trace)):
        say(f"saved {path}")


class _Moments(NamedTuple):
    """What only a spectrum tells: the output's variance in every direction, and what schedule and ends cost."""

    result: Transfer
    costs: Costs

    @property
    def variance_ratio(self) -> float | None:
        spectrum = self.result.spectrum
        total = spectrum.total_variance
        return float(spectrum.weights @ self.result.variance) / total if total > 0 else None

    def document(self) -> dict[str, Any]:
        return {"costs": report.costs_document(self.costs), "variance_ratio": self.variance_ratio}


def _moments(spectrum: Spectrum, levels: Schedule, options: dict[str, Any]) -> _Moments:
    shared = {key: value for key, value in options.items() if key not in ("loss", "target")}
    exact = {key: value for key, value in options.items() if key not in ("denoiser_error", "target")}
    return _Moments(transfer(spectrum, levels, **shared), costs(spectrum, levels, **exact))


def _schedule(text: str, steps: int | None, ends: EndOptions, asked: EndOptions, process: str) -> Schedule:
    """A heuristic between `ends`, or a file, which has its own and can be asked for no others."""
    path = Path(text)
    if text in baselines.TABLE and not path.exists():
        if steps is None:
            raise ValueError(f"the heuristic {text!r} needs --steps")
        return baselines.make(text, steps, **ends.checked(process, steps))
    if not path.exists():
        known = ", ".join(sorted(baselines.TABLE))
        raise FileNotFoundError(f"SCHEDULE is neither a file nor a known heuristic: {text!r}; known: {known}")
    if steps is not None or asked.sigma_max is not None or asked.sigma_min:
        raise ValueError(
            f"--steps, --sigma-max and --sigma-min are those of the file {text!r}; leave them out"
        )
    return read_schedule(path)


def _same_ends(levels: Schedule, floor: float | None) -> dict[str, Schedule]:
    """The heuristics with the ends of the schedule: its last positive level, too, where it ends at 0."""
    low = levels[-1]
    if low > 0:
        return baselines.all_schedules(levels.steps, sigma_max=levels[0], sigma_min=low)
    if floor is None and levels.steps > 1:
        floor = levels[-2]
    return baselines.all_schedules(levels.steps, sigma_max=levels[0], sigma_min=0.0, sigma_floor=floor)


def _draw(outputs: Outputs, plot: Path | None, trace: Path | None, result: Transfer) -> None:
    if plot is None and trace is None:
        return
    from ...plot import plot_outputs, plot_trace, save_figure

    process: Any = result.process
    if plot is not None:
        name = result.schedule.name or "samples"
        figure = plot_outputs(
            result.spectrum, {name: result.schedule}, sampler=result.sampler, process=process
        )
        outputs.add(plot, lambda path: save_figure(figure, path))
    if trace is not None:
        errors = plot_trace(result)
        outputs.add(trace, lambda path: save_figure(errors, path))
