"""Transfer functions against the paper's recurrences in 50 digits, full matrices and closed forms."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from reference_cases import EIGENVALUES, levels, relative_error, spectrum

import specsched as ss
from specsched.testing import literal_ddim, paper_case, time_domain

PROCESSES = ["vp", "ve", "flow"]
SAMPLERS: list[tuple[Any, float]] = [
    ("ddim", 0.0),
    (ss.samplers.DDIM(eta=0.3), 0.3),
    (ss.samplers.DDIM(eta=0.9), 0.9),
    (ss.samplers.DDIM(eta=1.0), 1.0),
    ("ddpm", 1.0),
]


def _names(solver: tuple[Any, float]) -> str:
    return solver[0] if isinstance(solver[0], str) else f"eta={solver[1]}"


@pytest.mark.parametrize("process", PROCESSES)
@pytest.mark.parametrize("solver", SAMPLERS, ids=_names)
@pytest.mark.parametrize(
    ("steps", "kind", "end"), [(1, "even", 0.0), (12, "uneven", 0.0), (100, "even", 1e-4)]
)
def test_transfer_matches_literal_recurrences(
    process: str, solver: tuple[Any, float], steps: int, kind: str, end: float
) -> None:
    sigmas = levels(steps, kind=kind, end=end)
    ours = ss.transfer(spectrum(), sigmas, sampler=solver[0], process=process)
    exact = literal_ddim(EIGENVALUES, sigmas, eta=solver[1], process=process, digits=50)
    assert relative_error(ours.gain, exact.gain) < 1e-10
    assert relative_error(ours.mean_gain, exact.mean_gain) < 1e-10
    assert relative_error(ours.variance, exact.variance) < 1e-10


@pytest.mark.parametrize("solver", [SAMPLERS[0], SAMPLERS[1], SAMPLERS[4]], ids=_names)
@pytest.mark.parametrize("end", [0.0, 1e-4])
def test_transfer_of_a_thousand_steps(solver: tuple[Any, float], end: float) -> None:
    sigmas, values = levels(1000, kind="uneven", end=end), EIGENVALUES[[0, 3, 7]]
    ours = ss.transfer(ss.Spectrum(values), sigmas, sampler=solver[0])
    exact = literal_ddim(values, sigmas, eta=solver[1], digits=50)
    assert relative_error(ours.gain, exact.gain) < 1e-10
    assert relative_error(ours.mean_gain, exact.mean_gain) < 1e-10
    assert relative_error(ours.variance, exact.variance) < 1e-10


@pytest.mark.parametrize("solver", SAMPLERS, ids=_names)
def test_alpha_bar_of_the_paper(solver: tuple[Any, float]) -> None:
    alpha_bar = np.linspace(4.036e-5, 0.9999, 21)
    exact = literal_ddim(EIGENVALUES, alpha_bar=alpha_bar, eta=solver[1], digits=50)
    ours = ss.transfer(spectrum(), ss.Schedule.from_alpha_bar(alpha_bar), sampler=solver[0])
    assert relative_error(ours.gain, exact.gain) < 1e-10
    assert relative_error(ours.mean_gain, exact.mean_gain) < 1e-10
    assert relative_error(ours.variance, exact.variance) < 1e-10


@pytest.mark.parametrize("process", PROCESSES)
@pytest.mark.parametrize("solver", SAMPLERS, ids=_names)
def test_time_domain(process: str, solver: tuple[Any, float]) -> None:
    case = paper_case()
    sigmas = levels(15, end=0.01)
    out = time_domain(case.covariance, case.mean, sigmas, eta=solver[1], process=process)
    values, vectors = np.linalg.eigh(case.covariance)
    ours = ss.transfer(ss.Spectrum(np.maximum(values, 0)), sigmas, sampler=solver[0], process=process)
    covariance = (vectors * ours.variance) @ vectors.T
    mean = vectors @ (ours.mean_gain * (vectors.T @ case.mean))
    assert np.abs(covariance - out.covariance).max() < 1e-8 * np.abs(out.covariance).max()
    assert np.abs(mean - out.mean).max() < 1e-8 * np.abs(out.mean).max()


@pytest.mark.parametrize("eigenvalue", [1e-4, 1.0, 900.0])
def test_ddim_gain_is_a_product_of_cosines(eigenvalue: float) -> None:
    sigmas = levels(30, kind="uneven", end=0.002)
    angles = np.arctan(sigmas / np.sqrt(eigenvalue))
    alpha = 1 / np.sqrt(1 + sigmas**2)
    k = alpha**2 * (eigenvalue + sigmas**2)
    expected = np.prod(np.cos(np.diff(angles))) * np.sqrt(k[-1] / k[0])
    ours = ss.transfer(ss.Spectrum([eigenvalue]), sigmas)
    assert ours.gain[0] == pytest.approx(expected, rel=1e-12)
    assert ours.mean_gain[0] == pytest.approx(alpha[-1] - alpha[0] * expected, rel=1e-12)


@pytest.mark.parametrize("process", PROCESSES)
def test_ddpm_mean_gain_does_not_depend_on_the_schedule(process: str) -> None:
    few, many = [100.0, 0.5], levels(40, end=1e-4)
    many = 100.0 * (0.5 / 100.0) ** ((np.log(many) - np.log(1e4)) / (np.log(1e-4) - np.log(1e4)))
    many[0], many[-1] = few
    one = ss.transfer(spectrum(), few, sampler="ddpm", process=process)
    other = ss.transfer(spectrum(), many, sampler="ddpm", process=process)
    assert relative_error(one.gain, other.gain) < 1e-12
    assert relative_error(one.mean_gain, other.mean_gain) < 1e-12


def test_one_step_to_zero_gives_the_posterior_mean() -> None:
    # From x_S one step lands on lambda/(lambda + r^2) (y_S - mu) + mu.
    ours = ss.transfer(ss.Spectrum([4.0]), [3.0, 0.0], process="ve")
    assert ours.gain[0] == pytest.approx(4 / 13, rel=1e-15)
    assert ours.mean_gain[0] == pytest.approx(9 / 13, rel=1e-15)
    assert ours.variance[0] == pytest.approx(9 * (4 / 13) ** 2, rel=1e-15)


@pytest.mark.parametrize("sampler", ["ddim", "ddpm"])
@pytest.mark.parametrize("process", PROCESSES)
def test_zero_eigenvalue_ends_at_zero(sampler: str, process: str) -> None:
    ours = ss.transfer(ss.Spectrum([0.0]), levels(20, end=0.0), sampler=sampler, process=process)
    assert (ours.gain[0], ours.variance[0]) == (0.0, 0.0)
    assert ours.mean_gain[0] == pytest.approx(1.0, rel=1e-15)


def test_equal_angles_are_exact_in_the_many_step_limit() -> None:
    # cos(x/S)^S = 1 - x^2/(2S) + ...: the shrinkage of equal angles is known in closed form.
    steps = 50
    angles = np.linspace(np.pi / 2 - 0.01, 0.0, steps + 1)
    sigmas = np.tan(angles)
    sigmas[-1] = 0.0
    ours = ss.transfer(ss.Spectrum([1.0]), sigmas)
    assert ours.variance[0] == pytest.approx(np.cos(angles[0] / steps) ** (2 * steps), rel=1e-12)


@pytest.mark.parametrize("process", PROCESSES)
@pytest.mark.parametrize("solver", SAMPLERS, ids=_names)
def test_trace_ends_at_the_output_and_follows_shorter_runs(process: str, solver: tuple[Any, float]) -> None:
    sigmas = levels(10, end=0.02)
    whole = ss.transfer(spectrum(), sigmas, sampler=solver[0], process=process)
    trace = whole.trace()
    assert trace.variance.shape == (11, EIGENVALUES.size)
    for stop in range(1, 11):
        exact = literal_ddim(EIGENVALUES, sigmas[: stop + 1], eta=solver[1], process=process)
        scale = _scale(process, sigmas[stop])
        assert relative_error(trace.variance[stop] * scale**2, exact.variance) < 1e-9
    target = EIGENVALUES + sigmas[:, None] ** 2
    assert np.abs(trace.relative_error - (trace.variance / target - 1)).max() < 1e-12


def test_a_trace_takes_time_in_proportion_to_the_steps() -> None:
    def seconds(steps: int) -> float:
        whole = ss.transfer(ss.Spectrum([1.0]), ss.baselines.edm(steps), sampler="dpmpp_3m")
        begun = time.process_time()
        whole.trace()
        return time.process_time() - begun

    least = {steps: min(seconds(steps) for _ in range(3)) for steps in (5_000, 80_000)}
    assert least[80_000] < 64 * least[5_000]  # 16 in theory, 256 if every step ran all before it again


def _scale(process: str, sigma: float) -> float:
    return {"vp": 1 / np.sqrt(1 + sigma**2), "ve": 1.0, "flow": 1 / (1 + sigma)}[process]


@pytest.mark.parametrize("sampler", ["ddim", "ddpm"])
def test_transfer_is_bitwise_equal_for_every_thread_count(sampler: str) -> None:
    data = ss.Spectrum(np.exp(np.random.default_rng(0).normal(0, 3, 10_007)))
    sigmas = levels(40, end=0.0)
    first = ss.transfer(data, sigmas, sampler=sampler, threads=1)
    for threads in (2, 3, 8):
        other = ss.transfer(data, sigmas, sampler=sampler, threads=threads)
        assert np.array_equal(first.gain, other.gain)
        assert np.array_equal(first.variance, other.variance)


def test_injected_variance_of_ddpm_closed_form() -> None:
    value, sigmas = 2.0, levels(12, end=0.3)
    now, then = sigmas[:-1], sigmas[1:]
    terms = then**2 * (now**2 - then**2) / (now**2 * (value + then**2) ** 2)
    expected = (value + sigmas[-1] ** 2) ** 2 * terms.sum()
    ours = ss.transfer(ss.Spectrum([value]), sigmas, sampler="ddpm", process="ve")
    assert ours.injected[0] == pytest.approx(expected, rel=1e-9)
    assert ss.transfer(ss.Spectrum([value]), sigmas).injected[0] == 0.0
