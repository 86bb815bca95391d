"""Single-step and corrected variants of the designed solver beside the multistep tables, at equal network calls.

    PYTHONPATH=python python studies/solver_variants.py digits
    PYTHONPATH=python python studies/solver_variants.py cifar16_eps --data cifar10_train_jpeg.npz

A two-stage step from s over m to t predicts at s and at m: with m as a level of its own it is two steps of a table of
order 2 whose first coefficient is 0. A corrector that costs no call adds differences with the newest prediction: a
table of one order more, as `specsched.samplers.as_multistep` shows of UniPC. So both are tables; what is designed here
is the two-stage one, by the sum that designs of that order minimise, and tables of orders 2 to 4.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize

import specsched as ss
from specsched.designs.modes.problem import Asked, ModesProblem, make_modes_problem
from specsched.designs.problem import Options
from specsched.samplers import Multistep

sys.path.insert(0, str(Path(__file__).parents[1]))

CALLS = (6, 8, 12)
ORDERS = (2, 3, 4)
STARTS = 16
# A hundred iterations more lowered no sum by as much as 1 %.
_ITERATIONS = 200
_MOST = 4.0  # of a coefficient, as in designs


def two_stage_table(coefficients: np.ndarray) -> Multistep:
    """Steps of two stages: the first like DDIM, one coefficient in the second."""
    table = np.zeros((2 * len(coefficients), 1))
    table[1::2, 0] = coefficients
    return Multistep(order=2, coefficients=table)


def two_stage(problem: ModesProblem, starts: Iterable[ss.Schedule]) -> tuple[ss.Schedule, Multistep, float]:
    """The best levels and coefficients of two-stage steps, and the sum that they leave."""
    steps, floor = problem.steps, problem.sigma_floor
    high = np.log(problem.sigma_max)
    room = high - np.log(floor)
    least = np.log(problem.min_ratio)

    def unfolded(z: np.ndarray) -> tuple[np.ndarray, Multistep]:
        # Gaps beyond the least one share the room above the floor; the last share is what stays above it.
        shares = np.exp(z[:steps] - z[:steps].max())
        gaps = least + shares[:-1] / shares.sum() * (room - (steps - 1) * least)
        levels = np.exp(high - np.concatenate([[0.0], np.cumsum(gaps)]))
        return np.append(levels, 0.0), two_stage_table(np.clip(z[steps:], -_MOST, _MOST))

    def objective(z: np.ndarray) -> float:
        levels, solver = unfolded(z)
        return float(np.log(problem.errors(solver)(levels)))

    best = None
    for start in starts:
        gaps = -np.diff(np.log(start.sigmas[:-1])) - least
        shares = np.append(gaps, max(np.log(start.sigmas[-2] / floor), 0.0))
        z = np.append(np.log(np.maximum(shares, 1e-3)), np.full(steps // 2, 0.5))
        found = minimize(objective, z, method="L-BFGS-B", options={"maxiter": _ITERATIONS})
        best = found if best is None or found.fun < best.fun else best
    assert best is not None
    levels, solver = unfolded(best.x)
    return ss.Schedule(levels, name="two-stage"), solver, float(np.exp(best.fun))


def variants(source: Any, calls: int, ends: dict[str, float]) -> dict[str, tuple[Any, Any, float]]:
    """Levels, solver and minimised sum of everything that is tried with so many calls."""
    found: dict[str, tuple[Any, Any, float]] = {}
    for order in ORDERS:
        asked = Multistep(order=order)
        design = ss.design(source, calls, sampler=asked, **ends)
        problem = make_modes_problem(source, calls, Options(sampler=asked, **ends), Asked())
        value = problem.errors(design.sampler)(design.schedule.sigmas)
        found[f"order {order}"] = (design.schedule, design.sampler, value)
    problem = make_modes_problem(source, calls, Options(sampler=Multistep(order=2), **ends), Asked())
    starts = [found["order 2"][0]]
    starts += [ss.baselines.edm(calls, rho=rho, **ends) for rho in (5.0, 7.0)]
    # Designs keep gaps that no start need keep.
    starts = [start for start in starts if problem.admits(start.sigmas)]
    found["two-stage"] = two_stage(problem, starts)
    return found


def main() -> None:
    from evidence.errors import case_of
    from evidence.networks import CHECKPOINTS

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--calls", type=int, nargs="+", default=list(CALLS), help="even numbers")
    args = parser.parse_args()
    case = case_of(args.name, 1.0, args.data, CHECKPOINTS)
    ends = {"sigma_max": case.high, "sigma_floor": case.floor}
    recording = ss.record(case.denoiser(STARTS), case.noise(STARTS, 1), **ends)
    tried, sums = {}, {}
    for name, source in {"spectrum": case.spectrum, "recording": recording}.items():
        for calls in args.calls:
            for kind, (levels, solver, value) in variants(source, calls, ends).items():
                made_for = {"sampler": solver.saved, "process": "vp"}
                tried[f"{name}, {calls} calls, {kind}"] = levels.remembering(made_for)
                sums[f"{name}, {calls} calls, {kind}"] = value
    trial = ss.trial(tried, case.denoiser(STARTS), case.noise(STARTS, 2), sigma_floor=case.floor)
    for name, error, deviation in zip(trial.names, trial.errors, trial.standard_errors, strict=True):
        print(f"{args.name}, {name}: sum {sums[name]:.4g}, error {error:.4g} +- {deviation:.1g}")


if __name__ == "__main__":
    main()
