"""Bands: groups of directions in which a denoiser behaves alike, by frequency or by principal component."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._support.checks import FloatArray

Projection = list[NDArray[Any]]
"""Coordinates of each band, on the last axis; their squared absolute values add up to the squared norm."""

# Radial bands: one for each of the lowest frequencies (cycles per image), then a factor of 1.6 each. Their slopes
# differ by less than the spread of slopes inside one band.
_EDGES = (0.5, 1.5, 2.5, 4.0)
_GROWTH = 1.6
# More channels than this share bands: a file of 1 MB has room for some 60 bands of the highest degree.
_CHANNEL_GROUPS = 4
_COMPONENT_BANDS = 24
_LEAST_SIDE = 4


class FourierBands:
    """Rings of spatial frequency for each principal channel: images, latents, sounds, video."""

    kind = "fourier"

    def __init__(self, shape: tuple[int, ...], rotation: FloatArray, groups: NDArray[np.intp]) -> None:
        self.shape, self.rotation, self.groups = shape, rotation, groups
        self._axes = tuple(range(-(len(shape) - 1), 0))
        rings, rows = _rings(shape[1:])
        labels = (groups[:, None] * len(rows) + rings.ravel()).ravel()
        channels = range(int(groups.max()) + 1)
        members = [np.flatnonzero(labels == b) for b in range(len(rows) * len(channels))]
        names = [f"channels {g}, {row}" for g in channels for row in rows]
        self._members = [m for m in members if m.size]
        self.names = tuple(name for name, m in zip(names, members, strict=True) if m.size)
        self.sizes = np.array([float(m.size) for m in self._members])
        self.centred = np.array([name.endswith("mean") for name in self.names])
        """Bands in which the data have a mean: those of frequency 0."""

    @classmethod
    def of(cls, outputs: FloatArray) -> FourierBands:
        """Bands for these outputs, shape (starts, channels, ...)."""
        channels = np.moveaxis(outputs, 1, -1).reshape(-1, outputs.shape[1])
        variances, rotation = np.linalg.eigh(channels.T @ channels / len(channels))
        groups = _alike(np.maximum(variances, 1e-12 * variances[-1]), _CHANNEL_GROUPS)
        return cls(outputs.shape[1:], rotation, groups)

    def __call__(self, values: FloatArray) -> Projection:
        """Coordinates of arrays of shape (..., channels, spatial axes)."""
        lead = values.shape[: values.ndim - len(self._axes) - 1]
        turned = np.moveaxis(np.moveaxis(values, len(lead), -1) @ self.rotation, -1, len(lead))
        spectrum = np.fft.fftn(turned, axes=self._axes, norm="ortho").reshape(*lead, -1)
        return [spectrum[..., members] for members in self._members]


class ComponentBands:
    """Groups of principal components of the outputs, and what is orthogonal to all of them."""

    kind = "components"

    def __init__(self, outputs: FloatArray) -> None:
        rows = outputs.reshape(outputs.shape[0], -1)
        _, singular, basis = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)
        count = int((singular > 1e-6 * max(singular[0], 1e-300)).sum())
        self._basis = basis[:count].T
        rising = _alike(singular[:count][::-1] ** 2, _COMPONENT_BANDS)
        falling = rising.max(initial=0) - rising[::-1]
        self._members = [np.flatnonzero(falling == g) for g in np.unique(falling)]
        self._rest = rows.shape[1] - count
        sizes = [members.size for members in self._members]
        names = [f"components {m[0] + 1} to {m[-1] + 1}" for m in self._members]
        if self._rest:
            sizes.append(self._rest)
            names.append("all other directions")
        self.names = tuple(names)
        self.sizes = np.array(sizes, dtype=np.float64)
        self.centred = np.ones(len(sizes), dtype=bool)

    def __call__(self, values: FloatArray) -> Projection:
        """Coordinates of arrays of shape (..., dimensions of a sample)."""
        size = self._basis.shape[0]
        axis = _lead(values.shape, size)
        rows = values.reshape(*values.shape[:axis], size)
        coordinates = rows @ self._basis
        parts = [coordinates[..., members] for members in self._members]
        if self._rest:
            parts.append(rows - coordinates @ self._basis.T)
        return parts


Bands = FourierBands | ComponentBands


def make_bands(kind: str, outputs: FloatArray) -> Bands:
    """Bands for these outputs, shape (starts, ...): rings for what has spatial axes, else components."""
    if kind == "auto":
        spatial = outputs.ndim > 2 and min(outputs.shape[2:]) >= _LEAST_SIDE
        kind = "fourier" if spatial else "components"
    if kind == "fourier":
        if outputs.ndim < 3:
            raise ValueError(
                "bands='fourier' needs samples with channels and spatial axes, (starts, channels, length ...); "
                f"got shape {outputs.shape}: add a channel axis"
            )
        return FourierBands.of(outputs)
    if kind == "components":
        return ComponentBands(outputs)
    raise ValueError(f"bands must be 'auto', 'fourier' or 'components', got {kind!r}")


def power(parts: Projection) -> FloatArray:
    """Sum of squares of each band, over all axes but the first."""
    return np.array([(np.abs(part.reshape(part.shape[0], -1)) ** 2).sum(axis=1) for part in parts])


def _rings(shape: tuple[int, ...]) -> tuple[NDArray[np.intp], list[str]]:
    """Number of the ring of each frequency, and the rings' names."""
    grids = np.meshgrid(*(np.fft.fftfreq(n) for n in shape), indexing="ij")
    radius = np.sqrt(sum(g**2 for g in grids)) * max(shape)  # cycles over the longest side
    edges = list(_EDGES)
    while edges[-1] < radius.max():
        edges.append(edges[-1] * _GROWTH)
    names = ["mean", *(f"{a:.3g} to {b:.3g} cycles" for a, b in itertools.pairwise(edges))]
    return np.searchsorted(edges, radius, side="right"), names


def _alike(variances: FloatArray, most: int) -> NDArray[np.intp]:
    """Groups 0, 1, ... of rising variances, at most so many, each within the same factor."""
    if variances.size <= most:
        return np.arange(variances.size)
    logs = np.log(np.maximum(variances, 1e-300) / max(variances[0], 1e-300))
    width = max(logs[-1] / most, 1e-12) * (1.0 + 1e-12)
    found = np.unique((logs / width).astype(np.intp), return_inverse=True)[1]
    return np.asarray(found, dtype=np.intp)


def _lead(shape: tuple[int, ...], size: int) -> int:
    """How many leading axes belong to starts and levels, not to the sample."""
    total, axis = 1, len(shape)
    while total < size:
        axis -= 1
        total *= shape[axis]
    return axis
