"""k-diffusion, and all that descends from it."""

from __future__ import annotations

from typing import Any

from ..._support.checks import FloatArray
from ..levels import single_precision


def tensor(sigmas: FloatArray) -> Any:
    """The S + 1 levels as k-diffusion's ``sample_*(model, x, sigmas)`` take them: a float32 tensor.

    k-diffusion, and all that descends from it (A1111, Forge, sgm; ComfyUI's SIGMAS for models that are not
    flow models), expects the initial x to be noise times ``sigmas[0]`` and the list to end in 0; it checks
    neither.

    Returns
    -------
    torch.Tensor, shape (S + 1,)

    Raises
    ------
    ImportError
        torch is not installed (``schedule.sigmas`` holds the same levels as a NumPy array).
    ValueError
        Two levels coincide in single precision.
    """
    values = single_precision(sigmas)
    try:
        import torch
    except ImportError:
        raise ImportError(
            "to_k_diffusion returns a tensor and needs torch (pip install torch); "
            "schedule.sigmas is the same as a NumPy array"
        ) from None
    return torch.from_numpy(values)
