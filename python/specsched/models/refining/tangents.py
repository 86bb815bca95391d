"""Derivatives of a run by everything that a refinement moves, by forward-mode differentiation of the network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..._support.checks import FloatArray
from ..arrays import Array, Numpy, namespace_of
from ..columns import Outputs
from ..denoiser import Calls, Index
from ..program import COMBINE, PREDICT_NOISE, Operation, Program, last_uses

# A direction takes two to three times as long as a prediction in a batch as large, on U-Nets in PyTorch.
CALLS_PER_DIRECTION = 2
# Five levels around a level, four of them new: the network's derivative by its level. In log sigma; the error of the
# formula is 1e-11 and 1e-5 of a derivative, and what rounding does less than that.
_POINTS, _WIDTH, _SINGLE_WIDTH = 5, 2e-3, 0.05
CALLS_PER_LEVEL = _POINTS - 1
# Programs are formulas in double precision: a step of 2e-3 gaps leaves errors of 1e-11.
_PROGRAM_STEP = 2e-3
# A network whose derivatives differ so much from a difference drops a part of them, by a detour over NumPy or detach().
_TOLERANCE, _SINGLE_TOLERANCE = 1e-4, 0.05


class Slopes(NamedTuple):
    """A program and its derivatives by all columns: of each operation's factors, and of the level it tells."""

    program: Program
    factors: tuple[dict[int, FloatArray], ...]
    """For each operation: the derivatives of the factor of each register, shape (columns,)."""
    levels: FloatArray
    """Derivatives of log(level), shape (operations, columns)."""
    dead: tuple[tuple[int, ...], ...]
    """As `Operation.dead`, with those uses of registers that begin only when a number moves."""


def slopes_of(program: Program, moves: Sequence[Callable[[float], Program]], units: FloatArray) -> Slopes:
    """Derivatives of a program by the numbers that move it."""
    offsets = np.array([-2.0, -1.0, 1.0, 2.0]) * _PROGRAM_STEP
    weights = _weights(offsets)
    count = len(program.operations)
    factors = [
        {source: np.zeros(len(moves)) for _, source in operation.terms} for operation in program.operations
    ]
    levels = np.zeros((count, len(moves)))
    for column, (move, unit) in enumerate(zip(moves, units, strict=True)):
        for weight, offset in zip(weights / unit, offsets, strict=True):
            moved = move(float(offset))
            if len(moved.operations) != count:
                raise ValueError("the program changes its length where a number moves")
            for number, operation in enumerate(moved.operations):
                if operation.kind != COMBINE:
                    levels[number, column] += weight * np.log(operation.level)
                for factor, source in operation.terms:
                    by = factors[number].setdefault(source, np.zeros(len(moves)))
                    by[column] += weight * factor
    # The weights of a constant add up to 0 but for rounding: what does not move has no derivative.
    for number, operation in enumerate(program.operations):
        own = {source: factor for factor, source in operation.terms}
        for source, by in factors[number].items():
            by[np.abs(by) < 1e-11 * max(1.0, abs(own.get(source, 0.0)))] = 0.0
    levels[np.abs(levels) < 1e-11] = 0.0
    first = np.concatenate([[0], np.cumsum([len(by) for by in factors])]).tolist()
    sources = [source for by in factors for source in by]
    shown = dict.fromkeys(program.outputs[-1:], count - 1)
    return Slopes(program, tuple(factors), levels, tuple(last_uses(first, sources, shown)))


def _weights(offsets: Any) -> FloatArray:
    """Weights of values at these offsets in the first derivative at 0."""
    powers = np.vander(offsets, len(offsets), increasing=True).T
    return np.asarray(np.linalg.solve(powers, np.eye(len(offsets))[1]))


@dataclass(frozen=True)
class Tangents:
    """The output of a run and its derivatives by all columns. Picklable."""

    denoiser: Any
    starts: int
    slopes: Slopes
    rows: int  # of one network call, at most
    reach: tuple[float, float]  # levels that the network takes

    def __call__(self, first: Array, index: Index) -> Outputs:
        ops = namespace_of("noise", first)
        calls = Calls(self.denoiser, ops, self.starts)
        with ops.quiet():
            output, tangents = _Run(self, calls, index).run(first)
            columns = self.slopes.levels.shape[1]
            values = np.zeros((1 + columns, *first.shape))
            values[0] = ops.to_host(output)
            for column, tangent in tangents.items():
                values[1 + column] = ops.to_host(tangent)
        return Outputs(values, calls.calls)


