"""Designs by the thousand: every combination of spectra, steps, samplers and losses in one call."""

from __future__ import annotations

import inspect
import itertools
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import CancelledError, Executor, Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Any

import numpy as np

from ... import _core
from ..._support import checks
from ..._support.progress import Meter
from ...analysis.losses import evaluate
from ...analysis.mode_sources import has_modes
from ...samplers import Sampler
from ...spectra.spectrum import Spectrum
from ..single import design
from .batch import design_many
from .result import Outcome, ScanResult, collect

AXES = ("spectrum", "steps", "sampler", "process", "loss")

_PARAMETERS = inspect.signature(design).parameters
_OPTIONS = tuple(name for name in _PARAMETERS if name not in (*AXES, "threads"))
_LARGEST_BLOCK = 32
_BLOCKS_PER_WORKER = 16
_ASSUMED_WORKERS = 8  # of an executor that does not say how many it has
_SENT_WHOLE = 4096  # entries of a spectrum that other processes get as it is

Problem = dict[str, Any]  # keyword arguments of `design`
_Block = Future[list[Outcome | None]]


@dataclass(frozen=True)
class _Plan:
    problems: list[Problem]
    labels: list[dict[str, Any]]
    axes: dict[str, int]


def scan(
    spectra: Any,
    steps: Any = None,
    *,
    sampler: Any = "ddim",
    process: Any = "vp",
    loss: Any = "w2",
    executor: Executor | None = None,
    progress: Any = None,
    threads: int = 0,
    **options: Any,
) -> ScanResult:
    """Designs for every combination of the arguments, or for a list of problems.

    Parameters
    ----------
    spectra : Spectrum, Recording, sequence or mapping
        One spectrum (or recording of a network) or several; a mapping names them, rows of a two-dimensional array are
        spectra.
        Without `steps`: the problems themselves, mappings of keyword arguments of `design` with at
        least "spectrum" and "steps".
    steps : int or sequence of int, optional
        Numbers of steps.
    sampler, process, loss : as for `design`, or sequences of these
        In a list of problems they stand for what a problem does not say.
    executor : concurrent.futures.Executor, optional
        Where to run: processes, Dask (``client.get_executor()``), MPI. By default threads of this
        process. The caller closes it.
    progress : None, bool or callable
        True shows a line on standard error; a callable gets ``(done, total, what)``.
    threads : int
        Designs that run at the same time, 0 for the OpenMP default; with an executor, OpenMP threads
        of each design, 0 for one. The result does not depend on it.
    **options
        Further keyword arguments of `design`, the same for every problem: sigma_max, tol, ...

    Returns
    -------
    ScanResult
        One entry per problem. A problem that fails is reported in ``errors`` and leaves the others
        alone; after Ctrl-C (KeyboardInterrupt) ``interrupted`` is set and what is finished is kept.

    Raises
    ------
    TypeError, ValueError
        If there is nothing to do or an option is not one of `design`.

    Examples
    --------
    >>> import specsched as ss
    >>> data = {"flat": [1.0, 0.5], "steep": [1.0, 0.01]}
    >>> result = ss.scan(data, [4, 8], sampler=["ddim", "ddpm"], threads=1)
    >>> result.success.all(), result.problems[-1]["spectrum"], result.problems[-1]["steps"]
    (np.True_, 'steep', 8)
    >>> broken = ss.scan([{"spectrum": [1.0], "steps": 3}, {"spectrum": [-1.0], "steps": 3}])
    >>> broken.failed, broken.errors[1]
    ([1], 'ValueError: eigenvalues must be >= 0; eigenvalues[0] is -1.0')
    """
    threads = checks.integer("threads", threads, minimum=0, maximum=4096)
    if executor is not None and not callable(getattr(executor, "submit", None)):
        raise TypeError(f"executor must be a concurrent.futures.Executor, got {type(executor).__name__}")
    for name in options:
        if name not in _OPTIONS:
            raise checks.unknown_name("option", name, _OPTIONS)
    given = {"sampler": sampler, "process": process, "loss": loss}
    plan = _listed(spectra, given, options) if steps is None else _product(spectra, steps, given, options)
    run = _Run(plan, progress)
    if executor is None:
        run.here(threads)
    else:
        run.elsewhere(executor, threads or 1)
    return collect(plan.labels, run.outcomes, plan.axes, interrupted=run.interrupted)


