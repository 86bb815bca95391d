"""The losses between output N(D2 mu, v) and data N(mu, lambda), term by term; gradients by differences.

arXiv 2502.00180, Theorems 4.1 and 4.2; independent of the compiled core.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from .literal import Moments, literal_ddim, process_levels
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
    target: str = "data",
    start: str = "prior",
    denoiser_error: float = 0.0,
    digits: int | None = 50,
    **options: Any,
) -> Any:
    """The loss of a schedule for any sampler of `specsched.testing.SAMPLERS`, by slow propagation.

    Against the data, or against the sampler's many-step limit, of which the closed form is that of its differential
    equation: dy/dlog(sigma) = 2 c sigma^2 / (lambda + sigma^2) y, and the noise that keeps the marginal.

    Parameters
    ----------
    spectrum : Spectrum
        Anything with .eigenvalues, .weights and .mean_power.
    sigmas : array_like, shape (S+1,)
        Levels, noise -> clean.
    sampler, process, loss : str
        As in `propagate` and `literal_loss`.
    target : {"data", "limit"}
        What the output is compared with.
    start : {"prior", "data"}
        What the run starts from.
    denoiser_error : float, optional
        The output variance E that it adds (see `propagate`) is a term of its own: sqrt(W2^2 + sum w E), or the
        divergence + sum w E / (2 v) with v the variance of the target.
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
    choices = dict(options)
    out = _moments(sampler, spectrum.eigenvalues, sigmas, process, digits, options)
    with precision(digits):
        data, levels = numbers(spectrum.eigenvalues, digits), numbers(sigmas, digits)
        weights, power = numbers(spectrum.weights, digits), numbers(spectrum.mean_power, digits)
        scales = process_levels(levels, process)
        scale, gain = scales.signal[-1], out.gain * scales.signal[0] / scales.signal[-1]  # of y
        before = numbers(data + levels[0] ** 2, digits) * scales.signal[0] ** 2  # of x, from the noised data
        if start == "data":
            out = Moments(
                out.gain,
                zeros(data.shape, data) + scale,
                out.variance + out.gain**2 * (before - scales.start_variance),
            )
        else:
            before = zeros(data.shape, data) + scales.start_variance
        before = before / scales.signal[0] ** 2
        law, law_gain = data, None
        if target == "limit":
            law_gain, law = limit_law(sampler, data, levels[0], levels[-1], before, choices)
            law = law * scale**2
        carried = 0 if start == "data" else 1
        lost = out.mean_gain - 1 if law_gain is None else carried * scale * (gain - law_gain)
        if law_gain is not None and loss == "w2" and _eta(sampler, choices) == 0:
            total = (scale**2 * (gain - law_gain) ** 2 * (weights * before + carried * power)).sum()
        else:
            total = _TERMS[loss](Moments(out.gain, lost + 1, out.variance), law, weights, power).sum()
        if denoiser_error:
            added = propagate(
                sampler,
                data,
                levels,
                process=process,
                denoiser_error=denoiser_error,
                digits=digits,
                **choices,
            )
            exact = propagate(sampler, data, levels, process=process, digits=digits, **choices)
            error = weights * (added.variance - exact.variance)
            total = total + (error.sum() if loss == "w2" else (error / law).sum() / 2)
        return functions(total).sqrt(total) if loss == "w2" else total


_NOISY = ("ddpm", "dpm_2_ancestral", "dpmpp_2s_ancestral", "dpmpp_sde")
_INTEGRATORS = ("dpmpp_2m_sde", "dpmpp_2m_sde_heun", "dpmpp_3m_sde", "dpm_multistep_sde")


def _eta(sampler: str, options: dict[str, Any]) -> Any:
    return options.get("eta", 1.0 if sampler in (*_NOISY, *_INTEGRATORS) else 0.0)


def limit_law(
    sampler: str, data: Numbers, first: Any, last: Any, before: Numbers, options: dict[str, Any]
) -> tuple[Numbers, Numbers]:
    """Gain and variance in y that a sampler reaches with infinitely many steps from variance `before`.

    Parameters
    ----------
    sampler : str
        A name in `specsched.testing.SAMPLERS`; no churn.
    data : ndarray, shape (d,)
        Eigenvalues.
    first, last : number
        The two end levels.
    before : ndarray, shape (d,)
        Variance of y at the first level.
    options : dict
        Options of the sampler, of which eta and s_noise count.

    Returns
    -------
    gain, variance : ndarray, shape (d,)
    """
    eta = _eta(sampler, options)
    fn = functions(first)
    exponent = (1 + (eta if sampler in _INTEGRATORS else eta * eta)) / 2
    high, low = data + first * first, data + last * last
    gain = np.array([fn.exp(fn.log(r) * exponent) if r > 0 else 0 * r for r in low / high], dtype=data.dtype)
    noise = 0 if eta == 0 else options.get("s_noise", 1.0) ** 2
    return gain, gain * gain * before + noise * (low - gain * gain * high)


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
