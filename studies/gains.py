"""The README's tables of gains: ten steps on real photographs, every heuristic, every tuned family, the design.

python studies/gains.py
"""

from __future__ import annotations

from collections.abc import Sequence

import specsched as ss
from specsched.sources import load_spectrum

SAMPLERS = ("ddim", "ddpm", "heun", "dpmpp_2m", "unipc", "dpmpp_2m_sde")
ENDS = ((157.4, 0.01), (14.61, 0.03))  # the paper's first level, and Stable Diffusion's ends
STEPS = 10


def row(spectrum: ss.Spectrum, sampler: str, high: float, floor: float) -> str:
    """One line of Markdown. All are judged with the errors of predictions that the design allows for."""
    ends = {"sigma_max": high, "sigma_min": 0.0, "sigma_floor": floor}
    design = ss.design(spectrum, STEPS, sampler=sampler, **ends)
    error = design.denoiser_error

    def loss(schedule: ss.Schedule) -> float:
        return ss.evaluate(spectrum, schedule, sampler=sampler, denoiser_error=error)

    untuned = {name: loss(s) for name, s in ss.baselines.all_schedules(STEPS, **ends).items()}
    found = ss.tuned(spectrum, STEPS, sampler=sampler, denoiser_error=error, **ends)
    tuned = {name: loss(fit.schedule) for name, fit in found.items()}
    best, best_tuned = min(untuned, key=untuned.__getitem__), min(tuned, key=tuned.__getitem__)
    designed = loss(design.schedule)
    gains = [f"{100 * (1 - designed / other):.0f} %" for other in (untuned[best], tuned[best_tuned])]
    cells = [
        f"`{sampler}`",
        f"{untuned['linear']:.3g}",
        f"{untuned['edm']:.3g}",
        f"{untuned[best]:.3g} ({best})",
        f"{tuned[best_tuned]:.3g} ({best_tuned})",
        f"**{designed:.3g}**",
        " / ".join(gains),
    ]
    return f"| {' | '.join(cells)} |"


def main(samplers: Sequence[str] = SAMPLERS) -> list[str]:
    """Print the rows for both pairs of ends, and what the ends cost."""
    spectrum = load_spectrum("photographs", size=32)
    rows = []
    for high, floor in ENDS:
        print(f"\nfrom {high} to {floor}, then 0")
        for sampler in samplers:
            rows.append(row(spectrum, sampler, high, floor))
            print(rows[-1], flush=True)
        schedule = ss.baselines.edm(STEPS, sigma_max=high, sigma_min=0.0, sigma_floor=floor)
        ends = ", ".join(f"{s} {ss.costs(spectrum, schedule, sampler=s).ends:.2g}" for s in samplers)
        print(f"the ends cost: {ends}")
    return rows


if __name__ == "__main__":
    main()
