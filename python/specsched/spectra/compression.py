"""Spectral compression: a spectrum of any size as a few dozen nodes with the same losses."""

from __future__ import annotations

from .. import _core
from .._support import checks
from .._support.checks import FloatArray

_NO_LIMIT = 0
_MOST_NODES = 4096


def compress(
    eigenvalues: FloatArray,
    weights: FloatArray,
    mean_power: FloatArray,
    tol: float = 1e-12,
    *,
    nodes: int | None = None,
    threads: int = 0,
) -> tuple[FloatArray, FloatArray, FloatArray, float]:
    """A small spectrum with the same losses and gradients, whatever the schedule.

    As a function of log(eigenvalue) the losses are analytic, so the sums over eigenvalues can be
    replaced by Gauss quadrature for the measures "eigenvalues with their multiplicities" and
    "eigenvalues with their mean power" (Golub & Welsch, Math. Comp. 23 (1969) 221-230). All weights
    of such a rule are positive.

    Parameters
    ----------
    eigenvalues, weights, mean_power : ndarray, shape (m,)
        Of a spectrum of any size; eigenvalues that count as zero stay an entry of their own at 0.
    tol : float in (0, 1)
        Largest admitted relative error. The size grows with the logarithm of ``1 / tol`` and with the
        decades that the spectrum spans.
    nodes : int, optional
        This many nodes for the counts and as many for the mean power, whatever the error. For
        functions that are not analytic, such as the modulus of a gain that changes sign, take
        several times the usual number.
    threads : int
        OpenMP threads, 0 for the default. The result does not depend on it.

    Returns
    -------
    eigenvalues, weights, mean_power : ndarray
        Ascending entries, those of the mean power with weight 0. Where nothing is gained, the spectrum itself (exact
        duplicates merged).
    error : float
        `Spectrum.compression_error`: the relative error found on losses and gradients of DDIM and DDPM over schedules
        of 1 to 40 steps. It exceeds `tol` where rounding does not allow less, and is 0 where nothing is gained.

    Raises
    ------
    TypeError, ValueError
        If `tol`, `nodes` or `threads` lies out of its range.

    Notes
    -----
    What one eigendirection contributes to a loss must be analytic in its eigenvalue, and levels must
    not lie below about 1e-8 of the largest standard deviation; docs/compression.md derives both and
    gives measurements. Errors of W2 refer to the squared distance, those of the distance are half
    as large.

    Examples
    --------
    >>> import numpy as np
    >>> import specsched as ss
    >>> data = ss.Spectrum(np.geomspace(1e-6, 100.0, 20_000))
    >>> small = data.compress()
    >>> len(small) < 100 and small.compression_error < 1e-12
    True
    >>> levels = np.geomspace(80.0, 0.01, 11)
    >>> abs(ss.evaluate(small, levels) / ss.evaluate(data, levels) - 1) < 1e-12
    True
    """
    tol = checks.real("tol", tol, above=0.0, below=1.0)
    threads = checks.integer("threads", threads, minimum=0, maximum=4096)
    limit = _NO_LIMIT
    if nodes is not None:
        # The core reads a tolerance of 0 as "all the nodes that are allowed".
        tol, limit = 0.0, checks.integer("nodes", nodes, minimum=1, maximum=_MOST_NODES)
    return _core.compress(eigenvalues, weights, mean_power, tol, limit, threads)
