"""A run of a solver over a schedule as the engine's own list of linear operations, executed on arrays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
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
    """Of a prediction: the level that the network is told."""
    spread: float
    """Standard deviation of the independent noise that is added."""
    dead: tuple[int, ...]
    """Registers that nothing reads any more."""
    step: int
    """Number of the step that ends here, or -1."""

    def value_of(self, ops: Numpy, y: Array, prediction: Array) -> Array:
        """What this operation gives the solver, from the network's prediction of x_0 at y."""
        if self.kind != PREDICT_NOISE:
            return prediction
        return ops.combine(((1.0 / self.level, y), (-1.0 / self.level, prediction)))


@dataclass(frozen=True)
class Program:
    """All operations of a run."""

    operations: tuple[Operation, ...]
    outputs: tuple[int, ...]
    """Register of y after each step."""

    @property
    def evaluations(self) -> int:
        """Predictions in one run."""
        return len(self.told)

    @cached_property
    def told(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Levels of all predictions, in order."""
        return np.array([operation.level for operation in self.operations if operation.kind != COMBINE])

    @cached_property
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
    ends = {end - 1: step for step, end in enumerate(raw["step_end"].tolist())}
    outputs = tuple(raw["step_output"].tolist())
    dead = last_uses(first, sources, {register: i for i, register in zip(ends, outputs, strict=True)})
    operations = tuple(
        Operation(
            kind,
            tuple(zip(factors[first[i] : first[i + 1]], sources[first[i] : first[i + 1]], strict=True)),
            levels[i],
            noise[i] ** 0.5,
            dead[i],
            ends.get(i, -1),
        )
        for i, kind in enumerate(kinds)
    )
    return Program(operations, outputs)


def last_uses(first: list[int], sources: list[int], shown: dict[int, int]) -> list[tuple[int, ...]]:
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


class Execution:
    """A run that stops at every prediction: whoever holds it asks a network, in whatever framework, and goes on.

    Attributes
    ----------
    awaits : Operation or None
        The prediction that is needed next; None at the end.
    state : array
        y on which the network is to be asked, x_0 / alpha at the end. May be replaced before the answer comes, as
        inpainting does.
    """

    def __init__(
        self,
        program: Program,
        start: Array,
        ops: Numpy,
        generator: Any = None,
        after_step: Callable[[int, Array, Array | None], object] | None = None,
    ) -> None:
        self._program, self._ops, self._like = program, ops, start
        self._after_step = after_step
        self._registers: dict[int, Array] = {0: start}
        self._newest: Array | None = None
        self._number = 0
        self.generator = generator
        self.awaits: Operation | None = None
        self._go_on()

    @property
    def state(self) -> Array:
        """See the class."""
        return self._registers[self._shown]

    @state.setter
    def state(self, value: Array) -> None:
        self._registers[self._shown] = value

    @property
    def _shown(self) -> int:
        return self._program.outputs[-1] if self.awaits is None else self.awaits.terms[0][1]

    def give(self, prediction: Array) -> None:
        """Go on with the network's prediction to the next one, or to the end."""
        operation = self.awaits
        assert operation is not None
        self._newest = prediction
        self._finish(operation, operation.value_of(self._ops, self.state, prediction))
        self._go_on()

    def _go_on(self) -> None:
        operations, registers = self._program.operations, self._registers
        while self._number < len(operations):
            operation = operations[self._number]
            if operation.kind != COMBINE:
                self.awaits = operation
                return
            terms = [(factor, registers[source]) for factor, source in operation.terms]
            self._finish(operation, self._ops.combine(terms) if terms else None)
        self.awaits = None

    def _finish(self, operation: Operation, value: Array | None) -> None:
        if operation.spread > 0.0:
            noise = self._ops.normal(self.generator, self._like)
            value = self._ops.combine(
                ((operation.spread, noise),) if value is None else ((1.0, value), (operation.spread, noise))
            )
        self._number += 1
        registers = self._registers
        registers[self._number] = value
        if self._after_step is not None and operation.step >= 0:
            self._after_step(operation.step, registers[self._program.outputs[operation.step]], self._newest)
        for register in operation.dead:
            del registers[register]


def run(
    program: Program,
    start: Array,
    predict: Callable[[Array, float], Array],
    ops: Numpy,
    generator: Any = None,
    after_step: Callable[[int, Array, Array | None], object] | None = None,
) -> Array:
    """The sample y after the last step; `after_step(step, y, newest prediction)` is called after every one."""
    execution = Execution(program, start, ops, generator, after_step)
    while execution.awaits is not None:
        execution.give(predict(execution.state, execution.awaits.level))
    return execution.state
