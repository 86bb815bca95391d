"""Designs of the levels together with eta, the share of fresh noise that a sampler adds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from .._support import checks
from .._support.checks import FloatArray
from ..samplers import SAMPLERS, Sampler, as_sampler
from ..schedules.schedule import Schedule
from ..spectra.neighbourhood import Neighbourhood
from .methods import slsqp
from .problem import Options, Outcome
from .result import Design
from .rivals import rivals_of
from .task import Task, prepare, present, solve

COARSE = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Shares of `eta_max` at which a design is made before the search in between."""

LEAST_GAIN = 1e-9
"""Relative gain below which the smaller eta is kept."""

Candidate = tuple[float, Sampler, Outcome]


def design_eta(
    spectrum: Any,
    steps: int,
    *,
    sampler: Any = "ddim",
    per_step: bool = False,
    eta_max: float = 1.0,
    combine: Literal["mean", "worst"] = "mean",
    alphas_cumprod: Any = None,
    robust: bool | float | Neighbourhood = False,
    **options: Any,
) -> Design:
    """The levels and the eta with the least loss, designed together.

    Parameters
    ----------
    spectrum, steps, combine, alphas_cumprod, robust
        As for `design`.
    sampler : str or specsched.samplers.Sampler
        A solver that has an eta: "ddim", "dpmpp_2m_sde" ...; the eta that it comes with does not matter.
    per_step : bool
        One eta for each step instead of one for all.
    eta_max : float > 0
        Largest eta to consider; 1 is the ancestral sampler (DDPM, for DDIM). At most what the sampler takes: 1 for
        ancestral samplers, 10 for the SDE solvers.
    **options
        Further options of `design`: process, loss, start, sigma_max, sigma_min, sigma_floor, min_ratio,
        denoiser_error, tol, max_iter, threads.

    Returns
    -------
    Design
        ``design.sampler`` holds the eta found (a tuple with one entry per step for `per_step`). Never worse than the
        designs for eta = 0 and eta = `eta_max`, which are among the baselines ("designed, eta=0", ...).

    Raises
    ------
    TypeError, ValueError
        As for `design`; for a sampler without eta; for `per_step` with ``combine="worst"``; for another target than
        the data, which is the only one that samplers of different eta share.

    Notes
    -----
    Designs at a few values of eta start a joint search by SLSQP in the levels and eta with exact gradients (for the
    worst case: a scalar search over nested designs); the levels are then designed again at the eta found. On a
    grid of timesteps, eta is that of the continuous optimum.

    For Gaussian data with an exact denoiser, noise seldom helps: DDIM from the right start is best with eta = 0, and so
    the answer often is. Noise does help where the start x_S does not have the distribution of the noised data
    (a `sigma_max` that is low for the variance or the mean of the data), because it makes the sampler forget
    its start; in multistep solvers it changes which errors cancel. What noise does against the errors of a real
    denoiser is not part of this model.

    Examples
    --------
    >>> import specsched as ss
    >>> data = ss.Spectrum([4.0, 1.0, 0.1])
    >>> ss.design_eta(data, 6, sigma_max=80.0).sampler.eta
    0.0
    >>> shifted = ss.Spectrum([4.0, 1.0, 0.1], mean_power=[30.0, 0.0, 0.0])
    >>> 0.1 < ss.design_eta(shifted, 6, sigma_max=5.0).sampler.eta <= 1.0
    True
    """
    solver = _with_eta(as_sampler(sampler))
    most = checks.real("eta_max", eta_max, above=0.0)
    try:
        _at(solver, most)
    except ValueError as error:
        raise ValueError(f"eta_max={most:g} is more than the sampler takes: {error}") from None
    checks.flag("per_step", per_step)
    if per_step and combine == "worst":
        raise ValueError(
            "per_step=True takes combine='mean'; combine='worst' goes with one eta for all steps"
        )
    if options.setdefault("target", "data") != "data":
        raise ValueError(
            f"design_eta compares samplers that have different limits and takes target='data', "
            f"got target={options['target']!r}"
        )
    asked = Options.named({"sampler": solver, **options})
    task = prepare(spectrum, steps, asked, "newton", combine, alphas_cumprod, robust)
    rivals = rivals_of(task.problem)
    starts = list(rivals.values())
    coarse = [_nested(task, _at(solver, share * most), starts) for share in COARSE]
    candidates = list(coarse)
    if task.worst:
        candidates.append(_scalar_search(task, solver, starts, coarse, most))
    else:
        order = sorted(coarse, key=lambda candidate: candidate[0])
        joint = [_joint(task, first, per_step, most) for first in order[:2]]
        candidates += [_nested(task, found, [*starts, levels]) for found, levels in joint]
    value, best, outcome = candidates[0]
    for candidate in candidates[1:]:
        if candidate[0] < value * (1.0 - LEAST_GAIN):
            value, best, outcome = candidate
    chosen = task.with_sampler(best)
    found = present(chosen, outcome, rivals_of(chosen.problem), starts)
    ends = [present(task.with_sampler(c[1]), c[2], rivals, starts) for c in (coarse[0], coarse[-1])]
    return _with_ends(found, ends)


