"""Eigenvalues by LAPACK: those of SciPy at any scale, a vector in their basis, errors, and Ctrl-C while it computes."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from scipy.linalg import eigh

import specsched as ss
from specsched.spectra.covariance import eigen, lapack


def steep(size: int) -> Any:
    rng = np.random.default_rng(size)
    samples = rng.normal(size=(size + 20, size)) * np.logspace(0, -4, size)
    return samples.T @ samples


@pytest.mark.parametrize("size", [1, 64, 65, 130, 600])
@pytest.mark.parametrize("scale", [1.0, 1e-200, 1e90])
def test_eigenvalues_and_rotation(size: int, scale: float) -> None:
    matrix, vector = steep(size), np.random.default_rng(1).normal(size=size)
    want, basis = eigh(matrix)
    values, rotated = eigen.eigen(np.asfortranarray(matrix * scale), vector)
    alone, nothing = eigen.eigen(np.asfortranarray(matrix * scale), None)
    tolerance = 1e-14 * want[-1] * size
    np.testing.assert_allclose(values / scale, want, rtol=0, atol=tolerance)
    np.testing.assert_allclose(alone / scale, want, rtol=0, atol=tolerance)
    assert nothing is None
    assert rotated is not None
    # Directions of eigenvalues that are far apart, up to their sign.
    clear = np.r_[np.diff(want) > 1e-3 * want[-1], True][-3:]
    np.testing.assert_allclose(
        np.abs(rotated[-3:][clear]), np.abs(basis.T @ vector)[-3:][clear], rtol=0, atol=1e-8
    )
    assert np.linalg.norm(rotated) == pytest.approx(np.linalg.norm(vector), rel=1e-12)


def test_a_failure_has_a_name() -> None:
    with pytest.raises(np.linalg.LinAlgError, match="dsterf failed with status -1"):
        lapack.call("dsterf", -1, np.zeros(1), np.zeros(1))


def test_errors_come_through_the_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise np.linalg.LinAlgError("no eigenvalues today")

    monkeypatch.setattr(eigen, "_by_reduction", fails)
    with pytest.raises(np.linalg.LinAlgError, match="today"):
        eigen.eigen(np.eye(600, order="F"), None)


@pytest.fixture
def ctrl_c_works() -> Iterator[None]:
    """Background jobs of a shell inherit an ignored SIGINT."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.usefixtures("ctrl_c_works")
def test_ctrl_c_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, done = threading.Event(), threading.Event()
    plain = eigen._by_reduction

    def watched(*arguments: Any) -> Any:
        begun.set()
        values = plain(*arguments)
        done.set()
        return values

    monkeypatch.setattr(eigen, "_by_reduction", watched)

    def press() -> None:
        begun.wait()
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=press).start()
    with pytest.raises(KeyboardInterrupt):
        ss.Spectrum.from_covariance(steep(1500))
    assert begun.is_set()
    assert not done.is_set()
    assert done.wait(60)  # nobody waits for it, but it is not broken off


def test_from_a_thread_of_the_caller() -> None:
    """Where Ctrl-C does not arrive, no further thread is started, and the numbers are the same."""
    matrix, found = steep(520), []
    worker = threading.Thread(target=lambda: found.append(eigen.eigen(np.asfortranarray(matrix), None)[0]))
    worker.start()
    worker.join()
    np.testing.assert_array_equal(found[0], eigen.eigen(np.asfortranarray(matrix), None)[0])


def test_products_beyond_single_precision() -> None:
    samples = np.random.default_rng(2).normal(size=(30, 3)) * 1e25
    with np.errstate(over="ignore", invalid="ignore"), pytest.raises(ValueError, match="use dtype='float64'"):
        ss.Spectrum.from_samples(samples, dtype="float32")
