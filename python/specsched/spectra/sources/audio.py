"""Sound files as batches of windows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._support import checks
from ..batches import Batches, pick
from .folders import headers, told

SUFFIXES = (".wav", ".flac", ".ogg", ".aiff", ".aif")
_BATCH_BYTES = 32 << 20
MOST_WINDOW = 1 << 24
"""Frames of the longest window: six minutes of sound at 44.1 kHz."""
_MOST_FRAMES_PER_BYTE = 1 << 13
"""What no encoder reaches: FLAC packs silence, its best case, into one byte for at most 4,681 frames."""
_UNKNOWN_LENGTH = (0, 0xFFFFFFFF)  # what programs write that stream a WAV file

Windows = NDArray[np.float32]


@dataclass(frozen=True)
class _Entry:
    """What the header of a file tells."""

    path: Path
    frames: int
    rate: int
    channels: int


def audio_batches(
    files: Sequence[Path],
    *,
    window: int = 1024,
    hop: int | None = None,
    channel: int | None = None,
    limit: int | None = None,
    skip_bad: bool = False,
) -> Batches:
    """Windows of sound as float32 samples of shape (window,), full scale -1 to 1.

    Parameters
    ----------
    files : sequence of Path
        Sound files of one sampling rate.
    window : int
        Length of a window in frames.
    hop : int, optional
        Distance between windows in frames; default `window`.
    channel : int, optional
        Channel to take; by default the mean of all channels.
    limit : int, optional
        Largest number of windows, taken evenly over all.
    skip_bad : bool
        Leave out files that cannot be read, and tell.

    Returns
    -------
    Batches
        A stream that reads each file once per pass and holds one batch at a time.

    Raises
    ------
    OSError
        If a file cannot be read as sound or ends too early; the message names it.
    ValueError
        If there is no file, a file is shorter than a window or lacks the channel, or sampling rates differ.
    ImportError
        If soundfile is missing.
    """
    if not files:
        raise ValueError("files must hold at least one sound file")
    window = checks.integer("window", window, minimum=1, maximum=MOST_WINDOW)
    hop = window if hop is None else checks.integer("hop", hop, minimum=1)
    if channel is not None:
        channel = checks.integer("channel", channel, minimum=0)
    entries = headers(files, _header, skip_bad=skip_bad)
    for entry in entries:
        _check(entry, entries[0], window, channel)
    chosen = pick([1 + (entry.frames - window) // hop for entry in entries], limit)

    def read() -> Iterator[Windows]:
        for entry, wanted in zip(entries, chosen, strict=True):
            if len(wanted):
                try:
                    yield from _windows(entry, wanted, window, hop, channel)
                except OSError as error:
                    told(error, skip_bad)

    return Batches(sum(map(len, chosen)), (window,), read)


def _windows(entry: _Entry, wanted: Any, window: int, hop: int, channel: int | None) -> Iterator[Windows]:
    """The wanted windows of a file, in groups that span a bounded stretch of it."""
    frames = max(window, _BATCH_BYTES // (4 * entry.channels))
    # Overlapping windows multiply the data: bound what comes out, not only what is read.
    group = max(1, min((frames - window) // hop + 1, _BATCH_BYTES // (4 * window)))
    with _open(entry.path) as sound:
        for number in np.unique(wanted // group):
            local = wanted[wanted // group == number]
            start, stop = int(local[0]) * hop, int(local[-1]) * hop + window
            signal = _stretch(sound, entry, start, stop, channel)
            views = np.lib.stride_tricks.sliding_window_view(signal, window)
            yield views[(local - local[0]) * hop]


def _stretch(sound: Any, entry: _Entry, start: int, stop: int, channel: int | None) -> Windows:
    try:
        sound.seek(start)
        values: Windows = sound.read(stop - start, dtype="float32", always_2d=True)
    except _errors() as error:
        raise OSError(f"cannot read sound {str(entry.path)!r}: {error}") from None
    if len(values) < stop - start:
        raise OSError(
            f"sound {str(entry.path)!r} is truncated: its header promises {entry.frames} frames, "
            f"it ends at {start + len(values)}"
        )
    signal: Windows = values.mean(axis=1) if channel is None else values[:, channel]
    return signal


def _header(path: Path) -> _Entry:
    _check_riff(path)
    with _open(path) as sound:
        entry = _Entry(path, int(sound.frames), int(sound.samplerate), int(sound.channels))
    size = path.stat().st_size
    if entry.frames > _MOST_FRAMES_PER_BYTE * size:
        raise OSError(f"sound {str(path)!r} declares {entry.frames} frames in a file of {size} bytes")
    return entry


def _check_riff(path: Path) -> None:
    """Raise if a WAV file ends before its data do: the decoder would shorten the sound without a word."""
    with path.open("rb") as stream:
        head = stream.read(12)
        if head[:4] != b"RIFF" or head[8:] != b"WAVE":
            return
        total = path.stat().st_size
        while len(chunk := stream.read(8)) == 8:
            length = int.from_bytes(chunk[4:], "little")
            rest = total - stream.tell()
            if chunk[:4] == b"data":
                if length > rest and length not in _UNKNOWN_LENGTH:
                    raise OSError(
                        f"sound {str(path)!r} is truncated: {rest} of {length} bytes of data are there"
                    )
                return
            stream.seek(length + length % 2, 1)


def _check(entry: _Entry, first: _Entry, window: int, channel: int | None) -> None:
    if entry.rate != first.rate:
        raise ValueError(
            f"sounds differ in sampling rate: {str(first.path)!r} has {first.rate} Hz, "
            f"{str(entry.path)!r} {entry.rate} Hz; resample them to one rate first"
        )
    if entry.frames < window:
        raise ValueError(
            f"window = {window} is longer than sound {str(entry.path)!r} ({entry.frames} frames); "
            f"use a shorter window or leave the file out"
        )
    if channel is not None and channel >= entry.channels:
        raise ValueError(
            f"channel = {channel} is not in {str(entry.path)!r}, which has {entry.channels}, counted from 0"
        )


def _open(path: Path) -> Any:
    soundfile = _soundfile()
    try:
        return soundfile.SoundFile(path)
    except _errors() as error:
        raise OSError(f"cannot read sound {str(path)!r}: {error}") from None


def _errors() -> tuple[type[Exception], ...]:
    return (OSError, RuntimeError)  # the decoder's own errors are RuntimeErrors


def _soundfile() -> Any:
    try:
        import soundfile
    except ImportError:
        raise ImportError("reading sound needs soundfile: pip install 'specsched[data]'") from None
    return soundfile
