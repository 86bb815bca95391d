"""Errors step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .._support import checks
from .._support.checks import FloatArray
from .._support.texts import shared_texts
from ..analysis.gains import Transfer
from ._style import GRAY, VERMILION, new_figure, tidy, whole_numbers

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@shared_texts
def plot_trace(result: Transfer, *, count: int = 10, last: int | None = None) -> Figure:
    """How the variances stray from those of the noising process, step by step.

    Parameters
    ----------
    result : Transfer
        What `specsched.transfer` returned.
    count : int
        How many of the largest eigenvalues to show.
    last : int, optional
        Show only so many of the last steps.

    @figure

    Examples
    --------
    >>> import specsched as ss
    >>> from specsched.plot import plot_trace
    >>> schedule = ss.baselines.cosine(20, sigma_max=157.4, sigma_min=0.01)
    >>> figure = plot_trace(ss.transfer(ss.Spectrum([4.0, 1.0, 0.25]), schedule))
    >>> figure.axes[0].get_xlabel()
    'step'
    """
    checks.instance("result", result, Transfer)
    count = checks.integer("count", count, minimum=1)
    steps = result.schedule.steps
    kept = steps if last is None else min(checks.integer("last", last, minimum=1), steps)
    errors = result.trace().relative_error
    values = result.spectrum.eigenvalues
    order = np.argsort(values)[::-1][:count]
    figure = new_figure((6.8, 4.2))
    axes = figure.subplots()
    colors, scale = _color_scale(values[order])
    axes.axhline(0.0, color=GRAY, linewidth=0.8)
    step = np.arange(steps - kept, steps + 1)
    for k in order:
        axes.plot(step, 100.0 * errors[step, k], color=colors(values[k]), marker=".", linewidth=1.3)
    if scale is not None:
        figure.colorbar(scale, ax=axes, label="eigenvalue (variance of the data)")
    axes.set_xlabel("step")
    axes.set_ylabel("error of the variance, %")
    axes.set_title(f"{steps} steps of {result.sampler.name}", fontsize=11)
    whole_numbers(axes)
    tidy(axes)
    return figure


def _color_scale(values: FloatArray) -> tuple[Any, Any]:
    """A colour for each eigenvalue, and what a colour bar needs (None for a single value)."""
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LogNorm

    positive = values[values > 0]
    if positive.size == 0 or positive.min() == positive.max():
        return (lambda value: VERMILION), None
    scale = ScalarMappable(LogNorm(float(positive.min()), float(positive.max())), colormaps["cividis"])
    return scale.to_rgba, scale
