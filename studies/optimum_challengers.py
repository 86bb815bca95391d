"""Challengers of `specsched.design`: many starts, each followed by an optimiser of its own."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

import specsched as ss
from specsched import baselines
from specsched.designs.methods import slsqp
from specsched.designs.problem import Options, Problem, make_problem

Array = NDArray[np.float64]
Starts = dict[str, Array]

FLOOR = 0.03
"""About the lowest level of the usual latent models."""

ENDS: dict[str, dict[str, float]] = {
    "0.01": {"sigma_min": 0.01},
    "0": {"sigma_min": 0.0},
    "0, floor 0.03": {"sigma_min": 0.0, "sigma_floor": FLOOR},
}

BATCH_STEPS = 32
"""Up to here the compiled search follows as many starts as it is told to."""


@dataclass(frozen=True)
class Question:
    """One design problem of the study."""

    spectrum: str
    family: str
    steps: int
    ends: str
    loss: str
    sampler: str

    @property
    def key(self) -> str:
        return "|".join((self.spectrum, str(self.steps), self.ends, self.loss, self.sampler))

    def rng(self) -> np.random.Generator:
        """Numbers of its own, the same whatever else runs."""
        return np.random.default_rng(zlib.crc32(self.key.encode()))

    def problem(self, spectrum: ss.Spectrum) -> Problem:
        """The problem as the package states it."""
        options = Options(sampler=self.sampler, loss=self.loss, target="data", threads=1, **ENDS[self.ends])
        return make_problem((spectrum,), self.steps, options)

    def design(self, spectrum: ss.Spectrum, init: Array | None = None) -> ss.Design:
        """What a user gets."""
        return ss.design(
            spectrum,
            self.steps,
            sampler=self.sampler,
            loss=self.loss,  # type: ignore[arg-type]
            threads=1,
            init=init,
            **ENDS[self.ends],
            target="data",
        )


@dataclass(frozen=True)
class Answer:
    """The best that a challenger found."""

    sigmas: Array
    loss: float
    start: str
    runs: tuple[float, ...] = ()
    """What each start led to, where that is known."""


def lowest_level(problem: Problem) -> float:
    """Where random levels end: the last level, the floor, or where nothing depends on them any more."""
    bottom = problem.sigma_min or problem.sigma_floor
    positive = problem.nodes.eigenvalues[problem.nodes.eigenvalues > 0.0]
    return bottom or float(min(np.sqrt(positive.min()) * np.exp(-1.0), 0.1 * problem.sigma_max))


def random_starts(problem: Problem, count: int, rng: np.random.Generator) -> Starts:
    """Levels in random order-keeping positions: log-gaps from Dirichlet laws, even to very uneven."""
    top, bottom = np.log(problem.sigma_max), np.log(lowest_level(problem))
    found = {}
    for k in range(count):
        gaps = rng.dirichlet(np.full(problem.steps, (0.3, 1.0, 3.0)[k % 3])) + 1e-5
        inside = top - np.cumsum(gaps / gaps.sum())[:-1] * (top - bottom)
        found[f"random {k}"] = np.concatenate(([problem.sigma_max], np.exp(inside), [problem.sigma_min]))
    return found


def baseline_starts(problem: Problem) -> Starts:
    """Every heuristic with the ends of the problem, best first."""
    rivals = baselines.all_schedules(
        problem.steps,
        sigma_max=problem.sigma_max,
        sigma_min=problem.sigma_min,
        sigma_floor=problem.sigma_floor or None,
    )
    order = sorted(rivals, key=lambda name: problem.core.loss(rivals[name].sigmas))
    return {name: rivals[name].sigmas for name in order}


def near_starts(problem: Problem, sigmas: Array, count: int, rng: np.random.Generator) -> Starts:
    """Hops away from a schedule, by a share of the gaps around each level, small to large."""
    u = np.log(sigmas[:-1] if problem.sigma_min == 0.0 else sigmas)
    inside = np.log(sigmas[1:-1])
    gaps = -np.diff(np.append(u, 2.0 * u[-1] - u[-2] if problem.sigma_min == 0.0 else u[-1]))
    around = 0.5 * (gaps[: inside.size] + gaps[1 : inside.size + 1])
    found = {}
    for k in range(count):
        moved = inside + (0.3, 0.6, 1.5)[k % 3] * around * rng.standard_normal(inside.size)
        moved = np.clip(np.sort(moved)[::-1], np.log(lowest_level(problem)), np.log(problem.sigma_max))
        levels = slsqp.levels(problem, problem.core.repair(moved))
        found[f"hop {k}"] = levels
    return found


def newton(problem: Problem, starts: Starts) -> Answer:
    """The package's local search from every start, wasted levels re-used."""
    if problem.steps > BATCH_STEPS:
        starts = {name: descend(problem, levels) for name, levels in starts.items()}
    names, rows = list(starts), np.array(list(starts.values()))
    core = replace(problem, threads=1).core
    core.set("starts.followed", len(rows))
    core.set("starts.followed_many", len(rows))
    found = core.design(rows)
    start = names[found.start] if found.start >= 0 else "many-step limit"
    return Answer(found.sigmas, problem.core.loss(found.sigmas), start)


