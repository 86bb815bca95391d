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
LOSSES: dict[str, _core.Loss] = {
    "w2": _core.Loss.w2,
    "kl": _core.Loss.kl,
    "reverse_kl": _core.Loss.reverse_kl,
}
TARGETS: dict[str, _core.Target] = {"limit": _core.Target.limit, "data": _core.Target.data}
STARTS: dict[str, _core.Start] = {"prior": _core.Start.prior, "data": _core.Start.data}
LOSS_TITLES = {"w2": "W2 distance", "kl": "KL(data || model), nats", "reverse_kl": "KL(model || data), nats"}


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
    if all(isinstance(name, str) for name in names):
        return _criterion(*names)
    return _core.Criterion(process_code(process), loss_code(loss), target_code(target), start_code(start))


@lru_cache(maxsize=64)
def _criterion(process: str, loss: str, target: str, start: str) -> _core.Criterion:
    return _core.Criterion(process_code(process), loss_code(loss), target_code(target), start_code(start))
