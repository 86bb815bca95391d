"""Ways from data to a spectrum: the constructors `from_...` of `Spectrum`."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np

from .._support import checks
from . import covariance as _covariance
from . import stationary

S = TypeVar("S", bound="FromData")


class FromData:
    """The part of `Spectrum` that makes spectra from data; each returns the class it is called on."""

    __slots__ = ()

    def __init__(self, eigenvalues: object, *, weights: object = None, mean_power: object = None) -> None:
        raise NotImplementedError

    @classmethod
    def from_covariance(cls: type[S], covariance: object, mean: object = None) -> S:
        """Spectrum of a Gaussian with a given covariance matrix and mean.

        Parameters
        ----------
        covariance : array_like, shape (d, d)
            Symmetric to sqrt(eps) of its largest entry (1.5e-8 in double, 3.5e-4 in single precision), and
            positive semi-definite up to rounding.
        mean : array_like, shape (d,), optional
            Mean of the data; it is rotated into the eigenbasis.

        Returns
        -------
        Spectrum
            d entries, eigenvalues in falling order.  Eigenvalues within rounding of zero (d eps times the
            largest) are zero.

        Raises
        ------
        TypeError, ValueError
            If the matrix is not real, square, finite, symmetric, or has an eigenvalue below zero by more
            than rounding; the message names the entry or the eigenvalue.

        Examples
        --------
        >>> import numpy as np
        >>> import specsched as ss
        >>> ss.Spectrum.from_covariance([[2.0, 1.0], [1.0, 2.0]], mean=[1.0, 1.0]).mean_power.round(12)
        array([2., 0.])
        """
        return _of(cls, _covariance.of_matrix(covariance, mean))

    @classmethod
    def from_samples(
        cls: type[S],
        samples: object,
        *,
        mean: object = "sample",
        ddof: int | None = None,
        dtype: object = "float64",
        progress: object = None,
    ) -> S:
        """Spectrum of the full covariance of samples, estimated in one pass.

        Parameters
        ----------
        samples : array, memory-map or iterable of batches, shape (n, d...)
            Samples along the first axis; an iterable yields batches of shape (rows, d...) and is read once.
            The entries of a sample are flattened.
        mean : {"sample", "drop", "zero"} or array_like of shape (d...)
            "sample" estimates the mean, takes it out of the covariance and keeps it in `mean_power`; "drop"
            does not keep it; "zero" or an array is a mean known beforehand.
        ddof : int, optional
            The scatter is divided by n - ddof; default 1 for an estimated mean, 0 for a known one.
        dtype : {"float64", "float32"}
            Precision of the matrix products.  float32 is at most twice as fast; eigenvalues below
            d * 1.2e-7 of the largest are then zero.
        progress : None, True or callable(done, total, what), optional
            True shows a line on standard error.

        Returns
        -------
        Spectrum
            Eigenvalues in falling order: d entries, or at most n where n <= d; the zero eigenvalues of such
            rank-deficient data are one entry with their number as weight.

        Raises
        ------
        TypeError, ValueError
            If the samples are not real, too few (a single sample has no covariance), of unequal shapes, or
            hold a NaN or infinity (the message gives its index).

        Warns
        -----
        UserWarning
            There are fewer samples than dimensions, so that directions without a sample have the variance 0.

        Notes
        -----
        Memory: one d x d matrix in double precision and its eigenvectors, plus one block.  While there are
        fewer samples than dimensions the samples themselves are kept, and their n x n Gram matrix gives
        the same nonzero eigenvalues.  Blocks are combined by the pairwise updates of Chan, Golub and LeVeque
        (1983), so that a large mean costs no digits.

        Examples
        --------
        >>> import numpy as np
        >>> import specsched as ss
        >>> rng = np.random.default_rng(0)
        >>> batches = (rng.normal(3.0, [2.0, 1.0], (1000, 2)) for _ in range(5))
        >>> ss.Spectrum.from_samples(batches).eigenvalues.round()
        array([4., 1.])
        """
        return _of(cls, _covariance.of_samples(samples, mean=mean, ddof=ddof, dtype=dtype, progress=progress))

    @classmethod
    def from_stationary(
        cls: type[S],
        samples: object,
        *,
        ndim: int | None = None,
        channel_axis: int | None = None,
        channels: str = "joint",
        mean: str = "constant",
        ddof: int | None = None,
        progress: object = None,
    ) -> S:
        """Spectrum of data with the same statistics at every position: the mean power spectrum, by FFT.

        The covariance is taken as circulant (periodic), so its eigenvectors are the Fourier basis.  Far fewer
        samples are needed than for the full covariance.

        Parameters
        ----------
        samples : array, memory-map or iterable of batches, shape (n, length) or (n, height, width)
            Signals or images, with one more axis for channels if `channel_axis` is given.
        ndim : int, optional
            Number of signal axes; inferred for 1 and 2, to be given for volumes.
        channel_axis : int, optional
            Axis of the channels, counted in the array with samples first; -1 for (n, height, width, 3).
        channels : {"joint", "separate"}
            "joint" diagonalises the covariance between channels at every frequency; "separate" takes the
            channels as independent.
        mean : {"constant", "signal", "zero"}
            "constant" is the stationary case: one mean per channel, whose power lies at frequency zero;
            "signal" estimates a mean for every position; "zero" knows it to be zero.
        ddof : int, optional
            The scatter is divided by n - ddof where a mean was estimated; default 1.
        progress : None, True or callable(done, total, what), optional
            True shows a line on standard error.

        Returns
        -------
        Spectrum
            One entry per frequency of ``numpy.fft.rfftn`` and channel, in that order; weight 2 where a
            frequency stands for its conjugate too, so that `dim` is the size of a sample.

        Raises
        ------
        TypeError, ValueError
            As for `from_samples`, and for axes that do not fit the shape.

        Notes
        -----
        Source: the shift-invariant case of R. Benita, M. Elad and J. Keshet (2025), arXiv:2502.00180.

        Examples
        --------
        >>> import numpy as np
        >>> import specsched as ss
        >>> noise = np.random.default_rng(0).normal(0.0, 2.0, (5000, 4))
        >>> spectrum = ss.Spectrum.from_stationary(noise)
        >>> spectrum.eigenvalues.round(), spectrum.weights
        (array([4., 4., 4.]), array([1., 2., 1.]))
        """
        return _of(
            cls,
            stationary.of_samples(
                samples,
                ndim=ndim,
                channel_axis=channel_axis,
                channels=channels,
                mean=mean,
                ddof=ddof,
                progress=progress,
            ),
        )

    @classmethod
    def from_labels(
        cls: type[S], samples: object, labels: object, *, estimator: str = "samples", **options: Any
    ) -> dict[Any, S]:
        """One spectrum per label: the components of a mixture, for a design that serves each of them.

        Parameters
        ----------
        samples : array_like, shape (n, d...)
            Samples along the first axis.
        labels : array_like, shape (n,)
            Label of each sample, of any sortable kind.
        estimator : {"samples", "stationary"}
            `from_samples` or `from_stationary`.
        **options
            Passed to the estimator.

        Returns
        -------
        dict
            Label -> Spectrum, in sorted order of the labels.

        Raises
        ------
        TypeError, ValueError
            If there is not one label per sample, or a label has too few samples (the message names it).

        Examples
        --------
        >>> import numpy as np
        >>> import specsched as ss
        >>> spectra = ss.Spectrum.from_labels([[0.0], [2.0], [5.0], [5.0]], ["a", "a", "b", "b"])
        >>> {label: float(spectrum.eigenvalues[0]) for label, spectrum in spectra.items()}
        {'a': 2.0, 'b': 0.0}
        """
        estimators = {"samples": cls.from_samples, "stationary": cls.from_stationary}
        estimate = checks.lookup("estimator", estimator, estimators)
        data = np.asarray(samples)
        marks = np.asarray(labels)
        if marks.ndim != 1 or data.ndim < 2 or len(marks) != len(data):
            raise ValueError(
                f"labels must hold one label per sample: shape {data.shape[:1]}, got {marks.shape}"
            )
        spectra: dict[Any, S] = {}
        for mark in np.unique(marks):
            label = mark.item()
            try:
                spectra[label] = estimate(data[marks == mark], **options)
            except ValueError as error:
                raise ValueError(f"label {label!r}: {error}") from None
        return spectra


def _of(kind: type[S], moments: _covariance.Moments) -> S:
    values, weights, mean_power = moments
    return kind(values, weights=weights, mean_power=mean_power)
