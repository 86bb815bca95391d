"""Pictures of a `Recording` and of a `Trial`, which call these functions (so that neither is imported here)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.polynomial import chebyshev

from .._support.checks import FloatArray
from ..plot._style import BLACK, GRAY, VERMILION, legend, new_figure, tidy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SHOWN_LEVELS = 200
_LEAST_NAME = 0.22  # inches of height for each schedule


def figure_of_trial(trial: Any) -> Figure:
    """Errors of all schedules, the best on top, with two standard errors and what the recording predicted."""
    order = np.argsort(trial.errors, kind="stable")
    names = [f"{trial.names[k]} ({trial.samplers[k].name}, {trial.evaluations[k]} calls)" for k in order]
    errors, place = trial.errors[order], np.arange(order.size)
    figure = new_figure((8.0, max(2.2, 1.0 + _LEAST_NAME * order.size)))
    axes = figure.subplots()
    below = np.minimum(2.0 * trial.standard_errors[order], 0.999 * errors)
    bars: Any = [below, 2.0 * trial.standard_errors[order]]
    axes.errorbar(
        errors, place, xerr=bars, fmt="o", color=BLACK, markersize=5, elinewidth=1.2, label="on the network"
    )
    axes.plot(errors[:1], place[:1], "o", color=VERMILION, markersize=7, zorder=3)
    if trial.predicted is not None:
        axes.plot(
            trial.predicted[order], place, "D", color="#0072B2", markersize=9, mfc="none", label="predicted"
        )
    axes.axvline(trial.reference_error, color=GRAY, linestyle=":", label="converged solution")
    axes.set_yticks(place, names)
    axes.invert_yaxis()
    axes.set_xscale("log")
    what = "root mean square error per value" if trial.metric == "RMSE" else trial.metric
    axes.set_xlabel(f"{what}, over {trial.by_start.shape[1]} starts")
    tidy(axes)
    legend(axes, ["on the network", "predicted", "converged solution"], outside=True)
    return figure


def figure_of_recording(recording: Any) -> Figure:
    """Over the levels, a line a band: the denoiser's slope; its roughness as a share of the posterior's spread."""
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LogNorm

    levels = np.geomspace(recording.sigma_floor, recording.sigma_max, _SHOWN_LEVELS)
    x = np.linspace(-1.0, 1.0, _SHOWN_LEVELS)
    variances = np.maximum(recording.variances, 1e-300)
    posterior = variances[:, None] * levels**2 / (variances[:, None] + levels**2)
    shares = np.abs(_series(recording.roughness, x)) / np.sqrt(posterior)
    figure = new_figure((10.0, 4.2))
    left, right = figure.subplots(1, 2)
    low, high = float(variances.min()), float(variances.max())
    scale = ScalarMappable(LogNorm(low, high if high > low else low * 1.001), colormaps["cividis"])
    for b, (slope, share) in enumerate(zip(_series(recording.slope, x), shares, strict=True)):
        color = scale.to_rgba(variances[b])
        left.plot(levels, slope, color=color, linewidth=1.3)
        left.plot(levels, posterior[b] / levels**2, color=color, linewidth=0.8, linestyle=":")
        right.plot(levels, share, color=color, linewidth=1.3)
    left.set_title(
        "slope of the denoiser" + (" (dotted: of Gaussian data)" if recording.measured_slopes else ""),
        fontsize=11,
    )
    right.set_title("roughness, share of the posterior's spread", fontsize=11)
    right.set_yscale("log")
    for axes in (left, right):
        axes.set_xscale("log")
        axes.set_xlabel("noise level σ")
        tidy(axes)
    figure.colorbar(scale, ax=right, label="variance of the band, per direction")
    return figure


def _series(coefficients: FloatArray, x: FloatArray) -> FloatArray:
    return np.asarray(chebyshev.chebval(x, coefficients.T))
