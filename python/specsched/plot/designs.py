"""A design beside the heuristics, and losses over the number of steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from .._core import LARGEST_ENTRY
from .._support import checks
from .._support.codes import LOSS_TITLES
from .._support.texts import shared_texts
from ..analysis.losses import evaluate
from ..analysis.mode_sources import has_modes
from ..designs.result import Design
from ..schedules.schedule import Schedule
from ._style import DASHES, MARKERS, OTHERS, VERMILION, cycled, legend, new_figure, plain_numbers, tidy
from .schedules import draw_levels, schedule_table
from .spectra import as_spectrum, draw_outputs

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@shared_texts
def plot_design(
    design: Design,
    spectrum: Any,
    *,
    count: int = 3,
    others: Mapping[str, Any] | None = None,
) -> Figure:
    """A design beside the best heuristics: its levels, and what comes out of the sampler.

    Left, the levels over the steps, with the loss of each schedule in brackets. Right, the variances of the
    data and of the samples per eigendirection, and below them the ratio of their standard deviations (1 is
    perfect).

    Parameters
    ----------
    design : Design
        What `specsched.design` returned.
    spectrum : Spectrum, array_like or Recording
        What it was made for (for a list: the one to show); of a recording, the right half shows what the sampler makes
        of Gaussian data with the spectrum of the recorded outputs.
    count : int
        How many of the best heuristics to show, at least 1.
    others : mapping of str to Schedule, optional
        Schedules to show instead of the heuristics, the best one first.

    @figure

    Examples
    --------
    >>> import numpy as np, specsched as ss
    >>> from specsched.plot import plot_design
    >>> spectrum = ss.Spectrum(1.0 / np.arange(1, 65) ** 2)
    >>> figure = plot_design(ss.design(spectrum, 8), spectrum)
    >>> [axes.get_ylabel() for axes in figure.axes]
    ['noise level σ', 'variance', 'std ratio']
    """
    checks.instance("design", design, Design)
    data = as_spectrum("spectrum", spectrum)
    judge = spectrum if has_modes(spectrum) else data
    rivals = best_baselines(design, count) if others is None else schedule_table("others", others)
    figure = new_figure((10.0, 4.4))
    halves: Any = figure.subfigures(1, 2, width_ratios=(1.0, 1.05))
    left, right = halves
    titles = [f"designed ({design.loss:.3g})"]
    titles += [f"{name} ({_loss_of(design, judge, name, schedule):.3g})" for name, schedule in rivals.items()]
    draw_levels(left.subplots(), [design.schedule, *rivals.values()], titles)
    upper, lower = right.subplots(2, 1, sharex=True, height_ratios=(2.4, 1.0))
    shown = {"designed": design.schedule, **dict(list(rivals.items())[:1])}
    draw_outputs(upper, lower, data, shown, design.sampler, design.process)
    steps = "1 step" if design.schedule.steps == 1 else f"{design.schedule.steps} steps"
    figure.suptitle(
        f"{steps} of {design.sampler.name}, {LOSS_TITLES[design.loss_name]} in brackets", fontsize=11
    )
    return figure


@shared_texts
def plot_comparison(
    table: Mapping[str, Mapping[int, float]],
    *,
    loss: str = "w2",
    highlight: str = "designed",
    count: int = 4,
) -> Figure:
    """Losses over the number of steps: one schedule highlighted, the best others in colour, the rest in gray.

    Parameters
    ----------
    table : mapping of str to mapping of int to float
        Name -> (steps -> loss).
    loss : {"w2", "kl", "reverse_kl"}
        What the numbers are.
    highlight : str
        The name drawn in front, if it is there.
    count : int
        How many others to draw in colour: those with the least geometric mean of losses.

    @figure

    Examples
    --------
    >>> from specsched.plot import plot_comparison
    >>> plot_comparison({"designed": {4: 2.0, 8: 1.0}, "edm": {4: 3.0, 8: 1.5}}).axes[0].get_xlabel()
    'number of steps'
    """
    checks.lookup("loss", loss, LOSS_TITLES)
    count = checks.integer("count", count, minimum=0)
    checks.instance("highlight", highlight, str)
    rows = table.values() if isinstance(table, Mapping) else ()
    if not rows or not all(isinstance(row, Mapping) and row for row in rows):
        raise ValueError(
            "table must hold at least one schedule, and each of them at least one number of steps"
        )
    for name, row in table.items():
        for number, value in row.items():
            checks.integer(f"numbers of steps in table[{name!r}]", number, minimum=1)
            # Beyond what losses can be, Matplotlib's axes overflow.
            checks.real(f"table[{name!r}][{number}]", value, minimum=-LARGEST_ENTRY, maximum=LARGEST_ENTRY)
    figure = new_figure((8.6, 4.6))
    axes = figure.subplots()
    rest = sorted((name for name in table if name != highlight), key=lambda name: _mean_log(table[name]))
    for name in rest[count:]:
        label = "the other schedules" if name == rest[-1] else None
        axes.plot(*_curve(table[name]), color="#CCCCCC", linewidth=0.9, zorder=1, label=label)
    for k, name in enumerate(rest[:count]):
        axes.plot(
            *_curve(table[name]),
            color=cycled(OTHERS, k),
            linestyle=cycled(DASHES, k),
            marker=cycled(MARKERS, k),
            markersize=4,
            linewidth=1.4,
            zorder=2,
            label=name,
        )
    if highlight in table:
        axes.plot(
            *_curve(table[highlight]), color=VERMILION, marker="o", linewidth=2.4, zorder=3, label=highlight
        )
    axes.set_xscale("log", base=2)
    steps = sorted({step for row in table.values() for step in row})
    if len(steps) <= 10:
        axes.set_xticks(steps, [str(step) for step in steps])
        axes.minorticks_off()
    values = [value for row in table.values() for value in row.values() if value > 0]
    if values:
        axes.set_yscale("log")
        plain_numbers(axes.yaxis, min(values), max(values))
    axes.set_xlabel("number of steps")
    axes.set_ylabel(LOSS_TITLES[loss])
    tidy(axes)
    legend(axes, [highlight, *rest[:count], "the other schedules"], outside=True)
    return figure


def best_baselines(design: Design, count: int = 3) -> dict[str, Schedule]:
    """The `count` heuristics with the least losses and the ends of the design, best first.

    Examples
    --------
    >>> import specsched as ss
    >>> from specsched.plot import best_baselines
    >>> found = ss.design([4.0, 1.0, 0.1], 6)
    >>> list(best_baselines(found, 1)) == [found.best_baseline[0]]
    True
    """
    checks.instance("design", design, Design)
    count = checks.integer("count", count, minimum=1)
    names = sorted(design.baselines, key=design.baselines.__getitem__)
    return {name: design.baseline_schedules[name] for name in names[:count]}


def _loss_of(design: Design, data: Any, name: str, schedule: Schedule) -> float:
    """What the design reports for that heuristic; evaluated for any other schedule."""
    known = design.baselines.get(name)
    if known is not None:
        return known
    loss: Any = design.loss_name
    process: Any = design.process
    judged: Any = {"target": design.target, "start": design.start}
    return evaluate(data, schedule, sampler=design.sampler, process=process, loss=loss, **judged)


def _curve(row: Mapping[int, float]) -> tuple[list[int], list[float]]:
    steps = sorted(row)
    return steps, [row[step] for step in steps]


def _mean_log(row: Mapping[int, float]) -> float:
    return float(np.mean([np.log(max(value, 1e-300)) for value in row.values()]))
