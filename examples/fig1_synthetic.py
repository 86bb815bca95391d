"""Figure 1: the paper's synthetic case.  Sigma_0 = A^T A, A circulant, d = 50; DDIM, VP, W2.

Designed schedules for several numbers of steps, parametric estimates of them, and every heuristic with
the same ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import _common as common
import matplotlib as mpl
import matplotlib.ticker
import numpy as np
from _common import DESIGNED

import specsched as ss
from specsched import fit
from specsched.testing import paper_case

STEPS = [10, 28, 38, 60, 90, 112, 250, 334]
FAMILIES = ("cosine", "sigmoid", "edm")


def run(steps: Sequence[int] = STEPS, compared_at: int = 112) -> dict[str, Any]:
    """Sweep over `steps`; parametric estimates and schedules at `compared_at`."""
    case = paper_case()
    ends = {"sigma_max": case.sigma_max, "sigma_min": case.sigma_min}
    result = common.sweep(case.spectrum, steps, **ends)
    chosen = ss.design(case.spectrum, compared_at, **ends, target="data")
    fits = {family: fit(chosen.schedule, family) for family in FAMILIES}
    return {
        "sweep": result,
        "chosen": chosen,
        "fits": fits,
        "fit_losses": {
            name: ss.evaluate(case.spectrum, f.schedule, target="data") for name, f in fits.items()
        },
        "heuristics": ss.baselines.all_schedules(compared_at, **ends),
    }


def draw(found: dict[str, Any]) -> Any:
    figure, axes = common.panels(3, 2)
    result, chosen = found["sweep"], found["chosen"]
    shades = mpl.colormaps["viridis"](np.linspace(0.0, 0.92, len(result.steps)))
    designed = {f"{count}": d.schedule for count, d in zip(result.steps, result.designs, strict=True)}
    common.draw_schedules(axes[0, 0], designed, dict(zip(designed, shades, strict=True)))
    axes[0, 0].set_title("(a) designed schedules")
    common.legend(axes[0, 0], "steps S")

    near = {name: f.schedule for name, f in found["fits"].items()}
    colors = {
        **dict(zip(near, (common.COLORS[n] for n in FAMILIES), strict=True)),
        DESIGNED: common.COLORS[DESIGNED],
    }
    common.draw_schedules(axes[0, 1], {DESIGNED: chosen.schedule, **near}, colors)
    axes[0, 1].set_title(f"(b) parametric estimates, S = {chosen.schedule.steps}")

    common.draw_schedules(axes[1, 0], {**found["heuristics"], DESIGNED: chosen.schedule})
    axes[1, 0].set_title(f"(c) heuristics with the same ends, S = {chosen.schedule.steps}")

    for name, schedule in designed.items():
        place = np.linspace(1.0, 0.0, schedule.steps + 1)
        axes[1, 1].semilogy(place, schedule.sigmas, color=shades[list(designed).index(name)], label=name)
    axes[1, 1].set(
        title="(d) the same as noise over signal", xlabel="s / S   (clean to noise)", ylabel=r"$\sigma$"
    )

    common.draw_losses(axes[2, 0], result)
    axes[2, 0].set_title("(e) error of the output")
    common.draw_losses(axes[2, 1], result, relative=True)
    axes[2, 1].set_title("(f) error, relative to the design")
    axes[2, 1].set_ylim(0.95, 2.5)
    axes[2, 1].yaxis.set_minor_locator(mpl.ticker.NullLocator())
    axes[2, 1].set_yticks([1, 1.25, 1.5, 2, 2.5], ["1", "1.25", "1.5", "2", "2.5"])
    common.legend(axes[0, 1])
    common.legend_below(figure, axes[2, 0])
    common.legend(axes[1, 1], "steps S")
    return figure


def _parameters(found: Any) -> str:
    return ", ".join(f"{name} {value:.3g}" for name, value in found.parameters.items())


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    args = common.options(__doc__ or "", "docs/images/fig1_synthetic.png", argv, steps=STEPS, compared_at=112)
    found = run(args.steps, args.compared_at)
    common.table(
        "W2 of the design and of the best heuristic", common.GAIN_HEADER, common.gain_rows(found["sweep"])
    )
    rows = [
        [name, loss, f"{1 - found['chosen'].loss / loss:.1%}"] for name, loss in _ordered(found["chosen"])
    ]
    common.table(
        f"Every heuristic at S = {args.compared_at}", ("schedule", "W2", "removed by the design"), rows
    )
    estimates = [[n, _parameters(f), f.error, found["fit_losses"][n]] for n, f in found["fits"].items()]
    common.table(
        f"Parametric estimates of the design at S = {args.compared_at} (its W2: {found['chosen'].loss:.5g})",
        ("family", "parameters", "rms error in abar", "W2"),
        estimates,
    )
    common.save(draw(found), args.out)
    return found


def _ordered(design: ss.Design) -> list[tuple[str, float]]:
    return sorted(design.baselines.items(), key=lambda item: item[1])


if __name__ == "__main__":
    main()
