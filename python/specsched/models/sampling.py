"""Sampling: every solver on real arrays, by the program that the engine analyses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import _core
from .._support import checks, codes
from .._support.codes import ProcessName
from ..samplers import Sampler, as_sampler, from_saved
from ..schedules.schedule import Schedule, as_schedule
from .arrays import Array, Numpy, check_noise
from .denoiser import Calls, check_device
from .program import Program, program_of, run

Callback = Callable[[int, float, Array, Array], object]


def sample(
    denoiser: Any,
    noise: Array,
    schedule: Any,
    *,
    sampler: Any = None,
    process: ProcessName | None = None,
    start: Array | None = None,
    generator: Any = None,
    callback: Callback | None = None,
) -> Array:
    """Run a solver with a denoiser over a schedule.

    Parameters
    ----------
    denoiser : callable
        ``denoiser(y, sigma) -> xhat0``: prediction of the clean data from y = x / alpha, rows first; sigma is a float.
        `specsched.models` makes one from a network. A third parameter ``index`` gets the numbers of the rows.
    noise : array of NumPy, PyTorch or JAX, shape (starts, ...)
        Standard normal. The run takes its type, precision and device; half precision also in the solver, so pass
        float32 and let the adapter cast for the network.
    schedule : Schedule, Design or array_like, shape (S+1,)
        Levels sigma/alpha, noise -> clean. A design brings its sampler and process.
    sampler : str or specsched.samplers.Sampler
        Needed unless `schedule` is a design, or the saved schedule of one.
    process : {"vp", "ve", "flow"}
        Scale of the start: y_S is sqrt(1 + sigma^2), sigma, or 1 + sigma times the noise. Default "vp".
    start : array like `noise`, optional
        Clean data to start from (image-to-image): y_S = start + sigma * noise, whatever the process.
    generator : torch.Generator, numpy.random.Generator or JAX key, optional
        For the noise of stochastic samplers; default: the global generator of PyTorch, a fresh one of NumPy.
    callback : callable, optional
        ``callback(step, sigma, y, xhat0)`` after each step: steps so far, the level reached, y = x / alpha there, and
        the newest prediction. What it raises ends the run.

    Returns
    -------
    array like `noise`
        x_0 at the last level (y there times alpha). Gradients are not recorded.

    Raises
    ------
    TypeError, ValueError
        Arrays of another kind; a level outside the model's range; a sampler that does not fit the levels; a denoiser
        that returns another shape, type or device, NaN or infinity.

    Examples
    --------
    >>> import numpy as np, specsched as ss
    >>> denoiser = ss.models.gaussian([1.0, 4.0])
    >>> schedule = ss.baselines.edm(10, sigma_max=80.0, sigma_min=0.01)
    >>> x = ss.sample(denoiser, np.ones((1, 2)), schedule, sampler="heun")
    >>> x.round(3).tolist(), ss.transfer([1.0, 4.0], schedule, sampler="heun").gain.round(3).tolist()
    ([[1.119, 2.191]], [1.119, 2.191])
    """
    checks.function("callback", callback)
    levels, solver, kind = resolve(schedule, sampler, process)
    ops = check_noise(noise)
    calls = Calls(denoiser, ops, noise.shape[0])
    program = program_of(solver, levels)
    calls.check_levels(program.told)
    y = _begun(ops, noise, levels, kind, start)
    scale = _core.signal_scale(codes.process_code(kind), float(levels.sigmas[-1]))
    draw = ops.generator(generator) if program.stochastic else None
    with ops.quiet():
        result = _run(program, y, calls, draw, levels, callback)
        if scale != 1.0:
            result = result * scale
        if not ops.finite(result):
            begin(ops, noise, levels, kind, start)  # says where it began, if it began so
            _find_culprit(program, y, calls, draw)
            raise ValueError(
                "the result holds NaN or infinity, though no prediction does: the sampler overflowed"
            )
    return result


def resolve(
    schedule: Any,
    sampler: Any,
    process: ProcessName | None,
    *,
    default: ProcessName = "vp",
    otherwise: Sampler | None = None,
) -> tuple[Schedule, Sampler, ProcessName]:
    """Levels, solver and process of what a caller passed; a design has all three, and so has its saved schedule.

    `otherwise` is the solver of levels that bring none.
    """
    own = getattr(schedule, "schedule", None)
    if own is not None:
        sampler = getattr(schedule, "sampler", None) if sampler is None else sampler
        process = getattr(schedule, "process", None) if process is None else process
        schedule = own
    levels = as_schedule(schedule)
    if sampler is None and "sampler" in levels.made_for:
        sampler = from_saved(levels.made_for["sampler"])
    sampler = otherwise if sampler is None else sampler
    if sampler is None:
        raise TypeError(
            "sampler is needed with a schedule: a name such as 'dpmpp_2m', or a specsched.samplers.Sampler"
        )
    kind: ProcessName = levels.made_for.get("process", default) if process is None else process
    codes.process_code(kind)
    return levels, as_sampler(sampler), kind


def begin(
    ops: Numpy, noise: Array, levels: Schedule, process: ProcessName, start: Array | None = None
) -> Array:
    """y at the first level."""
    y = _begun(ops, noise, levels, process, start)
    given = (noise,) if start is None else (noise, start)
    # what is not finite itself is refused with its place
    if not ops.finite(y) and all(map(ops.finite, given)):
        raise ValueError(
            f"noise at the first level, {levels[0]:g}, exceeds the numbers of {ops.dtype(noise)}; use float64"
        )
    return y


def _begun(ops: Numpy, noise: Array, levels: Schedule, process: ProcessName, start: Array | None) -> Array:
    """The same, whatever comes out."""
    first = checks.level("the first level", float(levels.sigmas[0]))
    if start is not None and (
        type(start) is not type(noise) or start.shape != noise.shape or start.dtype != noise.dtype
    ):
        raise ValueError(
            f"start must be an array like noise, {ops.arrays} of shape {tuple(noise.shape)} and dtype "
            f"{ops.dtype(noise)}, got {type(start).__name__} of shape {tuple(getattr(start, 'shape', ()))}"
        )
    with np.errstate(over="ignore", invalid="ignore"):
        if start is None:
            return noise * float(np.sqrt(_core.start_variance(codes.process_code(process), first)))
        return ops.combine(((1.0, start), (first, noise)))


def _run(
    program: Program, y: Array, calls: Calls, draw: Any, levels: Schedule, callback: Callback | None
) -> Array:
    index = np.arange(y.shape[0])
    seen = False

    def predict(state: Array, sigma: float) -> Array:
        nonlocal seen
        prediction = calls(state, sigma, index)
        if not seen:
            check_device(calls.ops, state, prediction)
            seen = True
        return prediction

    def after_step(step: int, state: Array, newest: Array) -> None:
        assert callback is not None
        callback(step + 1, float(levels.sigmas[step + 1]), state, newest)

    return run(program, y, predict, calls.ops, draw, after_step if callback else None)


def _find_culprit(program: Program, y: Array, calls: Calls, draw: Any) -> None:
    """Run again with every prediction looked at, to say where the first NaN came from."""
    index = np.arange(y.shape[0])
    if not calls.ops.finite(y):
        raise ValueError("noise must be finite")
    run(program, y, lambda state, sigma: calls.checked(state, sigma, index), calls.ops, draw)
