"""Looks shared by all pictures: colours, axes, legends, and writing to a file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._support import checks
from .._support.files import staged

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's palette, black and vermilion kept for data and design.
BLACK, VERMILION, GRAY = "#222222", "#D55E00", "#8C8C8C"
OTHERS = ("#0072B2", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#6B4FA0")
DASHES: tuple[Any, ...] = (
    "--",
    "-.",
    (0, (1, 1.2)),
    (0, (6, 1.5)),
    (0, (3, 1, 1, 1, 1, 1)),
    (0, (8, 2, 2, 2)),
)
MARKERS = ("s", "^", "D", "v", "P", "X")


def save_figure(figure: Figure, path: str | os.PathLike[str], *, dpi: int = 150) -> None:
    """Write a figure in the format that the file's ending names; the file appears whole or not at all.

    `dpi`, dots per inch, lies within 10 (letters of three dots) and 2400 (24,000 dots for ten inches).

    Raises
    ------
    TypeError
        If `figure` is no figure.
    ValueError
        If Matplotlib cannot write such a file (the message lists the endings), or `dpi` is out of its range.
    OSError
        If the file cannot be written; then nothing is left behind.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from specsched.plot import plot_spectrum, save_figure
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "spectrum.png"
    ...     save_figure(plot_spectrum([4.0, 1.0]), path)
    ...     path.read_bytes()[1:4]
    b'PNG'
    """
    check_ending(path)  # which says what is missing without Matplotlib
    from matplotlib.figure import Figure

    checks.instance("figure", figure, Figure)
    dots = checks.real("dpi", dpi, minimum=10, maximum=2400)
    # The ending, not the name of the file beside it, says what is written: links may have another one.
    kind = Path(path).suffix.lower().removeprefix(".")
    with staged(path) as beside:
        figure.savefig(beside, dpi=dots, format=kind)


def check_ending(path: str | os.PathLike[str]) -> None:
    """Raise ValueError where Matplotlib cannot write a file with this ending, ImportError without it."""
    known = new_figure((1.0, 1.0)).canvas.get_supported_filetypes()
    suffix = Path(path).suffix.lower().removeprefix(".")
    if suffix not in known:
        endings = ", ".join(f".{name}" for name in sorted(known))
        raise ValueError(
            f"cannot write a picture to {os.fspath(path)!r}; its ending must be one of {endings}"
        )


def new_figure(size: tuple[float, float]) -> Figure:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError("pictures need Matplotlib: pip install 'specsched[plot]'") from None
    return Figure(figsize=size, layout="constrained")


def cycled(values: Sequence[Any], k: int) -> Any:
    return values[k % len(values)]


def whole_numbers(axes: Axes) -> None:
    """Ticks at whole numbers only: there is no step 2.5."""
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(nbins="auto", integer=True))


def tidy(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(True, which="major", color="#E6E6E6", linewidth=0.7)
    axes.set_axisbelow(True)


def plain_numbers(axis: Any, low: float, high: float) -> None:
    """1, 2, 5 as plain numbers on a logarithmic axis of few decades, where powers of ten are too sparse."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    if high < 300.0 * low:
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axis.set_major_formatter(FuncFormatter(lambda value, position: f"{value:g}"))
        axis.set_minor_formatter(NullFormatter())


def legend(axes: Axes, names: Sequence[str], loc: str = "best", *, outside: bool = False) -> None:
    """Legend of what is drawn, in the order of `names`: the order of drawing is another matter."""
    handles, labels = axes.get_legend_handles_labels()
    found = dict(zip(labels, handles, strict=True))
    shown = [name for name in names if name in found]
    place: Any = {"loc": "center left", "bbox_to_anchor": (1.0, 0.5)} if outside else {"loc": loc}
    axes.legend([found[name] for name in shown], shown, frameon=False, fontsize=9, handlelength=2.8, **place)
