"""What the compiled core declares of solvers and losses, and what Python says of them."""

from __future__ import annotations

import inspect
import math
import re
from dataclasses import fields
from typing import Any, get_args

import pytest
from typer.testing import CliRunner

import specsched as ss
from specsched import _core
from specsched._support import codes
from specsched.cli.app import app
from specsched.testing import SAMPLERS as LOOPS

ROWS = {name: (aliases, options) for name, aliases, options, _ in _core.solver_list()}
OVER_STEPS = {"disable_corrector", "coefficients", "model_times"}  # lists over the steps, not numbers
LOSSES = [name for name, *_ in _core.loss_list()]


def test_every_solver_has_a_dataclass() -> None:
    assert {name for name, kind in ss.samplers.SAMPLERS.items() if name == kind.names[0]} == set(ROWS)


@pytest.mark.parametrize("name", ROWS)
def test_options_and_their_defaults(name: str) -> None:
    aliases, options = ROWS[name]
    kind = ss.samplers.SAMPLERS[name]
    assert kind.names == (name, *aliases)
    declared: dict[str, Any] = {field.name: field.default for field in fields(kind)}
    numbers = {key: float(value) for key, value in declared.items() if key not in OVER_STEPS}
    assert numbers == options


def test_every_solver_has_a_plain_loop() -> None:
    assert set(LOOPS) == set(ROWS)


def test_names_of_losses() -> None:
    assert tuple(LOSSES) == get_args(codes.LossName)
    assert set(_core.Loss.__members__) == set(LOSSES)


@pytest.mark.parametrize("function", [ss.evaluate, ss.design])
def test_losses_of_docstrings(function: Any) -> None:
    listed = re.search(r"loss : \{(.*)\}", inspect.getdoc(function) or "")
    assert listed
    assert re.findall(r'"(\w+)"', listed[1]) == LOSSES


@pytest.mark.parametrize("loss", LOSSES)
def test_zero_eigenvalues(loss: str) -> None:
    data, levels = ss.Spectrum([1.0, 0.0]), ss.Schedule([10.0, 1.0, 0.1]).sigmas
    core, criterion = ss.samplers.DDIM().core, codes.criterion("vp", loss)
    value = data._in_core(1).evaluate(levels, core, criterion, 1)
    assert math.isfinite(value) == (loss in codes.ADMIT_ZEROS)


def test_help_lists_the_losses() -> None:
    text = CliRunner().invoke(app, ["evaluate", "--help-all"], env={"COLUMNS": "200"}).output
    for loss in LOSSES:
        assert loss in text
