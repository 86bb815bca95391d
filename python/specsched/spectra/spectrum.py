"""A spectrum: the eigenvalues of the data covariance, all that the analysis needs to know of the data."""

from __future__ import annotations

import html
import os
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from .. import _core
from .._support import checks
from .._support.checks import FloatArray
from . import saved
from .compression import compress
from .estimates import FromData


class Spectrum(FromData):
    """Eigenvalues (>= 0, any order) with multiplicities and the squared mean that each carries.

    Parameters
    ----------
    eigenvalues : array_like, shape (m,)
        Variances along the eigendirections of the data, in squared units of the data, any order.
    weights : array_like, shape (m,), optional
        Multiplicity of each entry, >= 0, default 1.
    mean_power : array_like, shape (m,), optional
        Squared mean carried by each entry over its whole multiplicity, >= 0, default 0.

    Raises
    ------
    TypeError
        If an array does not hold real numbers.
    ValueError
        If an array is empty, of the wrong shape, not finite or negative; the message names the entry.

    Notes
    -----
    A spectrum never changes: its arrays are read-only, and methods return new spectra.  It compares
    equal to a spectrum with the same entries in the same order.

    Examples
    --------
    >>> import specsched as ss
    >>> spectrum = ss.Spectrum([4.0, 1.0, 0.25], weights=[1, 2, 4])
    >>> spectrum
    Spectrum(3 entries, dim 7, eigenvalues 0.25 ... 4 (1.2 decades), mean power 0)
    >>> spectrum.total_variance
    7.0
    """

    __slots__ = (
        "_compressed",
        "_compression_error",
        "_core",
        "_eigenvalues",
        "_has_zeros",
        "_mean_power",
        "_weights",
    )

    def __init__(self, eigenvalues: object, *, weights: object = None, mean_power: object = None) -> None:
        values = checks.vector("eigenvalues", eigenvalues)
        checks.non_negative("eigenvalues", values)
        checks.at_most("eigenvalues", values, _core.LARGEST_ENTRY)
        self._eigenvalues = checks.read_only(values)
        self._weights = _entries("weights", weights, values.size, 1.0)
        self._mean_power = _entries("mean_power", mean_power, values.size, 0.0)
        self._has_zeros: bool | None = None
        self._compression_error = 0.0
        self._compressed: tuple[float, Spectrum | None] | None = None
        self._core: _core.Spectrum | None = None

    @classmethod
    def merged(cls, spectra: Iterable[Spectrum], weights: object = None) -> Spectrum:
        """Several spectra as one: its losses are the mean of theirs (of the squared distance for W2).

        Parameters
        ----------
        spectra : iterable of Spectrum
            At least one.
        weights : array_like, optional
            Share of each spectrum, >= 0, scaled to sum 1; default equal shares.

        Returns
        -------
        Spectrum
            All entries, with weights and mean power multiplied by the shares.

        Raises
        ------
        TypeError, ValueError
            If there is no spectrum, or the weights do not fit or are all zero.

        Examples
        --------
        >>> Spectrum.merged([Spectrum([1.0]), Spectrum([4.0])], weights=[1, 3]).weights
        array([0.25, 0.75])
        """
        if not isinstance(spectra, Iterable):
            raise TypeError(f"spectra must be a list of Spectrum objects, got {type(spectra).__name__}")
        parts = list(spectra)
        for k, part in enumerate(parts):
            if not isinstance(part, Spectrum):
                raise TypeError(f"spectra[{k}] must be a Spectrum, got {type(part).__name__}")
        if not parts:
            raise ValueError("spectra must not be empty")
        shares = _entries("weights", weights, len(parts), 1.0)
        if shares.sum() == 0:
            raise ValueError("weights must not all be zero")
        shares = shares / shares.sum()
        return cls(
            np.concatenate([part.eigenvalues for part in parts]),
            weights=np.concatenate([s * part.weights for s, part in zip(shares, parts, strict=True)]),
            mean_power=np.concatenate([s * part.mean_power for s, part in zip(shares, parts, strict=True)]),
        )

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Spectrum:
        """Read a spectrum that `save` wrote (.json or .npz).

        Raises
        ------
        OSError
            If the file cannot be read.
        ValueError
            If it is not a saved spectrum, of a newer version, or not valid; the message names the file.
        """
        fields = saved.load(path)
        try:
            return cls(**fields)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{os.fspath(path)!r} is not a valid spectrum: {error}") from None

    @property
    def eigenvalues(self) -> FloatArray:
        """Eigenvalues, as given, read-only."""
        return self._eigenvalues

    @property
    def weights(self) -> FloatArray:
        """Multiplicity of each eigenvalue."""
        return self._weights

    @property
    def mean_power(self) -> FloatArray:
        """Total squared mean carried by each entry over its whole multiplicity."""
        return self._mean_power

    @property
    def dim(self) -> float:
        """Dimension of the data: the sum of the multiplicities."""
        return float(self._weights.sum())

    @property
    def total_variance(self) -> float:
        """Trace of the covariance: the sum of the eigenvalues with their multiplicities."""
        return float(self._weights @ self._eigenvalues)

    @property
    def has_zeros(self) -> bool:
        """Whether an eigenvalue counts as zero, so that KL divergences are infinite."""
        if self._has_zeros is None:
            self._has_zeros = bool((self._eigenvalues < _core.SMALLEST_EIGENVALUE).any())
        return self._has_zeros

    def subset(self, index: Any) -> Spectrum:
        """The entries at an integer, slice, list of integers or boolean mask; also ``spectrum[index]``.

        Raises
        ------
        IndexError, ValueError
            If the index lies outside, or nothing is left.

        Examples
        --------
        >>> Spectrum([4.0, 1.0, 0.25])[:2].eigenvalues
        array([4., 1.])
        """
        if not isinstance(index, slice):
            index = np.atleast_1d(np.asarray(index))
            if index.dtype.kind not in "iub" and index.size:
                raise TypeError(f"index must be integers, a slice or a mask, got dtype {index.dtype}")
            index = index.astype(np.intp) if index.size == 0 else index
        values = self._eigenvalues[index]
        if values.size == 0:
            raise ValueError("index must select at least one entry of the spectrum, it selects none")
        return Spectrum(values, weights=self._weights[index], mean_power=self._mean_power[index])

    def weighted(self, weights: object) -> Spectrum:
        """Entries counted more or less: multiplies multiplicities and mean power.

        Parameters
        ----------
        weights : array_like, shape (m,)
            Importance of each entry, >= 0.

        Examples
        --------
        >>> Spectrum([4.0, 1.0], weights=[1, 3]).weighted([1.0, 0.5]).weights
        array([1. , 1.5])
        """
        factors = checks.vector("weights", weights, length=len(self))
        checks.non_negative("weights", factors)
        return Spectrum(
            self._eigenvalues, weights=self._weights * factors, mean_power=self._mean_power * factors
        )

    def scaled(self, factor: float, *, tilt: float = 0.0, reference: float | None = None) -> Spectrum:
        """Eigenvalues times ``factor * (eigenvalue / reference) ** tilt``; mean power times `factor`.

        Parameters
        ----------
        factor : float
            Factor of the variance, > 0: data multiplied by c has the factor c^2.
        tilt : float
            Exponent of a power law, > -1: positive values steepen the spectrum, negative ones flatten it.
        reference : float, optional
            Eigenvalue that the tilt leaves in place, > 0; by default the geometric mean of the positive ones.

        Examples
        --------
        >>> Spectrum([4.0, 1.0, 0.0]).scaled(2.0).eigenvalues
        array([8., 2., 0.])
        >>> Spectrum([4.0, 1.0, 0.25]).scaled(1.0, tilt=1.0).eigenvalues
        array([16.    ,  1.    ,  0.0625])
        """
        factor = checks.real("factor", factor, above=0.0)
        tilt = checks.real("tilt", tilt, above=-1.0)
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            values = self._scaled(factor, tilt, reference)
        if not values.max() <= _core.LARGEST_ENTRY:
            raise ValueError(
                f"factor={factor:g} and tilt={tilt:g} scale an eigenvalue to {values.max():g}; "
                f"at most {_core.LARGEST_ENTRY:g} is admitted"
            )
        return Spectrum(values, weights=self._weights, mean_power=self._mean_power * factor)

    def _scaled(self, factor: float, tilt: float, reference: float | None) -> FloatArray:
        values = self._eigenvalues * factor
        positive = self._eigenvalues > 0
        if tilt and positive.any():
            logs = np.log(self._eigenvalues[positive])
            counts = self._weights[positive]
            if reference is None:
                middle = float(counts @ logs / counts.sum()) if counts.any() else float(logs.mean())
            else:
                middle = float(np.log(checks.real("reference", reference, above=0.0)))
            values[positive] *= np.exp(tilt * (logs - middle))
        return values

    def floored(self, minimum: float) -> Spectrum:
        """Eigenvalues below `minimum` (> 0) raised to it: what KL needs where some are zero.

        Examples
        --------
        >>> Spectrum([1.0, 0.0]).floored(1e-6).eigenvalues
        array([1.e+00, 1.e-06])
        """
        minimum = checks.real("minimum", minimum, above=0.0)
        return Spectrum(
            np.maximum(self._eigenvalues, minimum), weights=self._weights, mean_power=self._mean_power
        )

    def dropped(self, minimum: float = 0.0) -> Spectrum:
        """Without the entries whose eigenvalue is at most `minimum` (>= 0), and their mean.

        Raises
        ------
        ValueError
            If no entry is left.

        Examples
        --------
        >>> Spectrum([1.0, 0.0]).dropped().eigenvalues
        array([1.])
        """
        minimum = checks.real("minimum", minimum, minimum=0.0)
        kept = self._eigenvalues > max(minimum, _core.SMALLEST_EIGENVALUE)
        if not kept.any():
            raise ValueError(
                f"minimum = {minimum:g} drops every entry; the largest is {self._eigenvalues.max():g}"
            )
        return self.subset(kept)

    def without_mean(self) -> Spectrum:
        """The same eigenvalues with no mean power."""
        return Spectrum(self._eigenvalues, weights=self._weights)

    def _in_core(self, threads: int) -> _core.Spectrum:
        """The arrays as losses read them, with what losses of large spectra share, made once (docs/panels.md)."""
        if self._core is None:
            self._core = _core.Spectrum(self._eigenvalues, self._weights, self._mean_power, threads)
        return self._core

    def compress(self, tol: float = 1e-12, *, nodes: int | None = None, threads: int = 0) -> Spectrum:
        """A spectrum of a few dozen nodes with the same losses to a relative error of about `tol`.

        See `specsched.spectra.compression.compress`; the result states its error as `compression_error`, and the
        last one is kept: asking again costs nothing.
        """
        if (
            nodes is None
            and self._compressed is not None
            and type(tol) is float
            and self._compressed[0] == tol
        ):
            return self._compressed[1] or self
        found = compress(*self._arrays(), tol, nodes=nodes, threads=threads)
        # None stands for the spectrum itself, which must not refer to itself.
        small = None if found[0].size == len(self) else _rebuild(*found)
        if nodes is None:
            self._compressed = (tol, small)
        return small or self

    @property
    def compression_error(self) -> float:
        """Relative error of losses that `compress` admitted; 0 for a spectrum that it did not make."""
        return self._compression_error

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write to a .json file (readable) or .npz file (small); values are read back bit for bit.

        Raises
        ------
        ValueError
            If the path has another ending.
        OSError
            If the file cannot be written; then nothing is left behind.
        """
        saved.save(path, (self._eigenvalues, self._weights, self._mean_power))

    def __len__(self) -> int:
        return self._eigenvalues.size

    def __getitem__(self, index: Any) -> Spectrum:
        return self.subset(index)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        return np.array(self._eigenvalues, dtype=dtype)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Spectrum):
            return NotImplemented
        pairs = zip(self._arrays(), other._arrays(), strict=True)
        return all(np.array_equal(mine, theirs) for mine, theirs in pairs)

    def __hash__(self) -> int:
        # Adding 0.0 makes the two zeros of floating point, which compare equal, hash equal.
        return hash(tuple((array + 0.0).tobytes() for array in self._arrays()))

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (*self._arrays(), self._compression_error)

    def __repr__(self) -> str:
        return f"Spectrum({', '.join(' '.join(pair) for pair in self._summary())})"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th>{html.escape(name)}</th><td>{html.escape(text)}</td></tr>"
            for name, text in self._facts()
        )
        return f"<table><caption>Spectrum</caption>{rows}</table>"

    def _arrays(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        return self._eigenvalues, self._weights, self._mean_power

    def _summary(self) -> Sequence[tuple[str, str]]:
        facts = self._facts()
        return [(facts[0][1], facts[0][0]), *facts[1:]]

    def _facts(self) -> list[tuple[str, str]]:
        facts = [("entries", str(len(self))), ("dim", f"{self.dim:.10g}")]
        zero = self._eigenvalues < _core.SMALLEST_EIGENVALUE
        if not zero.all():
            low, high = float(self._eigenvalues[~zero].min()), float(self._eigenvalues.max())
            facts.append(("eigenvalues", f"{low:.4g} ... {high:.4g} ({np.log10(high / low):.1f} decades)"))
        if zero.any():
            facts.append(("zeros", f"{float(self._weights[zero].sum()):.10g}"))
        facts.append(("mean power", f"{float(self._mean_power.sum()):.4g}"))
        return facts


def _rebuild(values: FloatArray, weights: FloatArray, mean_power: FloatArray, error: float) -> Spectrum:
    spectrum = Spectrum(values, weights=weights, mean_power=mean_power)
    spectrum._compression_error = error
    return spectrum


def _entries(name: str, values: object, size: int, default: float) -> FloatArray:
    if values is None:
        return checks.read_only(np.full(size, default))
    array = checks.vector(name, values, length=size)
    checks.non_negative(name, array)
    checks.at_most(name, array, _core.LARGEST_ENTRY)
    return checks.read_only(array)