def _with_ends(found: Design, ends: list[Design]) -> Design:
    """The designs for the least and the largest eta as baselines."""
    named = {f"designed, eta={end.sampler.options['eta']:g}": end for end in ends}
    return replace(
        found,
        baselines=found.baselines | {name: end.loss for name, end in named.items()},
        baseline_schedules=found.baseline_schedules | {name: end.schedule for name, end in named.items()},
    )


def _with_eta(solver: Sampler) -> Sampler:
    """The solver with eta = 0, or an error that lists the solvers that have an eta."""
    if hasattr(solver, "eta"):
        return _at(solver, 0.0)
    known = sorted({kind.names[0] for kind in SAMPLERS.values() if "eta" in kind.__dataclass_fields__})
    raise ValueError(f"sampler {solver.name!r} has no eta; those that have one: {', '.join(known)}")


def _at(solver: Sampler, eta: float | tuple[float, ...]) -> Sampler:
    return replace(solver, **{"eta": eta})


def _nested(task: Task, sampler: Sampler, starts: list[Schedule]) -> Candidate:
    """The design for a given eta, and what it reaches."""
    here = task.with_sampler(sampler)
    outcome = solve(here, starts)
    return here.objective(outcome.sigmas), sampler, outcome


def _scalar_search(
    task: Task, solver: Sampler, starts: list[Schedule], coarse: list[Candidate], most: float
) -> Candidate:
    """The best eta between the neighbours of the best coarse one, by Brent's method over nested designs."""
    from scipy.optimize import minimize_scalar

    best = min(range(len(coarse)), key=lambda i: coarse[i][0])
    low, high = COARSE[max(best - 1, 0)] * most, COARSE[min(best + 1, len(COARSE) - 1)] * most
    tried: list[Candidate] = []

    def value(eta: float) -> float:
        tried.append(_nested(task, _at(solver, float(eta)), starts))
        return tried[-1][0]

    minimize_scalar(
        value, bounds=(low, high), method="bounded", options={"xatol": 1e-4 * most, "maxiter": 30}
    )
    return min(tried, key=lambda candidate: candidate[0])


def _joint(task: Task, first: Candidate, per_step: bool, most: float) -> tuple[Sampler, Schedule]:
    """SLSQP in (log levels, eta) from a nested design: the sampler with its eta, and the levels."""
    problem, (_, sampler, outcome) = task.problem, first
    n, count = problem.steps - 1, (problem.steps if per_step else 1)
    matrix, bound = problem.core.constraints()
    wide = np.hstack([matrix, np.zeros((len(matrix), count))])
    constraint: dict[str, Any] = {
        "type": "ineq",
        "fun": lambda x: wide @ x - bound,
        "jac": lambda x: wide,
    }
    x = np.append(np.log(outcome.sigmas[1:-1]), np.full(count, sampler.options["eta"]))
    result = slsqp.solve(
        _value_and_grad(task, n, per_step, first[0]),
        x,
        bounds=[(None, None)] * n + [(0.0, most)] * count,
        constraints=[constraint] if n else [],
        options={"maxiter": problem.max_iter, "ftol": 1e-14},
    )
    u, eta = np.asarray(result.x[:n], dtype=np.float64), np.clip(result.x[n:], 0.0, most)
    if n and (matrix @ u < bound).any():
        u = problem.core.repair(u)
    levels = Schedule(slsqp.levels(problem, u), name="joint search")
    return _at(sampler, _tidy(eta, per_step, most, problem.sigma_min)), levels


def _value_and_grad(
    task: Task, n: int, per_step: bool, scale: float
) -> Callable[[FloatArray], tuple[float, FloatArray]]:
    problem = task.problem

    def value_and_grad(x: FloatArray) -> tuple[float, FloatArray]:
        sigmas = slsqp.levels(problem, x[:n])
        eta = x[n:] if per_step else np.full(problem.steps, x[n])
        value, by_sigma, by_eta = problem.core.value_and_grad_eta(sigmas, np.maximum(eta, 0.0))
        slope = by_eta if per_step else np.array([by_eta.sum()])
        # No start has a loss where nothing varies: then there is no unit either.
        unit = scale or 1.0
        return value / unit, np.append(by_sigma[1:-1] * sigmas[1:-1], slope) / unit

    return value_and_grad


def _tidy(eta: FloatArray, per_step: bool, most: float, sigma_min: float) -> float | tuple[float, ...]:
    """Values that lie on a bound but for rounding put there; a last step to 0 adds no noise whatever its eta."""
    near = 1e-6 * most
    values = np.where(eta < near, 0.0, np.where(eta > most - near, most, eta))
    if per_step and sigma_min == 0.0:
        values[-1] = 0.0
    return tuple(values.tolist()) if per_step else float(values[0])
