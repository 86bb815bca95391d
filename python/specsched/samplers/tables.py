"""The multistep solver whose coefficients are a table of free numbers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from .. import _core
from .._support import checks
from .base import Sampler


@dataclass(frozen=True)
class Multistep(Sampler):
    """A linear multistep exponential solver whose coefficients are free numbers.

    From the level s to the next one t, with predictions D_n, D_{n-1}, ... so far:
    ``y' = (t/s) y + (1 - t/s) [D_n + sum_j c_{n,j} (D_n - D_{n-j})]``. Zero coefficients are DDIM, and DPM-Solver++
    multistep, UniPC's predictor, DEIS and iPNDM are tables of this kind (`specsched.samplers.as_multistep`).

    Parameters
    ----------
    order : int >= 1
        Predictions that a step combines.
    coefficients : array_like, shape (steps, order - 1), optional
        Row n holds c_{n,1}, c_{n,2}, ...: 0 where a prediction does not exist yet (j > n). Kept as tuples. Without
        them the solver cannot run; `specsched.design` chooses them together with the levels.
    model_times : array_like, shape (steps,), optional
        tau_n: the denoiser is told the level sigma_n exp(tau_n), the solver uses sigma_n. Default 0.

    Raises
    ------
    TypeError, ValueError
        For a table of another shape, numbers that are not finite, and coefficients of predictions that do not exist.

    Notes
    -----
    S4S (Frankel et al., arXiv 2502.17423) and BNS (Shaul et al., arXiv 2403.01329) learn tables of this kind by
    backpropagation through the network.

    Examples
    --------
    >>> import specsched as ss
    >>> solver = ss.samplers.Multistep(order=2, coefficients=[[0.0], [0.5], [0.4]])
    >>> solver.coefficients
    ((0.0,), (0.5,), (0.4,))
    """

    names: ClassVar[tuple[str, ...]] = ("multistep",)
    order: int = 3
    coefficients: Any = None
    model_times: Any = None

    def __post_init__(self) -> None:
        checks.integer("order", self.order, minimum=1, maximum=1000)
        if self.coefficients is not None:
            object.__setattr__(self, "coefficients", self._checked_table())
        if self.model_times is not None:
            times = checks.vector("model_times", self.model_times)
            if self.coefficients is not None and times.size != len(self.coefficients):
                raise ValueError(
                    f"model_times has {times.size} entries, coefficients has {len(self.coefficients)} rows: "
                    f"both need one per step"
                )
            object.__setattr__(self, "model_times", tuple(times.tolist()))
        self.core  # noqa: B018

    def _checked_table(self) -> tuple[tuple[float, ...], ...]:
        table = checks.real_array("coefficients", self.coefficients)
        if table.ndim != 2 or table.shape[0] == 0 or table.shape[1] != self.order - 1:
            raise ValueError(
                f"coefficients must have shape (steps, order - 1) = (steps, {self.order - 1}), got {table.shape}"
            )
        checks.finite("coefficients", table)
        early = np.triu(table, 0)  # c_{n,j} with j > n
        if early.any():
            n, column = np.argwhere(early)[0]
            raise ValueError(
                f"coefficients[{n}, {column}] is {table[n, column]:g} and weighs a prediction {column + 1} steps back, "
                f"which step {n} does not have yet: it must be 0"
            )
        return tuple(map(tuple, table.tolist()))

    @property
    def designed(self) -> bool:
        """Whether the coefficients are there."""
        return self.coefficients is not None or self.order == 1

    @property
    def options(self) -> dict[str, float]:
        return {"order": float(self.order)}

    @property
    def saved(self) -> dict[str, Any]:
        options: dict[str, Any] = {"order": self.order}
        if self.coefficients is not None:
            options["coefficients"] = [list(row) for row in self.coefficients]
        if self.model_times is not None:
            options["model_times"] = list(self.model_times)
        return {"name": self.name, "options": options}

    @property
    def multistep(self) -> bool:
        return self.order > 1

    def begun_at(self, step: int) -> Multistep:
        table, times = self.coefficients, self.model_times
        if table is not None:
            rows = np.reshape(table, (len(table), self.order - 1))[step:]
            table = np.tril(rows, -1)  # no coefficient for a prediction before the first one
        return replace(self, coefficients=table, model_times=None if times is None else times[step:])

    def _make_core(self, error: float) -> _core.Sampler:
        core = super()._make_core(error)
        if self.coefficients is None and self.model_times is None:
            return core
        steps = len(self.coefficients or self.model_times)
        table = np.zeros((0 if self.coefficients is None else steps, self.order - 1))
        if self.coefficients is not None:
            table[:] = np.reshape(self.coefficients, (steps, self.order - 1))
        return core.with_table(table, np.array(self.model_times or ()))
