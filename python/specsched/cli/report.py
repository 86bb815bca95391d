"""How results print, for people and as JSON."""

from __future__ import annotations

import math
from textwrap import wrap
from typing import Any

from .. import __version__
from .._support.codes import LOSS_HEADINGS
from ..analysis.losses import Costs
from ..designs.heuristics import Member
from ..designs.result import Design, cost_line
from ..models.recordings.recording import Recording
from ..schedules.schedule import Schedule
from ..spectra.spectrum import Spectrum
from .console import print_table, say, width

_MOST_LEVELS = 40
_LONGEST_LINE = 120
_MOST_ROWS = 8  # of a table of losses; the schedule itself is always among them
_WIDE = 80


def show_spectrum(spectrum: Spectrum, title: str = "Spectrum") -> None:
    """One line: entries, dimension, range."""
    text = repr(spectrum)
    say(f"{title}: {text.partition('(')[2].removesuffix(')') if '(' in text else text}")


def show_data(data: Spectrum | Recording, title: str) -> None:
    """A spectrum in one line, or what a recording says of itself."""
    if isinstance(data, Spectrum):
        show_spectrum(data, title)
    else:
        say(f"{title}: {data!r}")


def show_levels(schedule: Schedule, process: str) -> None:
    """A row per level: sigma, and the two parametrisations that people use for the process."""
    last = "flow time" if process == "flow" else "alpha_bar"
    values = schedule.flow_times if process == "flow" else schedule.alpha_bar
    rows = [
        [str(k), f"{sigma:.5g}", f"{value:.5g}", f"{log_snr:.4g}"]
        for k, (sigma, value, log_snr) in enumerate(
            zip(schedule.sigmas, values, schedule.log_snr, strict=True)
        )
    ]
    if len(rows) > _MOST_LEVELS:
        half = _MOST_LEVELS // 2
        rows = [*rows[:half], ["...", "", "", ""], *rows[-half:]]
    print_table(["level", "sigma", last, "log SNR"], rows, left=())


def show_losses(
    title: str, loss: float, others: dict[str, float], members: dict[str, Member], loss_name: str
) -> None:
    """The schedule among all others, best first, and its gain: the share of their loss that it removes."""
    rows = [(loss, title, "", "")]
    rows += [(value, name, _gain(loss, value), "") for name, value in others.items()]
    rows += [
        (member.loss, f"{name}, tuned", _gain(loss, member.loss), parameters(member.parameters))
        for name, member in members.items()
    ]
    rows.sort(key=lambda row: (row[0], row[1] != title))
    columns = ["schedule", LOSS_HEADINGS[loss_name], "gain"]
    cells = [[name, f"{value:#.5g}", gain] for value, name, gain, _ in rows]
    if members and width() >= _WIDE:
        columns.append("parameters")
        cells = [[*cell, row[3]] for cell, row in zip(cells, rows, strict=True)]
    mine = next(k for k, row in enumerate(rows) if row[1] == title)
    kept = sorted({*range(min(len(rows), _MOST_ROWS)), mine})
    print_table(columns, [cells[k] for k in kept], left=(0, 3), bold=(kept.index(mine),))
    if len(kept) < len(rows):
        say(f"and {len(rows) - len(kept)} more (--json prints all)")


def parameters(values: dict[str, float]) -> str:
    """``name=value`` pairs."""
    return ", ".join(f"{name}={value:.4g}" for name, value in values.items())


def spectrum_document(spectrum: Spectrum) -> dict[str, Any]:
    """The spectrum in a few numbers."""
    return {
        "entries": len(spectrum),
        "dim": spectrum.dim,
        "total_variance": spectrum.total_variance,
        "largest": float(spectrum.eigenvalues.max()),
        "smallest": float(spectrum.eigenvalues.min()),
        "mean_power": float(spectrum.mean_power.sum()),
    }


def data_document(data: Spectrum | Recording) -> dict[str, Any]:
    """A spectrum, or a recording, in a few numbers."""
    if isinstance(data, Spectrum):
        return spectrum_document(data)
    names = ("hash", "starts", "process", "sigma_max", "sigma_floor", "reference_error", "denoiser_error")
    return {"shape": list(data.shape)} | {name: getattr(data, name) for name in names}


def schedule_document(schedule: Schedule) -> dict[str, Any]:
    """The levels, noise -> clean."""
    return {"name": schedule.name, "steps": schedule.steps, "sigmas": schedule.sigmas.tolist()}


def costs_document(costs: Costs) -> dict[str, Any]:
    """What schedule and ends cost; null where the sampler has no limit."""
    return {"limit": costs.schedule, "ends": costs.ends, "data": costs.total}


def show_costs(costs: Costs, start: str) -> None:
    """The three distances, and a sentence where the ends dominate."""
    if costs.ends is None:
        return
    text = cost_line(costs)
    for sentence in (text[0].upper() + text[1:], costs.advice(start)):
        for line in wrap(sentence, min(width(), _LONGEST_LINE)):
            say(line)


def problem_document(sampler: Any, process: str, loss: str, target: str, start: str) -> dict[str, Any]:
    """What was asked."""
    return {
        "specsched": __version__,
        "sampler": {
            "name": sampler.name,
            "options": {key: _or_none(value) for key, value in sampler.options.items()},
        },
        "process": process,
        "loss": loss,
        "target": target,
        "start": start,
    }


def members_document(members: dict[str, Member]) -> dict[str, Any]:
    """Losses and parameters of the tuned heuristics."""
    return {
        name: {"loss": member.loss, "parameters": dict(member.parameters)} for name, member in members.items()
    }


def variant_lines(design: Design) -> list[str]:
    """What a design on a grid, for a neighbourhood or with an eta of its own has to say."""
    lines = []
    if design.timesteps is not None:
        lines.append("timesteps: " + ", ".join(str(t) for t in design.timesteps))
        lines.append(f"On the grid the loss is {design.grid_loss_ratio:.6g} times that of any real levels.")
    if design.neighbourhood is not None:
        own = ", ".join(f"{loss:.5g}" for loss in design.losses)
        lines.append(f"Robust: losses are over {design.neighbourhood}; for the data itself {own}.")
    if "designed, eta=0" in design.baselines:
        lines.append(f"eta: {design.sampler.options['eta']:.5g}")
    return lines


def design_document(design: Design, members: dict[str, Member]) -> dict[str, Any]:
    """A design as JSON."""
    gains = {name: 1.0 - design.loss / value for name, value in design.baselines.items() if value > 0}
    gains |= {f"{name}, tuned": 1.0 - design.loss / m.loss for name, m in members.items() if m.loss > 0}
    return {
        "schedule": schedule_document(design.schedule),
        "value": design.loss,
        "costs": None if design.costs is None else costs_document(design.costs),
        "denoiser_error": design.denoiser_error,
        "success": design.success,
        "message": design.message,
        "method": design.method,
        "kkt_error": design.kkt_error,
        "nit": design.nit,
        "nfev": design.nfev,
        "baselines": design.baselines,
        "tuned": members_document(members),
        "gains": gains,
        **({} if design.timesteps is None else {"timesteps": design.timesteps.tolist()}),
    }


def _or_none(value: float) -> float | None:
    """JSON has no infinity; options use it for "no limit"."""
    return value if math.isfinite(value) else None


def _gain(loss: float, other: float) -> str:
    return f"{100.0 * (1.0 - loss / other):.1f} %" if other > 0 else ""
