"""specsched, 10 steps: a schedule designed with specsched, for AUTOMATIC1111's web UI, Forge and reForge.

Put this file into the folder extensions/specsched/scripts of the web UI and start it again; the schedule is then in
the list "Schedule type". With 10 steps it runs the designed levels; with others, the same curve of log(sigma).
"""

import math

import torch
from modules import sd_schedulers

LEVELS = [
    14.6146,
    7.997273571472705,
    4.802039196856587,
    2.8863777856894224,
    1.7407056568400197,
    1.0636105748950573,
    0.6544006356186659,
    0.3951135107581206,
    0.22457043823191866,
    0.10994823734495128,
]


def levels_of(steps):
    """10 levels and the final 0, or as many of the same curve."""
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


_entry = sd_schedulers.Scheduler("specsched__10_steps", "specsched, 10 steps", schedule)
if "specsched__10_steps" not in sd_schedulers.schedulers_map:
    sd_schedulers.schedulers.append(_entry)
sd_schedulers.schedulers_map.update({_entry.name: _entry, _entry.label: _entry})
