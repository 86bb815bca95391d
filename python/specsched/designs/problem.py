"""A design problem with every default filled in and every argument checked, and what searches for designs return."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache, partial
from typing import Any

import numpy as np

from .. import _core
from .._support import checks, codes
from .._support.checks import FloatArray
from .._support.codes import LossName, ProcessName, StartName, TargetName
from ..analysis.arguments import LARGEST_DENOISER_ERROR, checked_criterion
from ..analysis.losses import Costs, costs_of, evaluate
from ..samplers import Sampler, as_sampler
from ..schedules.schedule import Schedule
from ..spectra.spectrum import Spectrum

DEFAULT_SIGMA_MAX = {"vp": 157.4, "ve": 80.0, "flow": 999.0}
"""First level where none is given: the paper's (abar = 4.036e-5), EDM's, and t = 0.999."""

COMPRESS_TOLERANCE = 1e-10
"""Relative error of their losses; what a design reports is the loss on the full spectrum."""

COMPRESS_ABOVE = 96
"""Spectra with more entries are designed on their compressed form."""

COMPRESS_ABOVE_WORK = 5000
"""And so are smaller ones with more entries times steps, for DDIM and DDPM."""

SAFE_RATIO = 1.1
"""Largest least ratio of neighbouring levels that designs for multistep solvers keep by default."""

SERIAL_WORK = 1_000_000
"""Eigenvalues times steps up to which a single loss takes less than it may cost to wake a second thread."""

DEFAULT_DENOISER_ERROR = 0.12
"""Error of the denoiser that designs against the limit allow for, for solvers that combine several predictions.

A share of the posterior's spread that falls with the gap between levels (see `specsched.transfer`). Measured with
networks trained on CIFAR-10, DPM-Solver++(2M), 5 to 20 calls (docs/evidence.md; docs/limit.md says why). DDIM and DDPM
weigh every prediction by a positive number, so that no error is amplified: there the term only blurs the optimum, and
the default is 0.

