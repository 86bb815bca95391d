"""Compressed spectra against the full ones: losses, gradients, and what the result says about itself."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

import specsched as ss

RNG = np.random.default_rng(20250207)
SIZE = 100_000
FloatArray = np.ndarray


def power_law(size: int) -> FloatArray:
    """8.7 decades, whatever the size."""
    return np.asarray(100.0 * np.arange(1, size + 1) ** (-8.7 / np.log10(size)))


SPECTRA: dict[str, FloatArray] = {
    "power law": power_law(SIZE),
    "log-normal": np.exp(RNG.normal(-4.0, 2.0, SIZE)),
    "clusters": np.repeat([1e-6, 1e-3, 1e-2, 30.0], SIZE // 4) * np.exp(1e-3 * RNG.normal(size=SIZE)),
    "bimodal": np.exp(np.where(RNG.random(SIZE) < 0.5, RNG.normal(-12, 1, SIZE), RNG.normal(2, 0.5, SIZE))),
    "one dominates": np.append(10.0 ** RNG.uniform(-8, -3, SIZE), 1e3),
    "rounding noise": 10.0
    ** np.where(RNG.random(SIZE) < 0.5, RNG.uniform(-35, -31, SIZE), RNG.uniform(-6, 2, SIZE)),
    "zeros": np.where(RNG.random(SIZE) < 0.3, 0.0, 10.0 ** RNG.uniform(-5, 1, SIZE)),
}
SCHEDULES = {
    "10 to 0": np.append(np.geomspace(80.0, 0.05, 10), 0.0),
    "112": np.geomspace(157.4, 0.01, 113),
    "steep": np.array([1000.0, 900.0, 0.05, 0.04]),
}


def with_mean(values: FloatArray) -> ss.Spectrum:
    rng = np.random.default_rng(3)
    return ss.Spectrum(
        values, weights=rng.uniform(0.5, 2.0, values.size), mean_power=rng.random(values.size) * values
    )


def literal_w2(spectrum: ss.Spectrum, sigmas: FloatArray) -> float:
    """W2 of DDIM for VP, every eigenvalue summed: theory in its plainest form."""
    eigenvalues = spectrum.eigenvalues.astype(np.longdouble)
    gain = np.ones_like(eigenvalues)
    for high, low in zip(sigmas[:-1].astype(np.longdouble), sigmas[1:], strict=True):
        gain *= (eigenvalues + high * low) / (eigenvalues + high**2)
    scale = 1 / np.sqrt(1 + np.longdouble(sigmas[-1]) ** 2)
    gap = scale * gain * np.sqrt(1 + np.longdouble(sigmas[0]) ** 2) - np.sqrt(eigenvalues)
    lost = 1 - scale * (1 - gain)
    return float(np.sqrt((spectrum.weights * gap**2 + spectrum.mean_power * lost**2).sum()))


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("name", SPECTRA)
def test_losses_and_gradients(name: str, schedule: str) -> None:
    full, sigmas = with_mean(SPECTRA[name]), SCHEDULES[schedule]
    small = full.compress()
    assert len(small) < 250
    assert small.compression_error < 5e-12
    assert ss.evaluate(small, sigmas, target="data") == pytest.approx(literal_w2(full, sigmas), rel=1e-11)
    for loss in ["w2"] if full.has_zeros or name == "rounding noise" else ["w2", "reverse_kl"]:
        for sampler in ["ddim", "ddpm"]:
            value, gradient = ss.value_and_grad(small, sigmas, sampler=sampler, loss=loss, target="data")
            expected, slopes = ss.value_and_grad(full, sigmas, sampler=sampler, loss=loss, target="data")
            assert value == pytest.approx(expected, rel=1e-11)
            assert np.abs((gradient - slopes) * sigmas).max() < 1e-11 * np.abs(slopes * sigmas).max()


def test_a_million_eigenvalues() -> None:
    full, sigmas = ss.Spectrum(power_law(1_000_000)), SCHEDULES["112"]
    small = full.compress()
    value, gradient = ss.value_and_grad(small, sigmas, target="data")
    expected, slopes = ss.value_and_grad(full, sigmas, target="data")
    assert value == pytest.approx(expected, rel=1e-11)
    assert np.abs((gradient - slopes) * sigmas).max() < 1e-11 * np.abs(slopes * sigmas).max()
    assert len(small) < 120


def test_kl_of_positive_spectra() -> None:
    full = with_mean(10.0 ** RNG.uniform(-4, 2, SIZE))
    small = full.compress()
    for sigmas in SCHEDULES.values():
        for sampler in ["ddim", "ddpm"]:
            expected = ss.evaluate(full, sigmas, sampler=sampler, loss="kl", target="data")
            assert ss.evaluate(small, sigmas, sampler=sampler, loss="kl", target="data") == pytest.approx(
                expected, rel=1e-11
            )


@pytest.mark.parametrize("name", SPECTRA)
def test_sums_are_kept(name: str) -> None:
    full = with_mean(SPECTRA[name])
    small = full.compress()
    assert small.dim == pytest.approx(full.dim, rel=1e-13)
    assert small.total_variance == pytest.approx(full.total_variance, rel=1e-12)
    assert small.mean_power.sum() == pytest.approx(full.mean_power.sum(), rel=1e-13)
    zero = full.eigenvalues == 0
    assert small.weights[small.eigenvalues == 0].sum() == pytest.approx(full.weights[zero].sum(), rel=1e-13)
    assert small.eigenvalues.max() <= full.eigenvalues.max() * (1 + 1e-12)


@pytest.mark.parametrize("tol", [1e-3, 1e-6, 1e-9])
def test_tolerance_sets_size_and_error(tol: float) -> None:
    full = ss.Spectrum(SPECTRA["log-normal"])
    small = full.compress(tol)
    assert small.compression_error <= tol
    assert len(small) < len(full.compress(tol / 100))
    sigmas = SCHEDULES["steep"]
    assert ss.evaluate(small, sigmas, target="data") == pytest.approx(
        ss.evaluate(full, sigmas, target="data"), rel=tol
    )


def test_nodes_are_obeyed() -> None:
    full = ss.Spectrum(SPECTRA["log-normal"])
    few, many = full.compress(nodes=8), full.compress(nodes=200)
    assert (len(few), len(many)) == (8, 200)
    assert few.compression_error > 1e-4
    assert many.compression_error < 1e-12


def test_more_nodes_approach_what_is_not_analytic() -> None:
    """The modulus of a function that changes sign converges slowly; more nodes get nearer."""
    values = SPECTRA["log-normal"]

    def bent(spectrum: ss.Spectrum) -> float:
        return float(spectrum.weights @ np.abs(np.log(spectrum.eigenvalues) + 4.1))

    errors = [
        abs(bent(ss.Spectrum(values).compress(nodes=n)) / bent(ss.Spectrum(values)) - 1) for n in (16, 300)
    ]
    assert errors[1] < 0.1 * errors[0]
    assert errors[1] < 1e-3


def test_threads_do_not_matter() -> None:
    full = with_mean(SPECTRA["bimodal"])
    first = full.compress(threads=1)
    for threads in [0, 2, 5]:
        assert full.compress(threads=threads) == first


def test_order_hardly_matters() -> None:
    full = with_mean(SPECTRA["log-normal"])
    order = RNG.permutation(len(full))
    shuffled = ss.Spectrum(
        full.eigenvalues[order], weights=full.weights[order], mean_power=full.mean_power[order]
    )
    sigmas = SCHEDULES["10 to 0"]
    assert ss.evaluate(shuffled.compress(), sigmas, target="data") == pytest.approx(
        ss.evaluate(full.compress(), sigmas, target="data"), rel=1e-12
    )


def test_small_spectra_come_back_as_they_are() -> None:
    spectrum = ss.Spectrum([3.0, 1.0, 2.0, 0.0], mean_power=[0.0, 1.0, 0.0, 0.0])
    assert spectrum.compress() is spectrum
    assert spectrum.compression_error == 0.0


def test_duplicates_are_merged() -> None:
    small = ss.Spectrum([2.0, 1.0, 2.0], mean_power=[0.25, 0.0, 0.5]).compress()
    assert small == ss.Spectrum([1.0, 2.0], weights=[1, 2], mean_power=[0.0, 0.75])
    assert small.compression_error == 0.0


def test_compressing_twice_changes_nothing_that_counts() -> None:
    small = with_mean(SPECTRA["log-normal"]).compress()
    sigmas = SCHEDULES["112"]
    assert ss.evaluate(small.compress(), sigmas, target="data") == pytest.approx(
        ss.evaluate(small, sigmas, target="data"), rel=1e-11
    )


def test_scale_of_the_data_does_not_matter() -> None:
    values = 10.0 ** RNG.uniform(-3, 2, 5_000)
    for factor in [1e-60, 1.0, 1e60]:
        small = ss.Spectrum(values * factor).compress()
        assert small.compression_error < 1e-12
        assert small.total_variance == pytest.approx(values.sum() * factor, rel=1e-12)


def test_error_survives_pickling() -> None:
    small = ss.Spectrum(SPECTRA["log-normal"]).compress()
    copy = pickle.loads(pickle.dumps(small))
    assert copy == small
    assert copy.compression_error == small.compression_error > 0


@pytest.mark.parametrize(
    ("kwargs", "error", "text"),
    [
        ({"tol": 0.0}, ValueError, "tol must be greater than 0"),
        ({"tol": 1.0}, ValueError, "tol must be less than 1"),
        ({"tol": float("nan")}, ValueError, "tol must be finite"),
        ({"tol": "tight"}, TypeError, "tol must be a real number"),
        ({"nodes": 0}, ValueError, "nodes must be at least 1"),
        ({"nodes": 2.5}, TypeError, "nodes must be an integer"),
        ({"threads": -1}, ValueError, "threads must be at least 0"),
    ],
)
def test_bad_options(kwargs: dict[str, Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        ss.Spectrum([1.0, 2.0]).compress(**kwargs)
