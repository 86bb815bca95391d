"""Gauss-Newton on the network: levels, coefficients and model times with the least error on real starts."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import Executor
from typing import Any, Literal, get_args

import numpy as np

from ..._support import checks
from ..._support.checks import FloatArray
from ..._support.codes import ProcessName
from ..._support.version import VERSION
from ..arrays import Array, check_noise, check_spread
from ..denoiser import Calls
from ..program import program_of
from ..reference import SOLVER, error_from_halving, fine_schedule
from ..sampling import begin
from ..tasks import check_executor
from ..trial import Entry, Runner, entries_of, floor_of
from .candidates import candidates_of
from .parameters import Parameters, Point, Which, parameters_for
from .refined import Iteration, Refined
from .tangents import CALLS_PER_DIRECTION, CALLS_PER_LEVEL, Tangents, is_single, slopes_of, unavailable

Derivatives = Literal["auto", "forward", "differences"]

# Levels of the converged solution; on trained networks it errs by a few tenths of a per mille of the data's spread.
_REFERENCE_LEVELS = 80
FORWARD, DIFFERENCES = "forward", "differences"
_PROBED = 2  # starts on which forward derivatives are tried
# Half as many levels on so many starts tell the converged solution's error.
_HALVED_STARTS = 4
# A quarter of the starts decides what is accepted.
_HELD_OUT_SHARE = 4
_LEAST_STARTS = 8
# Network calls at most, for 8 steps and up to 24 starts; in proportion for more.
_BUDGET, _BUDGET_OF_ALL = 10_000, 20_000
_FIRST_DAMPING, _LEAST_DAMPING, _MOST_DAMPING = 1e-2, 1e-6, 1e3
# A step that gains less is the last; so many accepted steps in a row without a gain on the held-out starts end it.
_LEAST_GAIN, _PATIENCE = 2e-3, 3
# A step with a Jacobian that was only updated should take this share off the sum of squares, or a new one pays.
_STALE_GAIN = 0.2


def refine(
    schedule: Any,
    denoiser: Any,
    noise: Array,
    *,
    sampler: Any = None,
    process: ProcessName | None = None,
    start: Array | None = None,
    parameters: Which | None = None,
    candidates: Any = None,
    derivatives: Derivatives = "auto",
    sigma_floor: float | None = None,
    min_ratio: float = 1.02,
    reference: Array | None = None,
    max_calls: int | None = None,
    max_iter: int = 30,
    batch_size: int = 16,
    executor: Executor | None = None,
    progress: Any = None,
) -> Refined:
    """Refine levels, or a whole multistep solver, on the network itself.

    Gauss-Newton steps with Levenberg's damping on the outputs' differences from the converged solution; the Jacobian by
    forward-mode derivatives or differences, many columns in one batch, then Broyden's updates; a quarter of the starts
    is held out and decides.

    Parameters
    ----------
    schedule : Schedule, Design or array_like
        Where to start; a design brings its sampler and process. It ends at 0.
    denoiser : callable
        ``denoiser(y, sigma) -> xhat0``, deterministic; see `specsched.sample`.
    noise : array of NumPy, PyTorch or JAX, shape (starts, ...)
        Standard normal; at least 8 starts, better 20; with strong guidance more.
    sampler : str or Sampler
        Deterministic; needed unless `schedule` is a design.
    process, start
        As in `specsched.sample`.
    parameters : {"levels", "coefficients", "all"}
        "all": levels, coefficients and model times, for `Multistep` only, whose default it is ("levels" for others).
    candidates : dict or list of schedules and designs, optional
        Further starts with the same number of steps and first level; the best of all on the held-out starts is refined.
        A designed solver (`Multistep`, or a design of one) keeps its own coefficients; other levels run with `sampler`,
        or with 2M's coefficients where that is a designed solver. Default: the heuristics with the same ends. ``[]``:
        none.
    derivatives : {"auto", "forward", "differences"}
        How the Jacobian is measured. "forward": forward-mode differentiation of the network (torch.func, jax), exact,
        one direction counted as two network calls. "differences": one call each; in single precision their steps are
        2 % of a gap. "auto": "forward" in single precision where the network allows it. The result says which, and why.
    sigma_floor : float, optional
        No positive level below it; default: the network's own lowest level, or the lowest positive level given.
    min_ratio : float >= 1
        Least ratio of neighbouring levels.
    reference : array like `noise`, optional
        The converged solution, from a trial on the same starts (`Trial.reference`).
    max_calls : int, optional
        Budget in network calls of one sample, all included. Default: 10,000 (20,000 for "all") for up to 8 steps and 24
        starts, in proportion for more.
    max_iter : int
        Accepted steps at most.
    batch_size, executor, progress
        As in `specsched.record`.

    Returns
    -------
    Refined
        Never worse than any candidate on the held-out starts. Ctrl-C returns the best so far.

    Raises
    ------
    TypeError, ValueError
        As `specsched.trial`; a solver without what `parameters` asks for.

    Examples
    --------
    >>> import numpy as np, specsched as ss
    >>> denoiser, noise = ss.models.gaussian([1.0, 0.1]), np.random.default_rng(0).standard_normal((16, 2))
    >>> schedule = ss.Schedule([*ss.baselines.edm(4, sigma_max=20.0, sigma_min=0.02).sigmas, 0.0])
    >>> found = ss.refine(schedule, denoiser, noise, sampler="dpmpp_2m")
    >>> found.heldout_error < 0.2 * found.start_error
    True
    """
    began = time.perf_counter()
    (entry,), kind = entries_of({"start": schedule}, sampler, process)
    ops = check_noise(noise)
    check_spread(noise, ops)
    check_executor(executor)
    if noise.shape[0] < _LEAST_STARTS:
        raise ValueError(
            f"refining needs at least {_LEAST_STARTS} starts, better 20; noise has {noise.shape[0]}"
        )
    calls = Calls(denoiser, ops, noise.shape[0])
    entries = [entry, *candidates_of(candidates, entry, kind)]
    floor = floor_of(sigma_floor, calls, [e.schedule for e in entries])
    ratio, reach = checks.real("min_ratio", min_ratio, minimum=1.0), _range_of(calls.denoiser)
    free = {
        e.name: parameters_for(Point(e.schedule, e.sampler), parameters, floor, ratio, reach) for e in entries
    }
    first = begin(ops, noise, entry.schedule, kind, start)
    runner = Runner(denoiser, first, entry.schedule[0], ops, batch_size, executor, progress)
    search = _Search(runner, reference, floor)
    with ops.quiet():
        some = np.arange(min(noise.shape[0], batch_size))
        calls.check_deterministic(ops.take(first, some), entry.schedule[0], some)
        search.derivatives = _derivatives_for(derivatives, calls, first, (floor, entry.schedule[0]))
        runner.calls += calls.calls
        errors = search.compare(entries)
        best = min(errors, key=errors.__getitem__)
        search.budget = _budget(max_calls, free[best], noise.shape[0])
        message, success = search.descend(free[best], checks.integer("max_iter", max_iter, minimum=0))
    made_for = {
        "specsched": VERSION,
        "sampler": search.best.sampler.saved,
        "process": kind,
        "refined_from": best,
        "heldout_error": search.best_errors[1],
        "sigma_max": entry.schedule[0],
        "sigma_floor": floor,
        "network": {"prediction": getattr(calls.denoiser, "prediction", None)},
    }
    return Refined(
        schedule=search.best.schedule.remembering(made_for),
        sampler=search.best.sampler,
        process=kind,
        error=search.best_errors[0],
        heldout_error=search.best_errors[1],
        start_error=errors[best],
        candidates=errors,
        start=best,
        history=tuple(search.history),
        reference_error=search.reference_error,
        calls=runner.calls,
        seconds=time.perf_counter() - began,
        success=success,
        message=message,
        derivatives=search.derivatives,
    )


class _Search:
    """Runs, residuals and the best so far."""

    def __init__(self, runner: Runner, reference: Array | None, floor: float) -> None:
        self.runner, self.budget = runner, 0
        starts = runner.first.shape[0]
        held = max(2, starts // _HELD_OUT_SHARE)
        self.training, self.held_out = np.arange(starts - held), np.arange(starts - held, starts)
        self.target, self.reference_error = self._converged(reference, floor)
        self.history: list[Iteration] = []
        self.best_errors = (np.inf, np.inf)
        self.best: Point
        self.derivatives = DIFFERENCES

    def compare(self, entries: Sequence[Entry]) -> dict[str, float]:
        """Held-out error of each candidate; the best becomes the best so far."""
        outputs = self.runner([(e.schedule, e.sampler) for e in entries])
        found = {}
        for entry, output in zip(entries, outputs, strict=True):
            errors = self._errors(output)
            found[entry.name] = errors[1]
            if errors[1] < self.best_errors[1]:
                self.best, self.best_errors = Point(entry.schedule, entry.sampler), errors
        self.history.append(Iteration(*self.best_errors, self.runner.calls))
        return found

    def descend(self, parameters: Parameters, max_iter: int) -> tuple[str, bool]:
        """Improve on the training starts as long as the held-out ones agree; how it ended, and whether by itself."""
        try:
            return self._descend(parameters, max_iter)
        except KeyboardInterrupt:
            return "interrupted", False

    def _descend(self, parameters: Parameters, max_iter: int) -> tuple[str, bool]:
        free = parameters.free()
        if not free.size:
            return "nothing to refine", True
        free = parameters.clipped(free)
        residual, jacobian, fresh = *self._jacobian(parameters, free), True
        damping, idle = _FIRST_DAMPING, 0
        while len(self.history) <= max_iter:
            if self.runner.calls + self._cost(parameters.point(free)) > self.budget:
                return f"the budget of {self.budget} network calls is spent", False
            step = _step(jacobian, residual, damping, parameters.longest())
            there = parameters.clipped(free + step)
            found, errors = self._residual(parameters.point(there))
            gain = 1.0 - np.sum(found**2) / np.sum(residual**2)
            stale = not fresh
            if gain > 0.0:
                jacobian = _broyden(jacobian, found - residual, there - free)
                free, residual, damping, fresh = there, found, max(damping / 5.0, _LEAST_DAMPING), False
                idle = 0 if errors[1] < self.best_errors[1] * (1.0 - _LEAST_GAIN) else idle + 1
                self._keep(parameters.point(free), errors)
                if idle >= _PATIENCE:
                    return "held-out starts improve no more", True
                if errors[1] < self.reference_error:
                    return "as near as the converged solution is to itself", True
            if gain < (_STALE_GAIN if stale else _LEAST_GAIN):
                if not stale and (gain > 0.0 or damping >= _MOST_DAMPING):
                    return "converged", True
                if not stale:
                    damping = min(damping * 10.0, _MOST_DAMPING)
                    continue
                if self.runner.calls + self._jacobian_cost(parameters, free) > self.budget:
                    return f"the budget of {self.budget} network calls is spent", False
                residual, jacobian, fresh = *self._jacobian(parameters, free), True
        return f"{max_iter} steps taken", False

    def _keep(self, point: Point, errors: tuple[float, float]) -> None:
        self.history.append(Iteration(*errors, self.runner.calls))
        if errors[1] < self.best_errors[1]:
            self.best, self.best_errors = point, errors

    def _residual(self, point: Point) -> tuple[FloatArray, tuple[float, float]]:
        output = self.runner([point])[0]
        return self._training_residual(output), self._errors(output)

    def _jacobian(self, parameters: Parameters, free: FloatArray) -> tuple[FloatArray, FloatArray]:
        runner = self.runner
        if self.derivatives == FORWARD:
            here = parameters.point(free)
            program = program_of(here.sampler, here.schedule)
            slopes = slopes_of(program, parameters.moves(free), parameters.units(free))
            starts = runner.first.shape[0]
            task = Tangents(runner.denoiser, starts, slopes, runner.rows, parameters.model_range)
            output, *columns = runner.spread(task, self.training)
            changes = np.array(columns)
        else:
            programs, steps = parameters.differences(free, is_single(runner.ops, runner.first))
            output, *outputs = runner.programs(tuple(programs), self.training)
            changes = (np.array(outputs) - output) / steps.reshape((-1,) + (1,) * output.ndim)
        size = np.sqrt(output.size)
        residual = (output - self.target[self.training]).ravel() / size
        return residual, parameters.chain(changes.reshape(len(changes), -1).T / size, free)

    def _training_residual(self, output: FloatArray) -> FloatArray:
        rows = output[self.training] - self.target[self.training]
        return np.asarray(rows.ravel() / np.sqrt(rows.size))

    def _errors(self, output: FloatArray) -> tuple[float, float]:
        squares = np.mean((output - self.target) ** 2, axis=tuple(range(1, output.ndim)))
        parts = (squares[self.training].mean(), squares[self.held_out].mean())
        return float(np.sqrt(parts[0])), float(np.sqrt(parts[1]))

    def _cost(self, point: Point) -> int:
        return int(program_of(point.sampler, point.schedule).evaluations * self.runner.first.shape[0])

    def _jacobian_cost(self, parameters: Parameters, free: FloatArray) -> int:
        # A number changes the predictions after it, half of them on average.
        each = free.size // 2 + 1
        if self.derivatives == FORWARD:
            each = CALLS_PER_DIRECTION * (free.size // 2) + CALLS_PER_LEVEL + 1
        return self._cost(parameters.point(free)) * each

    def _converged(self, reference: Array | None, floor: float) -> tuple[FloatArray, float]:
        runner = self.runner
        few = np.arange(min(_HALVED_STARTS, runner.first.shape[0]))
        coarse = runner([(fine_schedule(runner.high, floor, _REFERENCE_LEVELS // 2), SOLVER)], few)[0]
        if reference is None:
            target = runner([(fine_schedule(runner.high, floor, _REFERENCE_LEVELS), SOLVER)])[0]
        elif tuple(reference.shape) == tuple(runner.first.shape):
            target = runner.ops.to_host(reference)
        else:
            raise ValueError(
                f"reference must have the shape of noise, {tuple(runner.first.shape)}, got {tuple(reference.shape)}"
            )
        return target, error_from_halving(float(np.sqrt(np.mean((target[few] - coarse) ** 2))))


def _step(jacobian: FloatArray, residual: FloatArray, damping: float, longest: FloatArray) -> FloatArray:
    """Marquardt's step, each number of it cut to what it may move: one that does nothing must not hold up the rest."""
    matrix = jacobian.T @ jacobian
    scale = np.diag(matrix) + 1e-12 * max(float(np.trace(matrix)), 1e-300)
    step = -np.linalg.solve(matrix + damping * np.diag(scale), jacobian.T @ residual)
    return np.clip(step, -longest, longest)


