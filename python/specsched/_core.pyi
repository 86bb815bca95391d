"""Types of the compiled module (cpp/bindings); the tests compare them with the module itself.

Arrays are float64, C-contiguous and one-dimensional unless said otherwise; `threads=0` is the OpenMP default.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, TypedDict, type_check_only

import numpy as np
import numpy.typing as npt

_Array = npt.NDArray[np.float64]
_Integers = npt.NDArray[np.int32]

SMALLEST_EIGENVALUE: float
LEAST_LEVEL: float
LARGEST_LEVEL: float
LARGEST_ENTRY: float
ERROR_LENGTH: float

@type_check_only
class _PybindType(type): ...

@type_check_only
class _Enum(metaclass=_PybindType):
    def __init__(self, value: int) -> None: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...
    def __int__(self, /) -> int: ...
    def __index__(self, /) -> int: ...
    def __getstate__(self, /) -> int: ...
    def __setstate__(self, state: int, /) -> None: ...
    @property
    def name(self) -> str: ...
    @property
    def value(self) -> int: ...

class Process(_Enum):
    vp: ClassVar[Process]
    ve: ClassVar[Process]
    flow: ClassVar[Process]
    __members__: ClassVar[dict[str, Process]]

class Loss(_Enum):
    w2: ClassVar[Loss]
    kl: ClassVar[Loss]
    reverse_kl: ClassVar[Loss]
    __members__: ClassVar[dict[str, Loss]]

class Target(_Enum):
    data: ClassVar[Target]
    limit: ClassVar[Target]
    __members__: ClassVar[dict[str, Target]]

class Start(_Enum):
    prior: ClassVar[Start]
    data: ClassVar[Start]
    __members__: ClassVar[dict[str, Start]]

class Criterion(metaclass=_PybindType):
    def __init__(self, process: Process, loss: Loss, target: Target, start: Start) -> None: ...
    @property
    def process(self) -> Process: ...
    @property
    def loss(self) -> Loss: ...
    @property
    def target(self) -> Target: ...
    @property
    def start(self) -> Start: ...

class Sampler(metaclass=_PybindType):
    def __init__(self, name: str, options: Mapping[str, float], error: float) -> None: ...
    @property
    def dense(self) -> bool: ...
    def on_engine(self) -> Sampler: ...
    def one_by_one(self) -> Sampler: ...
    def with_eta_steps(self, eta: _Array) -> Sampler: ...
    def without_corrector(self, steps: Sequence[int]) -> Sampler: ...
    # coefficients: shape (steps, order - 1); model_times: shape (steps,), or empty
    def with_table(self, coefficients: _Array, model_times: _Array) -> Sampler: ...
    def function_evaluations(self, steps: int, last_is_zero: bool) -> int: ...
    def check_limit(self) -> str: ...
    def check(self, sigmas: _Array) -> str: ...

def signal_scale(process: Process, sigma: float) -> float: ...
def start_variance(process: Process, sigma: float) -> float: ...
def loss_list() -> list[tuple[str, Loss, str, str, bool, bool]]: ...
def solver_list() -> list[tuple[str, list[str], dict[str, float], bool]]: ...
def available_kernels() -> list[str]: ...
def select_kernels(name: str) -> bool: ...
def kernels_in_use() -> str: ...
def resolve_threads(threads: int) -> int: ...

# A spectrum as losses read it, with the panels of a large one.
class Spectrum(metaclass=_PybindType):
    def __init__(
        self, eigenvalues: _Array, weights: _Array, mean_power: _Array, threads: int = 0
    ) -> None: ...
    def evaluate(self, sigmas: _Array, sampler: Sampler, criterion: Criterion, threads: int) -> float: ...
    def value_and_grad(
        self, sigmas: _Array, sampler: Sampler, criterion: Criterion, threads: int
    ) -> tuple[float, _Array]: ...

# Distance of the sampler's many-step limit to the data.
def ends_cost(
    eigenvalues: _Array,
    weights: _Array,
    mean_power: _Array,
    sampler: Sampler,
    criterion: Criterion,
    sigma_first: float,
    sigma_last: float,
) -> float: ...

# Gain and output variance, per eigenvalue.
def transfer(
    eigenvalues: _Array,
    weights: _Array,
    mean_power: _Array,
    sigmas: _Array,
    sampler: Sampler,
    criterion: Criterion,
    threads: int,
) -> tuple[_Array, _Array]: ...

# Variance of y = x / alpha, shape (levels, eigenvalues).
def trace(
    eigenvalues: _Array, sigmas: _Array, sampler: Sampler, criterion: Criterion, threads: int = 0
) -> _Array: ...

# Eigenvalues, weights, mean power of the nodes, and the relative error of the losses.
def compress(
    eigenvalues: _Array, weights: _Array, mean_power: _Array, tol: float, max_nodes: int, threads: int
) -> tuple[_Array, _Array, _Array, float]: ...

# How a search ended.
class DesignStatus(metaclass=_PybindType):
    converged: ClassVar[DesignStatus]
    rounding_limit: ClassVar[DesignStatus]
    iteration_limit: ClassVar[DesignStatus]
    stalled: ClassVar[DesignStatus]
    not_finite: ClassVar[DesignStatus]
    __members__: ClassVar[dict[str, DesignStatus]]
    def __init__(self, value: int) -> None: ...
    @property
    def name(self) -> str: ...
    @property
    def value(self) -> int: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...
    def __index__(self) -> int: ...
    def __int__(self) -> int: ...
    def __getstate__(self) -> int: ...
    def __setstate__(self, state: int) -> None: ...

# Losses are reported ones (of an exact denoiser) but for `searched_loss`; `start`: which start the search came from, -1
# for one of its own; `returned_start`: which start is better than what the search found and is returned, -1 for none.
class DesignResult(metaclass=_PybindType):
    def __init__(self, *args: Any, **kwargs: Any) -> None: ...
    @property
    def sigmas(self) -> _Array: ...
    @property
    def loss(self) -> float: ...
    @property
    def searched_loss(self) -> float: ...
    @property
    def kkt_error(self) -> float: ...
    @property
    def iterations(self) -> int: ...
    @property
    def evaluations(self) -> int: ...
    @property
    def status(self) -> DesignStatus: ...
    @property
    def message(self) -> str: ...
    @property
    def start(self) -> int: ...
    @property
    def returned_start(self) -> int: ...
    @property
    def start_losses(self) -> _Array: ...

# Schedules and starts: one row of steps + 1 levels each.
class DesignProblem(metaclass=_PybindType):
    def __init__(
        self,
        *,
        eigenvalues: _Array,
        weights: _Array,
        mean_power: _Array,
        sampler: Sampler,
        criterion: Criterion,
        steps: int,
        sigma_max: float,
        sigma_min: float = 0.0,
        sigma_floor: float = 0.0,
        min_ratio: float = 1.0,
        required_ratio: float = 1.0,
        tol: float = 1e-9,
        max_iter: int = 500,
        threads: int = 0,
    ) -> None: ...
    # What a search minimises, in the units of a report; `reported_losses`: with an exact denoiser.
    def loss(self, sigmas: _Array) -> float: ...
    def losses(self, schedules: _Array) -> _Array: ...
    def reported_losses(self, schedules: _Array) -> _Array: ...
    def value_and_grad(self, sigmas: _Array) -> tuple[float, _Array]: ...
    # The gradients by the levels and by the eta of each step.
    def value_and_grad_eta(self, sigmas: _Array, eta: _Array) -> tuple[float, _Array, _Array]: ...
    # Whether the floor and the required ratio are kept.
    def admits(self, sigmas: _Array) -> bool: ...
    # A (steps x steps - 1) and b with A u >= b for u = log sigma of the interior levels.
    def constraints(self) -> tuple[_Array, _Array]: ...
    # Log of the lowest interior level that is admitted.
    @property
    def lowest(self) -> float: ...
    # The nearest u in order.
    def repair(self, u: _Array) -> _Array: ...
    # By log sigma and relative to the sum of loss terms; `gradient`: that of what is minimised instead, relative.
    def kkt_error(self, sigmas: _Array, gradient: _Array | None = None) -> float: ...
    def relative_gradient(self, sigmas: _Array) -> _Array: ...
    # The first of the best starts that is better than `value` and admitted; -1: none.
    def better_start(self, value: float, losses: _Array, schedules: _Array) -> int: ...
    def design(self, starts: _Array) -> DesignResult: ...
    # The constants of the search by name, for studies that vary them (docs/search_settings.md).
    def settings(self) -> dict[str, float]: ...
    def set(self, name: str, value: float) -> None: ...

# Raises ValueError for ends between which so many steps of the least ratio do not fit.
def check_ends(
    sigma_max: float, sigma_min: float, sigma_floor: float, min_ratio: float, steps: int
) -> None: ...

# Pairs of a result and what went wrong with it (an empty string: nothing). own_starts: shape (problems, count,
# steps + 1).
def design_many(
    problems: Sequence[DesignProblem], starts: _Array, own_starts: _Array, threads: int
) -> list[tuple[DesignResult, str]]: ...

@type_check_only
class _Program(TypedDict):
    kind: _Integers
    first: _Integers
    source: _Integers
    factor: _Array
    level: _Array
    noise: _Array
    step_end: _Integers
    step_output: _Integers

# The linear program of a run. Register 0 is the start y_S; operation i makes register i + 1:
# kind 0, a sum of factor * register over the terms first[i] ... first[i + 1] - 1;
# kind 1, the prediction xhat0 of its one source register at `level[i]`; kind 2, that of the noise, (y - xhat0) / level.
# Independent noise of variance noise[i] is then added. After step k, operations up to step_end[k] have run and y is in
# register step_output[k].
def program(sampler: Sampler, sigmas: _Array) -> _Program: ...

@type_check_only
class _Answer(TypedDict):
    slope: _Array
    slope_d: _Array
    spread: _Array
    spread_d: _Array
    shift: _Array
    shift_d: _Array

# Affine modes D(y, r) = slope y + shift; slopes and spreads belong to channels, which modes share.
class Modes(metaclass=_PybindType):
    def __init__(self, *args: Any, **kwargs: Any) -> None: ...
    @staticmethod
    def gaussian(eigenvalues: _Array, multiplicity: _Array, weight: _Array, first: float) -> Modes: ...
    # One mode per pair, then one for every entry of `pair` (which it belongs to) and the two means.
    @staticmethod
    def guided(
        cond: _Array,
        uncond: _Array,
        scale: float,
        multiplicity: _Array,
        weight: _Array,
        pair: Sequence[int],
        mean_cond: _Array,
        mean_uncond: _Array,
        first: float,
    ) -> Modes: ...
    # The same, never asked below the level: a run to 0 ends in the prediction there.
    def floored(self, floor: float) -> Modes: ...
    # Chebyshev coefficients in log r between `lowest` and `highest`, a row for each mode (prediction) or band.
    @staticmethod
    def recorded(
        lowest: float,
        highest: float,
        prediction: _Array,
        band: Sequence[int],
        weight: _Array,
        slope: _Array,
        roughness: _Array,
        variance: _Array,
        dimension: _Array,
    ) -> Modes: ...
    @staticmethod
    def merged(sets: Sequence[Modes], shares: Sequence[float]) -> Modes: ...
    @property
    def size(self) -> int: ...
    @property
    def channels(self) -> int: ...
    # Derivatives (_d) are by log r.
    def answer(self, level: float, eta: float) -> _Answer: ...
    def solution(self, level: float) -> _Array: ...
    def flow(self, level: float, last: float) -> _Array: ...

# Sums of squares in y at the last level: errors of the solver, and what errors of predictions add.
def modes_sums(modes: Modes, sampler: Sampler, sigmas: _Array, eta: float) -> tuple[float, float]: ...

# Their sum for each row of levels.
def modes_losses(modes: Modes, sampler: Sampler, rows: _Array, eta: float) -> _Array: ...

# The root of their sum in data units, and its gradient by sigma.
def modes_value_and_grad(
    modes: Modes, sampler: Sampler, sigmas: _Array, eta: float, process: Process
) -> tuple[float, _Array]: ...

# Errors of the modes, then what the error of each prediction becomes in every channel; Jacobian by sigma, for a table
# of coefficients also by its numbers (at most three per step), row by row, and by the model times.
def modes_jacobian(modes: Modes, sampler: Sampler, sigmas: _Array, eta: float) -> tuple[_Array, _Array]: ...

# Coefficients that are best in each step, shape (steps, back).
def greedy_coefficients(modes: Modes, sigmas: _Array, back: int, eta: float, limit: float) -> _Array: ...

# The table of a deterministic one-evaluation solver, shape (steps, steps - 1).
def solver_table(sampler: Sampler, sigmas: _Array) -> _Array: ...

@type_check_only
class _FoundOnModes(TypedDict):
    sigmas: _Array
    coefficients: _Array
    bias: float
    noise: float
    slope: float
    iterations: int
    evaluations: int
    converged: bool
    origin: str

# schedule: fixed levels, or empty; starts: shape (count, steps + 1).
def modes_design(
    modes: Modes,
    sampler: Sampler,
    steps: int,
    sigma_max: float,
    sigma_min: float,
    floor: float,
    least_ratio: float,
    eta: float,
    coefficient_limit: float,
    schedule: _Array,
    starts: _Array,
    max_iterations: int,
    tolerance: float,
    most_starts: int,
) -> _FoundOnModes: ...
