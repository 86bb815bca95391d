"""Folders of images as batches of samples."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._support import checks
from ..._support.notices import tell
from ..batches import Batches, pick
from .folders import headers, told

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm", ".pgm")
_BATCH_BYTES = 32 << 20
_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF", "PPM")
"""What those endings stand for: content of another kind, some of which would start a program, is not decoded."""
MOST_PIXELS = 1 << 27
"""Pixels of the largest image that is decoded, 134 million: 400 MB in colour, and more than any camera has."""
_GRAY_MODES = ("1", "L", "LA", "I", "I;16", "F")

Pixels = NDArray[np.float32]
Size = tuple[int, int]


@dataclass(frozen=True)
class _Entry:
    """What the header of a file tells."""

    path: Path
    size: Size  # height, width
    gray: bool


def image_batches(
    files: Sequence[Path],
    *,
    size: object = None,
    fit: str | None = None,
    color: str | None = None,
    value_range: object = (-1.0, 1.0),
    limit: int | None = None,
    skip_bad: bool = False,
) -> Batches:
    """Images as float32 samples of shape (height, width) or (height, width, 3).

    Parameters
    ----------
    files : sequence of Path
        Image files.
    size : int or (height, width), optional
        Size of a sample in pixels. Default: that of the images; where they differ, a square as wide as the
        shortest side of any.
    fit : {"crop", "resize", "cover", "patches"}
        How an image becomes a sample of that size: its centre; the whole image resized, proportions not kept;
        resized to cover the size, then the centre; or all tiles of that size, several samples per image. Default:
        "crop"; "cover" for images that differ in size, with no `size` given.
    color : {"rgb", "gray"}, optional
        Default: gray if every image is gray.  Transparency is ignored.
    value_range : (float, float)
        Values of black and white.
    limit : int, optional
        Largest number of samples, taken evenly over all.
    skip_bad : bool
        Leave out files that cannot be read, and tell.

    Returns
    -------
    Batches
        A stream that reads each file once per pass and holds one batch at a time.

    Raises
    ------
    OSError
        If a file cannot be read as an image; the message names it.
    ValueError
        If there is no file, an image is smaller than the size, or a file declares more than `MOST_PIXELS` pixels.
    ImportError
        If Pillow is missing.

    Warns
    -----
    UserWarning
        The images differ in size, and a size was chosen.
    """
    if not files:
        raise ValueError("files must hold at least one image")
    if fit is not None:
        checks.lookup("fit", fit, FITS)
    target = None if size is None else _size(size)
    low, high = value_bounds(value_range)
    if color is not None:
        checks.lookup("color", color, {"rgb": 3, "gray": 1})
    entries = headers(files, _header, skip_bad=skip_bad)
    if target is None:
        target, fit = _common_size(entries, fit)
    fit = fit or "crop"
    cut = FITS[fit]
    for entry in entries:
        _check_large_enough(entry, target, fit)
    gray = all(entry.gray for entry in entries) if color is None else color == "gray"
    chosen = pick([_tiles(entry.size, target, fit) for entry in entries], limit)
    count = sum(map(len, chosen))

    def read() -> Iterator[Pixels]:
        rows = max(1, _BATCH_BYTES // (4 * target[0] * target[1] * (1 if gray else 3)))
        kept: list[Pixels] = []
        for entry, wanted in zip(entries, chosen, strict=True):
            if len(wanted) == 0:
                continue
            try:
                for piece in _pieces(entry.path, cut, target, wanted):
                    kept.append(_values(piece, gray, low, high))
                    if len(kept) == rows:
                        yield np.stack(kept)
                        kept = []
            except OSError as error:
                told(error, skip_bad)
        if kept:
            yield np.stack(kept)

    return Batches(count, target if gray else (*target, 3), read)


def _crop(image: Any, size: Size) -> Iterator[Any]:
    top, left = (image.height - size[0]) // 2, (image.width - size[1]) // 2
    yield image.crop((left, top, left + size[1], top + size[0]))


def _resize(image: Any, size: Size) -> Iterator[Any]:
    yield _resampled(image, size)


def _cover(image: Any, size: Size) -> Iterator[Any]:
    scale = max(size[0] / image.height, size[1] / image.width)
    height, width = (max(s, round(scale * n)) for s, n in zip(size, (image.height, image.width), strict=True))
    if height * width > MOST_PIXELS:
        raise ValueError(
            f"size {_show(size)} needs an image of {_show((image.height, image.width))} enlarged to "
            f"{_show((height, width))}, more than {MOST_PIXELS} pixels; use a smaller size"
        )
    yield from _crop(_resampled(image, (height, width)), size)


def _patches(image: Any, size: Size) -> Iterator[Any]:
    for top in range(0, image.height - size[0] + 1, size[0]):
        for left in range(0, image.width - size[1] + 1, size[1]):
            yield image.crop((left, top, left + size[1], top + size[0]))


FITS: dict[str, Callable[[Any, Size], Iterator[Any]]] = {
    "crop": _crop,
    "resize": _resize,
    "cover": _cover,
    "patches": _patches,
}


def _resampled(image: Any, size: Size) -> Any:
    from PIL import Image

    # Palettes, bits and 16-bit modes cannot be interpolated: bring them to a plain mode first.
    if image.mode not in ("L", "RGB", "F"):
        wide = image.mode.startswith("I")
        image = image.convert("F" if wide else "L" if image.mode in _GRAY_MODES else "RGB")
        if wide:
            image = image.point(lambda value: value / 65535 + 0.0)
    return image.resize((size[1], size[0]), Image.Resampling.BICUBIC)


def _tiles(image: Size, size: Size, fit: str) -> int:
    return (image[0] // size[0]) * (image[1] // size[1]) if fit == "patches" else 1


def _pieces(path: Path, cut: Callable[[Any, Size], Iterator[Any]], size: Size, wanted: Any) -> Iterator[Any]:
    numbers = iter(map(int, wanted))
    following = next(numbers, None)
    with _open(path) as image:
        try:
            image.load()
        except _errors() as error:
            raise OSError(f"cannot read image {str(path)!r}: {error}") from None
        for number, piece in enumerate(cut(image, size)):
            if number == following:
                yield piece
                following = next(numbers, None)


def _values(piece: Any, gray: bool, low: float, high: float) -> Pixels:
    if piece.mode == "F" or piece.mode.startswith("I"):
        level = np.asarray(piece, dtype=np.float32)
        if piece.mode != "F":
            level = level / np.float32(65535)
        if not gray:
            level = np.repeat(level[..., None], 3, axis=-1)
    else:
        level = np.asarray(piece.convert("L" if gray else "RGB"), dtype=np.float32) / np.float32(255)
    return level * np.float32(high - low) + np.float32(low)


def _header(path: Path) -> _Entry:
    with _open(path) as image:
        entry = _Entry(path, (image.height, image.width), image.mode in _GRAY_MODES)
    if entry.size[0] * entry.size[1] > MOST_PIXELS:
        raise ValueError(f"image {str(path)!r} declares {_show(entry.size)} pixels, more than {MOST_PIXELS}")
    return entry


def _open(path: Path) -> Any:
    Image = _pillow()
    try:
        with warnings.catch_warnings():
            # From two thirds of our own limit on, which says the same as an error.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            return Image.open(path, formats=_FORMATS)
    except FileNotFoundError:
        raise
    except _errors() as error:
        raise OSError(f"cannot read image {str(path)!r}: {error}") from None


def _errors() -> tuple[type[Exception], ...]:
    """What Pillow raises for broken files, format by format."""
    return (OSError, SyntaxError, ValueError, EOFError, _pillow().DecompressionBombError)


def _pillow() -> Any:
    try:
        from PIL import Image
    except ImportError:
        raise ImportError("reading images needs Pillow: pip install 'specsched[data]'") from None
    return Image


def _common_size(entries: Sequence[_Entry], fit: str | None) -> tuple[Size, str | None]:
    """The images' own size; where they differ, a square that each of them can cover without being enlarged."""
    first = entries[0]
    other = next((entry for entry in entries if entry.size != first.size), None)
    if other is None:
        return first.size, "crop"
    side = min(min(entry.size) for entry in entries)
    fit = fit or "cover"
    tell(
        f"images differ in size ({str(first.path)!r} is {_show(first.size)}, {str(other.path)!r} {_show(other.size)}): "
        f"size={side}, their shortest side, and fit={fit!r} are used"
    )
    return (side, side), fit


