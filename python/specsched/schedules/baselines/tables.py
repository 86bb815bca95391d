"""Published tables of levels, interpolated to any number of steps."""

from __future__ import annotations

import math

import numpy as np

from ..._support import checks
from ..schedule import Schedule
from ._ends import described, ends, finish, fractions

ALIGN_YOUR_STEPS: dict[str, tuple[float, ...]] = {
    "sd15": (14.615, 6.475, 3.861, 2.697, 1.886, 1.396, 0.963, 0.652, 0.399, 0.152, 0.029),
    "sdxl": (14.615, 6.315, 3.771, 2.181, 1.342, 0.862, 0.555, 0.380, 0.234, 0.113, 0.029),
    "svd": (700.00, 54.5, 15.886, 7.977, 4.248, 1.789, 0.981, 0.403, 0.173, 0.034, 0.002),
    "deepfloyd": (160.41, 8.081, 3.315, 1.885, 1.207, 0.785, 0.553, 0.293, 0.186, 0.030, 0.006),
}
"""Ten steps for Stable Diffusion 1.5, SDXL, Stable Video Diffusion and DeepFloyd-IF (first stage)."""


@described
def align_your_steps(
    steps: int,
    *,
    sigma_max: float | None = None,
    sigma_min: float | None = None,
    sigma_floor: float | None = None,
    table: str = "sd15",
) -> Schedule:
    """Align Your Steps: a published table of eleven levels, log-linearly interpolated to S + 1.

    Without ends, the last of the S + 1 levels is replaced by 0, as diffusers and ComfyUI do: ten steps are
    the table's ten first levels and 0. (Others append the 0, so that the table costs eleven steps, or stop at
    the lowest level.) With ends, log(sigma) is stretched so that the table's own ends (14.615 ... 0.029 for
    "sd15") fall on them; with sigma_min = 0 and a floor, the S positive levels span the whole table.

    Parameters
    ----------
    steps : int
        Number of steps S >= 1.
    sigma_max, sigma_min, sigma_floor : float, optional
        End levels shared with other schedules: see `specsched.baselines`. With sigma_min = 0 and no floor,
        the last positive level is the table's own.
    table : {"sd15", "sdxl", "svd", "deepfloyd"}
        Which table.

    References
    ----------
    A. Sabour, S. Fidler, K. Kreis, "Align Your Steps: Optimizing Sampling Schedules in Diffusion Models",
    arXiv 2404.14507, and its project page.

    Examples
    --------
    >>> from specsched import baselines
    >>> baselines.align_your_steps(5, table="sdxl").sigmas.round(3).tolist()
    [14.615, 3.771, 1.342, 0.555, 0.234, 0.0]
    """
    levels: tuple[float, ...] = checks.lookup("table", table, ALIGN_YOUR_STEPS)
    where = ends(steps, sigma_max, sigma_min, sigma_floor, native=(levels[0], None))
    low = where.low if where.low > 0.0 else min(levels[-1], where.high / 10.0)
    logs = np.log(levels)
    place = fractions(where.points) * (len(levels) - 1)
    depth = (logs[0] - np.interp(place, np.arange(len(levels)), logs)) / (logs[0] - logs[-1])
    fall = math.log(where.high) - math.log(low)
    return finish(where.high * np.exp(-fall * depth), where, f"ays_{table}")
