"""Models on the command line: a function that gives a denoiser and its starts, and schedules by file or by name."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from .._support import checks, codes
from ..models.recordings.recording import Recording
from ..samplers import Sampler, as_sampler
from ..schedules import baselines
from ..schedules.schedule import Schedule
from .work import read_schedule

MODEL_HELP = (
    "'module:function' or 'file.py:function'. function(starts) returns a denoiser (specsched.models makes one from a "
    "network) and that many standard normal starts, an array of NumPy, PyTorch or JAX."
)

DEFAULT_SAMPLER = "dpmpp_2m"
SAMPLER_HELP = (
    "Deterministic sampler, with options after a colon "
    f"(default: the one that a schedule was saved with, else {DEFAULT_SAMPLER})."
)


def _option(text: str, *names: str) -> Any:
    return typer.Option(*names, help=text, rich_help_panel="Model")


@dataclass(frozen=True)
class ModelOptions:
    """How the network is run."""

    starts: Annotated[int, _option("Starts that the function is asked for.")] = 16
    process: Annotated[
        str | None,
        _option("vp, ve or flow: the scale of the starts (default: as a schedule was saved, else vp)."),
    ] = None
    sigma_max: Annotated[float | None, _option("First level (default: the model's own).")] = None
    sigma_floor: Annotated[float | None, _option("Lowest positive level (default: the model's own).")] = None
    batch_size: Annotated[int, _option("Starts in one network call.")] = 16

    def load(self, text: str) -> tuple[Any, Any]:
        """Denoiser and starts of NETWORK."""
        if self.process is not None:
            codes.process_code(self.process)
        count = checks.integer("--starts", self.starts, minimum=1)
        found = _function(text)(count)
        if not isinstance(found, tuple) or len(found) != 2 or not callable(found[0]):
            raise TypeError(f"{text!r} must return (denoiser, noise), got {type(found).__name__}")
        return found

    @property
    def run(self) -> dict[str, Any]:
        """How `record`, `trial` and `refine` run the network, whatever its levels."""
        asked = {} if self.process is None else {"process": self.process}
        return asked | {"batch_size": self.batch_size}

    def ends(self, denoiser: Any) -> tuple[float, float]:
        """First and lowest level: as asked, or the model's own."""
        ends = []
        for name, asked in (("sigma_max", self.sigma_max), ("sigma_floor", self.sigma_floor)):
            own = getattr(denoiser, "sigma_max" if name == "sigma_max" else "sigma_min", None)
            if asked is None and not (own is not None and 0.0 < own < float("inf")):
                raise ValueError(f"the model does not say its range; give --{name.replace('_', '-')}")
            ends.append(
                checks.real(f"--{name.replace('_', '-')}", own if asked is None else asked, above=0.0)
            )
        return ends[0], ends[1]

    def schedule(self, text: str, steps: int | None, denoiser: Any, sampler: Sampler | None) -> Schedule:
        """A saved schedule, or a heuristic by name between the model's ends, with a last step to 0.

        It brings the sampler that is asked for; else the one that it was saved with; else DPM-Solver++(2M).
        """
        if text not in baselines.TABLE or Path(text).exists():
            found = read_schedule(Path(text))
        elif steps is None:
            raise ValueError(f"the heuristic {text!r} needs --steps")
        else:
            high, low = self.ends(denoiser)
            found = baselines.make(text, steps, sigma_max=high, sigma_min=0.0, sigma_floor=low)
        if sampler is None and "sampler" in found.made_for:
            return found
        own = (sampler or as_sampler(DEFAULT_SAMPLER)).saved
        return found.remembering({**found.made_for, "sampler": own})


def read_recording(path: Path | None) -> Recording | None:
    """A saved recording, if one is named."""
    return None if path is None else Recording.load(path)


def _function(text: str) -> Any:
    place, colon, name = text.rpartition(":")
    if not colon or not place or not name:
        raise ValueError(f"NETWORK must be 'module:function' or 'file.py:function', got {text!r}")
    if place.endswith(".py"):
        path = Path(place)
        if not path.is_file():
            raise FileNotFoundError(f"there is no file {place!r}")
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None  # the name ends in .py
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules.setdefault(path.stem, module)  # other processes and pickles look it up there
        spec.loader.exec_module(module)
    else:
        try:
            module = importlib.import_module(place)
        except ModuleNotFoundError as error:
            raise ValueError(
                f"cannot import {place!r} ({error}); run in its folder, or name the file"
            ) from None
    function = getattr(module, name, None)
    if not callable(function):
        raise ValueError(f"{place!r} has no function {name!r}")
    return function
