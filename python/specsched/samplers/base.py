"""What every sampler has: options, checks, and its handle in the compiled core."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from functools import cached_property, lru_cache
from typing import Any, ClassVar

import numpy as np

from .. import _core
from .._support import checks
from ..schedules.schedule import Schedule, as_schedule

_MAY_BE_INFINITE = ("s_tmax",)
"""Options for which infinity means that there is no limit; all others are finite."""


@dataclass(frozen=True)
class Sampler:
    """A solver and its options; subclasses are the solvers."""

    names: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name == "eta" and (isinstance(value, (list, tuple)) or np.ndim(value)):
                object.__setattr__(self, "eta", tuple(checks.vector("eta", value).tolist()))
            elif field.name == "disable_corrector":
                object.__setattr__(self, field.name, checks.indices(field.name, value))
            elif not isinstance(value, bool) and not (field.name in _MAY_BE_INFINITE and _infinite(value)):
                checks.real(field.name, value)
        self.core  # noqa: B018  the core knows each option's range and says what is wrong

    @property
    def name(self) -> str:
        """Canonical name."""
        return self.names[0]

    @property
    def options(self) -> dict[str, float]:
        """The options as numbers, as the compiled core takes them; lists over the steps are not among them."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: float(value) for name, value in values.items() if not isinstance(value, tuple)}

    @property
    def saved(self) -> dict[str, Any]:
        """Name and options as plain values for a file; None stands for an option without limit.

        `specsched.samplers.from_saved` reads them.
        """
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            "name": self.name,
            "options": {
                name: None if value == math.inf else list(value) if isinstance(value, tuple) else value
                for name, value in values.items()
            },
        }

    @property
    def eta_steps(self) -> tuple[float, ...] | None:
        """The eta of each step, noise -> clean, where there is not one for all."""
        eta = getattr(self, "eta", None)
        return eta if isinstance(eta, tuple) else None

    @property
    def deterministic(self) -> bool:
        """Whether the sampler adds no noise of its own."""
        eta = getattr(self, "eta", 0.0)
        noisy = any(eta) if isinstance(eta, tuple) else bool(eta)
        return not noisy and not getattr(self, "s_churn", 0.0) > 0.0

    @property
    def multistep(self) -> bool:
        """Whether it combines several predictions, so that nearby levels can act as finite differences."""
        return True

    def function_evaluations(self, schedule: Schedule) -> int:
        """Number of denoiser evaluations (NFE) of one run over the schedule.

        Examples
        --------
        >>> import specsched as ss
        >>> ss.samplers.Heun().function_evaluations(ss.Schedule([10.0, 1.0, 0.1, 0.0]))
        5
        """
        schedule = as_schedule(schedule)
        return self.core.function_evaluations(schedule.steps, float(schedule.sigmas[-1]) == 0.0)

    def check(self, schedule: Schedule) -> None:
        """Raise ValueError where sampler and levels do not fit."""
        problem = self.core.check(as_schedule(schedule).sigmas)
        if problem:
            raise ValueError(problem)

    def begun_at(self, step: int) -> Sampler:
        """The same solver over a schedule without its first `step` steps, as image-to-image runs it.

        It has no memory of them: a step does without the predictions that were never made.

        Examples
        --------
        >>> import specsched as ss
        >>> ss.samplers.DDIM(eta=[0.0, 0.5, 1.0]).begun_at(1).eta
        (0.5, 1.0)
        """
        return self if self.eta_steps is None else replace(self, eta=self.eta_steps[step:])  # type: ignore[call-arg]

    @cached_property
    def core(self) -> _core.Sampler:
        """Handle of the compiled core for an exact denoiser."""
        return self._make_core(0.0)

    def core_for(self, denoiser_error: float) -> _core.Sampler:
        """Handle of the compiled core for a denoiser with this error (see `specsched.transfer`)."""
        return self.core if denoiser_error == 0.0 else _core_with_error(self, denoiser_error)

    def __getstate__(self) -> dict[str, Any]:
        # The core's handle stays behind: it is made anew where it is needed.
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def _make_core(self, error: float) -> _core.Sampler:
        if self.eta_steps is None:
            return _core.Sampler(self.name, self.options, error)
        for eta in {min(self.eta_steps), max(self.eta_steps)}:  # the core checks the range of one eta
            core = _core.Sampler(self.name, {**self.options, "eta": eta}, error)
        return core.with_eta_steps(np.array(self.eta_steps))


def _infinite(value: object) -> bool:
    return isinstance(value, float) and value == math.inf


@lru_cache(maxsize=128)
def _core_with_error(sampler: Sampler, error: float) -> _core.Sampler:
    return sampler._make_core(error)
