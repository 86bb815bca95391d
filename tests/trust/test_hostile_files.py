"""Files made to hurt: bombs are refused by what they declare, damage is an error that names the file."""

from __future__ import annotations

import io
import json
import struct
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import specsched as ss
from specsched._support.reading import arrays, documents
from specsched.cli.work import read_schedule
from specsched.sources import load_spectrum
from specsched.spectra.batches import pick
from specsched.spectra.sources.images import image_batches

HEAD = {"format": "specsched.Schedule", "version": 1, "name": "", "steps": 2}
LOADS = [ss.Schedule.load, ss.Spectrum.load]


def peak_of(call: Callable[[], object]) -> int:
    """Most bytes that Python held during the call."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def refused(call: Callable[[], object], name: str, error: type[Exception] = ValueError) -> str:
    """The message of the error, which must name the file and come before any memory is used."""
    messages = []

    def run() -> None:
        with pytest.raises(error, match=name) as caught:
            call()
        messages.append(str(caught.value))

    assert peak_of(run) < 64 << 20
    return messages[0]


@pytest.mark.parametrize("load", LOADS)
@pytest.mark.parametrize("text", ["[" * 200_000, '{"a":' * 200_000, "[" * 200_000 + "]" * 200_000])
def test_json_nested_deep(tmp_path: Path, load: Callable[[Any], object], text: str) -> None:
    path = tmp_path / "deep.json"
    path.write_text(text)
    refused(lambda: load(path), r"deep\.json")
    refused(lambda: load_spectrum(path), r"deep\.json")


@pytest.mark.parametrize("load", LOADS)
def test_json_that_does_not_end(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, load: Callable[[Any], object]
) -> None:
    monkeypatch.setattr(documents, "MOST_JSON_BYTES", 1000)
    path = tmp_path / "long.json"
    path.write_text("[" + "1," * 1000 + "1]")
    assert "larger than" in refused(lambda: load(path), r"long\.json")


LEVELS = [
    "[true, 0.0, 0.0]",
    "[3.0, true, 0.0]",
    "[3.0, 1e999, 0]",
    "[[3.0], 1.0, 0]",
    '["3", 1, 0]',
    "[null, 1, 0]",
    f"[1{'0' * 400}, 1, 0]",
    f"[1{'0' * 5000}, 1, 0]",
    '{"a": 1}',
    "3.0",
]


@pytest.mark.parametrize("levels", LEVELS)
def test_levels_that_are_no_numbers(tmp_path: Path, levels: str) -> None:
    path = tmp_path / "odd.json"
    path.write_text(json.dumps(HEAD)[:-1] + f', "sigmas": {levels}}}')
    refused(lambda: ss.Schedule.load(path), r"odd\.json")
    fields = '"format": "specsched spectrum", "version": 1'
    path.write_text(f'{{{fields}, "eigenvalues": {levels}}}')
    refused(lambda: ss.Spectrum.load(path), r"odd\.json")


@pytest.mark.parametrize("values", [[3.0, 1.0j, 0.0], [True, False], ["3", "1"], [[3.0, 1.0]], []])
def test_schedules_as_arrays(tmp_path: Path, values: list[Any]) -> None:
    path = tmp_path / "levels.npy"
    np.save(path, np.array(values))
    refused(lambda: read_schedule(path), r"levels\.npy")


def test_every_damage_to_an_archive_names_it(tmp_path: Path) -> None:
    """Bytes changed and files cut short at places spread over the archive: a value or an error, never another kind."""
    path = tmp_path / "data.npz"
    np.savez_compressed(
        path, format="specsched spectrum", version=1, eigenvalues=np.arange(1.0, 9.0), weights=np.ones(8)
    )
    whole = path.read_bytes()
    rng = np.random.default_rng(4)
    messages: list[str] = []
    for k in range(120):
        damaged = bytearray(whole)
        if k % 3:
            damaged[rng.integers(len(whole))] ^= 1 << rng.integers(8)
        else:
            damaged = damaged[: rng.integers(len(whole))]
        path.write_bytes(damaged)
        for load in (ss.Spectrum.load, load_spectrum):
            try:
                load(path)
            except (ValueError, OSError) as error:
                messages.append(str(error))
    assert len(messages) > 120
    assert all("data.npz" in message for message in messages)


def archive_of(path: Path, name: str, content: bytes, declared: int | None = None) -> None:
    """A .npz file with one member, whose size may be declared falsely."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{name}.npy", content)
    data = buffer.getvalue()
    if declared is not None:
        real = struct.pack("<I", len(content))
        assert data.count(real) == 2
        data = data.replace(real, struct.pack("<I", declared))
    path.write_bytes(data)


