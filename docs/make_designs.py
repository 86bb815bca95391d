"""Designs for the page in the browser: `python docs/make_designs.py` writes docs/_static/browser/designs.js.

One design for every combination of spectrum, ends, solver and number of steps; each takes some milliseconds to a
second. Levels have four digits and losses three, which is what a screen shows.
"""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

import specsched as ss

EXPONENTS = (1.0, 1.5, 2.0, 2.5, 3.0)
ENDS = {
    "Stable Diffusion, 14.6 to 0.029": {"sigma_max": 14.6146, "sigma_floor": 0.0291675},
    "EDM, 80 to 0.002": {"sigma_max": 80.0, "sigma_floor": 0.002},
    "the paper's, 157 to 0.01": {"sigma_max": 157.4, "sigma_floor": 0.01},
}
SAMPLERS = ("ddim", "ddpm", "heun", "dpmpp_2m", "dpmpp_2m_sde", "unipc")
STEPS = (4, 5, 6, 7, 8, 10, 12, 14, 16, 20)
RIVALS = ("linear", "cosine", "edm", "exponential")
SIDE, VARIANCE = 32, 0.25


def spectrum(exponent: float) -> ss.Spectrum:
    """Images of 32 x 32 pixels whose power falls with frequency^exponent; variance of a pixel 1/4."""
    along = np.fft.fftfreq(SIDE, 1.0 / SIDE)
    frequency = np.hypot(*np.meshgrid(along, along))
    power = np.maximum(frequency, 1.0) ** -exponent
    return ss.Spectrum((power / power.mean() * VARIANCE).ravel())


def rounded(value: float, digits: int) -> float:
    return float(f"{value:.{digits}g}")


def entry(data: ss.Spectrum, sampler: str, steps: int, ends: dict[str, float]) -> dict[str, Any]:
    found = ss.design(data, steps, sampler=sampler, **ends)
    best = min((loss, name) for name, loss in found.baselines.items() if name in ss.baselines.TABLE)
    losses = {name: rounded(found.baselines[name], 3) for name in RIVALS}
    return {
        "levels": [rounded(level, 4) for level in found.schedule.sigmas],
        "loss": rounded(found.loss, 3),
        "best": [best[1], rounded(best[0], 3)],
        "rivals": list(losses.values()),
    }


def make(
    exponents: tuple[float, ...] = EXPONENTS,
    samplers: tuple[str, ...] = SAMPLERS,
    steps: tuple[int, ...] = STEPS,
) -> dict[str, Any]:
    """Everything that the page shows; `designs` in the order of the axes, the last one fastest."""
    spectra = [spectrum(exponent) for exponent in exponents]
    designs = [
        entry(data, sampler, count, ends)
        for data, ends, sampler, count in product(spectra, ENDS.values(), samplers, steps)
    ]
    levels = {
        name: [
            [
                [rounded(s, 4) for s in ss.baselines.make(name, count, sigma_min=0.0, **ends).sigmas]
                for count in steps
            ]
            for ends in ENDS.values()
        ]
        for name in RIVALS
    }
    axes = {"exponents": exponents, "ends": list(ENDS), "samplers": samplers, "steps": steps}
    curves = [np.sort(data.eigenvalues)[::-1][::16].tolist() for data in spectra]
    return {
        **axes,
        "spectra": [[rounded(value, 3) for value in curve] for curve in curves],
        "rivals": RIVALS,
        "rival_levels": levels,
        "designs": designs,
    }


if __name__ == "__main__":
    # A script rather than JSON: browsers read it from a folder too, without a server.
    path = Path(__file__).parent / "_static" / "browser" / "designs.js"
    text = json.dumps(make(), separators=(",", ":"))
    path.write_text(f"window.specschedDesigns = {text};\n", encoding="utf-8")
    print(f"{path}: {path.stat().st_size / 1000:.0f} kB")
