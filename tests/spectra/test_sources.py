"""One call for every kind of source."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image

from specsched import Spectrum, sources
from specsched.sources import load_spectrum
from specsched.spectra.sources import table

RNG = np.random.default_rng(11)
ARRAY = RNG.normal(size=(40, 6))


def write_images(folder: Path, count: int = 6, size: int = 4) -> np.ndarray:
    folder.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(count).integers(0, 256, (count, size, size, 3), dtype=np.uint8)
    for k, image in enumerate(pixels):
        Image.fromarray(image).save(folder / f"{k}.png")
    return pixels


def test_folder_of_images(tmp_path: Path) -> None:
    pixels = write_images(tmp_path / "photos" / "class a")
    (tmp_path / "photos" / "notes.txt").write_text("not an image")
    values = pixels / 127.5 - 1
    with pytest.warns(UserWarning, match=r"6 samples in 48 dimensions .* use Spectrum\.from_stationary"):
        spectrum = load_spectrum(tmp_path / "photos", estimator="samples")
    with pytest.warns(UserWarning, match="6 samples in 48 dimensions"):
        np.testing.assert_allclose(spectrum.eigenvalues, Spectrum.from_samples(values).eigenvalues, atol=1e-5)
    with pytest.warns(UserWarning, match="6 images in 48 dimensions .* estimator='stationary' is used"):
        chosen = load_spectrum(tmp_path / "photos")
    assert chosen == load_spectrum(tmp_path / "photos", estimator="stationary")
    fourier = load_spectrum(tmp_path / "photos", estimator="stationary", value_range=(0, 2))
    expected = Spectrum.from_stationary(values + 1, channel_axis=-1)
    np.testing.assert_allclose(fourier.eigenvalues, expected.eigenvalues, atol=1e-5)
    np.testing.assert_allclose(fourier.mean_power, expected.mean_power, atol=1e-4)
    separate = load_spectrum(tmp_path / "photos", estimator="stationary", channels="separate")
    assert separate.total_variance == pytest.approx(fourier.total_variance, rel=1e-5)
    assert load_spectrum(tmp_path / "photos", size=2, fit="patches", color="gray").dim == 4


def test_single_files(tmp_path: Path) -> None:
    write_images(tmp_path, count=1, size=16)
    with pytest.warns(UserWarning, match="16 images in 48 dimensions"):
        assert load_spectrum(tmp_path / "0.png", size=4, fit="patches").dim == 48
    soundfile.write(tmp_path / "a.wav", RNG.uniform(-0.5, 0.5, 4000), 8000)
    assert load_spectrum(tmp_path / "a.wav", window=32, hop=16).dim == 32


def test_folder_of_sounds(tmp_path: Path) -> None:
    values = RNG.uniform(-0.5, 0.5, (2, 3200))
    for k in range(2):
        soundfile.write(tmp_path / f"{k}.wav", values[k], 8000, subtype="FLOAT")
    spectrum = load_spectrum(tmp_path, window=32, estimator="stationary")
    expected = Spectrum.from_stationary(values.reshape(-1, 32))
    np.testing.assert_allclose(spectrum.eigenvalues, expected.eigenvalues, rtol=1e-4)
    with pytest.warns(UserWarning, match="20 samples in 32 dimensions"):
        assert len(load_spectrum(tmp_path, window=32, limit=20).eigenvalues) == 20


def test_arrays(tmp_path: Path) -> None:
    path = tmp_path / "data.npy"
    np.save(path, ARRAY)
    assert load_spectrum(path) == Spectrum.from_samples(ARRAY)
    assert load_spectrum(str(path), limit=8) == Spectrum.from_samples(
        ARRAY[np.linspace(0, 39, 8).round().astype(int)]
    )
    np.save(path, np.cov(ARRAY.T))
    assert load_spectrum(path) == Spectrum.from_covariance(np.cov(ARRAY.T))
    assert load_spectrum(path, content="samples") == Spectrum.from_samples(np.cov(ARRAY.T))
    np.save(path, np.array([3.0, 1.0]))
    assert load_spectrum(path) == Spectrum([3.0, 1.0])


def test_archives(tmp_path: Path) -> None:
    path = tmp_path / "data.npz"
    np.savez(path, covariance=np.cov(ARRAY.T), mean=ARRAY.mean(axis=0))
    assert load_spectrum(path) == Spectrum.from_covariance(np.cov(ARRAY.T), ARRAY.mean(axis=0))
    np.savez(path, samples=ARRAY, labels=np.zeros(40))
    assert load_spectrum(path) == Spectrum.from_samples(ARRAY)
    np.savez(path, ARRAY)
    assert load_spectrum(path) == Spectrum.from_samples(ARRAY)
    np.savez(path, x=ARRAY, y=ARRAY)
    with pytest.raises(ValueError, match="it holds x, y"):
        load_spectrum(path)


def test_bytes_are_mapped_like_images(tmp_path: Path) -> None:
    pixels = RNG.integers(0, 256, (30, 6, 6, 3), dtype=np.uint8)
    np.save(tmp_path / "images.npy", pixels)
    expected = Spectrum.from_stationary(pixels / 127.5 - 1, channel_axis=-1)
    for array in (pixels, np.moveaxis(pixels, -1, 1)):
        np.save(tmp_path / "images.npy", array)
        spectrum = load_spectrum(tmp_path / "images.npy", estimator="stationary")
        np.testing.assert_allclose(spectrum.eigenvalues, expected.eigenvalues, rtol=1e-4)
    np.save(tmp_path / "images.npy", RNG.normal(size=(9, 3, 4, 4)))
    with pytest.raises(ValueError, match="pass channel_axis"):
        load_spectrum(tmp_path / "images.npy", estimator="stationary")
    assert load_spectrum(tmp_path / "images.npy", estimator="stationary", channel_axis=1).dim == 48


@pytest.mark.parametrize("name", ["saved.json", "saved.npz"])
def test_saved_spectra(tmp_path: Path, name: str) -> None:
    spectrum = Spectrum([3.0, 1.0], weights=[1, 2], mean_power=[0.5, 0])
    spectrum.save(tmp_path / name)
    assert load_spectrum(tmp_path / name) == spectrum
    with pytest.raises(ValueError, match="estimator does not apply"):
        load_spectrum(tmp_path / name, estimator="samples")


def test_progress_knows_the_total(tmp_path: Path) -> None:
    write_images(tmp_path)
    calls: list[Any] = []
    load_spectrum(tmp_path, estimator="stationary", progress=lambda *state: calls.append(state))
    assert (6, 6, "samples") in calls


# ---- demos ---------------------------------------------------------------------------------------


def test_demo_photographs_are_the_photographs() -> None:
    from sklearn.datasets import load_sample_images

    patches = sources.demo_photographs(100, stride=100)
    assert patches.shape == (48, 100, 100, 3)
    first = load_sample_images().images[0]
    np.testing.assert_allclose(patches[7], first[100:200, 100:200] / 127.5 - 1, atol=1e-6)
    gray = sources.demo_photographs(100, stride=100, color="gray")
    np.testing.assert_allclose(gray, patches.mean(axis=-1), atol=1e-6)


def test_photographs_have_a_falling_spectrum() -> None:
    spectrum = load_spectrum("photographs", size=8, estimator="stationary")
    assert spectrum.dim == 192
    assert spectrum.eigenvalues.max() > 1e3 * np.median(spectrum.eigenvalues)
    assert not spectrum.has_zeros


def test_demo_digits_and_labels() -> None:
    images, labels = sources.demo_digits()
    assert images.min() == -1
    assert images.max() == 1
    spectra = Spectrum.from_labels(images, labels)
    assert list(spectra) == list(range(10))
    within = np.average([s.total_variance for s in spectra.values()], weights=np.bincount(labels))
    assert within < load_spectrum("digits").total_variance


def test_demo_sound_is_the_same_every_time() -> None:
    sound = sources.demo_sound(128, count=50)
    np.testing.assert_array_equal(sound, sources.demo_sound(128, count=50))
    assert np.abs(sound - sources.demo_sound(128, count=50, seed=1)).max() > 0.01
    assert load_spectrum("sound", window=64).dim == 64


# ---- bad input -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"estimator": "fft"}, ValueError, "unknown estimator 'fft'"),
        ({"channels": "joint"}, ValueError, "channels applies to estimator='stationary'"),
        ({"window": 5}, ValueError, r"window does not apply to arrays .*options that do: .*limit"),
        ({"content": "images"}, ValueError, "unknown content"),
        ({"value_range": (0, 1)}, ValueError, "value_range applies to arrays of dtype uint8"),
        ({"content": "covariance"}, ValueError, "square matrix"),
        ({"limit": 0}, ValueError, "limit must be at least 1"),
        ({"limit": 1}, ValueError, "at least 2 samples"),
    ],
)
def test_bad_options(tmp_path: Path, options: dict[str, Any], error: type[Exception], text: str) -> None:
    np.save(tmp_path / "a.npy", ARRAY)
    with pytest.raises(error, match=text):
        load_spectrum(tmp_path / "a.npy", **options)


def test_options_of_samples_do_not_apply_to_a_covariance(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.eye(3))
    with pytest.raises(ValueError, match="limit applies to samples"):
        load_spectrum(tmp_path / "a.npy", limit=2)
    with pytest.raises(ValueError, match="estimator does not apply"):
        load_spectrum(tmp_path / "a.npy", estimator="stationary")


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="demos: photographs, digits, sound"):
        load_spectrum(tmp_path / "none")
    with pytest.raises(OSError, match="holds nothing known; known: images, sounds"):
        load_spectrum(tmp_path)
    (tmp_path / "a.txt").write_text("text")
    with pytest.raises(OSError, match="holds nothing known"):
        load_spectrum(tmp_path / "a.txt")
    with pytest.raises(TypeError, match="source must be a path or a name"):
        load_spectrum(5)  # type: ignore[arg-type]


def test_two_kinds_in_one_folder(tmp_path: Path) -> None:
    write_images(tmp_path)
    soundfile.write(tmp_path / "a.wav", np.zeros(100), 8000)
    with pytest.raises(ValueError, match="holds images and sounds"):
        load_spectrum(tmp_path)


@pytest.mark.parametrize("name", ["a.npy", "a.npz"])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_broken_arrays(tmp_path: Path, name: str, share: float) -> None:
    path = tmp_path / name
    if name.endswith("y"):
        np.save(path, ARRAY)
    else:
        np.savez(path, ARRAY)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(OSError, match="cannot read array"):
        load_spectrum(path)


def test_objects_are_never_unpickled(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([{}, None]), allow_pickle=True)
    with pytest.raises(OSError, match="cannot read array"):
        load_spectrum(tmp_path / "a.npy")


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(ImportError, match=r"pip install 'specsched\[demo\]'"):
        load_spectrum("digits")


def test_hidden_files_are_no_data(tmp_path: Path) -> None:
    write_images(tmp_path, count=5)
    (tmp_path / "._0.png").write_bytes(b"what macOS leaves behind")
    (tmp_path / "__MACOSX").mkdir()
    (tmp_path / "__MACOSX" / "1.png").write_bytes(b"the same in archives")
    (tmp_path / ".cache").mkdir()
    (tmp_path / ".cache" / "2.png").write_bytes(b"a thumbnail")
    assert load_spectrum(tmp_path, estimator="stationary").dim == 48


def test_bad_files_are_skipped_where_asked(tmp_path: Path) -> None:
    write_images(tmp_path, count=5, size=32)
    clean = load_spectrum(tmp_path, estimator="stationary")
    (tmp_path / "text.png").write_text("no image")
    whole = (tmp_path / "4.png").read_bytes()
    (tmp_path / "torn.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(OSError, match=r"text\.png"):
        load_spectrum(tmp_path, estimator="stationary")
    with pytest.warns(UserWarning, match="skipped") as told:
        assert load_spectrum(tmp_path, estimator="stationary", skip_bad=True) == clean
    texts = [str(notice.message) for notice in told]
    assert any("1 of 7 files are skipped" in text and "text.png" in text for text in texts)
    assert any("skipped: cannot read image" in text and "torn.png" in text for text in texts)
    for path in tmp_path.iterdir():
        path.write_text("no image")
    with pytest.raises(OSError, match="none of 7 files can be read"):
        load_spectrum(tmp_path, skip_bad=True)
    sounds = tmp_path / "sounds"
    sounds.mkdir()
    soundfile.write(sounds / "a.wav", RNG.uniform(-0.5, 0.5, 4000), 8000)
    (sounds / "b.wav").write_text("no sound")
    with pytest.warns(UserWarning, match="1 of 2 files are skipped"):
        assert load_spectrum(sounds, window=32, skip_bad=True).dim == 32


def test_power_laws() -> None:
    for shape, channels in (((16, 12), 3), (64, 1), ((4, 4, 6), 2)):
        spectrum = Spectrum.power_law(shape, exponent=2.0, variance=0.25, channels=channels)
        assert spectrum.dim == np.prod(shape) * channels
        assert spectrum.total_variance == pytest.approx(0.25 * spectrum.dim)
    line = Spectrum.power_law(64, exponent=1.5)
    np.testing.assert_allclose(line.eigenvalues[2:] / line.eigenvalues[1], np.arange(2, 33) ** -1.5)
    assert np.ptp(Spectrum.power_law((8, 8), exponent=0.0).eigenvalues) < 1e-15
    with pytest.raises(ValueError, match="shape must have one to three sides"):
        Spectrum.power_law((2, 2, 2, 2))
    with pytest.raises(ValueError, match="exponent must be at least 0"):
        Spectrum.power_law(8, exponent=-1.0)


def test_channels_are_for_one_estimator(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", ARRAY)
    with pytest.raises(ValueError, match="channels applies to estimator='stationary' only"):
        load_spectrum(tmp_path / "a.npy", estimator="samples", channels="joint")
    with pytest.raises(ValueError, match="channels applies to estimator='stationary' only"):
        load_spectrum(tmp_path / "a.npy", channels="joint")  # which takes all of the covariance


def test_equal_samples_are_no_data(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.tile(ARRAY[:1], (50, 1)))
    with pytest.raises(ValueError, match="are equal: their covariance is zero in every direction"):
        load_spectrum(tmp_path / "a.npy")


def test_a_limit_that_limits_nothing(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", ARRAY)
    whole = load_spectrum(tmp_path / "a.npy", content="samples")
    assert load_spectrum(tmp_path / "a.npy", content="samples", limit=40) == whole
    assert load_spectrum(tmp_path / "a.npy", content="samples", limit=20) == Spectrum.from_samples(
        ARRAY[np.linspace(0, 39, 20).round().astype(int)]
    )


def test_arrays_of_pictures_by_their_number() -> None:
    """More of them than dimensions have a covariance of their own; fewer are taken to be shift-invariant."""
    many, few = RNG.normal(size=(60, 3, 4, 1)), RNG.normal(size=(6, 3, 4, 1))
    assert table.spectrum_of(many) == Spectrum.from_samples(many)
    with pytest.warns(UserWarning, match="estimator='stationary' is used"):
        assert table.spectrum_of(few) == Spectrum.from_stationary(few, channel_axis=-1)
