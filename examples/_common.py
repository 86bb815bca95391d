"""What the experiments share: options, tables, sweeps over the number of steps, the look of the pictures."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
import matplotlib.pyplot as plt
import matplotlib.ticker
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import specsched as ss

DESIGNED = "designed"
COLORS = {
    DESIGNED: "#d55e00",
    "linear": "#6b4fa0",
    "cosine": "#0072b2",
    "sigmoid": "#009e73",
    "edm": "#cc79a7",
    "exponential": "#e69f00",
    "flow_uniform": "#56b4e9",
}
"""The schedules that every picture names; all others are thin grey lines. The library's own pictures agree."""

BLACK = "#222222"
"""Data and references."""

GREY = "#c4c4c4"
OTHERS = "other heuristics"


@dataclass(frozen=True)
class Sweep:
    """Losses over the number of steps: arrays of shape (len(steps),), the design's and every baseline's."""

    steps: np.ndarray
    designs: list[ss.Design]
    designed: np.ndarray
    baselines: dict[str, np.ndarray]

    def best(self) -> list[tuple[str, float]]:
        """Name and loss of the best baseline at every number of steps."""
        ranked = [
            sorted((values[k], name) for name, values in self.baselines.items())
            for k in range(len(self.steps))
        ]
        return [(names[0][1], float(names[0][0])) for names in ranked]


def sweep(spectrum: Any, steps: Sequence[int], **options: Any) -> Sweep:
    """Design for every number of steps; `options` go to `specsched.design`."""
    designs = [ss.design(spectrum, count, **options, target="data") for count in steps]
    names = [name for name in designs[0].baselines if name in ss.baselines.TABLE]
    return Sweep(
        np.asarray(steps),
        designs,
        np.array([design.loss for design in designs]),
        {name: np.array([design.baselines[name] for design in designs]) for name in names},
    )


def options(text: str, default_out: str, argv: Sequence[str] | None, **flags: Any) -> argparse.Namespace:
    """Command line of an experiment: `--out` and its own flags, given as name=default (a list takes many)."""
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(default_out), help="where the picture goes")
    for name, default in flags.items():
        many = isinstance(default, (list, tuple))
        kind = type(default[0]) if many else type(default)
        parser.add_argument(
            f"--{name.replace('_', '-')}", type=kind, default=default, nargs="+" if many else None, help=" "
        )
    return parser.parse_args(argv)


def table(title: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Print a Markdown table (numbers to five digits) and return it."""
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [max(len(row[k]) for row in [list(header), *cells]) for k in range(len(header))]

    def line(row: Sequence[str]) -> str:
        return "| " + " | ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) + " |"

    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    text = "\n".join([f"{title}\n", line(header), rule, *map(line, cells)]) + "\n"
    print(text)
    return text


def _cell(value: Any) -> str:
    return f"{value:.5g}" if isinstance(value, (float, np.floating)) else str(value)


def gain_rows(result: Sweep) -> list[list[Any]]:
    """Steps, designed loss, best baseline and what the design removes of it."""
    return [
        [int(count), design.loss, name, loss, f"{1 - design.loss / loss:.1%}"]
        for count, design, (name, loss) in zip(result.steps, result.designs, result.best(), strict=True)
    ]


GAIN_HEADER = ("S", "designed", "best heuristic", "its loss", "removed")


def panels(rows: int, columns: int, *, width: float = 4.4, height: float = 3.4) -> tuple[Figure, np.ndarray]:
    """A figure with a grid of axes, shape (rows, columns); two columns are as wide as a page can show."""
    figure, axes = plt.subplots(
        rows, columns, figsize=(width * columns, height * rows), squeeze=False, layout="constrained"
    )
    for ax in axes.flat:
        ax.spines[["top", "right"]].set_visible(False)
        ax.grid(True, color="#ececec", linewidth=0.8)
        ax.set_axisbelow(True)
    return figure, axes


def draw_schedules(ax: Axes, schedules: Mapping[str, Any], colors: Mapping[str, Any] | None = None) -> None:
    """abar over s/S, s = 0 clean ... S noise (the paper's axes); what `colors` lacks is a thin grey line."""
    palette = COLORS if colors is None else colors
    for name in sorted(schedules, key=lambda n: (n in palette, n == DESIGNED)):
        schedule = schedules[name]
        place = np.arange(schedule.steps, -1, -1) / schedule.steps
        _line(ax, place, schedule.alpha_bar, name, palette)
    ax.set(xlabel="s / S   (clean to noise)", ylabel=r"$\bar\alpha$")


def draw_losses(ax: Axes, result: Sweep, label: str = r"$W_2$", *, relative: bool = False) -> None:
    """Loss over the number of steps, design and every baseline; `relative` to the design's."""
    unit = result.designed if relative else 1.0
    lines = {**result.baselines, DESIGNED: result.designed}
    for name in sorted(lines, key=lambda n: (n in COLORS, n == DESIGNED)):
        _line(ax, result.steps, lines[name] / unit, name, COLORS)
    best = np.array([loss for _, loss in result.best()])
    ax.plot(result.steps, best / unit, color=BLACK, linewidth=1.2, linestyle="--", label="best heuristic")
    ax.set(
        xscale="log",
        yscale="log",
        xlabel="steps S",
        ylabel=f"{label} / that of the design" if relative else label,
    )
    ax.set_xticks(result.steps, _apart(result.steps))
    ax.xaxis.set_minor_locator(mpl.ticker.NullLocator())


def _apart(counts: np.ndarray) -> list[str]:
    """Labels of a logarithmic axis; those that would touch the one before are left out."""
    labels, last = [], 0.0
    for count in counts:
        far = count > 1.35 * last
        labels.append(str(count) if far else "")
        last = float(count) if far else last
    return labels


def draw_spectrum(ax: Axes, spectra: Mapping[str, ss.Spectrum]) -> None:
    """Eigenvalues in falling order over their rank, multiplicities counted."""
    for (name, spectrum), color in zip(spectra.items(), (BLACK, "#0072b2"), strict=False):
        order = np.argsort(-spectrum.eigenvalues)
        rank = np.cumsum(spectrum.weights[order])
        values = spectrum.eigenvalues[order]
        ax.plot(rank[values > 0], values[values > 0], label=name, color=color, linewidth=1.6)
    ax.set(xscale="log", yscale="log", xlabel="rank", ylabel="eigenvalue")
    ax.legend(frameon=False, fontsize=8)


def _line(ax: Axes, x: Any, y: Any, name: str, palette: Mapping[str, Any]) -> None:
    if name not in palette:
        known = ax.get_legend_handles_labels()[1]
        ax.plot(x, y, color=GREY, linewidth=0.8, label=None if OTHERS in known else OTHERS)
        return
    ax.plot(x, y, color=palette[name], label=name, linewidth=2.4 if name == DESIGNED else 1.4)


def legend(ax: Axes, title: str | None = None, **place: Any) -> None:
    """A frameless legend."""
    ax.legend(frameon=False, fontsize=8, title=title, title_fontsize=8, **place)


def legend_below(figure: Figure, ax: Axes) -> None:
    """One legend for the whole figure, below it, from the lines of `ax`."""
    handles, labels = ax.get_legend_handles_labels()
    columns = (len(labels) + 1) // 2
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, frameon=False, fontsize=9)


def save(figure: Figure, out: Path) -> None:
    """Write the picture and say where."""
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=110)
    plt.close(figure)
    print(f"picture: {out}")