class _Run:
    """One batch of starts: a value of each register, and its derivatives by the columns that reach it."""

    def __init__(self, task: Tangents, calls: Calls, index: Index) -> None:
        self._task, self._calls, self._index = task, calls, index
        self._values: dict[int, Array] = {}
        self._tangents: dict[int, dict[int, Array]] = {}

    def run(self, first: Array) -> tuple[Array, dict[int, Array]]:
        slopes, program = self._task.slopes, self._task.slopes.program
        self._values[0], self._tangents[0] = first, {}
        for number, operation in enumerate(program.operations):
            if operation.kind == COMBINE:
                found = self._combined(operation, slopes.factors[number])
            else:
                found = self._predicted(operation, slopes.levels[number])
            self._values[number + 1], self._tangents[number + 1] = found
            for register in slopes.dead[number]:
                self._values.pop(register, None)
                self._tangents.pop(register, None)
        return self._values[program.outputs[-1]], self._tangents[program.outputs[-1]]

    def _combined(
        self, operation: Operation, factors: dict[int, FloatArray]
    ) -> tuple[Array, dict[int, Array]]:
        ops = self._calls.ops
        terms: dict[int, list[tuple[float, Array]]] = {}
        for factor, source in operation.terms:
            for column, tangent in self._tangents[source].items():
                terms.setdefault(column, []).append((factor, tangent))
        for source, by in factors.items():
            for column in np.flatnonzero(by).tolist():
                terms.setdefault(column, []).append((float(by[column]), self._values[source]))
        value = ops.combine([(factor, self._values[source]) for factor, source in operation.terms])
        return value, {column: ops.combine(parts) for column, parts in terms.items()}

    def _predicted(self, operation: Operation, by_level: FloatArray) -> tuple[Array, dict[int, Array]]:
        ops, source, level = self._calls.ops, operation.terms[0][1], operation.level
        y, towards = self._values[source], self._tangents[source]
        prediction = self._calls.checked(y, level, self._index)
        tangents = dict(zip(towards, self._pushed(y, level, list(towards.values())), strict=True))
        moving = np.flatnonzero(by_level).tolist()
        if moving:
            slope = level_slope(self._calls, y, level, prediction, self._index, self._task.reach)
            for column in moving:
                own = [(float(by_level[column]), slope)]
                own += [(1.0, tangents[column])] if column in tangents else []
                tangents[column] = ops.combine(own)
        if operation.kind != PREDICT_NOISE:
            return prediction, tangents
        noise = operation.value_of(ops, y, prediction)
        for column, tangent in tangents.items():
            terms = [(-1.0 / level, tangent), (-float(by_level[column]), noise)]
            terms += [(1.0 / level, towards[column])] if column in towards else []
            tangents[column] = ops.combine(terms)
        return noise, tangents

    def _pushed(self, y: Array, level: float, towards: list[Array]) -> list[Array]:
        most = max(1, self._task.rows // len(self._index))
        found: list[Array] = []
        for i in range(0, len(towards), most):
            found += pushed(self._calls, y, level, self._index, towards[i : i + most])
        return found


def pushed(calls: Calls, y: Array, level: float, index: Index, towards: Sequence[Array]) -> list[Array]:
    """Derivatives of the denoiser at y in these directions."""
    ops = calls.ops
    stacked = ops.concatenate(list(towards)).reshape((len(towards), *y.shape))
    before = calls.calls
    found = ops.pushforward(lambda state: calls(state, level, index), y, stacked)
    calls.calls = before + CALLS_PER_DIRECTION * len(towards) * y.shape[0]
    if not ops.finite(found):
        raise ValueError(f"the derivatives of the denoiser are NaN or infinite at sigma = {level:.6g}")
    return [found[k] for k in range(len(towards))]


def level_slope(
    calls: Calls, y: Array, level: float, prediction: Array, index: Index, reach: tuple[float, float]
) -> Array:
    """The denoiser's derivative by log sigma at fixed y, from levels within its reach."""
    ops = calls.ops
    width = _SINGLE_WIDTH if is_single(ops, y) else _WIDTH
    shift = 0
    while shift > -2 and level * np.exp((2 + shift) * width) > reach[1]:
        shift -= 1
    while shift < 2 and level * np.exp((shift - 2) * width) < reach[0]:
        shift += 1
    offsets = (np.arange(_POINTS) - 2.0 + shift) * width
    terms = []
    for weight, offset in zip(_weights(offsets), offsets, strict=True):
        there = prediction if offset == 0.0 else calls.checked(y, level * float(np.exp(offset)), index)
        terms.append((float(weight), there))
    return ops.combine(terms)


def unavailable(calls: Calls, y: Array, level: float, index: Index) -> str:
    """Why this denoiser has no forward derivatives at y, or nothing."""
    ops = calls.ops
    size = float(np.sqrt(np.mean(ops.to_host(y) ** 2)))
    draw = np.random.default_rng(0).standard_normal(y.shape)
    single = is_single(ops, y)
    width = size * (1e-2 if single else 1e-4)
    towards = ops.from_host(draw, y)
    try:
        (found,) = pushed(calls, y, level, index, [towards])
    except Exception as error:  # whatever a framework or a network raises
        return f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}"[
            :200
        ]
    ends = (
        calls.checked(ops.combine([(1.0, y), (side * width, towards)]), level, index) for side in (1.0, -1.0)
    )
    above, below = (ops.to_host(end) for end in ends)
    difference = (above - below) / (2.0 * width)
    length = max(float(np.linalg.norm(difference)), 1e-300)
    apart = float(np.linalg.norm(ops.to_host(found) - difference)) / length
    if apart > (_SINGLE_TOLERANCE if single else _TOLERANCE):
        return f"they differ from a difference by {apart:.2g} of their size: the network drops a part of them"
    return ""


def is_single(ops: Numpy, y: Array) -> bool:
    """Whether rounding allows no small steps."""
    return ops.epsilon(y) > 1e-10
