"""The exact second-order method of the compiled core."""

from __future__ import annotations

import numpy as np

from ... import _core
from ..._support import codes
from ...schedules.schedule import Schedule
from ..problem import Outcome, Problem

DESIGN_STARTS = 6
"""How many starts a design follows to the end."""


def minimise(problem: Problem, starts: list[Schedule]) -> Outcome:
    nodes = problem.nodes
    found = _core.design(
        nodes.eigenvalues,
        nodes.weights,
        nodes.mean_power,
        problem.sampler.core_for(problem.denoiser_error),
        codes.process_code(problem.process),
        codes.loss_code(problem.loss),
        problem.steps,
        problem.sigma_max,
        problem.sigma_min,
        problem.sigma_floor,
        problem.min_ratio,
        np.array([start.sigmas for start in starts]).reshape(len(starts), problem.steps + 1),
        problem.tol,
        problem.max_iter,
        DESIGN_STARTS,
        problem.threads,
    )
    if not found["finite"]:
        raise problem.no_finite_loss()
    return Outcome(
        found["sigmas"],
        found["kkt_error"],
        found["iterations"],
        found["evaluations"],
        found["converged"],
        found["status"],
        np.array(found["start_losses"]),
    )
