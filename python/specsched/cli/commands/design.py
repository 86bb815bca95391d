"""``specsched design``: the schedule with the least error for data, and its gain over every heuristic."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from ...designs.heuristics import Member
from ...designs.result import Design
from ...models.recordings.recording import Recording
from ...schedules.families import FAMILIES
from ...spectra.spectrum import Spectrum
from .. import report
from ..console import note, print_json, say
from ..files import Outputs
from ..options import DataOptions, EndOptions, SearchOptions, SolverOptions, VariantOptions
from ..pipelines import PipelineOptions
from ..work import DATA_HELP, RECORDING_HELP, Data, best_design, read_for, read_schedule, tune, with_recording


def run(
    context: typer.Context,
    data: Annotated[
        list[str],
        typer.Argument(
            metavar="DATA", help=f"{DATA_HELP} {RECORDING_HELP} Several: one schedule for all of them."
        ),
    ],
    steps: Annotated[int, typer.Option(help="Number of steps.")],
    pipeline: PipelineOptions,
    reading: DataOptions,
    solver: SolverOptions,
    ends: EndOptions,
    search: SearchOptions,
    variant: VariantOptions,
    combine: Annotated[str, typer.Option(help="For several DATA: least mean or worst loss.")] = "mean",
    init: Annotated[Path | None, typer.Option(help="Saved schedule to start from as well.")] = None,
    tuned: Annotated[
        bool, typer.Option("--tuned/--no-tuned", help="Tune the parameters of the heuristics, too.")
    ] = True,
    out: Annotated[Path | None, typer.Option(help="Save the schedule (.json).")] = None,
    plot: Annotated[Path | None, typer.Option(help="Save a picture (.png, .pdf, .svg, ...).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Design the schedule with the least error for DATA, and print its gain over every heuristic."""
    if variant.design_eta:  # samplers of different eta share no limit
        solver = replace(solver, target="data")
    outputs = Outputs(data)
    outputs.check("--out", out, (".json",))
    outputs.check_picture("--plot", plot)
    model, solver, ends, grid = pipeline.apply(solver, ends, context)
    recordings: list[Recording | None] = []
    for name in data:
        recording, solver, ends = with_recording(name, solver, ends)
        recordings.append(recording)
    options: dict[str, Any] = {**solver.checked(), **search.checked(), "combine": combine}
    options |= variant.checked(options["sampler"])
    levels = ends.checked(solver.process, steps)
    if "alphas_cumprod" in options:  # the grid has ends of its own
        levels |= {"sigma_max": ends.sigma_max}
    if combine not in ("mean", "worst"):
        raise ValueError(f"--combine must be mean or worst, got {combine!r}")
    if variant.design_eta and (init is not None or search.method != "newton"):
        raise ValueError("--design-eta goes without --init and --method")
    options |= levels | grid | {"init": None if init is None else read_schedule(init)}
    reading.checked()
    pipeline.warn_of(data, model)
    sources = [
        read_for(name, reading, solver) if recording is None else recording
        for name, recording in zip(data, recordings, strict=True)
    ]
    spectra = [source for source in sources if isinstance(source, Spectrum)]
    together = sources[0] if len(sources) == 1 or not spectra else Spectrum.merged(spectra)
    # The worst of several losses is no loss of one spectrum, which is what a heuristic is tuned for; nor are tuned
    # heuristics on a grid or made for a neighbourhood.
    one_loss = len(sources) == 1 or (combine == "mean" and len(spectra) == len(sources))
    one_loss &= not ("alphas_cumprod" in options or variant.robust)
    families = list(FAMILIES) if tuned and one_loss and not variant.design_eta else []
    allowance = {"denoiser_error": options["denoiser_error"]}
    members = tune(together, steps, families, levels, solver.checked() | allowance)
    found = best_design(sources, steps, members, with_eta=variant.design_eta, **options)

    outputs.add(out, found.schedule.save)
    if plot is not None:
        outputs.add(plot, picture(found, together, members))
    outputs.write()
    if as_json:
        names = report.problem_document(found.sampler, *solver.names)
        summaries = [report.data_document(source) for source in sources]
        run_in = {} if model is None else {"pipeline": model.document(found.schedule)}
        print_json({**names, "data": summaries, **report.design_document(found, members), **run_in})
    else:
        for name, source in zip(data, sources, strict=True):
            report.show_data(source, name)
        show(found, members)
        if model is not None:
            model.show(found.schedule, out)
        for path in filter(None, (out, plot)):
            say(f"saved {path}")
    if not found.success:
        note(f"the design has not converged: {found.message}", kind="warning")


def show(found: Design, members: dict[str, Member]) -> None:
    """Levels, and the losses of all schedules with the same ends."""
    steps = "1 step" if found.schedule.steps == 1 else f"{found.schedule.steps} steps"
    say(
        f"Design: {found.sampler.name}, {found.process}, {steps}, method {found.method}, "
        f"KKT error {found.kkt_error:.1e}, {found.nit} iterations"
    )
    for line in report.variant_lines(found):
        say(line)
    if found.denoiser_error:
        say(f"It allows for {found.allowance}; the losses are those of exact ones.")
    if found.costs is not None:
        report.show_costs(found.costs, found.start)
    say()
    report.show_levels(found.schedule, found.process)
    say()
    report.show_losses("designed", found.loss, found.baselines, members, found.loss_name)


def picture(found: Design, data: Data, members: dict[str, Member]) -> Any:
    """Writer of the picture: the design beside the three best schedules, tuned ones included."""
    from ...plot import best_baselines, plot_design, save_figure

    rivals = {name: (found.baselines[name], s) for name, s in best_baselines(found, 3).items()}
    rivals |= {f"{name}, tuned": (member.loss, member.schedule) for name, member in members.items()}
    chosen = sorted(rivals, key=lambda name: rivals[name][0])[:2]
    # The best schedule without any tuning is what most people would use: always show it.
    chosen.append(next(name for name in best_baselines(found, 3) if name not in chosen))
    figure = plot_design(found, data, others={name: rivals[name][1] for name in chosen})
    return lambda path: save_figure(figure, path)
