"""AUTOMATIC1111's web UI and its forks (Forge, reForge): a file that adds a schedule to the list of types."""

from __future__ import annotations

import json

from ..._support import checks
from ..._support.checks import FloatArray
from ..levels import single_precision

_SCRIPT = '''"""{label}: a schedule designed with specsched, for AUTOMATIC1111's web UI, Forge and reForge.

Put this file into the folder extensions/specsched/scripts of the web UI and start it again; the schedule is then in
the list "Schedule type". With {steps} steps it runs the designed levels; with others, the same curve of log(sigma).
"""

import math

import torch
from modules import sd_schedulers

LEVELS = [
{levels}
]


def levels_of(steps):
    """{steps} levels and the final 0, or as many of the same curve."""
    if steps == len(LEVELS):
        return [*LEVELS, 0.0]
    logs, found = [math.log(level) for level in LEVELS], []
    for k in range(steps):
        place = k * (len(logs) - 1) / max(1, steps - 1)
        first = min(int(place), len(logs) - 2)
        found.append(math.exp(logs[first] + (place - first) * (logs[first + 1] - logs[first])))
    return [*found, 0.0]


def schedule(n, sigma_min, sigma_max, device):
    return torch.tensor(levels_of(n), dtype=torch.float32, device=device)


_entry = sd_schedulers.Scheduler({name}, {label_literal}, schedule)
if {name} not in sd_schedulers.schedulers_map:
    sd_schedulers.schedulers.append(_entry)
sd_schedulers.schedulers_map.update({{_entry.name: _entry, _entry.label: _entry}})
'''


def script(sigmas: FloatArray, *, name: str = "specsched") -> str:
    """The text of a Python file for the folder ``scripts`` of an extension.

    It calls what the web UI has for schedulers, ``Scheduler(name, label, function)`` with
    ``function(n, sigma_min, sigma_max, device)`` (modules/sd_schedulers.py).

    Parameters
    ----------
    sigmas : ndarray, shape (S + 1,)
        Levels; the last one is 0, which the web UI ends with.
    name : str
        What the list of schedule types shows.

    Returns
    -------
    str

    Raises
    ------
    TypeError, ValueError
        The last level is not 0, fewer than two others are there, or the name is empty.

    Examples
    --------
    >>> from specsched import Schedule
    >>> "from modules import sd_schedulers" in Schedule([14.0, 1.0, 0.0]).to("a1111", name="mine")
    True
    """
    if not isinstance(name, str):
        raise TypeError(f"name must be a string, got {type(name).__name__}")
    if not name.strip() or not name.isprintable():
        raise ValueError(f"name must be printable text, got {checks.brief(name)}")
    values = single_precision(sigmas)
    if values[-1] != 0.0 or values.size < 3:
        raise ValueError(
            f"the web UI ends at 0 after at least two levels, and the schedule has {values.size} levels and ends at "
            f"{float(values[-1]):g}; design with sigma_min=0"
        )
    slug = "".join(letter if letter.isalnum() else "_" for letter in name.lower())
    return _SCRIPT.format(
        label=name.replace("\\", "").replace('"""', ""),
        name=json.dumps(slug),
        label_literal=json.dumps(name),
        steps=values.size - 1,
        levels="\n".join(f"    {float(value)!r}," for value in sigmas[:-1]),
    )
