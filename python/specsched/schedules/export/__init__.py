"""Hand-over of the levels to frameworks: one file per framework, one row of `TARGETS` each.

A target takes the S + 1 levels as an array, then options of its own by name, and returns what the framework takes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import training_grid
from . import a1111, comfyui, diffusers, k_diffusion, libraries, programs, sdcpp

__all__ = [
    *("IN_PYTHON", "REFUSED", "TARGETS"),
    *("a1111", "comfyui", "diffusers", "k_diffusion", "libraries", "programs", "sdcpp"),
]

TARGETS: dict[str, Callable[..., Any]] = {
    "diffusers": diffusers.keyword_arguments,
    "k_diffusion": k_diffusion.tensor,
    "comfyui": comfyui.comfy_sigmas,
    "timesteps": training_grid.to_timesteps,
    "a1111": a1111.script,
    "sdcpp": sdcpp.options,
    "physicsnemo": libraries.physicsnemo,
    "smalldiffusion": libraries.smalldiffusion,
    "flow_matching": libraries.flow_matching,
    "azula": libraries.azula,
    "deepinv": libraries.deepinv,
    "sgm": programs.sgm,
    "dpm_solver": programs.dpm_solver,
}
"""Every framework by name: what `Schedule.to` looks up."""

IN_PYTHON: dict[str, str] = {
    "sgm": "sampler.discretization = specsched.Schedule.load(FILE).to('sgm')",
    "dpm_solver": "specsched.Schedule.load(FILE).to('dpm_solver', noise_schedule=that_of_the_solver)",
}
"""Targets that are objects, not text, and the line that makes them."""

REFUSED: dict[str, str] = {
    "edm": "NVlabs/edm has no argument for levels (generate.py); run the network with specsched.sample and "
    "specsched.models.from_edm",
    "skrample": "no release of it could be tried here; its samplers take sigmas of a list, which schedule.sigmas is",
}
"""Hosts without a hook for levels, and what to do."""
