"""Random samples, and their spectrum by the textbook."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

RNG = np.random.default_rng(20240611)
START = RNG.bit_generator.state


def moments_of(samples: np.ndarray, ddof: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues in falling order and mean power, by the two-pass textbook formula."""
    rows = samples.reshape(len(samples), -1).astype(np.float64)
    mean = rows.mean(axis=0)
    centred = rows - mean
    values, basis = np.linalg.eigh(centred.T @ centred / (len(rows) - ddof))
    return values[::-1], (basis.T @ mean)[::-1] ** 2


def correlated(n: int, d: int) -> np.ndarray:
    mix = RNG.normal(size=(d, d)) * np.logspace(0, -2, d)
    result: np.ndarray = RNG.normal(size=(n, d)) @ mix.T + RNG.normal(size=d)
    return result


def in_batches(samples: np.ndarray, sizes: list[int]) -> Iterator[np.ndarray]:
    start = 0
    for size in sizes:
        yield samples[start : start + size]
        start += size
