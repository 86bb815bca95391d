"""Arguments that once lost data, gave NaN or ended in errors of the machinery: now errors that name the argument."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import specsched as ss
from specsched import baselines
from specsched._support.caching import cached
from specsched.plot import plot_schedules
from specsched.schedules.baselines import _all_schedules, ladders, spacings
from specsched.sources import demo_sound, load_spectrum
from specsched.spectra.covariance import moments as covariance

sp = ss.samplers
DATA = ss.Spectrum([4.0, 1.0, 0.1])
SCHEDULE = ss.Schedule([10.0, 1.0, 0.0])
HUGE = 10**400
CLOSE = [0.5, 0.49999999999999994]
ROWS = np.random.default_rng(0).normal(size=(9, 3))
MASKED = np.ma.masked_array([3.0, 2.0, 1.0], mask=[0, 1, 0])
MASKED_ROWS = np.ma.masked_array(ROWS, mask=ROWS > 1)


def arrays(*values: float) -> np.ndarray[Any, Any]:
    return np.array(values)


CALLS: list[tuple[Callable[[], object], str]] = [
    # infinite options
    (lambda: sp.DDPM(s_noise=np.inf), "s_noise"),
    (lambda: sp.DDIM(s_churn=np.inf), "s_churn"),
    (lambda: sp.DPMpp2S(r=np.inf), "r"),
    (lambda: sp.DPMpp2M(order=np.inf), "order"),  # type: ignore[arg-type]
    (lambda: sp.DDIM(s_tmin=np.inf), "s_tmin"),
    (lambda: sp.DDIM(s_tmax=-np.inf), "s_tmax"),
    (lambda: sp.Heun(s_noise=arrays(1.0, np.inf)), "s_noise"),  # type: ignore[arg-type]
    (lambda: sp.DPMpp2M(heun=None), "heun"),  # type: ignore[arg-type]
    # numbers that no machine number holds
    (lambda: sp.UniPC(disable_corrector=[2**31]), "disable_corrector"),  # type: ignore[arg-type]
    (lambda: baselines.edm(3, sigma_max=HUGE), "sigma_max"),
    (lambda: baselines.edm(3, sigma_max=Fraction(HUGE, 3)), "sigma_max"),  # type: ignore[arg-type]
    (lambda: baselines.edm(HUGE), "steps"),
    (lambda: baselines.edm(10**9), "steps"),
    (lambda: baselines.all_schedules(10**9), "steps"),
    (lambda: baselines.linear(3, train_steps=10**11), "train_steps"),
    (lambda: baselines.cosine(3, train_steps=10**11), "train_steps"),
    (lambda: baselines.edm(3, sigma_max=1e160), "sigma_max"),
    (lambda: baselines.vp(3, sigma_max=1e300), "sigma_max"),
    (lambda: baselines.edm(3, sigma_min=1e-160), "sigma_min"),
    (lambda: baselines.edm(3, sigma_floor=1e-160), "sigma_floor"),
    (lambda: baselines.flow_shift(3, shift=1e-300), "shift"),
    (lambda: ss.Schedule(np.arange(1_000_003.0)[::-1]), "sigmas"),
    (lambda: ss.Schedule([HUGE, 1]), "sigmas"),
    (lambda: ss.Schedule.from_alpha_bar([1e-320, 0.5]), "alpha_bar"),
    (lambda: ss.Spectrum([HUGE]), "eigenvalues"),
    (lambda: ss.design(DATA, HUGE), "steps"),
    (lambda: ss.design(DATA, 4, min_ratio=1e300), "min_ratio"),
    (lambda: ss.design(DATA, 100, min_ratio=1e10), "min_ratio"),
    (lambda: ss.design(DATA, 4, min_ratio=HUGE), "min_ratio"),
    (lambda: ss.design(DATA, 4, sigma_max=1e160), "sigma_max"),
    (lambda: ss.design(DATA, 4, max_iter=2**40), "max_iter"),
    (lambda: ss.design(DATA, 4, tol=HUGE), "tol"),
    (lambda: ss.design_eta(DATA, 4, eta_max=HUGE), "eta_max"),
    (lambda: ss.tuned(DATA, HUGE, sigma_max=80.0), "steps"),
    (lambda: ss.Neighbourhood(scales=(HUGE,)), "scales"),
    (lambda: DATA.scaled(HUGE), "factor"),
    (lambda: DATA.scaled(1e300), "factor"),
    (lambda: DATA.scaled(1.0, tilt=1e300), "tilt"),
    (lambda: DATA.compress(HUGE), "tol"),
    (lambda: ss.Spectrum.from_samples([[1e308, 1.0], [-1e308, 2.0]]), "samples"),
    (lambda: ss.Spectrum.from_samples([[1e308, 1.0], [-1e308, 2.0], [0.0, 0.0], [1.0, 2.0]]), "samples"),
    (lambda: ss.Spectrum.from_samples(ROWS * 1e30, dtype="float32"), "samples"),
    (lambda: ss.Spectrum.from_samples(ROWS, mean=[1e300] * 3), "mean"),
    (lambda: ss.Spectrum.from_samples(ROWS, ddof=HUGE), "ddof"),
    (lambda: ss.Spectrum.from_stationary([[1e308, 1.0], [-1e308, 2.0]]), "samples"),
    (lambda: ss.Spectrum.from_covariance([[1e308, 1e308], [1e308, 1e308]]), "covariance"),
    (lambda: ss.Spectrum.from_covariance(np.eye(2), mean=[1e308, 0.0]), "mean"),
    (lambda: ss.Spectrum.power_law(6, variance=3e307), "variance"),
    (lambda: plot_schedules({"a": [2e292, 1.0, 0.0]}), "schedules.'a'"),
    (lambda: plot_schedules({"a": [1.0, 1e-300]}), "schedules.'a'"),
    (lambda: demo_sound(10**9), "window"),
    # levels that are one number
    (lambda: SCHEDULE.timesteps(CLOSE), "alphas_cumprod"),
    (lambda: SCHEDULE.to_timesteps(CLOSE), "alphas_cumprod"),
    (lambda: ss.design(DATA, 3, alphas_cumprod=CLOSE), "alphas_cumprod"),
    # masks
    (lambda: ss.Schedule(MASKED), "sigmas has 1 masked"),
    (lambda: ss.Spectrum(MASKED), "eigenvalues has 1 masked"),
    (lambda: ss.Spectrum([1.0, np.ma.masked]), "eigenvalues has 1 masked"),
    (lambda: ss.Spectrum([1.0, 2.0, 3.0], weights=MASKED), "weights has 1 masked"),
    (
        lambda: ss.Spectrum.from_covariance(np.ma.masked_array(np.eye(3), mask=np.eye(3))),
        "covariance has 3 masked",
    ),
    (lambda: ss.Spectrum.from_samples(MASKED_ROWS), "samples has"),
    (lambda: ss.Spectrum.from_samples([MASKED_ROWS] * 2), "batch 0 has"),
    (lambda: ss.Spectrum.from_stationary(MASKED_ROWS), "samples has"),
    (lambda: ss.evaluate(DATA, MASKED), "sigmas has 1 masked"),
    # arrays where one value is meant
    (lambda: ss.evaluate(DATA, SCHEDULE, denoiser_error=arrays(1.0, 2.0)), "denoiser_error"),  # type: ignore[arg-type]
    (lambda: ss.evaluate(DATA, SCHEDULE, denoiser_error=None), "denoiser_error"),  # type: ignore[arg-type]
    (lambda: ss.design([DATA, DATA], 3, combine=np.array(["mean", "worst"])), "combine"),  # type: ignore[arg-type]
    (lambda: DATA.compress(arrays(1e-3, 1e-4)), "tol"),  # type: ignore[arg-type]
    # what the search swallowed
    (lambda: ss.best_member(DATA, 4, family="edm", sigma_max=80.0, denoiser_error=-1), "denoiser_error"),
    (lambda: ss.best_member(DATA, 4, family="edm", sigma_max=80.0, denoiser_error="a"), "denoiser_error"),  # type: ignore[arg-type]
    (lambda: ss.tuned(DATA, 3, sigma_max=80.0, families=3), "families"),  # type: ignore[arg-type]
    (lambda: ss.Spectrum.merged(None), "spectra"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("call", "named"), CALLS)
def test_an_error_that_names_the_argument(call: Callable[[], object], named: str) -> None:
    with pytest.raises((TypeError, ValueError), match=named) as caught:
        call()
    text = str(caught.value)
    assert "incompatible function arguments" not in text
    assert "ambiguous" not in text
    assert len(text) < 400


def test_a_mask_that_hides_nothing_is_no_mask() -> None:
    assert ss.Spectrum(np.ma.masked_array([2.0, 1.0])) == ss.Spectrum([2.0, 1.0])


class Tagged(np.ndarray[Any, Any]):
    """A subclass whose arithmetic is not NumPy's."""

    def __array_ufunc__(self, *arguments: Any, **options: Any) -> Any:
        raise AssertionError("the package computes with plain arrays")


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
@pytest.mark.parametrize("kind", [np.matrix, Tagged])
@pytest.mark.parametrize(
    "make",
    [
        ss.Spectrum.from_samples,
        ss.Spectrum.from_stationary,
        lambda rows: ss.Spectrum.from_samples([rows] * 2),
    ],
)
def test_subclasses_of_arrays_are_arrays(kind: type, make: Callable[[Any], ss.Spectrum]) -> None:
    assert make(ROWS.view(kind)) == make(ROWS)


