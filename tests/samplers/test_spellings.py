"""Names of samplers as people write them."""

from __future__ import annotations

import pytest

from specsched.samplers import SAMPLERS, as_sampler


@pytest.mark.parametrize("name", SAMPLERS)
def test_names_of_our_own_in_any_spelling(name: str) -> None:
    kind = SAMPLERS[name]
    for text in (
        name,
        name.upper(),
        name.replace("_", " "),
        name.replace("_", "-"),
        name.replace("pp", "++"),
    ):
        assert type(as_sampler(text)) is kind


@pytest.mark.parametrize(
    ("text", "name"),
    [
        # AUTOMATIC1111 and Forge, modules/sd_samplers_kdiffusion.py and sd_samplers_timesteps.py
        ("Euler", "ddim"),
        ("Euler a", "ddpm"),
        ("LMS Karras", "lms"),
        ("Heun", "heun"),
        ("DPM2", "dpm_2"),
        ("DPM2 a Karras", "dpm_2_ancestral"),
        ("DPM++ 2S a", "dpmpp_2s_ancestral"),
        ("DPM++ 2M", "dpmpp_2m"),
        ("DPM++ 2M Karras", "dpmpp_2m"),
        ("DPM++ 2M SGM Uniform", "dpmpp_2m"),
        ("DPM++ SDE Karras", "dpmpp_sde"),
        ("DPM++ 2M SDE Exponential", "dpmpp_2m_sde"),
        ("DPM++ 2M SDE Heun", "dpmpp_2m_sde_heun"),
        ("DPM++ 3M SDE", "dpmpp_3m_sde"),
        ("DDIM", "ddim"),
        ("PLMS", "plms"),
        ("UniPC", "unipc"),
        # ComfyUI, comfy/samplers.py
        ("dpmpp_2m_sde_gpu", "dpmpp_2m_sde"),
        ("uni_pc_bh2", "unipc"),
        # classes of diffusers
        ("EulerAncestralDiscreteScheduler", "ddpm"),
        ("KDPM2DiscreteScheduler", "dpm_2"),
        ("UniPCMultistepScheduler", "unipc"),
        ("DPMSolverMultistepScheduler", "dpmpp_2m"),
        ("DPMSolverSinglestepScheduler", "dpmpp_singlestep"),
    ],
)
def test_names_of_other_programs(text: str, name: str) -> None:
    assert as_sampler(text).name == name


@pytest.mark.parametrize("text", ["Restart", "DPM adaptive", "LCM", "Euler a CFG++", "Karras", "", "2M"])
def test_names_of_nothing_here(text: str) -> None:
    with pytest.raises(ValueError, match="unknown sampler"):
        as_sampler(text)
