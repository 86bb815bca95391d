"""Levels over the steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .._support import checks
from .._support.texts import shared_texts
from ..schedules.schedule import Schedule, as_schedule
from ._style import (
    BLACK,
    DASHES,
    GRAY,
    MARKERS,
    OTHERS,
    VERMILION,
    cycled,
    legend,
    new_figure,
    tidy,
    whole_numbers,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@shared_texts
def plot_schedules(schedules: Mapping[str, Any]) -> Figure:
    """The levels of several schedules over the steps, on a logarithmic axis.

    Parameters
    ----------
    schedules : mapping of str to Schedule
        Names and levels; a last level of 0 is drawn on a line of its own below the others. Schedules of
        different lengths share an axis from 0 to 1.

    @figure

    Examples
    --------
    >>> from specsched import baselines
    >>> from specsched.plot import plot_schedules
    >>> figure = plot_schedules({"edm": baselines.edm(10), "cosine": baselines.cosine(10)})
    >>> figure.axes[0].get_yscale()
    'log'
    """
    table = schedule_table("schedules", schedules)
    require_some("schedules", table)
    figure = new_figure((6.4, 4.4))
    draw_levels(figure.subplots(), list(table.values()), list(table), first=BLACK)
    return figure


def draw_levels(
    axes: Axes, schedules: Sequence[Schedule], titles: Sequence[str], *, first: str = VERMILION
) -> None:
    """Levels over the steps; 0, for which a logarithmic axis has no place, gets a line at the bottom."""
    shared = len({schedule.steps for schedule in schedules}) == 1
    positive = np.concatenate([schedule.sigmas[schedule.sigmas > 0] for schedule in schedules])
    ends_at_zero = any(schedule[-1] == 0 for schedule in schedules)
    bottom = float(positive.min()) / max(2.5, (float(positive.max()) / float(positive.min())) ** 0.09)
    axes.set_yscale("log")
    # Drawn from the last to the first, so that the one that matters lies on top.
    for k in reversed(range(len(schedules))):
        sigmas = schedules[k].sigmas
        x = np.arange(sigmas.size) if shared else np.linspace(0, 1, sigmas.size)
        y = np.where(sigmas > 0, sigmas, bottom)
        color = first if k == 0 else cycled(OTHERS, k - 1)
        axes.plot(
            x,
            y,
            color=color,
            linestyle="-" if k == 0 else cycled(DASHES, k - 1),
            marker=("o" if k == 0 else cycled(MARKERS, k - 1)) if sigmas.size <= 65 else None,
            markersize=5 if k == 0 else 4,
            linewidth=2.2 if k == 0 else 1.3,
            label=titles[k],
        )
    axes.set_xlabel("step" if shared else "share of the steps")
    axes.set_ylabel("noise level σ")
    if shared:
        whole_numbers(axes)
    tidy(axes)
    if ends_at_zero:
        _mark_zero(axes, bottom)
    legend(axes, titles)


def _mark_zero(axes: Axes, bottom: float) -> None:
    low, high = axes.get_ylim()
    axes.set_ylim(min(low, bottom / 1.3), high)
    axes.axhline(bottom, color=GRAY, linewidth=0.8, zorder=0)
    axes.annotate(
        "0",
        (0.0, bottom),
        xycoords=("axes fraction", "data"),
        xytext=(-6, 0),
        textcoords="offset points",
        ha="right",
        va="center",
        fontsize=9,
        annotation_clip=False,
    )
    # Below the lowest positive level the axis is no longer a scale: no ticks there.
    for minor in (False, True):
        axes.set_yticks(
            [tick for tick in axes.get_yticks(minor=minor) if bottom * 2.0 < tick <= high], minor=minor
        )
    axes.set_ylim(min(low, bottom / 1.3), high)


def require_some(name: str, table: Mapping[str, Any]) -> None:
    """Raise ValueError where there is nothing to draw."""
    if not table:
        raise ValueError(f"{name} must not be empty")


def schedule_table(name: str, table: Any) -> dict[str, Schedule]:
    if not isinstance(table, Mapping):
        raise TypeError(f"{name} must map names to schedules, got {type(table).__name__}")
    schedules = {str(key): as_schedule(value) for key, value in table.items()}
    for key, schedule in schedules.items():
        for sigma in schedule.sigmas[[0, -1 if schedule[-1] > 0 else -2]]:
            checks.level(f"a level of {name}[{key!r}]", sigma)
    return schedules
