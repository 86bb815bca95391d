"""Arrays of others: what a header declares is checked before anything is decoded, and errors name the file."""

from __future__ import annotations

import math
import os
from functools import partial
from typing import Any

import numpy as np
from numpy.lib import format as npy

from .. import checks

MOST_ARRAY_BYTES = 1 << 32
"""Declared size of the largest array of a .npz file, which is decoded in memory as a whole; .npy is mapped."""


class Archive:
    """The arrays of a .npz file, each checked by its own header before it is decoded.

    Parameters
    ----------
    path : path-like
        The file.
    error : type
        What to raise for a damaged one.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it is no archive of arrays, or `error`; the message names the file, here and in `read`.
    """

    def __init__(self, path: str | os.PathLike[str], error: type[Exception] = ValueError) -> None:
        from zipfile import ZipFile

        self._shown = checks.path("path", path)
        self._open = partial(ZipFile, self._shown)
        self._complaints = Complaints(self._shown, "array", error)
        with self._complaints, self._open() as archive:
            self._members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}

    @property
    def names(self) -> list[str]:
        """Names of the arrays."""
        return list(self._members)

    def read(self, name: str) -> np.ndarray[Any, Any]:
        """The array of that name."""
        info = self._members[name]
        with self._complaints, self._open() as archive:
            if info.file_size > MOST_ARRAY_BYTES:
                raise ValueError(
                    f"{name!r} is {info.file_size} bytes large, more than the {MOST_ARRAY_BYTES >> 30} GiB that are "
                    "decoded in memory; save it as .npy, which is mapped"
                )
            with archive.open(info) as stream:
                _check_declared(stream, info.file_size)
            with archive.open(info) as stream:
                array: np.ndarray[Any, Any] = npy.read_array(stream, allow_pickle=False)
        return array


def map_array(path: str | os.PathLike[str], error: type[Exception] = ValueError) -> np.ndarray[Any, Any]:
    """The array of a .npy file, mapped, not read; errors as of `Archive`."""
    shown = checks.path("path", path)
    with Complaints(shown, "array", error):
        with open(shown, "rb") as stream:
            declared = _check_declared(stream, os.fstat(stream.fileno()).st_size)
        # An empty array cannot be mapped.
        mapped: np.ndarray[Any, Any] = np.load(shown, mmap_mode="r" if declared else None, allow_pickle=False)
    return mapped


class Complaints:
    """Whatever a decoder of a damaged file raises becomes one kind of error, which names the file.

    Parameters
    ----------
    path : str
        The file.
    what : str
        What it should hold.
    error : type
        The kind.
    """

    def __init__(self, path: str, what: str, error: type[Exception]) -> None:
        self._path, self._what, self._error = path, what, error

    def __enter__(self) -> Complaints:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        # Zip, zlib and the parser of headers have a dozen kinds of errors between them, from struct.error to KeyError
        # and NotImplementedError. What is wrong with the system or the machine keeps its kind.
        system = isinstance(error, MemoryError) or (isinstance(error, OSError) and error.filename is not None)
        if isinstance(error, Exception) and not system:
            text = str(error) or type(error).__name__
            raise self._error(f"cannot read {self._what} {self._path!r}: {text}") from None


def _check_declared(stream: Any, there: int) -> int:
    """The size in bytes that an array's header declares; raises if so much is not there."""
    version = npy.read_magic(stream)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = read(stream)
    if dtype.hasobject:
        raise ValueError("it holds Python objects, which are not read")
    declared = math.prod(map(int, shape)) * int(dtype.itemsize)
    if min(shape, default=0) < 0 or declared > there:
        raise ValueError(f"its header declares {declared} bytes in shape {shape}, the file has {there}")
    return declared
