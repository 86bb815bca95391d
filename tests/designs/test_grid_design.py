"""Designs on a grid of training timesteps: against trying every choice, every single move, and rounding."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import specsched as ss
from specsched.designs.methods import on_timesteps
from specsched.designs.problem import Options, make_problem
from specsched.testing import paper_case, power_law

SPECTRUM = paper_case().spectrum
ABAR = np.cumprod(1 - np.linspace(1e-4, 0.02, 1000))
SMALL = np.cumprod(1 - np.linspace(0.005, 0.7, 20))


def sigmas_of(abar: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.sqrt((1 - abar) / abar)


def levels(abar: NDArray[np.float64], timesteps: Any, *, zero: bool) -> NDArray[np.float64]:
    chosen = sigmas_of(abar)[list(timesteps)]
    return np.append(chosen, 0.0) if zero else chosen


def brute_force(
    spectrum: ss.Spectrum, steps: int, zero: bool, choice: dict[str, Any]
) -> tuple[tuple[int, ...], float]:
    """The best choice of timesteps of all that there are."""
    last = len(SMALL) - 1
    free = range(last - 1, -1 if zero else 0, -1)
    tail = () if zero else (0,)
    choices = [(last, *inner, *tail) for inner in itertools.combinations(free, steps - 1)]
    losses = [ss.evaluate(spectrum, levels(SMALL, c, zero=zero), **choice, target="data") for c in choices]
    best = int(np.argmin(losses))
    return choices[best], losses[best]


def low_end(abar: NDArray[np.float64], zero: bool) -> dict[str, float]:
    return {} if zero else {"sigma_min": float(sigmas_of(abar)[0])}


CHOICES: list[dict[str, Any]] = [
    {},
    {"loss": "kl"},
    {"sampler": "ddpm"},
    {"sampler": "dpmpp_2m"},
    {"process": "ve"},
    {"process": "flow", "sampler": "heun"},
]
NAMES = ["ddim", "kl", "ddpm", "2m", "ve", "heun"]


@pytest.mark.parametrize(
    "enumerate_up_to", [0, on_timesteps.ENUMERATE_UP_TO], ids=["exchange", "enumeration"]
)
@pytest.mark.parametrize("zero", [True, False], ids=["to 0", "to sigma_min"])
@pytest.mark.parametrize("choice", CHOICES, ids=NAMES)
def test_the_best_of_all_choices_on_a_small_grid(
    choice: dict[str, Any], zero: bool, enumerate_up_to: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(on_timesteps, "ENUMERATE_UP_TO", enumerate_up_to)
    spectrum = SPECTRUM if choice.get("loss") != "kl" else SPECTRUM.floored(1e-3)
    for steps in (3, 4):
        expected, loss = brute_force(spectrum, steps, zero, choice)
        found = ss.design(
            spectrum,
            steps,
            alphas_cumprod=SMALL,
            denoiser_error=0.0,
            **low_end(SMALL, zero),
            **choice,
            target="data",
        )
        assert found.timesteps is not None
        assert tuple(found.timesteps.tolist()) == expected
        assert found.loss == pytest.approx(loss, rel=1e-12)
        assert found.success


@pytest.mark.parametrize("sampler", ["ddim", "ddpm", "dpmpp_2m"])
@pytest.mark.parametrize("steps", [6, 15])
def test_no_single_move_improves_and_rounding_is_beaten(sampler: str, steps: int) -> None:
    options: Any = {"sampler": sampler, "denoiser_error": 0.0, "min_ratio": 1.0, "target": "data"}
    found = ss.design(SPECTRUM, steps, alphas_cumprod=ABAR, **options)
    times = found.timesteps
    assert times is not None
    assert found.success
    assert "no exchange" in found.message
    for k in range(1, steps):
        low = times[k + 1] if k + 1 < steps else -1
        for place in range(low + 1, times[k - 1], 7):
            other = times.copy()
            other[k] = place
            moved = ss.evaluate(SPECTRUM, levels(ABAR, other, zero=True), sampler=sampler, target="data")
            assert found.loss <= moved * (1 + 1e-12)
    free = ss.design(
        SPECTRUM,
        steps,
        sigma_max=float(sigmas_of(ABAR)[-1]),
        sigma_floor=float(sigmas_of(ABAR)[0]),
        **options,
    )
    assert found.continuous_loss == free.loss
    rounded = free.schedule.to_timesteps(ABAR, keep_first=True)
    assert found.loss <= ss.evaluate(
        SPECTRUM, levels(ABAR, rounded, zero=True), sampler=sampler, target="data"
    )
    assert found.grid_loss_ratio == pytest.approx(found.loss / free.loss, rel=1e-12)


def test_levels_are_those_of_the_timesteps() -> None:
    found = ss.design(SPECTRUM, 10, alphas_cumprod=ABAR, target="data")
    assert found.timesteps is not None
    assert found.timesteps.dtype == np.int64
    assert found.timesteps[0] == 999
    assert (np.diff(found.timesteps) < 0).all()
    assert found.schedule.sigmas.tolist() == levels(ABAR, found.timesteps, zero=True).tolist()
    assert found.schedule.to_timesteps(ABAR).tolist() == found.timesteps.tolist()
    assert found.losses == (found.loss,)
    assert found.loss == ss.evaluate(SPECTRUM, found.schedule, target="data")
    assert found.grid_loss_ratio is not None
    assert 1 - 1e-9 < found.grid_loss_ratio < 1.01


def test_never_worse_than_heuristics_on_the_grid() -> None:
    for choice in ({}, {"sampler": "unipc"}, {"loss": "kl", "sampler": "ddpm"}):
        spectrum = power_law(200, largest=10.0)
        found = ss.design(spectrum, 8, alphas_cumprod=ABAR, denoiser_error=0.0, **choice, target="data")
        assert found.loss <= min(found.baselines.values()) * (1 + 1e-9)
        assert set(ss.baselines.TABLE) <= set(found.baselines)
        grid = set(sigmas_of(ABAR).tolist()) | {0.0}
        for name, schedule in found.baseline_schedules.items():
            assert set(schedule.sigmas.tolist()) <= grid
            expected = ss.evaluate(spectrum, schedule, **choice, target="data")
            assert found.baselines[name] == pytest.approx(expected, rel=1e-9)


def test_ends_and_floor() -> None:
    sigmas = sigmas_of(ABAR)
    found = ss.design(
        SPECTRUM, 6, alphas_cumprod=ABAR, sigma_max=float(sigmas[900]), sigma_floor=0.1, target="data"
    )
    assert found.timesteps is not None
    assert found.timesteps[0] == 900
    assert sigmas[found.timesteps[-1]] >= 0.1
    assert found.sigma_floor is not None
    assert sigmas[found.timesteps[-1]] >= found.sigma_floor >= 0.1
    down = ss.design(SPECTRUM, 6, alphas_cumprod=ABAR, sigma_min=float(sigmas[3]), target="data")
    assert down.timesteps is not None
    assert down.timesteps.size == 7
    assert down.timesteps[[0, -1]].tolist() == [999, 3]
    # A level that a person has typed in stands for the timestep that it means.
    typed = ss.design(
        SPECTRUM,
        6,
        alphas_cumprod=ABAR,
        sigma_max=float(f"{sigmas[900]:.5g}"),
        sigma_floor=0.1,
        target="data",
    )
    assert typed.schedule == found.schedule


def test_least_ratio_on_the_grid() -> None:
    found = ss.design(SPECTRUM, 10, alphas_cumprod=ABAR, min_ratio=1.9, target="data")
    positive = found.schedule.sigmas[:-1]
    assert (positive[:-1] / positive[1:]).min() >= 1.9 * (1 - 1e-12)
    assert found.loss > ss.design(SPECTRUM, 10, alphas_cumprod=ABAR, target="data").loss
    with pytest.raises(ValueError, match="min_ratio=2 leaves no choice of 4 timesteps"):
        ss.design(SPECTRUM, 4, alphas_cumprod=SMALL[:6], min_ratio=2.0, target="data")


def test_as_many_steps_as_timesteps() -> None:
    found = ss.design(SPECTRUM, 20, alphas_cumprod=SMALL, target="data")
    assert found.timesteps is not None
    assert found.timesteps.tolist() == list(range(19, -1, -1))
    one = ss.design(SPECTRUM, 1, alphas_cumprod=SMALL, target="data")
    assert one.timesteps is not None
    assert one.timesteps.tolist() == [19]
    assert one.grid_loss_ratio == 1.0


def test_many_steps_worst_case_and_neighbourhood() -> None:
    many = ss.design(SPECTRUM, 60, alphas_cumprod=ABAR, target="data")
    assert many.grid_loss_ratio is not None
    assert 1 - 1e-9 <= many.grid_loss_ratio < 1.05
    pair = [SPECTRUM, power_law(30, largest=4.0)]
    worst = ss.design(pair, 5, alphas_cumprod=ABAR, combine="worst", target="data")
    mean = ss.design(pair, 5, alphas_cumprod=ABAR, target="data")
    assert worst.loss == max(worst.losses)
    assert worst.loss <= max(mean.losses) * (1 + 1e-9)
    robust = ss.design(SPECTRUM, 5, alphas_cumprod=ABAR, robust=True, target="data")
    assert robust.timesteps is not None
    assert robust.loss <= min(robust.baselines.values()) * (1 + 1e-9)


def test_tensors_and_thread_counts() -> None:
    class Tensor:
        def detach(self) -> Tensor:
            return self

        def cpu(self) -> Tensor:
            return self

        def numpy(self) -> NDArray[np.float32]:
            return np.asarray(ABAR, dtype=np.float32)

    one = ss.design(SPECTRUM, 7, sampler="dpmpp_2m", alphas_cumprod=Tensor(), threads=1, target="data")
    two = ss.design(SPECTRUM, 7, sampler="dpmpp_2m", alphas_cumprod=Tensor(), threads=2, target="data")
    assert one.schedule == two.schedule
    assert one.loss == two.loss


def test_limit_of_sweeps_is_no_success() -> None:
    found = ss.design(SPECTRUM, 12, alphas_cumprod=ABAR, max_iter=1, target="data")
    assert not found.success
    assert "limit of sweeps" in found.message


def test_printed() -> None:
    found = ss.design(SPECTRUM, 5, alphas_cumprod=ABAR, target="data")
    assert found.timesteps is not None
    listed = "timesteps " + ", ".join(map(str, found.timesteps))
    for text in (repr(found), found._repr_html_()):
        assert listed in text
        assert f"{found.grid_loss_ratio:.6g} times the continuous optimum" in text
    plain = ss.design(SPECTRUM, 5, target="data")
    assert (plain.timesteps, plain.continuous_loss, plain.grid_loss_ratio) == (None, None, None)
    assert "timesteps" not in repr(plain)


@pytest.mark.parametrize(
    ("abar", "options", "error", "message"),
    [
        (ABAR[::-1], {}, ValueError, "runs from noise to clean: reverse it"),
        (
            [0.9, 0.5, 0.5],
            {},
            ValueError,
            r"alphas_cumprod\[2\] = 0.5 does not lie below alphas_cumprod\[1\]",
        ),
        ([0.9, np.nan, 0.5], {}, ValueError, r"alphas_cumprod\[1\] is nan"),
        ([1.0, 0.5, 0.1], {}, ValueError, r"alphas_cumprod\[0\] is 1"),
        ([0.9, 0.5, 0.0], {}, ValueError, r"alphas_cumprod\[2\] is 0"),
        ("linear", {}, TypeError, "alphas_cumprod"),
        ([0.9], {}, ValueError, "at least 2 timesteps"),
        (SMALL[:4], {}, ValueError, "5 steps need 5 timesteps; alphas_cumprod has 4"),
        (SMALL, {"sigma_max": 3.3}, ValueError, r"sigma_max=3.3 is not a level .* the nearest is .*timestep"),
        (SMALL, {"sigma_max": 1e6}, ValueError, "sigma_max=1e[+]06 is not a level"),
        (SMALL, {"sigma_min": 1e-4}, ValueError, "sigma_min=0.0001 is not a level"),
        (SMALL, {"sigma_floor": 1e6}, ValueError, "sigma_floor=1e[+]06 lies above every level"),
        (SMALL, {"sigma_floor": -1.0}, ValueError, "sigma_floor must be greater than 0"),
    ],
)
def test_bad_grids_and_ends(abar: Any, options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        ss.design(SPECTRUM, 5, alphas_cumprod=abar, **options, target="data")


def test_losses_of_many_schedules_are_those_of_each() -> None:
    rng = np.random.default_rng(0)
    rows = np.sort(rng.uniform(0.01, 50.0, (40, 9)))[:, ::-1].copy()
    rows[:, -1] = 0.0
    for name in ("ddim", "ddpm", "dpmpp_3m"):
        core = make_problem((SPECTRUM,), 8, Options(sampler=name, target="data", threads=2)).core
        assert core.losses(rows).tolist() == [core.loss(row) for row in rows]
        exact = [ss.evaluate(SPECTRUM, row, sampler=name, target="data") for row in rows]
        assert core.reported_losses(rows).tolist() == exact
    with pytest.raises(ValueError, match="rows of steps"):
        core.losses(rows[0])


def test_a_grid_finer_than_the_default_ratio() -> None:
    """Neighbours 0.1 % apart: the least ratio of the default leaves no choice, and only then gives way."""
    abar = 1.0 / (1.0 + (3.0 * 1.001 ** np.arange(5.0)) ** 2)
    found = ss.design([4.0, 1.0, 0.1], 4, alphas_cumprod=abar)
    assert found.timesteps is not None
    assert found.timesteps.tolist() == sorted(set(found.timesteps.tolist()), reverse=True)
    np.testing.assert_allclose(found.schedule.sigmas, levels(abar, found.timesteps, zero=True), rtol=1e-12)
    best = min(
        ss.evaluate([4.0, 1.0, 0.1], levels(abar, choice, zero=True))
        for choice in itertools.combinations(range(4, -1, -1), 4)
        if choice[0] == 4
    )
    assert found.loss == pytest.approx(best, rel=1e-9)
    with pytest.raises(ValueError, match=r"min_ratio=1\.0012 leaves no choice of 4 timesteps"):
        ss.design([4.0, 1.0, 0.1], 4, alphas_cumprod=abar, min_ratio=1.0012)
