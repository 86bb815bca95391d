"""Published models by name: the configuration of their scheduler, and the scale of what they denoise."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from ..._support import checks
from ...samplers import Heun
from ...schedules.export.configuration import Configuration
from ...schedules.export.diffusers import DESIGNED
from .problems import PipelineProblem, problem_of


@dataclass(frozen=True)
class Published:
    """A model that many people use.

    Attributes
    ----------
    title : str
        Its name.
    scheduler : dict
        Its ``scheduler_config.json``: what the levels and the solver depend on.
    source : str
        Where that is published.
    scale, shift : float, optional
        It denoises latents ``scale * (z - shift)``; None: pictures from -1 to 1.
    heun : bool
        Its own program is EDM's deterministic sampler, which no scheduler of diffusers is.
    """

    title: str
    scheduler: dict[str, Any]
    source: str
    scale: float | None = None
    shift: float = 0.0
    heun: bool = field(default=False)

    @property
    def latents(self) -> str:
        """What its data are, in words."""
        if self.scale is None:
            return "pictures from -1 to 1"
        inner = f"(z - {self.shift:g})" if self.shift else "z"
        return f"latents {self.scale:g} * {inner}, z from its encoder (Spectrum.from_vae makes them)"


def _hub(name: str) -> str:
    return f"huggingface.co/{name}, scheduler/scheduler_config.json and vae/config.json"


_SCALED = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "num_train_timesteps": 1000,
}
_LINEAR = {"beta_start": 0.0001, "beta_end": 0.02, "beta_schedule": "linear", "num_train_timesteps": 1000}
_FLOW = {"_class_name": "FlowMatchEulerDiscreteScheduler", "num_train_timesteps": 1000}
_EDM = {"_class_name": "EDMEulerScheduler", "sigma_min": 0.002, "sigma_max": 80.0, "sigma_data": 0.5}
_EDM_SOURCE = "arXiv 2206.00364, table 1; NVlabs/edm generate.py"

MODELS: dict[str, Published] = {
    "sd15": Published(
        "Stable Diffusion 1.5",
        {"_class_name": "PNDMScheduler", **_SCALED, "skip_prk_steps": True, "timestep_spacing": "leading"},
        _hub("stable-diffusion-v1-5/stable-diffusion-v1-5"),
        scale=0.18215,
    ),
    "sd21": Published(
        "Stable Diffusion 2.1",
        {
            "_class_name": "DDIMScheduler",
            **_SCALED,
            "prediction_type": "v_prediction",
            "timestep_spacing": "leading",
        },
        _hub("stabilityai/stable-diffusion-2-1"),
        scale=0.18215,
    ),
    "sdxl": Published(
        "Stable Diffusion XL",
        {"_class_name": "EulerDiscreteScheduler", **_SCALED, "timestep_spacing": "leading"},
        _hub("stabilityai/stable-diffusion-xl-base-1.0"),
        scale=0.13025,
    ),
    "svd": Published(
        "Stable Video Diffusion",
        {
            "_class_name": "EulerDiscreteScheduler",
            **_SCALED,
            "prediction_type": "v_prediction",
            "timestep_type": "continuous",
            "timestep_spacing": "leading",
            "sigma_min": 0.002,
            "sigma_max": 700.0,
        },
        _hub("stabilityai/stable-video-diffusion-img2vid-xt"),
        scale=0.18215,
    ),
    "sd3": Published(
        "Stable Diffusion 3 Medium",
        {**_FLOW, "shift": 3.0},
        _hub("stabilityai/stable-diffusion-3-medium-diffusers"),
        scale=1.5305,
        shift=0.0609,
    ),
    "flux": Published(
        "FLUX.1 [dev]",
        {**_FLOW, "shift": 3.0, "use_dynamic_shifting": True},
        _hub("black-forest-labs/FLUX.1-dev"),
        scale=0.3611,
        shift=0.1159,
    ),
    "pixart": Published(
        "PixArt-alpha",
        {"_class_name": "DPMSolverMultistepScheduler", **_LINEAR},
        "huggingface/diffusers, scripts/convert_pixart_alpha_to_diffusers.py: the defaults of the scheduler",
        scale=0.18215,
    ),
    "dit": Published(
        "DiT-XL/2",
        {"_class_name": "DDIMScheduler", **_LINEAR},
        "huggingface/diffusers, scripts/convert_dit_to_diffusers.py (betas) and pipelines/dit/pipeline_dit.py (class); "
        "its autoencoder is Stable Diffusion's",
        scale=0.18215,
    ),
    "ddpm-cifar": Published(
        "DDPM, CIFAR-10",
        {"_class_name": "DDPMScheduler", **_LINEAR},
        "huggingface.co/google/ddpm-cifar10-32, scheduler_config.json; arXiv 2006.11239",
    ),
    "edm-cifar": Published("EDM, CIFAR-10", _EDM, _EDM_SOURCE, heun=True),
    "edm-imagenet64": Published("EDM, ImageNet-64", _EDM, _EDM_SOURCE, heun=True),
}
"""What ``--model`` knows: by name, with the source of every figure."""


def published(name: str) -> tuple[Published, Configuration, PipelineProblem]:
    """A published model, the configuration of its scheduler, and what to design for.

    Raises
    ------
    ValueError
        The name is not known; the message lists those that are.

    Examples
    --------
    >>> from specsched.models.configured.published import published
    >>> model, _, problem = published("sdxl")
    >>> model.title, problem.sampler.name, round(problem.sigma_max, 2), round(problem.sigma_floor, 3)
    ('Stable Diffusion XL', 'ddim', 14.61, 0.029)
    """
    model: Published = checks.lookup("model", name, MODELS)
    config = Configuration.of(model.scheduler)
    problem = problem_of(config)
    if model.heun:
        problem = replace(problem, sampler=Heun(), runner=DESIGNED)
    return model, config, problem
