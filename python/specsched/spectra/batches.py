"""Samples in blocks: arrays, memory-maps and iterables of batches all read the same way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._support import checks

Block = NDArray[Any]
"""A block of samples, shape (rows, *sample shape), of a real dtype."""

_BLOCK_BYTES = 64 << 20
LARGEST_SAMPLE = 1e45
"""Entries beyond it are refused: their variances would leave the range of eigenvalues."""
MOST_SAMPLES = 1 << 28
"""Samples of a source that are taken without a limit: their numbers alone are 2 GB."""


@dataclass(frozen=True)
class Batches:
    """A re-readable stream of batches whose number of samples is known beforehand.

    Attributes
    ----------
    count : int
        Number of samples in all.
    shape : tuple of int
        Shape of one sample.
    read : callable
        Starts a new pass: returns an iterator over batches of shape (rows, *shape).
    """

    count: int
    shape: tuple[int, ...]
    read: Callable[[], Iterator[Block]]

    def __iter__(self) -> Iterator[Block]:
        return self.read()


def as_array(samples: object) -> Block | None:
    """`samples` as one array (memory-maps stay maps), None where they are a stream of batches."""
    if isinstance(samples, np.ndarray):
        checks.unmasked("samples", samples)
        return np.asarray(samples)  # a matrix, whose axes never fall below two, becomes an array
    if isinstance(samples, (str, bytes, dict)):
        raise TypeError(f"samples must be an array or an iterable of batches, got {type(samples).__name__}")
    if hasattr(samples, "__array__"):
        return np.asarray(checks.on_host(samples))
    if isinstance(samples, (list, tuple)):
        if not samples:
            raise ValueError("samples must not be empty")
        # A list of matrices is a list of batches; a list of rows or numbers is the data itself.
        return None if np.ndim(samples[0]) >= 2 else checks.real_array("samples", samples)
    if isinstance(samples, Iterable):
        return None
    raise TypeError(f"samples must be an array or an iterable of batches, got {type(samples).__name__}")


def count_of(samples: object) -> int | None:
    """Number of samples, None if only reading them tells."""
    if isinstance(samples, Batches):
        return samples.count
    array = as_array(samples)
    return None if array is None else len(array)


def blocks(samples: object, first: int = 0) -> Iterator[tuple[int, Block]]:
    """Pairs (index of the first row, block), in order; every block checked for shape, type and NaN.

    The first row of all has the index `first`.

    Raises
    ------
    TypeError
        If the samples are neither an array nor an iterable of real arrays.
    ValueError
        If a block has no axis beside that of the samples, another sample shape than the first
        block, or a NaN or infinity (the message gives its index).
    """
    array = as_array(samples)
    shape: tuple[int, ...] | None = None
    start = first
    for number, batch in enumerate(_raw(samples) if array is None else [array]):
        name = "samples" if array is not None else f"batch {number}"
        check_block(name, batch)
        if shape is not None and batch.shape[1:] != shape:
            raise ValueError(f"{name} has samples of shape {batch.shape[1:]}, the first batch of {shape}")
        shape = batch.shape[1:]
        for rows in _split(batch):
            check_finite(rows, start)
            yield start, rows
            start += len(rows)


def _raw(samples: object) -> Iterator[Block]:
    for number, batch in enumerate(samples):  # type: ignore[arg-type, var-annotated]
        checks.unmasked(f"batch {number}", batch)
        try:
            yield np.asarray(checks.on_host(batch))
        except ValueError:
            raise TypeError("every batch must be an array of real numbers; got a ragged sequence") from None


def _split(batch: Block) -> Iterator[Block]:
    rows = max(1, _BLOCK_BYTES // (8 * int(np.prod(batch.shape[1:]))))
    for k in range(0, len(batch), rows):
        yield batch[k : k + rows]


def check_block(name: str, batch: Block) -> None:
    """Raise for a batch that is not real numbers of shape (rows, d...) with d > 0."""
    if batch.dtype.kind == "c":
        raise TypeError(f"{name} must be real, got complex values (dtype {batch.dtype})")
    if batch.dtype.kind not in "iuf":
        raise TypeError(f"{name} must be an array of real numbers, got dtype {batch.dtype}")
    if batch.ndim < 2:
        raise ValueError(
            f"{name} must have shape (n, d...): samples along the first axis; got shape {batch.shape} "
            "(use reshape(-1, 1) for n numbers)"
        )
    if 0 in batch.shape[1:]:
        raise ValueError(f"{name} must have samples of at least one entry, got shape {batch.shape}")


def beyond(rows: Block) -> NDArray[np.bool_]:
    """Where entries are NaN, infinite or too large."""
    return np.asarray(~(np.abs(rows.astype(np.float64)) <= LARGEST_SAMPLE))


def check_finite(rows: Block, start: int) -> None:
    """Raise at the first NaN or infinity of a block that begins at row `start`."""
    # A NaN is the largest and the smallest of all, so that one pass finds all that is wrong.
    if (
        rows.dtype.kind != "f"
        or not rows.size
        or (float(rows.max()) <= LARGEST_SAMPLE and float(rows.min()) >= -LARGEST_SAMPLE)
    ):
        return
    local = tuple(int(i) for i in np.argwhere(beyond(rows))[0])
    text = ", ".join(map(str, (start + local[0], *local[1:])))
    what = f"at most {LARGEST_SAMPLE:g} in size" if np.isfinite(rows[local]) else "finite"
    raise ValueError(f"samples must be {what}; samples[{text}] is {rows[local]}")


def enough(count: int, ddof: int) -> None:
    """Raise unless `count` samples carry a covariance."""
    if count < 2 or count <= ddof:
        raise ValueError(
            f"samples must hold at least {max(2, ddof + 1)} samples (ddof = {ddof}), got {count}: "
            "a covariance cannot be estimated from fewer"
        )


def pick(counts: Sequence[int], limit: int | None) -> list[NDArray[np.intp]]:
    """Which samples to read of sources that hold `counts` each: all, or `limit` of them, evenly spread.

    Examples
    --------
    >>> [part.tolist() for part in pick([4, 2], 3)]
    [[0, 2], [1]]
    """
    total = sum(counts)
    if limit is not None:
        limit = checks.integer("limit", limit, minimum=1)
    size = total if limit is None else min(limit, total)
    if size > MOST_SAMPLES:
        raise ValueError(f"limit must be given, at most {MOST_SAMPLES}, for a source of {total} samples")
    chosen = np.arange(total) if size == total else np.linspace(0, total - 1, size).round().astype(np.intp)
    ends = np.cumsum(counts)
    parts = np.split(chosen, np.searchsorted(chosen, ends[:-1]))
    return [part - (end - count) for part, end, count in zip(parts, ends, counts, strict=True)]
