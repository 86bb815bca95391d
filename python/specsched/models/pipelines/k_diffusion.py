"""A sampler function of k-diffusion that runs any solver over any schedule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..._support import checks
from ..._support.checks import FloatArray
from ..._support.codes import ProcessName
from ...samplers import Sampler
from ...schedules.schedule import Schedule
from ..arrays import Array, namespace_of
from ..program import program_of, run
from ..sampling import resolve

KSampler = Callable[..., Array]

_SAME = 1e-3
"""Levels passed by a user interface are the design's if they agree to the three digits that people write."""


def sampler(design: Any, *, sampler: Any = None, flow: bool = False) -> KSampler:
    """A function ``sample(model, x, sigmas, extra_args=None, callback=None, disable=None)`` that runs a design.

    Parameters
    ----------
    design : Design, Refined, Schedule or array_like, shape (S+1,)
        A loaded schedule brings the solver that it was designed for.
    sampler : str or Sampler, optional
        Needed for a schedule that remembers none.
    flow : bool
        Whether x is (1 - t) x_0 + t eps and `sigmas` are flow times t, as ComfyUI has them for flow models.

    Returns
    -------
    callable
        Called as k-diffusion's own: ``model(x, sigma, **extra_args)`` predicts the clean data, x is noise times
        ``sigmas[0]`` (as k-diffusion and ComfyUI scale it). `sigmas` are the design's (to three digits; its own exact
        ones run) or its last ones, for image-to-image; a solver whose coefficients do not depend on them takes any
        others too. `callback` gets a dict of ``x``, ``i``, ``sigma``, ``sigma_hat`` and ``denoised`` after each step;
        noise comes from a generator seeded with ``extra_args["seed"]``, the global one without. `disable` is for
        progress bars, and there is none.

    Raises
    ------
    TypeError, ValueError
        No solver; levels that do not fit it; in a run NaN or infinity.

    Examples
    --------
    >>> import torch, specsched as ss  # doctest: +SKIP
    >>> sample = ss.k_diffusion.sampler(ss.Schedule.load("design.json"))  # doctest: +SKIP
    >>> sigmas = ss.Schedule.load("design.json").to_k_diffusion()  # doctest: +SKIP
    >>> x = sample(model, torch.randn(1, 4, 64, 64) * sigmas[0], sigmas)  # doctest: +SKIP
    """
    checks.flag("flow", flow)
    kind: ProcessName = "flow" if flow else "ve"
    schedule, solver, _ = resolve(design, sampler, None)

    def sample(
        model: Callable[..., Array],
        x: Array,
        sigmas: Array,
        extra_args: dict[str, Any] | None = None,
        callback: Callable[[dict[str, Any]], object] | None = None,
        disable: bool | None = None,
    ) -> Array:
        checks.function("callback", callback)
        ops = namespace_of("x", x)
        times = checks.vector("sigmas", sigmas)
        if flow and times.max() >= 1.0:
            raise ValueError(f"sigmas must be flow times below 1, got {times.max():g}")
        levels, own = _fitting(times / (1.0 - times) if flow else times, schedule, solver)
        arguments = extra_args or {}
        program = program_of(own, levels)
        scale = _Scale(kind)

        def predict(y: Array, told: float) -> Array:
            level = ops.rows(scale.level(told), y)
            return model(y * scale.alpha(told), level, **arguments)

        def after(step: int, y: Array, denoised: Array | None) -> None:
            assert callback is not None
            level, before = float(levels.sigmas[step + 1]), scale.level(float(levels.sigmas[step]))
            callback(
                {
                    "x": y * scale.alpha(level),
                    "i": step,
                    "sigma": before,
                    "sigma_hat": before,
                    "denoised": denoised,
                }
            )

        draw = _generator(ops, x, arguments) if program.stochastic else None
        with ops.quiet():
            start = x * (1.0 / scale.alpha(float(levels.sigmas[0])))
            y = run(program, start, predict, ops, draw, after if callback else None)
            result = y * scale.alpha(float(levels.sigmas[-1]))
        if not ops.finite(result):
            if not ops.finite(x):
                raise ValueError("x must be finite")
            raise ValueError(
                "the result holds NaN or infinity: so does a prediction, or the sampler overflowed"
            )
        return result

    return sample


class _Scale:
    """x = alpha y, and what the model is told: sigma itself, or the flow time."""

    def __init__(self, kind: ProcessName) -> None:
        self._flow = kind == "flow"

    def alpha(self, level: float) -> float:
        return 1.0 / (1.0 + level) if self._flow else 1.0

    def level(self, level: float) -> float:
        return level / (1.0 + level) if self._flow else level


def _generator(ops: Any, x: Array, arguments: dict[str, Any]) -> Any:
    seed = arguments.get("seed")
    return None if seed is None else ops.torch.Generator(device="cpu").manual_seed(int(seed))


def _fitting(given: FloatArray, schedule: Schedule, solver: Sampler) -> tuple[Schedule, Sampler]:
    """The design's levels and solver from where these levels begin; else the solver on these levels."""
    begin = schedule.steps + 1 - given.size
    if 0 <= begin < schedule.steps:
        own = schedule.sigmas[begin:]
        if np.allclose(given, own, rtol=_SAME, atol=1e-6):
            return Schedule(own, name=schedule.name), solver.begun_at(begin) if begin else solver
    if getattr(solver, "coefficients", None) is not None:
        raise ValueError(
            f"the coefficients were designed for the {schedule.steps} steps {schedule!r}, and sigmas are "
            f"{given.size - 1} others: pass schedule.to_k_diffusion(), or design for these levels"
        )
    return Schedule(given), solver


__all__ = ["KSampler", "sampler"]
