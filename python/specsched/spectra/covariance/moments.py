"""Moments of a full covariance: of a matrix, or of samples in one stable pass."""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ... import _core
from ..._support import checks
from ..._support.checks import FloatArray
from ..._support.notices import tell
from ..._support.progress import Meter
from .. import batches, chunks
from .eigen import eigen

Moments = tuple[FloatArray, FloatArray, FloatArray]
"""Eigenvalues, multiplicities and mean power."""

_UPDATE_ROWS = 512
_LEAST_ROWS = 64
_MOST_PRODUCTS = 1 << 32
"""Products in one call of BLAS, in which Ctrl-C waits: a tenth of a second on two cores that are free."""


def of_matrix(covariance: object, mean: object = None) -> Moments:
    """Moments of a covariance matrix and a mean vector; see `Spectrum.from_covariance`."""
    eps = _precision(covariance)
    matrix = checks.real_array("covariance", covariance)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or matrix.size == 0:
        raise ValueError(f"covariance must be a square matrix, got shape {matrix.shape}")
    checks.finite("covariance", matrix)
    checks.at_most("covariance", np.abs(matrix), _core.LARGEST_ENTRY)
    _check_symmetric(matrix, float(np.sqrt(eps)))
    size = len(matrix)
    center = None if mean is None else checks.vector("mean", mean, length=size)
    if center is not None:
        checks.at_most("mean", np.abs(center), batches.LARGEST_SAMPLE)
    if not np.any(matrix - np.diag(np.diagonal(matrix))):
        values, rotated = np.diagonal(matrix).copy(), center
        limit = 0.0  # nothing was rounded, so nothing negative is forgiven
    else:
        values, rotated = eigen((matrix + matrix.T) / 2, center)
        limit = max(size, 10) * eps * float(np.abs(values).max(initial=0.0))
    if (values < -limit).any():
        k = int(np.argmin(values))
        raise ValueError(
            f"covariance must be positive semi-definite; its eigenvalue {values[k]:.6g} lies below zero "
            f"by more than rounding ({limit:.2g})"
        )
    values[np.abs(values) <= limit] = 0.0
    power = np.zeros(size) if rotated is None else rotated**2
    order = np.argsort(values)[::-1]
    return values[order], np.ones(size), power[order]


def of_samples(
    samples: object, *, mean: object, ddof: int | None, dtype: object, progress: object
) -> Moments:
    """Moments of samples of shape (n, d...); see `Spectrum.from_samples`."""
    precision = _dtype(dtype)
    center = _center(mean)
    ddof = _ddof(ddof, center)
    state: _Scatter | _Gram
    if chunks.is_chunked(samples):
        state = _of_chunks(samples, precision, center, progress)
    else:
        state = _of_rows(samples, precision, center, ddof, progress)
    batches.enough(state.count, ddof)
    with Meter(progress, "eigenvalue problems", 1) as meter:
        meter.add(0)  # says that it has begun: it may take longer than the samples
        keep_mean = not (isinstance(mean, str) and mean == "drop")
        moments = state.moments(ddof, keep_mean)
        meter.add()
    dimensions = round(float(moments[1].sum()))
    if state.count < dimensions:
        tell(
            f"{state.count} samples in {dimensions} dimensions leave most of the full covariance unknown (zero here): "
            "use Spectrum.from_stationary (estimator='stationary') for images and signals, or more samples"
        )
    return moments


def _of_rows(
    samples: object, precision: type, center: FloatArray | None, ddof: int, progress: object
) -> _Scatter | _Gram:
    with Meter(progress, "samples", batches.count_of(samples)) as meter:
        array = batches.as_array(samples)
        if array is not None:
            batches.check_block("samples", array)
        if array is not None and len(array) <= array[0:1].size:
            batches.enough(len(array), ddof)
            return _Gram.of([array], precision, center, meter)
        return _accumulate(samples, precision, center, meter)


