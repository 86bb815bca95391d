"""ComfyUI node: a saved design as SAMPLER and SIGMAS, for SamplerCustom and SamplerCustomAdvanced.

Install: copy this folder into ComfyUI/custom_nodes, and `pip install specsched` into ComfyUI's environment. Make the
file with `design.schedule.save("design.json")` or `specsched design ... --out design.json`.

What it uses of ComfyUI (its repository, comfy/samplers.py and comfy/model_sampling.py): `KSAMPLER(sampler_function)`
scales the noise by sqrt(1 + sigma^2) where sigmas[0] is the model's highest level and by sigma below it, calls
`sampler_function(model, x, sigmas, extra_args=..., callback=..., disable=...)` and divides the result of flow models
(`model_sampling.CONST`) by 1 - sigmas[-1]. SIGMAS of flow models are flow times.
"""

from __future__ import annotations

from typing import Any


class SpecschedDesign:
    """Loads a saved design: its solver with its coefficients, and its levels."""

    CATEGORY = "sampling/custom_sampling"
    RETURN_TYPES = ("SAMPLER", "SIGMAS")
    FUNCTION = "load"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """What the node shows."""
        return {
            "required": {"model": ("MODEL",), "file": ("STRING", {"default": "design.json"})},
            "optional": {"denoise": ("FLOAT", {"default": 1.0, "min": 0.0, "max": 1.0, "step": 0.01})},
        }

    def load(self, model: Any, file: str, denoise: float = 1.0) -> tuple[Any, Any]:
        """The sampler, and the last `denoise` share of the levels."""
        import comfy.model_sampling
        import comfy.samplers
        import torch

        import specsched as ss

        design = ss.Schedule.load(file)
        sampling = model.get_model_object("model_sampling")
        flow = isinstance(sampling, comfy.model_sampling.CONST)
        levels = design.flow_times if flow else design.sigmas
        highest = float(sampling.sigma_max)
        if levels[0] > highest * (1.0 + 1e-3):
            raise ValueError(
                f"{file} starts at {levels[0]:.6g}, above the model's highest level {highest:.6g}: it was designed for "
                f"another model; design with sigma_max={highest / (1.0 - highest) if flow else highest:.6g}"
            )
        steps = max(1, round(design.steps * denoise))
        sigmas = torch.tensor(levels[-(steps + 1) :].copy(), dtype=torch.float32)
        return comfy.samplers.KSAMPLER(ss.k_diffusion.sampler(design, flow=flow)), sigmas


NODE_CLASS_MAPPINGS = {"SpecschedDesign": SpecschedDesign}
NODE_DISPLAY_NAME_MAPPINGS = {"SpecschedDesign": "Designed sampler (specsched)"}
