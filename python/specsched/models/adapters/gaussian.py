"""The exact denoiser of Gaussian data, and of two Gaussians under guidance: networks with known answers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ... import _core
from ..._support import checks
from ...spectra.batches import LARGEST_SAMPLE
from ..arrays import Array, Numpy, namespace_of
from .base import Adapter, Level


def gaussian(
    spectrum: Any,
    *,
    mean: Any = None,
    basis: Any = None,
    guidance_scale: float = 1.0,
    unconditional: Any = None,
    unconditional_mean: Any = None,
) -> GaussianDenoiser:
    """The optimal denoiser of Gaussian data, mu + lambda/(lambda + sigma^2) (y - mu) in each direction.

    Parameters
    ----------
    spectrum : Spectrum or array_like, shape (d,)
        Variance of each coordinate (multiplicities are not repeated).
    mean : array_like, shape (d,), optional
        Mean of each coordinate; default: the root of the spectrum's mean power for each direction.
    basis : array_like, shape (D, d), optional
        Orthonormal columns: the data are ``basis @ coordinates``, arrays of shape (rows, D). Without it the last axes
        of the arrays, flattened, are the coordinates.
    guidance_scale : float
        g of ``u + g (c - u)``, u the prediction for `unconditional`.
    unconditional, unconditional_mean
        The other Gaussian of the pair, in the same basis.

    Returns
    -------
    GaussianDenoiser
        For arrays of NumPy, PyTorch and JAX.

    Raises
    ------
    TypeError, ValueError
        Lengths differ, or guidance has no `unconditional`.

    Examples
    --------
    >>> import numpy as np, specsched as ss
    >>> denoiser = ss.models.gaussian([1.0, 4.0])
    >>> denoiser(np.ones((1, 2)), 2.0).tolist()
    [[0.2, 0.5]]
    """
    given = _Side(spectrum, mean, "spectrum")
    other = None
    if unconditional is not None:
        other = _Side(unconditional, unconditional_mean, "unconditional", given.variance.size)
    elif guidance_scale != 1.0:
        raise ValueError(
            f"guidance_scale={guidance_scale:g} needs the other Gaussian: pass unconditional=spectrum"
        )
    return GaussianDenoiser(given, other, _basis(basis, given.variance.size), guidance_scale)


class _Side:
    """Variances and means of one Gaussian."""

    def __init__(self, spectrum: Any, mean: Any, name: str, length: int | None = None) -> None:
        values = getattr(spectrum, "eigenvalues", spectrum)
        self.variance = checks.vector(name, values, length=length)
        checks.non_negative(name, self.variance)
        checks.at_most(name, self.variance, _core.LARGEST_ENTRY)
        if mean is not None:
            self.mean = checks.vector("mean", mean, length=self.variance.size)
        elif hasattr(spectrum, "mean_power"):
            self.mean = np.sqrt(spectrum.mean_power / np.maximum(spectrum.weights, 1e-300))
        else:
            self.mean = np.zeros_like(self.variance)
        checks.at_most("mean", np.abs(self.mean), LARGEST_SAMPLE)

    def slope(self, sigma: float) -> NDArray[np.float64]:
        """lambda / (lambda + sigma^2), 1 at sigma = 0."""
        total = self.variance + sigma * sigma
        return np.divide(self.variance, total, out=np.ones_like(total), where=total > 0)


def _basis(basis: Any, length: int) -> NDArray[np.float64] | None:
    if basis is None:
        return None
    columns_of = checks.real_array("basis", basis)
    if columns_of.ndim != 2 or columns_of.shape[1] != length:
        raise ValueError(f"basis must have shape (D, {length}), got {columns_of.shape}")
    if np.abs(columns_of.T @ columns_of - np.eye(length)).max() > 1e-8:
        raise ValueError("basis must have orthonormal columns; numpy.linalg.qr makes them so")
    return columns_of


class GaussianDenoiser(Adapter):
    """See `gaussian`."""

    per_row = False

    def __init__(
        self, given: _Side, other: _Side | None, basis: NDArray[np.float64] | None, guidance_scale: float
    ) -> None:
        super().__init__({}, guidance_scale, {} if other is not None else None, True)
        self._given, self._other, self._basis = given, other, basis

    def affine(self, sigma: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Slope k and offset a of the prediction k y + a, per direction."""
        slope = self._given.slope(sigma)
        offset = (1.0 - slope) * self._given.mean
        if self._other is not None:
            g, other = self.guidance_scale, self._other.slope(sigma)
            offset = g * offset + (1.0 - g) * (1.0 - other) * self._other.mean
            slope = g * slope + (1.0 - g) * other
        return slope, offset

    def __call__(self, y: Array, sigma: Level, index: NDArray[np.intp] | None = None) -> Array:
        ops = namespace_of("y", y)
        slope, offset = self.affine(float(sigma))
        rows = y.reshape(y.shape[0], -1)
        if self._basis is None:
            if rows.shape[1] != slope.size:
                raise ValueError(
                    f"y must have {slope.size} coordinates in each row, got shape {tuple(y.shape)}"
                )
            return (rows * _like(ops, slope, y) + _like(ops, offset, y)).reshape(y.shape)
        basis = _like(ops, self._basis, y)
        coordinates = rows @ basis
        return ((coordinates * _like(ops, slope, y) + _like(ops, offset, y)) @ basis.T).reshape(y.shape)


def _like(ops: Numpy, values: NDArray[np.float64], y: Array) -> Array:
    return ops.from_host(values, y)
