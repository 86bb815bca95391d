"""Designs for a neighbourhood of the spectrum."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import specsched as ss
from specsched.spectra.neighbourhood import as_neighbourhood
from specsched.testing import paper_case, power_law

SPECTRUM = paper_case().spectrum
ENDS = {"sigma_max": 80.0, "sigma_floor": 0.02}
NARROW = ss.Neighbourhood(scales=(0.8, 1.25), tilts=(0.0,))


def power(spectrum: ss.Spectrum) -> float:
    return float(spectrum.weights @ spectrum.eigenvalues + spectrum.mean_power.sum())


def test_variants_are_scaled_and_tilted_and_have_the_same_power() -> None:
    around = ss.Neighbourhood(scales=(0.5, 3.0), tilts=(-0.2, 0.0))
    variants = around.of(SPECTRUM)
    assert len(variants) == 4
    pairs = [(scale, tilt) for scale in around.scales for tilt in around.tilts]
    for variant, (scale, tilt) in zip(variants, pairs, strict=True):
        np.testing.assert_array_equal(variant.eigenvalues, SPECTRUM.scaled(scale, tilt=tilt).eigenvalues)
        assert power(variant) == pytest.approx(power(SPECTRUM), rel=1e-12)
    plain = around.of(SPECTRUM, relative=False)
    assert [v == SPECTRUM.scaled(s, tilt=t) for v, (s, t) in zip(plain, pairs, strict=True)] == [True] * 4


@pytest.mark.parametrize("loss", ["w2", "kl"])
def test_the_mean_over_the_neighbourhood_is_minimised(loss: Any) -> None:
    spectrum = SPECTRUM.floored(1e-3)
    variants = NARROW.of(spectrum, relative=loss == "w2")
    found = ss.design(spectrum, 6, loss=loss, robust=NARROW, **ENDS, target="data")
    listed = ss.design(variants, 6, loss=loss, **ENDS, target="data")
    assert found.loss == pytest.approx(listed.loss, rel=1e-12)
    assert found.schedule == listed.schedule
    assert found.losses == (ss.evaluate(spectrum, found.schedule, loss=loss, target="data"),)
    assert found.neighbourhood == NARROW
    assert found.neighbourhood_losses is not None
    assert found.neighbourhood_losses.shape == (1, 2, 1)
    expected = [ss.evaluate(v, found.schedule, loss=loss, target="data") for v in variants]
    np.testing.assert_allclose(found.neighbourhood_losses.ravel(), expected, rtol=1e-12)
    mean = np.sqrt(np.mean(np.square(expected))) if loss == "w2" else np.mean(expected)
    assert found.loss == pytest.approx(mean, rel=1e-12)
    assert found.loss <= min(found.baselines.values()) * (1 + 1e-9)


def test_robust_costs_little_here_and_gains_there() -> None:
    plain = ss.design(SPECTRUM, 8, sampler="dpmpp_2m", **ENDS, target="data")
    robust = ss.design(SPECTRUM, 8, sampler="dpmpp_2m", robust=True, **ENDS, target="data")
    assert plain.loss <= robust.losses[0]
    around = ss.Neighbourhood()
    elsewhere = [
        np.sqrt(
            np.mean(
                [
                    ss.evaluate(v, d.schedule, sampler="dpmpp_2m", target="data") ** 2
                    for v in around.of(SPECTRUM)
                ]
            )
        )
        for d in (plain, robust)
    ]
    assert elsewhere[1] < 0.9 * elsewhere[0]
    assert elsewhere[1] == pytest.approx(robust.loss, rel=1e-9)


def test_the_worst_case_over_the_neighbourhood() -> None:
    mean = ss.design(SPECTRUM, 6, robust=True, **ENDS, target="data")
    worst = ss.design(SPECTRUM, 6, robust=True, combine="worst", **ENDS, target="data")
    assert mean.neighbourhood_losses is not None
    assert worst.neighbourhood_losses is not None
    assert worst.loss == worst.neighbourhood_losses.max()
    assert worst.loss < mean.neighbourhood_losses.max()
    assert mean.loss < np.sqrt(np.mean(worst.neighbourhood_losses**2))


def test_lists_and_large_spectra() -> None:
    pair = [SPECTRUM, power_law(3000, largest=20.0)]
    found = ss.design(pair, 5, robust=0.5, **ENDS, target="data")
    assert found.neighbourhood_losses is not None
    assert found.neighbourhood_losses.shape == (2, 3, 3)
    assert found.losses == tuple(ss.evaluate(s, found.schedule, target="data") for s in pair)
    # In the middle of the neighbourhood lies the spectrum itself.
    np.testing.assert_allclose(found.neighbourhood_losses[:, 1, 1], found.losses, rtol=1e-9)


def test_a_point_is_the_plain_design() -> None:
    point = ss.design(SPECTRUM, 6, robust=ss.Neighbourhood((1.0,), (0.0,)), **ENDS, target="data")
    plain = ss.design(SPECTRUM, 6, **ENDS, target="data")
    assert point.loss == pytest.approx(plain.loss, rel=1e-12)
    assert plain.neighbourhood is None
    assert plain.neighbourhood_losses is None


def test_what_robust_takes() -> None:
    assert as_neighbourhood(False) is None
    assert as_neighbourhood(None) is None
    assert as_neighbourhood(True) == as_neighbourhood(1.0) == as_neighbourhood(1) == ss.Neighbourhood()
    assert as_neighbourhood(NARROW) is NARROW
    half = as_neighbourhood(0.5)
    assert half is not None
    assert half.scales == (2**-0.5, 1.0, 2**0.5)
    assert half.tilts == (-0.05, 0.0, 0.05)
    assert ss.Neighbourhood(scales=[1, 2]).scales == (1.0, 2.0)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: ss.design([1.0], 3, robust="yes", target="data"),
            TypeError,
            "robust must be True, False, a size or",
        ),
        (lambda: ss.design([1.0], 3, robust=0.0, target="data"), ValueError, "robust must be greater than 0"),
        (
            lambda: ss.design([1.0], 3, robust=float("nan"), target="data"),
            ValueError,
            "robust must be finite",
        ),
        (lambda: ss.design([1.0], 3, robust=9.5, target="data"), ValueError, "robust must be less than 9"),
        (lambda: ss.Neighbourhood(scales=(1.0, 0.0)), ValueError, r"scales\[1\] must be greater than 0"),
        (lambda: ss.Neighbourhood(tilts=(0.0, -1.0)), ValueError, r"tilts\[1\] must be greater than -1"),
        (lambda: ss.Neighbourhood(tilts=()), ValueError, "tilts must not be empty"),
        (lambda: ss.Neighbourhood(scales=2.0), TypeError, "scales must be a sequence"),
        (lambda: ss.Neighbourhood(scales="12"), TypeError, "scales must be a sequence"),
        (
            lambda: ss.design([1.0, 0.0], 3, loss="kl", robust=True, target="data"),
            ValueError,
            "infinite for zero",
        ),
    ],
)
def test_bad_neighbourhoods(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


def test_printed() -> None:
    found = ss.design(SPECTRUM, 5, robust=NARROW, **ENDS, target="data")
    for text in (repr(found), found._repr_html_()):
        assert "robust" in text
        assert f"{found.losses[0]:.6g}" in text
