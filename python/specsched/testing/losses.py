"""The losses between output N(D2 mu, v) and data N(mu, lambda), term by term; gradients by differences.

arXiv 2502.00180, Theorems 4.1 and 4.2; independent of the compiled core.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from .literal import Moments, literal_ddim
from .numbers import Numbers, elementwise, functions, numbers, precision, zeros
from .propagation import propagate


def literal_loss(
    moments: Moments,
    eigenvalues: object,
    *,
    weights: object = None,
    mean_power: object = None,
    loss: str = "w2",
    digits: int | None = None,
) -> Any:
    """W2 distance, KL(data || model) or KL(model || data) of given output moments.

    Parameters
    ----------
    moments : Moments
        Output of `literal_ddim` or `propagate`, with the same `digits`.
    eigenvalues, weights, mean_power : array_like, shape (d,)
        Spectrum, multiplicities (default 1), squared mean per entry over its whole multiplicity (default 0).
    loss : {"w2", "kl", "reverse_kl"}, optional
        The W2 distance (not squared), or a divergence in nats.
    digits : int, optional
        Decimal digits for mpmath; None works in float64.

    Returns
    -------
    float or mpmath number

    Raises
    ------
    ValueError
        If the loss is unknown.

    Examples
    --------
    >>> from specsched.testing import literal_ddim
    >>> round(literal_loss(literal_ddim([1.0], [1.0, 0.0]), [1.0]), 6)
    0.292893
    """
    with precision(digits):
        data = numbers(eigenvalues, digits)
        count = _default(weights, data, digits, 1)
        power = _default(mean_power, data, digits, 0)
        if loss not in _TERMS:
            raise ValueError(f"unknown loss {loss!r}; known: {', '.join(sorted(_TERMS))}")
        total = _TERMS[loss](moments, data, count, power).sum()
        return functions(total).sqrt(total) if loss == "w2" else total


def _default(values: object, like: Numbers, digits: int | None, fill: int) -> Numbers:
    return zeros(like.shape, like) + fill if values is None else numbers(values, digits)


def _w2_terms(out: Moments, data: Numbers, weights: Numbers, power: Numbers) -> Numbers:
    spread = elementwise("sqrt", data) - elementwise("sqrt", out.variance)
    return np.asarray(weights * spread * spread + (out.mean_gain - 1) ** 2 * power)


def _kl_terms(out: Moments, data: Numbers, weights: Numbers, power: Numbers) -> Numbers:
    spread = elementwise("log", out.variance / data) - 1 + data / out.variance
    return np.asarray((weights * spread + (out.mean_gain - 1) ** 2 * power / out.variance) / 2)


def _reverse_kl_terms(out: Moments, data: Numbers, weights: Numbers, power: Numbers) -> Numbers:
    spread = elementwise("log", data / out.variance) - 1 + out.variance / data
    return np.asarray((weights * spread + (out.mean_gain - 1) ** 2 * power / data) / 2)


_TERMS: dict[str, Any] = {"w2": _w2_terms, "kl": _kl_terms, "reverse_kl": _reverse_kl_terms}


def reference_loss(
    spectrum: Any,
    sigmas: object,
    *,
    sampler: str = "ddim",
    process: str = "vp",
    loss: str = "w2",
    denoiser_error: float = 0.0,
    digits: int | None = 50,
    **options: Any,
) -> Any:
    """The loss of a schedule for any sampler of `specsched.testing.SAMPLERS`, by slow propagation.

    Parameters
    ----------
    spectrum : Spectrum
        Anything with .eigenvalues, .weights and .mean_power.
    sigmas : array_like, shape (S+1,)
        Levels, noise -> clean.
    sampler, process, loss : str
        As in `propagate` and `literal_loss`.
    denoiser_error : float, optional
        The output variance E that it adds (see `propagate`) is a term of its own: sqrt(W2^2 + sum w E), or the
        divergence + sum w E / (2 lambda).
    digits : int or None, optional
        Decimal digits (default 50); None works in float64.
    **options
        Options of the sampler.

    Returns
    -------
    float or mpmath number

    Examples
    --------
    >>> from specsched.testing import paper_case
    >>> case = paper_case()
    >>> edm = [157.4, 20.0, 3.0, 0.5, 0.08, 0.01]
    >>> round(reference_loss(case.spectrum, edm, digits=None), 4)
    1.0819
    """
    out = _moments(sampler, spectrum.eigenvalues, sigmas, process, digits, options)
    value = literal_loss(
        out,
        spectrum.eigenvalues,
        weights=spectrum.weights,
        mean_power=spectrum.mean_power,
        loss=loss,
        digits=digits,
    )
    if denoiser_error == 0:
        return value
    options |= {"process": process, "denoiser_error": denoiser_error, "digits": digits}
    with precision(digits):
        added = propagate(sampler, spectrum.eigenvalues, sigmas, **options).variance - out.variance
        weights, data = numbers(spectrum.weights, digits), numbers(spectrum.eigenvalues, digits)
        if loss == "w2":
            return functions(value).sqrt(value * value + (weights * added).sum())
        return value + (weights * added / data).sum() / 2


def _moments(
    sampler: str,
    eigenvalues: object,
    sigmas: object,
    process: str,
    digits: int | None,
    options: dict[str, Any],
) -> Moments:
    """The literal recurrences where they apply, as their cost does not grow with the number of noises."""
    if sampler in ("ddim", "ddpm") and set(options) <= {"eta"}:
        eta = options.get("eta", 1.0 if sampler == "ddpm" else 0.0)
        return literal_ddim(eigenvalues, sigmas, eta=eta, process=process, digits=digits)
    return propagate(sampler, eigenvalues, sigmas, process=process, digits=digits, **options)


def reference_gradient(
    spectrum: Any,
    sigmas: object,
    *,
    components: Iterable[int] | None = None,
    digits: int = 50,
    **choices: Any,
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """The derivative of `reference_loss` with respect to chosen levels, correct to float64.

    One-sided differences with a step of 10^-digits in 3 * digits decimal digits: the truncation error is of
    the order of the step, the rounding error of its square. A last level of 0 is differentiated from above.

    Parameters
    ----------
    spectrum, sigmas
        As in `reference_loss`.
    components : iterable of int, optional
        Indices of the levels; default all. Each costs one evaluation.
    digits : int, optional
        Decimal digits of the step.
    **choices
        sampler, process, loss and options of the sampler.

    Returns
    -------
    ndarray of float64, shape (number of components,)

    Examples
    --------
    >>> from specsched import Spectrum
    >>> slope = reference_gradient(Spectrum([1.0]), [2.0, 1.0, 0.0], components=[1])
    >>> slope.shape
    (1,)
    """
    work = 3 * digits
    with precision(work):
        levels = numbers(sigmas, work)
        base = reference_loss(spectrum, levels, digits=work, **choices)
        chosen = range(levels.size) if components is None else components
        slopes = [_slope(spectrum, levels, k, base, digits, choices) for k in chosen]
    return np.array([float(s) for s in slopes])


def _slope(spectrum: Any, levels: Numbers, k: int, base: Any, digits: int, choices: dict[str, Any]) -> Any:
    moved = levels.copy()
    size = levels[k] if levels[k] != 0 else levels[k - 1]
    moved[k] = levels[k] + size / functions(size).mpf(10) ** digits
    return (reference_loss(spectrum, moved, digits=3 * digits, **choices) - base) / (moved[k] - levels[k])
