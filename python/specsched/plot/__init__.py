"""Pictures of schedules, spectra and designs, as Matplotlib figures.

Every function returns a new `matplotlib.figure.Figure` that belongs to no window and no global list;
notebooks show it, `save_figure` writes it. Colours are those of Okabe and Ito, which stay apart for
colour-blind readers; every line also differs in its marker or dash.
"""

from __future__ import annotations

from ._style import check_ending, save_figure
from .designs import best_baselines, plot_comparison, plot_design
from .schedules import plot_schedules
from .spectra import plot_outputs, plot_spectrum
from .traces import plot_trace

__all__ = [
    "best_baselines",
    "check_ending",
    "plot_comparison",
    "plot_design",
    "plot_outputs",
    "plot_schedules",
    "plot_spectrum",
    "plot_trace",
    "save_figure",
]
