"""A quick sample of the study of optima: designs against many other searches, and the study itself."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import specsched as ss

STUDIES = Path(__file__).parents[2] / "studies"
NAMES = ("optimum", "optimum_report", "optimum_challengers", "optimum_spectra")


@pytest.fixture(scope="module")
def study() -> Iterator[ModuleType]:
    """The script, imported from its folder, which is no package."""
    sys.path.insert(0, str(STUDIES))
    try:
        import optimum

        yield optimum
    finally:
        sys.path.remove(str(STUDIES))
        for name in NAMES:
            sys.modules.pop(name, None)


def spectra() -> dict[str, ss.Spectrum]:
    """A small one of each synthetic kind, and digits."""
    rng = np.random.default_rng(5)
    powers = np.arange(1, 65, dtype=np.float64) ** -1.5 * 8.0
    groups = np.repeat([30.0, 0.4, 2e-4], [2, 7, 20])
    return {
        "power": ss.Spectrum(powers, mean_power=0.1 * powers),
        "clusters": ss.Spectrum(groups),
        "zeros": ss.Spectrum(np.append(powers[:6], np.zeros(40))),
        "lognormal": ss.Spectrum(np.exp(rng.normal(0.0, 3.0, 30))),
    }


@pytest.mark.parametrize("name", ["power", "clusters", "zeros", "lognormal"])
@pytest.mark.parametrize("ends", ["0.01", "0", "0, floor 0.03"])
@pytest.mark.parametrize(
    ("sampler", "loss"), [("ddim", "w2"), ("ddpm", "w2"), ("ddim", "kl"), ("ddpm", "kl")]
)
def test_design_is_never_worse_than_other_searches(
    study: ModuleType, name: str, ends: str, sampler: str, loss: str
) -> None:
    for steps, part in ((3, "slsqp"), (10, "slsqp"), (16, "newton")):
        question = study.Question(name, name, steps, ends, loss, sampler)
        case = study.Case(name, name, spectra()[name])
        row = study.compare(part, question, case)
        assert row.excess <= 1e-6, (question.key, row.start, row.levels)
        assert row.rival <= row.baseline * (1.0 + 1e-9)  # the challenger did its work


def test_random_and_near_starts_keep_the_order(study: ModuleType) -> None:
    from optimum_challengers import near_starts, random_starts

    for ends in study.ENDS:
        question = study.Question("power", "power", 12, ends, "w2", "ddim")
        problem = question.problem(spectra()["power"])
        drawn = random_starts(problem, 9, question.rng())
        hops = near_starts(problem, drawn["random 2"], 6, question.rng())
        for levels in (*drawn.values(), *hops.values()):
            assert levels.shape == (13,)
            assert (np.diff(levels) < 0.0).all()
            assert levels[0] == problem.sigma_max
            assert levels[-1] == problem.sigma_min


def test_descent_lowers_the_loss_within_the_constraints(study: ModuleType) -> None:
    from optimum_challengers import descend, random_starts

    for ends in study.ENDS:
        question = study.Question("lognormal", "log-normal", 40, ends, "w2", "ddpm")
        problem = question.problem(spectra()["lognormal"])
        start = random_starts(problem, 1, question.rng())["random 0"]
        found = descend(problem, start)
        assert problem.core.loss(found) < 0.9 * problem.core.loss(start)
        assert problem.core.admits(found)


def test_study_continues_where_it_stopped_and_reports(
    study: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--families", "clusters", "--most-steps", "3", "--state", str(tmp_path)]
    for _ in range(2):
        study.main(["newton", "--budget", "0.02", *options])
    with (tmp_path / "newton.csv").open() as stream:
        keys = [study.key_of(row) for row in csv.DictReader(stream)]
    assert len(keys) == len(set(keys)) >= 2
    study.main(["slsqp", "--budget", "0.02", *options])
    capsys.readouterr()
    study.main(["report", "--state", str(tmp_path), "--out", str(tmp_path), "--images", str(tmp_path)])
    printed = capsys.readouterr().out
    assert "| clusters |" in printed
    assert (tmp_path / "optimum.csv").read_text().startswith("part,group,of,problems,within")
    assert (tmp_path / "optimum.png").stat().st_size > 1000


@pytest.mark.parametrize("sampler", ["ddim", "ddpm"])
@pytest.mark.parametrize("steps", [10, 28])
def test_no_other_split_of_levels_between_two_groups_is_better(sampler: str, steps: int) -> None:
    # How many levels each group of eigenvalues gets is a choice that descent alone cannot change.
    spectrum = ss.Spectrum([10.0, 1e-5])
    found = ss.design(spectrum, steps, sampler=sampler, loss="kl", target="data").loss
    for upper in range(1, steps - 1):
        inside = np.append(
            np.geomspace(10.0, 0.8, upper + 1)[:-1], np.geomspace(0.02, 6e-4, steps - 1 - upper)
        )
        init = np.concatenate(([157.4], inside, [0.0]))
        other = ss.design(spectrum, steps, sampler=sampler, loss="kl", init=init, target="data").loss
        assert found <= other * (1.0 + 1e-6), upper


def test_multistep_design_of_few_steps_finds_the_far_last_level() -> None:
    # The last level may do best far below the spectrum, where it only sets the weight of the extrapolation.
    powers = 2.0 * np.arange(1, 50, dtype=np.float64) ** -1.5
    spectrum = ss.Spectrum(powers)
    found = ss.design(spectrum, 4, sampler="dpmpp_2m", target="data")
    near = ss.design(spectrum, 4, sampler="dpmpp_2m", sigma_floor=1e-3, target="data")
    assert found.schedule.sigmas[-2] < 1e-5
    assert found.loss < 0.9 * near.loss
