"""Many slightly different runs from the same starts at once, as a Jacobian or a comparison of schedules needs them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from .._support.checks import FloatArray
from .arrays import Array, namespace_of
from .denoiser import Calls, Index
from .program import COMBINE, Operation, Program


class Outputs(NamedTuple):
    """Results on the host, shape (runs, starts, ...), and the network calls that they took."""

    values: FloatArray
    calls: int


@dataclass(frozen=True)
class Columns:
    """Runs several deterministic programs from the same starts. Picklable.

    What a run shares with the first one up to its first difference is computed once: a Jacobian by the levels of S
    steps costs S^2 / 2 predictions, not S^2. Predictions at one level go to the network together, and all of them do
    if it takes a level for each row.
    """

    denoiser: Any
    starts: int
    programs: tuple[Program, ...]
    rows: int  # of one network call, at most

    def __call__(self, first: Array, index: Index) -> Outputs:
        ops = namespace_of("noise", first)
        calls = Calls(self.denoiser, ops, self.starts)
        groups: dict[int, list[Program]] = {}
        for program in self.programs:  # lockstep needs the same number of operations
            groups.setdefault(len(program.operations), []).append(program)
        found: dict[int, Array] = {}
        with ops.quiet():
            for programs in groups.values():
                lockstep = _Lockstep(programs, calls, index, self.rows)
                found.update((id(p), y) for p, y in zip(programs, lockstep.run(first), strict=True))
        return Outputs(np.array([ops.to_host(found[id(p)]) for p in self.programs]), calls.calls)


class _Lockstep:
    """All programs side by side, operation by operation."""

    def __init__(self, programs: Sequence[Program], calls: Calls, index: Index, rows: int) -> None:
        self._programs, self._calls, self._index, self._rows = programs, calls, index, rows

    def run(self, first: Array) -> list[Array]:
        registers: list[dict[int, Array]] = [{0: first} for _ in self._programs]
        for number in range(1, len(self._programs[0].operations) + 1):
            own = self._differing(number - 1, registers)
            values = self._values([self._programs[k].operations[number - 1] for k in own], own, registers)
            for k, registers_k in enumerate(registers):
                registers_k[number] = values.get(k, values[0])
            for k, program in enumerate(self._programs):
                for register in program.operations[number - 1].dead:
                    registers[k].pop(register, None)
        return [held[p.outputs[-1]] for held, p in zip(registers, self._programs, strict=True)]

    def _differing(self, number: int, registers: list[dict[int, Array]]) -> list[int]:
        """Runs that do not share this operation with the first: another one, or other operands."""
        model = self._programs[0].operations[number]
        own = [0]
        for k in range(1, len(self._programs)):
            operation = self._programs[k].operations[number]
            same = (operation.kind, operation.terms, operation.level) == (
                model.kind,
                model.terms,
                model.level,
            )
            if not same or any(registers[k][s] is not registers[0][s] for _, s in operation.terms):
                own.append(k)
        return own

    def _values(
        self, operations: list[Operation], own: list[int], registers: list[dict[int, Array]]
    ) -> dict[int, Array]:
        ops = self._calls.ops
        values: dict[int, Array] = {}
        predicting = []
        for k, operation in zip(own, operations, strict=True):
            operands = [(factor, registers[k][source]) for factor, source in operation.terms]
            if operation.kind == COMBINE:
                values[k] = ops.combine(operands)
            else:
                predicting.append((k, operation, operands[0][1]))
        for group in self._groups(predicting):
            predictions = self._predict([y for _, _, y in group], [o.level for _, o, _ in group])
            for (k, operation, y), prediction in zip(group, predictions, strict=True):
                values[k] = operation.value_of(ops, y, prediction)
        return values

    def _groups(
        self, predicting: list[tuple[int, Operation, Array]]
    ) -> list[list[tuple[int, Operation, Array]]]:
        """What goes to the network together: one level, or any levels if it takes one for each row."""
        by_level: dict[float, list[tuple[int, Operation, Array]]] = {}
        for item in predicting:
            by_level.setdefault(0.0 if self._calls.per_row else item[1].level, []).append(item)
        most = max(1, self._rows // len(self._index))
        return [group[i : i + most] for group in by_level.values() for i in range(0, len(group), most)]

    def _predict(self, states: list[Array], levels: list[float]) -> list[Array]:
        ops, size = self._calls.ops, len(self._index)
        same = all(level == levels[0] for level in levels)
        sigma = levels[0] if same else np.repeat(levels, size)
        output = self._calls.checked(ops.concatenate(states), sigma, np.tile(self._index, len(states)))
        return [output[i * size : (i + 1) * size] for i in range(len(states))]
