"""Sound files as samples."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from specsched.spectra.sources import audio
from specsched.spectra.sources.audio import audio_batches


def sound(path: Path, frames: int = 1000, *, channels: int = 1, rate: int = 8000) -> np.ndarray:
    values = np.random.default_rng(frames).uniform(-0.9, 0.9, (frames, channels))
    soundfile.write(path, values, rate, subtype="PCM_16")
    return values


def windows_of(files: list[Path], **options: Any) -> np.ndarray:
    batches = audio_batches(files, **options)
    windows = np.concatenate(list(batches))
    assert windows.shape == (batches.count, *batches.shape)
    return windows


@pytest.mark.parametrize("suffix", ["wav", "flac"])
@pytest.mark.parametrize(("window", "hop"), [(100, None), (64, 10), (30, 70), (1000, 5)])
def test_windows(tmp_path: Path, suffix: str, window: int, hop: int | None) -> None:
    path = tmp_path / f"a.{suffix}"
    values = sound(path)[:, 0]
    step = hop or window
    expected = [values[k : k + window] for k in range(0, 1000 - window + 1, step)]
    np.testing.assert_allclose(windows_of([path], window=window, hop=hop), expected, atol=1e-4)


def test_channels(tmp_path: Path) -> None:
    path = tmp_path / "stereo.wav"
    values = sound(path, channels=2)
    mono = windows_of([path], window=1000)[0]
    np.testing.assert_allclose(mono, values.mean(axis=1), atol=1e-4)
    np.testing.assert_allclose(windows_of([path], window=1000, channel=1)[0], values[:, 1], atol=1e-4)
    with pytest.raises(ValueError, match=r"channel = 2 is not in .*stereo\.wav', which has 2"):
        audio_batches([path], window=100, channel=2)


def test_long_files_come_in_bounded_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "long.wav"
    sound(path, 5000)
    whole = windows_of([path], window=50, hop=20)
    monkeypatch.setattr(audio, "_BATCH_BYTES", 4 * 50 * 7)
    sizes = [len(batch) for batch in audio_batches([path], window=50, hop=20)]
    assert max(sizes) <= 16
    assert len(sizes) > 10
    np.testing.assert_array_equal(windows_of([path], window=50, hop=20), whole)
    np.testing.assert_array_equal(windows_of([path], window=50, hop=20, limit=3), whole[[0, 124, 247]])


def test_several_files(tmp_path: Path) -> None:
    files = [tmp_path / "a.wav", tmp_path / "b.flac"]
    first, second = sound(files[0], 250), sound(files[1], 330)
    windows = windows_of(files, window=100)
    assert len(windows) == 5
    np.testing.assert_allclose(windows[1], first[100:200, 0], atol=1e-4)
    np.testing.assert_allclose(windows[4], second[200:300, 0], atol=1e-4)


@pytest.mark.parametrize("suffix", ["wav", "flac"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.99])
def test_truncated_files_are_named(tmp_path: Path, suffix: str, share: float) -> None:
    path = tmp_path / f"cut.{suffix}"
    sound(path, 20000)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(OSError, match=rf"cut\.{suffix}"):
        windows_of([path], window=100)


def test_streamed_wav_of_unknown_length_is_read(tmp_path: Path) -> None:
    path = tmp_path / "stream.wav"
    sound(path, 400)
    content = bytearray(path.read_bytes())
    start = content.index(b"data") + 4
    content[start : start + 4] = b"\xff\xff\xff\xff"
    path.write_bytes(content)
    assert len(windows_of([path], window=100)) == 4


@pytest.mark.parametrize("content", [b"", b"no sound", b"RIFF\x00\x00\x00\x00WAVE"])
def test_files_that_are_no_sound(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.wav"
    path.write_bytes(content)
    with pytest.raises(OSError, match=r"cannot read sound .*broken\.wav"):
        audio_batches([path])


def test_short_files_and_rates(tmp_path: Path) -> None:
    files = [tmp_path / "a.wav", tmp_path / "b.wav"]
    sound(files[0], 2000)
    sound(files[1], 500)
    with pytest.raises(ValueError, match=r"window = 1024 is longer than sound .*b\.wav' \(500 frames\)"):
        audio_batches(files)
    sound(files[1], 2000, rate=16000)
    with pytest.raises(ValueError, match=r"a\.wav' has 8000 Hz, .*b\.wav' 16000 Hz"):
        audio_batches(files)


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"window": 0}, ValueError, "window must be at least 1"),
        ({"window": 10.5}, TypeError, "window must be an integer"),
        ({"hop": 0}, ValueError, "hop must be at least 1"),
        ({"channel": -1}, ValueError, "channel must be at least 0"),
        ({"limit": 0}, ValueError, "limit must be at least 1"),
    ],
)
def test_bad_options(tmp_path: Path, options: dict[str, Any], error: type[Exception], text: str) -> None:
    sound(tmp_path / "a.wav", 2000)
    with pytest.raises(error, match=text):
        audio_batches([tmp_path / "a.wav"], **options)


def test_no_files() -> None:
    with pytest.raises(ValueError, match="at least one sound file"):
        audio_batches([])


def test_missing_soundfile_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sound(tmp_path / "a.wav")
    monkeypatch.setitem(sys.modules, "soundfile", None)
    with pytest.raises(ImportError, match=r"pip install 'specsched\[data\]'"):
        audio_batches([tmp_path / "a.wav"])


def test_a_limit_below_the_number_of_files(tmp_path: Path) -> None:
    files = [tmp_path / f"{k}.wav" for k in range(4)]
    values = [sound(file, frames=100 + k)[:, 0] for k, file in enumerate(files)]
    found = windows_of(files, window=100, limit=2)
    np.testing.assert_allclose(found, [values[0][:100], values[3][:100]], atol=1e-4)


def test_a_header_that_promises_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sound(tmp_path / "a.flac")
    monkeypatch.setattr(audio, "_MOST_FRAMES_PER_BYTE", 0.1)
    with pytest.raises(OSError, match="declares 1000 frames in a file of"):
        audio_batches([tmp_path / "a.flac"], window=10)
