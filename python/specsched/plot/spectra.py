"""Variances of the data, and of what comes out of a sampler."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from .._support.checks import FloatArray
from .._support.codes import ProcessName
from .._support.texts import shared_texts
from ..analysis.gains import transfer
from ..analysis.mode_sources import has_modes
from ..schedules.schedule import Schedule
from ..spectra.spectrum import Spectrum
from ._style import BLACK, DASHES, OTHERS, VERMILION, cycled, legend, new_figure, tidy
from .schedules import require_some, schedule_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DYNAMIC_RANGE = 1e-10
"""Variances below this share of the largest are left out of sight."""

_LEAST_SHOWN = 1e-280
"""Smaller ones too: the ends of an axis that shows them would be 0."""

_MOST_POINTS = 2000


@shared_texts
def plot_spectrum(spectrum: Any) -> Figure:
    """Eigenvalues over their rank, largest first, both axes logarithmic.

    Parameters
    ----------
    spectrum : Spectrum, array_like or Recording, or mapping of str to these
        One or several, to compare; of a recording the spectrum of its outputs.

    @figure

    Examples
    --------
    >>> from specsched.plot import plot_spectrum
    >>> plot_spectrum([4.0, 1.0, 0.25]).axes[0].get_xlabel()
    'rank of the eigenvalue'
    """
    several = isinstance(spectrum, Mapping)
    table = spectrum if isinstance(spectrum, Mapping) else {"data": spectrum}
    if not table:
        raise ValueError("spectrum must not be an empty mapping")
    figure = new_figure((6.4, 4.2))
    axes = figure.subplots()
    for k, (name, value) in enumerate(table.items()):
        rank, variance = _ranked(as_spectrum("spectrum", value))
        color, dash = (BLACK, "-") if k == 0 else (cycled(OTHERS, k - 1), cycled(DASHES, k - 1))
        single = "o" if rank.size == 1 else None
        axes.plot(rank, variance, color=color, linestyle=dash, marker=single, linewidth=1.8, label=name)
    _spectrum_axes(axes)
    axes.set_xlabel("rank of the eigenvalue")
    if several:
        axes.legend(frameon=False)
    return figure


@shared_texts
def plot_outputs(
    spectrum: Any, schedules: Mapping[str, Any], *, sampler: Any = "ddim", process: ProcessName = "vp"
) -> Figure:
    """Variances of the data and of a sampler's output under several schedules, and the ratio of deviations.

    Parameters
    ----------
    spectrum : Spectrum or array_like
        Of the data.
    schedules : mapping of str to Schedule
        One or more, the most important first.
    sampler, process
        As for `specsched.transfer`.

    @figure

    Examples
    --------
    >>> import specsched as ss
    >>> from specsched.plot import plot_outputs
    >>> plot_outputs([4.0, 1.0, 0.25], {"edm": ss.baselines.edm(8)}).axes[0].get_ylabel()
    'variance'
    """
    data = as_spectrum("spectrum", spectrum)
    table = schedule_table("schedules", schedules)
    require_some("schedules", table)
    figure = new_figure((6.4, 4.8))
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(2.4, 1.0))
    draw_outputs(upper, lower, data, table, sampler, process)
    return figure


def draw_outputs(
    upper: Axes, lower: Axes, data: Spectrum, shown: Mapping[str, Schedule], sampler: Any, process: Any
) -> None:
    rank, variance, index = _ranked_with_index(data)
    upper.plot(rank, variance, color=BLACK, linewidth=2.6, alpha=0.35, label="data")
    lower.axhline(1.0, color=BLACK, linewidth=2.6, alpha=0.35)
    for k, (name, schedule) in reversed(list(enumerate(shown.items()))):
        output = transfer(data, schedule, sampler=sampler, process=process).variance[index]
        color = VERMILION if k == 0 else cycled(OTHERS, k - 1)
        dash = "-" if k == 0 else cycled(DASHES, k - 1)
        upper.plot(rank, output, color=color, linestyle=dash, linewidth=1.5, label=name)
        lower.plot(rank, np.sqrt(output / variance), color=color, linestyle=dash, linewidth=1.5)
    _spectrum_axes(upper)
    top = float(variance.max())
    upper.set_ylim(max(float(variance.min()), top * DYNAMIC_RANGE) / 10.0, top * 3.0)
    legend(upper, ["data", *shown], loc="lower left")
    # A few directions of hardly any variance may be far off; they must not press the others flat.
    lower.set_ylim(0.0, min(max(1.25, 1.1 * lower.get_ylim()[1]), 3.0))
    lower.set_xscale("log")
    lower.set_ylabel("std ratio")
    lower.set_xlabel("rank of the eigenvalue")
    tidy(lower)


def _spectrum_axes(axes: Axes) -> None:
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_ylabel("variance")
    tidy(axes)


def _ranked(spectrum: Spectrum) -> tuple[FloatArray, FloatArray]:
    rank, variance, _ = _ranked_with_index(spectrum)
    return rank, variance


def _ranked_with_index(spectrum: Spectrum) -> tuple[FloatArray, FloatArray, Any]:
    """Rank (multiplicities counted) and variance, largest first, and where they stand in the spectrum."""
    values, weights = spectrum.eigenvalues, spectrum.weights
    visible = (weights > 0) & (values > max(values.max() * DYNAMIC_RANGE, _LEAST_SHOWN))
    if not visible.any():
        raise ValueError("spectrum holds no positive eigenvalue to show")
    index = np.flatnonzero(visible)
    index = index[np.argsort(values[index], kind="stable")[::-1]]
    behind = np.cumsum(weights[index])
    rank = np.maximum((behind - weights[index] + 1.0 + behind) / 2.0, 0.5)
    if index.size > _MOST_POINTS:
        picked = np.geomspace(1, index.size, _MOST_POINTS).round().astype(np.intp) - 1
        picked = np.unique(picked)
        index, rank = index[picked], rank[picked]
    return rank, values[index], index


def as_spectrum(name: str, value: Any) -> Spectrum:
    if isinstance(value, (list, tuple)) and any(isinstance(entry, Spectrum) for entry in value):
        raise TypeError(f"{name} must be one Spectrum, got a list of them; pass the one to show")
    if has_modes(value):  # a recording knows the spectrum of its network's outputs
        value = getattr(value, "spectrum", value)
    return value if isinstance(value, Spectrum) else Spectrum(value)