def _check_large_enough(entry: _Entry, size: Size, fit: str) -> None:
    if fit in ("crop", "patches") and (entry.size[0] < size[0] or entry.size[1] < size[1]):
        raise ValueError(
            f"size {_show(size)} is larger than image {str(entry.path)!r} ({_show(entry.size)}); "
            f"use a smaller size, or fit='resize' or 'cover'"
        )


def _show(size: Size) -> str:
    return f"{size[0]} x {size[1]}"


def _size(value: object) -> Size:
    if isinstance(value, (tuple, list)):
        if len(value) != 2:
            raise ValueError(f"size must be one integer or (height, width), got {len(value)} entries")
        height = checks.integer("size[0]", value[0], minimum=1, maximum=MOST_PIXELS)
        width = checks.integer("size[1]", value[1], minimum=1, maximum=MOST_PIXELS)
    else:
        height = width = checks.integer("size", value, minimum=1, maximum=MOST_PIXELS)
    if height * width > MOST_PIXELS:
        raise ValueError(f"size must be at most {MOST_PIXELS} pixels in all, got {_show((height, width))}")
    return height, width


def value_bounds(value: object) -> tuple[float, float]:
    """The values of black and white, checked."""
    low, high = checks.vector("value_range", value, length=2)
    if low >= high:
        raise ValueError(f"value_range must rise, got ({low:g}, {high:g})")
    return float(low), float(high)