def _of_chunks(
    samples: Any, precision: type, center: FloatArray | None, progress: object
) -> _Scatter | _Gram:
    """Few rows, of which the Gram matrix needs every pair, are fetched; of many each chunk has its scatter."""
    chunks.check(samples)
    if len(samples) <= int(np.prod(samples.shape[1:])):
        return _of_rows(samples.compute(), precision, center, 0, progress)
    return chunks.reduced(samples, partial(_scatter_of, precision=precision, center=center))


def _scatter_of(rows: batches.Block, first: int, precision: type, center: FloatArray | None) -> _Scatter:
    state = _Scatter(int(np.prod(rows.shape[1:])), precision, center)
    for _, block in batches.blocks(rows, first):
        state.add(block.reshape(len(block), -1))
    return state


def _accumulate(
    samples: object, precision: type, center: FloatArray | None, meter: Meter
) -> _Scatter | _Gram:
    """Keep the rows while they are fewer than columns (the Gram matrix is smaller), scatter afterwards."""
    owned = isinstance(samples, (np.ndarray, list, tuple))  # a generator may reuse its buffer
    kept: list[batches.Block] = []
    scatter: _Scatter | None = None
    waiting = 0
    for _, block in batches.blocks(samples):
        rows = block.reshape(len(block), -1)
        kept.append(rows if owned else rows.copy())
        waiting += len(rows)
        size = rows.shape[1]
        # Small batches wait for company: each update touches the whole matrix.
        if waiting > (size if scatter is None else min(size, _UPDATE_ROWS)):
            scatter = scatter or _Scatter(size, precision, center)
            scatter.add_all(kept, meter)
            kept, waiting = [], 0
    if scatter is None:
        batches.enough(waiting, 0)
        return _Gram.of(kept, precision, center, meter)
    scatter.add_all(kept, meter)
    return scatter


