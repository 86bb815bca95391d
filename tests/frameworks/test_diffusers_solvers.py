"""Transfer functions against the real schedulers of diffusers, run on an exact Gaussian denoiser.

A scheduler is linear in its start, in the data mean and in each of its noises, as long as the denoiser is. So
three kinds of runs (start 1, mean 1, one noise 1; all else 0) measure its gain, mean gain and injected
variance exactly. Left out: FlowMatchHeun, which averages slopes over t and not over sigma, another method
than our Heun; SASolver, and schedulers that need a Brownian tree.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from specsched import Spectrum, samplers, transfer
from specsched.samplers import Sampler

diffusers = pytest.importorskip("diffusers", reason="needs the extra 'frameworks'")
torch = pytest.importorskip("torch", reason="needs the extra 'frameworks'")

# diffusers itself uses what NumPy and torch have deprecated
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

EIGENVALUES = [0.003, 0.1, 0.37, 1.0, 5.0]
STABLE_DIFFUSION = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
PROCESSES = {"vp": "vp", "ve": "ve", "edm": "ve", "flow": "flow"}


class DoublePrecision:
    """torch with float64 for float32, so that rounding does not blur the comparison."""

    float32 = torch.float64

    def __getattr__(self, name: str) -> Any:
        return getattr(torch, name)


@dataclass(frozen=True)
class Case:
    """A scheduler, what its samples are ("vp", "ve", "edm", "flow"), and our sampler that it must equal."""

    scheduler: str
    kind: str
    sampler: Sampler
    config: dict[str, Any] = field(default_factory=dict)
    arguments: dict[str, Any] = field(default_factory=lambda: {"num_inference_steps": 10})
    step: dict[str, Any] = field(default_factory=dict)
    tolerance: float = 1e-9
    ahead: bool = False  # the model sees the sample that the churn of the coming step will make

    def __str__(self) -> str:
        settings = {**self.config, **self.step, **({"ahead": True} if self.ahead else {})}
        words = [*(f"{key}={value}" for key, value in settings.items() if not key.startswith("beta_"))]
        steps = self.arguments.get("num_inference_steps", "custom")
        return " ".join([self.scheduler.removesuffix("Scheduler"), *words, f"steps={steps}"])


class Bench:
    """Runs one scheduler with the exact denoiser."""

    def __init__(self, case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
        self.case = case
        self.make = getattr(diffusers, case.scheduler)
        self.module = sys.modules[self.make.__module__]
        monkeypatch.setattr(self.module, "torch", DoublePrecision())
        if hasattr(self.module, "randn_tensor"):
            monkeypatch.setattr(self.module, "randn_tensor", self.noise)
        self.draws = 0
        self.chosen = -1

    def noise(self, shape: Any, **_: Any) -> Any:
        """The chosen draw is 1, every other one 0."""
        self.draws += 1
        return torch.full(tuple(shape), float(self.draws - 1 == self.chosen), dtype=torch.float64)

    def prepared(self) -> Any:
        scheduler = self.make(**self.case.config)
        scheduler.set_timesteps(**self.case.arguments)
        for name in ("sigmas", "sigmas_interpol", "alphas_cumprod", "final_alpha_cumprod", "one"):
            value = getattr(scheduler, name, None)
            if isinstance(value, torch.Tensor):
                setattr(scheduler, name, value.double())
        if self.case.kind == "flow":
            # t = 1 is an infinite level; start just below
            scheduler.sigmas = scheduler.sigmas.clamp(max=0.98)
        if self.case.scheduler == "IPNDMScheduler":
            scheduler.betas = scheduler.betas.double().clamp(max=0.999)
            scheduler.alphas = (1 - scheduler.betas**2).sqrt()
        return scheduler

    def run(self, *, start: float = 0.0, mean: float = 0.0, draw: int = -1) -> np.ndarray[Any, Any]:
        scheduler = self.prepared()
        self.draws, self.chosen = 0, draw
        eigenvalues = torch.tensor(EIGENVALUES, dtype=torch.float64).reshape(1, -1, 1, 1)
        x = torch.full_like(eigenvalues, start)
        for t in scheduler.timesteps:
            level, seen = current_level(scheduler, t), x
            if self.case.ahead:
                level, seen = self.churned(x, level, len(scheduler.sigmas) - 1)
            alpha, sigma = scales(self.case.kind, level)
            ratio = sigma / alpha
            clean = mean + eigenvalues / (eigenvalues + ratio**2) * (seen / alpha - mean)
            if hasattr(scheduler, "is_scale_input_called"):
                scheduler.scale_model_input(x, t)
            output = prediction(scheduler, self.case.kind, seen, clean, alpha, sigma)
            x = scheduler.step(output, t, x, **self.case.step).prev_sample
        return np.asarray(x.numpy().ravel())

    def churned(self, x: Any, level: Any, steps: int) -> tuple[Any, Any]:
        """Level and sample after EDM's churn, whose noise the scheduler will draw next."""
        chosen = self.case.step
        inside = chosen.get("s_tmin", 0.0) <= level <= chosen.get("s_tmax", np.inf)
        growth = 1 + (min(chosen["s_churn"] / steps, np.sqrt(2) - 1) if inside else 0.0)
        noise = float(inside and self.draws == self.chosen) * chosen.get("s_noise", 1.0)
        return growth * level, x + noise * level * np.sqrt(growth**2 - 1)

    def sigmas(self) -> np.ndarray[Any, Any]:
        """The levels between which the scheduler steps, as noise-to-signal ratios."""
        scheduler = self.prepared()
        if self.case.scheduler == "IPNDMScheduler":
            levels = (scheduler.betas / scheduler.alphas).numpy()
        elif hasattr(scheduler, "sigmas"):
            alpha, sigma = scales(self.case.kind, scheduler.sigmas)
            levels = (sigma / alpha).numpy()
        else:
            abar = scheduler.alphas_cumprod.numpy()[scheduler.timesteps.numpy()]
            levels = np.append(np.sqrt((1 - abar) / abar), 0.0)
        return np.unique(levels)[::-1]  # some list a level twice


