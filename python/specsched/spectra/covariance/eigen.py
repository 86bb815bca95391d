"""Eigenvalues of a symmetric matrix, and a vector in its eigenbasis; Ctrl-C need not wait for them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

import numpy as np

from ..._support.checks import FloatArray
from . import lapack, unfinished

_SMALL = 64
"""Up to this size all eigenvectors cost less than what avoids them."""
_AT_ONCE = 512
"""Up to this size LAPACK takes some hundredths of a second, for which nobody starts a thread."""
_BLOCK = 64
"""Columns that LAPACK reduces together: its own default."""

Result = TypeVar("Result")


def eigen(matrix: FloatArray, vector: FloatArray | None) -> tuple[FloatArray, FloatArray | None]:
    """Eigenvalues in rising order from the lower triangle (used up), and `vector` in the eigenbasis."""
    if not np.isfinite(matrix).all():
        raise ValueError("samples are too large for products in single precision; use dtype='float64'")
    if len(matrix) == 1:  # which SciPy 1.10 asks for too small a work space
        return np.array(matrix[0], dtype=np.float64), vector
    if len(matrix) <= _SMALL:
        return _by_vectors(matrix, vector)
    if len(matrix) <= _AT_ONCE:
        return _by_reduction(matrix, vector)
    return _interruptibly(lambda: _by_reduction(matrix, vector))


def _by_vectors(matrix: FloatArray, vector: FloatArray | None) -> tuple[FloatArray, FloatArray | None]:
    from scipy.linalg import eigh, eigvalsh

    if vector is None:
        values = eigvalsh(matrix, lower=True, overwrite_a=True, check_finite=False)
        return np.asarray(values, dtype=np.float64), None
    spectrum, basis = eigh(matrix, lower=True, overwrite_a=True, check_finite=False, driver="evd")
    return np.asarray(spectrum, dtype=np.float64), basis.T @ vector


def _by_reduction(matrix: FloatArray, vector: FloatArray | None) -> tuple[FloatArray, FloatArray | None]:
    """Through tridiagonal form, with nothing but the vector taken along: half the work of all eigenvectors."""
    size = len(matrix)
    reduced = np.asfortranarray(matrix, dtype=np.float64)
    # LAPACK squares entries; a power of 2 changes no digit of them.
    scale = float(np.ldexp(1.0, int(np.frexp(np.abs(reduced).max())[1])))
    reduced /= scale
    diagonal, beside, tau = np.empty(size), np.empty(size), np.empty(size)
    work = np.empty(_BLOCK * size)
    lapack.call("dsytrd", b"L", size, reduced, size, diagonal, beside, tau, work, len(work))
    if vector is None:
        lapack.call("dsterf", size, diagonal, beside)
        return diagonal * scale, None
    rotated = np.array(vector, dtype=np.float64)
    lapack.call(
        *("dormtr", b"L", b"L", b"T", size, 1, reduced, size, tau, rotated, size, work[:_BLOCK], _BLOCK)
    )
    values, basis = _tridiagonal(diagonal, beside)
    return values * scale, basis.T @ rotated


def _tridiagonal(diagonal: FloatArray, beside: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Eigenvalues and eigenvectors of a symmetric tridiagonal matrix (used up)."""
    size = len(diagonal)
    values, basis = np.empty(size), np.empty((size, size), order="F")
    count, accurate = np.zeros(1, dtype=np.int32), np.ones(1, dtype=np.int32)
    support, counters = np.empty(2 * size, dtype=np.int32), np.empty(10 * size, dtype=np.int32)
    work = np.empty(18 * size)
    everything = (0.0, 0.0, 0, 0)  # bounds that nobody reads
    lapack.call(
        *(
            "dstemr",
            b"V",
            b"A",
            size,
            diagonal,
            beside,
            *everything,
            count,
            values,
            basis,
            size,
            size,
            support,
        ),
        *(accurate, work, len(work), counters, len(counters)),
    )
    return values, basis


def _interruptibly(work: Callable[[], Result]) -> Result:
    """`work` in a thread of its own, so that Ctrl-C takes effect here at once; nobody waits for its end then."""
    if threading.current_thread() is not threading.main_thread():
        return work()  # other threads get no KeyboardInterrupt
    results: list[Result] = []
    errors: list[BaseException] = []
    finished = threading.Event()

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:
            errors.append(error)
        finished.set()

    unfinished.start(threading.Thread(target=run, name="specsched-eigenvalues", daemon=True))
    while not finished.wait(0.1):  # without a limit Windows would not wake for Ctrl-C
        pass
    if errors:
        raise errors[0]
    return results[0]
