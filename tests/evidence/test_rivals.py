"""Published methods as the evidence runs them: their inner mathematics, and what they do on a known denoiser."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra 'evidence'")
sys.path.insert(0, str(Path(__file__).parents[2]))

from evidence.rivals import RIVALS, Known, gits, learned  # noqa: E402
from evidence.rivals.dmn import bound, starts, weights  # noqa: E402

import specsched as ss  # noqa: E402 (the folder is no installed package)

HIGH, FLOOR = 20.0, 0.01
VARIANCES = torch.tensor([1.0, 0.3, 0.02])


def gaussian(starts: int) -> Any:
    """The denoiser of a Gaussian, through which gradients pass."""

    def denoise(y: torch.Tensor, sigma: Any, index: np.ndarray) -> torch.Tensor:
        level = torch.as_tensor(sigma, dtype=torch.float64).to(y.dtype)
        return y * (VARIANCES / (VARIANCES + level**2)).to(y.dtype)

    return denoise


@pytest.fixture
def known() -> Known:
    generator = torch.Generator().manual_seed(0)
    return Known(gaussian, torch.randn(256, 3, generator=generator) * VARIANCES.sqrt(), HIGH, FLOOR)


@pytest.mark.parametrize("name", RIVALS)
def test_every_rival_makes_a_schedule_of_the_asked_length_between_the_ends(name: str, known: Known) -> None:
    found = RIVALS[name](known, "dpmpp_2m", 6)
    assert len(found.schedule) == 7
    assert found.schedule.sigmas[[0, -2, -1]].tolist() == [HIGH, FLOOR, 0.0]
    noise = known.noise(8)
    assert np.isfinite(ss.sample(gaussian(8), noise, found.schedule, sampler=found.sampler).numpy()).all()
    assert known.calls == 0 if name == "DMN" else known.calls > 0


def test_the_cheapest_path_is_that_of_trying_all() -> None:
    costs = np.full((7, 7), np.inf)
    rows, columns = np.triu_indices(7, 1)
    costs[rows, columns] = np.random.default_rng(1).uniform(size=rows.size)

    def cost(path: tuple[int, ...]) -> float:
        return sum(gits.GROWTH**k * costs[a, b] for k, (a, b) in enumerate(itertools.pairwise(path)))

    paths = [(0, *inner, 6) for inner in itertools.combinations(range(1, 6), 3)]
    assert tuple(gits.cheapest_path(costs, 4)) == min(paths, key=cost)


def test_weights_of_the_bound_are_integrals_of_lagrange_polynomials() -> None:
    nodes, start, end = np.array([-1.3, -0.4, 0.2]), 0.2, 0.9
    x, w = np.polynomial.legendre.leggauss(20)
    place = 0.5 * (end - start) * x + 0.5 * (end + start)
    for j, found in enumerate(weights(nodes, start, end)):
        others = np.delete(nodes, j)
        polynomial = np.prod([(place - o) / (nodes[j] - o) for o in others], axis=0)
        assert found == pytest.approx(0.5 * (end - start) * np.sum(w * np.exp(place) * polynomial), rel=1e-10)


def test_optimised_time_steps_are_below_the_bound_of_their_starts(known: Known) -> None:
    found = -np.log(RIVALS["DMN"](known, "dpmpp_2m", 8).schedule.sigmas[:-1])
    least = min(bound(start) for start in starts(found[0], found[-1], 7))
    assert bound(found) < least


def test_entropic_levels_share_the_rescaled_entropy_equally(known: Known) -> None:
    levels = RIVALS["rescaled entropic"](known, "ddim", 9).schedule.sigmas[:-1]
    fine = np.geomspace(FLOOR, HIGH, 20_001)
    loss = sum(v * fine**2 / (v + fine**2) for v in VARIANCES.tolist())
    length = np.concatenate(
        [[0], np.cumsum(0.5 * (loss[1:] / fine[1:] ** 2 + loss[:-1] / fine[:-1] ** 2) * np.diff(fine))]
    )
    shares = -np.diff(np.interp(levels, fine, length)) / length[-1]
    np.testing.assert_allclose(shares, 1 / 8, atol=0.02)  # 256 samples on 33 levels


@pytest.mark.parametrize("free", [False, True])
def test_a_student_is_what_the_library_runs(free: bool, known: Known) -> None:
    student = learned.Student(HIGH, FLOOR, 6, order=3 if free else 2, free=free)
    with torch.no_grad():
        student.gaps += torch.linspace(0.0, 0.5, 5)
        student.shifts += torch.linspace(-0.1, 0.1, 6)
        if free:
            student.table += 0.1
    choice, noise = student.choice(), known.noise(4).double()
    index = np.arange(4)
    run = student.run(gaussian(4), noise, index).detach()
    torch.testing.assert_close(ss.sample(gaussian(4), noise, choice.schedule, sampler=choice.sampler), run)
    if not free:
        plain = ss.sample(gaussian(4), noise, choice.schedule, sampler="dpmpp_2m")
        student.shifts.data.zero_()
        torch.testing.assert_close(student.run(gaussian(4), noise, index).detach(), plain)


def test_learning_brings_the_student_nearer_to_the_teacher(known: Known) -> None:
    before = learned.Student(HIGH, FLOOR, 5, order=2, free=False).choice()
    found = RIVALS["LD3"](known, "dpmpp_2m", 5)
    trial = ss.trial(
        {"before": before, "after": found}, gaussian(32), known.noise(32).double(), sigma_floor=FLOOR
    )
    assert trial.errors[1] < trial.errors[0]


@pytest.mark.parametrize("learn", [learned.ld3, learned.s4s])
def test_a_limited_budget_is_kept(learn: Any, known: Known) -> None:
    """To the end of a round, the smallest thing that a method finishes."""
    found = learn(known, "dpmpp_2m", 5, most=4000)
    assert 4000 <= known.calls < 4600
    assert len(found.schedule) == 6
