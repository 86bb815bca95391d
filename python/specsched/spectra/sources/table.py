"""Where spectra come from: one table row per kind of source, one call for all of them."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..._support import checks, reading
from ..._support.notices import tell
from .. import saved
from ..batches import Batches
from ..spectrum import Spectrum
from . import audio, demos, images, latents
from .demos import demo_digits, demo_photographs, demo_sound
from .folders import files_below

__all__ = ["DEMOS", "SOURCES", "Source", "demo_digits", "demo_photographs", "demo_sound", "load_spectrum"]

Options = dict[str, Any]
Data = tuple[object, int | None]
"""Samples and the axis of their channels."""

_IMAGE_OPTIONS = frozenset({"size", "fit", "color", "value_range", "limit", "skip_bad"})
_ARRAY_OPTIONS = frozenset({"content", "channel_axis", "value_range", "limit"})
_AUDIO_OPTIONS = frozenset({"window", "hop", "channel", "limit", "skip_bad"})
_LATENT_OPTIONS = frozenset({"channel_axis", "limit", "skip_bad"})


@dataclass(frozen=True)
class Source:
    """A kind of source.

    Attributes
    ----------
    title : str
        What it is called in messages.
    matches : callable
        Whether a path is of this kind.
    read : callable
        (path, options) -> a Spectrum, or samples with the axis of their channels.
    options : frozenset of str
        Options of `load_spectrum` that apply.
    pictures : bool
        Whether samples are images, whose statistics are much the same at every position: where they are fewer than
        their dimensions, the shift-invariant estimate is the default.
    """

    title: str
    matches: Callable[[Path], bool]
    read: Callable[[Path, Options], Spectrum | Data]
    options: frozenset[str]
    pictures: bool = False


def load_spectrum(
    source: str | os.PathLike[str],
    *,
    estimator: str | None = None,
    channels: str | None = None,
    size: object = None,
    fit: str | None = None,
    color: str | None = None,
    value_range: object = None,
    content: str | None = None,
    channel_axis: int | None = None,
    window: int | None = None,
    hop: int | None = None,
    channel: int | None = None,
    limit: int | None = None,
    skip_bad: bool = False,
    progress: object = None,
) -> Spectrum:
    """The spectrum of whatever lies at a path.

    Parameters
    ----------
    source : path or name
        A folder of images (searched with its subfolders; hidden files are left out) or an image; a sound file or a
        folder of them; latents in .safetensors, .pt or .pth, a file or a folder; an array in .npy or .npz (samples, a
        covariance, or eigenvalues); a saved spectrum in .json or .npz; or
        the name of a demo: "photographs", "digits", "sound".
    estimator : {"samples", "stationary"}, optional
        Full covariance, or shift-invariant; see `Spectrum.from_samples` and `from_stationary`. Default: "samples";
        "stationary" for images that are fewer than their dimensions.
    channels : {"joint", "separate"}, optional
        For estimator="stationary": see `Spectrum.from_stationary`.
    size, fit, color, value_range
        For images: see `specsched.spectra.sources.images.image_batches`.
        `size` and `color` apply to the demo photographs
        too.  `value_range` applies to arrays of dtype uint8 too, which are mapped from 0 ... 255 (default
        -1 ... 1); all other arrays are taken as they are.
    content : {"samples", "covariance", "eigenvalues"}, optional
        What an array holds.  By default one axis means eigenvalues, a symmetric matrix a covariance, anything
        else samples along the first axis.
    channel_axis : int, optional
        For arrays and estimator="stationary": the axis of the channels.  By default, for four axes, the last
        or the second one if just one of them has 1, 3 or 4 entries.
    window, hop, channel
        For sound: see `specsched.spectra.sources.audio.audio_batches`.
    limit : int, optional
        Largest number of samples, spread evenly over the source.
    skip_bad : bool
        Leave out images, sounds and files of tensors that cannot be read, and tell.
    progress : None, True or callable(done, total, what), optional
        True shows a line on standard error.

    Returns
    -------
    Spectrum

    Raises
    ------
    OSError
        If the source does not exist, holds nothing known, or a file cannot be read; the message names it.
    ValueError, TypeError
        If an option does not fit the source or the data, or all samples are equal; the message names it.
    ImportError
        If a package for this kind of source is missing; the message says how to install it.

    Warns
    -----
    UserWarning
        Which estimator was chosen for few images, which size for images that differ in size, or that there are
        fewer samples than dimensions.

    Examples
    --------
    >>> from specsched.sources import load_spectrum
    >>> load_spectrum("digits").dim
    64.0
    """
    checks.flag("skip_bad", skip_bad)
    options: Options = {
        "size": size,
        "fit": fit,
        "color": color,
        "value_range": value_range,
        "content": content,
        "channel_axis": channel_axis,
        "window": window,
        "hop": hop,
        "channel": channel,
        "limit": limit,
        "skip_bad": skip_bad or None,
    }
    given = {name: value for name, value in options.items() if value is not None}
    estimators = {"samples": "samples", "stationary": "stationary"}
    if estimator is not None:
        checks.lookup("estimator", estimator, estimators)
    if channels is not None and estimator == "samples":
        raise ValueError("channels applies to estimator='stationary' only")
    row, path = _find(source)
    for name in given:
        if name not in row.options:
            known = ", ".join(sorted(row.options)) or "none"
            raise ValueError(f"{name} does not apply to {row.title}; options that do: {known}")
    data = row.read(path, given)
    if isinstance(data, Spectrum):
        if estimator is not None:
            raise ValueError(f"estimator does not apply: {os.fspath(source)!r} already holds a spectrum")
        return data
    samples, axis = data
    method = estimator or _estimator(row.pictures, samples)
    if channels is not None and method != "stationary":
        raise ValueError("channels applies to estimator='stationary' only")
    if method == "samples":
        spectrum = Spectrum.from_samples(samples, progress=progress)
    else:
        spectrum = Spectrum.from_stationary(
            samples, channel_axis=axis, channels=channels or "joint", progress=progress
        )
    if not spectrum.eigenvalues.any():
        raise ValueError(
            f"all samples of {os.fspath(source)!r} are equal: their covariance is zero in every direction"
        )
    return spectrum


def spectrum_of(samples: Any, *, progress: object = None) -> Spectrum:
    """The spectrum of an array of samples of shape (n, d...), by the estimator that their number calls for.

    Samples with two or three axes are taken for images (or latents): shift-invariant where they are fewer than their
    dimensions. Their channels are the shorter one of the first and the last axis.
    """
    if samples.ndim in (3, 4) and _estimator(True, samples) == "stationary":
        axis = latents.channel_axis_of(samples.shape[1:])
        return Spectrum.from_stationary(samples, channel_axis=axis, progress=progress)
    return Spectrum.from_samples(samples, progress=progress)


def _estimator(pictures: bool, samples: Any) -> str:
    """The default: shift-invariant for images that are too few for the full covariance, and said so."""
    if not pictures:
        return "samples"
    count, shape = (
        (samples.count, samples.shape) if isinstance(samples, Batches) else (len(samples), samples.shape[1:])
    )
    dimensions = math.prod(shape)
    if not 2 <= count < dimensions:
        return "samples"
    tell(
        f"{count} images in {dimensions} dimensions are too few for the full covariance: estimator='stationary' is "
        "used; estimator='samples' asks for the other"
    )
    return "stationary"


def _find(source: str | os.PathLike[str]) -> tuple[Source, Path]:
    if not isinstance(source, (str, os.PathLike)):
        raise TypeError(f"source must be a path or a name, got {type(source).__name__}")
    path = Path(source)
    if not path.exists():
        if str(source) in DEMOS:
            return DEMOS[str(source)], path
        raise FileNotFoundError(f"no file, folder or demo {str(source)!r} (demos: {', '.join(DEMOS)})")
    rows = [row for row in SOURCES if row.matches(path)]
    if len(rows) > 1:
        titles = " and ".join(row.title for row in rows)
        raise ValueError(f"{str(source)!r} holds {titles}; give a folder with one kind of file")
    if not rows:
        raise OSError(
            f"{str(source)!r} holds nothing known; known: {', '.join(row.title for row in SOURCES)}"
        )
    return rows[0], path


# ---- files and folders ---------------------------------------------------------------------------


def _read_images(path: Path, options: Options) -> Data:
    stream = images.image_batches(files_below(path, images.SUFFIXES), **options)
    return stream, -1 if len(stream.shape) == 3 else None


def _read_audio(path: Path, options: Options) -> Data:
    return audio.audio_batches(files_below(path, audio.SUFFIXES), **options), None


def _read_latents(path: Path, options: Options) -> Data:
    given = {name: value for name, value in options.items() if name != "channel_axis"}
    stream = latents.latent_batches(files_below(path, latents.SUFFIXES), **given)
    axis = options.get("channel_axis")
    return stream, latents.channel_axis_of(stream.shape) if axis is None else axis


# ---- arrays and saved spectra --------------------------------------------------------------------


def _is_array(path: Path) -> bool:
    return path.suffix.lower() == ".npy" or (path.suffix.lower() == ".npz" and not _is_saved(path))


def _is_saved(path: Path) -> bool:
    suffix = path.suffix.lower()
    return suffix == ".json" or (suffix == ".npz" and saved.is_spectrum(path))


def _read_saved(path: Path, options: Options) -> Spectrum:
    return Spectrum.load(path)


def _read_array(path: Path, options: Options) -> Spectrum | Data:
    name, array, mean = _stored(path)
    content = options.get("content") or name or _guess(array)
    kinds = {kind: kind for kind in ("samples", "covariance", "eigenvalues")}
    checks.lookup("content", content, kinds)
    if content != "samples":
        for option in options:
            if option != "content":
                raise ValueError(f"{option} applies to samples; {str(path)!r} holds {content}")
        return Spectrum(array) if content == "eigenvalues" else Spectrum.from_covariance(array, mean)
    return _samples(array, options), _channel_axis(array, options.get("channel_axis"))


def _stored(path: Path) -> tuple[str | None, Any, Any]:
    """What the file says that its array is, the array (mapped, not read, for .npy) and a mean."""
    if path.suffix.lower() == ".npy":
        return None, reading.map_array(path, OSError), None
    archive = reading.Archive(path, OSError)
    for name in ("samples", "covariance", "eigenvalues"):
        if name in archive.names:
            return name, archive.read(name), archive.read("mean") if "mean" in archive.names else None
    if len(archive.names) == 1:
        return None, archive.read(archive.names[0]), None
    held = ", ".join(archive.names) or "none"
    raise ValueError(
        f"{str(path)!r} must hold one array, or one named samples or covariance; it holds {held}"
    )


def _guess(array: Any) -> str:
    if array.ndim == 1:
        return "eigenvalues"
    square = array.ndim == 2 and array.shape[0] == array.shape[1] > 1 and array.dtype.kind == "f"
    return "covariance" if square and np.allclose(array, array.T, rtol=1e-6) else "samples"


def _samples(array: Any, options: Options) -> object:
    if "limit" in options and array.ndim:
        limit = checks.integer("limit", options["limit"], minimum=1)
        if limit < len(array):
            array = array[np.linspace(0, len(array) - 1, limit).round().astype(np.intp)]
    if array.dtype != np.uint8 or array.ndim < 2:
        if "value_range" in options:
            raise ValueError(f"value_range applies to arrays of dtype uint8, got {array.dtype}")
        return array
    low, high = images.value_bounds(options.get("value_range", (-1.0, 1.0)))
    rows = max(1, (16 << 20) // max(1, array[0:1].size))

    def read() -> Any:
        for k in range(0, len(array), rows):
            yield array[k : k + rows].astype(np.float32) * np.float32((high - low) / 255) + np.float32(low)

    return Batches(len(array), array.shape[1:], read)


def _channel_axis(array: Any, axis: int | None) -> int | None:
    if axis is not None or array.ndim != 4:
        return axis
    last, second = (array.shape[k] in (1, 3, 4) for k in (-1, 1))
    return None if last == second else -1 if last else 1


# ---- demos ---------------------------------------------------------------------------------------


def _demo_photographs(path: Path, options: Options) -> Data:
    samples = demos.demo_photographs(**options)
    return samples, -1 if samples.ndim == 4 else None


def _demo_digits(path: Path, options: Options) -> Data:
    return demos.demo_digits()[0], None


def _demo_sound(path: Path, options: Options) -> Data:
    return demos.demo_sound(**options), None


SOURCES: list[Source] = [
    Source(
        "images", lambda path: bool(files_below(path, images.SUFFIXES)), _read_images, _IMAGE_OPTIONS, True
    ),
    Source("sounds", lambda path: bool(files_below(path, audio.SUFFIXES)), _read_audio, _AUDIO_OPTIONS),
    Source(
        "latents (.safetensors, .pt)",
        lambda path: bool(files_below(path, latents.SUFFIXES)),
        _read_latents,
        _LATENT_OPTIONS,
        True,
    ),
    Source("arrays (.npy, .npz)", _is_array, _read_array, _ARRAY_OPTIONS),
    Source("a saved spectrum (.json, .npz)", _is_saved, _read_saved, frozenset()),
]
DEMOS: dict[str, Source] = {
    "photographs": Source(
        "demo photographs", lambda path: False, _demo_photographs, frozenset({"size", "color"}), True
    ),
    "digits": Source("demo digits", lambda path: False, _demo_digits, frozenset()),
    "sound": Source("demo sound", lambda path: False, _demo_sound, frozenset({"window"})),
}
