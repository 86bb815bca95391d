"""Folders of images as samples."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from specsched.spectra.sources import images
from specsched.spectra.sources.images import image_batches

RNG = np.random.default_rng(5)


def picture(path: Path, height: int, width: int, *, gray: bool = False) -> np.ndarray:
    shape = (height, width) if gray else (height, width, 3)
    pixels = np.random.default_rng(len(path.name) + height).integers(0, 256, shape, dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return pixels


def samples_of(files: list[Path], **options: Any) -> np.ndarray:
    batches = image_batches(files, **options)
    samples = np.concatenate(list(batches))
    assert samples.shape == (batches.count, *batches.shape)
    assert samples.dtype == np.float32
    return samples


def test_values_and_range(tmp_path: Path) -> None:
    pixels = picture(tmp_path / "a.png", 4, 6)
    files = [tmp_path / "a.png"]
    np.testing.assert_allclose(samples_of(files)[0], pixels / 127.5 - 1, atol=1e-6)
    np.testing.assert_allclose(samples_of(files, value_range=(0, 1))[0], pixels / 255, atol=1e-6)


def test_gray_and_colour(tmp_path: Path) -> None:
    files = [tmp_path / "a.png", tmp_path / "b.png"]
    picture(files[0], 4, 4, gray=True)
    assert samples_of(files[:1]).shape == (1, 4, 4)
    assert samples_of(files[:1], color="rgb").shape == (1, 4, 4, 3)
    pixels = picture(files[1], 4, 4)
    assert samples_of(files).shape == (2, 4, 4, 3)
    gray = samples_of(files[1:], color="gray", value_range=(0, 255))[0]
    np.testing.assert_allclose(gray, pixels @ [0.299, 0.587, 0.114], atol=1.01)


def test_sixteen_bits(tmp_path: Path) -> None:
    pixels = RNG.integers(0, 65536, (6, 6), dtype=np.uint16)
    Image.fromarray(pixels).save(tmp_path / "deep.png")
    samples = samples_of([tmp_path / "deep.png"], value_range=(0, 65535))
    np.testing.assert_allclose(samples[0], pixels, atol=0.01)
    small = samples_of([tmp_path / "deep.png"], value_range=(0, 1), size=3, fit="resize")
    assert small.mean() == pytest.approx(pixels.mean() / 65535, abs=0.05)


def test_crop_takes_the_centre(tmp_path: Path) -> None:
    pixels = picture(tmp_path / "a.png", 9, 12)
    samples = samples_of([tmp_path / "a.png"], size=(5, 4), value_range=(0, 255))
    np.testing.assert_allclose(samples[0], pixels[2:7, 4:8], atol=1e-4)


def test_patches_are_all_tiles(tmp_path: Path) -> None:
    pixels = picture(tmp_path / "a.png", 9, 12)
    samples = samples_of([tmp_path / "a.png"], size=4, fit="patches", value_range=(0, 255))
    assert len(samples) == 6
    np.testing.assert_allclose(samples[4], pixels[4:8, 4:8], atol=1e-4)


def test_images_that_differ_in_size_cover_the_shortest_side(tmp_path: Path) -> None:
    files = [tmp_path / "a.png", tmp_path / "b.png", tmp_path / "c.png"]
    for file, size in zip(files, [(9, 12), (7, 20), (30, 8)], strict=True):
        picture(file, *size)
    with pytest.warns(
        UserWarning, match=r"'.*a\.png' is 9 x 12, '.*b\.png' 7 x 20\): size=7, .*fit='cover' are"
    ):
        chosen = samples_of(files)
    np.testing.assert_array_equal(chosen, samples_of(files, size=7, fit="cover"))
    with pytest.warns(UserWarning, match="size=7, their shortest side, and fit='patches' are used"):
        tiles = samples_of(files, fit="patches")
    assert len(tiles) == 1 + 2 + 4


@pytest.mark.parametrize("fit", ["resize", "cover"])
def test_resizing_keeps_the_mean_of_a_flat_picture(tmp_path: Path, fit: str) -> None:
    Image.new("RGB", (31, 17), (10, 20, 30)).save(tmp_path / "flat.png")
    samples = samples_of([tmp_path / "flat.png"], size=(8, 8), fit=fit, value_range=(0, 255))
    np.testing.assert_allclose(samples[0], np.broadcast_to([10, 20, 30], (8, 8, 3)), atol=1e-4)


def test_cover_keeps_proportions(tmp_path: Path) -> None:
    """A picture that is black left of its middle stays so, whichever side is cut off."""
    pixels = np.zeros((16, 32), dtype=np.uint8)
    pixels[:, 16:] = 255
    Image.fromarray(pixels).save(tmp_path / "half.png")
    sample = samples_of([tmp_path / "half.png"], size=8, fit="cover", value_range=(0, 1))[0]
    assert sample[:, :3].max() < 0.1
    assert sample[:, 5:].min() > 0.9


def test_limit_spreads_and_small_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "_BATCH_BYTES", 4 * 4 * 4 * 3 * 2)
    files = [tmp_path / f"{k}.png" for k in range(5)]
    for k, file in enumerate(files):
        Image.new("RGB", (4, 4), (k, k, k)).save(file)
    assert [len(batch) for batch in image_batches(files)] == [2, 2, 1]
    samples = samples_of(files, limit=3, value_range=(0, 255))
    np.testing.assert_allclose(samples[:, 0, 0, 0], [0, 2, 4], atol=1e-4)


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n and then nothing"])
def test_files_that_are_no_images(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.png"
    path.write_bytes(content)
    with pytest.raises(OSError, match=r"broken\.png"):
        image_batches([path])


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_truncated_images(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"cut.{suffix}"
    picture(path, 64, 64)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(OSError, match=rf"cut\.{suffix}"):
        samples_of([path])


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"size": 7}, ValueError, "larger than image"),
        ({"size": 7, "fit": "patches"}, ValueError, "larger than image"),
        ({"size": 0}, ValueError, "size must be at least 1"),
        ({"size": (1, 2, 3)}, ValueError, "got 3 entries"),
        ({"size": "4"}, TypeError, "size must be an integer"),
        ({"size": 4, "fit": "stretch"}, ValueError, "unknown fit 'stretch'"),
        ({"color": "cmyk"}, ValueError, "unknown color"),
        ({"value_range": (1, -1)}, ValueError, "must rise"),
        ({"limit": 0}, ValueError, "limit must be at least 1"),
    ],
)
def test_bad_options(tmp_path: Path, options: dict[str, Any], error: type[Exception], text: str) -> None:
    picture(tmp_path / "a.png", 6, 6)
    with pytest.raises(error, match=text):
        image_batches([tmp_path / "a.png"], **options)


def test_no_files() -> None:
    with pytest.raises(ValueError, match="at least one image"):
        image_batches([])


def test_missing_pillow_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match=r"pip install 'specsched\[data\]'"):
        image_batches([tmp_path / "a.png"])


def test_a_limit_takes_some_images_and_some_patches(tmp_path: Path) -> None:
    files = [tmp_path / f"{k}.png" for k in range(5)]
    for k, file in enumerate(files):
        picture(file, 4 + 4 * k, 8)  # 2, 4, 6 ... patches
    every = samples_of(files, size=4, fit="patches")
    chosen = np.linspace(0, len(every) - 1, 7).round().astype(int)
    np.testing.assert_array_equal(samples_of(files, size=4, fit="patches", limit=7), every[chosen])
    np.testing.assert_array_equal(
        samples_of(files, size=4, fit="crop", limit=2)[1], samples_of(files[4:], size=4)[0]
    )


def test_batches_of_one_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [tmp_path / "a.png", tmp_path / "bb.png"]
    pixels = [picture(file, 4, 4) for file in files]
    monkeypatch.setattr(images, "_BATCH_BYTES", 1)
    found = list(image_batches(files, value_range=(0, 255)))
    assert [len(batch) for batch in found] == [1, 1]
    np.testing.assert_allclose(np.concatenate(found), pixels, atol=1e-4)


def test_palettes_are_resampled_in_colour(tmp_path: Path) -> None:
    """Numbers of a palette have no order that could be averaged."""
    halves = np.zeros((8, 8, 3), dtype=np.uint8)
    halves[:, :4, 0], halves[:, 4:, 2] = 255, 255  # red and blue
    Image.fromarray(halves).quantize(colors=2).save(tmp_path / "a.png")
    small = samples_of([tmp_path / "a.png"], size=2, fit="resize", value_range=(0, 1))[0]
    assert small.shape == (2, 2, 3)
    assert (small[:, 0, 0] > 0.8).all()
    assert (small[:, 1, 2] > 0.8).all()
    assert small[..., 1].max() < 0.05  # nothing green lies between them


def test_sixteen_bits_among_colours(tmp_path: Path) -> None:
    levels = np.arange(16, dtype=np.uint16).reshape(4, 4) * 4096
    Image.fromarray(levels).save(tmp_path / "a.png")
    gray = samples_of([tmp_path / "a.png"], value_range=(0, 1))[0]
    np.testing.assert_allclose(gray, levels / 65535, atol=1e-6)
    colour = samples_of([tmp_path / "a.png"], color="rgb", value_range=(0, 1))[0]
    assert (colour == gray[..., None]).all()
    halved = samples_of([tmp_path / "a.png"], size=2, fit="resize", value_range=(0, 1))[0]
    assert halved.mean() == pytest.approx(gray.mean(), abs=1e-3)


def test_sizes_beyond_the_limit_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture(tmp_path / "a.png", 4, 40)
    with pytest.raises(ValueError, match=r"size must be at most .* pixels in all, got 20000 x 20000"):
        image_batches([tmp_path / "a.png"], size=20_000)
    monkeypatch.setattr(images, "MOST_PIXELS", 200)
    with pytest.raises(ValueError, match="size 14 x 14 needs an image of 4 x 40 enlarged to 14 x 140"):
        samples_of([tmp_path / "a.png"], size=14, fit="cover")
    monkeypatch.setattr(images, "MOST_PIXELS", 100)
    with pytest.raises(ValueError, match="declares 4 x 40 pixels, more than 100"):
        image_batches([tmp_path / "a.png"])
