"""Losses and gradients against 50-digit references, and what must hold whatever the machine does."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from typing import Any

import numpy as np
import pytest
from reference_cases import levels, norm_error, relative_error, spectrum

import specsched as ss
from specsched.testing import (
    Gaussian,
    bures_distance,
    gaussian_kl,
    paper_case,
    reference_gradient,
    reference_loss,
    time_domain,
)

# Inner levels of the paper's case at S = 10, found by SLSQP and trust-constr on a literal loss.
PAPER_OPTIMUM = [
    *(6.993404677, 3.408096784, 2.101621675, 1.386154194, 0.9161946135),
    *(0.5822479109, 0.3434293341, 0.1809488236, 0.07837356211),
]
PROCESSES = ["vp", "ve", "flow"]
LOSSES = ["w2", "kl", "reverse_kl"]
ETAS = [0.0, 0.4, 1.0]


def solver(eta: float) -> Any:
    """DDIM's and DDPM's own names at the ends, the option in between."""
    return {0.0: "ddim", 1.0: "ddpm"}.get(eta, ss.samplers.DDIM(eta=eta))


def exactness(eta: float, engine: float = 1e-8) -> float:
    """Error of gradients: DDIM and DDPM have kernels that lose no digit; what lies between runs on the engine."""
    return 1e-10 if eta in (0.0, 1.0) else engine


def data_for(loss: str) -> ss.Spectrum:
    """KL needs positive eigenvalues."""
    return spectrum(zero=loss == "w2")


@pytest.mark.parametrize("process", PROCESSES)
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("eta", ETAS)
@pytest.mark.parametrize(("kind", "end"), [("uneven", 0.0), ("even", 1e-4)])
def test_loss_and_gradient(process: str, loss: str, eta: float, kind: str, end: float) -> None:
    data, sigmas = data_for(loss), levels(7, kind=kind, end=end)
    choices = {"process": process, "loss": loss}
    value, gradient = ss.value_and_grad(data, sigmas, sampler=solver(eta), **choices, target="data")
    assert value == pytest.approx(
        ss.evaluate(data, sigmas, sampler=solver(eta), **choices, target="data"), rel=1e-14
    )
    assert value == pytest.approx(float(reference_loss(data, sigmas, eta=eta, **choices)), rel=1e-10)
    expected = reference_gradient(data, sigmas, eta=eta, digits=25, **choices)
    assert norm_error(gradient, expected) < exactness(eta)
    assert norm_error(gradient * sigmas, expected * sigmas) < exactness(eta)


@pytest.mark.parametrize("process", PROCESSES)
@pytest.mark.parametrize("eta", ETAS)
def test_gradient_is_exact_componentwise(process: str, eta: float) -> None:
    # A single eigenvalue away from stationarity: no component is a small difference of large terms.
    data, sigmas = ss.Spectrum([2.0]), levels(6, end=0.05)
    _, gradient = ss.value_and_grad(
        data, sigmas, sampler=solver(eta), process=process, loss="w2", target="data"
    )
    expected = reference_gradient(data, sigmas, eta=eta, digits=25, process=process)
    assert relative_error(gradient, expected) < exactness(eta)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("eta", ETAS)
@pytest.mark.parametrize(("steps", "end"), [(100, 0.0), (1000, 1e-4)])
def test_many_steps(loss: str, eta: float, steps: int, end: float) -> None:
    data = ss.Spectrum([1e-3, 30.0, 1e6], weights=[2.0, 1.0, 3.0], mean_power=[0.1, 0.0, 5.0])
    sigmas = levels(steps, end=end)
    value, gradient = ss.value_and_grad(data, sigmas, sampler=solver(eta), loss=loss, target="data")
    exact = reference_loss(data, sigmas, sampler="ddim", eta=eta, loss=loss, digits=50)
    assert value == pytest.approx(float(exact), rel=1e-10)
    chosen = [steps // 3, steps - 1]
    bound = exactness(eta, engine=1e-6)  # nine decades of eigenvalues: there the excess of variance cancels
    expected = reference_gradient(data, sigmas, eta=eta, loss=loss, components=chosen, digits=20)
    assert np.abs(gradient[chosen] - expected).max() < bound * np.abs(gradient).max()
    scaled = gradient * sigmas
    assert np.abs(scaled[chosen] - expected * sigmas[chosen]).max() < bound * np.abs(scaled).max()


@pytest.mark.parametrize("loss", LOSSES)
def test_a_tiny_loss_keeps_its_digits(loss: str) -> None:
    # Steps so fine that the output variance differs from the data's in the sixth digit only.
    data = ss.Spectrum([0.7, 3.0])
    sigmas = 1e3 * (1e-3 / 1e3) ** np.linspace(0, 1, 1001)
    value = ss.evaluate(data, sigmas, loss=loss, target="data")
    assert value == pytest.approx(float(reference_loss(data, sigmas, loss=loss, digits=40)), rel=1e-10)


@pytest.mark.parametrize("process", PROCESSES)
@pytest.mark.parametrize("eta", ETAS)
def test_time_domain_losses(process: str, eta: float) -> None:
    case = paper_case()
    truth = Gaussian(case.mean, case.covariance)
    sigmas = levels(12, end=0.01)
    out = time_domain(case.covariance, case.mean, sigmas, eta=eta, process=process)
    ours = ss.evaluate(case.spectrum, sigmas, sampler=solver(eta), process=process, target="data")
    assert ours == pytest.approx(bures_distance(out, truth), rel=1e-8)
    # KL needs a positive definite covariance.
    raised = Gaussian(case.mean, case.covariance + 0.01 * np.eye(50))
    out = time_domain(raised.covariance, case.mean, sigmas, eta=eta, process=process)
    data = ss.Spectrum(case.spectrum.eigenvalues + 0.01, mean_power=case.spectrum.mean_power)
    for loss, expected in {"kl": gaussian_kl(raised, out), "reverse_kl": gaussian_kl(out, raised)}.items():
        ours = ss.evaluate(data, sigmas, sampler=solver(eta), process=process, loss=loss, target="data")
        assert ours == pytest.approx(expected, rel=1e-8)


def test_known_answers_of_one_step() -> None:
    # VE, one step to 0: output N(mu r^2/(lambda + r^2), r^2 lambda^2/(lambda + r^2)^2).
    data, r = ss.Spectrum([4.0], weights=[2.0], mean_power=[3.0]), 3.0
    variance, lost = r**2 * (4 / 13) ** 2, 9 / 13 - 1
    w2 = np.sqrt(2 * (2 - np.sqrt(variance)) ** 2 + 3 * lost**2)
    kl = 0.5 * (2 * (np.log(variance / 4) - 1 + 4 / variance) + 3 * lost**2 / variance)
    reverse = 0.5 * (2 * (np.log(4 / variance) - 1 + variance / 4) + 3 * lost**2 / 4)
    for loss, expected in {"w2": w2, "kl": kl, "reverse_kl": reverse}.items():
        assert ss.evaluate(data, [r, 0.0], process="ve", loss=loss, target="data") == pytest.approx(
            expected, rel=1e-14
        )


def test_equal_angles_are_stationary_for_one_eigenvalue() -> None:
    value = 0.3
    ends = np.arctan(np.array([20.0, 0.001]) / np.sqrt(value))
    sigmas = np.sqrt(value) * np.tan(np.linspace(ends[0], ends[1], 9))
    for loss in LOSSES:
        _, gradient = ss.value_and_grad(ss.Spectrum([value]), sigmas, loss=loss, target="data")
        assert np.abs(gradient * sigmas)[1:-1].max() < 1e-13


def test_paper_case_at_its_optimum() -> None:
    case = paper_case()
    sigmas = np.array([case.sigma_max, *PAPER_OPTIMUM, case.sigma_min])
    value, gradient = ss.value_and_grad(case.spectrum, sigmas, target="data")
    assert value == pytest.approx(0.4129220062819, abs=1e-12)
    assert np.abs(gradient * sigmas)[1:-1].max() < 1e-6


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("eta", ETAS)
def test_multiplicities_repeat_entries(loss: str, eta: float) -> None:
    sigmas = levels(9, end=0.0)
    short = ss.Spectrum([2.0, 0.1], weights=[3.0, 2.0], mean_power=[6.0, 1.0])
    long = ss.Spectrum([2.0, 2.0, 2.0, 0.1, 0.1], mean_power=[1.0, 2.0, 3.0, 0.25, 0.75])
    one = ss.value_and_grad(short, sigmas, sampler=solver(eta), loss=loss, target="data")
    other = ss.value_and_grad(long, sigmas, sampler=solver(eta), loss=loss, target="data")
    assert one[0] == pytest.approx(other[0], rel=1e-13)
    assert norm_error(one[1], other[1]) < 1e-11


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("eta", ETAS)
def test_bitwise_equal_for_every_thread_count(loss: str, eta: float) -> None:
    rng = np.random.default_rng(1)
    values = np.exp(rng.normal(0, 4, 10_007))
    data = ss.Spectrum(values, weights=rng.uniform(0, 3, values.size), mean_power=values * 0.1)
    sigmas = levels(37, kind="uneven", end=0.001)
    first = ss.value_and_grad(data, sigmas, sampler=solver(eta), loss=loss, threads=1, target="data")
    alone = ss.evaluate(data, sigmas, sampler=solver(eta), loss=loss, threads=1, target="data")
    for threads in (2, 3, 8, 0):
        value, gradient = ss.value_and_grad(
            data, sigmas, sampler=solver(eta), loss=loss, threads=threads, target="data"
        )
        assert value == first[0]
        assert np.array_equal(gradient, first[1])
        assert (
            ss.evaluate(data, sigmas, sampler=solver(eta), loss=loss, threads=threads, target="data") == alone
        )


def test_a_forked_child_computes_the_same() -> None:
    script = """
        import os, sys
        import numpy as np
        import specsched as ss

        data = ss.Spectrum(np.linspace(0.1, 9.0, 20_000))
        sigmas = np.geomspace(80, 0.01, 60)
        before = ss.value_and_grad(data, sigmas, threads=4)
        child = os.fork()
        if child == 0:
            value, gradient = ss.value_and_grad(data, sigmas, threads=4)
            os._exit(0 if value == before[0] and np.array_equal(gradient, before[1]) else 1)
        status = os.waitpid(child, 0)[1]
        sys.exit(os.waitstatus_to_exitcode(status))
    """
    command = [sys.executable, "-W", "ignore", "-c", textwrap.dedent(script)]
    assert subprocess.run(command, timeout=60, check=False).returncode == 0


def test_zero_eigenvalues_are_refused_by_divergences() -> None:
    data = ss.Spectrum([1.0, 0.0])
    for loss in ("kl", "reverse_kl"):
        with pytest.raises(ValueError, match=r"eigenvalues\[1\]"):
            ss.evaluate(data, [2.0, 1.0, 0.0], loss=loss, target="data")
        with pytest.raises(ValueError, match="zero eigenvalues"):
            ss.value_and_grad(data, [2.0, 1.0, 0.0], loss=loss, target="data")


def test_unknown_names_are_answered_with_the_known_ones() -> None:
    data, sigmas = ss.Spectrum([1.0]), [2.0, 1.0, 0.0]
    with pytest.raises(ValueError, match="did you mean 'ddim'"):
        ss.evaluate(data, sigmas, sampler="ddin", target="data")
    with pytest.raises(ValueError, match="known: flow, ve, vp"):
        ss.evaluate(data, sigmas, process="vpp", target="data")
    with pytest.raises(ValueError, match="known: kl, reverse_kl, w2"):
        ss.evaluate(data, sigmas, loss="mse", target="data")
    with pytest.raises(TypeError, match="sampler"):
        ss.evaluate(data, sigmas, sampler=3, target="data")


@pytest.mark.parametrize("threads", [-1, 10**6])
def test_bad_thread_counts(threads: int) -> None:
    with pytest.raises(ValueError, match="threads"):
        ss.evaluate(ss.Spectrum([1.0]), [1.0, 0.0], threads=threads, target="data")
    with pytest.raises(TypeError, match="threads"):
        ss.evaluate(ss.Spectrum([1.0]), [1.0, 0.0], threads=1.5, target="data")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("sigmas", "message"),
    [
        ([1.0], "at least 2"),
        ([1.0, 2.0, 3.0], "reverse"),
        ([3.0, 1.0, 1.0, 0.0], r"sigmas\[2\]"),
        ([3.0, float("nan"), 0.0], r"sigmas\[1\]"),
        ([3.0, float("inf"), 0.0], r"sigmas\[1\]"),
        ([3.0, -1.0], r"sigmas\[1\]"),
        ([[3.0, 1.0]], "one-dimensional"),
        ([], "empty"),
    ],
)
def test_bad_levels(sigmas: list[Any], message: str) -> None:
    for entry in (ss.transfer, ss.evaluate, ss.value_and_grad):
        with pytest.raises(ValueError, match=message):
            entry(ss.Spectrum([1.0]), sigmas)


@pytest.mark.parametrize(
    ("eigenvalues", "error", "message"),
    [
        ([1.0, -2.0], ValueError, r"eigenvalues\[1\]"),
        ([float("nan")], ValueError, r"eigenvalues\[0\]"),
        ([], ValueError, "empty"),
        ([[1.0]], ValueError, "one-dimensional"),
        ([1j], TypeError, "complex"),
        (["a"], TypeError, "eigenvalues"),
    ],
)
def test_bad_eigenvalues(eigenvalues: list[Any], error: type[Exception], message: str) -> None:
    for entry in (ss.transfer, ss.evaluate, ss.value_and_grad):
        with pytest.raises(error, match=message):
            entry(eigenvalues, [1.0, 0.0])