def npy_header(shape: tuple[int, ...]) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "<f8", "fortran_order": False, "shape": shape})
    return buffer.getvalue()


def test_a_header_that_promises_more_than_there_is(tmp_path: Path) -> None:
    path = tmp_path / "bomb.npz"
    archive_of(path, "samples", npy_header((1 << 27, 1)) + bytes(80))
    assert "declares" in refused(lambda: load_spectrum(path), r"bomb\.npz", OSError)
    path = tmp_path / "bomb.npy"
    path.write_bytes(npy_header((1 << 27, 1)) + bytes(80))
    assert "declares" in refused(lambda: load_spectrum(path), r"bomb\.npy", OSError)
    path.write_bytes(npy_header((-4, 2)) + bytes(80))
    refused(lambda: load_spectrum(path), r"bomb\.npy", OSError)


def test_a_zip_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Zeros pack a thousandfold: what is declared counts, not the size of the file."""
    monkeypatch.setattr(arrays, "MOST_ARRAY_BYTES", 1 << 20)
    path = tmp_path / "bomb.npz"
    archive_of(path, "samples", npy_header((1 << 18, 1)) + bytes(1 << 21))
    assert path.stat().st_size < 1 << 13
    assert "mapped" in refused(lambda: load_spectrum(path), r"bomb\.npz", OSError)
    assert "mapped" not in refused(lambda: ss.Spectrum.load(path), r"bomb\.npz")


def png(path: Path, width: int, height: int) -> None:
    """A PNG file of a few bytes that declares a size."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + data)


@pytest.mark.parametrize("side", [11_600, 13_000, 60_000])
@pytest.mark.parametrize("size", [None, 8])
def test_image_bombs(tmp_path: Path, side: int, size: int | None) -> None:
    path = tmp_path / "bomb.png"
    png(path, side, side)
    refused(lambda: list(image_batches([path], size=size)), r"bomb\.png", (ValueError, OSError))  # type: ignore[arg-type]


def test_an_image_that_is_a_program(tmp_path: Path) -> None:
    """PostScript under another ending would be handed to an interpreter."""
    path = tmp_path / "script.png"
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\nshowpage\n")
    refused(lambda: image_batches([path]), r"script\.png", OSError)


@pytest.mark.parametrize("size", [2**31, (2**31, 2**31), (1, 2**40), 2**20])
@pytest.mark.parametrize("fit", ["resize", "cover", "crop"])
def test_sizes_of_samples(tmp_path: Path, size: Any, fit: str) -> None:
    png(tmp_path / "a.png", 8, 8)
    refused(lambda: list(image_batches([tmp_path / "a.png"], size=size, fit=fit)), "^size")


def test_covering_a_sliver(tmp_path: Path) -> None:
    from PIL import Image

    Image.new("L", (4000, 1)).save(tmp_path / "sliver.png")
    refused(lambda: list(image_batches([tmp_path / "sliver.png"], size=1000, fit="cover")), "^size")


@pytest.mark.parametrize("frames", [0, 1 << 33, (1 << 36) - 1])
def test_sound_bombs(tmp_path: Path, frames: int) -> None:
    """A FLAC file whose header declares more frames than its bytes can hold; 0 means that it does not say."""
    path = tmp_path / "bomb.flac"
    soundfile.write(path, np.zeros(5000), 8000)
    data = bytearray(path.read_bytes())
    place = data.index(struct.pack(">I", 5000))
    data[place - 1] = data[place - 1] & 0xF0 | frames >> 32
    data[place : place + 4] = struct.pack(">I", frames & 0xFFFFFFFF)
    path.write_bytes(data)
    refused(lambda: load_spectrum(path, window=8), r"bomb\.flac", OSError)


def test_more_samples_than_their_numbers_fit() -> None:
    assert pick([1 << 40, 1 << 40], 4)[0].tolist() == [0, 733007751850]
    with pytest.raises(ValueError, match=r"^limit must be"):
        pick([1 << 40], None)
    with pytest.raises(ValueError, match=r"^limit must be"):
        pick([1 << 40], 1 << 39)
