"""Arguments that are True or False: of anything else, arrays first of all, nobody knows which it is."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from test_every_function_is_drawn import DOORS, LEFT_OUT, public

import specsched as ss
from specsched.sources import load_spectrum

LEVELS = [10.0, 3.0, 1.0, 0.0]
ALPHAS = np.cumprod(1.0 - np.linspace(1e-4, 0.02, 1000))
EXACT = ss.models.gaussian([4.0, 1.0])


def network(x: Any, sigma: Any) -> Any:
    return 0.5 * x


def ddim() -> Any:
    """A scheduler of diffusers with its own settings."""
    return pytest.importorskip("diffusers").DDIMScheduler()


def designed_scheduler(**flags: Any) -> object:
    pytest.importorskip("diffusers")
    return ss.diffusers.DesignedScheduler.from_design(ss.design([4.0, 1.0], 3), ddim(), **flags)


FLAGS: dict[str, tuple[str, Callable[..., object]]] = {
    "Neighbourhood.of": ("relative", ss.Neighbourhood().of),
    "Schedule.to_comfyui": ("flow", ss.Schedule(LEVELS).to_comfyui),
    "Schedule.to_timesteps": ("keep_first keep_last", ss.Schedule(LEVELS).to_timesteps),
    "design_eta": ("per_step", ss.design_eta),
    "diffusers.DesignedScheduler.from_design": ("round_timesteps", designed_scheduler),
    "k_diffusion.sampler": ("flow", ss.k_diffusion.sampler),
    "models.from_diffusers": ("batched round_timesteps", ss.models.from_diffusers),
    "models.from_edm": ("batched", ss.models.from_edm),
    "models.from_flow": ("batched", ss.models.from_flow),
    "record": ("slopes", partial(ss.record, sigma_max=20.0, sigma_floor=0.02)),
    "sources.load_spectrum": ("skip_bad", load_spectrum),
}
"""Public functions and their flags."""

ARGUMENTS: dict[str, Callable[[], tuple[Any, ...]]] = {
    "Neighbourhood.of": lambda: (ss.Spectrum([4.0, 1.0]),),
    "Schedule.to_timesteps": lambda: (ALPHAS,),
    "design_eta": lambda: ([4.0, 1.0], 3),
    "k_diffusion.sampler": lambda: (ss.Schedule(LEVELS),),
    "models.from_diffusers": lambda: (network, ddim()),
    "models.from_edm": lambda: (network,),
    "models.from_flow": lambda: (network,),
    "record": lambda: (EXACT, np.ones((2, 2))),
    "sources.load_spectrum": lambda: ("digits",),
}
"""What is passed beside a flag; nothing where nothing is asked for."""


def is_flag(parameter: inspect.Parameter) -> bool:
    return isinstance(parameter.default, bool) and "Neighbourhood" not in str(parameter.annotation)


def flags_of(name: str) -> list[str]:
    """Flags of a public function, by the name under which users call it."""
    first, *rest = name.split(".")
    found: Any = importlib.import_module(f"specsched.{first}") if first in DOORS else getattr(ss, first)
    for part in rest:
        found = getattr(found, part)
    return [p.name for p in inspect.signature(found).parameters.values() if is_flag(p)]


@pytest.mark.parametrize("value", [np.array([1.0, 2.0]), "no", None, 1], ids=["array", "text", "None", "1"])
@pytest.mark.parametrize("name", FLAGS)
def test_refused(name: str, value: object) -> None:
    arguments = ARGUMENTS.get(name, tuple)()
    for flag in FLAGS[name][0].split():
        with pytest.raises(TypeError, match=f"{flag} must be True or False"):
            FLAGS[name][1](*arguments, **{flag: value})


def test_every_flag_is_here() -> None:
    offered = {
        name: flags
        for name in public()
        if not name.startswith("samplers.") and name not in LEFT_OUT and (flags := flags_of(name))
    }
    assert "Schedule.to_timesteps" in offered  # the walk sees flags
    missing = {name: flags for name, flags in offered.items() if name not in FLAGS}
    assert not missing
    assert all(set(flags) == set(FLAGS[name][0].split()) for name, flags in offered.items())