class _Scatter:
    """Mean and scatter matrix of the rows so far, by pairwise updates (Chan, Golub and LeVeque 1983)."""

    def __init__(self, size: int, precision: type, center: FloatArray | None) -> None:
        self.count = 0
        self._origin: FloatArray | None = None
        self._mean = np.zeros(size)  # relative to the origin
        self._scatter = np.zeros((size, size), order="F")  # lower triangle only
        self._precision = precision
        self._center = _sized(center, size)

    def add_all(self, kept: list[batches.Block], meter: Meter) -> None:
        """Account for blocks of rows, small ones together."""
        while kept:
            group = [kept.pop(0)]
            while kept and sum(map(len, group)) + len(kept[0]) <= _UPDATE_ROWS:
                group.append(kept.pop(0))
            rows = group[0] if len(group) == 1 else np.concatenate(group)
            self.add(rows)
            meter.add(len(rows))

    def add(self, rows: batches.Block) -> None:
        """Account for a block of rows, shape (m, d)."""
        most = max(_LEAST_ROWS, _MOST_PRODUCTS // rows.shape[1] ** 2)
        for k in range(0, len(rows), most):
            self._add(rows[k : k + most])

    def _add(self, rows: batches.Block) -> None:
        if self._origin is None:
            # Differences to a sample are exact where a large mean would swallow digits.
            self._origin = rows[0].astype(np.float64)
        total = self.count + len(rows)
        relative = rows - self._origin
        block_mean = relative.mean(axis=0)
        shift = block_mean - self._mean
        # The update's rank-one term rides along as one more row, so that one BLAS call does all.
        work: NDArray[Any] = np.empty((len(rows) + 1, rows.shape[1]), dtype=self._precision)
        np.subtract(relative, block_mean, out=work[:-1], casting="same_kind")
        work[-1] = np.sqrt(self.count * len(rows) / total) * shift
        self._scatter = _add_products(self._scatter, work.T)
        self._mean += shift * (len(rows) / total)
        self.count = total

    def merge(self, other: _Scatter) -> None:
        """Account for the rows that another one has seen; that one is used up."""
        if other._origin is None:
            return
        if self._origin is None:
            self.count, self._origin = other.count, other._origin
            self._mean, self._scatter = other._mean, other._scatter
            return
        total = self.count + other.count
        shift = (other._origin - self._origin) + (other._mean - self._mean)
        self._scatter += other._scatter
        self._scatter = _add_products(
            self._scatter, np.sqrt(self.count * (other.count / total)) * shift[:, None]
        )
        self._mean += shift * (other.count / total)
        self.count = total

    def moments(self, ddof: int, keep_mean: bool) -> Moments:
        """Eigenvalues, in falling order, and the squared mean in that basis; the scatter is used up."""
        assert self._origin is not None
        size = len(self._mean)
        mean = self._origin + self._mean
        if self._center is not None:
            offset = np.sqrt(self.count) * (self._mean + (self._origin - self._center))
            self._scatter = _add_products(self._scatter, offset[:, None])
            mean = self._center
        self._scatter /= self.count - ddof
        values, rotated = eigen(self._scatter, mean if keep_mean and np.any(mean) else None)
        values = _clean(values, size, self._precision)[::-1]
        power = np.zeros(size) if rotated is None else rotated[::-1] ** 2
        return values, np.ones(size), power


class _Gram:
    """Inner products of centred rows, for fewer samples than dimensions: the same nonzero eigenvalues."""

    def __init__(self, count: int, size: int, precision: type, *, known_mean: bool) -> None:
        self.count = count
        self._known = known_mean
        self._size = size
        self._precision = precision
        self._gram = np.zeros((count, count), order="F")
        self._along = np.zeros(count)  # centred rows times the mean
        self._mean_power = 0.0

    @classmethod
    def of(cls, kept: list[batches.Block], precision: type, center: FloatArray | None, meter: Meter) -> _Gram:
        """Gram matrix of the rows of all blocks in `kept`, by blocks of columns."""
        flat = [rows.reshape(len(rows), -1) for rows in kept]
        count, size = sum(map(len, flat)), flat[0].shape[1]
        known = _sized(center, size)
        state = cls(count, size, precision, known_mean=known is not None)
        width = max(1, min((64 << 20) // (8 * count), _MOST_PRODUCTS // count**2))
        for a in range(0, size, width):
            columns = np.concatenate([rows[:, a : a + width] for rows in flat], axis=0)
            _check_columns(columns, a, kept[0].shape[1:])
            state._add_columns(columns, None if known is None else known[a : a + width])
        meter.add(count)
        return state

    def _add_columns(self, columns: batches.Block, known: FloatArray | None) -> None:
        work: NDArray[Any] = columns.astype(np.float64)
        center = work.mean(axis=0) if known is None else known
        work -= center
        if known is None:
            # A second pass removes what rounding left of a large mean.
            left = work.mean(axis=0)
            work -= left
            center = center + left
        self._along += work @ center
        self._mean_power += float(center @ center)
        work = np.ascontiguousarray(work, dtype=self._precision)
        self._gram = _add_products(self._gram, work.T, transposed=True)

    def moments(self, ddof: int, keep_mean: bool) -> Moments:
        """The nonzero eigenvalues, in falling order, then one entry for all zeros."""
        values, along = eigen(self._gram, self._along)
        assert along is not None
        values = _clean(values, self.count, self._precision)[::-1]
        along = along[::-1]
        most = self.count if self._known else self.count - 1  # centring costs one dimension
        rank = min(int(np.count_nonzero(values)), most, self._size)
        values, along = values[:rank], along[:rank]
        power = along**2 / values  # the eigenvector is rows^T v / sqrt(value)
        along_all = float(power.sum())
        if along_all > self._mean_power:  # by rounding only
            power *= self._mean_power / along_all
        rest = max(0.0, self._mean_power - along_all)
        values = values / (self.count - ddof)
        weights = np.ones(rank)
        if rank < self._size:
            values, weights = np.append(values, 0.0), np.append(weights, float(self._size - rank))
            power = np.append(power, rest)
        return values, weights, power if keep_mean else np.zeros_like(power)


def _add_products(total: FloatArray, rows: NDArray[Any], *, transposed: bool = False) -> FloatArray:
    """total + rows rows^T (or rows^T rows), lower triangle, in place in double precision."""
    from scipy.linalg import blas

    if rows.dtype == np.float32:
        total += blas.ssyrk(1.0, rows, trans=transposed, lower=1)
        return total
    updated: FloatArray = blas.dsyrk(1.0, rows, beta=1.0, c=total, trans=transposed, lower=1, overwrite_c=1)
    return updated


def _clean(values: FloatArray, size: int, precision: type) -> FloatArray:
    """Eigenvalues below the rounding error of the largest one are zero: their digits mean nothing."""
    limit = max(size, 10) * float(np.finfo(precision).eps) * float(values.max(initial=0.0))
    return np.where(values <= limit, 0.0, values)


def _check_symmetric(matrix: FloatArray, tolerance: float) -> None:
    gap = np.abs(matrix - matrix.T)
    largest = float(np.abs(matrix).max())
    if gap.max() > tolerance * largest:
        i, j = (int(k) for k in np.unravel_index(int(gap.argmax()), gap.shape))
        raise ValueError(
            f"covariance must be symmetric (to {tolerance:.1g} of its largest entry); covariance[{i}, {j}] "
            f"is {matrix[i, j]:.9g}, covariance[{j}, {i}] is {matrix[j, i]:.9g}"
        )


def _check_columns(columns: batches.Block, first: int, shape: tuple[int, ...]) -> None:
    """As `batches.check_finite`, for the flat columns from `first` on of samples of the given shape."""
    try:
        batches.check_finite(columns, 0)
    except ValueError:
        row, column = (int(i) for i in np.argwhere(batches.beyond(columns))[0])
        index = ", ".join(map(str, (row, *map(int, np.unravel_index(first + column, shape)))))
        raise ValueError(
            f"samples must be finite and at most {batches.LARGEST_SAMPLE:g} in size; samples[{index}] is "
            f"{columns[row, column]}"
        ) from None


def _precision(values: object) -> float:
    kind = getattr(values, "dtype", None)
    narrow = isinstance(kind, np.dtype) and kind.kind == "f" and kind.itemsize < 8
    return float(np.finfo(np.float32 if narrow else np.float64).eps)


def _dtype(dtype: object) -> type:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of other names, which are refused below
            name = np.dtype(dtype).name  # type: ignore[call-overload]
    except TypeError:
        name = str(dtype)
    if name not in ("float32", "float64"):
        raise ValueError(f"dtype must be float32 or float64 (the precision of the products), got {dtype!r}")
    return np.float32 if name == "float32" else np.float64


def _center(mean: object) -> FloatArray | None:
    """The known mean, flattened (a single 0 for "zero"); None if it is to be estimated."""
    if isinstance(mean, str):
        if mean not in ("sample", "drop", "zero"):
            raise checks.unknown_name("mean", mean, ("sample", "drop", "zero"))
        return np.zeros(1) if mean == "zero" else None
    array = checks.real_array("mean", mean)
    checks.finite("mean", array)
    checks.at_most("mean", np.abs(array), batches.LARGEST_SAMPLE)
    return array.ravel()


def _sized(center: FloatArray | None, size: int) -> FloatArray | None:
    if center is None:
        return None
    if center.size not in (1, size):
        raise ValueError(f"mean must have as many entries as a sample ({size}), got {center.size}")
    return np.broadcast_to(center, (size,)).astype(np.float64)


def _ddof(ddof: int | None, center: FloatArray | None) -> int:
    """By default unbiased: one degree of freedom goes into an estimated mean, none into a known one."""
    if ddof is None:
        return 1 if center is None else 0
    return checks.integer("ddof", ddof, minimum=0)
