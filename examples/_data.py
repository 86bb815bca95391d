"""One experiment on measured spectra, which the pictures of photographs and of sound share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import _common as common
from _common import DESIGNED
from matplotlib.axes import Axes

import specsched as ss

PAPER_ENDS = {"sigma_max": 157.4, "sigma_min": 0.01}
CLEAN_ENDS = {"sigma_max": 157.4, "sigma_min": 0.0, "sigma_floor": 0.002}


@dataclass(frozen=True)
class Study:
    """Designs for a spectrum with both kinds of ends, and how well those of a second estimate carry over."""

    spectra: dict[str, ss.Spectrum]  # the first one is designed for, the second is another estimate of it
    paper: common.Sweep  # last level 0.01
    clean: common.Sweep  # last level 0, no other below 0.002
    carried: list[float]  # loss of the clean designs for the second estimate, on the first


def study(spectra: dict[str, ss.Spectrum], steps: Sequence[int]) -> Study:
    """Design for every number of steps."""
    first, second = spectra.values()
    carried = [
        ss.evaluate(first, ss.design(second, count, **CLEAN_ENDS, target="data").schedule, target="data")
        for count in steps
    ]
    return Study(
        spectra, common.sweep(first, steps, **PAPER_ENDS), common.sweep(first, steps, **CLEAN_ENDS), carried
    )


def draw(found: Study, draw_data: Callable[[Axes], None]) -> Any:
    """Data, spectra, schedules at the middle number of steps, and loss over the number of steps."""
    figure, axes = common.panels(2, 2)
    draw_data(axes[0, 0])
    common.draw_spectrum(axes[0, 1], found.spectra)
    axes[0, 1].set_title("(b) spectra")
    design = found.clean.designs[len(found.clean.designs) // 2]
    heuristics = ss.baselines.all_schedules(design.schedule.steps, **CLEAN_ENDS)
    common.draw_schedules(axes[1, 0], {**heuristics, DESIGNED: design.schedule})
    axes[1, 0].set_title(f"(c) schedules that end at 0, S = {design.schedule.steps}")
    common.draw_losses(axes[1, 1], found.clean)
    axes[1, 1].set_title("(d) error of the output, last level 0")
    common.legend_below(figure, axes[1, 1])
    return figure


def report(found: Study) -> None:
    """Print gains with both kinds of ends, and what designing for the other estimate costs."""
    for sweep, title in ((found.paper, "last level 0.01"), (found.clean, "last level 0, floor 0.002")):
        common.table(f"W2, {title}", common.GAIN_HEADER, common.gain_rows(sweep))
    first, second = found.spectra
    common.table(
        f"Designed for the {second} estimate, evaluated on the {first} one (last level 0)",
        ("S", "W2", "W2 of the design for it", "best heuristic"),
        [
            [int(count), loss, designed, best]
            for count, loss, designed, (_, best) in zip(
                found.clean.steps, found.carried, found.clean.designed, found.clean.best(), strict=True
            )
        ],
    )
