"""The synthetic case again: for KL in both directions, for DDPM and for the variance-exploding process."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import _common as common

from specsched.testing import paper_case

STEPS = [10, 28, 60, 112, 250]
KINDS: dict[str, dict[str, Any]] = {
    "DDIM, W2": {},
    "DDIM, KL(data || model)": {"loss": "kl"},
    "DDIM, KL(model || data)": {"loss": "reverse_kl"},
    "DDPM, W2": {"sampler": "ddpm"},
    "DDPM, KL(data || model)": {"sampler": "ddpm", "loss": "kl"},
    "DDIM on VE, W2": {"process": "ve"},
}


def run(steps: Sequence[int] = STEPS) -> dict[str, common.Sweep]:
    """A sweep for every kind; the one zero eigenvalue is left out of all, since KL is infinite there."""
    case = paper_case()
    spectrum = case.spectrum.dropped()
    ends = {"sigma_max": case.sigma_max, "sigma_min": case.sigma_min}
    return {kind: common.sweep(spectrum, steps, **ends, **choice) for kind, choice in KINDS.items()}


def draw(found: dict[str, common.Sweep]) -> Any:
    figure, axes = common.panels(4, 2)
    places = [*axes[1], *axes[2], *axes[3]]
    for ax, (kind, result) in zip(places, found.items(), strict=True):
        unit = "nats" if "KL" in kind else r"$W_2$"
        common.draw_losses(ax, result, unit)
        ax.set_title(kind)
    common.legend_below(figure, places[0])
    colors = dict(zip(found, ("#d55e00", "#0072b2", "#56b4e9", "#009e73", "#e69f00", "#cc79a7"), strict=True))
    for ax, drawn in ((axes[0, 0], 1), (axes[0, 1], len(STEPS) // 2)):
        schedules = {
            kind: result.designs[min(drawn, len(result.designs) - 1)].schedule
            for kind, result in found.items()
        }
        common.draw_schedules(ax, schedules, colors)
        ax.set_title(f"designed schedules, S = {next(iter(schedules.values())).steps}")
        common.legend(ax, loc="lower left")
    return figure


def main(argv: Sequence[str] | None = None) -> dict[str, common.Sweep]:
    args = common.options(__doc__ or "", "docs/images/fig_losses_and_samplers.png", argv, steps=STEPS)
    found = run(args.steps)
    for kind, result in found.items():
        common.table(kind, common.GAIN_HEADER, common.gain_rows(result))
    common.save(draw(found), args.out)
    return found


if __name__ == "__main__":
    main()
