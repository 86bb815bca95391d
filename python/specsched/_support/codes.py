"""The names of processes, losses, targets and starts, and what they stand for in the compiled core."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Literal

from .. import _core
from . import checks

ProcessName = Literal["vp", "ve", "flow"]
LossName = Literal["w2", "kl", "reverse_kl"]
TargetName = Literal["limit", "data"]
StartName = Literal["prior", "data"]

PROCESSES: dict[str, _core.Process] = {
    "vp": _core.Process.vp,
    "ve": _core.Process.ve,
    "flow": _core.Process.flow,
}
_LOSS_ROWS = _core.loss_list()
LOSSES: dict[str, _core.Loss] = {name: code for name, code, *_ in _LOSS_ROWS}
TARGETS: dict[str, _core.Target] = {"limit": _core.Target.limit, "data": _core.Target.data}
STARTS: dict[str, _core.Start] = {"prior": _core.Start.prior, "data": _core.Start.data}
LOSS_TITLES: dict[str, str] = {name: title for name, _, title, *_ in _LOSS_ROWS}
"""What a loss is called in a sentence or beside an axis."""
LOSS_HEADINGS: dict[str, str] = {name: heading for name, _, _, heading, *_ in _LOSS_ROWS}
"""The same over a column."""
ADMIT_ZEROS = frozenset(name for name, _, _, _, admits_zeros, _ in _LOSS_ROWS if admits_zeros)
"""Losses that are finite for zero eigenvalues."""
HAVE_UNITS = frozenset(name for name, *_, has_unit in _LOSS_ROWS if has_unit)
"""Losses that grow with the data."""


def process_code(name: Any) -> _core.Process:
    """The core's code of a process name."""
    code: _core.Process = checks.lookup("process", name, PROCESSES)
    return code


def loss_code(name: Any) -> _core.Loss:
    """The core's code of a loss name."""
    code: _core.Loss = checks.lookup("loss", name, LOSSES)
    return code


def target_code(name: Any) -> _core.Target:
    """The core's code of what outputs are compared with."""
    code: _core.Target = checks.lookup("target", name, TARGETS)
    return code


def start_code(name: Any) -> _core.Start:
    """The core's code of what a run starts from."""
    code: _core.Start = checks.lookup("start", name, STARTS)
    return code


def criterion(process: Any, loss: Any = "w2", target: Any = "data", start: Any = "prior") -> _core.Criterion:
    """What a schedule is judged by, as the core takes it; raises for unknown names."""
    names = (process, loss, target, start)
    # Only strings can be looked up in the cache.
    known = type(process) is type(loss) is type(target) is type(start) is str
    return _criterion(*names) if known else _criterion.__wrapped__(*names)


@lru_cache(maxsize=64)
def _criterion(process: str, loss: str, target: str, start: str) -> _core.Criterion:
    return _core.Criterion(process_code(process), loss_code(loss), target_code(target), start_code(start))