def current_level(scheduler: Any, t: Any) -> Any:
    """The level at which the scheduler wants the model evaluated."""
    if type(scheduler).__name__ == "IPNDMScheduler":
        return (scheduler.betas / scheduler.alphas)[scheduler.step_index or 0]
    if not hasattr(scheduler, "sigmas"):
        abar = scheduler.alphas_cumprod[int(t)]
        return ((1 - abar) / abar).sqrt()
    k = scheduler.step_index or 0
    if not hasattr(scheduler, "sigmas_interpol") or scheduler.state_in_first_order:
        return scheduler.sigmas[k]
    return scheduler.sigmas_interpol[k - 1 if hasattr(scheduler, "sigmas_down") else k]


def scales(kind: str, level: Any) -> tuple[Any, Any]:
    """Signal and noise scale of the samples at a level of the scheduler."""
    if kind == "flow":
        return 1 - level, level
    alpha = torch.ones_like(level) if kind in ("ve", "edm") else 1 / (1 + level**2).sqrt()
    return alpha, level * alpha


def prediction(scheduler: Any, kind: str, x: Any, clean: Any, alpha: Any, sigma: Any) -> Any:
    """The network's output, in the form that the scheduler expects, for the clean sample it stands for."""
    noise = (x - alpha * clean) / sigma
    if kind == "edm":
        data = scheduler.config.sigma_data
        skip = data**2 / (sigma**2 + data**2)
        return (clean - skip * x) / (sigma * data / (sigma**2 + data**2).sqrt())
    target = scheduler.config.get("prediction_type", "flow_prediction" if kind == "flow" else "v_prediction")
    if target == "v_prediction" and kind == "ve":
        total = sigma**2 + 1
        return (x / total - clean) * total.sqrt() / sigma
    forms = {
        "epsilon": noise,
        "sample": clean,
        "v_prediction": alpha * noise - sigma * clean,
        "flow_prediction": noise - clean,
    }
    return forms[target]


def sd(**config: Any) -> dict[str, Any]:
    return {**STABLE_DIFFUSION, **config}


def steps(count: int) -> dict[str, Any]:
    return {"num_inference_steps": count}


def dpm_cases() -> list[Case]:
    name = "DPMSolverMultistepScheduler"
    found = []
    for order in (1, 2, 3):
        ours = samplers.DPMpp3M if order == 3 else samplers.DPMpp2M
        for solver_type in ("midpoint", "heun"):
            for lower, euler, count in (
                (True, False, 5),
                (True, True, 20),
                (False, False, 10),
                (False, True, 20),
            ):
                flags = {"lower_order_final": lower, "euler_at_final": euler}
                sampler = ours(order=order, heun=solver_type == "heun", **flags)
                config = sd(solver_order=order, solver_type=solver_type, **flags)
                found.append(Case(name, "vp", sampler, config, steps(count)))
        plain = ours(order=order, lower_order_final=True)
        for target in ("v_prediction", "sample"):
            found.append(Case(name, "vp", plain, sd(solver_order=order, prediction_type=target)))
        flow = {"use_flow_sigmas": True, "prediction_type": "flow_prediction", "solver_order": order}
        found.append(Case(name, "flow", plain, flow))
        low = sd(solver_order=order, final_sigmas_type="sigma_min")
        found.append(Case(name, "vp", plain, low))
        noise = {**low, "algorithm_type": "dpmsolver"}
        found.append(Case(name, "vp", samplers.DPMMultistep(order=order), noise))
        found += noise_cases("dpmsolver", samplers.DPMMultistep, order)
    return found


