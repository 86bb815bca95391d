"""Figure 2: one eigenvalue at a time.

(a) The schedule that is best for a single eigenvalue of the synthetic case is equal angles: sigma =
sqrt(lambda) tan(phi), phi in equal steps.  (b) Relative error of the ten largest eigenvalues over the last 20
of 60 cosine steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import _common as common
import matplotlib as mpl
import numpy as np

import specsched as ss
from specsched.testing import paper_case

LARGEST = 10


def equal_angles(eigenvalue: float, steps: int, sigma_max: float, sigma_min: float) -> np.ndarray:
    """The closed form for a single eigenvalue, noise -> clean."""
    root = np.sqrt(eigenvalue)
    return root * np.tan(np.linspace(np.arctan(sigma_max / root), np.arctan(sigma_min / root), steps + 1))


def run(steps: int = 60, tail: int = 20) -> dict[str, Any]:
    """Designs for one eigenvalue each, and the cosine schedule's trace."""
    case = paper_case()
    ends = {"sigma_max": case.sigma_max, "sigma_min": case.sigma_min}
    order = np.argsort(-case.spectrum.eigenvalues, kind="stable")
    positive = case.spectrum.subset(order).dropped()
    picked = np.unique(np.round(np.geomspace(1, len(positive), 6)).astype(int)) - 1
    single = {
        float(positive.eigenvalues[k]): ss.design(positive.subset(int(k)), steps, **ends, target="data")
        for k in picked
    }
    closed = {value: equal_angles(value, steps, *ends.values()) for value in single}
    cosine = ss.baselines.cosine(steps, **ends)
    trace = ss.transfer(positive.subset(slice(LARGEST)), cosine).trace()
    together = ss.design(case.spectrum, steps, **ends, target="data")
    return {
        "single": single,
        "deviation": {v: float(np.abs(single[v].schedule.sigmas / closed[v] - 1).max()) for v in single},
        "joint": together,
        "joint_loss": {v: ss.evaluate([v], together.schedule, target="data") for v in single},
        "eigenvalues": positive.eigenvalues[:LARGEST],
        "error": trace.relative_error[-tail:],
        "tail": tail,
    }


def draw(found: dict[str, Any]) -> Any:
    figure, axes = common.panels(1, 2)
    single = found["single"]
    shades = mpl.colormaps["viridis"](np.linspace(0.0, 0.92, len(single)))
    names = [f"{value:.3g}" for value in single]
    schedules = {name: d.schedule for name, d in zip(names, single.values(), strict=True)}
    colors = {**dict(zip(names, shades, strict=True)), "all together": common.COLORS[common.DESIGNED]}
    common.draw_schedules(axes[0, 0], {**schedules, "all together": found["joint"].schedule}, colors)
    axes[0, 0].set_title("(a) designed for one eigenvalue")
    common.legend(axes[0, 0], "eigenvalue")

    ax, steps_left = axes[0, 1], np.arange(found["tail"] - 1, -1, -1)
    shades = mpl.colormaps["plasma"](np.linspace(0.0, 0.88, LARGEST))
    for k in range(0, LARGEST, 2):  # the eigenvalues of the circulant case come in pairs
        ax.plot(
            steps_left, 100 * found["error"][:, k], color=shades[k], label=f"{found['eigenvalues'][k]:.3g}"
        )
    ax.set(xlabel="steps left", ylabel="relative error of the variance (%)", xticks=steps_left[::-1][::3])
    ax.invert_xaxis()
    ax.set_title("(b) ten largest eigenvalues, cosine schedule")
    common.legend(ax, "eigenvalue (each twice)")
    return figure


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    args = common.options(__doc__ or "", "docs/images/fig2_eigenvalues.png", argv, steps=60, tail=20)
    found = run(args.steps, args.tail)
    common.table(
        f"Designed for one eigenvalue, S = {args.steps}",
        ("eigenvalue", "W2", "W2 of the design for all", "largest rel. deviation from equal angles"),
        [
            [v, d.loss, found["joint_loss"][v], f"{found['deviation'][v]:.1e}"]
            for v, d in found["single"].items()
        ],
    )
    common.table(
        f"Relative error of the variance, cosine schedule, S = {args.steps}",
        ("eigenvalue", f"{args.tail - 1} steps before the end", "at the end"),
        [
            [float(value), f"{found['error'][0, k]:+.2%}", f"{found['error'][-1, k]:+.2%}"]
            for k, value in enumerate(found["eigenvalues"])
        ],
    )
    common.save(draw(found), args.out)
    return found


if __name__ == "__main__":
    main()
