"""A run of a solver over a schedule as the engine's own list of linear operations, executed on arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .. import _core
from .._support.caching import cached
from ..samplers import Sampler
from ..schedules.schedule import Schedule
from .arrays import Array, Numpy

COMBINE, PREDICT, PREDICT_NOISE = 0, 1, 2

_CACHE_BYTES = 64 << 20
"""Programs that are kept between runs."""
_OPERATION_BYTES = 1000
"""What one operation takes: a tuple of seven entries and its terms."""


class Operation(NamedTuple):
    """Makes register `target` = its number + 1; register 0 is the start y_S."""

    kind: int
    terms: tuple[tuple[float, int], ...]
    level: float
    """Of a prediction: the solver's level."""
    told: float
    """Of a prediction: the level that the network is told."""
    spread: float
    """Standard deviation of the independent noise that is added."""
    dead: tuple[int, ...]
    """Registers that nothing reads any more."""
    step: int
    """Number of the step that ends here, or -1."""


class Program(NamedTuple):
    """All operations of a run."""

    operations: tuple[Operation, ...]
    outputs: tuple[int, ...]
    """Register of y after each step."""

    @property
    def evaluations(self) -> int:
        """Predictions in one run."""
        return sum(operation.kind != COMBINE for operation in self.operations)

    @property
    def told(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Levels of all predictions, in order."""
        return np.array([operation.told for operation in self.operations if operation.kind != COMBINE])

    @property
    def stochastic(self) -> bool:
        """Whether noise enters."""
        return any(operation.spread > 0.0 for operation in self.operations)


@cached(_CACHE_BYTES, lambda program: _OPERATION_BYTES * len(program.operations))
def program_of(sampler: Sampler, schedule: Schedule) -> Program:
    """What the engine would analyse: the same operations, factors and levels."""
    sampler.check(schedule)
    raw = _core.program(sampler.core, schedule.sigmas)
    kinds, first, sources = raw["kind"].tolist(), raw["first"].tolist(), raw["source"].tolist()
    factors, levels, noise = raw["factor"].tolist(), raw["level"].tolist(), raw["noise"].tolist()
    told = raw["level"].tolist()
    ends = {end - 1: step for step, end in enumerate(raw["step_end"].tolist())}
    outputs = tuple(raw["step_output"].tolist())
    dead = _last_uses(first, sources, {register: i for i, register in zip(ends, outputs, strict=True)})
    operations = tuple(
        Operation(
            kind,
            tuple(zip(factors[first[i] : first[i + 1]], sources[first[i] : first[i + 1]], strict=True)),
            levels[i],
            told[i],
            noise[i] ** 0.5,
            dead[i],
            ends.get(i, -1),
        )
        for i, kind in enumerate(kinds)
    )
    return Program(operations, outputs)


def _last_uses(first: list[int], sources: list[int], shown: dict[int, int]) -> list[tuple[int, ...]]:
    """For each operation the registers that nothing reads after it; `shown`: outputs of steps, and where they end."""
    count = len(first) - 1
    last = {i + 1: i for i in range(count)}
    for i in range(count):
        last.update((sources[term], i) for term in range(first[i], first[i + 1]))
    dead: list[list[int]] = [[] for _ in range(count)]
    for register, i in last.items():
        until = max(i, shown.get(register, i))
        if until < count - 1:  # what is left at the end goes with the rest
            dead[until].append(register)
    return [tuple(registers) for registers in dead]


def run(
    program: Program,
    start: Array,
    predict: Callable[[Array, float], Array],
    ops: Numpy,
    generator: Any = None,
    after_step: Callable[[int, Array, Array | None], object] | None = None,
) -> Array:
    """The sample y after the last step; `after_step(step, y, newest prediction)` is called after every one."""
    registers: dict[int, Array] = {0: start}
    newest: Array | None = None
    for number, operation in enumerate(program.operations, 1):
        if operation.kind == COMBINE:
            terms = [(factor, registers[source]) for factor, source in operation.terms]
            value = ops.combine(terms) if terms else None
        else:
            source = registers[operation.terms[0][1]]
            value = newest = predict(source, operation.told)
            if operation.kind == PREDICT_NOISE:
                value = ops.combine(((1.0 / operation.level, source), (-1.0 / operation.level, value)))
        if operation.spread > 0.0:
            noise = ops.normal(generator, start)
            value = ops.combine(
                ((operation.spread, noise),) if value is None else ((1.0, value), (operation.spread, noise))
            )
        registers[number] = value
        if after_step is not None and operation.step >= 0:
            after_step(operation.step, registers[program.outputs[operation.step]], newest)
        for register in operation.dead:
            del registers[register]
    return registers[program.outputs[-1]]
