"""The spectra of the study of optima: seven families, real data and synthetic shapes, compressed where that helps."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np

import specsched as ss
from specsched.sources import demo_digits, demo_sound, load_spectrum

KL_FLOOR = 1e-6
"""Share of the largest eigenvalue to which the others are raised where the loss is KL, which no zero allows."""


@dataclass(frozen=True)
class Case:
    """A spectrum of the study."""

    name: str
    family: str
    spectrum: ss.Spectrum

    def for_loss(self, loss: str) -> ss.Spectrum:
        """The spectrum as it is, or floored for KL."""
        return floored(self.spectrum) if loss == "kl" else self.spectrum


@cache
def floored(spectrum: ss.Spectrum) -> ss.Spectrum:
    """Every eigenvalue at least `KL_FLOOR` times the largest."""
    least = KL_FLOOR * spectrum.eigenvalues.max()
    return ss.Spectrum(
        np.maximum(spectrum.eigenvalues, least), weights=spectrum.weights, mean_power=spectrum.mean_power
    )


def power_laws() -> Iterator[tuple[str, ss.Spectrum]]:
    """i^-a for several a and dimensions; the odd ones carry a mean."""
    grid = itertools.product((0.5, 1.0, 1.5, 2.0, 2.5, 3.0), (16, 256, 3072))
    for k, (exponent, dim) in enumerate(grid):
        values = np.arange(1, dim + 1, dtype=np.float64) ** -exponent * dim**0.5
        mean = 0.1 * values if k % 2 else None
        yield f"power_{exponent:g}_{dim}", ss.Spectrum(values, mean_power=mean)


def clusters() -> Iterator[tuple[str, ss.Spectrum]]:
    """One to six groups of nearly equal eigenvalues, far apart or near."""
    for k, (count, spread) in enumerate(itertools.product((1, 2, 3, 4, 6), (0.0, 0.05, 0.3))):
        rng = np.random.default_rng(1000 + k)
        centres = rng.uniform(np.log(1e-5), np.log(1e3), count)
        sizes = rng.integers(1, 60, count)
        logs = np.concatenate([rng.normal(c, spread, n) for c, n in zip(centres, sizes, strict=True)])
        yield f"clusters_{count}_{spread:g}", ss.Spectrum(np.exp(logs))


def low_rank() -> Iterator[tuple[str, ss.Spectrum]]:
    """A power law or a flat block over a null space."""
    for rank, share, exponent in itertools.product((1, 4, 32, 200), (0.5, 0.95), (0.0, 1.5)):
        zeros = round(rank * share / (1.0 - share))
        values = 10.0 * np.arange(1, rank + 1, dtype=np.float64) ** -exponent
        name = f"rank_{rank}_of_{rank + zeros}_{exponent:g}"
        yield name, ss.Spectrum(np.append(values, np.zeros(zeros)))


def log_normal() -> Iterator[tuple[str, ss.Spectrum]]:
    """Log-normal eigenvalues around large and small centres."""
    for k, (spread, dim, centre) in enumerate(
        itertools.product((0.5, 1.5, 3.0, 5.0), (24, 1024), (1e-2, 1.0))
    ):
        rng = np.random.default_rng(2000 + k)
        values = centre * np.exp(rng.normal(0.0, spread, dim))
        yield f"lognormal_{spread:g}_{dim}_{centre:g}", ss.Spectrum(values)


def photographs() -> Iterator[tuple[str, ss.Spectrum]]:
    """Patches of real photographs: sizes, colours, full covariance and shift-invariant."""
    for size, color in itertools.product((8, 12, 16), ("rgb", "gray")):
        yield (
            f"photo_{size}_{color}_samples",
            load_spectrum("photographs", size=size, color=color, estimator="samples"),
        )
    for size, color in itertools.product((8, 16, 32, 64), ("rgb", "gray")):
        yield (
            f"photo_{size}_{color}_stationary",
            load_spectrum("photographs", size=size, color=color, estimator="stationary"),
        )
    yield "photo_24_gray_samples", load_spectrum("photographs", size=24, color="gray", estimator="samples")


def digits() -> Iterator[tuple[str, ss.Spectrum]]:
    """Real handwritten digits: all, shift-invariant, and each class."""
    images, labels = demo_digits()
    yield "digits_samples", ss.Spectrum.from_samples(images)
    yield "digits_stationary", ss.Spectrum.from_stationary(images)
    for label in range(10):
        yield f"digits_class_{label}", ss.Spectrum.from_samples(images[labels == label])


def sounds() -> Iterator[tuple[str, ss.Spectrum]]:
    """Windows of sound: full covariance and shift-invariant."""
    for window in (32, 64, 100, 160, 256, 400):
        samples = demo_sound(window, count=1500)
        yield f"sound_{window}_samples", ss.Spectrum.from_samples(samples)
        yield f"sound_{window}_stationary", ss.Spectrum.from_stationary(samples)


FAMILIES = {
    "power law": power_laws,
    "clusters": clusters,
    "low rank": low_rank,
    "log-normal": log_normal,
    "photographs": photographs,
    "digits": digits,
    "sound": sounds,
}


def all_cases(families: list[str] | None = None) -> list[Case]:
    """Every spectrum of the study (of the given families), compressed to the nodes that designs work on."""
    return [
        Case(name, family, spectrum.compress())
        for family in families or FAMILIES
        for name, spectrum in FAMILIES[family]()
    ]
