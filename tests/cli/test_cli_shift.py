"""The best shift of a flow model's schedule."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from cli_runner import SPECTRUM, bad, good

import specsched as ss


def test_best_shift_beats_every_other_one(data: Path) -> None:
    text = good("shift", data, "--steps", "4,9", "--json")
    document = json.loads(text)
    assert document["process"] == "flow"
    for steps in (4, 9):
        found = document["shifts"][str(steps)]
        assert found["mu"] == pytest.approx(math.log(found["shift"]))

        def loss(shift: float, steps: int = steps) -> float:
            levels = ss.baselines.flow_shift(steps, sigma_max=999.0, sigma_min=0.0, shift=shift)
            return ss.evaluate(SPECTRUM, levels, process="flow")

        assert found["value"] == pytest.approx(loss(found["shift"]), rel=1e-9)
        assert found["value"] <= min(map(loss, np.geomspace(0.1, 20.0, 60))) * (1 + 1e-9)
        assert found["others"]["shift=3"] == pytest.approx(loss(3.0), rel=1e-12)
        assert found["designed"] <= found["value"] * (1 + 1e-9)
        again = ss.best_member(SPECTRUM, steps, family="flow_shift", process="flow")
        assert again.parameters["shift"] == found["shift"]


def test_shift_prints_a_table(data: Path) -> None:
    header, row = good("shift", data, "--steps", 5).splitlines()[-3::2]
    assert header.split() == ["steps", "shift", "mu", "loss", "shift", "1", "shift", "3", "designed"]
    assert row.split()[0] == "5"
    assert "--steps must be integers" in bad("shift", data, "--steps", "a")
    assert "unknown sampler 'hen'" in bad("shift", data, "--sampler", "hen")
