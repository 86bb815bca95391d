"""A spectrum on disk: JSON that a person can read, or NPZ for large ones."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from .._support import checks, reading
from .._support.files import write_whole
from .covariance.moments import Moments

FORMAT = "specsched spectrum"
VERSION = 1
_FIELDS = ("eigenvalues", "weights", "mean_power")


def save(path: str | os.PathLike[str], moments: Moments) -> None:
    """Write the three arrays to a .json or .npz file; the file appears whole or not at all."""
    suffix = Path(checks.path("path", path)).suffix.lower()
    if suffix == ".json":
        document = {"format": FORMAT, "version": VERSION}
        content = json.dumps(
            document | {k: v.tolist() for k, v in zip(_FIELDS, moments, strict=True)}
        ).encode()
    elif suffix == ".npz":
        buffer = io.BytesIO()
        arrays: dict[str, Any] = dict(zip(_FIELDS, moments, strict=True))
        np.savez(buffer, format=np.array(FORMAT), version=np.array(VERSION), **arrays)
        content = buffer.getvalue()
    else:
        raise ValueError(f"path must end in .json or .npz, got {os.fspath(path)!r}")
    write_whole(path, content)


def load(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The arrays of a saved spectrum, as keyword arguments of `Spectrum`.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it is not a saved spectrum or comes from a newer version.
    """
    shown = checks.path("path", path)
    with open(shown, "rb") as stream:
        zipped = stream.read(2) == b"PK"
    document = _read_npz(shown) if zipped else _read_json(shown)
    if (
        not isinstance(document.get("format"), str)
        or document["format"] != FORMAT
        or "eigenvalues" not in document
    ):
        raise ValueError(f"{shown!r} is not a saved spectrum")
    version = document.get("version")
    if not isinstance(version, int) or isinstance(version, bool) or not 1 <= version <= VERSION:
        raise ValueError(f"{shown!r} has spectrum version {version!r}; this package reads up to {VERSION}")
    return {field: document.get(field) for field in _FIELDS}


def is_spectrum(path: Path) -> bool:
    """Whether a .json or .npz file declares itself a saved spectrum."""
    try:
        load(path)
    except ValueError:
        return False
    return True


def _read_json(shown: str) -> dict[str, Any]:
    try:
        document = reading.read_json(shown)
        if not isinstance(document, dict):
            return {}
        return document | {
            name: reading.numbers(name, document[name]) for name in _FIELDS if document.get(name) is not None
        }
    except ValueError as error:
        raise ValueError(f"{shown!r} is not a saved spectrum: {error}") from None


def _read_npz(shown: str) -> dict[str, Any]:
    try:
        archive = reading.Archive(shown)
        if not {"format", "version"} <= set(archive.names):
            return {}
        document: dict[str, Any] = {
            name: archive.read(name) for name in archive.names if name in (*_FIELDS, "format", "version")
        }
    except ValueError as error:
        raise ValueError(f"{shown!r} is not a saved spectrum: {error}") from None
    for name in ("format", "version"):
        if document[name].ndim == 0:
            document[name] = document[name].item()
    return document
