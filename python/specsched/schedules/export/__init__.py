"""Hand-over of the levels to frameworks: one file per framework, one row of `TARGETS` each.

A target takes the S + 1 levels as an array, then options of its own by name, and returns what the framework takes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import comfyui, diffusers, k_diffusion

__all__ = ["TARGETS", "comfyui", "diffusers", "k_diffusion"]

TARGETS: dict[str, Callable[..., Any]] = {
    "diffusers": diffusers.keyword_arguments,
    "k_diffusion": k_diffusion.tensor,
    "comfyui": comfyui.comfy_sigmas,
}
"""Every framework by name: what `Schedule.to` looks up."""
