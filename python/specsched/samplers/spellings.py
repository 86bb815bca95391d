"""Names of samplers as people write them: "DPM++ 2M Karras", "Euler a", "UniPC", "EulerAncestralDiscreteScheduler"."""

from __future__ import annotations

import re
from collections.abc import Iterable

_OTHERS = {
    "eulera": "euler_ancestral",
    "dpm2a": "dpm_2_ancestral",
    "dpmpp2sa": "dpmpp_2s_ancestral",
    "dpmsolverpp": "dpmpp_2m",
    "dpmsolverpp2m": "dpmpp_2m",
    "dpmsolverpp3m": "dpmpp_3m",
    "dpmpp2": "dpmpp_2m",
    "dpmpp3": "dpmpp_3m",
    "unipcbh2": "unipc",
    "eulerdiscrete": "euler",
    "edmeuler": "euler",
    "flowmatcheuler": "euler",
    "flowmatcheulerdiscrete": "euler",
    "eulerancestraldiscrete": "euler_ancestral",
    "heundiscrete": "heun",
    "kdpm2discrete": "dpm_2",
    "kdpm2ancestraldiscrete": "dpm_2_ancestral",
    "dpmsolversinglestep": "dpmpp_singlestep",
    "unipcmultistep": "unipc",
    "deismultistep": "deis",
    "lmsdiscrete": "lms",
}
"""What is left of a name without its punctuation -> the name here.

AUTOMATIC1111's list (modules/sd_samplers_kdiffusion.py, sd_samplers_timesteps.py), ComfyUI's (comfy/samplers.py,
KSAMPLER_NAMES) and the classes of diffusers, where punctuation is not all that differs."""

_SCHEDULES = (
    "karras",
    "exponential",
    "polyexponential",
    "sgmuniform",
    "ddimuniform",
    "uniform",
    "automatic",
    "simple",
    "normal",
    "beta",
    "kloptimal",
    "alignyoursteps",
    "ays",
    "turbo",
)
"""Schedules that these programs name after the sampler (modules/sd_schedulers.py, comfy/samplers.py)."""

_ENDINGS = ("scheduler", "gpu")


def canonical(text: str, names: Iterable[str]) -> str | None:
    """The name among `names` that a person means by `text`, if there is one.

    Examples
    --------
    >>> [canonical(text, ["dpmpp_2m", "euler_ancestral"]) for text in ("DPM++ 2M Karras", "Euler a", "Restart")]
    ['dpmpp_2m', 'euler_ancestral', None]
    """
    listed = list(names)
    known = {_bare(name): name for name in listed}
    bare = _bare(text)
    for ending in ("", *_ENDINGS, *_SCHEDULES):
        if bare.endswith(ending):
            stem = bare[: len(bare) - len(ending)]
            found = known.get(stem) or _OTHERS.get(stem)
            if found in listed:
                return found
    return None


def _bare(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower().replace("++", "pp"))
