"""Data that need no file of the user's: real photographs and digits, and synthetic sound."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._support import checks

FloatSamples = NDArray[np.float32]


def demo_photographs(size: int = 32, *, stride: int | None = None, color: str = "rgb") -> FloatSamples:
    """Patches of the two real photographs that ship with scikit-learn (a temple and a flower).

    Parameters
    ----------
    size : int
        Height and width of a patch in pixels, 1 to 427.
    stride : int, optional
        Distance between patches; default a quarter of the size but at least 4, which gives 7700
        overlapping patches of size 32.
    color : {"rgb", "gray"}
        Gray is the mean of the three channels.

    Returns
    -------
    ndarray of float32, shape (n, size, size, 3) or (n, size, size)
        Values from -1 (black) to 1 (white).

    Raises
    ------
    ImportError
        If scikit-learn or Pillow is missing.

    Examples
    --------
    >>> demo_photographs(16, stride=16).shape
    (2080, 16, 16, 3)
    """
    size = checks.integer("size", size, minimum=1, maximum=427)
    step = max(4, size // 4) if stride is None else checks.integer("stride", stride, minimum=1)
    gray = checks.lookup("color", color, {"rgb": False, "gray": True})
    patches = []
    for picture in _sklearn().load_sample_images().images:
        values = np.asarray(picture, dtype=np.float32) / np.float32(127.5) - np.float32(1)
        if gray:
            values = values.mean(axis=-1, keepdims=True)
        views = np.lib.stride_tricks.sliding_window_view(values, (size, size), axis=(0, 1))
        tiles = np.moveaxis(views[::step, ::step], 2, -1)
        patches.append(tiles.reshape(-1, *tiles.shape[2:]))
    samples = np.concatenate(patches)
    return samples[..., 0] if gray else samples


def demo_digits() -> tuple[FloatSamples, NDArray[np.int64]]:
    """The 1797 real handwritten digits that ship with scikit-learn, and their labels.

    Returns
    -------
    images : ndarray of float32, shape (1797, 8, 8)
        Values from -1 (paper) to 1 (ink).
    labels : ndarray of int64, shape (1797,)
        The digits, 0 to 9.

    Raises
    ------
    ImportError
        If scikit-learn is missing.

    Examples
    --------
    >>> images, labels = demo_digits()
    >>> images.shape, labels[:3].tolist()
    ((1797, 8, 8), [0, 1, 2])
    """
    data = _sklearn().load_digits()
    images = np.asarray(data.images, dtype=np.float32) / np.float32(8) - np.float32(1)
    return images, np.asarray(data.target, dtype=np.int64)


def demo_sound(window: int = 400, *, count: int = 4000, rate: int = 16000, seed: int = 0) -> FloatSamples:
    """Windows of synthetic sound: plucked strings over faint noise.  This is not a recording.

    Parameters
    ----------
    window : int
        Frames per window, 2 to 65536.
    count : int
        Number of windows, at most a million.
    rate : int
        Sampling rate in Hz, 2000 to 192000.
    seed : int
        Same seed, same sound.

    Returns
    -------
    ndarray of float32, shape (count, window)
        Values within -1 and 1.

    Notes
    -----
    Every window cuts at random into a tone on one of 36 semitones from 110 Hz up.  A string plucked at a
    fraction p of its length has partials of amplitude sin(k pi p) / k^2, and the k-th decays in 0.6 s / k.
    Phases, loudness (over 20 dB) and the moment of the window are random.  White noise 50 dB below full
    scale plays the room.

    Examples
    --------
    >>> sound = demo_sound(256, count=100)
    >>> sound.shape, bool(np.abs(sound).max() <= 1)
    ((100, 256), True)
    """
    window = checks.integer("window", window, minimum=2, maximum=1 << 16)
    count = checks.integer("count", count, minimum=1, maximum=1_000_000)
    rate = checks.integer("rate", rate, minimum=2000, maximum=192_000)
    rng = np.random.default_rng(checks.integer("seed", seed, minimum=0, maximum=2**128))
    samples = np.stack([_tone(rng, window, rate) for _ in range(count)])
    samples += 10 ** (-50 / 20) * rng.standard_normal(samples.shape)
    return np.clip(samples, -1, 1).astype(np.float32)


def _tone(rng: np.random.Generator, window: int, rate: int) -> NDArray[np.float64]:
    pitch = 110 * 2 ** (rng.integers(36) / 12)
    partials = np.arange(1, int(0.45 * rate / pitch) + 1)
    amplitudes = np.abs(np.sin(np.pi * partials * rng.uniform(0.1, 0.4))) / partials**2
    times = rng.uniform(0.0, 0.5) + np.arange(window) / rate
    phases = rng.uniform(0, 2 * np.pi, len(partials))
    waves = np.sin(2 * np.pi * pitch * times[:, None] * partials + phases)
    decays = np.exp(-times[:, None] * partials / 0.6)
    loudness = 10 ** (-rng.uniform(0, 20) / 20) * 0.7 / amplitudes.sum()
    tone: NDArray[np.float64] = (waves * decays) @ amplitudes * loudness
    return tone


def _sklearn() -> Any:
    try:
        from sklearn import datasets
    except ImportError:
        raise ImportError("the demo pictures ship with scikit-learn: pip install 'specsched[demo]'") from None
    return datasets
