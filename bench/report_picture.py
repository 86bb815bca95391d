"""Picture of the benchmarks: cost against dimension, steps and threads, each with the peers' curves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from speed import CURVE_PEERS, ONE, TWO, Row, find_row

COLOURS = {
    "specsched": "#D55E00",
    "specsched, every eigenvalue": "#CC79A7",
    "specsched, compressed": "#E69F00",
    "numpy-vectorised": "#8C8C8C",
    "numba": "#009E73",
    "jax": "#0072B2",
    "torch": "#6B4FA0",
    "SLSQP": "#0072B2",
    "trust-constr": "#009E73",
}

Figures = dict[str, Any]

OURS = ("specsched, every eigenvalue", "specsched, compressed")


def _curve(axes: Axes, rows: list[Row], x: str, who: str, label: str) -> None:
    """The least time of one contender, or of several that count as one."""
    names = [name for name in (TWO, ONE) if who == "specsched"] or [
        name for name in (*CURVE_PEERS, *OURS) if name == who or name.startswith(f"{who}-")
    ]
    least: dict[float, float] = {}
    for row in rows:
        if row["who"] in names:
            least[row[x]] = min(least.get(row[x], float("inf")), row["least"])
    points = sorted(least)
    axes.loglog(points, [least[p] for p in points], "o-", ms=3, color=COLOURS[who], label=label)


def _kernel_curves(axes: Axes, rows: list[Row], x: str) -> None:
    for who in ("specsched", *OURS, "numba", "numpy-vectorised", "jax", "torch"):
        _curve(
            axes,
            rows,
            x,
            who,
            {"jax": "JAX jit", "torch": "PyTorch", "numpy-vectorised": "NumPy"}.get(who, who),
        )
    axes.set_ylabel("seconds for loss and gradient")


def _design_curves(axes: Axes, figures: Figures) -> None:
    own = figures["designs"] + figures["many_steps"]
    for case, style in (("synthetic", "o-"), ("photographs", "s--")):
        for who, rows in (
            ("specsched", own),
            ("SLSQP", figures["scipy"]),
            ("trust-constr", figures["scipy"]),
        ):
            least: dict[int, float] = {}
            for row in rows:
                if row["case"] == case and row["who"].startswith(who):
                    least[row["steps"]] = min(least.get(row["steps"], float("inf")), row["least"])
            points = sorted(least)
            if points:
                times, label = [least[s] for s in points], f"{who}, {case}"
                axes.loglog(points, times, style, ms=3, color=COLOURS[who], label=label)
    axes.set_xlabel("steps S")
    axes.set_ylabel("seconds for a design")
    axes.set_title("design of a schedule")


def _thread_bars(axes: Axes, rows: list[Row]) -> None:
    least = float("inf")
    for k, who in enumerate(("specsched", "numba", "torch")):
        for j, dim in enumerate((3072, 65536)):
            one, two = (find_row(rows, who, dim=dim, threads=n)["least"] for n in (1, 2))
            scale = 1e9 / dim / 112
            place = k + 0.44 * j
            axes.bar(place - 0.1, one * scale, 0.2, color=COLOURS[who], alpha=0.45)
            axes.bar(place + 0.1, two * scale, 0.2, color=COLOURS[who])
            axes.text(place, max(one, two) * scale * 1.15, f"d = {dim}", ha="center", fontsize=6)
            least = min(least, one * scale, two * scale)
    axes.set_yscale("log")
    axes.set_ylim(least / 3, 2 * axes.get_ylim()[1])  # room for the lowest bar and the highest label
    axes.set_xticks([0.22, 1.22, 2.22], ["specsched", "numba", "PyTorch"])
    axes.set_ylabel("ns per eigenvalue and step")
    axes.set_title("one thread (pale) and two, S = 112")


def picture(figures: Figures, path: Path) -> None:
    """docs/images/benchmarks.png."""
    figure, axes = plt.subplots(2, 2, figsize=(10, 7.6), layout="constrained")
    curves = figures["curves"]
    panels: list[tuple[Axes, str, Callable[[Row], bool], str]] = [
        (axes[0, 0], "dim", lambda r: r["steps"] == 112, "eigenvalues d"),
        (axes[0, 1], "steps", lambda r: r["dim"] == 3072, "steps S"),
    ]
    for panel, x, fits, label in panels:
        _kernel_curves(panel, [row for row in curves if fits(row)], x)
        panel.set_xlabel(label)
    axes[0, 0].set_title("loss and gradient of DDIM, S = 112")
    axes[0, 1].set_title("loss and gradient of DDIM, d = 3072")
    _design_curves(axes[1, 0], figures)
    _thread_bars(axes[1, 1], figures["threads"])
    for panel in axes.flat:
        panel.grid(True, which="major", alpha=0.3)
    for panel in (axes[0, 0], axes[1, 0]):
        panel.legend(fontsize=8, frameon=False)
    figure.savefig(path, dpi=130)
