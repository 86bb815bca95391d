"""Heuristic schedules, one short function each: ``name(steps, *, sigma_max, sigma_min, sigma_floor, ...)``.

The end levels
-------------- Without ends, a function returns its family's native schedule, as its source defines it, ending
in 0. The ends make schedules comparable, and every family takes them in the same way:

- ``sigma_max`` and ``sigma_min > 0``: S + 1 levels, the first and the last exactly these.
- ``sigma_min=0`` (the default): S levels from ``sigma_max`` down to ``sigma_floor``, exactly, followed by 0:
  S + 1 levels in all. At S = 1 these are ``sigma_max`` and 0.
- ``sigma_floor=None`` leaves the lowest positive level to the family (at most ``sigma_max / 10``).

The shape of a family is kept: one that is a function of time is evaluated at equal time steps between the
times at which it attains the two ends; one that spaces a function of sigma evenly does so between them.

Traps of the sources that are resolved here: a missing or doubled 0 at the end, fewer levels than asked for
because rounded duplicates were dropped, NaN at one step, clamped ranges that repeat levels. Every schedule
has exactly S steps for every S >= 1, and decreases strictly.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ..._support import checks
from ..._support.caching import cached
from ..schedule import Schedule
from .curves import chen_cosine, flow_shift, flow_uniform, linear_quadratic, sigmoid, vp
from .ladders import cosine, linear, scaled_linear
from .spacings import beta, edm, exponential, kl_optimal, laplace, lu, polyexponential
from .tables import ALIGN_YOUR_STEPS, align_your_steps

__all__ = [
    "ALIGN_YOUR_STEPS",
    "TABLE",
    "TUNABLE",
    "Range",
    "align_your_steps",
    "all_schedules",
    "beta",
    "chen_cosine",
    "cosine",
    "edm",
    "exponential",
    "flow_shift",
    "flow_uniform",
    "kl_optimal",
    "laplace",
    "linear",
    "linear_quadratic",
    "lu",
    "make",
    "polyexponential",
    "scaled_linear",
    "sigmoid",
    "vp",
]

TABLE: dict[str, Callable[..., Schedule]] = {
    "linear": linear,
    "scaled_linear": scaled_linear,
    "cosine": cosine,
    "chen_cosine": chen_cosine,
    "sigmoid": sigmoid,
    "edm": edm,
    "exponential": exponential,
    "polyexponential": partial(polyexponential, rho=2.0),
    "lu": lu,
    "vp": vp,
    "beta": beta,
    "beta_index": partial(beta, variant="index"),
    "laplace": laplace,
    "kl_optimal": kl_optimal,
    "linear_quadratic": linear_quadratic,
    "flow_uniform": flow_uniform,
    "flow_shift": flow_shift,
    "ays_sd15": partial(align_your_steps, table="sd15"),
    "ays_sdxl": partial(align_your_steps, table="sdxl"),
    "ays_svd": partial(align_your_steps, table="svd"),
    "ays_deepfloyd": partial(align_your_steps, table="deepfloyd"),
}
"""Every baseline by name. "polyexponential" has rho = 2 here: with its default, 1, it is "exponential".

"lu" is "exponential" under the name that people look for (see `lu`), so that these 21 names are 20 schedules.
"""


_CACHE_BYTES = 32 << 20
"""The levels of every baseline that are kept between calls: some ten thousand sets of twenty steps."""

Range = tuple[float, float, str]
"""Lowest value, highest value, and "linear" or "log": how a search should step between them."""

TUNABLE: dict[str, dict[str, Range]] = {
    "linear": {"beta_end": (2e-4, 0.5, "log")},
    "scaled_linear": {"beta_end": (1e-3, 0.5, "log")},
    "cosine": {"s": (1e-5, 2.0, "log")},
    "chen_cosine": {"start": (0.0, 0.95, "linear"), "end": (0.0, 1.0, "linear"), "tau": (0.1, 10.0, "log")},
    "sigmoid": {"start": (-15.0, 10.0, "linear"), "end": (-15.0, 15.0, "linear")},
    "edm": {"rho": (0.3, 100.0, "log")},
    "polyexponential": {"rho": (0.2, 5.0, "log")},
    "vp": {"beta_min": (1e-3, 100.0, "log")},
    "beta": {"alpha": (0.1, 5.0, "log"), "beta": (0.1, 20.0, "log")},
    "beta_index": {"alpha": (0.1, 5.0, "log"), "beta": (0.1, 5.0, "log")},
    "laplace": {"mu": (-4.0, 4.0, "linear"), "b": (0.1, 5.0, "log")},
    "kl_optimal": {"eigenvalue": (1e-4, 1e4, "log")},
    "linear_quadratic": {"threshold_noise": (1e-3, 0.5, "log")},
    "flow_shift": {"shift": (0.05, 50.0, "log")},
}
"""The parameters that shape each family once its ends are fixed, and the range worth searching.

`end` must lie above `start`.
"""


def make(name: str, steps: int, **options: Any) -> Schedule:
    """The baseline called `name` (a key of `TABLE`).

    Parameters
    ----------
    name : str
        For instance "edm" or "ays_sdxl".
    steps : int
        Number of steps S >= 1.
    **options
        ``sigma_max``, ``sigma_min``, ``sigma_floor`` and the family's own parameters.

    Raises
    ------
    ValueError
        Unknown name (the message lists the known ones and the nearest), or as for the function itself.
    TypeError
        As for the function itself.

    Examples
    --------
    >>> from specsched import baselines
    >>> baselines.make("edm", 10, sigma_max=80.0, sigma_min=0.002, rho=5.0).steps
    10
    """
    schedule: Schedule = checks.lookup("baseline", name, TABLE)(steps, **options)
    return schedule if schedule.name == name else schedule.renamed(name)


def all_schedules(
    steps: int,
    *,
    sigma_max: float | None = None,
    sigma_min: float | None = None,
    sigma_floor: float | None = None,
) -> dict[str, Schedule]:
    """Every baseline of `TABLE` with its default parameters and the given ends.

    Parameters
    ----------
    steps : int
        Number of steps S >= 1.
    sigma_max, sigma_min, sigma_floor : float, optional
        End levels, the same for all; None leaves each family its own.

    Returns
    -------
    dict of str to Schedule
        In the order of `TABLE`. Repeated calls are answered from a cache.

    Raises
    ------
    TypeError, ValueError
        An argument outside of its range, named.

    Examples
    --------
    >>> from specsched import baselines
    >>> schedules = baselines.all_schedules(10, sigma_max=157.4, sigma_min=0.01)
    >>> {schedule[0] for schedule in schedules.values()}
    {157.4}
    """
    count = checks.steps(steps)
    values = [
        None if value is None else checks.real(name, value)
        for name, value in (("sigma_max", sigma_max), ("sigma_min", sigma_min), ("sigma_floor", sigma_floor))
    ]
    return dict(_all_schedules(tuple(TABLE.items()), count, *values))


@cached(_CACHE_BYTES, lambda schedules: sum(schedule.sigmas.nbytes for schedule in schedules.values()))
def _all_schedules(
    rows: tuple[tuple[str, Any], ...], steps: int, high: float | None, low: float | None, floor: float | None
) -> dict[str, Schedule]:
    """The rows are part of the question: a table that has grown has another answer."""
    return {name: make(name, steps, sigma_max=high, sigma_min=low, sigma_floor=floor) for name, _ in rows}
