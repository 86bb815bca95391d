"""What is timed: each function returns a call without arguments, made inside the process that runs it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import design_cases
import numpy as np
import peers
from conftest import make_modes, make_problem, mode_levels
from design_cases import DesignCase

import specsched as ss

Call = Callable[[], Any]


def ours(dim: int, steps: int, sampler: str, threads: int) -> Call:
    """Loss and gradient."""
    p = make_problem(dim, steps)
    return lambda: _value(
        ss.value_and_grad(p.spectrum, p.schedule, sampler=sampler, threads=threads, target="data")
    )


def ours_plain(dim: int, steps: int, sampler: str, threads: int) -> Call:
    """The same without panels: the kernels on every eigenvalue."""
    from specsched._support import codes

    p = make_problem(dim, steps)
    core = ss.samplers.as_sampler(sampler).core.one_by_one()
    choice = (core, codes.criterion("vp"), threads)
    return lambda: _value(p.spectrum._in_core(threads).value_and_grad(p.levels, *choice))


def ours_loss(dim: int, steps: int, threads: int) -> Call:
    """The loss alone."""
    p = make_problem(dim, steps)
    return lambda: ss.evaluate(p.spectrum, p.schedule, threads=threads, target="data")


def ours_compressed(dim: int, steps: int, sampler: str) -> Call:
    """Loss and gradient on the compressed spectrum, compressed before."""
    p = make_problem(dim, steps)
    nodes = p.spectrum.compress()
    return lambda: ss.value_and_grad(nodes, p.schedule, sampler=sampler, target="data")


def peer(name: str, dim: int, steps: int, sampler: str, threads: int = 2) -> Call:
    """Loss and gradient of a peer."""
    p = make_problem(dim, steps)
    table = peers.DDIM_PEERS if sampler == "ddim" else peers.DPMPP_2M_PEERS
    package, make = table[name]
    run = make(p.arrays, steps)
    if package == "numba":
        import numba

        numba.set_num_threads(threads)
    elif package == "torch":
        import torch

        torch.set_num_threads(threads)
    return lambda: _value(run(p.levels))


def jax_loop(dim: int, steps: int, sampler: str) -> Call:
    """Loss and gradient of a solver's plain loop, compiled by JAX."""
    import peers_jax

    p = make_problem(dim, steps)
    run = peers_jax.jax_loop(sampler)(p.arrays, steps)
    return lambda: _value(run(p.levels))


def ours_modes(steps: int, sampler: str) -> Call:
    """Loss and gradient of a set of modes."""
    modes = make_modes()
    schedule = ss.Schedule(mode_levels(modes, steps))
    return lambda: _value(ss.value_and_grad(modes, schedule, sampler=sampler))


def jax_modes(steps: int, sampler: str) -> Call:
    """The same of the plain loop, compiled by JAX."""
    import peers_jax

    modes = make_modes()
    levels = mode_levels(modes, steps)
    run = peers_jax.jax_modes(sampler, modes)
    return lambda: _value(run(levels))


def _value(result: tuple[float, Any]) -> dict[str, Any]:
    return {"value": result[0]}


def compress(dim: int, threads: int) -> Call:
    """A new spectrum to nodes."""
    from specsched import _core

    case = design_cases.large(dim)
    return lambda: _core.compress(*case.arrays, 1e-12, 256, threads) and None


def compress_whole(dim: int) -> Call:
    """The same as a user calls it, the checks of a new spectrum included."""
    case = design_cases.large(dim)
    nodes = case.spectrum.compress()
    schedule = ss.baselines.edm(112)
    full, few = (ss.value_and_grad(s, schedule, target="data") for s in (case.spectrum, nodes))
    slope = np.abs(few[1] - full[1]).max() / np.abs(full[1]).max()
    exactness = {"nodes": len(nodes), "error": float(max(abs(few[0] / full[0] - 1), slope))}

    def call() -> dict[str, Any]:
        case.fresh().compress()
        return exactness

    return call


def _case(key: str) -> DesignCase:
    return design_cases.CASES[key]()


def design(key: str, steps: int, threads: int) -> Call:
    """A design from a new spectrum to the loss on it, compression included."""
    case = _case(key)

    def call() -> dict[str, Any]:
        found = case.design(steps, threads=threads)
        return {"loss": found.loss, "iterations": found.nit, "success": found.success}

    return call


def design_of_nodes(dim: int) -> Call:
    """A design on a spectrum that has been compressed before."""
    case = design_cases.large(dim)
    nodes = case.spectrum.compress()

    def call() -> dict[str, Any]:
        ss.design(nodes, 112, sigma_max=case.sigma_max, sigma_min=case.sigma_min, threads=1, target="data")
        return {"nodes": len(nodes)}

    return call


def scipy(key: str, steps: int, gradient: str, method: str) -> Call:
    """SciPy's design, with the exact gradient of a peer."""
    run = _case(key).scipy(steps, gradient=gradient, method=method)

    def call() -> dict[str, Any]:
        loss, _, iterations = run()
        return {"loss": loss, "iterations": iterations}

    return call


def scan(count: int) -> Call:
    """Designs of 10 steps, each for a spectrum of its own."""
    spectra = design_cases.many(count)

    def call() -> dict[str, Any]:
        begun = time.process_time()
        result = ss.scan(spectra, 10, target="data")
        spent = time.process_time() - begun
        return {"count": count, "converged": float(result.success.mean()), "processor": spent}

    return call
