"""The schedule with the least error for a spectrum, a sampler and a number of steps."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from .._support.codes import LossName, ProcessName, StartName, TargetName
from .._support.texts import shared_texts
from ..schedules.schedule import Schedule, as_schedule
from ..spectra.neighbourhood import Neighbourhood
from .modes.allowances import with_smooth_errors
from .modes.design import design_on_modes
from .modes.problem import Asked, on_modes
from .problem import Options, Problem
from .result import Design
from .rivals import rivals_of
from .task import prepare, present, settle


@shared_texts
def design(
    spectrum: Any,
    steps: int,
    *,
    sampler: Any = "ddim",
    process: ProcessName = "vp",
    loss: LossName = "w2",
    target: TargetName = "limit",
    start: StartName = "prior",
    sigma_max: float | None = None,
    sigma_min: float = 0.0,
    sigma_floor: float | None = None,
    min_ratio: float | None = None,
    denoiser_error: float | None = None,
    method: Literal["newton", "slsqp"] = "newton",
    combine: Literal["mean", "worst"] = "mean",
    alphas_cumprod: Any = None,
    robust: bool | float | Neighbourhood = False,
    schedule: Any = None,
    init: Any = None,
    tol: float = 1e-9,
    max_iter: int = 500,
    threads: int = 0,
) -> Design:
    """The schedule with the least loss between two fixed end levels.

    Parameters
    ----------
    spectrum : Spectrum, array_like or list of Spectrum
        Of the data. A list asks for one schedule for all of them, see `combine`. Or a recording of a network
        (`specsched.record`), affine modes, or a list of these: the distance to the network's own converged solution,
        for deterministic samplers; ends and process are then those of the recording, whose own spectrum is allowed
        for where none is given beside it.
    steps : int
        Number of steps S >= 1.
    sampler : str or specsched.samplers.Sampler
        What will run over the levels. A `specsched.samplers.Multistep` without coefficients is designed together with
        the levels: `Design.sampler` holds it, and `Design.baselines` are the heuristics with DPM-Solver++(2M).
    @process
    @loss
    @target
    @start
    sigma_max : float, optional
        First level (sigma/alpha), fixed. Default: 157.4 for "vp" (abar = 4.036e-5, the paper's), 80 for "ve",
        999 for "flow" (t = 0.999).
    sigma_min : float
        Last level, fixed. With 0 (default) the sampler ends on clean data.
    sigma_floor : float, optional
        With ``sigma_min=0``: no other level lies below it. A model is not trained below its own lowest level. What
        designed coefficients minimise is the distance to the prediction there, where every such run ends.
    min_ratio : float >= 1, optional
        Least ratio of neighbouring levels. Default: 1 for one-step solvers; for solvers that combine several
        predictions a quarter of the mean gap in log sigma, at most 1.1, because nearly coinciding levels act as a
        finite difference, which an exact denoiser rewards and a real one does not; half of the mean gap where
        coefficients are designed.
    denoiser_error : float, optional
        Error of each prediction that the design allows for, as a share of the posterior's spread (see `transfer`), so
        that it does not rely on differences between predictions that a real network does not resolve. Default: with
        ``target="limit"`` `DEFAULT_DENOISER_ERROR` (half of it with recordings, 0.03 beside smooth errors where
        coefficients are designed) for solvers that combine several predictions (lowered where it would
        cost more than a quarter of the exact loss of the best heuristic) and 0 for the others; with ``target="data"``
        0. The reported losses are those of the exact denoiser. Designs for spectra with 12 to 30 steps of a solver of
        order 3 and more allow for half of it and for smooth errors by default (`Design.smooth_error`, docs/modes.md).
    method : {"newton", "slsqp"}
        "newton": exact Hessian on the compressed spectrum (docs/design.md). "slsqp": SciPy's, with exact gradient
        and order constraints, as in the paper.
    combine : {"mean", "worst"}
        For a list of spectra or recordings (of several guidance scales, say): the least mean (of squares for "w2",
        hence its root mean square) or the least worst loss.
    alphas_cumprod : array_like, shape (T,), optional
        A model's abar of timesteps 0 ... T - 1. Every level but a final 0 is then one of its integer timesteps,
        chosen among the integers by exact exchange, not by rounding (docs/grids.md). `sigma_max` is the grid's largest
        level by default; ends that are given must be levels of the grid. See `Design.timesteps`, `.grid_loss_ratio`.
    robust : bool, float or Neighbourhood
        Design for a neighbourhood of every spectrum, scaled and tilted, combined as for a list: True for scales
        1/2, 1, 2 and tilts -0.1, 0, 0.1, a number for a size (1 is the same as True), or a `Neighbourhood`. `loss` and
        `baselines` are then those of the neighbourhood, `losses` those of the spectra themselves.
    schedule : Schedule or array_like, optional
        Fixed levels: only the coefficients of a `specsched.samplers.Multistep` are designed.
    init : Schedule or array_like, optional
        A further start.
    tol : float
        Largest KKT error, relative to the loss, at which the design counts as converged; at least 1e-6 for "slsqp",
        which cannot come closer, and 1e-5 for the worst case of a list.
    max_iter : int
        Iterations of each local search.
    @threads

    Returns
    -------
    Design
        Never worse than `init`, the schedule designed for DDIM ("ddim_designed") or any other baseline with the same
        ends (of those that meet `sigma_floor` and `min_ratio`; with a `denoiser_error`: of the loss that includes it).

    Raises
    ------
    TypeError, ValueError
        Naming the argument that is wrong.

    Notes
    -----
    Problem (14) of Benita, Elad & Keshet, arXiv 2502.00180; the second-order method and the starts are derived in
    docs/design.md.

    Examples
    --------
    >>> import numpy as np, specsched as ss
    >>> spectrum = ss.Spectrum(1.0 / np.arange(1, 65) ** 2)
    >>> result = ss.design(spectrum, 10, sigma_max=80.0)
    >>> result.success, result.loss < min(result.baselines.values())
    (True, True)
    """
    options = Options(
        sampler=sampler,
        process=process,
        loss=loss,
        target=target,
        start=start,
        sigma_max=sigma_max,
        sigma_min=sigma_min,
        sigma_floor=sigma_floor,
        min_ratio=min_ratio,
        denoiser_error=denoiser_error,
        tol=tol,
        max_iter=max_iter,
        threads=threads,
    )
    by_modes = on_modes(spectrum, sampler)
    if by_modes or (schedule is None and with_smooth_errors(spectrum, steps, options, method, robust)):
        asked = Asked.of(method, combine, alphas_cumprod, robust, schedule)
        return design_on_modes(spectrum, steps, options, asked, init)
    if schedule is not None:
        raise ValueError(
            "schedule= fixes the levels, and only the coefficients of Multistep are left to design: pass "
            "sampler=specsched.samplers.Multistep(order=...)"
        )
    task = prepare(spectrum, steps, options, method, combine, alphas_cumprod, robust)
    rivals = rivals_of(task.problem)
    starts = list(rivals.values())
    if init is not None:
        starts.append(_start("init", init, task.problem))
    task, outcome = settle(task, starts)
    return present(task, outcome, rivals, starts, outcome.start_losses)


def _start(name: str, value: Any, problem: Problem) -> Schedule:
    start = as_schedule(value)
    ends = (float(start.sigmas[0]), float(start.sigmas[-1]))
    if start.steps != problem.steps:
        raise ValueError(f"{name} has {start.steps} steps, the design has {problem.steps}")
    if not np.allclose(ends, (problem.sigma_max, problem.sigma_min), rtol=1e-9, atol=0.0):
        raise ValueError(
            f"{name} runs from {ends[0]:g} to {ends[1]:g}, the design from sigma_max={problem.sigma_max:g} "
            f"to sigma_min={problem.sigma_min:g}; pass these ends or rescale {name}"
        )
    levels = start.sigmas.copy()
    levels[[0, -1]] = problem.sigma_max, problem.sigma_min
    return Schedule(levels, name=name)
