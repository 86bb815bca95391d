"""Heuristic schedules by name: the public door to `specsched.schedules.baselines`, which describes them."""

from __future__ import annotations

from .schedules.baselines import *  # noqa: F403
from .schedules.baselines import __all__ as __all__
