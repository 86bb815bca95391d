"""The recurrences of the spectral analysis, written out term by term as they stand in the paper.

R. Benita, M. Elad, J. Keshet, "Spectral Analysis of Diffusion Models with Application to Schedule Design",
arXiv 2502.00180: Theorems 3.1, 3.5, 3.6 and Lemmas 3.2-3.4. Nothing here is shared with the compiled core.
"""

from __future__ import annotations

from dataclasses import dataclass

from .numbers import Numbers, elementwise, functions, numbers, precision, zeros


@dataclass(frozen=True)
class Moments:
    """What a sampler makes of each eigendirection: x_0 = gain x_S + mean_gain mu + noise.

    Attributes
    ----------
    gain : array of shape (d,)
        D1, the factor from the start x_S to the output x_0.
    mean_gain : array of shape (d,)
        D2, the share of the mean that the output has.
    variance : array of shape (d,)
        Output variance, start and injected noise included.
    """

    gain: Numbers
    mean_gain: Numbers
    variance: Numbers


@dataclass(frozen=True)
class Levels:
    """Signal scale alpha_s and noise scale sigma_s of a process, noise -> clean, and the variance of x_S."""

    signal: Numbers
    noise: Numbers
    start_variance: object

    @property
    def steps(self) -> int:
        """Number of steps S."""
        return int(self.signal.size) - 1


def process_levels(sigmas: Numbers, process: str) -> Levels:
    """alpha_s and sigma_s of "vp", "ve" or "flow" at noise-to-signal ratios `sigmas` (noise -> clean)."""
    one = sigmas[0] / sigmas[0]
    if process == "vp":
        alpha_bar = one / (one + sigmas * sigmas)
        return Levels(elementwise("sqrt", alpha_bar), elementwise("sqrt", one - alpha_bar), one)
    if process == "flow":
        time = sigmas / (one + sigmas)
        return Levels(one - time, time, one)
    if process == "ve":
        return Levels(zeros(sigmas.shape, sigmas) + one, sigmas, sigmas[0] * sigmas[0])
    raise ValueError(f"unknown process {process!r}; known: flow, ve, vp")


def alpha_bar_levels(alpha_bar: Numbers) -> Levels:
    """The variance-preserving process given by alpha_bar itself, noise -> clean."""
    one = alpha_bar[0] / alpha_bar[0]
    return Levels(elementwise("sqrt", alpha_bar), elementwise("sqrt", one - alpha_bar), one)


def literal_ddim(
    eigenvalues: object,
    sigmas: object = None,
    *,
    alpha_bar: object = None,
    eta: float = 0.0,
    process: str = "vp",
    digits: int | None = None,
) -> Moments:
    """Transfer of DDIM (eta = 0) up to DDPM (eta = 1) by the paper's recurrences.

    A step from s to s-1 is x' = a x + b xhat0 + c z with a = sqrt(sigma'^2 - c^2)/sigma, b = alpha' - a alpha
    (the paper: a = sqrt((1-abar')/(1-abar)), b = sqrt(abar') - a sqrt(abar)), hence
    G(s) = a + b alpha lambda/(alpha^2 lambda + sigma^2) and M(s) = b sigma^2/(alpha^2 lambda + sigma^2);
    D1 is the product of all G, D2 the sum over s of G(1) ... G(s-1) M(s).

    Parameters
    ----------
    eigenvalues : array_like, shape (d,)
        Eigenvalues lambda >= 0 of the data covariance.
    sigmas : array_like, shape (S+1,), optional
        Levels sqrt((1-abar)/abar), noise -> clean; the last may be 0.
    alpha_bar : array_like, shape (S+1,), optional
        The levels as abar instead (process "vp" only), noise -> clean.
    eta : float, optional
        Share of the DDPM noise, in [0, 1].
    process : {"vp", "ve", "flow"}, optional
        The start is N(0, 1) for "vp" and "flow", N(0, sigmas[0]^2) for "ve".
    digits : int, optional
        Decimal digits for mpmath; None works in float64.

    Returns
    -------
    Moments
        Arrays of shape (d,): float64, or dtype object with mpmath numbers.

    Raises
    ------
    ValueError
        If not exactly one of `sigmas` and `alpha_bar` is given, or the process is unknown.

    References
    ----------
    arXiv 2502.00180, Lemmas 3.2-3.4, Theorems 3.5 and 3.6.

    Examples
    --------
    >>> out = literal_ddim([1.0], [1.0, 0.0])
    >>> float(out.gain[0]).__round__(6), float(out.mean_gain[0]).__round__(6)
    (0.707107, 0.5)
    """
    if (sigmas is None) == (alpha_bar is None):
        raise ValueError("give exactly one of sigmas and alpha_bar")
    if alpha_bar is not None and process != "vp":
        raise ValueError(f"alpha_bar describes process 'vp', got {process!r}; give sigmas")
    with precision(digits):
        spectrum = numbers(eigenvalues, digits)
        if alpha_bar is not None:
            levels = alpha_bar_levels(numbers(alpha_bar, digits))
        else:
            levels = process_levels(numbers(sigmas, digits), process)
        return _recurrences(spectrum, levels, eta)


def _recurrences(spectrum: Numbers, levels: Levels, eta: float) -> Moments:
    gains, means, injected = _step_coefficients(spectrum, levels, eta)
    one = levels.signal[0] / levels.signal[0]
    product = zeros(spectrum.shape, spectrum) + one  # G(1) ... G(s-1), the clean end first
    mean_gain = zeros(spectrum.shape, spectrum)
    variance = zeros(spectrum.shape, spectrum)
    for gain, mean, noise in zip(reversed(gains), reversed(means), reversed(injected), strict=True):
        mean_gain = mean_gain + product * mean
        variance = variance + product * product * noise
        product = product * gain
    return Moments(product, mean_gain, variance + product * product * levels.start_variance)


def _step_coefficients(
    spectrum: Numbers, levels: Levels, eta: float
) -> tuple[list[Numbers], list[Numbers], list[object]]:
    """G(s), M(s) and the injected variance c^2 of every step, noise -> clean."""
    gains: list[Numbers] = []
    means: list[Numbers] = []
    injected: list[object] = []
    sqrt = functions(levels.signal[0]).sqrt
    for k in range(levels.steps):
        alpha, sigma = levels.signal[k], levels.noise[k]
        alpha_next, sigma_next = levels.signal[k + 1], levels.noise[k + 1]
        ratio = sigma_next / sigma
        noise = (eta * ratio) ** 2 * (sigma * sigma - (alpha * sigma_next / alpha_next) ** 2)
        a = sqrt(sigma_next * sigma_next - noise) / sigma
        b = alpha_next - a * alpha
        denominator = alpha * alpha * spectrum + sigma * sigma
        gains.append(a + b * alpha * spectrum / denominator)
        means.append(b * sigma * sigma / denominator)
        injected.append(noise)
    return gains, means, injected
