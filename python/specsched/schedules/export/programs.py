"""Programs of papers that compute their levels themselves: objects that answer with the designed ones instead."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..._support import checks
from ..._support.checks import FloatArray
from . import k_diffusion


@dataclass(frozen=True, eq=False)
class Discretization:
    """What a sampler of sgm keeps as ``discretization``: it answers with the levels of a schedule.

    Parameters
    ----------
    sigmas : ndarray, shape (S + 1,)
        The levels, a last 0 included.
    """

    sigmas: FloatArray

    def __call__(self, n: int, do_append_zero: bool = True, device: Any = "cpu", flip: bool = False) -> Any:
        """The levels for ``n`` steps as a tensor, as ``Discretization.__call__`` of sgm gives them.

        Raises
        ------
        ValueError
            They are for another number of steps.
        """
        _same_steps("n", n, self.sigmas.size - 1)
        levels = self.sigmas if do_append_zero or self.sigmas[-1] > 0.0 else self.sigmas[:-1]
        tensor = k_diffusion.tensor(levels).to(device)
        return tensor.flip((0,)) if flip else tensor


def sgm(sigmas: FloatArray) -> Discretization:
    """For Stability's generative-models: ``sampler.discretization = ...`` of any of its samplers.

    Its samplers ask it for ``num_steps`` levels and the final 0
    (sgm/modules/diffusionmodules/sampling.py, `prepare_sampling_loop`).

    Examples
    --------
    >>> from specsched import Schedule
    >>> discretization = Schedule([14.6, 1.0, 0.0]).to("sgm")
    >>> discretization(2).tolist()  # doctest: +SKIP
    [14.600000381469727, 1.0, 0.0]
    """
    return Discretization(sigmas)


class SolverTimes(NamedTuple):
    """A schedule as the reference code of DPM-Solver and UniPC takes it."""

    get_time_steps: Callable[..., Any]
    """In place of the solver's method of that name."""
    arguments: dict[str, Any]
    """For its ``sample(x, **arguments, order=...)``."""


def dpm_solver(sigmas: FloatArray, *, noise_schedule: Any) -> SolverTimes:
    """For ``DPM_Solver`` and ``UniPC`` of the papers' own code, which has no argument for times.

    ``given = schedule.to("dpm_solver", noise_schedule=schedule_of_the_solver)``, then
    ``solver.get_time_steps = given.get_time_steps`` and ``solver.sample(x, **given.arguments, order=2)``.
    After a last level of 0 comes their ``denoise_to_zero``. Orders are kept up to the last step
    (``lower_order_final=False``), as designs have it.

    Parameters
    ----------
    sigmas : ndarray, shape (S + 1,)
        Levels.
    noise_schedule : NoiseScheduleVP
        Of the same code, which turns half the log of the signal-to-noise ratio into time (``inverse_lambda``).

    Returns
    -------
    SolverTimes
        Named tuple of ``get_time_steps`` and ``arguments``.

    Raises
    ------
    TypeError
        `noise_schedule` has no ``inverse_lambda``.
    ValueError
        Fewer than two levels are positive, or time does not tell two of them apart.
    """
    inverse = getattr(noise_schedule, "inverse_lambda", None)
    if not callable(inverse):
        raise TypeError(
            f"noise_schedule must be a NoiseScheduleVP of the solver's code, got {type(noise_schedule).__name__}"
        )
    positive = sigmas[sigmas > 0.0]
    if positive.size < 2:
        raise ValueError(f"sigmas must hold at least two positive levels, got {positive.size}")
    times = inverse(-k_diffusion.tensor(positive).log()).reshape(-1)
    last = float(getattr(noise_schedule, "T", 1.0)) * (1.0 + 1e-5)
    if not (bool((times[1:] < times[:-1]).all()) and float(times[-1]) > 0.0 and float(times[0]) <= last):
        raise ValueError(
            "levels of the schedule lie outside the range of noise_schedule, or closer than its times tell apart; "
            "design with its sigma_max and sigma_floor"
        )
    steps = positive.size - 1

    def get_time_steps(skip_type: str, t_T: float, t_0: float, N: int, device: Any) -> Any:
        _same_steps("steps", N, steps)
        return times.to(device)

    arguments = {
        "steps": steps,
        "t_start": float(times[0]),
        "t_end": float(times[-1]),
        "method": "multistep",
        "lower_order_final": False,
        "denoise_to_zero": bool(sigmas[-1] == 0.0),
    }
    return SolverTimes(get_time_steps, arguments)


def _same_steps(name: str, asked: Any, steps: int) -> None:
    if checks.integer(name, asked, minimum=1) != steps:
        raise ValueError(f"{name} must be {steps}, the steps of the schedule, got {asked}")