It is what a design starts from: where the errors that it stands for cost more than the schedule does, as with many
steps, it is lowered (`BOLDER`) until the loss of the exact denoiser is at most `MOST_CAUTION` times that of the best
start."""

MOST_CAUTION = 1.25
"""What the default error may cost: the exact loss of a design over that of the best heuristic."""

BOLDER = 0.5**0.5
"""Factor of one lowering. Half was too much: with 8 calls on `cifar16_eps` 0.085 errs .95 times what tuning does, 0.06
1.13 times (docs/evidence.md)."""

LEAST_DENOISER_ERROR = 0.01
"""Default errors below it are 0."""


@dataclass(frozen=True)
class Options:
    """What the user asked for, as given; `specsched.design` says what each option means."""

    sampler: Any = "ddim"
    process: Any = "vp"
    loss: Any = "w2"
    target: Any = "limit"
    start: Any = "prior"
    sigma_max: Any = None
    sigma_min: Any = 0.0
    sigma_floor: Any = None
    min_ratio: Any = None
    denoiser_error: Any = None
    tol: Any = 1e-9
    max_iter: Any = 500
    threads: Any = 0

    @classmethod
    def named(cls, given: dict[str, Any]) -> Options:
        """From keyword arguments, or an error that lists what there is."""
        for name in given:
            if name not in cls.__dataclass_fields__:
                raise checks.unknown_name("option", name, cls.__dataclass_fields__)
        return cls(**given)


@dataclass(frozen=True)
class Problem:
    """A design problem with every default filled in: what each method starts from."""

    spectra: tuple[Spectrum, ...]
    full: Spectrum  # all spectra together, each with an equal share
    nodes: Spectrum  # the same, compressed
    steps: int
    sampler: Sampler
    process: ProcessName
    loss: LossName
    target: TargetName
    start: StartName
    sigma_max: float
    sigma_min: float
    sigma_floor: float  # 0: none
    min_ratio: float
    ratio_given: bool  # by the user: then no start that breaks it is returned
    denoiser_error: float
    error_given: bool  # by the user: then it is kept whatever it costs
    tol: float
    max_iter: int
    threads: int

    def no_finite_loss(self) -> ValueError:
        """The error for a problem whose loss is infinite or undefined at every start."""
        return ValueError(
            f"loss={self.loss!r} is infinite or undefined at every start, for levels from sigma_max={self.sigma_max:g} "
            f"to sigma_min={self.sigma_min:g} and eigenvalues from {self.full.eigenvalues.min():g} to "
            f"{self.full.eigenvalues.max():g}: floor the spectrum (spectrum.floored), rescale it "
            "(spectrum.scaled), or move the ends"
        )

    @cached_property
    def core(self) -> _core.DesignProblem:
        """The problem as the compiled core has it: losses, order, conditions of optimality and the search."""
        nodes = self.nodes
        return _core.DesignProblem(
            eigenvalues=nodes.eigenvalues,
            weights=nodes.weights,
            mean_power=nodes.mean_power,
            sampler=self.sampler.core_for(self.denoiser_error),
            criterion=self.criterion,
            steps=self.steps,
            sigma_max=self.sigma_max,
            sigma_min=self.sigma_min,
            sigma_floor=self.sigma_floor,
            min_ratio=self.min_ratio,
            required_ratio=self.min_ratio if self.ratio_given else 1.0,
            tol=self.tol,
            max_iter=self.max_iter,
            threads=self.threads,
        )

    def loss_of(self, spectrum: Spectrum, schedule: Schedule) -> float:
        """What is reported: loss on a full spectrum with the exact denoiser."""
        return evaluate(
            spectrum,
            schedule,
            sampler=self.sampler,
            process=self.process,
            loss=self.loss,
            target=self.target,
            start=self.start,
            threads=self._threads_for(spectrum),
        )

    def costs_of(self, schedule: Schedule, known: float | None = None) -> Callable[[], Costs]:
        """What finds the costs of schedule and ends on all spectra; `known` is what `loss_of` says of the schedule."""
        distances: dict[str, float] = {} if known is None else {self.target: known}
        judged = (self.process, self.loss, self.start)
        threads = self._threads_for(self.full)
        return partial(costs_of, self.full, schedule, self.sampler, judged, threads, distances)

    def _threads_for(self, spectrum: Spectrum) -> int:
        return self.threads if len(spectrum) * self.steps > SERIAL_WORK else 1

    @property
    def criterion(self) -> _core.Criterion:
        """What a schedule is judged by, as the core takes it."""
        return codes.criterion(self.process, self.loss, self.target, self.start)

    def bolder(self) -> Problem:
        """The same problem with a smaller allowance for errors."""
        return replace(self, denoiser_error=lowered(self.denoiser_error))

    def for_ddim(self) -> Problem | None:
        """The same problem for plain DDIM, or None if it is that already."""
        plain = as_sampler("ddim")
        return None if self.sampler == plain else replace(self, sampler=plain, denoiser_error=0.0)

    def parts(self) -> list[Problem]:
        """The same problem for each spectrum alone."""
        return [self.with_spectrum(s) for s in self.spectra]

    def with_spectrum(self, spectrum: Spectrum) -> Problem:
        """The same problem for this spectrum alone."""
        nodes = design_nodes(spectrum, self.steps, self.sampler)
        # As `replace` would, which takes a tenth of the time of a small design in a scan.
        twin = object.__new__(Problem)
        vars(twin).update(vars(self), spectra=(spectrum,), full=spectrum, nodes=nodes)
        vars(twin).pop("core", None)  # it belongs to the other spectrum
        return twin


@dataclass(frozen=True)
class Objective:
    """What a design minimises: the mean over the spectra, or the worst of them."""

    parts: tuple[Problem, ...]

    @classmethod
    def of(cls, problem: Problem, worst: bool) -> Objective:
        """The mean (one problem on all spectra together) or the worst case."""
        return cls(tuple(problem.parts()) if worst else (problem,))

    def __call__(self, sigmas: FloatArray) -> float:
        return max(part.core.loss(sigmas) for part in self.parts)

    def many(self, rows: FloatArray) -> FloatArray:
        """The objective of each row of levels."""
        return np.asarray(np.max([part.core.losses(rows) for part in self.parts], axis=0))

    def reported(self, rows: FloatArray) -> FloatArray:
        """The same for an exact denoiser: what is reported."""
        return np.asarray(np.max([part.core.reported_losses(rows) for part in self.parts], axis=0))


@dataclass(frozen=True)
class Outcome:
    """What a method found: levels and how well they satisfy the conditions of optimality."""

    sigmas: FloatArray
    kkt_error: float
    nit: int
    nfev: int
    success: bool
    message: str
    start_losses: FloatArray | None = None
    """Reported losses of the starts on the compressed spectrum, where the method had to find them anyway."""


def make_problem(spectra: Sequence[Spectrum], steps: Any, options: Options) -> Problem:
    """The problem for these spectra; raises for whatever is wrong with the options."""
    count = checks.integer("steps", steps, minimum=1, maximum=100_000)
    solver = as_sampler(options.sampler)
    codes.criterion(options.process, options.loss, options.target, options.start)
    high, low, floor = ends_of(options)
    ratio = least_ratio_for(options.min_ratio, solver, count, high, low or floor)
    full = spectra[0] if len(spectra) == 1 else Spectrum.merged(spectra)
    checked_criterion(full, solver, options.process, options.loss, options.target, options.start)
    problem = Problem(
        spectra=tuple(spectra),
        full=full,
        nodes=design_nodes(full, count, solver),
        steps=count,
        sampler=solver,
        process=options.process,
        loss=options.loss,
        target=options.target,
        start=options.start,
        sigma_max=high,
        sigma_min=low,
        sigma_floor=floor,
        min_ratio=ratio,
        ratio_given=options.min_ratio is not None,
        denoiser_error=denoiser_error_for(options.denoiser_error, solver, options.target),
        error_given=options.denoiser_error is not None,
        tol=checks.real("tol", options.tol, above=0.0),
        max_iter=checks.integer("max_iter", options.max_iter, minimum=1),
        threads=checks.integer("threads", options.threads, minimum=0, maximum=4096),
    )
    problem.core  # noqa: B018  the core knows which ends, floors and ratios go together, and says what is wrong
    _check_ends(solver, high, low, count)
    return problem


def as_spectra(spectrum: Any) -> tuple[Spectrum, ...]:
    """One spectrum, an array of eigenvalues or a list of spectra, as a tuple of spectra."""
    if isinstance(spectrum, Spectrum):
        return (spectrum,)
    if isinstance(spectrum, Sequence) and spectrum and all(isinstance(s, Spectrum) for s in spectrum):
        return tuple(spectrum)
    if isinstance(spectrum, Sequence) and any(isinstance(s, Spectrum) for s in spectrum):
        bad = next(i for i, s in enumerate(spectrum) if not isinstance(s, Spectrum))
        raise TypeError(
            f"spectrum[{bad}] is {type(spectrum[bad]).__name__}; a list must hold Spectrum objects only"
        )
    return (Spectrum(spectrum),)


def compressed(spectrum: Spectrum) -> Spectrum:
    """The spectrum on which a design is searched for."""
    return spectrum.compress(COMPRESS_TOLERANCE) if len(spectrum) > COMPRESS_ABOVE else spectrum


def design_nodes(spectrum: Spectrum, steps: int, solver: Sampler) -> Spectrum:
    """The same for a number of steps: many of them are worth compressing a small spectrum too."""
    # Only DDIM and DDPM have losses that are analytic whatever the schedule (docs/compression.md).
    one_number = solver == as_sampler("ddim") or solver == as_sampler("ddpm")
    if one_number and len(spectrum) * steps > COMPRESS_ABOVE_WORK:
        return spectrum.compress(COMPRESS_TOLERANCE)
    return compressed(spectrum)


def ends_of(options: Options) -> tuple[float, float, float]:
    """First level, last level and floor (0: none)."""
    high = (
        checks.lookup("process", options.process, DEFAULT_SIGMA_MAX)
        if options.sigma_max is None
        else checks.level("sigma_max", options.sigma_max)
    )
    low = checks.real("sigma_min", options.sigma_min, minimum=0.0)
    floor = 0.0 if options.sigma_floor is None else checks.level("sigma_floor", options.sigma_floor)
    return high, low, floor


def least_ratio_for(given: Any, solver: Sampler, count: int, high: float, bottom: float) -> float:
    """What was asked for, or a quarter of the mean gap in log sigma (at most SAFE_RATIO) for multistep solvers."""
    if given is not None:
        ratio = checks.real("min_ratio", given, minimum=1.0)
        # Towards a last level of 0 without a floor, what is admitted ends the room; the core checks the other ends. In
        # logarithms, since the power may have no double.
        if not bottom and (count - 1) * math.log(ratio) > math.log(high / _core.LEAST_LEVEL):
            raise ValueError(
                f"min_ratio={ratio:g} takes {count} steps from {high:g} to levels below {_core.LEAST_LEVEL:g}; "
                f"it may be at most {(high / _core.LEAST_LEVEL) ** (1.0 / (count - 1)):g}"
            )
        return ratio
    if not solver.multistep:
        return 1.0
    return max(1.0, min(SAFE_RATIO, float((high / (bottom or 1e-4 * high)) ** (0.25 / count))))


def lowered(denoiser_error: float) -> float:
    """The next smaller default error."""
    less = BOLDER * denoiser_error
    return less if less >= LEAST_DENOISER_ERROR else 0.0


def denoiser_error_for(given: Any, solver: Sampler, target: str) -> float:
    """What was asked for, or the default of searches: the reported losses are always those of the exact denoiser."""
    if given is None:
        return DEFAULT_DENOISER_ERROR if solver.multistep and target == "limit" else 0.0
    return checks.real("denoiser_error", given, minimum=0.0, maximum=LARGEST_DENOISER_ERROR)


@lru_cache(maxsize=256)
def _check_ends(sampler: Sampler, high: float, low: float, steps: int) -> None:
    """Whether sampler and ends fit, asked with any schedule that has these ends."""
    levels = np.geomspace(high, low or high * 1e-3, steps + 1)
    levels[-1] = low
    sampler.check(Schedule(levels))


Search = Callable[[Problem, list[Schedule]], Outcome]
"""A method: from starts with the ends of the problem to levels."""
