"""What a designed solver is: its coefficients beside those of DPM-Solver++(2M), (3M) and UniPC, and how it fails.

A spectrum k^-2 of 2048 directions, order 3, from sigma = 14.6 to 0, of a network that is not asked below .03: every run
ends in its prediction there, and losses are distances to that. Fixed solvers are shown on the designed levels, so that
the coefficients can be compared; losses are those with the levels designed for each of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import _common as common
import numpy as np

import specsched as ss
from specsched.analysis.modes import Modes
from specsched.testing import power_law

FIXED = {
    "DPM-Solver++(2M)": ss.samplers.DPMpp2M(),
    "DPM-Solver++(3M)": ss.samplers.DPMpp3M(),
    "UniPC-3, predictor": ss.samplers.UniPC(order=3, corrector=False),
}
COLORS = {
    "designed": "#d55e00",
    "trusting": "#e69f00",
    "DPM-Solver++(2M)": "#0072b2",
    "DPM-Solver++(3M)": "#009e73",
    "UniPC-3, predictor": "#cc79a7",
}
ENDS = {"sigma_max": 14.6, "sigma_floor": 0.03}


def table(sampler: Any, schedule: ss.Schedule) -> np.ndarray:
    """Coefficients on two earlier predictions, shape (steps, 2); NaN where a prediction does not exist."""
    found = ss.samplers.as_multistep(sampler, schedule, order=3)
    values = np.array(found.coefficients)
    values[np.triu_indices_from(values)] = np.nan
    return values


def run(steps: int = 8) -> dict[str, Any]:
    """The designs, the tables, and the losses when every prediction errs."""
    spectrum = power_law(2048, largest=100.0)
    free = ss.samplers.Multistep(order=3)
    designs = {
        "designed": ss.design(spectrum, steps, sampler=free, **ENDS),
        "trusting": ss.design(spectrum, steps, sampler=free, denoiser_error=0.0, **ENDS),
    }
    fixed = {name: ss.design(spectrum, steps, sampler=solver, **ENDS) for name, solver in FIXED.items()}
    levels = designs["designed"].schedule
    tables = {name: table(design.sampler, design.schedule) for name, design in designs.items()}
    tables |= {name: table(solver, levels) for name, solver in FIXED.items()}
    floored = Modes.gaussian(spectrum, ENDS["sigma_max"], sigma_floor=ENDS["sigma_floor"])
    errors = np.array([0.0, *np.geomspace(1e-3, 0.3, 13)])
    losses = {
        name: np.array(
            [
                ss.evaluate(floored, design.schedule, sampler=design.sampler, denoiser_error=error)
                for error in errors
            ]
        )
        for name, design in {**designs, **fixed}.items()
    }
    return {"designs": {**designs, **fixed}, "tables": tables, "errors": errors, "losses": losses}


def draw(found: dict[str, Any]) -> Any:
    figure, axes = common.panels(2, 2)
    for column in (0, 1):
        ax = axes[0, column]
        for name, values in found["tables"].items():
            if name != "trusting" and not (column == 1 and "2M" in name):
                ax.plot(values[:, column], marker="o", ms=4, color=COLORS[name], label=name)
        ax.axhline(0.0, color=common.GREY, lw=0.8, zorder=0)
        ax.set(title=f"coefficient $c_{{n,{column + 1}}}$", xlabel="step n   (noise to clean)")
        common.legend(ax)
    ax = axes[1, 0]
    for column, style in ((0, "-"), (1, "--")):
        ax.plot(
            found["tables"]["trusting"][:, column],
            style,
            marker="o",
            ms=4,
            color=COLORS["trusting"],
            label=f"$c_{{n,{column + 1}}}$, predictions trusted",
        )
        ax.plot(
            found["tables"]["designed"][:, column],
            style,
            color=COLORS["designed"],
            label=f"$c_{{n,{column + 1}}}$, with an allowance",
        )
    ax.axhline(0.0, color=common.GREY, lw=0.8, zorder=0)
    ax.set(title="designed for exact predictions", xlabel="step n   (noise to clean)")
    common.legend(ax)
    ax = axes[1, 1]
    for name, values in found["losses"].items():
        ax.loglog(found["errors"][1:], values[1:], color=COLORS[name], label=name)
    ax.set_yticks([0.01, 0.1, 1.0], ["0.01", "0.1", "1"])
    ax.minorticks_off()
    ax.set(title="loss when predictions err", xlabel="error, share of the posterior's spread", ylabel="loss")
    common.legend(ax)
    return figure


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    args = common.options(__doc__ or "", "docs/images/designed_solver.png", argv, steps=8)
    found = run(args.steps)
    rows = [
        [
            name,
            *(
                f"{np.interp(error, found['errors'], found['losses'][name]):.4g}"
                for error in (0.0, 0.06, 0.12)
            ),
            " ".join(f"{level:.3g}" for level in design.schedule),
        ]
        for name, design in found["designs"].items()
    ]
    common.table(
        f"{args.steps} steps", ("solver", "loss", "with error .06", "with error .12", "levels"), rows
    )
    common.save(draw(found), args.out)
    return found


if __name__ == "__main__":
    main()
