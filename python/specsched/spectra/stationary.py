"""Eigenvalues of a shift-invariant (circulant) covariance: the mean power spectrum, by FFT."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._support import checks
from .._support.checks import FloatArray
from .._support.progress import Meter
from . import batches, chunks
from .covariance.moments import Moments

_BLOCK_ENTRIES = 1 << 21


def of_samples(
    samples: object,
    *,
    ndim: int | None,
    channel_axis: int | None,
    channels: str,
    mean: str,
    ddof: int | None,
    progress: object,
) -> Moments:
    """Moments of samples under the assumption of shift invariance; see `Spectrum.from_stationary`."""
    joint = _choice("channels", channels, ("joint", "separate")) == "joint"
    _choice("mean", mean, ("constant", "signal", "zero"))
    ddof = (0 if mean == "zero" else 1) if ddof is None else checks.integer("ddof", ddof, minimum=0)
    settings: dict[str, Any] = {"ndim": ndim, "channel_axis": channel_axis, "joint": joint}
    state: _CrossSpectrum | None
    if chunks.is_chunked(samples):
        state = chunks.reduced(samples, partial(_spectrum_of, **settings))
    else:
        with Meter(progress, "samples", batches.count_of(samples)) as meter:
            state = _accumulate(samples, meter, **settings)
    batches.enough(0 if state is None else state.count, ddof)
    assert state is not None
    return state.moments(mean, ddof)


def _accumulate(
    samples: object, meter: Meter, first: int = 0, *, ndim: int | None, channel_axis: int | None, joint: bool
) -> _CrossSpectrum | None:
    state: _CrossSpectrum | None = None
    for _, block in batches.blocks(samples, first):
        signals = _channels_last(block, ndim, channel_axis)
        if state is None:
            state = _CrossSpectrum(signals.shape[1:], joint=joint)
        rows = max(1, _BLOCK_ENTRIES // signals[0:1].size) if len(signals) else 1
        for k in range(0, len(signals), rows):
            state.add(signals[k : k + rows])
            meter.add(len(signals[k : k + rows]))
    return state


def _spectrum_of(rows: batches.Block, first: int, **settings: Any) -> _CrossSpectrum:
    found = _accumulate(rows, Meter(None, "samples"), first, **settings)
    if found is None:  # a chunk without rows
        return _CrossSpectrum(
            _channels_last(rows, settings["ndim"], settings["channel_axis"]).shape[1:],
            joint=settings["joint"],
        )
    return found


class _CrossSpectrum:
    """Running mean and scatter of the Fourier coefficients, per frequency and pair of channels.

    Real signals need half of the frequencies; `multiplicity` counts those left out.
    """

    def __init__(self, shape: tuple[int, ...], *, joint: bool) -> None:
        self.count = 0
        self._axes = tuple(range(1, len(shape)))
        self._channels = shape[-1]
        self._joint = joint and self._channels > 1
        self._multiplicity = _multiplicity(shape[:-1])
        bins = self._multiplicity.size
        self._offset: FloatArray | None = None
        self._dc = float(np.sqrt(np.prod(shape[:-1])))  # a constant c has the DC coefficient c sqrt(N)
        self._mean = np.zeros((bins, self._channels), dtype=np.complex128)
        pairs = (self._channels, self._channels) if self._joint else (self._channels,)
        self._scatter = np.zeros((bins, *pairs), dtype=np.complex128 if self._joint else np.float64)

    def add(self, signals: batches.Block) -> None:
        """Account for signals of shape (rows, *signal shape, channels)."""
        work = signals.astype(np.float64)
        if self._offset is None:
            # A large constant would cost digits in the transform: take it out before, put it back in the end.
            self._offset = work.mean(axis=tuple(range(work.ndim - 1)))
        work -= self._offset
        coefficients = np.fft.rfftn(work, axes=self._axes, norm="ortho").reshape(
            len(work), -1, self._channels
        )
        block_mean = coefficients.mean(axis=0)
        coefficients -= block_mean
        total = self.count + len(work)
        shift = block_mean - self._mean
        self._scatter += self._products(coefficients)
        self._scatter += self._products(shift[None]) * (self.count * len(work) / total)
        self._mean += shift * (len(work) / total)
        self.count = total

    def merge(self, other: _CrossSpectrum) -> None:
        """Account for the signals that another one has seen."""
        if other._offset is None:
            return
        if self._offset is None:
            self.__dict__.update(other.__dict__)
            return
        mean = other._mean.copy()
        mean[0] += (other._offset - self._offset) * self._dc
        total = self.count + other.count
        shift = mean - self._mean
        self._scatter += other._scatter
        self._scatter += self._products(shift[None]) * (self.count * (other.count / total))
        self._mean += shift * (other.count / total)
        self.count = total

    def _products(self, z: NDArray[np.complex128]) -> NDArray[Any]:
        """Sum over rows of |z|^2, or of z_i conj(z_j) for jointly treated channels."""
        if not self._joint:
            power: FloatArray = np.einsum("nkc,nkc->kc", z.real, z.real)
            power += np.einsum("nkc,nkc->kc", z.imag, z.imag)
            return power
        cross: NDArray[np.complex128] = np.einsum("nki,nkj->kij", z, z.conj())
        return cross

    def moments(self, mean: str, ddof: int) -> Moments:
        """Eigenvalues, multiplicities and mean power, by frequency, channels last."""
        assert self._offset is not None
        average = self._mean.copy()
        average[0] += self._offset * self._dc
        # Where the mean is known to be zero its estimate is part of the variance.
        known = np.zeros(len(average), dtype=bool)
        if mean != "signal":
            known[1 if mean == "constant" else 0 :] = True
        spread = self._products(average[None]) * self.count
        shape = (-1,) + (1,) * (self._scatter.ndim - 1)
        covariance = np.where(
            known.reshape(shape),
            (self._scatter + spread) / self.count,
            self._scatter / (self.count - ddof),
        )
        average[known] = 0.0
        values, power = self._diagonal(covariance, average)
        multiplicity = np.repeat(self._multiplicity, self._channels)
        return values.ravel(), multiplicity, power.ravel() * multiplicity

    def _diagonal(
        self, covariance: NDArray[Any], average: NDArray[np.complex128]
    ) -> tuple[FloatArray, FloatArray]:
        """Eigenvalues per frequency and the power of the mean along each eigenvector."""
        eps = float(np.finfo(float).eps)
        if not self._joint:
            # Coefficients are rounded to eps of the largest: their squares below its square mean nothing.
            limit = (16 * eps) ** 2 * float(covariance.max(initial=0.0))
            return np.where(covariance <= limit, 0.0, covariance), np.abs(average) ** 2
        values, basis = np.linalg.eigh(covariance)
        limits = 4 * self._channels * eps * values[:, -1:]
        power = np.abs(np.einsum("kij,ki->kj", basis.conj(), average)) ** 2
        return np.where(values <= limits, 0.0, values), power


def of_power_law(shape: tuple[int, ...], exponent: float, variance: float, channels: int) -> Moments:
    """Moments whose power falls with the frequency; see `Spectrum.power_law`."""
    axes = [np.fft.fftfreq(side) for side in shape[:-1]] + [np.fft.rfftfreq(shape[-1])]
    grids = np.meshgrid(*axes, indexing="ij")
    frequency = np.sqrt(sum(np.square(grid) for grid in grids)).ravel()
    frequency[0] = frequency[1:].min(initial=1.0)
    multiplicity = _multiplicity(shape)
    # Relative to the lowest frequency, so that no exponent overflows.
    power = (frequency / frequency.min()) ** -exponent
    power *= variance * multiplicity.sum() / float(multiplicity @ power)
    return power, multiplicity * channels, np.zeros_like(power)


def _multiplicity(shape: tuple[int, ...]) -> FloatArray:
    """How many of the N frequencies each bin of rfftn stands for: 2 where the conjugate was left out."""
    last = shape[-1]
    counts = np.full(last // 2 + 1, 2.0)
    counts[0] = 1.0
    if last % 2 == 0:
        counts[-1] = 1.0
    return np.tile(counts, int(np.prod(shape[:-1])))


def _channels_last(block: batches.Block, ndim: int | None, channel_axis: int | None) -> batches.Block:
    """The block as (rows, *signal shape, channels)."""
    axes = block.ndim - 1 - (channel_axis is not None)
    shape = f"(n, {', '.join(map(str, block.shape[1:]))})"
    if ndim is not None and axes != checks.integer("ndim", ndim, minimum=1):
        raise ValueError(
            f"samples of shape {shape} have {axes} signal axes, not ndim = {ndim}; "
            "name the axis of the channels with channel_axis"
        )
    if ndim is None and not 1 <= axes <= 2:
        raise ValueError(
            f"samples of shape {shape} have {axes} signal axes, expected 1 or 2: "
            "pass channel_axis (for example -1) for images with channels, or ndim=3 for volumes"
        )
    if channel_axis is None:
        return block[..., None]
    axis = checks.integer("channel_axis", channel_axis, minimum=-block.ndim, maximum=block.ndim - 1)
    if axis % block.ndim == 0:
        raise ValueError("channel_axis must not be 0: the first axis counts the samples")
    return np.moveaxis(block, axis, -1)


def _choice(name: str, value: object, known: tuple[str, ...]) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a string, got {type(value).__name__}")
    if value not in known:
        raise checks.unknown_name(name, value, known)
    return value
