"""Real errors of schedules on a network, against its own converged solution."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .._support import checks
from .._support.checks import FloatArray
from .._support.codes import ProcessName
from .._support.progress import Meter
from ..samplers import Sampler
from ..schedules.schedule import Schedule
from .arrays import Array, Numpy, check_noise, check_spread
from .columns import Columns, Outputs
from .denoiser import Calls, Index
from .figures import figure_of_trial
from .program import program_of
from .recordings.record import probe_model
from .recordings.recording import Recording
from .reference import SOLVER, error_from_halving, fine_schedule
from .sampling import begin, resolve
from .tasks import batches, check_executor, spread

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Metric = Callable[[Array, Array], Any]

# The reference starts with this many levels and half of them, and is refined up to four times as many.
_LEVELS, _MOST_LEVELS = 120, 480
# A reference is good enough when it errs a tenth of the best that it is to judge.
_SHARE = 0.1
# Rows of one network call, in batches of starts: runs at the same level go together.
ROWS_PER_BATCH = 4


class Entry(NamedTuple):
    """One schedule with its solver under a name."""

    name: str
    schedule: Schedule
    sampler: Sampler


@dataclass(frozen=True, eq=False)
class Trial:
    """How far schedules are from a network's own converged solution, on the same starts.

    Attributes
    ----------
    names : tuple of str
    schedules : tuple of Schedule
    samplers : tuple of Sampler
        What was tried.
    evaluations : tuple of int
        Network calls of one sample in one run.
    errors, standard_errors : ndarray, shape (tried,)
        Root mean square error per value (or mean of the metric), and its standard error over the starts.
    predicted : ndarray, shape (tried,), or None
        What the recording predicted.
    by_start : ndarray, shape (tried, starts)
        Mean square error (or metric) of each start.
    reference_error : float
        Root mean square error per value of the converged solution itself, from a run with half the levels.
    reference : array like the noise
        The converged solution; `refine` takes it.
    metric : str
        "RMSE", or the name of the metric.
    calls : int
        Network calls of the whole trial, each of one sample.
    seconds : float
    """

    names: tuple[str, ...]
    schedules: tuple[Schedule, ...]
    samplers: tuple[Sampler, ...]
    evaluations: tuple[int, ...]
    errors: FloatArray
    standard_errors: FloatArray
    predicted: FloatArray | None
    by_start: FloatArray
    reference_error: float
    reference: Array
    metric: str
    calls: int
    seconds: float

    @property
    def best(self) -> str:
        """Name of the best."""
        return self.names[int(np.argmin(self.errors))]

    @property
    def schedule(self) -> Schedule:
        """The best schedule."""
        return self.schedules[int(np.argmin(self.errors))]

    @property
    def sampler(self) -> Sampler:
        """Its sampler."""
        return self.samplers[int(np.argmin(self.errors))]

    def rows(self) -> list[list[str]]:
        """The table as text: headings, then the best first."""
        head = [
            "",
            "sampler",
            "calls",
            self.metric,
            "+-",
            *(["predicted"] if self.predicted is not None else []),
        ]
        rows = []
        for k in np.argsort(self.errors, kind="stable"):
            numbers = [self.errors[k], self.standard_errors[k]]
            numbers += [self.predicted[k]] if self.predicted is not None else []
            shown = [f"{numbers[0]:.4g}", f"{numbers[1]:.1g}", *(f"{value:.4g}" for value in numbers[2:])]
            rows.append([self.names[k], self.samplers[k].name, str(self.evaluations[k]), *shown])
        return [head, *rows]

    def plot(self) -> Figure:
        """Errors with two standard errors, the best on top, beside the predicted ones.

        Raises
        ------
        ImportError
            If Matplotlib is missing.
        """
        return figure_of_trial(self)

    def foot(self) -> str:
        """What it cost."""
        return (
            f"{self.by_start.shape[1]} starts; the converged solution errs by {self.reference_error:.2g} per value; "
            f"{self.calls} network calls in {self.seconds:.1f} s"
        )

    def __repr__(self) -> str:
        rows = self.rows()
        widths = [max(len(row[c]) for row in rows) for c in range(len(rows[0]))]
        lines = [
            "  ".join(
                cell.ljust(w) if c < 2 else cell.rjust(w)
                for c, (cell, w) in enumerate(zip(row, widths, strict=True))
            )
            for row in rows
        ]
        return "\n".join([*(line.rstrip() for line in lines), self.foot()])

    def _repr_html_(self) -> str:
        head, *rows = self.rows()
        top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
        body = "".join("<tr>" + "".join(f"<td>{escape(c)}</td>" for c in row) + "</tr>" for row in rows)
        return f"<table><tr>{top}</tr>{body}</table><p>{escape(self.foot())}</p>"


def trial(
    schedules: Any,
    denoiser: Any,
    noise: Array,
    *,
    sampler: Any = None,
    process: ProcessName | None = None,
    start: Array | None = None,
    sigma_floor: float | None = None,
    recording: Recording | None = None,
    metric: Metric | None = None,
    levels: int = _LEVELS,
    batch_size: int = 16,
    executor: Executor | None = None,
    progress: Any = None,
) -> Trial:
    """Run schedules on a network and measure how far each ends from the network's own converged solution.

    Parameters
    ----------
    schedules : Schedule, Design, array_like, or a dict or list of them
        What to try; a dict names them. A design brings its sampler. All start at the same level and end at 0.
    denoiser : callable
        ``denoiser(y, sigma) -> xhat0``, deterministic; see `specsched.sample`.
    noise : array of NumPy, PyTorch or JAX, shape (starts, ...)
        Standard normal, at least 2 starts.
    sampler : str or Sampler
        Deterministic; needed for what is no design.
    process, start
        As in `specsched.sample`.
    sigma_floor : float, optional
        Lowest level of the reference; default: the recording's, the network's own lowest, or the lowest level tried.
    recording : Recording, optional
        Of this network: puts its predictions beside what is measured.
    metric : callable, optional
        ``metric(outputs, reference)`` gives one distance for each start, instead of the mean square: features, LPIPS,
        a decoder and a norm. Its mean is reported.
    levels : int
        Levels of the reference to begin with; at most four times as many, until it errs a tenth of the best schedule.
    batch_size, executor, progress
        As in `specsched.record`.

    Returns
    -------
    Trial

    Raises
    ------
    TypeError, ValueError
        As `specsched.sample`; stochastic samplers, different first levels, a recording of another model.

    Examples
    --------
    >>> import numpy as np, specsched as ss
    >>> noise = np.random.default_rng(0).standard_normal((8, 3))
    >>> tried = {n: getattr(ss.baselines, n)(8, sigma_max=20.0, sigma_min=0.02) for n in ("edm", "exponential")}
    >>> tried = {n: ss.Schedule([*s.sigmas[:-1], 0.0]) for n, s in tried.items()}
    >>> found = ss.trial(tried, ss.models.gaussian([1.0, 0.3, 0.1]), noise, sampler="dpmpp_2m")
    >>> found.best, found.evaluations
    ('exponential', (8, 8))
    """
    began = time.perf_counter()
    entries, kind = entries_of(schedules, sampler, process)
    ops = check_noise(noise)
    check_spread(noise, ops)
    check_executor(executor)
    if noise.shape[0] < 2:
        raise ValueError(f"a trial needs at least 2 starts for standard errors; noise has {noise.shape[0]}")
    checks.function("metric", metric)
    calls = Calls(denoiser, ops, noise.shape[0])
    first = begin(ops, noise, entries[0].schedule, kind, start)
    if recording is not None:
        checks.instance("recording", recording, Recording)
        sigma_floor = recording.sigma_floor if sigma_floor is None else sigma_floor
    floor = floor_of(sigma_floor, calls, [e.schedule for e in entries])
    predicted = None
    with ops.quiet():
        some = np.arange(min(noise.shape[0], batch_size))
        calls.check_deterministic(ops.take(first, some), entries[0].schedule[0], some)
        if recording is not None:
            recording.check_model(probe_model(calls, noise, recording.sigma_floor, recording.sigma_max))
            predicted = np.array([recording.predict(e.schedule, sampler=e.sampler) for e in entries])
    runner = Runner(denoiser, first, entries[0].schedule[0], ops, batch_size, executor, progress)
    outputs = runner([(e.schedule, e.sampler) for e in entries])
    target, error = converged(runner, outputs, floor, checks.integer("levels", levels, minimum=16))
    by_start = _distances(outputs, target, metric, ops, noise)
    errors = by_start.mean(axis=1)
    deviations = by_start.std(axis=1, ddof=1) / np.sqrt(by_start.shape[1])
    if metric is None:
        errors = np.sqrt(errors)
        deviations = deviations / np.maximum(2.0 * errors, 1e-300)
    return Trial(
        names=tuple(e.name for e in entries),
        schedules=tuple(e.schedule for e in entries),
        samplers=tuple(e.sampler for e in entries),
        evaluations=tuple(program_of(e.sampler, e.schedule).evaluations for e in entries),
        errors=errors,
        standard_errors=deviations,
        predicted=predicted,
        by_start=by_start,
        reference_error=error,
        reference=ops.from_host(target, noise),
        metric="RMSE" if metric is None else getattr(metric, "__name__", "metric"),
        calls=runner.calls + calls.calls,
        seconds=time.perf_counter() - began,
    )


class Runner:
    """Runs schedules from fixed starts, in batches, and counts."""

    def __init__(
        self,
        denoiser: Any,
        first: Array,
        high: float,
        ops: Numpy,
        batch_size: int,
        executor: Executor | None,
        progress: Any,
    ) -> None:
        self.denoiser, self.first, self.high, self.ops, self.executor = denoiser, first, high, ops, executor
        self.size = checks.integer("batch_size", batch_size, minimum=1)
        self.rows = ROWS_PER_BATCH * self.size
        self.progress = progress
        self.calls = 0

    def __call__(self, runs: Sequence[tuple[Schedule, Sampler]], rows: Any = None) -> FloatArray:
        """Outputs on the host, shape (runs, starts, ...), for all starts or these."""
        return self.programs(tuple(program_of(sampler, schedule) for schedule, sampler in runs), rows)

    def programs(self, programs: tuple[Any, ...], rows: Any = None) -> FloatArray:
        """The same for programs."""
        return self.spread(Columns(self.denoiser, self.first.shape[0], programs, self.rows), rows)

    def spread(self, task: Callable[[Array, Index], Outputs], rows: Any = None) -> FloatArray:
        """Values of a task for all starts or these, in batches."""
        index = np.arange(self.first.shape[0]) if rows is None else rows
        parts = [(self.ops.take(self.first, part), part) for part in batches(index, self.size)]
        with Meter(self.progress, "network calls") as meter:
            done = list(spread(self.executor, task, parts, meter))
        self.calls += sum(part.calls for part in done)
        return np.concatenate([part.values for part in done], axis=1)


def converged(runner: Runner, outputs: FloatArray, floor: float, levels: int) -> tuple[FloatArray, float]:
    """The converged solution and its own error, refined until that is small beside the outputs' errors."""
    high = runner.high
    coarse, fine = runner([(fine_schedule(high, floor, count), SOLVER) for count in (levels // 2, levels)])
    while True:
        error = error_from_halving(float(np.sqrt(np.mean((fine - coarse) ** 2))))
        best = np.sqrt(np.min(np.mean((outputs - fine) ** 2, axis=tuple(range(1, outputs.ndim)))))
        levels *= 2
        if error <= _SHARE * best or levels > _MOST_LEVELS:
            return fine, error
        coarse, fine = fine, runner([(fine_schedule(high, floor, levels), SOLVER)])[0]


def entries_of(schedules: Any, sampler: Any, process: ProcessName | None) -> tuple[list[Entry], ProcessName]:
    """Names, levels and solvers of what a caller wants tried."""
    entries, kinds = [], set()
    for name, value in named(schedules):
        levels, solver, kind = resolve(value, sampler, process)
        if not solver.deterministic:
            raise ValueError(
                f"schedules[{name!r}] has the stochastic sampler {solver.name}, which has no converged solution "
                "for each start; set its eta (or s_churn) to 0, or compare samples of many starts"
            )
        if levels.sigmas[-1] > 0.0:
            raise ValueError(
                f"schedules[{name!r}] ends at sigma = {levels.sigmas[-1]:.6g}; the converged solution is at 0: "
                "end there"
            )
        entries.append(Entry(str(name), levels, solver))
        kinds.add(kind)
    first = entries[0].schedule[0]
    for entry in entries:
        if abs(entry.schedule[0] / first - 1.0) > 1e-6:
            raise ValueError(
                f"all schedules must start at the same level; {entries[0].name!r} starts at {first:.6g}, "
                f"{entry.name!r} at {entry.schedule[0]:.6g}"
            )
    if len(kinds) > 1:
        raise ValueError(f"the schedules are for different processes, {sorted(kinds)}; pass process=")
    return entries, kinds.pop()


def named(schedules: Any) -> list[tuple[str, Any]]:
    """One schedule, a list or a dict of them, each under a name."""
    if isinstance(schedules, Mapping):
        found = list(schedules.items())
    elif isinstance(schedules, (list, tuple)) and not np.isscalar(schedules[0] if schedules else 0.0):
        found = [(_name_of(value, k), value) for k, value in enumerate(schedules)]
    else:
        found = [(_name_of(schedules, 0), schedules)]
    if not found:
        raise ValueError("schedules must not be empty")
    return found


def floor_of(given: Any, calls: Calls, schedules: Sequence[Schedule]) -> float:
    """Lowest level of the reference."""
    lowest = min(float(s.sigmas[-2]) for s in schedules)
    own = float(getattr(calls.denoiser, "sigma_min", 0.0) or 0.0)
    floor = (own or lowest) if given is None else checks.real("sigma_floor", given, above=0.0)
    if lowest < floor * (1.0 - 1e-5):
        raise ValueError(
            f"a schedule has the level {lowest:.6g}, below sigma_floor = {floor:.6g}; design with this sigma_floor"
        )
    return floor


def _name_of(value: Any, number: int) -> str:
    schedule = getattr(value, "schedule", value)
    return getattr(schedule, "name", "") or ("design" if schedule is not value else f"schedule {number + 1}")


def _distances(
    outputs: FloatArray, target: FloatArray, metric: Metric | None, ops: Numpy, like: Array
) -> FloatArray:
    """Shape (runs, starts)."""
    if metric is None:
        return np.asarray(np.mean((outputs - target) ** 2, axis=tuple(range(2, outputs.ndim))))
    reference = ops.from_host(target, like)
    rows = []
    for output in outputs:
        found = metric(ops.from_host(output, like), reference)
        values = np.asarray(
            ops.to_host(found) if hasattr(found, "shape") else found, dtype=np.float64
        ).ravel()
        if values.size != len(target) or not np.isfinite(values).all():
            raise ValueError(
                f"metric must return one finite number for each of the {len(target)} starts, got {found!r:.100}"
            )
        rows.append(values)
    return np.array(rows)