def noise_cases(algorithm: str, ours: type[Any], order: int) -> list[Case]:
    """The algorithms of DPMSolverMultistep that predict the noise: both solver types, with and without low ends."""
    found = []
    for heun in (False, True):
        for flags in (
            {"lower_order_final": False, "euler_at_final": False},
            {"lower_order_final": True, "euler_at_final": False},
            {"lower_order_final": False, "euler_at_final": True},
        ):
            config = sd(
                algorithm_type=algorithm,
                solver_order=order,
                solver_type="heun" if heun else "midpoint",
                final_sigmas_type="sigma_min",
                **flags,
            )
            sampler = ours(order=order, heun=heun, **flags)
            found.append(Case("DPMSolverMultistepScheduler", "vp", sampler, config))
    return found


def sde_cases() -> list[Case]:
    name, algorithm = "DPMSolverMultistepScheduler", {"algorithm_type": "sde-dpmsolver++"}
    found = []
    for order in (1, 2):
        for heun, ours in ((False, samplers.DPMpp2MSDE), (True, samplers.DPMpp2MSDEHeun)):
            for lower in (True, False):
                config = sd(
                    **algorithm,
                    solver_order=order,
                    solver_type="heun" if heun else "midpoint",
                    lower_order_final=lower,
                )
                found.append(Case(name, "vp", ours(order=order, lower_order_final=lower), config))
        found += noise_cases("sde-dpmsolver", samplers.DPMMultistepSDE, order)
    third = samplers.DPMpp3MSDE(diffusers_d2=True, heun=False)
    found.append(Case(name, "vp", third, sd(**algorithm, solver_order=3, lower_order_final=False)))
    return found


def singlestep_cases() -> list[Case]:
    return [
        Case(
            "DPMSolverSinglestepScheduler",
            "vp",
            samplers.DPMppSinglestep(order=order, heun=solver_type == "heun", lower_order_final=True),
            sd(solver_order=order, solver_type=solver_type, lower_order_final=True),
            steps(count),
        )
        for order in (1, 2, 3)
        for solver_type in ("midpoint", "heun")
        for count in (9, 10, 11)
    ]


def unipc_cases() -> list[Case]:
    name = "UniPCMultistepScheduler"
    found = []
    for order in (1, 2, 3):
        for count in (5, 10, 20):
            found.append(Case(name, "vp", samplers.UniPC(order=order), sd(solver_order=order), steps(count)))
        # B(h) = h is infinite on a step to 0
        first = sd(solver_order=order, solver_type="bh1", final_sigmas_type="sigma_min")
        found.append(Case(name, "vp", samplers.UniPC(order=order, bh=1), first))
        flow = {"use_flow_sigmas": True, "prediction_type": "flow_prediction", "solver_order": order}
        found.append(Case(name, "flow", samplers.UniPC(order=order), flow))
    plain = sd(disable_corrector=list(range(20)))
    found.append(Case(name, "vp", samplers.UniPC(corrector=False), plain))
    for order, steps_off in ((2, [0]), (3, [0, 1, 5]), (3, [2, 3, 40])):
        sampler = samplers.UniPC(order=order, disable_corrector=steps_off)
        found.append(Case(name, "vp", sampler, sd(solver_order=order, disable_corrector=steps_off)))
    return found


def unipc_noise_cases() -> list[Case]:
    found = []
    for order in (1, 2, 3):
        for bh in (1, 2):
            for options in (
                {},
                {"lower_order_final": False},
                {"disable_corrector": [0, 3]},
            ):
                sampler = samplers.UniPC(order=order, bh=bh, predict_x0=False, **options)
                config = sd(
                    solver_order=order,
                    solver_type=f"bh{bh}",
                    predict_x0=False,
                    final_sigmas_type="sigma_min",
                    **options,
                )
                found.append(Case("UniPCMultistepScheduler", "vp", sampler, config))
    for target in ("v_prediction", "sample"):
        config = sd(predict_x0=False, final_sigmas_type="sigma_min", prediction_type=target)
        found.append(Case("UniPCMultistepScheduler", "vp", samplers.UniPC(predict_x0=False), config))
    return found


