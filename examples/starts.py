"""Different starts: SLSQP (the paper's optimiser) and Newton from heuristics and from random levels.

Two problems: the synthetic case, where every start leads to the same optimum; and a spectrum 10 / k^2 whose
eigenvalues mostly lie below the square of the last level, where levels can coincide and SLSQP gets stuck.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import _common as common
import numpy as np

import specsched as ss
from specsched.testing import paper_case, power_law

HEURISTICS = ("linear", "cosine", "sigmoid", "edm", "exponential", "beta")


def starts(steps: int, count: int, sigma_max: float, sigma_min: float) -> dict[str, ss.Schedule]:
    """Some heuristics, and levels drawn evenly in log sigma."""
    found = {n: ss.baselines.make(n, steps, sigma_max=sigma_max, sigma_min=sigma_min) for n in HEURISTICS}
    rng = np.random.default_rng(0)
    for k in range(count):
        inner = np.sort(rng.uniform(np.log(sigma_min), np.log(sigma_max), steps - 1))[::-1]
        found[f"random {k}"] = ss.Schedule(np.concatenate([[sigma_max], np.exp(inner), [sigma_min]]))
    return found


def run(steps: int = 28, count: int = 10) -> dict[str, Any]:
    """Design from every start by both methods."""
    case = paper_case()
    problems = {
        "synthetic case": case.spectrum,
        "10 / k^2": power_law(2048, largest=10.0),
    }
    ends = {"sigma_max": case.sigma_max, "sigma_min": case.sigma_min}
    begun = starts(steps, count, *ends.values())
    results = {
        name: {
            method: {
                start: ss.design(s, steps, init=begun[start], method=method, **ends, target="data")
                for start in begun
            }
            for method in ("newton", "slsqp")
        }
        for name, s in problems.items()
    }
    return {"results": results, "starts": begun, "steps": steps}


def excess(found: dict[str, Any], problem: str, method: str) -> np.ndarray:
    """Loss from every start relative to the best known, minus 1."""
    runs = found["results"][problem]
    best = min(design.loss for designs in runs.values() for design in designs.values())
    return np.array([design.loss / best - 1.0 for design in runs[method].values()])


def draw(found: dict[str, Any]) -> Any:
    figure, axes = common.panels(2, 2)
    for row, problem in enumerate(found["results"]):
        ax = axes[row, 0]
        for method, color in (("slsqp", "#0072b2"), ("newton", "#d55e00")):
            for k, design in enumerate(found["results"][problem][method].values()):
                place = np.linspace(1.0, 0.0, design.schedule.steps + 1)
                ax.semilogy(
                    place, design.schedule.sigmas, color=color, lw=1, marker=".", label=None if k else method
                )
        ax.set(
            title=f"{problem}: levels from every start", xlabel="s / S   (clean to noise)", ylabel=r"$\sigma$"
        )
        common.legend(ax)
        ax = axes[row, 1]
        for method, color, marker in (("slsqp", "#0072b2", "o"), ("newton", "#d55e00", "x")):
            ax.semilogy(np.maximum(excess(found, problem, method), 1e-16), marker, color=color, label=method)
        ax.set(title=f"{problem}: loss above the best known", ylabel=r"$W_2$ / best - 1", ylim=(3e-17, 10))
        ax.set_xticks(range(len(found["starts"])), list(found["starts"]), rotation=60, ha="right", fontsize=8)
        common.legend(ax, loc="upper left")
    return figure


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    args = common.options(__doc__ or "", "docs/images/fig_starts.png", argv, steps=28, count=10)
    found = run(args.steps, args.count)
    rows = []
    for problem, runs in found["results"].items():
        for method, designs in runs.items():
            above = excess(found, problem, method)
            iterations = np.median([design.nit for design in designs.values()])
            rows.append(
                [
                    problem,
                    method,
                    f"{(above < 1e-6).sum()} of {above.size}",
                    f"{above.max():.2g}",
                    int(iterations),
                ]
            )
    common.table(
        f"Starts, S = {args.steps}",
        ("problem", "method", "starts at the best optimum (1e-6)", "worst excess", "median iterations"),
        rows,
    )
    common.save(draw(found), args.out)
    return found


if __name__ == "__main__":
    main()
