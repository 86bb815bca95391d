"""What the data mean adds to the error: W2^2 = sum (sqrt(lambda) - sqrt(v))^2 + sum (D2 - 1)^2 mu^2.

1 - D2 is in essence the gain of the whole chain from the start, so that the mean matters only where the first
level is low: the sampler then starts from noise that should still carry some signal.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import _common as common
import numpy as np

import specsched as ss
from specsched.testing import paper_case

MEANS = [0.05, 0.5, 5.0]
TOPS = [3.0, 5.0, 10.0, 14.6, 30.0, 80.0, 157.4]
LAST = 0.01


def with_mean(spectrum: ss.Spectrum, mean: float) -> ss.Spectrum:
    """A mean of this size in every eigendirection."""
    return ss.Spectrum(spectrum.eigenvalues, weights=spectrum.weights, mean_power=spectrum.weights * mean**2)


def mean_share(spectrum: ss.Spectrum, schedule: ss.Schedule) -> float:
    """Share of the mean's term in W2^2."""
    result = ss.transfer(spectrum, schedule)
    term = float(spectrum.mean_power @ (result.mean_gain - 1.0) ** 2)
    return term / ss.evaluate(spectrum, schedule, target="data") ** 2


def run(steps: int = 28, means: Sequence[float] = MEANS, tops: Sequence[float] = TOPS) -> dict[str, Any]:
    """Per mean and first level: designs that know the mean, and that do not."""
    case = paper_case()
    rows = []
    for mean in means:
        spectrum = with_mean(case.spectrum, mean)
        for top in tops:
            knows = ss.design(spectrum, steps, sigma_max=top, sigma_min=LAST, target="data")
            blind = ss.design(spectrum.without_mean(), steps, sigma_max=top, sigma_min=LAST, target="data")
            share = mean_share(spectrum, knows.schedule)
            rows.append((mean, top, knows.loss, ss.evaluate(spectrum, blind.schedule, target="data"), share))
    paper = ss.design(case.spectrum, steps, sigma_max=case.sigma_max, sigma_min=case.sigma_min, target="data")
    return {"rows": rows, "steps": steps, "paper_share": mean_share(case.spectrum, paper.schedule)}


def draw(found: dict[str, Any]) -> Any:
    figure, axes = common.panels(1, 2)
    colors = ("#56b4e9", "#0072b2", "#222222")
    for color, mean in zip(colors, sorted({row[0] for row in found["rows"]}), strict=False):
        rows = np.array([row for row in found["rows"] if row[0] == mean])
        axes[0, 0].loglog(rows[:, 1], rows[:, 4], "o-", color=color, label=f"{mean:g}")
        axes[0, 1].semilogx(
            rows[:, 1], 100 * (rows[:, 3] / rows[:, 2] - 1), "o-", color=color, label=f"{mean:g}"
        )
    axes[0, 0].set(ylabel=r"share of the mean in $W_2^2$", title="(a) the mean's share of the error")
    axes[0, 1].set(ylabel=r"excess $W_2$ (%)", title="(b) cost of a design that does not know the mean")
    for ax in axes.flat:
        tops = sorted({row[1] for row in found["rows"]})
        ax.set_xlabel(r"first level $\sigma_S$")
        ax.set_xticks(tops, [f"{top:g}" for top in tops])
        ax.minorticks_off()
        common.legend(ax, "mean, every direction")
    return figure


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    args = common.options(
        __doc__ or "", "docs/images/fig_mean_contribution.png", argv, steps=28, means=MEANS, tops=TOPS
    )
    found = run(args.steps, args.means, args.tops)
    print(f"share of the mean in W2^2, the paper's case (mean 0.05): {found['paper_share']:.1e}\n")
    common.table(
        f"Mean in every eigendirection, S = {args.steps}",
        ("mean", "first level", "W2", "W2 designed without the mean", "mean's share of W2^2"),
        [[*row[:4], f"{row[4]:.2g}"] for row in found["rows"]],
    )
    common.save(draw(found), args.out)
    return found


if __name__ == "__main__":
    main()
