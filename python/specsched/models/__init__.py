"""The model in the loop: denoisers from networks, and what is measured, recorded and refined on them."""

from __future__ import annotations

from .adapters.diffusers import from_diffusers
from .adapters.gaussian import gaussian
from .adapters.plain import from_edm, from_flow, from_k_diffusion
from .denoiser import Denoiser

__all__ = ["Denoiser", "from_diffusers", "from_edm", "from_flow", "from_k_diffusion", "gaussian"]