def run_slsqp(problem: Problem, starts: Starts, max_iter: int = 500) -> Answer:
    """SciPy's SLSQP with the exact gradient from every start."""
    task = replace(problem, max_iter=max_iter)
    answers = []
    for name, levels in starts.items():
        try:
            sigmas = slsqp.minimise(task, levels).sigmas
        except ValueError:  # it ran off to levels where the gradient is not a number: this run found nothing
            continue
        loss = problem.core.loss(sigmas)
        if np.isfinite(loss):
            answers.append(Answer(sigmas, loss, name))
    best = min(answers, key=lambda answer: answer.loss)
    return replace(best, runs=tuple(answer.loss for answer in answers))


def slsqp_starts(problem: Problem, count: int, rng: np.random.Generator) -> Starts:
    """The best dozen of baselines, and random starts up to `count`."""
    chosen = dict(list(baseline_starts(problem).items())[:12])
    return chosen | random_starts(problem, count - len(chosen), rng)


def descend(problem: Problem, start: Array, iterations: int = 60) -> Array:
    """A few steps of L-BFGS in the logs of the gaps between log-levels, which keep the order by themselves.

    With the last level fixed the gaps share the room; with a free end they add up from the top.
    """
    bottom = problem.sigma_min or problem.sigma_floor
    top = np.log(problem.sigma_max)
    inside = np.log(start[1:-1])
    bounds = np.concatenate(([top], inside, [np.log(bottom)] if bottom else []))
    x = np.log(np.maximum(-np.diff(bounds), 1e-6))
    scale = problem.core.value_and_grad(start)[0]

    def gaps_of(x: Array) -> Array:
        gaps = np.exp(np.clip(x, -30.0, 5.0))
        return gaps * (top - np.log(bottom)) / gaps.sum() if bottom else gaps

    def objective(x: Array) -> tuple[float, Array]:
        gaps = gaps_of(x)
        levels = _with_ends(problem, top - np.cumsum(gaps)[: inside.size])
        value, gradient = problem.core.value_and_grad(levels)
        by_u = gradient[1:-1] * levels[1:-1]
        by_gap = np.zeros(gaps.size)
        by_gap[: inside.size] = -np.cumsum(by_u[::-1])[::-1]
        by_x = gaps * (by_gap - (by_gap @ gaps) / gaps.sum() if bottom else by_gap)
        return value / scale, by_x / scale

    found = minimize(objective, x, jac=True, method="L-BFGS-B", options={"maxiter": iterations})
    inside_found = top - np.cumsum(gaps_of(found.x))[: inside.size]
    return _with_ends(problem, problem.core.repair(inside_found))


def _with_ends(problem: Problem, inside: Array) -> Array:
    """All levels; strictly decreasing also where a gap vanishes in rounding."""
    least = 1e-12 * np.arange(1, inside.size + 1)
    levels: Array = slsqp.levels(problem, inside - least)
    return levels
