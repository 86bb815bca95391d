"""What a design promises: never worse, really optimal, feasible, honest about convergence, clear about mistakes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from standard_designs import CLEAN, ENDS, FLOOR, HIGH, PAPER, SPECTRA, assert_valid, interior, slopes

import specsched as ss
from specsched.designs.problem import DEFAULT_DENOISER_ERROR
from specsched.testing import log_normal, paper_case, power_law

Array = NDArray[np.float64]


@pytest.mark.parametrize("sampler", ["ddim", "ddpm", ss.samplers.DDIM(eta=0.5)], ids=["ddim", "ddpm", "eta"])
@pytest.mark.parametrize("loss", ["w2", "kl", "reverse_kl"])
@pytest.mark.parametrize("name", list(SPECTRA))
def test_optimal_and_never_worse_than_a_baseline(name: str, loss: Any, sampler: Any) -> None:
    spectrum = SPECTRA[name]
    if loss != "w2" and spectrum.has_zeros:
        spectrum = spectrum.dropped()
    for ends in ENDS:
        for steps in (2, 3, 7, 20) if isinstance(sampler, str) else (7,):
            found = ss.design(spectrum, steps, sampler=sampler, loss=loss, **ends, target="data")
            assert_valid(found, ends)
            assert found.loss <= min(found.baselines.values()) * (1 + 1e-10)
            assert found.success, (steps, ends, found.message, found.kkt_error)
            assert found.kkt_error <= 1e-9
            assert np.diff(interior(found.schedule)).max(initial=-1.0) < -1e-6  # no level is wasted


@pytest.mark.parametrize("process", ["vp", "ve", "flow"])
def test_every_process(process: Any) -> None:
    spectrum = SPECTRA["power law"]
    found = ss.design(spectrum, 12, process=process, sigma_max=80.0, target="data")
    assert found.success
    assert found.loss < min(found.baselines.values())
    assert found.loss == ss.evaluate(spectrum, found.schedule, process=process, target="data")
    assert np.abs(slopes(spectrum, found.schedule, process=process)).max() < 1e-7


@pytest.mark.parametrize(
    ("process", "first"), [("vp", 157.4), ("ve", 80.0), ("flow", 999.0)], ids=["vp", "ve", "flow"]
)
def test_default_ends(process: Any, first: float) -> None:
    levels = ss.design([1.0, 0.1], 4, process=process, target="data").schedule.sigmas
    assert levels[0] == first
    assert levels[-1] == 0.0


@pytest.mark.parametrize("sampler", ["heun", "dpmpp_2m", "dpmpp_2s"])
def test_solvers_with_several_predictions(sampler: str) -> None:
    spectrum = SPECTRA["power law"]
    found = ss.design(spectrum, 6, sampler=sampler, sigma_max=80.0, denoiser_error=0.0, target="data")
    assert found.success
    assert found.loss < min(found.baselines.values())
    assert np.abs(slopes(spectrum, found.schedule, sampler=sampler)).max() < 1e-6


def test_reported_losses_are_those_of_the_exact_denoiser() -> None:
    spectrum = SPECTRA["power law"]
    found = ss.design(spectrum, 6, sampler="dpmpp_2m", sigma_max=80.0, denoiser_error=0.1, target="data")
    assert found.loss == ss.evaluate(spectrum, found.schedule, sampler="dpmpp_2m", target="data")
    levels = ss.baselines.edm(6, sigma_max=80.0, sigma_min=0.0)
    assert found.baselines["edm"] == pytest.approx(
        ss.evaluate(spectrum, levels, sampler="dpmpp_2m", target="data"), rel=1e-12
    )


@pytest.mark.parametrize(
    ("steps", "most"), [(10, 0.41293), (28, 0.15385), (60, 0.07287), (112, 0.03975)], ids=str
)
def test_paper_case(steps: int, most: float) -> None:
    case = paper_case()
    found = ss.design(case.spectrum, steps, sigma_max=case.sigma_max, sigma_min=case.sigma_min, target="data")
    assert found.success
    assert found.loss <= most
    assert found.loss > 0.99 * most


# --- one eigenvalue ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("process", ["vp", "ve"])
@pytest.mark.parametrize("low", [0.0, 0.01])
@pytest.mark.parametrize("eigenvalue", [0.05, 1.0, 40.0])
@pytest.mark.parametrize("loss", ["w2", "kl"])
def test_one_eigenvalue_has_equal_angles(eigenvalue: float, low: float, process: Any, loss: Any) -> None:
    root = np.sqrt(eigenvalue)
    for steps in (2, 5, 16, 40):
        found = ss.design(
            [eigenvalue], steps, process=process, loss=loss, sigma_max=HIGH, sigma_min=low, target="data"
        )
        angles = np.linspace(np.arctan(HIGH / root), np.arctan(low / root), steps + 1)
        np.testing.assert_allclose(found.schedule.sigmas[1:-1], root * np.tan(angles[1:-1]), rtol=1e-8)


def test_cosine_schedule_is_optimal_for_unit_variance() -> None:
    found = ss.design([1.0], 30, sigma_max=HIGH, sigma_min=0.0, target="data")
    alpha_bar = np.cos(np.linspace(np.arctan(HIGH), 0.0, 31)) ** 2
    np.testing.assert_allclose(found.schedule.alpha_bar, alpha_bar, rtol=1e-8)


# --- against other searches -------------------------------------------------------------------------------


@pytest.mark.parametrize("ends", ENDS[:3], ids=["paper", "clean", "floor"])
@pytest.mark.parametrize(
    ("name", "loss", "sampler"),
    [
        ("paper", "w2", "ddim"),
        ("power law", "kl", "ddim"),
        ("clusters", "w2", "ddpm"),
        ("far apart", "w2", "ddim"),
    ],
)
def test_never_worse_than_slsqp_from_the_same_start(
    name: str, loss: Any, sampler: str, ends: dict[str, float]
) -> None:
    spectrum, choice = SPECTRA[name], {"loss": loss, "sampler": sampler}
    rng = np.random.default_rng(1)
    lowest = np.log(ends["sigma_min"] or ends.get("sigma_floor", 0.01))
    for steps in (4, 12):
        inner = np.exp(np.sort(rng.uniform(lowest, np.log(HIGH), steps - 1))[::-1])
        random = np.concatenate([[HIGH], inner, [ends["sigma_min"]]])
        for start in (random, ss.baselines.exponential(steps, **ends).sigmas):
            newton = ss.design(spectrum, steps, init=start, **choice, **ends, target="data")
            slsqp = ss.design(spectrum, steps, init=start, method="slsqp", **choice, **ends, target="data")
            assert newton.loss <= slsqp.loss * (1 + 1e-9)
            assert newton.loss <= ss.evaluate(spectrum, start, **choice, target="data") * (1 + 1e-12)
            assert slsqp.loss <= ss.evaluate(spectrum, start, **choice, target="data") * (1 + 1e-12)
            assert slsqp.method == "slsqp"
            assert_valid(slsqp, ends)
            assert slsqp.kkt_error <= 1e-6 or not slsqp.success


def test_local_minima_that_catch_slsqp_do_not_catch_newton() -> None:
    spectrum, steps = power_law(2048, largest=10.0), 20
    rng = np.random.default_rng(0)
    newton, slsqp = [], []
    for _ in range(2):
        inner = np.exp(np.sort(rng.uniform(np.log(0.01), np.log(HIGH), steps - 1))[::-1])
        start = np.concatenate([[HIGH], inner, [0.01]])
        newton.append(ss.design(spectrum, steps, init=start, **PAPER, target="data").loss)
        slsqp.append(ss.design(spectrum, steps, init=start, method="slsqp", **PAPER, target="data").loss)
    assert max(slsqp) > min(newton) * 1.001  # the traps are there
    assert max(newton) <= min(newton) * (1 + 1e-9)
    assert min(slsqp) >= min(newton) * (1 - 1e-9)


def test_two_steps_against_a_dense_search() -> None:
    for spectrum in (SPECTRA["clusters"], SPECTRA["far apart"]):
        for ends in (PAPER, CLEAN):
            found = ss.design(spectrum, 2, **ends, target="data")
            tried = np.geomspace(0.011, 0.99 * HIGH, 2000)
            least = min(
                ss.evaluate(spectrum, [HIGH, level, ends["sigma_min"]], target="data") for level in tried
            )
            assert found.loss <= least * (1 + 1e-12)
            assert found.loss >= least * (1 - 1e-4)


def test_one_step_is_the_two_ends() -> None:
    for ends in (PAPER, CLEAN, FLOOR):
        found = ss.design(SPECTRA["paper"], 1, **ends, target="data")
        assert found.schedule.sigmas.tolist() == [HIGH, ends["sigma_min"]]
        assert found.success
        assert found.kkt_error == 0.0


# --- which spectrum ---------------------------------------------------------------------------------------


def test_multiplicities_and_subsets() -> None:
    values = np.array([4.0, 1.0, 0.05])
    repeated = ss.design(np.repeat(values, [1, 2, 5]), 8, **PAPER, target="data")
    weighted = ss.design(ss.Spectrum(values, weights=[1, 2, 5]), 8, **PAPER, target="data")
    np.testing.assert_allclose(weighted.schedule.sigmas, repeated.schedule.sigmas, rtol=1e-9)
    assert weighted.loss == pytest.approx(repeated.loss, rel=1e-12)

    scaled = ss.design(ss.Spectrum(values, weights=[3, 6, 15]), 8, **PAPER, target="data")
    np.testing.assert_allclose(scaled.schedule.sigmas, weighted.schedule.sigmas, rtol=1e-9)
    assert scaled.loss == pytest.approx(weighted.loss * np.sqrt(3), rel=1e-12)

    part = ss.design(ss.Spectrum(values).subset([0, 2]), 8, **PAPER, target="data")
    emphasised = ss.design(ss.Spectrum(values, weights=[1, 0, 1]), 8, **PAPER, target="data")
    np.testing.assert_allclose(part.schedule.sigmas, emphasised.schedule.sigmas, rtol=1e-9)
    alone = ss.evaluate(
        [values[2]], ss.design([values[2]], 8, **PAPER, target="data").schedule, target="data"
    )
    assert alone < ss.evaluate([values[2]], part.schedule, target="data")


def test_large_spectrum_is_evaluated_in_full() -> None:
    spectrum = log_normal(3000, width=2.5)
    found = ss.design(spectrum, 15, **PAPER, target="data")
    assert found.loss == ss.evaluate(spectrum, found.schedule, target="data")
    assert found.success
    assert np.abs(slopes(spectrum, found.schedule)).max() < 1e-7
    cosine = ss.baselines.cosine(15, **PAPER)
    assert found.baselines["cosine"] == pytest.approx(ss.evaluate(spectrum, cosine, target="data"), rel=1e-10)


def test_zero_eigenvalues() -> None:
    spectrum = SPECTRA["zeros"]
    full, dropped = (
        ss.design(spectrum, 8, **CLEAN, target="data"),
        ss.design(spectrum.dropped(), 8, **CLEAN, target="data"),
    )
    np.testing.assert_allclose(full.schedule.sigmas, dropped.schedule.sigmas, rtol=1e-9)
    assert full.loss == pytest.approx(dropped.loss, rel=1e-12)  # a last level of 0 leaves no noise there
    none = ss.design([0.0, 0.0], 3, **PAPER, target="data")
    assert_valid(none, PAPER)
    for loss in ("kl", "reverse_kl"):
        with pytest.raises(
            ValueError, match=r"zero eigenvalues \(spectrum.eigenvalues\[5\].*floored.*dropped"
        ):
            ss.design(spectrum, 8, loss=loss, target="data")
        assert ss.design(spectrum.floored(1e-4), 8, loss=loss, target="data").success


@pytest.mark.parametrize("loss", ["w2", "kl"])
def test_several_spectra(loss: Any) -> None:
    parts = [SPECTRA["power law"], SPECTRA["paper"].dropped(), ss.Spectrum([3.0, 0.2])]
    ends = {"sigma_max": 80.0, "sigma_min": 0.01}
    mean = ss.design(parts, 10, loss=loss, **ends, target="data")
    worst = ss.design(parts, 10, loss=loss, combine="worst", **ends, target="data")
    for found in (mean, worst):
        assert found.success, found.message
        assert_valid(found, ends)
        assert found.losses == tuple(
            ss.evaluate(part, found.schedule, loss=loss, target="data") for part in parts
        )
        assert found.loss <= min(found.baselines.values())
    losses = np.array(mean.losses)
    expected = np.sqrt(np.mean(losses**2)) if loss == "w2" else losses.mean()
    assert mean.loss == pytest.approx(expected, rel=1e-12)
    assert worst.loss == max(worst.losses)
    assert worst.loss < max(mean.losses) * (1 - 1e-4)
    edm = ss.baselines.edm(10, **ends)
    assert worst.baselines["edm"] == pytest.approx(
        max(ss.evaluate(part, edm, loss=loss, target="data") for part in parts), rel=1e-12
    )
    alone = ss.design(parts[0], 10, loss=loss, combine="worst", **ends, target="data")
    assert alone.loss == ss.design(parts[0], 10, loss=loss, **ends, target="data").loss


def test_worst_case_is_optimal_by_differences() -> None:
    parts = [ss.Spectrum([4.0, 0.5]), ss.Spectrum([0.05, 1e-3])]
    found = ss.design(parts, 6, combine="worst", loss="kl", **PAPER, target="data")
    one, other = (slopes(part, found.schedule, loss="kl") for part in parts)
    assert found.losses[0] == pytest.approx(found.losses[1], rel=1e-5)  # both are the worst
    share = float(other @ (other - one) / ((other - one) @ (other - one)))
    assert 0 < share < 1
    assert np.abs(share * one + (1 - share) * other).max() < 1e-4


def test_threads_do_not_change_a_bit() -> None:
    spectrum = log_normal(2000, width=2.5)
    for choice in ({}, {"loss": "kl", "sampler": "ddpm"}, {"sampler": "dpmpp_2m"}):
        runs = [
            ss.design(spectrum, 8, threads=count, **choice, **PAPER, target="data") for count in (1, 2, 3)
        ]
        assert len({run.schedule.sigmas.tobytes() for run in runs}) == 1
        assert len({run.loss for run in runs}) == 1


def test_a_design_says_what_error_it_allows_for() -> None:
    spectrum = ss.Spectrum(100.0 / np.arange(1, 33) ** 2)
    assert ss.design(spectrum, 5).denoiser_error == 0.0
    assert ss.design(spectrum, 5, sampler="dpmpp_2m", target="data").denoiser_error == 0.0
    found = ss.design(spectrum, 5, sampler="dpmpp_2m", denoiser_error=DEFAULT_DENOISER_ERROR)
    assert found.denoiser_error == DEFAULT_DENOISER_ERROR
    assert f"errors of {100 * DEFAULT_DENOISER_ERROR:g} % in the predictions" in repr(found)
    assert ss.design(spectrum, 5, sampler="dpmpp_2m", denoiser_error=0.0).denoiser_error == 0.0
    assert ss.design(spectrum, 5, sampler="dpmpp_2m").denoiser_error <= DEFAULT_DENOISER_ERROR
