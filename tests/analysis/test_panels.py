"""Large spectra, which go by panels: the losses and slopes of the plain sums, whatever the order of the eigenvalues."""

from __future__ import annotations

import numpy as np
import pytest

import specsched as ss
from specsched._support import codes
from specsched._support.checks import FloatArray
from specsched._support.codes import LossName
from specsched.samplers import as_sampler


def _spectrum(size: int, *, mean: bool) -> ss.Spectrum:
    """Power law with scatter, in no order, with multiplicities and a few zeros."""
    rng = np.random.default_rng(0)
    eigenvalues = 100.0 * np.arange(1, size + 1) ** -1.3 * np.exp(rng.normal(0.0, 0.5, size))
    power = rng.random(size) * 0.01 * eigenvalues if mean else None
    return ss.Spectrum(eigenvalues, weights=rng.uniform(0.5, 2.0, size), mean_power=power)


def _one_by_one(
    spectrum: ss.Spectrum, schedule: ss.Schedule, sampler: str, loss: LossName
) -> tuple[float, FloatArray]:
    core, criterion = as_sampler(sampler).core.one_by_one(), codes.criterion("vp", loss)
    return spectrum._in_core(1).value_and_grad(schedule.sigmas, core, criterion, 1)


@pytest.mark.parametrize("loss", ["w2", "kl", "reverse_kl"])
@pytest.mark.parametrize("sampler", ["ddim", "ddpm", "dpmpp_2m", "dpmpp_2m_sde", "heun"])
@pytest.mark.parametrize("mean", [False, True])
def test_panels_give_the_plain_sums(sampler: str, loss: LossName, mean: bool) -> None:
    spectrum = _spectrum(3000, mean=mean)
    schedule = ss.baselines.edm(40, sigma_max=80.0, sigma_min=0.02)
    value, gradient = ss.value_and_grad(spectrum, schedule, sampler=sampler, loss=loss, target="data")
    want, slopes = _one_by_one(spectrum, schedule, sampler, loss)
    exact = sampler in ("ddim", "ddpm")
    assert value == pytest.approx(want, rel=1e-13 if exact else 1e-11)
    assert np.abs(gradient - slopes).max() <= (1e-13 if exact else 1e-9) * np.abs(slopes).max()
    assert ss.evaluate(spectrum, schedule, sampler=sampler, loss=loss, target="data") == pytest.approx(
        value, rel=1e-11
    )
    # Panels were used: the two sums round differently.
    assert gradient.tolist() != slopes.tolist()


def test_the_order_of_eigenvalues_and_the_threads_do_not_matter() -> None:
    spectrum = _spectrum(3000, mean=True)
    order = np.argsort(spectrum.eigenvalues)
    in_order = ss.Spectrum(
        spectrum.eigenvalues[order], weights=spectrum.weights[order], mean_power=spectrum.mean_power[order]
    )
    schedule = ss.baselines.edm(60)
    value, gradient = ss.value_and_grad(spectrum, schedule, threads=1, target="data")
    assert ss.value_and_grad(spectrum, schedule, threads=2, target="data")[1].tolist() == gradient.tolist()
    again, slopes = ss.value_and_grad(in_order, schedule, target="data")
    assert again == pytest.approx(value, rel=1e-13)
    assert np.abs(gradient - slopes).max() <= 1e-13 * np.abs(gradient).max()


def test_zeros_and_extremes_are_counted() -> None:
    usual = _spectrum(2000, mean=False)
    odd = [0.0] * 50 + [1e-300, 1e-90, 1e60]
    spectrum = ss.Spectrum([*usual.eigenvalues, *odd], weights=[*usual.weights, *np.ones(len(odd))])
    schedule = ss.baselines.edm(40, sigma_min=0.05)
    parts = [ss.evaluate(s, schedule, target="data") ** 2 for s in (usual, ss.Spectrum(odd))]
    assert ss.evaluate(spectrum, schedule, target="data") ** 2 == pytest.approx(sum(parts), rel=1e-12)