def test_tensors() -> None:
    torch = pytest.importorskip("torch")
    rows = torch.tensor(ROWS, requires_grad=True)
    assert ss.Spectrum.from_samples(rows) == ss.Spectrum.from_samples(ROWS)
    assert ss.Spectrum(torch.tensor([2.0, 1.0], requires_grad=True)) == ss.Spectrum([2.0, 1.0])
    with pytest.raises(TypeError, match="eigenvalues"):
        ss.Spectrum(torch.tensor([2.0, 1.0], dtype=torch.bfloat16))


def test_equal_images(tmp_path: Path) -> None:
    """Nothing varies: said in words, without a warning of the arithmetic."""
    from PIL import Image

    for k in range(3):
        Image.new("L", (8, 8), 77).save(tmp_path / f"{k}.png")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that three images are few
        warnings.simplefilter("error", RuntimeWarning)
        for estimator in ("samples", "stationary"):
            with pytest.raises(ValueError, match="are equal"):
                load_spectrum(tmp_path, estimator=estimator)


def test_caches_are_bounded_by_bytes() -> None:
    for steps in range(20_000, 20_014):
        baselines.all_schedules(steps)
        baselines.linear(3, train_steps=20 * steps)
        baselines.beta(steps)
    held = [_all_schedules, ladders._make_linear, ladders._make_cosine, spacings._beta_quantiles]
    assert sum(cache.nbytes for cache in held) <= 80 << 20
    assert _all_schedules.nbytes > 20_000
    first = baselines.all_schedules(20_013)["edm"]
    assert baselines.all_schedules(20_013)["edm"] is first


