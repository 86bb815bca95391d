"""How a design presents itself."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import specsched as ss
from specsched.designs import problem

WIDE = ss.Spectrum(1.0 / np.arange(1, 10_001) ** 2)


@pytest.fixture(scope="module")
def found() -> ss.Design:
    return ss.design([4.0, 1.0, 0.1], 6, sigma_max=80.0, sigma_min=0.01, target="data")


def test_best_baseline_and_gains(found: ss.Design) -> None:
    name, loss = found.best_baseline
    assert loss == min(found.baselines.values()) == found.baselines[name]
    assert next(iter(found.gains)) == name
    values = list(found.gains.values())
    assert values == sorted(values)
    assert found.gains[name] == pytest.approx(1 - found.loss / loss)
    assert 0 < found.gains[name] < 1


def test_what_was_asked_for_is_kept(found: ss.Design) -> None:
    assert (found.sampler.name, found.process, found.loss_name, found.method) == (
        "ddim",
        "vp",
        "w2",
        "newton",
    )
    assert found.sigma_floor is None
    assert found.status == 0
    assert found.nit > 0
    assert found.nfev > found.nit
    assert found.losses == (found.loss,)
    floor = ss.design([1.0], 3, sampler="ddpm", loss="kl", sigma_max=80.0, sigma_floor=0.01, target="data")
    assert (floor.sampler.name, floor.loss_name, floor.sigma_floor) == ("ddpm", "kl", 0.01)


def test_costs_are_found_once_and_when_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def count(*arguments: Any) -> ss.Costs:
        asked.append(arguments)
        return costs_of(*arguments)

    costs_of = problem.costs_of
    monkeypatch.setattr(problem, "costs_of", count)
    found = ss.design(WIDE, 6, sampler="dpmpp_2m")
    assert not asked
    first, again = found.costs, found.costs
    assert first is again
    assert len(asked) == 1
    assert first == ss.costs(WIDE, found.schedule, sampler="dpmpp_2m")
    assert found.schedule.made_for is found.schedule.made_for


def test_a_pickled_design_leaves_the_spectrum_behind() -> None:
    found = ss.design(WIDE, 6)
    sent = pickle.dumps(found)
    assert len(sent) < WIDE.eigenvalues.nbytes
    again = pickle.loads(sent)
    assert again == found
    assert hash(again) == hash(found)
    assert again.costs == found.costs
    assert dict(again.schedule.made_for) == dict(found.schedule.made_for)
    assert replace(again, message="renamed").costs == found.costs
    assert replace(again, message="renamed") != found


def test_repr_names_the_essentials(found: ss.Design) -> None:
    text = repr(found)
    assert "Design for ddim, vp, 6 steps (newton): converged" in text
    assert f"{found.loss:.6g}" in text
    assert "W2 distance" in text
    for name in list(found.gains)[:8]:  # the best
        assert name in text
    assert f"and {len(found.gains) - 10} more" in text
    failed = repr(replace(found, success=False, message="iteration limit reached"))
    assert "NOT converged: iteration limit reached" in failed


def test_long_schedules_are_abridged(found: ss.Design) -> None:
    text = repr(ss.design([1.0, 0.1], 40, sigma_max=80.0, target="data"))
    assert ", ..., " in text
    assert max(len(line) for line in text.splitlines()) < 160
    assert "..." not in repr(found)


def test_html(found: ss.Design) -> None:
    page = found._repr_html_()
    assert page.count("<tr>") == len(found.baselines) + 1
    assert f"<b>{found.loss:.6g}</b>" in page
    failed = replace(found, success=False, message="a <b & c")._repr_html_()
    assert "not converged" in failed
    assert "a &lt;b &amp; c" in failed


def test_a_loss_of_zero_has_no_gain(found: ss.Design) -> None:
    nothing = replace(found, loss=0.0, baselines={"same": 0.0, "worse": 2.0})
    assert nothing.gains == {"same": 0.0, "worse": 1.0}


def test_a_sampler_without_a_limit_has_no_costs_to_show() -> None:
    """With noise that depends on the levels there is no limit that the ends could be measured by."""
    found = ss.design([4.0, 1.0], 4, sampler="edm_stochastic", target="data")
    assert found.costs is not None
    assert found.costs.ends is None
    assert "the ends" not in repr(found)
    assert f"W2 distance to the data         {found.loss:.6g}" in repr(found)


@pytest.mark.parametrize("options", [{"method": "slsqp"}, {"combine": "worst"}], ids=["slsqp", "worst"])
def test_one_step_has_nothing_to_choose(options: dict[str, Any]) -> None:
    spectra = [ss.Spectrum([4.0, 1.0]), ss.Spectrum([1.0, 0.1])]
    only = ss.design(spectra, 1, sigma_max=80.0, sigma_min=0.01, **options)
    assert only.schedule.sigmas.tolist() == [80.0, 0.01]
    assert (only.success, only.kkt_error) == (True, 0.0)
    values = [ss.evaluate(s, only.schedule) for s in spectra]
    assert only.losses == pytest.approx(values, rel=1e-12)