def _broyden(jacobian: FloatArray, change: FloatArray, step: FloatArray) -> FloatArray:
    """The least change of the Jacobian that explains what the step did."""
    length = float(step @ step)
    return jacobian + np.outer(change - jacobian @ step, step) / length if length > 0.0 else jacobian


def _derivatives_for(asked: Derivatives, calls: Calls, first: Array, ends: tuple[float, float]) -> str:
    """FORWARD, or differences and why."""
    if asked not in get_args(Derivatives):
        raise ValueError(f"derivatives must be 'auto', 'forward' or 'differences', got {asked!r}")
    if asked == "differences":
        return DIFFERENCES
    if asked == "auto" and not is_single(calls.ops, first):
        return f"{DIFFERENCES}: in double precision they are as good, and cost half"
    index = np.arange(min(_PROBED, first.shape[0]))
    low, high = ends
    level = float(np.sqrt(low * high))  # half-way, where a prediction depends on y and on the level
    reason = unavailable(calls, calls.ops.take(first, index) * (level / high), level, index)
    if reason and asked == "forward":
        raise ValueError(f"derivatives='forward' is not possible with this denoiser: {reason}")
    return f"{DIFFERENCES}: {reason}" if reason else FORWARD


def _budget(given: Any, parameters: Parameters, starts: int) -> int:
    if given is not None:
        return checks.integer("max_calls", given, minimum=1)
    least = _BUDGET_OF_ALL if parameters.levels and parameters.coefficients else _BUDGET
    return int(least * max(1.0, parameters.start.schedule.steps / 8) * max(1.0, starts / 24))


def _range_of(denoiser: Any) -> tuple[float, float]:
    """The levels that a denoiser says it was trained on."""
    return float(getattr(denoiser, "sigma_min", 0.0)), float(getattr(denoiser, "sigma_max", np.inf))
