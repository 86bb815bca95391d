"""The exact second-order method of the compiled core."""

from __future__ import annotations

import numpy as np

from ... import _core
from ...schedules.schedule import Schedule
from ..problem import Outcome, Problem


def minimise(problem: Problem, starts: list[Schedule]) -> Outcome:
    """The best levels found from these starts, none of which is better."""
    rows = np.array([start.sigmas for start in starts]).reshape(len(starts), problem.steps + 1)
    found = problem.core.design(rows)
    if found.status == _core.DesignStatus.not_finite:
        raise problem.no_finite_loss()
    message = found.message
    if found.returned_start >= 0:
        message += better_start(starts[found.returned_start])
    return Outcome(
        found.sigmas,
        found.kkt_error,
        found.iterations,
        found.evaluations,
        found.kkt_error <= problem.tol,
        message,
        found.start_losses,
    )


def better_start(start: Schedule) -> str:
    """What the message of a search says that did not find anything better than this start."""
    return f"; the start {start.name!r} is better and is returned"
