"""Every solver of the engine against its plain loop: in float64 with many levels, in 50 digits with few."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from reference_cases import WEIGHTS, Array, norm_error, relative_error

import specsched as ss
from specsched.samplers import (
    DDIM,
    DDPM,
    DEIS,
    DPM2,
    IPNDM,
    LMS,
    PLMS,
    DPM2Ancestral,
    DPMMultistep,
    DPMMultistepSDE,
    DPMpp2M,
    DPMpp2MSDE,
    DPMpp2MSDEHeun,
    DPMpp2S,
    DPMpp2SAncestral,
    DPMpp3M,
    DPMpp3MSDE,
    DPMppSDE,
    DPMppSinglestep,
    EDMStochastic,
    Heun,
    Sampler,
    UniPC,
)
from specsched.testing import SAMPLERS, propagate, reference_gradient, reference_loss

SOLVERS: list[Sampler] = [
    DDIM(),
    DDIM(eta=0.4, s_noise=1.1),
    DDIM(s_churn=3.0, s_tmin=0.05, s_tmax=50.0, s_noise=1.01),
    DDIM(s_churn=3.0, s_tmin=0.05, s_noise=1.01, diffusers_churn=True),
    DDIM(eta=0.7, s_churn=2.0, s_noise=1.1),
    DDIM(eta=0.5, s_churn=3.0, diffusers_churn=True),
    DDPM(),
    DDPM(s_noise=0.9),
    Heun(),
    Heun(s_churn=2.0),
    EDMStochastic(),
    DPM2(),
    DPM2(s_churn=2.0),
    DPM2Ancestral(),
    DPM2Ancestral(eta=0.5, s_noise=1.2),
    DPMpp2S(),
    DPMpp2S(r=0.3),
    DPMpp2SAncestral(),
    DPMpp2SAncestral(eta=0.5, r=0.7),
    DPMppSinglestep(),
    DPMppSinglestep(heun=True),
    DPMppSinglestep(order=3),
    DPMppSinglestep(order=3, heun=True),
    DPMppSinglestep(order=3, lower_order_final=True),
    DPMppSinglestep(order=3, heun=True, lower_order_final=True),
    DPMppSinglestep(order=1),
    DPMpp2M(),
    DPMpp2M(heun=True),
    DPMpp2M(lower_order_final=True),
    DPMpp2M(euler_at_final=True),
    DPMpp2M(order=1),
    DPMpp3M(),
    DPMpp3M(lower_order_final=False),
    DPMpp3M(heun=True, lower_order_final=False),
    DPMppSDE(),
    DPMppSDE(eta=0.5, s_noise=1.1, r=0.4),
    DPMppSDE(brownian=False),
    DPMppSDE(eta=0.0),
    DPMpp2MSDE(),
    DPMpp2MSDE(eta=0.3, s_noise=0.9),
    DPMpp2MSDEHeun(),
    DPMpp3MSDE(),
    DPMpp3MSDE(eta=0.5, diffusers_d2=True),
    DPMpp3MSDE(heun=False, diffusers_d2=True, lower_order_final=True),
    DPMMultistep(),
    DPMMultistep(heun=True, lower_order_final=False),
    DPMMultistep(order=3, lower_order_final=False),
    DPMMultistepSDE(),
    DPMMultistepSDE(heun=True, lower_order_final=False),
    DPMMultistepSDE(eta=0.4, s_noise=1.1, euler_at_final=True),
    DPMMultistepSDE(order=1),
    *(UniPC(order=p, bh=b, corrector=c) for p in (1, 2, 3) for b in (1, 2) for c in (False, True)),
    UniPC(order=3, lower_order_final=False),
    UniPC(order=3, disable_corrector=(0, 2)),
    UniPC(disable_corrector=(1, 3, 1000)),
    *(UniPC(order=p, bh=b, predict_x0=False) for p in (1, 2, 3) for b in (1, 2)),
    UniPC(predict_x0=False, corrector=False),
    UniPC(order=3, predict_x0=False, lower_order_final=False, disable_corrector=(1,)),
    DEIS(),
    DEIS(order=3),
    DEIS(order=3, lower_order_final=False),
    DEIS(order=4, lower_order_final=False),
    *(IPNDM(order=p) for p in (1, 2, 3, 4)),
    PLMS(),
    PLMS(order=2),
    PLMS(order=3),
    PLMS(skip_prk_steps=False),
    PLMS(order=2, skip_prk_steps=False),
    *(LMS(order=p) for p in (1, 2, 3, 4)),
]
VALUES = np.array([1e-6, 3e-3, 0.4, 1.0, 25.0, 900.0])
DATA = ss.Spectrum(VALUES, weights=WEIGHTS[1:7], mean_power=0.2 * VALUES)


def describe(solver: Sampler) -> str:
    """Name and the options that differ from the defaults."""
    usual = type(solver)()
    changed = [f"{k}={v:g}" for k, v in solver.options.items() if v != usual.options[k]]
    if uncorrected := getattr(solver, "disable_corrector", ()):
        changed.append("uncorrected=" + ",".join(map(str, uncorrected)))
    return "-".join([solver.name, *changed])


def choices(solver: Sampler) -> dict[str, Any]:
    """The options as the plain loops take them."""
    uncorrected = {"disable_corrector": solver.disable_corrector} if isinstance(solver, UniPC) else {}
    return {**solver.options, **uncorrected}


def levels(steps: int, *, zero: bool) -> Array:
    """From 80 to 0.002 with steps whose lengths in log vary by a factor of 3, then 0 if asked."""
    inner = steps - 1 if zero else steps
    gaps = np.random.default_rng(steps).uniform(1.0, 3.0, inner)
    places = np.concatenate([[0.0], np.cumsum(gaps) / gaps.sum()])
    values = 80.0 * (0.002 / 80.0) ** places
    return np.append(values, 0.0) if zero else values


def ends(solver: Sampler) -> list[bool]:
    """Whether the last level may be 0."""
    noise_form = isinstance(solver, UniPC) and not solver.predict_x0
    return [False] if noise_form or isinstance(solver, (DPMMultistep, DPMMultistepSDE)) else [False, True]


ALL = [
    pytest.param(s, zero, id=f"{describe(s)}-{'0' if zero else 'floor'}") for s in SOLVERS for zero in ends(s)
]


def test_every_solver_is_here() -> None:
    # Tables of coefficients belong to a number of steps: samplers/test_multistep.py.
    names = {kind.names[0] for kind in ss.samplers.SAMPLERS.values()} - {"multistep"}
    assert names == {solver.name for solver in SOLVERS} == set(SAMPLERS) - {"multistep"}


@pytest.mark.parametrize(("solver", "zero"), ALL)
@pytest.mark.parametrize("process", ["vp", "ve", "flow"])
def test_transfer_against_fifty_digits(solver: Sampler, zero: bool, process: str) -> None:
    sigmas = levels(8, zero=zero)
    ours = ss.transfer(DATA, sigmas, sampler=solver, process=process)
    exact = propagate(solver.name, VALUES, sigmas, process=process, digits=50, **choices(solver))
    assert norm_error(ours.gain, exact.gain) < 1e-10
    assert norm_error(ours.variance, exact.variance) < 1e-10
    assert norm_error(ours.mean_gain, exact.mean_gain) < 1e-10
    # Gains that a multistep solver brings near 0 by cancellation cannot keep every digit.
    assert relative_error(ours.variance, exact.variance) < 1e-7


@pytest.mark.parametrize(("solver", "zero"), ALL)
def test_transfer_of_many_steps(solver: Sampler, zero: bool) -> None:
    sigmas = levels(200, zero=zero)
    ours = ss.transfer(DATA, sigmas, sampler=solver)
    slow = propagate(solver.name, VALUES, sigmas, **choices(solver))
    assert norm_error(ours.gain, slow.gain) < 1e-9
    assert norm_error(ours.variance, slow.variance) < 1e-9
    assert norm_error(ours.mean_gain, slow.mean_gain) < 1e-9


@pytest.mark.parametrize(("solver", "zero"), ALL)
def test_loss_and_gradient(solver: Sampler, zero: bool) -> None:
    sigmas = levels(5, zero=zero)
    data = ss.Spectrum(VALUES[[1, 3, 5]], weights=[2.0, 1.0, 0.5], mean_power=[0.1, 0.0, 3.0])
    value, gradient = ss.value_and_grad(data, sigmas, sampler=solver, target="data")
    options = {"sampler": solver.name, **choices(solver)}
    assert value == pytest.approx(float(reference_loss(data, sigmas, digits=30, **options)), rel=1e-10)
    # At a last level of 0 solvers switch to first order: there the derivative is the engine's convention.
    chosen = range(5 if zero else 6)
    expected = reference_gradient(data, sigmas, digits=20, components=chosen, **options)
    scale = sigmas[: len(expected)]
    assert norm_error(gradient[: len(expected)] * scale, expected * scale) < 1e-9


@pytest.mark.parametrize("solver", [DPMpp2M(), DPMpp2MSDE(), UniPC(order=3), Heun(), LMS()], ids=describe)
@pytest.mark.parametrize("loss", ["kl", "reverse_kl"])
@pytest.mark.parametrize("process", ["ve", "flow"])
def test_divergences(solver: Sampler, loss: str, process: str) -> None:
    sigmas = levels(5, zero=False)
    data = ss.Spectrum(VALUES[[1, 3, 5]], weights=[2.0, 1.0, 0.5], mean_power=[0.1, 0.0, 3.0])
    options: dict[str, Any] = {"loss": loss, "process": process}
    value, gradient = ss.value_and_grad(data, sigmas, sampler=solver, **options, target="data")
    options |= {"sampler": solver.name, **choices(solver)}
    assert value == pytest.approx(float(reference_loss(data, sigmas, digits=30, **options)), rel=1e-10)
    expected = reference_gradient(data, sigmas, digits=20, **options)
    assert norm_error(gradient * sigmas, expected * sigmas) < 1e-9


@pytest.mark.parametrize(("solver", "zero"), ALL)
def test_white_error_of_the_denoiser(solver: Sampler, zero: bool) -> None:
    sigmas = levels(6, zero=zero)
    ours = ss.transfer(DATA, sigmas, sampler=solver, denoiser_error=0.2)
    slow = propagate(solver.name, VALUES, sigmas, denoiser_error=0.2, digits=30, **choices(solver))
    assert norm_error(ours.variance, slow.variance) < 1e-9
    assert relative_error(ours.variance, slow.variance) < 1e-7


@pytest.mark.parametrize(
    "solver", [DPMpp2M(), UniPC(order=3), EDMStochastic(), DPMppSDE(), PLMS()], ids=describe
)
def test_bitwise_equal_for_every_thread_count(solver: Sampler) -> None:
    data = ss.Spectrum(np.exp(np.random.default_rng(2).normal(0, 3, 10_007)))
    sigmas = levels(17, zero=True)
    value, gradient = ss.value_and_grad(data, sigmas, sampler=solver, threads=1, target="data")
    for threads in (2, 3, 8):
        other = ss.value_and_grad(data, sigmas, sampler=solver, threads=threads, target="data")
        assert other[0] == value
        assert np.array_equal(other[1], gradient)


@pytest.mark.parametrize("solver", [DPMpp2M(), Heun(), LMS(), DPMpp2MSDE()], ids=describe)
def test_trace_follows_shorter_runs(solver: Sampler) -> None:
    # Solvers that look back only: the variance after k steps is that of a run of k steps.
    sigmas = levels(16, zero=False)
    trace = ss.transfer(DATA, sigmas, sampler=solver, process="ve").trace()
    for stop in range(1, 16):
        short = ss.transfer(DATA, sigmas[: stop + 1], sampler=solver, process="ve")
        assert norm_error(trace.variance[stop], short.variance) < 1e-12


@pytest.mark.parametrize(
    "solver", [DPMpp2M(), DPMpp3M(), UniPC(), DEIS(), IPNDM(), LMS(), DPMpp2MSDE()], ids=describe
)
def test_one_step_to_zero_is_euler(solver: Sampler) -> None:
    # With nothing to look back on, all data-prediction and slope methods are Euler.
    ours = ss.transfer(DATA, [3.0, 0.0], sampler=solver)
    euler = ss.transfer(DATA, [3.0, 0.0])
    assert norm_error(ours.gain, euler.gain) < 1e-15
    assert norm_error(ours.variance, euler.variance) < 1e-14


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (DPMMultistepSDE(eta=0.0), DPMMultistep()),
        (UniPC(disable_corrector=range(9)), UniPC(corrector=False)),
        (UniPC(disable_corrector=np.array([8, 100])), UniPC()),  # the last step has no corrector
        (UniPC(order=1, predict_x0=False, corrector=False), DDIM()),
        (DDIM(s_churn=2.0, s_tmin=1e3, diffusers_churn=True), DDIM()),
    ],
    ids=describe,
)
def test_options_that_coincide(one: Sampler, other: Sampler) -> None:
    sigmas = levels(9, zero=False)
    a, b = (ss.transfer(DATA, sigmas, sampler=solver) for solver in (one, other))
    assert norm_error(a.gain, b.gain) < 1e-13
    assert norm_error(a.variance, b.variance) < 1e-13


@pytest.mark.parametrize(
    ("steps", "zero", "calls"), [(1, True, 1), (2, True, 2), (2, False, 4), (6, True, 10), (9, True, 15)]
)
def test_runge_kutta_start_of_short_runs(steps: int, zero: bool, calls: int) -> None:
    schedule = ss.Schedule(np.linspace(3.0, 0.0 if zero else 0.5, steps + 1))
    sampler = PLMS(skip_prk_steps=False)
    assert sampler.function_evaluations(schedule) == calls
    exact = propagate("plms", VALUES, schedule.sigmas, digits=50, skip_prk_steps=False)
    assert norm_error(ss.transfer(DATA, schedule, sampler=sampler).gain, exact.gain) < 1e-12


def test_options_are_checked() -> None:
    with pytest.raises(ValueError, match="order"):
        DPMpp2M(order=4)
    with pytest.raises(ValueError, match="eta"):
        DDIM(eta=-0.1)
    with pytest.raises(TypeError, match="eta"):
        DDIM(eta="much")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="bh"):
        UniPC(bh=3)
    for noise_form in ("dpm_multistep", "dpm_multistep_sde", UniPC(predict_x0=False)):
        with pytest.raises(ValueError, match="positive sigma_min"):
            ss.evaluate(DATA, [3.0, 1.0, 0.0], sampler=noise_form, target="data")
    with pytest.raises(ValueError, match=r"disable_corrector\[1\] must be at least 0"):
        UniPC(disable_corrector=(0, -1))
    with pytest.raises(TypeError, match="sequence of integers"):
        UniPC(disable_corrector=3)  # type: ignore[arg-type]
