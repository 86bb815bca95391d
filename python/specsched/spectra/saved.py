"""A spectrum on disk: JSON that a person can read, or NPZ for large ones."""

from __future__ import annotations

import io
import json
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from .._support.files import write_whole
from .covariance import Moments

FORMAT = "specsched spectrum"
VERSION = 1
_FIELDS = ("eigenvalues", "weights", "mean_power")


def save(path: str | os.PathLike[str], moments: Moments) -> None:
    """Write the three arrays to a .json or .npz file; the file appears whole or not at all."""
    suffix = Path(path).suffix.lower()
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
    content = Path(path).read_bytes()
    document = _read_npz(path, content) if content[:2] == b"PK" else _read_json(path, content)
    if document.get("format") != FORMAT or "eigenvalues" not in document:
        raise ValueError(f"{os.fspath(path)!r} is not a saved spectrum")
    version = document.get("version")
    if not isinstance(version, int) or not 1 <= version <= VERSION:
        raise ValueError(
            f"{os.fspath(path)!r} has spectrum version {version!r}; this package reads up to {VERSION}"
        )
    return {field: document.get(field) for field in _FIELDS}


def is_spectrum(path: Path) -> bool:
    """Whether a .json or .npz file declares itself a saved spectrum."""
    try:
        load(path)
    except ValueError:
        return False
    return True


def _read_json(path: str | os.PathLike[str], content: bytes) -> dict[str, Any]:
    try:
        document = json.loads(content)
    except ValueError as error:
        raise ValueError(f"{os.fspath(path)!r} is not a saved spectrum: {error}") from None
    return document if isinstance(document, dict) else {}


def _read_npz(path: str | os.PathLike[str], content: bytes) -> dict[str, Any]:
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            document: dict[str, Any] = {name: archive[name] for name in archive.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{os.fspath(path)!r} is not a saved spectrum: {error}") from None
    for name in ("format", "version"):
        if name in document and document[name].ndim == 0:
            document[name] = document[name].item()
    return document