def test_a_cache_forgets_what_was_used_longest_ago() -> None:
    made: list[int] = []

    @cached(10_000, lambda block: len(block))
    def block_of(size: int) -> bytes:
        made.append(size)
        return bytes(size)

    for size in (2000, 2001, 2000, 2002, 2000, 20_000, 2000):
        assert len(block_of(size)) == size
        assert block_of.nbytes <= 10_000
    # Room for three blocks with what surrounds them; the largest was never kept and drove out the rest.
    assert made == [2000, 2001, 2002, 20_000, 2000]


def test_long_products_come_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C acts between calls of BLAS: none is longer than a fixed number of products."""
    rows = np.random.default_rng(1).normal(size=(3000, 40))
    whole = ss.Spectrum.from_samples(rows)
    sizes: list[int] = []
    plain = covariance._add_products

    def counting(total: Any, block: Any, **options: Any) -> Any:
        sizes.append(block.size * len(total))
        return plain(total, block, **options)

    monkeypatch.setattr(covariance, "_add_products", counting)
    monkeypatch.setattr(covariance, "_MOST_PRODUCTS", 40 * 40 * 100)
    pieces = ss.Spectrum.from_samples(rows)
    assert max(sizes) <= 40 * 40 * 101
    np.testing.assert_allclose(pieces.eigenvalues, whole.eigenvalues, rtol=1e-12)


def test_lu_is_exponential() -> None:
    """One heuristic under two names, with ends and without: 21 names are 20 schedules."""
    for ends in ({}, {"sigma_max": 80.0, "sigma_min": 0.01}, {"sigma_max": 80.0, "sigma_floor": 0.1}):
        for steps in (1, 2, 9):
            assert baselines.lu(steps, **ends) == baselines.exponential(steps, **ends)  # type: ignore[arg-type]
    assert (
        len(set(baselines.all_schedules(9, sigma_max=80.0, sigma_min=0.01).values()))
        == len(baselines.TABLE) - 1
    )
