"""Tensors of .safetensors and .pt files as arrays; nothing of a file is executed."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from .. import checks
from .arrays import Complaints


@dataclass(frozen=True)
class Stored:
    """A tensor of a file: what its header tells, and its numbers when they are asked for."""

    shape: tuple[int, ...]
    read: Callable[[], np.ndarray[Any, Any]]


Tensors = dict[str, Stored]

MOST_HEADER_BYTES = 100_000_000
"""The format's own limit (github.com/huggingface/safetensors, README)."""

_TYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "BF16": "<u2",  # the upper half of a float32
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "i1",
    "U8": "u1",
}


def open_tensors(path: str | os.PathLike[str]) -> Tensors:
    """The tensors of a .safetensors, .pt or .pth file by name, mapped and not read; "" for a single one.

    Only .pt files of torch before 1.6 are read whole.

    Raises
    ------
    OSError
        If the file cannot be read; the message names it.
    ImportError
        If it is a .pt file and torch is missing.
    """
    shown = checks.path("path", path)
    if shown.lower().endswith(".safetensors"):
        with Complaints(shown, "tensors", OSError):
            return _safetensors(shown)
    try:
        import torch
    except ImportError:
        raise ImportError("reading .pt files needs PyTorch: pip install torch") from None
    load = partial(torch.load, shown, map_location="cpu", weights_only=True)
    with Complaints(shown, "tensors", OSError):
        try:
            return _named(load(mmap=True))
        except RuntimeError as error:
            if "mmap" not in str(error):
                raise
            return _named(load())  # the format before 1.6


def _safetensors(path: str) -> Tensors:
    """Eight bytes of length, a JSON header of that length, and the numbers."""
    size = os.path.getsize(path)
    with open(path, "rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if not 2 <= length <= min(MOST_HEADER_BYTES, size - 8):
            raise ValueError(f"its header is {length} bytes long in a file of {size}")
        header = json.loads(stream.read(length))
    found: Tensors = {}
    for name, entry in header.items():
        if name != "__metadata__":
            found[name] = _mapped(path, entry, 8 + length, size)
    return found


def _mapped(path: str, entry: Any, begin: int, size: int) -> Stored:
    kind = checks.lookup("dtype", entry["dtype"], _TYPES)
    shape = tuple(checks.integer("shape", side, minimum=0) for side in entry["shape"])
    first, last = (
        checks.integer("data_offsets", place, minimum=0, maximum=size) for place in entry["data_offsets"]
    )
    if last - first != math.prod(shape) * np.dtype(kind).itemsize or begin + last > size:
        raise ValueError(f"a tensor of shape {shape} does not fit into bytes {first} to {last}")

    def read() -> np.ndarray[Any, Any]:
        if last == first:
            return np.zeros(shape, dtype=kind)
        array: np.ndarray[Any, Any] = np.memmap(path, dtype=kind, mode="r", offset=begin + first, shape=shape)
        return _widened(array) if entry["dtype"] == "BF16" else array

    return Stored(shape, read)


def _widened(halves: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return (halves.astype(np.uint32) << 16).view(np.float32)


def _named(content: Any) -> Tensors:
    if hasattr(content, "detach"):
        content = {"": content}
    if isinstance(content, (list, tuple)):
        content = {str(k): value for k, value in enumerate(content)}
    if not isinstance(content, dict):
        raise ValueError(f"it holds {type(content).__name__}, not tensors")
    kept = {str(name): value for name, value in content.items() if hasattr(value, "detach")}
    return {name: Stored(tuple(value.shape), partial(_array, value)) for name, value in kept.items()}


def _array(tensor: Any) -> np.ndarray[Any, Any]:
    """NumPy has no bfloat16."""
    host = tensor.detach().cpu()
    array: np.ndarray[Any, Any] = (host.float() if str(host.dtype) == "torch.bfloat16" else host).numpy()
    return array
