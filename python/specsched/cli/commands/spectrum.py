"""``specsched spectrum``: the spectrum of data, to look at and to keep."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from ...spectra.spectrum import Spectrum
from .. import report
from ..console import print_json, print_table, say
from ..files import Outputs
from ..options import DataOptions
from ..work import DATA_HELP, read_spectrum


def run(
    data: Annotated[str, typer.Argument(metavar="DATA", help=DATA_HELP)],
    reading: DataOptions,
    out: Annotated[Path | None, typer.Option(help="Save the spectrum (.npz or .json).")] = None,
    plot: Annotated[Path | None, typer.Option(help="Save a picture (.png, .pdf, .svg, ...).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Estimate the spectrum of DATA, print its range, and save it: other commands read it in an instant."""
    outputs = Outputs([data])
    outputs.check("--out", out, (".npz", ".json"))
    outputs.check_picture("--plot", plot)
    spectrum = read_spectrum(data, reading)
    outputs.add(out, spectrum.save)
    if plot is not None:
        from ...plot import plot_spectrum, save_figure

        figure = plot_spectrum(spectrum)
        outputs.add(plot, lambda path: save_figure(figure, path))
    outputs.write()
    if as_json:
        print_json(report.spectrum_document(spectrum))
        return
    report.show_spectrum(spectrum, data)
    say()
    _show_shares(spectrum)
    for path in filter(None, (out, plot)):
        say(f"saved {path}")


def _show_shares(spectrum: Spectrum) -> None:
    """How few directions carry most of the variance."""
    order = np.argsort(spectrum.eigenvalues)[::-1]
    values, counts = spectrum.eigenvalues[order], spectrum.weights[order]
    total = spectrum.total_variance
    if total <= 0:
        return
    share = np.cumsum(values * counts) / total
    rows = []
    for wanted in (0.5, 0.9, 0.99, 0.999):
        k = min(int(np.searchsorted(share, wanted)), len(values) - 1)
        rows.append([f"{100 * wanted:g} %", f"{counts[: k + 1].sum():.6g}", f"{values[k]:.4g}"])
    print_table(["variance", "directions", "least eigenvalue"], rows, left=())
