"""What a sampler does to a spectrum: the transfer function, its errors and their exact gradients."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any, NamedTuple

import numpy as np

from .. import _core
from .._support import checks, codes
from .._support.checks import FloatArray
from .._support.codes import ProcessName, StartName
from .._support.texts import shared_texts
from .._support.values import ByValue
from ..samplers import Sampler
from ..schedules.schedule import Schedule
from ..spectra.spectrum import Spectrum
from .arguments import checked, checked_threads

_SHOWN_ROWS = 12  # of the largest eigenvalues, in a notebook


class Trace(NamedTuple):
    """Per step, noise -> clean: S + 1 rows (before the first step ... after the last), one column per eigenvalue.

    Attributes
    ----------
    sigmas : ndarray, shape (S+1,)
        The levels.
    variance : ndarray, shape (S+1, d)
        Variance of y = x / alpha when the sampler stands at each level.
    target : ndarray, shape (S+1, d)
        Variance that the noising process has there, eigenvalue + sigma^2.
    relative_error : ndarray, shape (S+1, d)
        ``variance / target - 1`` (0 where both vanish).
    """

    sigmas: FloatArray
    variance: FloatArray
    target: FloatArray
    relative_error: FloatArray


@dataclass(frozen=True, eq=False)
class Transfer(ByValue):
    """The linear map from the start x_S and the data mean to the output, per eigenvalue.

    The output is Gaussian with mean ``mean_gain * mu`` and variance ``variance`` (Theorem 3.5 of Benita, Elad & Keshet,
    arXiv 2502.00180, for DDIM; docs/solvers.md for the other solvers).

    Attributes
    ----------
    gain : ndarray, shape (d,)
        D1, the factor from the start x_S to the output.
    mean_gain : ndarray, shape (d,)
        D2, the factor from the data mean to the output mean.
    variance : ndarray, shape (d,)
        Output variance, start and injected noise included.
    injected : ndarray, shape (d,)
        The part of the variance that the sampler's own noise adds (0 for deterministic samplers).
    """

    spectrum: Spectrum
    schedule: Schedule
    sampler: Sampler
    process: str
    gain: FloatArray
    mean_gain: FloatArray
    variance: FloatArray
    injected: FloatArray
    denoiser_error: float = 0.0
    start: str = "prior"

    def trace(self) -> Trace:
        """Variances and relative errors after every step (the paper's Figure 2b).

        Examples
        --------
        >>> import specsched as ss
        >>> t = ss.transfer(ss.Spectrum([1.0]), [10.0, 1.0, 0.0]).trace()
        >>> t.variance.shape, t.sigmas.tolist()
        ((3, 1), [10.0, 1.0, 0.0])
        """
        sigmas = self.schedule.sigmas
        variance = _core.trace(
            self.spectrum.eigenvalues,
            sigmas,
            self.sampler.core_for(self.denoiser_error),
            codes.criterion(self.process, start=self.start),
        )
        target = self.spectrum.eigenvalues[None, :] + np.square(sigmas)[:, None]
        relative = np.divide(variance - target, target, out=np.zeros_like(variance), where=target > 0)
        return Trace(sigmas, variance, target, relative)

    def _repr_html_(self) -> str:
        values = self.spectrum.eigenvalues
        shown = np.argsort(values, kind="stable")[::-1][:_SHOWN_ROWS]
        head = "".join(
            f"<th>{name}</th>" for name in ("eigenvalue", "gain", "mean gain", "variance", "error")
        )
        rows = "".join(
            f"<tr><td>{values[k]:.4g}</td><td>{self.gain[k]:.4g}</td><td>{self.mean_gain[k]:.4g}</td>"
            f"<td>{self.variance[k]:.4g}</td><td>{self.variance[k] - values[k]:+.2g}</td></tr>"
            for k in shown
        )
        return f"<p>{escape(repr(self))}</p><table><tr>{head}</tr>{rows}</table>"

    def __repr__(self) -> str:
        worst = np.max(np.abs(self.variance - self.spectrum.eigenvalues))
        return (
            f"Transfer({self.sampler.name}, {self.process}, {self.schedule.steps} steps, "
            f"{len(self.gain)} eigenvalues, largest variance error {worst:.3g})"
        )


@shared_texts
def transfer(
    spectrum: Any,
    schedule: Any,
    *,
    sampler: Any = "ddim",
    process: ProcessName = "vp",
    start: StartName = "prior",
    denoiser_error: float = 0.0,
    threads: int = 0,
) -> Transfer:
    """The sampler's transfer function for Gaussian data with this spectrum.

    Parameters
    ----------
    spectrum : Spectrum or array_like
        Eigenvalues of the data covariance, in squared data units.
    @schedule
    @sampler
    @process
    @start
    @denoiser_error
    @threads

    Returns
    -------
    Transfer

    Raises
    ------
    TypeError, ValueError
        For what is not a spectrum, a schedule or a known name.

    Notes
    -----
    With y = x / alpha, the deviation from the mean is multiplied by P per eigenvalue and
    D1 = alpha_0 P / alpha_S, D2 = alpha_0 (1 - P) (our form of Lemmas 3.2-3.4). From noised data the mean is there
    from the start, D2 = alpha_0.

    Examples
    --------
    >>> import specsched as ss
    >>> t = ss.transfer(ss.Spectrum([4.0, 1.0]), [10.0, 1.0, 0.0])
    >>> (t.variance < [4.0, 1.0]).all()  # discretised DDIM shrinks
    np.True_
    """
    data, levels, solver, core = checked(spectrum, schedule, sampler, denoiser_error)
    code, criterion = codes.process_code(process), codes.criterion(process, start=start)
    gain, variance = _core.transfer(
        data.eigenvalues,
        data.weights,
        data.mean_power,
        levels.sigmas,
        core,
        criterion,
        checked_threads(threads),
    )
    first, last = float(levels.sigmas[0]), float(levels.sigmas[-1])
    scale_first, scale_last = _core.signal_scale(code, first), _core.signal_scale(code, last)
    from_data = start == "data"
    before = data.eigenvalues + first**2 if from_data else _core.start_variance(code, first)
    started = before * (scale_last * gain) ** 2
    injected = (
        np.zeros_like(gain)
        if solver.deterministic and denoiser_error == 0.0
        else np.maximum(variance - started, 0.0)
    )
    return Transfer(
        data,
        levels,
        solver,
        process,
        gain=checks.read_only(gain * (scale_last / scale_first)),
        mean_gain=checks.read_only(scale_last * (np.ones_like(gain) if from_data else 1.0 - gain)),
        variance=checks.read_only(variance),
        injected=checks.read_only(injected),
        denoiser_error=float(denoiser_error),
        start=start,
    )
