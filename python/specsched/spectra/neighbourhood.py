"""Designs that hold for a neighbourhood of the spectrum, not for one estimate of it alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._support import checks, codes
from .spectrum import Spectrum


@dataclass(frozen=True)
class Neighbourhood:
    """Every combination of scales and tilts of a spectrum.

    A data set of another brightness or normalisation has a scaled spectrum; another resolution, or an estimate from
    few samples, tilts it. A schedule designed for all of them does not lean on errors that cancel for one
    spectrum only.

    Parameters
    ----------
    scales : tuple of float
        Factors of the variance, > 0.
    tilts : tuple of float
        Exponents of the power law, > -1 (see `Spectrum.scaled`).

    Raises
    ------
    TypeError, ValueError
        A value outside of its range, or no value at all.

    Examples
    --------
    >>> import specsched as ss
    >>> around = ss.Neighbourhood(scales=(0.5, 1.0, 2.0), tilts=(0.0,))
    >>> [s.eigenvalues.tolist() for s in around.of(ss.Spectrum([4.0, 1.0]))]
    [[2.0, 0.5], [4.0, 1.0], [8.0, 2.0]]
    """

    scales: tuple[float, ...] = (0.5, 1.0, 2.0)
    tilts: tuple[float, ...] = (-0.1, 0.0, 0.1)

    def __post_init__(self) -> None:
        for name, above in (("scales", 0.0), ("tilts", -1.0)):
            given = getattr(self, name)
            if not isinstance(given, Iterable) or isinstance(given, (str, bytes)):
                raise TypeError(f"{name} must be a sequence of real numbers, got {type(given).__name__}")
            values = [checks.real(f"{name}[{i}]", value, above=above) for i, value in enumerate(given)]
            if not values:
                raise ValueError(f"{name} must not be empty")
            object.__setattr__(self, name, tuple(values))

    def of(self, spectrum: Spectrum, *, relative: bool = True) -> list[Spectrum]:
        """The spectra of the neighbourhood, scales outside, tilts inside.

        Parameters
        ----------
        spectrum : Spectrum
            In the middle.
        relative : bool
            Weigh every spectrum so that its total power, variance and mean, is that of the one in the middle:
            W2 distances then count relative to the size of the data, and large scales do not outweigh small ones.
        """
        checks.instance("spectrum", spectrum, Spectrum)
        checks.flag("relative", relative)
        varied = [spectrum.scaled(scale, tilt=tilt) for scale in self.scales for tilt in self.tilts]
        if not relative:
            return varied
        power = _power(spectrum)
        return [v.weighted(np.full(len(v), power / _power(v))) if power > 0 else v for v in varied]

    def variants(self, spectra: Iterable[Spectrum], loss: str) -> list[Spectrum]:
        """What a design for this neighbourhood averages over: for every spectrum, all its variants.

        KL divergences have no unit and are not weighed.
        """
        return [v for s in spectra for v in self.of(s, relative=loss in codes.HAVE_UNITS)]

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of scales and tilts."""
        return len(self.scales), len(self.tilts)


def as_neighbourhood(robust: Any) -> Neighbourhood | None:
    """What ``design(robust=...)`` takes: False or None for nothing, True, a size or a Neighbourhood.

    Raises
    ------
    TypeError, ValueError
        For anything else; a size must lie in (0, 9).

    Examples
    --------
    >>> from specsched.spectra.neighbourhood import as_neighbourhood
    >>> as_neighbourhood(2.0)
    Neighbourhood(scales=(0.25, 1.0, 4.0), tilts=(-0.2, 0.0, 0.2))
    """
    if robust is None or robust is False:
        return None
    if robust is True:
        return Neighbourhood()
    if isinstance(robust, Neighbourhood):
        return robust
    try:
        size = checks.real("robust", robust, above=0.0, below=9.0)
    except TypeError:
        raise TypeError(
            f"robust must be True, False, a size or a specsched.Neighbourhood, got {type(robust).__name__}"
        ) from None
    return Neighbourhood((2.0**-size, 1.0, 2.0**size), (-0.1 * size, 0.0, 0.1 * size))


def _power(spectrum: Spectrum) -> float:
    return spectrum.total_variance + float(spectrum.mean_power.sum())
