"""Solvers that look at the step at hand only, with one or several evaluations in it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from .base import Sampler


@dataclass(frozen=True)
class DDIM(Sampler):
    """DDIM (Song, Meng & Ermon, arXiv 2010.02502); with ``eta=0`` the same as Euler in y = x / alpha.

    Parameters
    ----------
    eta : float or tuple of float, in [0, 1]
        Share of the ancestral noise: 0 is deterministic, 1 is DDPM. Or one for each step (noise -> clean), as for
        every sampler that has an eta (the SDE solvers take up to 10).
    s_churn, s_tmin, s_tmax, s_noise : float
        EDM's churn (arXiv 2206.00364, algorithm 2), as in k-diffusion.
    diffusers_churn : bool
        diffusers' Euler scheduler adds the churn after the model has been evaluated: the slope is that of the
        sample and level before it. True follows it, for models that predict the noise (what the scheduler makes
        of other predictions is another method again).

    Examples
    --------
    >>> import specsched as ss
    >>> ss.samplers.DDIM(eta=0.3).deterministic
    False
    """

    names: ClassVar[tuple[str, ...]] = ("ddim", "euler")
    eta: float | tuple[float, ...] = 0.0
    s_churn: float = 0.0
    s_tmin: float = 0.0
    s_tmax: float = math.inf
    s_noise: float = 1.0
    diffusers_churn: bool = False

    @property
    def multistep(self) -> bool:
        return False


@dataclass(frozen=True)
class DDPM(Sampler):
    """Ancestral sampling (Ho, Jain & Abbeel, arXiv 2006.11239), the same as Euler ancestral in k-diffusion."""

    names: ClassVar[tuple[str, ...]] = ("ddpm", "euler_ancestral")
    eta: float | tuple[float, ...] = 1.0
    s_noise: float = 1.0

    @property
    def multistep(self) -> bool:
        return False


@dataclass(frozen=True)
class Heun(Sampler):
    """Heun's second-order method (Karras et al., arXiv 2206.00364); Euler on a last step to 0.

    The churn is k-diffusion's; diffusers' Heun scheduler has none.
    """

    names: ClassVar[tuple[str, ...]] = ("heun", "edm")
    s_churn: float = 0.0
    s_tmin: float = 0.0
    s_tmax: float = math.inf
    s_noise: float = 1.0


@dataclass(frozen=True)
class EDMStochastic(Sampler):
    """EDM's stochastic sampler (Karras et al., arXiv 2206.00364, algorithm 2), with its ImageNet-64 constants."""

    names: ClassVar[tuple[str, ...]] = ("edm_stochastic", "heun_churn")
    s_churn: float = 40.0
    s_tmin: float = 0.05
    s_tmax: float = 50.0
    s_noise: float = 1.003


@dataclass(frozen=True)
class DPM2(Sampler):
    """DPM-Solver-2 in sigma (k-diffusion's ``sample_dpm_2``; KDPM2 in diffusers)."""

    names: ClassVar[tuple[str, ...]] = ("dpm_2", "dpm_solver_2", "kdpm2")
    s_churn: float = 0.0
    s_tmin: float = 0.0
    s_tmax: float = math.inf
    s_noise: float = 1.0


@dataclass(frozen=True)
class DPM2Ancestral(Sampler):
    """DPM-Solver-2 with ancestral noise (k-diffusion's ``sample_dpm_2_ancestral``)."""

    names: ClassVar[tuple[str, ...]] = ("dpm_2_ancestral", "kdpm2_ancestral")
    eta: float | tuple[float, ...] = 1.0
    s_noise: float = 1.0


@dataclass(frozen=True)
class DPMpp2S(Sampler):
    """DPM-Solver++(2S) (Lu et al., arXiv 2211.01095); `r` places the inner evaluation in log sigma."""

    names: ClassVar[tuple[str, ...]] = ("dpmpp_2s",)
    r: float = 0.5


@dataclass(frozen=True)
class DPMpp2SAncestral(Sampler):
    """DPM-Solver++(2S) with ancestral noise (k-diffusion's ``sample_dpmpp_2s_ancestral``)."""

    names: ClassVar[tuple[str, ...]] = ("dpmpp_2s_ancestral",)
    eta: float | tuple[float, ...] = 1.0
    s_noise: float = 1.0
    r: float = 0.5


@dataclass(frozen=True)
class DPMppSinglestep(Sampler):
    """DPM-Solver++ singlestep, as diffusers' DPMSolverSinglestepScheduler groups the steps."""

    names: ClassVar[tuple[str, ...]] = ("dpmpp_singlestep", "dpm_solver_singlestep")
    order: int = 2
    heun: bool = False
    lower_order_final: bool = False


@dataclass(frozen=True)
class DPMppSDE(Sampler):
    """DPM-Solver++ SDE, singlestep (k-diffusion's ``sample_dpmpp_sde``)."""

    names: ClassVar[tuple[str, ...]] = ("dpmpp_sde",)
    eta: float | tuple[float, ...] = 1.0
    s_noise: float = 1.0
    r: float = 0.5
    brownian: bool = True
