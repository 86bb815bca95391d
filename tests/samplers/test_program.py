"""The recorded program that the engine exports: run on a Gaussian denoiser it gives the transfer function."""

from __future__ import annotations

import numpy as np
import pytest

import specsched as ss
from specsched import _core
from specsched._support.checks import FloatArray
from specsched._support.codes import criterion

SIGMAS = np.array([20.0, 9.0, 4.0, 2.1, 1.0, 0.4, 0.15, 0.05])
LAMBDAS = np.geomspace(1e-4, 1e3, 9)


def run(name: str, sigmas: FloatArray, lambdas: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Gain and injected variance of y_0: every noise keeps a column of its own."""
    program = _core.program(ss.samplers.as_sampler(name).core, sigmas)
    draws = int((program["noise"] > 0).sum())
    registers = [np.zeros((1 + draws, lambdas.size))]
    registers[0][0] = 1.0
    seen = 0
    for i, kind in enumerate(program["kind"]):
        terms = range(program["first"][i], program["first"][i + 1])
        made = sum((program["factor"][t] * registers[program["source"][t]] for t in terms), 0 * registers[0])
        if kind:
            level = program["level"][i]
            made = made * (lambdas if kind == 1 else level) / (lambdas + level**2)
        if program["noise"][i] > 0:
            seen += 1
            made[seen] += np.sqrt(program["noise"][i])
        registers.append(made)
    assert len(program["step_end"]) == sigmas.size - 1
    assert program["step_end"][-1] == len(program["kind"])
    final = registers[program["step_output"][-1]]
    return final[0], (final[1:] ** 2).sum(axis=0)


@pytest.mark.parametrize("name", sorted({s[0] for s in _core.solver_list()}))
@pytest.mark.parametrize("to_zero", [False, True])
def test_program_runs_as_the_engine_says(name: str, to_zero: bool) -> None:
    sigmas = np.append(SIGMAS, 0.0) if to_zero else SIGMAS
    if ss.samplers.as_sampler(name).core.check(sigmas):
        pytest.skip("the solver needs noise at the end")
    ones, zeros = np.ones_like(LAMBDAS), np.zeros_like(LAMBDAS)
    core = ss.samplers.as_sampler(name).core.on_engine()
    gain, variance = _core.transfer(LAMBDAS, ones, zeros, sigmas, core, criterion("ve"), 1)
    mine, injected = run(name, sigmas, LAMBDAS)
    np.testing.assert_allclose(mine, gain, rtol=1e-11, atol=1e-15)
    np.testing.assert_allclose(mine**2 * sigmas[0] ** 2 + injected, variance, rtol=1e-11)
