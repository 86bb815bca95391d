"""Any schedule with any solver as a sampler function of k-diffusion, and of what descends from it."""

from __future__ import annotations

from .models.pipelines.k_diffusion import sampler

__all__ = ["sampler"]
