"""Ways from data to a spectrum: the constructors `from_...` of `Spectrum`."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np

from .. import _core
from .._support import checks
from . import stationary
from .covariance import moments as _covariance

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
        samples : array, memory-map, Dask array or iterable of batches, shape (n, d...)
            Samples along the first axis; an iterable yields batches of shape (rows, d...) and is read once. Chunks
            of a Dask array are reduced where they lie, on the cluster of the current client if there is one.
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
        samples : array, memory-map, Dask array or iterable of batches, shape (n, length) or (n, height, width)
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
    def from_vae(
        cls: type[S],
        vae: Any,
        images: object,
        *,
        size: object = None,
        estimator: str = "stationary",
        batch_size: int = 8,
        seed: int = 0,
        progress: object = None,
    ) -> S:
        """Spectrum of the latents of images: what the network of a latent diffusion model denoises.

        Parameters
        ----------
        vae : autoencoder of diffusers
            Its encoder makes latents, samples of its distribution where it has one; the scale and shift (or the mean
            and spread of every channel) of its configuration turn them into what the network was trained on.
        images : array or iterable of batches, shape (n, height, width, 3) or (n, 3, height, width), or path
            Values from -1 to 1; or an image or a folder of them.
        size : int or (height, width), optional
            Of images at a path, in pixels.
        estimator : {"stationary", "samples"}
            See `from_stationary` (channels jointly) and `from_samples`.
        batch_size : int
            Images in one call of the encoder.
        seed : int
            Of the encoder's noise.
        progress : None, True or callable(done, total, what), optional
            True shows a line on standard error.

        Returns
        -------
        Spectrum

        Raises
        ------
        TypeError, ValueError, OSError
            `vae` is no autoencoder, or images are of another shape or range, or cannot be read.
        ImportError
            PyTorch is missing.

        Examples
        --------
        ::

            spectrum = specsched.Spectrum.from_vae(pipe.vae, "photographs/", size=512)
        """
        from .sources.latents import encoded

        estimate = checks.lookup("estimator", estimator, {"stationary": 1, "samples": 0})
        stream = encoded(vae, images, size=size, batch_size=batch_size, seed=seed)
        if estimate:
            return cls.from_stationary(stream, channel_axis=1, progress=progress)
        return cls.from_samples(stream, progress=progress)

    @classmethod
    def power_law(
        cls: type[S], shape: object, *, exponent: float = 2.0, variance: float = 1.0, channels: int = 1
    ) -> S:
        """Spectrum of signals or images whose power falls with a power of the frequency, where there are no data yet.

        Parameters
        ----------
        shape : int or tuple of int
            Length of a signal, or (height, width) of an image.
        exponent : float, >= 0
            Power at frequency f is proportional to f^-exponent; 0 is white noise. Photographs have 2 (D. J. Field,
            J. Opt. Soc. Am. A 4, 1987; 1.9 on average in van der Schaaf & van Hateren, Vision Research 36, 1996).
        variance : float
            Mean variance of an entry, > 0 and at most 1e100.
        channels : int
            Channels of the same power, independent of each other.

        Returns
        -------
        Spectrum
            One entry per frequency of ``numpy.fft.rfftn``; the frequency 0 has the power of the lowest other one.

        Raises
        ------
        TypeError, ValueError
            An argument is out of its range.

        Examples
        --------
        >>> import specsched as ss
        >>> spectrum = ss.Spectrum.power_law((32, 32), variance=0.25)
        >>> spectrum.dim, round(spectrum.total_variance / spectrum.dim, 12)
        (1024.0, 0.25)
        """
        sides = shape if isinstance(shape, (tuple, list)) else (shape,)
        lengths = tuple(checks.integer("shape", side, minimum=1, maximum=1 << 16) for side in sides)
        if not 1 <= len(lengths) <= 3 or np.prod(lengths) > 1 << 28:
            raise ValueError(f"shape must have one to three sides and at most {1 << 28} entries, got {shape}")
        exponent = checks.real("exponent", exponent, minimum=0.0, maximum=100.0)
        variance = checks.real("variance", variance, above=0.0, maximum=_core.LARGEST_ENTRY)
        count = checks.integer("channels", channels, minimum=1)
        return _of(cls, stationary.of_power_law(lengths, exponent, variance, count))

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
            label = mark.item() if isinstance(mark, np.generic) else mark
            try:
                spectra[label] = estimate(data[marks == mark], **options)
            except ValueError as error:
                raise ValueError(f"label {label!r}: {error}") from None
        return spectra


def _of(kind: type[S], moments: _covariance.Moments) -> S:
    values, weights, mean_power = moments
    return kind(values, weights=weights, mean_power=mean_power)
