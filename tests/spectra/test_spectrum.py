"""Spectra given, from covariances, changed, and in files."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from spectrum_samples import RNG, START, correlated, in_batches

import specsched as ss
from specsched import Spectrum


@pytest.fixture(autouse=True)
def _same_numbers() -> None:
    """Every test draws the same numbers, whichever tests run before it."""
    RNG.bit_generator.state = START


# ---- given eigenvalues ---------------------------------------------------------------------------


def test_defaults_and_sums() -> None:
    spectrum = Spectrum([1.0, 4.0, 0.0], weights=[2, 1, 5], mean_power=[0, 3, 1])
    assert spectrum.dim == 8
    assert spectrum.total_variance == 6
    assert len(spectrum) == 3
    assert spectrum.has_zeros
    assert not Spectrum([1.0]).has_zeros
    np.testing.assert_array_equal(Spectrum([1, 2]).weights, [1, 1])
    with pytest.raises(ValueError, match="read-only"):
        spectrum.eigenvalues[0] = 2


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"eigenvalues": []}, ValueError, "eigenvalues must not be empty"),
        ({"eigenvalues": [1.0, -2.0]}, ValueError, r"eigenvalues\[1\] is -2"),
        ({"eigenvalues": [1.0, np.nan]}, ValueError, r"eigenvalues\[1\] is nan"),
        ({"eigenvalues": [np.inf]}, ValueError, r"eigenvalues\[0\] is inf"),
        ({"eigenvalues": [[1.0]]}, ValueError, "one-dimensional"),
        ({"eigenvalues": [1j]}, TypeError, "complex"),
        ({"eigenvalues": ["a"]}, TypeError, "real numbers"),
        ({"eigenvalues": [1.0], "weights": [1, 2]}, ValueError, "weights must have 1 entries"),
        ({"eigenvalues": [1.0], "weights": [-1]}, ValueError, r"weights\[0\] is -1"),
        ({"eigenvalues": [1.0], "mean_power": [-1]}, ValueError, r"mean_power\[0\] is -1"),
    ],
)
def test_bad_entries(arguments: dict[str, Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        Spectrum(**arguments)


def test_reprs() -> None:
    spectrum = Spectrum([100.0, 0.1, 0.0], weights=[1, 2, 3], mean_power=[0.5, 0, 0])
    assert repr(spectrum) == (
        "Spectrum(3 entries, dim 6, eigenvalues 0.1 ... 100 (3.0 decades), zeros 3, mean power 0.5)"
    )
    assert "<td>0.1 ... 100 (3.0 decades)</td>" in spectrum._repr_html_()
    assert repr(Spectrum([0.0])) == "Spectrum(1 entries, dim 1, zeros 1, mean power 0)"


def test_equality_hash_and_pickle() -> None:
    spectrum = Spectrum([2.0, 1.0], mean_power=[0.0, 1.0])
    same = pickle.loads(pickle.dumps(spectrum))
    assert same == spectrum
    assert hash(same) == hash(spectrum)
    assert not same.eigenvalues.flags.writeable
    assert spectrum != Spectrum([2.0, 1.0])
    assert spectrum != "spectrum"
    np.testing.assert_array_equal(np.asarray(spectrum), [2.0, 1.0])


# ---- covariance ----------------------------------------------------------------------------------


def test_covariance_and_mean() -> None:
    factor = RNG.normal(size=(6, 6))
    matrix, mean = factor @ factor.T, RNG.normal(size=6)
    spectrum = Spectrum.from_covariance(matrix, mean)
    values, basis = np.linalg.eigh(matrix)
    np.testing.assert_allclose(spectrum.eigenvalues, values[::-1], rtol=1e-12)
    np.testing.assert_allclose(spectrum.mean_power, (basis.T @ mean)[::-1] ** 2, rtol=1e-9)


def test_large_covariances_rotate_the_mean() -> None:
    matrix, mean = np.cov(RNG.normal(size=(90, 400)) * np.logspace(0, -3, 90)[:, None]), RNG.normal(size=90)
    spectrum = Spectrum.from_covariance(matrix, mean)
    values, basis = np.linalg.eigh(matrix)
    np.testing.assert_allclose(spectrum.eigenvalues, values[::-1], rtol=1e-8)
    np.testing.assert_allclose(spectrum.mean_power, (basis.T @ mean)[::-1] ** 2, atol=1e-9)


def test_covariance_rounding_below_zero_is_zero() -> None:
    factor = RNG.normal(size=(8, 3))
    spectrum = Spectrum.from_covariance(factor @ factor.T)
    assert np.count_nonzero(spectrum.eigenvalues) == 3
    single = Spectrum.from_covariance((factor @ factor.T).astype(np.float32))
    assert np.count_nonzero(single.eigenvalues) == 3


def test_diagonal_covariance_is_exact() -> None:
    spectrum = Spectrum.from_covariance(np.diag([1e-30, 1.0, 3.0]), mean=[1, 2, 3])
    np.testing.assert_array_equal(spectrum.eigenvalues, [3.0, 1.0, 1e-30])
    np.testing.assert_array_equal(spectrum.mean_power, [9, 4, 1])


@pytest.mark.parametrize(
    ("matrix", "mean", "error", "text"),
    [
        ([[1.0, 0.5], [0.4, 1.0]], None, ValueError, r"symmetric.*covariance\[0, 1\] is 0.5"),
        ([[1.0, 2.0], [2.0, 1.0]], None, ValueError, "semi-definite; its eigenvalue -1"),
        ([[1.0, 0.0], [0.0, -1e-14]], None, ValueError, "semi-definite"),
        ([[1.0, 2.0, 3.0]], None, ValueError, r"square matrix, got shape \(1, 3\)"),
        ([[np.nan, 0], [0, 1]], None, ValueError, r"covariance\[0, 0\] is nan"),
        (np.eye(2) * 1j, None, TypeError, "complex"),
        (np.eye(2), [1.0], ValueError, "mean must have 2 entries"),
    ],
)
def test_bad_covariance(matrix: Any, mean: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        Spectrum.from_covariance(matrix, mean)


# ---- labels, changes -----------------------------------------------------------------------------


def test_labels() -> None:
    samples, labels = correlated(60, 4), np.repeat(["cat", "dog"], 30)
    spectra = Spectrum.from_labels(samples, labels)
    assert list(spectra) == ["cat", "dog"]
    assert spectra["dog"] == Spectrum.from_samples(samples[30:])
    stationary = Spectrum.from_labels(samples, labels, estimator="stationary", mean="zero")
    assert stationary["cat"] == Spectrum.from_stationary(samples[:30], mean="zero")
    assert list(Spectrum.from_labels(samples, [2] * 30 + [10**400] * 30)) == [2, 10**400]
    with pytest.raises(ValueError, match="label 'dog': samples must hold at least 2"):
        Spectrum.from_labels(samples[:31], labels[:31])
    with pytest.raises(ValueError, match="one label per sample"):
        Spectrum.from_labels(samples, labels[:5])
    with pytest.raises(ValueError, match="unknown estimator"):
        Spectrum.from_labels(samples, labels, estimator="fft")


def test_subsets() -> None:
    spectrum = Spectrum([4.0, 1.0, 0.0], weights=[1, 2, 3], mean_power=[0, 1, 2])
    assert spectrum[1] == Spectrum([1.0], weights=[2], mean_power=[1])
    assert spectrum[1:] == spectrum.subset([1, 2]) == spectrum.subset(np.array([False, True, True]))
    assert [len(entry) for entry in spectrum] == [1, 1, 1]
    with pytest.raises(IndexError):
        spectrum[3]
    with pytest.raises(ValueError, match="selects none"):
        spectrum.subset([])
    with pytest.raises(TypeError, match="index must be"):
        spectrum.subset(0.5)


def test_losses_of_merged_and_weighted_spectra() -> None:
    """What the docstrings promise of losses, on the losses themselves."""
    levels = [20.0, 3.0, 0.4, 0.0]
    a, b = Spectrum([9.0, 1.0], mean_power=[0.2, 0.1]), Spectrum([0.3], weights=[5])
    both = ss.evaluate(Spectrum.merged([a, b], weights=[3, 1]), levels, target="data")
    parts = [ss.evaluate(s, levels, target="data") ** 2 for s in (a, b)]
    assert both**2 == pytest.approx(0.75 * parts[0] + 0.25 * parts[1])
    twice = ss.evaluate(a.weighted([2.0, 2.0]), levels, target="data")
    assert twice**2 == pytest.approx(2 * parts[0])


def test_scaled_is_scaled_data() -> None:
    samples = correlated(50, 5)
    scaled, again = Spectrum.from_samples(samples).scaled(9.0), Spectrum.from_samples(3 * samples)
    np.testing.assert_allclose(scaled.eigenvalues, again.eigenvalues)
    np.testing.assert_allclose(scaled.mean_power, again.mean_power)
    tilted = Spectrum([4.0, 1.0, 0.0]).scaled(1.0, tilt=0.5, reference=1.0)
    np.testing.assert_allclose(tilted.eigenvalues, [8.0, 1.0, 0.0])


def test_floor_and_drop() -> None:
    spectrum = Spectrum([2.0, 1e-9, 0.0], mean_power=[1, 2, 3])
    np.testing.assert_array_equal(spectrum.floored(1e-3).eigenvalues, [2.0, 1e-3, 1e-3])
    assert not spectrum.floored(1e-3).has_zeros
    assert not spectrum.dropped().has_zeros
    assert spectrum.dropped(1e-3) == Spectrum([2.0], mean_power=[1])
    assert spectrum.without_mean().mean_power.sum() == 0
    with pytest.raises(ValueError, match="drops every entry"):
        spectrum.dropped(5.0)
    with pytest.raises(ValueError, match="minimum must be greater than 0"):
        spectrum.floored(0.0)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda s: s.scaled(0.0), ValueError, "factor must be greater than 0"),
        (lambda s: s.scaled(1.0, tilt=-1.0), ValueError, "tilt must be greater than -1"),
        (lambda s: s.weighted([1.0]), ValueError, "weights must have 2 entries"),
        (lambda s: s.weighted([1.0, -1.0]), ValueError, r"weights\[1\] is -1"),
        (lambda s: Spectrum.merged([]), ValueError, "spectra must not be empty"),
        (lambda s: Spectrum.merged([s, 3.0]), TypeError, r"spectra\[1\] must be a Spectrum"),
        (lambda s: Spectrum.merged([s], weights=[0]), ValueError, "not all be zero"),
    ],
)
def test_bad_changes(call: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        call(Spectrum([2.0, 1.0]))


# ---- files, progress -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["spectrum.json", "spectrum.npz", "SPECTRUM.JSON"])
def test_files_keep_every_bit(tmp_path: Path, name: str) -> None:
    spectrum = Spectrum(RNG.lognormal(size=20), weights=RNG.uniform(size=20), mean_power=RNG.uniform(size=20))
    spectrum.save(tmp_path / name)
    assert Spectrum.load(tmp_path / name) == spectrum
    assert [entry.name for entry in tmp_path.iterdir()] == [name]


def test_a_failed_save_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "spectrum.json"
    Spectrum([1.0]).save(path)

    def fail(source: object, target: object) -> None:
        raise OSError("disk gone")

    monkeypatch.setattr("specsched._support.files.os.replace", fail)
    with pytest.raises(OSError, match="disk gone"):
        Spectrum([2.0]).save(path)
    assert Spectrum.load(path) == Spectrum([1.0])
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"{", "not a saved spectrum"),
        (b"[1, 2]", "not a saved spectrum"),
        (b"PK\x03\x04 cut off", "not a saved spectrum"),
        (b"\xff\xfe\x00", "not a saved spectrum"),
        (
            json.dumps({"format": "specsched spectrum", "version": 9, "eigenvalues": [1]}).encode(),
            "version 9",
        ),
        (json.dumps({"format": "specsched spectrum", "version": 1, "eigenvalues": [-1]}).encode(), "is -1"),
    ],
)
def test_corrupt_files(tmp_path: Path, content: bytes, text: str) -> None:
    path = tmp_path / "spectrum.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=text):
        Spectrum.load(path)


def test_files_elsewhere(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Spectrum.load(tmp_path / "none.json")
    with pytest.raises(ValueError, match=r"\.json or \.npz"):
        Spectrum([1.0]).save(tmp_path / "spectrum.txt")
    with pytest.raises(FileNotFoundError):
        Spectrum([1.0]).save(tmp_path / "none" / "spectrum.json")


def test_truncated_npz(tmp_path: Path) -> None:
    path = tmp_path / "spectrum.npz"
    Spectrum(RNG.lognormal(size=50)).save(path)
    content = path.read_bytes()
    for size in (60, len(content) // 2, len(content) - 5):
        path.write_bytes(content[:size])
        with pytest.raises(ValueError, match="not a saved spectrum"):
            Spectrum.load(path)


def test_progress_callback_and_line(capsys: pytest.CaptureFixture[str]) -> None:
    calls: list[tuple[int, int | None, str]] = []
    samples = RNG.normal(size=(40, 3))
    Spectrum.from_samples(samples, progress=lambda *state: calls.append(state))
    assert (40, 40, "samples") in calls
    assert calls[-1] == (1, 1, "eigenvalue problems")
    Spectrum.from_stationary(in_batches(samples, [20, 20]), progress=True)
    assert capsys.readouterr().err == "samples: 40\n"