def churn_cases() -> list[Case]:
    """The scheduler adds the churn to what the model has seen already; `ahead` shows the model the result."""
    found = []
    for churn in (
        {"s_churn": 3.0},
        {"s_churn": 40.0, "s_tmin": 0.05, "s_tmax": 10.0, "s_noise": 1.003},
    ):
        config, name = sd(), "EulerDiscreteScheduler"
        found.append(Case(name, "ve", samplers.DDIM(**churn, diffusers_churn=True), config, step=churn))
        found.append(Case(name, "ve", samplers.DDIM(**churn), config, step=churn, ahead=True))
        found.append(Case("EDMEulerScheduler", "edm", samplers.DDIM(**churn), step=churn, ahead=True))
    return found


# KDPM2 rounds its own intermediate levels to single precision.
CASES = [
    *(
        Case("EulerDiscreteScheduler", "ve", samplers.DDIM(), sd(prediction_type=p))
        for p in ("epsilon", "v_prediction")
    ),
    *(
        Case("EulerAncestralDiscreteScheduler", "ve", samplers.DDPM(), sd(prediction_type=p))
        for p in ("epsilon", "v_prediction")
    ),
    *(
        Case("HeunDiscreteScheduler", "ve", samplers.Heun(), sd(prediction_type=p))
        for p in ("epsilon", "v_prediction")
    ),
    Case("KDPM2DiscreteScheduler", "ve", samplers.DPM2(), sd(), tolerance=1e-7),
    Case("KDPM2AncestralDiscreteScheduler", "ve", samplers.DPM2Ancestral(), sd(), tolerance=1e-6),
    Case("LMSDiscreteScheduler", "ve", samplers.LMS(), sd()),
    Case("DDIMScheduler", "vp", samplers.DDIM(), sd(clip_sample=False)),
    Case("DDIMScheduler", "vp", samplers.DDIM(eta=0.6), sd(clip_sample=False), step={"eta": 0.6}),
    Case(
        "DDPMScheduler",
        "vp",
        samplers.DDPM(),
        sd(clip_sample=False),
        {"timesteps": [999, 700, 400, 200, 50, 3]},
    ),
    Case("PNDMScheduler", "vp", samplers.PLMS(), sd(skip_prk_steps=True, set_alpha_to_one=True)),
    *(
        Case(
            "PNDMScheduler",
            "vp",
            samplers.PLMS(skip_prk_steps=False),
            sd(skip_prk_steps=False, set_alpha_to_one=True, timestep_spacing=spacing),
            steps(count),
        )
        for spacing in ("leading", "trailing")
        for count in (4, 10, 20)
    ),
    Case("IPNDMScheduler", "vp", samplers.IPNDM()),
    Case("EDMEulerScheduler", "edm", samplers.DDIM()),
    Case("EDMDPMSolverMultistepScheduler", "edm", samplers.DPMpp2M(lower_order_final=True)),
    Case("FlowMatchEulerDiscreteScheduler", "flow", samplers.DDIM(), {"shift": 3.0}),
    *(
        Case(
            "DEISMultistepScheduler",
            "vp",
            samplers.DEIS(order=order, lower_order_final=lower),
            sd(solver_order=order, lower_order_final=lower),
        )
        for order in (1, 2, 3)
        for lower in (True, False)
    ),
    *dpm_cases(),
    *sde_cases(),
    *singlestep_cases(),
    *unipc_cases(),
    *unipc_noise_cases(),
    *churn_cases(),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_scheduler_and_engine_agree(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(case, monkeypatch)
    expected = transfer(
        Spectrum(EIGENVALUES), bench.sigmas(), sampler=case.sampler, process=PROCESSES[case.kind]
    )
    np.testing.assert_allclose(bench.run(start=1.0), expected.gain, rtol=case.tolerance, atol=1e-14)
    np.testing.assert_allclose(bench.run(mean=1.0), expected.mean_gain, rtol=case.tolerance)
    injected = sum((bench.run(draw=k) ** 2 for k in range(bench.draws)), np.zeros(len(EIGENVALUES)))
    np.testing.assert_allclose(injected, expected.injected, rtol=case.tolerance, atol=1e-13)
