"""Samplers by name, with their options.

A sampler is a frozen dataclass: its fields are its options (named as in k-diffusion and diffusers), its docstring gives
the source; docs/solvers.md has the formulas. Wherever a function takes ``sampler=``, a name (``"dpmpp_2m"``) or an
instance (``ss.samplers.DPMpp2M(lower_order_final=True)``) will do. `SAMPLERS` lists every name.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from functools import cached_property, lru_cache
from typing import Any, ClassVar

import numpy as np

from . import _core, _validate
from .schedule import Schedule


@dataclass(frozen=True)
class Sampler:
    """A solver and its options; subclasses are the solvers."""

    names: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name == "eta" and (isinstance(value, (list, tuple)) or np.ndim(value)):
                object.__setattr__(self, "eta", tuple(_validate.vector("eta", value).tolist()))
            elif field.name == "disable_corrector":
                object.__setattr__(self, field.name, _validate.indices(field.name, value))
            elif not isinstance(value, bool) and value != math.inf:
                _validate.real(field.name, value)
        self.core  # noqa: B018  the core knows each option's range and says what is wrong

    @property
    def name(self) -> str:
        """Canonical name."""
        return self.names[0]

    @property
    def options(self) -> dict[str, float]:
        """The options as numbers, as the compiled core takes them; lists over the steps are not among them."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: float(value) for name, value in values.items() if not isinstance(value, tuple)}

    @property
    def eta_steps(self) -> tuple[float, ...] | None:
        """The eta of each step, noise -> clean, where there is not one for all."""
        eta = getattr(self, "eta", None)
        return eta if isinstance(eta, tuple) else None

    @property
    def deterministic(self) -> bool:
        """Whether the sampler adds no noise of its own."""
        if self.options.get("s_churn", 0.0) > 0.0:
            return False
        return not any(self.eta_steps or (self.options.get("eta", 0.0),))

    @property
    def multistep(self) -> bool:
        """Whether it combines several predictions, so that nearby levels can act as finite differences."""
        return True

    def function_evaluations(self, schedule: Schedule) -> int:
        """Number of denoiser evaluations (NFE) of one run over the schedule.

        Examples
        --------
        >>> import specsched as ss
        >>> ss.samplers.Heun().function_evaluations(ss.Schedule([10.0, 1.0, 0.1, 0.0]))
        5
        """
        return self.core.function_evaluations(schedule.steps, float(schedule.sigmas[-1]) == 0.0)

    def check(self, schedule: Schedule) -> None:
        """Raise ValueError where sampler and levels do not fit."""
        problem = self.core.check(schedule.sigmas)
        if problem:
            raise ValueError(problem)

    @cached_property
    def core(self) -> _core.Sampler:
        """Handle of the compiled core for an exact denoiser."""
        return self._make_core(0.0)

    def core_for(self, denoiser_error: float) -> _core.Sampler:
        """Handle of the compiled core for a denoiser with this relative white error."""
        return self.core if denoiser_error == 0.0 else _core_with_error(self, denoiser_error)

    def _make_core(self, error: float) -> _core.Sampler:
        if self.eta_steps is None:
            return _core.Sampler(self.name, self.options, error)
        for eta in {min(self.eta_steps), max(self.eta_steps)}:  # the core checks the range of one eta
            core = _core.Sampler(self.name, {**self.options, "eta": eta}, error)
        return _core.with_eta_steps(core, np.array(self.eta_steps))


@lru_cache(maxsize=128)
def _core_with_error(sampler: Sampler, error: float) -> _core.Sampler:
    return sampler._make_core(error)


@dataclass(frozen=True)
class DDIM(Sampler):
    """DDIM (Song, Meng & Ermon, arXiv 2010.02502); with ``eta=0`` the same as Euler in y = x / alpha.

    Parameters
    ----------
    eta : float or tuple of float, >= 0
        Share of the ancestral noise: 0 is deterministic, 1 is DDPM. Or one for each step (noise -> clean), as for
        every sampler that has an eta.
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
class DPMppSDE(Sampler):
    """DPM-Solver++ SDE, singlestep (k-diffusion's ``sample_dpmpp_sde``)."""

    names: ClassVar[tuple[str, ...]] = ("dpmpp_sde",)
    eta: float | tuple[float, ...] = 1.0
    s_noise: float = 1.0
    r: float = 0.5
    brownian: bool = True


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


_KINDS: tuple[type[Sampler], ...] = (
    DDIM,
    DDPM,
    Heun,
    EDMStochastic,
    DPM2,
    DPM2Ancestral,
    DPMpp2S,
    DPMpp2SAncestral,
    DPMppSinglestep,
    DPMpp2M,
    DPMpp3M,
    DPMppSDE,
    DPMpp2MSDE,
    DPMpp2MSDEHeun,
    DPMpp3MSDE,
    DPMMultistep,
    DPMMultistepSDE,
    UniPC,
    DEIS,
    IPNDM,
    PLMS,
    LMS,
)
SAMPLERS: dict[str, type[Sampler]] = {name: kind for kind in _KINDS for name in kind.names}
"""Every name and alias, and its class."""

_DEFAULTS: dict[str, Sampler] = {}


def as_sampler(sampler: Any) -> Sampler:
    """The sampler of that name with default options, or the instance itself.

    Raises
    ------
    TypeError
        Neither a name nor a Sampler.
    ValueError
        Unknown name; the message lists the known ones and the nearest.
    """
    if isinstance(sampler, Sampler):
        return sampler
    if not isinstance(sampler, str):
        raise TypeError(
            f"sampler must be a name or a specsched.samplers.Sampler, got {type(sampler).__name__}"
        )
    known = _DEFAULTS.get(sampler)
    if known is None:
        known = _DEFAULTS[sampler] = _validate.lookup("sampler", sampler, SAMPLERS)()
    return known
