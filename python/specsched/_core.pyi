"""Types of the compiled module (cpp/bindings); the tests compare them with the module itself.

Arrays are float64, C-contiguous and one-dimensional unless said otherwise; `threads=0` is the OpenMP default.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar, TypedDict, type_check_only

import numpy as np
import numpy.typing as npt

_Array = npt.NDArray[np.float64]
_Integers = npt.NDArray[np.int32]

SMALLEST_EIGENVALUE: float
LEAST_LEVEL: float
LARGEST_LEVEL: float
LARGEST_ENTRY: float

@type_check_only
class _PybindType(type): ...

class Process(metaclass=_PybindType):
    vp: ClassVar[Process]
    ve: ClassVar[Process]
    flow: ClassVar[Process]
    __members__: ClassVar[dict[str, Process]]
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

class Loss(metaclass=_PybindType):
    w2: ClassVar[Loss]
    kl: ClassVar[Loss]
    reverse_kl: ClassVar[Loss]
    __members__: ClassVar[dict[str, Loss]]
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

class Sampler(metaclass=_PybindType):
    def __init__(self, name: str, options: Mapping[str, float], error: float) -> None: ...
    @property
    def dense(self) -> bool: ...
    def on_engine(self) -> Sampler: ...
    def one_by_one(self) -> Sampler: ...
    def without_corrector(self, steps: Sequence[int]) -> Sampler: ...
    def function_evaluations(self, steps: int, last_is_zero: bool) -> int: ...
    def check(self, sigmas: _Array) -> str: ...

@type_check_only
class _Found(TypedDict):
    sigmas: _Array
    loss: float
    kkt_error: float
    iterations: int
    evaluations: int
    converged: bool
    finite: bool
    status: str
    start: int
    start_losses: list[float]

def signal_scale(process: Process, sigma: float) -> float: ...
def start_variance(process: Process, sigma: float) -> float: ...
def solver_list() -> list[tuple[str, list[str], dict[str, float], bool]]: ...
def available_kernels() -> list[str]: ...
def select_kernels(name: str) -> bool: ...
def kernels_in_use() -> str: ...
def resolve_threads(threads: int) -> int: ...
def evaluate(
    eigenvalues: _Array,
    weights: _Array,
    mean_power: _Array,
    sigmas: _Array,
    sampler: Sampler,
    process: Process,
    loss: Loss,
    threads: int,
) -> float: ...
def value_and_grad(
    eigenvalues: _Array,
    weights: _Array,
    mean_power: _Array,
    sigmas: _Array,
    sampler: Sampler,
    process: Process,
    loss: Loss,
    threads: int,
) -> tuple[float, _Array]: ...

# The same three arrays, large ones panel by panel.
def in_panels(eigenvalues: _Array, weights: _Array, mean_power: _Array) -> tuple[_Array, _Array, _Array]: ...

# Gain and output variance, per eigenvalue.
def transfer(
    eigenvalues: _Array,
    weights: _Array,
    mean_power: _Array,
    sigmas: _Array,
    sampler: Sampler,
    process: Process,
    threads: int,
) -> tuple[_Array, _Array]: ...

# Variance of y = x / alpha, shape (levels, eigenvalues).
def trace(
    eigenvalues: _Array, sigmas: _Array, sampler: Sampler, process: Process, threads: int = 0
) -> _Array: ...

# Eigenvalues, weights, mean power of the nodes, and the relative error of the losses.
def compress(
    eigenvalues: _Array, weights: _Array, mean_power: _Array, tol: float, max_nodes: int, threads: int
) -> tuple[_Array, _Array, _Array, float]: ...

# starts: shape (number of starts, steps + 1).
def design(
    eigenvalues: _Array,
    weights: _Array,
    mean_power: _Array,
    sampler: Sampler,
    process: Process,
    loss: Loss,
    steps: int,
    sigma_first: float,
    sigma_last: float,
    floor: float,
    least_ratio: float,
    starts: _Array,
    tolerance: float,
    max_iterations: int,
    most_starts: int,
    threads: int,
) -> _Found: ...

# One loss per row of sigmas, shape (number of schedules, steps + 1).
def evaluate_many(
    eigenvalues: _Array,
    weights: _Array,
    mean_power: _Array,
    sigmas: _Array,
    sampler: Sampler,
    process: Process,
    loss: Loss,
    threads: int,
) -> _Array: ...

# Loss, and its gradient by the levels and by the eta of each step.
def value_and_grad_eta(
    eigenvalues: _Array,
    weights: _Array,
    mean_power: _Array,
    sigmas: _Array,
    sampler: Sampler,
    process: Process,
    loss: Loss,
    threads: int,
) -> tuple[float, _Array, _Array]: ...
def with_eta_steps(sampler: Sampler, eta: _Array) -> Sampler: ...

@type_check_only
class _FoundOne(TypedDict):
    sigmas: _Array
    loss: float
    start_losses: _Array
    sum: float
    start_sums: _Array
    kkt_error: float
    converged: bool
    error: str

# spectra: eigenvalues, weights, mean power of each; starts: shape (count, steps + 1), for all of them;
# own_starts: shape (spectra, count, steps + 1); losses are those of `reported`, sums those of `sampler`.
def design_many(
    spectra: Sequence[tuple[_Array, _Array, _Array]],
    sampler: Sampler,
    reported: Sampler,
    process: Process,
    loss: Loss,
    steps: int,
    sigma_first: float,
    sigma_last: float,
    floor: float,
    least_ratio: float,
    starts: _Array,
    own_starts: _Array,
    tolerance: float,
    max_iterations: int,
    most_starts: int,
    threads: int,
) -> list[_FoundOne]: ...

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
