"""Solvers with the options that a diffusers scheduler is set to."""

from __future__ import annotations

from typing import Any

from ...samplers import (
    DEIS,
    DPMMultistep,
    DPMMultistepSDE,
    DPMpp2M,
    DPMpp2MSDE,
    DPMpp2MSDEHeun,
    DPMpp3M,
    DPMpp3MSDE,
    DPMppSinglestep,
    Sampler,
    UniPC,
)
from ...schedules.export.configuration import Configuration

DPM_DEFAULTS = {
    "algorithm_type": "dpmsolver++",
    "solver_order": 2,
    "solver_type": "midpoint",
    "lower_order_final": True,
    "euler_at_final": False,
    "final_sigmas_type": "zero",
}
"""What DPMSolverMultistepScheduler does where its configuration says nothing (diffusers 0.42)."""


def unlike(config: Configuration, options: dict[str, Any]) -> dict[str, Any]:
    """Those of `options` that a DPMSolverMultistepScheduler of this configuration would not have by itself."""
    return {k: value for k, value in options.items() if config.option(k, DPM_DEFAULTS[k]) != value}


def dpm_multistep(config: Configuration) -> Sampler:
    """DPMSolverMultistep, EDMDPMSolverMultistep and CosineDPMSolverMultistep."""
    cosine = config.name.startswith("Cosine")
    algorithm = config.option("algorithm_type", "sde-dpmsolver++" if cosine else "dpmsolver++")
    order, heun = int(config.option("solver_order", 2)), config.option("solver_type") == "heun"
    flags = {
        "lower_order_final": bool(config.option("lower_order_final", True)),
        "euler_at_final": bool(config.option("euler_at_final", False)),
    }
    if algorithm == "dpmsolver":
        return DPMMultistep(order=order, heun=heun, **flags)
    if algorithm == "sde-dpmsolver":
        return DPMMultistepSDE(order=min(order, 2), heun=heun, **flags)
    if algorithm == "sde-dpmsolver++":
        if order == 3:
            return DPMpp3MSDE(heun=False, diffusers_d2=True, **flags)
        return (DPMpp2MSDEHeun if heun else DPMpp2MSDE)(order=order, **flags)
    return (DPMpp3M if order == 3 else DPMpp2M)(order=order, heun=heun, **flags)


def dpm_singlestep(config: Configuration) -> DPMppSinglestep:
    """DPMSolverSinglestep."""
    return DPMppSinglestep(
        order=int(config.option("solver_order", 2)),
        heun=config.option("solver_type") == "heun",
        lower_order_final=bool(config.option("lower_order_final", False)),
    )


def unipc(config: Configuration, *, bh2: bool) -> UniPC:
    """UniPCMultistep; with `bh2`, B(h) = e^h - 1 whatever is asked for."""
    return UniPC(
        order=int(config.option("solver_order", 2)),
        bh=1 if config.option("solver_type") == "bh1" and not bh2 else 2,
        predict_x0=bool(config.option("predict_x0", True)),
        disable_corrector=tuple(config.option("disable_corrector") or ()),
        lower_order_final=bool(config.option("lower_order_final", True)),
    )


def deis(config: Configuration) -> DEIS:
    """DEISMultistep."""
    return DEIS(
        order=int(config.option("solver_order", 2)),
        lower_order_final=bool(config.option("lower_order_final", True)),
    )
