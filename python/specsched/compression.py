"""Spectral compression: a spectrum of any size as a few dozen nodes with the same losses."""

from __future__ import annotations

from . import _core, _validate
from .spectrum import Spectrum

_NO_LIMIT = 0
_MOST_NODES = 4096


def compress(
    spectrum: Spectrum, tol: float = 1e-12, *, nodes: int | None = None, threads: int = 0
) -> Spectrum:
    """A small spectrum with the same losses and gradients, whatever the schedule.

    As a function of log(eigenvalue) the losses are analytic, so the sums over eigenvalues can be
    replaced by Gauss quadrature for the measures "eigenvalues with their multiplicities" and
    "eigenvalues with their mean power" (Golub & Welsch, Math. Comp. 23 (1969) 221-230). All weights
    of such a rule are positive.

    Parameters
    ----------
    spectrum : Spectrum
        Any size; eigenvalues that count as zero stay an entry of their own at 0.
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
    Spectrum
        Ascending entries, those of the mean power with weight 0; ``compression_error`` is the relative
        error found on losses and gradients of DDIM and DDPM over schedules of 1 to 40 steps. It
        exceeds `tol` where rounding does not allow less. Where nothing is gained, `spectrum` itself
        (exact duplicates merged), with error 0.

    Raises
    ------
    TypeError
        If `spectrum` is not a Spectrum.
    ValueError
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
    >>> small = compress(data)
    >>> len(small) < 100 and small.compression_error < 1e-12
    True
    >>> levels = np.geomspace(80.0, 0.01, 11)
    >>> abs(ss.evaluate(small, levels) / ss.evaluate(data, levels) - 1) < 1e-12
    True
    """
    if not isinstance(spectrum, Spectrum):
        raise TypeError(f"spectrum must be a Spectrum, got {type(spectrum).__name__}")
    tol = _validate.real("tol", tol, above=0.0, below=1.0)
    threads = _validate.integer("threads", threads, minimum=0, maximum=4096)
    limit = _NO_LIMIT
    if nodes is not None:
        # The core reads a tolerance of 0 as "all the nodes that are allowed".
        tol, limit = 0.0, _validate.integer("nodes", nodes, minimum=1, maximum=_MOST_NODES)
    values, weights, mean_power, error = _core.compress(
        spectrum.eigenvalues, spectrum.weights, spectrum.mean_power, tol, limit, threads
    )
    if values.size == len(spectrum):
        return spectrum
    small = Spectrum(values, weights=weights, mean_power=mean_power)
    small._compression_error = error
    return small
