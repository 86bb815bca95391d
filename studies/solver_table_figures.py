"""Pictures of the comparison of solvers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import _common as common
import _contenders as contenders
import mixture_quality
import numpy as np
from matplotlib import pyplot as plt

Row = Mapping[str, Any]
RATIOS = (1 / 64, 1 / 16, 1 / 4, 1 / 2, 1 / 1.2, 1.0, 1.2, 2.0, 4.0, 16.0, 64.0)
CURVES = ("ddim", "heun", "dpmpp_2m", "unipc", "dpmpp_2m_sde")


def ratios(rows: Sequence[Row], out: Path) -> None:
    """W2 of the best heuristic (left) and of the best tuned one (right) over that of the design."""
    exact = [row for row in rows if row["case"] == "exact"]
    data, solvers, budgets = (
        list(dict.fromkeys(row[k] for row in exact)) for k in ("data", "solver", "budget")
    )
    rivals = ("best heuristic", contenders.TUNED)
    figure, axes = plt.subplots(
        len(data), 2, figsize=(9.0, 3.6 * len(data)), squeeze=False, layout="constrained", sharey=True
    )
    for line, rival in zip(axes.T, rivals, strict=True):
        for ax, name in zip(line, data, strict=True):
            values = np.full((len(solvers), len(budgets)), np.nan)
            for row in exact:
                if row["data"] == name:
                    place = solvers.index(row["solver"]), budgets.index(row["budget"])
                    values[place] = row[rival] / row[contenders.DESIGNED]
            image = _heat(ax, values, solvers, budgets)
            ax.set_title(f"{rival} / designed, {name}")
    bar = figure.colorbar(
        image,
        ax=axes,
        location="bottom",
        shrink=0.8,
        aspect=40,
        label="ratio of W2 distances (above 1: the design is better)",
    )
    bar.set_ticks(
        [np.log2(r) for r in RATIOS], labels=[f"{r:g}" if r >= 1 else f"1/{1 / r:.3g}" for r in RATIOS]
    )
    bar.minorticks_off()
    common.save(figure, out)


def _heat(ax: Any, values: np.ndarray, solvers: Sequence[str], budgets: Sequence[int]) -> Any:
    from matplotlib.colors import SymLogNorm

    image = ax.imshow(
        np.log2(values), cmap="RdBu", norm=SymLogNorm(0.25, vmin=-6, vmax=6, base=2), aspect="auto"
    )
    for (i, j), value in np.ndenumerate(values):
        dark = abs(np.log2(value)) > 2
        text = f"{value:.2f}" if value < 10 else f"{value:.0f}"
        ax.text(j, i, text, ha="center", va="center", fontsize=7, color="white" if dark else "black")
    ax.set_xticks(range(len(budgets)), [str(b) for b in budgets])
    ax.set_yticks(range(len(solvers)), list(solvers))
    ax.set_xlabel("denoiser calls (at most)")
    return image


def curves(rows: Sequence[Row], out: Path) -> None:
    """W2 over denoiser calls, every schedule, for some solvers."""
    exact = [row for row in rows if row["case"] == "exact"]
    data = list(dict.fromkeys(row["data"] for row in exact))
    solvers = [name for name in CURVES if any(row["solver"] == name for row in exact)]
    figure, axes = common.panels(len(solvers), len(data), width=2.7, height=2.4)
    for line, name in zip(axes.T, data, strict=True):
        for ax, solver in zip(line, solvers, strict=True):
            _curve_panel(ax, [r for r in exact if r["data"] == name and r["solver"] == solver])
            ax.set_title(f"{solver}, {name}", fontsize=10)
    for ax in axes[-1]:
        ax.set_xlabel("denoiser calls")
    for ax in axes[:, 0]:
        ax.set_ylabel(r"$W_2$")
    _legend(figure, axes)
    common.save(figure, out)


def _curve_panel(ax: Any, rows: Sequence[Row]) -> None:
    calls = [row["nfe"] for row in rows]
    ends = ([row[f"{end} heuristic"] for row in rows] for end in ("best", "worst"))
    ax.fill_between(calls, *ends, color=common.GREY, linewidth=0.7, alpha=0.5, label="21 heuristics")
    for name, color in mixture_quality.SHOWN.items():
        if name in rows[0]:
            width = 2.2 if name == contenders.DESIGNED else 1.3
            style = "--" if name == contenders.ROBUST else "-"
            values = [row[name] for row in rows]
            ax.plot(calls, values, color=color, linewidth=width, linestyle=style, label=name)
    low = min(row[contenders.DESIGNED] for row in rows)
    high = max(row["best heuristic"] for row in rows)
    ax.set(xscale="log", yscale="log", ylim=(low / 1.4, high * 6))
    ax.set_xticks(calls, [str(call) for call in calls], fontsize=8)
    ax.minorticks_off()


def _legend(figure: Any, axes: np.ndarray) -> None:
    """One legend below the panels."""
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=axes.shape[1], frameon=False, fontsize=9)


def mixture(cells: Sequence[Row], out: Path) -> None:
    """Frechet distance over denoiser calls, with standard errors."""
    data, solvers = (list(dict.fromkeys(cell[k] for cell in cells)) for k in ("data", "solver"))
    figure, axes = common.panels(len(solvers), len(data), width=2.7, height=2.4)
    for line, name in zip(axes.T, data, strict=True):
        for ax, solver in zip(line, solvers, strict=True):
            chosen = [c for c in cells if c["data"] == name and c["solver"] == solver]
            _mixture_panel(ax, chosen)
            ax.set_title(f"{solver}, {name}", fontsize=10)
    for ax in axes[-1]:
        ax.set_xlabel("denoiser calls")
    for ax in axes[:, 0]:
        ax.set_ylabel("Frechet distance")
    _legend(figure, axes)
    common.save(figure, out)


def _mixture_panel(ax: Any, cells: Sequence[Row]) -> None:
    calls = [cell["nfe"] for cell in cells]
    heuristics = [[r["frechet"] for r in c["by"].values() if r["kind"] == "heuristic"] for c in cells]
    ends = ([pick(values) for values in heuristics] for pick in (min, max))
    ax.fill_between(calls, *ends, color=common.GREY, linewidth=0.7, alpha=0.5, label="21 heuristics")
    for name, color in mixture_quality.SHOWN.items():
        values = [cell["by"][name]["frechet"] for cell in cells]
        errors = [cell["by"][name]["frechet_se"] for cell in cells]
        width = 2.2 if name == contenders.DESIGNED else 1.2
        ax.errorbar(calls, values, errors, color=color, linewidth=width, capsize=2, label=name)
    floor = cells[0]["by"]["best heuristic"]["floor"]
    ax.axhline(floor, color="#888888", linewidth=1.0, linestyle=":", label="finite samples")
    high = max(cell["by"]["best heuristic"]["frechet"] for cell in cells)
    ax.set(xscale="log", yscale="log", ylim=(floor / 1.5, high * 6))
    ax.set_xticks(calls, [str(call) for call in calls], fontsize=8)
    ax.minorticks_off()
