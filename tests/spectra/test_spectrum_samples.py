"""Spectra from samples, against matrices written out and decomposed."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.linalg import circulant
from spectrum_samples import RNG, START, correlated, in_batches, moments_of

from specsched import Spectrum
from specsched._support.progress import StderrLine
from specsched.spectra.batches import pick

# Few samples are what many of these tests are about.
pytestmark = pytest.mark.filterwarnings("ignore:.* samples in .* dimensions leave")


@pytest.fixture(autouse=True)
def _same_numbers() -> None:
    """Every test draws the same numbers, whichever tests run before it."""
    RNG.bit_generator.state = START


# ---- samples -------------------------------------------------------------------------------------


def test_samples_agree_with_textbook() -> None:
    samples = correlated(400, 12)
    values, power = moments_of(samples)
    spectrum = Spectrum.from_samples(samples.reshape(400, 3, 4))
    np.testing.assert_allclose(spectrum.eigenvalues, values, rtol=1e-12, atol=1e-14 * values[0])
    np.testing.assert_allclose(spectrum.mean_power, power, rtol=1e-8)
    biased = Spectrum.from_samples(samples, ddof=0)
    np.testing.assert_allclose(biased.eigenvalues, values * 399 / 400, rtol=1e-12, atol=1e-14 * values[0])
    assert spectrum.total_variance == pytest.approx(np.trace(np.cov(samples.T)), rel=1e-13)


@pytest.mark.parametrize("sizes", [[400], [1] * 400, [3, 300, 97], [150, 0, 250]])
def test_batches_agree_with_the_whole(sizes: list[int]) -> None:
    samples = correlated(400, 12)
    whole, parts = Spectrum.from_samples(samples), Spectrum.from_samples(in_batches(samples, sizes))
    # Eigenvalues are accurate to rounding of the largest.
    np.testing.assert_allclose(parts.eigenvalues, whole.eigenvalues, atol=1e-13 * whole.eigenvalues[0])
    np.testing.assert_allclose(parts.mean_power, whole.mean_power, atol=1e-10 * whole.mean_power.sum())


def test_batches_may_reuse_their_buffer() -> None:
    samples = correlated(60, 7)

    def one_buffer() -> Iterator[np.ndarray]:
        buffer = np.empty((3, 7))
        for k in range(0, 60, 3):
            buffer[:] = samples[k : k + 3]
            yield buffer

    np.testing.assert_allclose(
        Spectrum.from_samples(one_buffer()).eigenvalues, moments_of(samples)[0], rtol=1e-8
    )


def test_memory_map(tmp_path: Path) -> None:
    samples = correlated(300, 10).astype(np.float32)
    np.save(tmp_path / "samples.npy", samples)
    mapped = np.load(tmp_path / "samples.npy", mmap_mode="r")
    assert Spectrum.from_samples(mapped) == Spectrum.from_samples(samples)
    np.testing.assert_allclose(Spectrum.from_samples(mapped).eigenvalues, moments_of(samples)[0], rtol=1e-9)


@pytest.mark.parametrize("n", [5, 9, 40])
def test_large_mean_costs_no_digits(n: int) -> None:
    """Adding 1e8 rounds the samples to 1e-8: the two-pass formula on those same samples is the truth."""
    shifted = RNG.normal(size=(n, 8)) + 1e8
    values, _ = moments_of(shifted)
    for samples in (shifted, in_batches(shifted, [3] * n)):
        spectrum = Spectrum.from_samples(samples)
        kept = min(n - 1, 8)
        np.testing.assert_allclose(spectrum.eigenvalues[:kept], values[:kept], rtol=1e-9)
        assert spectrum.mean_power.sum() == pytest.approx(8e16, rel=1e-7)


def test_fewer_samples_than_dimensions() -> None:
    samples = correlated(10, 50)
    values, power = moments_of(samples)
    for data in (samples, in_batches(samples, [4, 6]), samples.reshape(10, 5, 10)):
        with pytest.warns(UserWarning, match=r"^10 samples in 50 dimensions .*from_stationary"):
            spectrum = Spectrum.from_samples(data)
        np.testing.assert_allclose(spectrum.eigenvalues[:-1], values[:9], rtol=1e-10)
        np.testing.assert_allclose(spectrum.mean_power[:-1], power[:9], rtol=1e-7)
        assert spectrum.eigenvalues[-1] == 0
        assert spectrum.weights[-1] == 41
        assert spectrum.dim == 50
        assert spectrum.mean_power.sum() == pytest.approx((samples.mean(axis=0) ** 2).sum(), rel=1e-12)


@pytest.mark.parametrize("n", [20, 200])
def test_rank_deficient_samples(n: int) -> None:
    samples = RNG.normal(size=(n, 3)) @ RNG.normal(size=(3, 30)) + 5.0
    spectrum = Spectrum.from_samples(samples)
    positive = spectrum.eigenvalues > 0
    assert spectrum.weights[positive].sum() == 3
    assert spectrum.dim == 30
    np.testing.assert_allclose(spectrum.eigenvalues[:3], moments_of(samples)[0][:3], rtol=1e-10)


@pytest.mark.parametrize("n", [6, 80])
def test_known_means(n: int) -> None:
    samples, known = correlated(n, 8), RNG.normal(size=8)
    about = (samples - known).T @ (samples - known) / n
    spectrum = Spectrum.from_samples(samples, mean=known)
    expected = np.linalg.eigvalsh(about)[::-1][: min(n, 8)]
    np.testing.assert_allclose(spectrum.eigenvalues[: min(n, 8)], expected, rtol=1e-9)
    assert spectrum.mean_power.sum() == pytest.approx((known**2).sum())
    zero = Spectrum.from_samples(samples, mean="zero")
    assert zero.total_variance == pytest.approx((samples**2).sum() / n)
    assert not zero.mean_power.any()
    dropped = Spectrum.from_samples(samples, mean="drop")
    np.testing.assert_allclose(dropped.eigenvalues, Spectrum.from_samples(samples).eigenvalues, rtol=1e-9)
    assert not dropped.mean_power.any()


def test_single_precision_products() -> None:
    samples = correlated(500, 9)
    spectrum = Spectrum.from_samples(samples, dtype=np.float32)
    np.testing.assert_allclose(spectrum.eigenvalues[:4], moments_of(samples)[0][:4], rtol=1e-4)


def test_integer_samples() -> None:
    samples = RNG.integers(0, 255, (50, 4), dtype=np.uint8)
    np.testing.assert_allclose(Spectrum.from_samples(samples).eigenvalues, moments_of(samples)[0], rtol=1e-12)
    assert Spectrum.from_samples([[1, 2], [3, 5], [4, 4]]).dim == 2


@pytest.mark.parametrize(
    ("samples", "error", "text"),
    [
        (np.zeros((1, 3)), ValueError, "at least 2 samples .*got 1"),
        (np.zeros((0, 3)), ValueError, "got 0"),
        ([np.zeros((1, 3))], ValueError, "got 1"),
        (iter([]), ValueError, "got 0"),
        (np.zeros(5), ValueError, r"shape \(n, d\.\.\.\).*reshape"),
        (np.zeros((5, 0)), ValueError, "at least one entry"),
        (np.zeros((5, 2)) * 1j, TypeError, "complex"),
        (np.array([["a"], ["b"]]), TypeError, "real numbers"),
        (iter([np.zeros((2, 3)), np.zeros((2, 4))]), ValueError, r"batch 1 .*\(4,\).*first batch of \(3,\)"),
        (5, TypeError, "array or an iterable of batches, got int"),
        ("folder", TypeError, "got str"),
        ([], ValueError, "must not be empty"),
    ],
)
def test_bad_samples(samples: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        Spectrum.from_samples(samples)


@pytest.mark.parametrize("shape", [(50, 2, 3), (5, 2, 3)])
def test_nan_is_named_with_its_index(shape: tuple[int, ...]) -> None:
    samples = np.zeros(shape)
    samples[4, 1, 2] = np.nan
    with pytest.raises(ValueError, match=r"samples\[4, 1, 2\] is nan"):
        Spectrum.from_samples(samples)
    with pytest.raises(ValueError, match=r"samples\[4, 1, 2\] is nan"):
        Spectrum.from_samples(samples[k : k + 2] for k in range(0, len(samples), 2))


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"mean": "smaple"}, ValueError, "did you mean 'sample'"),
        ({"mean": [1.0, 2.0]}, ValueError, "as many entries as a sample"),
        ({"dtype": "float16"}, ValueError, "float32 or float64"),
        ({"ddof": -1}, ValueError, "ddof must be at least 0"),
        ({"ddof": 9}, ValueError, "at least 10 samples"),
        ({"progress": "yes"}, TypeError, "progress must be"),
    ],
)
def test_bad_options(options: dict[str, Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        Spectrum.from_samples(RNG.normal(size=(9, 3)), **options)


# ---- stationary ----------------------------------------------------------------------------------


def projected(covariance: np.ndarray) -> np.ndarray:
    """The circulant matrix nearest to a covariance: every wrapped diagonal replaced by its mean."""
    size = len(covariance)
    k = np.arange(size)
    return circulant([covariance[(k + lag) % size, k].mean() for lag in range(size)])


@pytest.mark.parametrize("length", [1, 2, 7, 8])
def test_signals_agree_with_time_domain_circulant(length: int) -> None:
    samples = RNG.normal(size=(30, length)) @ RNG.normal(size=(length, length)) + 3.0
    mean = samples.mean(axis=0)
    spectrum = Spectrum.from_stationary(samples, mean="signal")
    expected = np.linalg.eigvalsh(projected(np.cov(samples.T).reshape(length, length)))
    np.testing.assert_allclose(
        sorted(np.repeat(spectrum.eigenvalues, spectrum.weights.astype(int))), expected
    )
    assert spectrum.dim == length
    assert spectrum.mean_power.sum() == pytest.approx((mean**2).sum())


def test_images_agree_with_block_circulant() -> None:
    """Known second moment (mean zero), shift-averaged over both axes, written out as a matrix."""
    images = RNG.normal(size=(20, 3, 4)) + RNG.normal(size=(3, 4))
    shifts = [np.roll(images, (a, b), axis=(1, 2)).reshape(20, -1) for a in range(3) for b in range(4)]
    rows = np.concatenate(shifts)
    spectrum = Spectrum.from_stationary(images, mean="zero")
    values = np.repeat(spectrum.eigenvalues, spectrum.weights.astype(int))
    np.testing.assert_allclose(sorted(values), np.linalg.eigvalsh(rows.T @ rows / len(rows)), atol=1e-12)


def test_joint_channels_agree_with_block_matrix() -> None:
    signals = RNG.normal(size=(25, 5, 2)) @ np.array([[1.0, 0.5], [0.0, 0.3]]) + [1.0, -2.0]
    mean = signals.mean(axis=(0, 1))
    centred = signals - mean
    shifts = [np.roll(centred, k, axis=1).reshape(25, -1) for k in range(5)]
    rows = np.concatenate(shifts)
    spectrum = Spectrum.from_stationary(signals, channel_axis=-1, ddof=0)
    values = np.repeat(spectrum.eigenvalues, spectrum.weights.astype(int))
    np.testing.assert_allclose(sorted(values), np.linalg.eigvalsh(rows.T @ rows / len(rows)), atol=1e-12)
    assert spectrum.dim == 10
    assert spectrum.mean_power.sum() == pytest.approx(5 * (mean**2).sum())
    np.testing.assert_array_equal(spectrum.mean_power[2:], 0)
    first = Spectrum.from_stationary(np.moveaxis(signals, -1, 1), channel_axis=1, ddof=0)
    np.testing.assert_allclose(first.eigenvalues, spectrum.eigenvalues)


def test_separate_channels_are_the_channels_alone() -> None:
    signals = RNG.normal(size=(25, 6, 2)).cumsum(axis=1)
    both = Spectrum.from_stationary(signals, channel_axis=-1, channels="separate")
    for c in range(2):
        alone = Spectrum.from_stationary(signals[..., c])
        np.testing.assert_allclose(both.eigenvalues[c::2], alone.eigenvalues)
        np.testing.assert_allclose(both.mean_power[c::2], alone.mean_power)


def test_volumes_and_batches() -> None:
    volumes = RNG.normal(size=(12, 2, 3, 4)) + 1e6
    whole = Spectrum.from_stationary(volumes, ndim=3)
    assert whole.dim == 24
    parts = Spectrum.from_stationary(in_batches(volumes, [1, 5, 6]), ndim=3)
    np.testing.assert_allclose(parts.eigenvalues, whole.eigenvalues, rtol=1e-8)
    centred = volumes - volumes.mean()
    assert whole.total_variance == pytest.approx((centred**2).sum() / 12, rel=0.05)


def test_a_constant_leaves_every_other_frequency_zero() -> None:
    signals = np.full((10, 8), 3.0) + np.arange(10)[:, None]
    spectrum = Spectrum.from_stationary(signals)
    np.testing.assert_array_equal(spectrum.eigenvalues[1:], 0)
    assert spectrum.eigenvalues[0] == pytest.approx(8 * np.arange(10).var(ddof=1))
    assert spectrum.mean_power[0] == pytest.approx(8 * 7.5**2)


@pytest.mark.parametrize(
    ("shape", "options", "error", "text"),
    [
        ((5, 4, 4, 3), {}, ValueError, "pass channel_axis"),
        ((5, 4, 4), {"ndim": 1}, ValueError, "2 signal axes, not ndim = 1"),
        ((5, 4, 4), {"channel_axis": 0}, ValueError, "first axis counts the samples"),
        ((5, 4, 4), {"channel_axis": 3}, ValueError, "channel_axis must be at most 2"),
        ((5, 4, 4), {"channels": "both"}, ValueError, "unknown channels 'both'"),
        ((5, 4), {"mean": None}, TypeError, "mean must be a string"),
        ((1, 4), {}, ValueError, "got 1"),
    ],
)
def test_bad_stationary(shape: Any, options: dict[str, Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        Spectrum.from_stationary(np.zeros(shape), **options)


def test_tables_of_other_libraries() -> None:
    """What NumPy can turn into an array is one, not a stream of its columns' names."""
    pandas = pytest.importorskip("pandas")
    samples = correlated(50, 4)
    assert Spectrum.from_samples(pandas.DataFrame(samples)) == Spectrum.from_samples(samples)


def test_too_many_samples_to_number() -> None:
    with pytest.raises(
        ValueError, match="limit must be given, at most 268435456, for a source of 1000000000000"
    ):
        pick([10**12], None)
    assert [part.tolist() for part in pick([10**12], 2)] == [[0, 10**12 - 1]]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("stream", [io.StringIO(), Terminal()], ids=["file", "terminal"])
def test_progress_on_terminals_and_in_files(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal sees every count, in one line; a file holds the last one only."""
    monkeypatch.setattr(StderrLine, "_interval", 0.0)
    Spectrum.from_samples((correlated(50, 4) for _ in range(3)), progress=StderrLine(stream))
    shown = stream.getvalue()
    last = ["samples: 150", "eigenvalue problems: 1 of 1 (100 %)"]
    assert [line.split("\r")[-1] for line in shown.rstrip("\n").split("\n")] == last
    counts = shown.split("\n")[0].split("\r")[:-1]
    assert [count.removesuffix("\x1b[K") for count in counts] == (
        ["", "samples: 50", "samples: 100", "samples: 150"] if stream.isatty() else []
    )
    line = StderrLine(stream)
    line.close()  # nothing was reported: nothing to end
    assert stream.getvalue() == shown
