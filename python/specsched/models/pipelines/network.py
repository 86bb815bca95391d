"""What a scheduler's configuration says of the network that was trained with it, for a run inside its pipeline."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..._support import checks
from ..._support.notices import tell
from ...schedules import saved
from ...schedules.schedule import Schedule
from ..adapters.diffusers import Levels, levels_of

_NEAR = 0.98
"""A start within 2 % of the network's highest level is that level, as tables round it (14.5 for 14.6146)."""


def configuration_of(scheduler: Any, prediction_type: str | None) -> tuple[dict[str, Any], Levels]:
    """As plain values, and what it says of the network."""
    known = levels_of(scheduler, prediction_type)
    config = {key: value for key, value in dict(scheduler.config).items() if not key.startswith("_")}
    # Infinity is the default of options that limit nothing (lambda_min_clipped), and no value of JSON.
    finite = {key: value for key, value in config.items() if not _infinite(value)}
    network = saved.plain({"_class_name": type(scheduler).__name__, **finite})
    scheduler_from(network)
    return network, known


def _infinite(value: Any) -> bool:
    return isinstance(value, float) and math.isinf(value)


def scheduler_from(network: Mapping[str, Any]) -> Any:
    """The scheduler of diffusers with this configuration."""
    import diffusers

    checks.instance("network", network, Mapping)
    name = str(network.get("_class_name"))
    kind: Any = getattr(diffusers, name, None)
    known = isinstance(kind, type) and issubclass(kind, diffusers.SchedulerMixin)
    if not known:
        raise ValueError(
            f"the network's scheduler {name!r} is none of diffusers; pass one of diffusers with the same levels"
        )
    return configured(kind, dict(network))


def configured(kind: Any, config: Any, **changes: Any) -> Any:
    """A scheduler of that class; what diffusers refuses with errors of its own is an error of the values."""
    try:
        return kind.from_config(config, **changes)
    except (RuntimeError, ArithmeticError) as error:  # NotImplementedError is one
        raise ValueError(f"diffusers makes no {kind.__name__} of this configuration: {error}") from None


def times_of(levels: Levels, told: Any, rounded: bool) -> list[float]:
    """Timesteps of the levels that the network is told."""
    times = np.asarray(levels.time(told), dtype=np.float64)
    return (np.rint(times) if rounded else times).tolist()  # type: ignore[no-any-return]


def check_origin(schedule: Schedule, network: Levels) -> None:
    """Whether a schedule may have been made for this network: raise where it was not, warn where it starts too low."""
    made = schedule.made_for.get("network", {}).get("prediction")
    if made is not None and made != network.prediction:
        raise ValueError(
            f"the design was refined on a network that predicts {made!r}, and this one predicts "
            f"{network.prediction!r}: refine it on this one, or design from the data's spectrum"
        )
    first, highest = float(schedule.sigmas[0]), network.sigma_max
    if (
        np.isfinite(highest)
        and first < _NEAR * highest
        and schedule.made_for.get("start", "prior") == "prior"
    ):
        tell(
            f"the schedule starts at {first:.6g}, and pipelines start from pure noise, for this network at "
            f"{highest:.6g}: design with sigma_max={highest:.6g}"
        )
