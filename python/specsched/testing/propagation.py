"""Any sampler on a linear denoiser, by running its loop on the coefficients of an affine map."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .literal import Moments, process_levels
from .numbers import Numbers, elementwise, functions, numbers, precision, zeros
from .solvers.adams import deis, ipndm, lms, plms
from .solvers.multistep import (
    dpm_multistep,
    dpm_multistep_sde,
    dpmpp_2m,
    dpmpp_2m_sde,
    dpmpp_2m_sde_heun,
    dpmpp_3m,
    dpmpp_3m_sde,
    multistep,
)
from .solvers.one_step import ddim, ddpm, dpm_2, dpm_2_ancestral, edm_stochastic, heun
from .solvers.single_step import dpmpp_2s, dpmpp_2s_ancestral, dpmpp_sde, dpmpp_singlestep
from .solvers.unipc import unipc

SAMPLERS: dict[str, Callable[..., Any]] = {
    loop.__name__: loop
    for loop in (
        ddim,
        ddpm,
        heun,
        edm_stochastic,
        dpm_2,
        dpm_2_ancestral,
        dpmpp_2s,
        dpmpp_2s_ancestral,
        dpmpp_singlestep,
        dpmpp_2m,
        dpmpp_3m,
        dpmpp_sde,
        dpmpp_2m_sde,
        dpmpp_2m_sde_heun,
        dpmpp_3m_sde,
        dpm_multistep,
        dpm_multistep_sde,
        unipc,
        deis,
        ipndm,
        plms,
        lms,
        multistep,
    )
}


def sampler_loop(name: str) -> Callable[..., Any]:
    """The loop of a sampler, or ValueError that lists the known ones."""
    if name not in SAMPLERS:
        raise ValueError(f"unknown sampler {name!r}; known: {', '.join(sorted(SAMPLERS))}")
    return SAMPLERS[name]


def propagate(
    sampler: str,
    eigenvalues: object,
    sigmas: object,
    *,
    process: str = "vp",
    denoiser_error: float = 0.0,
    digits: int | None = None,
    **options: Any,
) -> Moments:
    """Exact output moments of a sampler with the optimal denoiser of Gaussian data.

    The sampler's loop runs on the coefficients of y over the basis (start, mean, noise 1, noise 2, ...), with
    denoise(y) = mu + lambda/(lambda + sigma^2) (y - mu) (arXiv 2502.00180, Theorem 3.1).

    Parameters
    ----------
    sampler : str
        A name in `specsched.testing.SAMPLERS`.
    eigenvalues : array_like, shape (d,)
        Eigenvalues lambda >= 0.
    sigmas : array_like, shape (S+1,)
        Levels, noise -> clean; the last may be 0.
    process : {"vp", "ve", "flow"}, optional
        Sets the start and the scale of the output.
    denoiser_error : float, optional
        Every prediction carries fresh noise of variance denoiser_error^2 lambda sigma^2 / (lambda + sigma^2) times
        `error_share`.
    digits : int, optional
        Decimal digits for mpmath; None works in float64.
    **options
        Options of the loop, for example eta, order, s_churn.

    Returns
    -------
    Moments

    Raises
    ------
    ValueError
        If the sampler or the process is unknown.

    Examples
    --------
    >>> out = propagate("heun", [1.0], [4.0, 1.0, 0.0])
    >>> out.gain.shape, bool(out.variance[0] < 1)
    ((1,), True)
    """
    loop = sampler_loop(sampler)
    with precision(digits):
        data, levels = numbers(eigenvalues, digits), numbers(sigmas, digits)
        scales = process_levels(levels, process)
        rows = _Basis(data, count_draws(loop, levels, options, predictions=denoiser_error > 0))
        denoise = rows.denoiser(data, denoiser_error, levels)
        out = scales.signal[-1] * loop(denoise, rows.row(0), levels, rows.noise, **options)
        gain = out[0] / scales.signal[0]
        injected = (out[2:] * out[2:]).sum(axis=0)
        # x_S has no mean: the mean enters through the denoiser alone.
        return Moments(gain, out[1], gain * gain * scales.start_variance + injected)


class _Basis:
    """Coefficient arrays of shape (2 + number of noises, d): start, mean, then one row for each noise."""

    def __init__(self, like: Numbers, draws: int) -> None:
        self._zeros = zeros((2 + draws, like.size), like)
        self._used = 2

    def row(self, index: int) -> Numbers:
        """1 in one row, 0 elsewhere."""
        result = self._zeros.copy()
        result[index] = result[index] + 1
        return result

    def noise(self) -> Numbers:
        """A fresh standard normal."""
        self._used += 1
        return self.row(self._used - 1)

    def denoiser(self, data: Numbers, error: float, levels: Numbers) -> Callable[[Numbers, Any], Numbers]:
        """mu + lambda/(lambda + sigma^2) (y - mu), and an error if asked."""
        mean = self.row(1)

        def denoise(y: Numbers, sigma: Any) -> Numbers:
            exact = np.asarray(mean + data / (data + sigma * sigma) * (y - mean))
            if error == 0:
                return exact
            left = elementwise("sqrt", data / (data + sigma * sigma) * error_share(levels, sigma))
            return np.asarray(exact + self.noise() * (error * sigma) * left)

        return denoise


def error_share(levels: Any, sigma: Any) -> Any:
    """Share of a prediction's error that the level of the schedule above `sigma` does not tell.

    1 - exp(-(gap / 0.8)^2), gap their distance in log sigma, or 1 where there is none above (docs/limit.md).
    """
    above = [level for level in levels if level > sigma * (1 + 1e-9)]
    if not above:
        return 1
    use = functions(sigma)
    return 1 - use.exp(-((use.log(min(above) / sigma) / 0.8) ** 2))


def count_draws(
    loop: Callable[..., Any], levels: Numbers, options: dict[str, Any], *, predictions: bool = False
) -> int:
    """How many times a loop asks for noise (and for predictions, if told), by a dry run on one number."""
    drawn = 0

    def noise() -> float:
        nonlocal drawn
        drawn += 1
        return 0.0

    def denoise(y: float, sigma: float) -> float:
        if predictions:
            noise()
        return y

    loop(denoise, 1.0, np.array([float(level) for level in levels]), noise, **options)
    return drawn