def solve_block(
    problems: Sequence[Problem], threads: int, stop: Callable[[], bool] = bool
) -> list[Outcome | None]:
    """Outcomes of a block of problems in order; None for those not reached when `stop()` turned true.

    Everything that a scan computes passes through here, in this process or in another one.
    """
    return design_many(problems, threads=threads, stop=stop)


class _Run:
    """The state of one scan: what is finished, and whether it was stopped."""

    def __init__(self, plan: _Plan, progress: Any) -> None:
        self.problems = plan.problems
        self.outcomes: list[Outcome | None] = [None] * len(plan.problems)
        self.interrupted = False
        self._meter = Meter(progress, "designs", len(plan.problems))
        self._sent = False

    def here(self, threads: int) -> None:
        """On threads of this process; a design is parallel itself where there are fewer blocks than threads."""
        available = _core.resolve_threads(threads)
        blocks = _blocks(len(self.problems), available)
        workers = min(available, len(blocks))
        inner = max(1, available // workers)
        stopped = threading.Event()

        with ThreadPoolExecutor(workers, "specsched-scan") as pool:

            def submit(block: range) -> _Block:
                return pool.submit(solve_block, [self.problems[i] for i in block], inner, stopped.is_set)

            self._gather(blocks, submit, stopped.set)

    def elsewhere(self, executor: Executor, threads: int) -> None:
        """On the workers of an executor."""
        workers = getattr(executor, "_max_workers", None) or _ASSUMED_WORKERS
        self._sent = True

        def submit(block: range) -> _Block:
            return executor.submit(solve_block, [_light(self.problems[i]) for i in block], threads)

        self._gather(_blocks(len(self.problems), workers), submit, None)

    def _gather(
        self, blocks: list[range], submit: Callable[[range], _Block], stop: Callable[[], object] | None
    ) -> None:
        waiting: dict[_Block, range] = {}
        try:
            with self._meter:
                for block in blocks:
                    waiting[submit(block)] = block
                for future in as_completed(list(waiting)):
                    self._store(future, waiting[future])
                    self._meter.add(len(waiting.pop(future)))
        except KeyboardInterrupt:
            self.interrupted = True
        finally:
            if stop is not None:
                stop()
            for future, block in waiting.items():
                # What runs here ends with the design at hand; what runs elsewhere is not waited for.
                if not future.cancel() and (stop is not None or future.done()):
                    self._store(future, block)

    def _store(self, future: _Block, block: range) -> None:
        try:
            outcomes = future.result()
        except (CancelledError, KeyboardInterrupt):
            self.interrupted = True
            return
        except Exception as error:  # the executor's own: a lost worker, arguments that cannot be sent
            outcomes = [Outcome(error=f"{type(error).__name__}: {error}")] * len(block)
        for i, outcome in zip(block, outcomes, strict=True):
            if outcome is not None:
                self.outcomes[i] = _on_full_spectrum(self.problems[i], outcome) if self._sent else outcome


def _blocks(count: int, workers: int) -> list[range]:
    """Runs of problems that are handed out together: short enough to balance, long enough to be cheap."""
    size = min(max(count // (workers * _BLOCKS_PER_WORKER), 1), _LARGEST_BLOCK)
    return [range(start, min(start + size, count)) for start in range(0, count, size)]


def _is_large(spectrum: Any) -> bool:
    return isinstance(spectrum, Spectrum) and len(spectrum) > _SENT_WHOLE


def _light(problem: Problem) -> Problem:
    """The problem as other processes get it: a large spectrum travels compressed."""
    spectrum = problem["spectrum"]
    return {**problem, "spectrum": spectrum.compress()} if _is_large(spectrum) else problem


def _on_full_spectrum(problem: Problem, outcome: Outcome) -> Outcome:
    """The outcome with its loss on the spectrum as it was given."""
    if outcome.sigmas is None or not _is_large(problem["spectrum"]):
        return outcome
    choices = {name: problem[name] for name in (*AXES[2:], "target", "start") if name in problem}
    return outcome._replace(loss=evaluate(problem["spectrum"], outcome.sigmas, **choices))


def _product(spectra: Any, steps: Any, given: Mapping[str, Any], options: Mapping[str, Any]) -> _Plan:
    named = _named_spectra(spectra)
    values = {
        "spectrum": [spectrum for _, spectrum in named],
        "steps": _several("steps", steps, int),
        **{name: _several(name, value, (str, Sampler)) for name, value in given.items()},
    }
    labels = {**values, "spectrum": [label for label, _ in named], "sampler": _names(values["sampler"])}
    return _Plan(
        problems=[
            {**dict(zip(AXES, choice, strict=True)), **options}
            for choice in itertools.product(*(values[name] for name in AXES))
        ],
        labels=[
            dict(zip(AXES, choice, strict=True))
            for choice in itertools.product(*(labels[name] for name in AXES))
        ],
        axes={name: len(values[name]) for name in AXES},
    )


def _listed(problems: Any, given: Mapping[str, Any], options: Mapping[str, Any]) -> _Plan:
    if isinstance(problems, (Mapping, Spectrum)) or not isinstance(problems, Iterable):
        raise TypeError(
            "steps is missing: give numbers of steps, or a list of problems "
            '({"spectrum": ..., "steps": ...}) as the only positional argument'
        )
    plan = _Plan([], [], {})
    for i, problem in enumerate(problems):
        if not isinstance(problem, Mapping):
            raise TypeError(
                f"problems[{i}] must be a mapping of arguments of design, got {type(problem).__name__}"
            )
        for name in ("spectrum", "steps"):
            if name not in problem:
                raise ValueError(f"problems[{i}] has no {name!r}")
        for name in problem:
            if name not in (*AXES, *_OPTIONS):
                raise checks.unknown_name(f"option in problems[{i}]", name, (*AXES, *_OPTIONS))
        filled = {**given, **options, **problem, "spectrum": _as_spectrum(problem["spectrum"])}
        label = {**{name: filled[name] for name in AXES}, "spectrum": i}
        plan.problems.append(filled)
        plan.labels.append({**label, "sampler": _names([filled["sampler"]])[0]})
    if not plan.problems:
        raise ValueError("problems must not be empty")
    plan.axes["problem"] = len(plan.problems)
    return plan


def _named_spectra(spectra: Any) -> list[tuple[Any, Any]]:
    """Name or number, and spectrum; an entry that is none stays as it is, for its own error message."""
    if isinstance(spectra, Mapping):
        entries = list(spectra.items())
    elif isinstance(spectra, Spectrum) or has_modes(spectra) or _is_vector(spectra):
        entries = [(0, spectra)]
    elif isinstance(spectra, Iterable):
        entries = list(enumerate(spectra))
    else:
        raise TypeError(f"spectra must be a Spectrum, a sequence or a mapping, got {type(spectra).__name__}")
    if not entries:
        raise ValueError("spectra must not be empty")
    return [(name, _as_spectrum(value)) for name, value in entries]


def _is_vector(values: Any) -> bool:
    """Whether the values are the eigenvalues of one spectrum rather than several spectra."""
    if isinstance(values, np.ndarray):
        return values.ndim < 2
    return isinstance(values, Sequence) and len(values) > 0 and all(np.isscalar(v) for v in values)


def _as_spectrum(value: Any) -> Any:
    """A Spectrum, made once and shared; what cannot be one is left to fail with its problem."""
    many = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    if any(isinstance(one, Spectrum) or has_modes(one) for one in many):
        return value
    try:
        return Spectrum(value)
    except (TypeError, ValueError):
        return value


def _several(name: str, value: Any, single: type | tuple[type, ...]) -> list[Any]:
    """The values of an axis, of which there may be just one."""
    if isinstance(value, single) or not isinstance(value, Iterable):
        return [value]
    values = list(value)
    if not values:
        raise ValueError(f"{name} must not be empty")
    return values


def _names(samplers: Iterable[Any]) -> list[Any]:
    return [sampler.name if isinstance(sampler, Sampler) else sampler for sampler in samplers]
