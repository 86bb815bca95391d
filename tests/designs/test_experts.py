"""One list of levels for two experts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import specsched as ss

SPECTRUM = ss.Spectrum(3200.0 * np.arange(1, 129) ** -1.9)
FLOW: dict[str, Any] = {"process": "flow", "sigma_floor": 0.01}


@pytest.mark.parametrize("sampler", ["ddim", "dpmpp_2m", "unipc"])
def test_the_parts_are_the_designs_of_each_expert_and_the_split_is_the_best(sampler: str) -> None:
    found = ss.design_experts(SPECTRUM, 6, 7.0, sampler=sampler, **FLOW)
    n, m = found.steps
    upper = ss.design(SPECTRUM, n, sampler=sampler, process="flow", sigma_min=7.0)
    lower = ss.design(SPECTRUM, m, sampler=sampler, sigma_max=7.0, start="data", **FLOW)
    np.testing.assert_array_equal(found.first.schedule.sigmas, upper.schedule.sigmas)
    np.testing.assert_array_equal(found.second.schedule.sigmas, lower.schedule.sigmas)
    np.testing.assert_array_equal(found.schedule.sigmas, [*upper.schedule.sigmas, *lower.schedule.sigmas[1:]])
    assert sorted(found.split_losses) == [1, 2, 3, 4, 5]
    assert found.split_losses[n] == min(found.split_losses.values())
    assert found.loss == ss.evaluate(SPECTRUM, found.schedule, sampler=sampler, process="flow")


def test_steps_of_each_expert_can_be_given() -> None:
    found = ss.design_experts(SPECTRUM, (2, 5), 9.0, **FLOW)
    assert found.steps == (2, 5)
    assert found.schedule.steps == 7
    assert found.schedule.sigmas[2] == 9.0
    assert "2 + 5 steps, boundary 9" in repr(found)


def test_the_whole_list_is_nearly_as_good_as_one_without_a_boundary() -> None:
    found = ss.design_experts(SPECTRUM, 10, 7.0, **FLOW)
    free = ss.design(SPECTRUM, 10, **FLOW)
    assert free.loss <= found.loss * (1 + 1e-9)
    assert found.loss < 1.2 * free.loss


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ((6, 2000.0), "boundary"),
        ((6, 0.001), "boundary"),
        ((6, -1.0), "boundary"),
        ((1, 7.0), "steps"),
        (((2, 3, 4), 7.0), "steps"),
        (((0, 4), 7.0), r"steps\[0\]"),
    ],
)
def test_bad_arguments_are_named(arguments: tuple[Any, float], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        ss.design_experts(SPECTRUM, *arguments, **FLOW)


def test_options_are_those_of_designs_against_the_limit() -> None:
    with pytest.raises(ValueError, match="target"):
        ss.design_experts(SPECTRUM, 6, 7.0, target="data", **FLOW)
    with pytest.raises(ValueError, match="sampel"):
        ss.design_experts(SPECTRUM, 6, 7.0, sampel="ddim", **FLOW)
    with pytest.raises(ValueError, match="unknown process 'vf'; known: "):
        ss.design_experts(SPECTRUM, 6, 7.0, sampler="ddim", process="vf", sigma_floor=0.02)
