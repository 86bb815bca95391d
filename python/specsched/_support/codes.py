"""The names of processes and losses, and what they stand for in the compiled core."""

from __future__ import annotations

from typing import Any, Literal

from .. import _core
from . import checks

ProcessName = Literal["vp", "ve", "flow"]
LossName = Literal["w2", "kl", "reverse_kl"]

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
LOSS_TITLES = {"w2": "W2 distance", "kl": "KL(data || model), nats", "reverse_kl": "KL(model || data), nats"}


def process_code(name: Any) -> _core.Process:
    """The core's code of a process name."""
    code: _core.Process = checks.lookup("process", name, PROCESSES)
    return code


def loss_code(name: Any) -> _core.Loss:
    """The core's code of a loss name."""
    code: _core.Loss = checks.lookup("loss", name, LOSSES)
    return code
