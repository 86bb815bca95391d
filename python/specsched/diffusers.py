"""Any schedule with any solver in the pipelines of diffusers: `DesignedScheduler`, made when it is first asked for."""

from __future__ import annotations

from typing import Any

from .models.pipelines.diffusers import scheduler_class

__all__ = ["DesignedScheduler"]  # noqa: F822


def __getattr__(name: str) -> Any:
    if name == "DesignedScheduler":
        return scheduler_class()
    if (
        name == "SchedulerMixin"
    ):  # a saved pipeline looks here for the class that says how to load the scheduler
        from diffusers import SchedulerMixin

        return SchedulerMixin
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
