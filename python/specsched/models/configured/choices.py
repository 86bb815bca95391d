"""Another solver than a scheduler's own: which scheduler of diffusers runs it on custom levels."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import Any

from ...samplers import (
    DDIM,
    DDPM,
    DPMpp2M,
    DPMpp2MSDE,
    DPMpp2MSDEHeun,
    DPMpp3M,
    Heun,
    Sampler,
    UniPC,
    as_sampler,
)
from ...schedules.export.configuration import Configuration
from ...schedules.export.diffusers import DESIGNED
from .problems import PipelineProblem, problem_of
from .solvers import DPM_DEFAULTS, unlike


def problem_with(config: Configuration, sampler: Any = None) -> PipelineProblem:
    """The problem of a scheduler, or that of its model with a solver of the user's choice.

    The runner is `DESIGNED` where no scheduler of diffusers runs the solver on custom levels.
    """
    problem = problem_of(config)
    if sampler is None:
        return problem
    solver = as_sampler(sampler)
    if solver == problem.sampler:
        return problem
    name, options = _runner(problem, config, solver)
    if name == DESIGNED:
        return replace(problem, sampler=solver, runner=DESIGNED, alphas_cumprod=None, changes={})
    moved = Configuration((name,), MappingProxyType({**config.options, **options}), config.alphas_cumprod)
    found = problem_of(moved)
    return replace(found, sampler=solver, changes={**options, **found.changes})


def _runner(problem: PipelineProblem, config: Configuration, solver: Sampler) -> tuple[str, dict[str, Any]]:
    if problem.process == "flow":
        if solver == DDIM():
            return "FlowMatchEulerDiscreteScheduler", {}
        return (
            ("UniPCMultistepScheduler", _unipc(config, solver))
            if isinstance(solver, UniPC)
            else (DESIGNED, {})
        )
    if config.alphas_cumprod is None:
        return ("EDMEulerScheduler" if solver == DDIM() else DESIGNED), {}
    if isinstance(solver, (DPMpp2M, DPMpp3M)):
        return "DPMSolverMultistepScheduler", _dpm(config, solver, "dpmsolver++")
    if isinstance(solver, (DPMpp2MSDE, DPMpp2MSDEHeun)) and solver == type(solver)(
        order=solver.order,
        heun=solver.heun,
        lower_order_final=solver.lower_order_final,
        euler_at_final=solver.euler_at_final,
    ):
        return "DPMSolverMultistepScheduler", _dpm(config, solver, "sde-dpmsolver++")
    plain = {DDIM(): "EulerDiscreteScheduler", DDPM(): "DDPMScheduler", Heun(): "HeunDiscreteScheduler"}
    return plain.get(solver, DESIGNED), {}


def _dpm(config: Configuration, solver: Any, algorithm: str) -> dict[str, Any]:
    wanted = {
        **DPM_DEFAULTS,
        "algorithm_type": algorithm,
        "solver_order": solver.order,
        "solver_type": "heun" if solver.heun else "midpoint",
        "lower_order_final": solver.lower_order_final,
        "euler_at_final": solver.euler_at_final,
    }
    return unlike(config, wanted)


def _unipc(config: Configuration, solver: UniPC) -> dict[str, Any]:
    return {
        "use_flow_sigmas": True,
        "prediction_type": "flow_prediction",
        "flow_shift": float(config.option("shift", config.option("flow_shift", 1.0))),
        "solver_order": solver.order,
        "solver_type": f"bh{solver.bh}",
        "predict_x0": solver.predict_x0,
        "disable_corrector": list(solver.disable_corrector),
        "lower_order_final": solver.lower_order_final,
    }
