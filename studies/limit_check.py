"""Is every design at least as good as every heuristic, by the loss that it minimised?

    python studies/limit_check.py [--every 7] [--out table.md]

Data sets x ends x deterministic solvers x numbers of calls x errors of the predictions; a row for every solver.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import specsched as ss
from specsched import sources
from specsched.designs.modes.problem import Asked, make_modes_problem
from specsched.designs.problem import Options

ENDS: dict[str, dict[str, Any]] = {
    "Stable Diffusion, 14.61 and .03": {"sigma_max": 14.61, "sigma_floor": 0.03},
    "EDM, 80 and .002": {"sigma_max": 80.0, "sigma_floor": 0.002, "process": "ve"},
    "the paper, 157.4 and .01": {"sigma_max": 157.4, "sigma_min": 0.01},
    "flow, t = .999": {"sigma_max": 999.0, "sigma_floor": 0.01, "process": "flow"},
}
ERRORS: tuple[float | None, ...] = (0.0, 0.03, 0.1, None)
CALLS = (4, 6, 8, 12, 20, 32, 50)
TWO_CALLS = ("heun", "dpm_2", "dpmpp_2s")
SOLVERS = (
    "ddim",
    "heun",
    "dpm_2",
    "dpmpp_2s",
    "dpmpp_singlestep",
    "dpmpp_2m",
    "dpmpp_3m",
    "dpm_multistep",
    "unipc",
    "deis",
    "ipndm",
    "plms",
    "lms",
)
NEEDS_NOISE = ("dpm_multistep",)


class Row(NamedTuple):
    """One design: its loss over that of the best heuristic, as minimised and for the exact denoiser."""

    solver: str
    data: str
    ends: str
    calls: int
    error: float | None
    minimised: float
    exact: float
    seconds: float


def spectra() -> dict[str, ss.Spectrum]:
    """What designs are made for, compressed once."""
    found = {
        "power law 1": ss.Spectrum(100.0 * np.arange(1, 513) ** -1.0),
        "power law 2": ss.Spectrum(1000.0 * np.arange(1, 513) ** -2.0),
    }
    for size in (16, 32, 64):
        found[f"photographs {size}"] = sources.load_spectrum("photographs", size=size, estimator="stationary")
    found["digits"] = sources.load_spectrum("digits")
    found["sound"] = sources.load_spectrum("sound")
    return {name: spectrum.compress(1e-10) for name, spectrum in found.items()}


def problems(every: int) -> Iterator[tuple[str, str, str, int, float | None]]:
    """Solver, data, ends, calls and error of every n-th problem, the same ones each time."""
    found = itertools.product(SOLVERS, spectra(), ENDS, CALLS, ERRORS)
    return itertools.islice(found, 0, None, every)


def check(
    data: ss.Spectrum, solver: str, ends: dict[str, Any], calls: int, error: float | None
) -> tuple[float, float]:
    """Design over best heuristic: by the loss minimised, and by that of the exact denoiser."""
    steps = max(calls // 2, 2) if solver in TWO_CALLS else calls
    given = dict(ends)
    if solver in NEEDS_NOISE and "sigma_floor" in given:
        given["sigma_min"] = given.pop("sigma_floor")
    found = ss.design(data, steps, sampler=solver, denoiser_error=error, **given)
    options: dict[str, Any] = {"sampler": solver, "process": found.process}
    allowance = found.denoiser_error

    def loss(schedule: ss.Schedule, error: float) -> float:
        return ss.evaluate(data, schedule, denoiser_error=error, **options)

    rivals = found.baseline_schedules.values()
    exact = min(loss(rival, 0.0) for rival in rivals)
    if found.smooth_error:
        minimised = with_smooth_errors(data, steps, found, given | {"sampler": solver})
        return minimised(found.schedule) / min(map(minimised, rivals)), found.loss / exact
    best = min(loss(rival, allowance) for rival in rivals)
    return loss(found.schedule, allowance) / best, found.loss / exact


def with_smooth_errors(
    data: ss.Spectrum, steps: int, found: ss.Design, given: dict[str, Any]
) -> Callable[[ss.Schedule], float]:
    """What a design minimises that allows for smooth errors too, as far as the default was lowered for it."""
    problem = make_modes_problem(data, steps, Options(**given), Asked.of("newton", "mean", None, False))
    while problem.denoiser_error > found.denoiser_error:
        problem = problem.bolder()
    errors = problem.errors(problem.judge)
    return lambda schedule: errors(schedule.sigmas) if problem.admits(schedule.sigmas) else np.inf


def table(rows: list[Row]) -> str:
    """Markdown: a row per solver, the largest and the median ratio."""
    lines = [
        "| solver | designs | minimised: largest ratio | median | exact denoiser, default error: largest | median |",
        "|---|---|---|---|---|---|",
    ]
    for solver in SOLVERS:
        mine = [row for row in rows if row.solver == solver]
        if not mine:
            continue
        minimised = [row.minimised for row in mine]
        exact = [row.exact for row in mine if row.error is None] or [float("nan")]
        lines.append(
            f"| {solver} | {len(mine)} | {max(minimised):.3f} | {np.median(minimised):.3f} | {max(exact):.3f} | "
            f"{np.median(exact):.3f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Run the check; ends with status 1 if any design is worse than a heuristic."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="only every n-th problem")
    parser.add_argument("--out", type=Path, help="write the table here")
    choice = parser.parse_args()
    data = spectra()
    rows: list[Row] = []
    for solver, name, ends, calls, error in problems(choice.every):
        before = time.perf_counter()
        minimised, exact = check(data[name], solver, ENDS[ends], calls, error)
        rows.append(Row(solver, name, ends, calls, error, minimised, exact, time.perf_counter() - before))
    worst = max(rows, key=lambda row: row.minimised)
    seconds = sum(row.seconds for row in rows)
    text = f"{table(rows)}\n\n{len(rows)} designs in {seconds:.0f} s; the worst of all: {worst}\n"
    print(text)
    if choice.out:
        choice.out.write_text(text, encoding="utf-8")
    if worst.minimised > 1.0 + 1e-9:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
