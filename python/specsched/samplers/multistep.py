"""Solvers that combine predictions of several steps."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from .. import _core
from .base import Sampler


@dataclass(frozen=True)
class DPMpp2M(Sampler):
    """DPM-Solver++(2M) (Lu et al., arXiv 2211.01095), the default of many pipelines.

    Parameters
    ----------
    order : int
        1 to 3; 1 is DDIM.
    heun : bool
        diffusers' ``solver_type="heun"`` instead of "midpoint".
    lower_order_final : bool
        End with lower orders in runs of fewer than 15 steps, diffusers' default.
    euler_at_final : bool
        The last step is first order.
    """

    names: ClassVar[tuple[str, ...]] = ("dpmpp_2m", "dpm_solver_multistep")
    order: int = 2
    heun: bool = False
    lower_order_final: bool = False
    euler_at_final: bool = False


@dataclass(frozen=True)
class DPMpp3M(Sampler):
    """DPM-Solver++(3M), as diffusers' DPMSolverMultistepScheduler with ``solver_order=3``."""

    names: ClassVar[tuple[str, ...]] = ("dpmpp_3m",)
    order: int = 3
    heun: bool = False
    lower_order_final: bool = True
    euler_at_final: bool = False


@dataclass(frozen=True)
class DPMpp2MSDE(Sampler):
    """SDE-DPM-Solver++(2M), midpoint variant (k-diffusion's ``sample_dpmpp_2m_sde``)."""

    names: ClassVar[tuple[str, ...]] = ("dpmpp_2m_sde",)
    order: int = 2
    eta: float | tuple[float, ...] = 1.0
    s_noise: float = 1.0
    heun: bool = False
    lower_order_final: bool = False
    euler_at_final: bool = False


@dataclass(frozen=True)
class DPMpp2MSDEHeun(Sampler):
    """SDE-DPM-Solver++(2M), Heun variant."""

    names: ClassVar[tuple[str, ...]] = ("dpmpp_2m_sde_heun",)
    order: int = 2
    eta: float | tuple[float, ...] = 1.0
    s_noise: float = 1.0
    heun: bool = True
    lower_order_final: bool = False
    euler_at_final: bool = False


@dataclass(frozen=True)
class DPMpp3MSDE(Sampler):
    """SDE-DPM-Solver++(3M) (k-diffusion's ``sample_dpmpp_3m_sde``).

    Parameters
    ----------
    diffusers_d2 : bool
        The sign that diffusers uses in the third-order coefficient.
    """

    names: ClassVar[tuple[str, ...]] = ("dpmpp_3m_sde",)
    order: int = 3
    eta: float | tuple[float, ...] = 1.0
    s_noise: float = 1.0
    heun: bool = True
    diffusers_d2: bool = False
    lower_order_final: bool = False
    euler_at_final: bool = False


@dataclass(frozen=True)
class DPMMultistep(Sampler):
    """DPM-Solver multistep in the noise prediction (Lu et al., arXiv 2206.00927); needs a positive last level."""

    names: ClassVar[tuple[str, ...]] = ("dpm_multistep", "dpm_solver")
    order: int = 2
    heun: bool = False
    lower_order_final: bool = True
    euler_at_final: bool = False


@dataclass(frozen=True)
class DPMMultistepSDE(Sampler):
    """SDE-DPM-Solver multistep in the noise prediction (Lu et al., arXiv 2211.01095); needs a positive last level.

    Orders 1 and 2. diffusers' ``algorithm_type="sde-dpmsolver"`` is ``eta=1``; ``eta=0`` is `DPMMultistep`.
    """

    names: ClassVar[tuple[str, ...]] = ("dpm_multistep_sde", "sde_dpm_solver")
    order: int = 2
    eta: float | tuple[float, ...] = 1.0
    s_noise: float = 1.0
    heun: bool = False
    lower_order_final: bool = True
    euler_at_final: bool = False


@dataclass(frozen=True)
class UniPC(Sampler):
    """UniPC (Zhao et al., arXiv 2302.04867), predictor and corrector.

    Parameters
    ----------
    order : int
        1 to 3.
    bh : int
        B(h) = h (1) or e^h - 1 (2).
    corrector : bool
        False leaves the predictor alone.
    predict_x0 : bool
        False works on predictions of the noise and needs a positive last level.
    disable_corrector : sequence of int
        Steps, from 0, whose result is not corrected; numbers beyond the last step have no effect (diffusers).
    lower_order_final : bool
        End with lower orders.

    Examples
    --------
    >>> import specsched as ss
    >>> ss.samplers.UniPC(disable_corrector=[0, 1]).disable_corrector
    (0, 1)
    """

    names: ClassVar[tuple[str, ...]] = ("unipc", "uni_pc")
    order: int = 2
    bh: int = 2
    corrector: bool = True
    predict_x0: bool = True
    disable_corrector: tuple[int, ...] = ()
    lower_order_final: bool = True

    def begun_at(self, step: int) -> UniPC:
        return replace(self, disable_corrector=tuple(k - step for k in self.disable_corrector if k >= step))

    def _make_core(self, error: float) -> _core.Sampler:
        return super()._make_core(error).without_corrector(self.disable_corrector)


@dataclass(frozen=True)
class DEIS(Sampler):
    """DEIS multistep (Zhang & Chen, arXiv 2204.13902), exponential integrators with polynomial extrapolation."""

    names: ClassVar[tuple[str, ...]] = ("deis",)
    order: int = 2
    lower_order_final: bool = True
    euler_at_final: bool = False


@dataclass(frozen=True)
class IPNDM(Sampler):
    """Improved PNDM (Zhang & Chen, arXiv 2204.13902): Adams-Bashforth weights on the noise prediction."""

    names: ClassVar[tuple[str, ...]] = ("ipndm",)
    order: int = 4


@dataclass(frozen=True)
class PLMS(Sampler):
    """Pseudo linear multistep (Liu et al., arXiv 2202.09778).

    Parameters
    ----------
    order : int
        1 to 4.
    skip_prk_steps : bool
        True starts with a Heun step. False is PNDM as published: three Runge-Kutta steps first, each over two
        levels of the schedule, the first of which is its middle. diffusers takes as middle the timestep halfway;
        N of its steps visit N + 4 levels. A run of fewer than six steps has fewer Runge-Kutta steps.

    Examples
    --------
    >>> import specsched as ss
    >>> sampler = ss.samplers.PLMS(skip_prk_steps=False)
    >>> sampler.function_evaluations(ss.baselines.edm(13, sigma_max=80.0, sigma_min=0.002))
    19
    """

    names: ClassVar[tuple[str, ...]] = ("plms", "pndm")
    order: int = 4
    skip_prk_steps: bool = True


@dataclass(frozen=True)
class LMS(Sampler):
    """Linear multistep with exactly integrated Lagrange polynomials (k-diffusion's ``sample_lms``)."""

    names: ClassVar[tuple[str, ...]] = ("lms",)
    order: int = 4
