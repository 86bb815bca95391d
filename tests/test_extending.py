"""docs/extending.md followed to the letter: a toy of every kind is added through the public tables and used."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import specsched as ss
from specsched._support import checks
from specsched.models.adapters.base import Adapter, affine
from specsched.models.arrays import namespace_of
from specsched.schedules.baselines._ends import ends, finish, fractions
from specsched.schedules.export import TARGETS
from specsched.schedules.families import FAMILIES
from specsched.sources import SOURCES, Source, load_spectrum

ROOT = Path(__file__).parents[1]
DATA = ss.Spectrum([4.0, 1.0, 0.1])
ENDS = {"sigma_max": 50.0, "sigma_min": 0.05}


# a baseline


def arch(
    steps: int,
    *,
    sigma_max: float | None = None,
    sigma_min: float | None = None,
    sigma_floor: float | None = None,
    bend: float = 0.0,
) -> ss.Schedule:
    """log(sigma) along a parabola; a bend of 0 is exponential."""
    bent = checks.real("bend", bend, minimum=-0.9, maximum=0.9)
    where = ends(steps, sigma_max, sigma_min, sigma_floor, native=(80.0, 0.002))
    x = fractions(where.points)
    return finish(where.high * (where.low / where.high) ** (x + bent * x * (1.0 - x)), where, "arch")


def test_a_baseline(monkeypatch: pytest.MonkeyPatch) -> None:
    before = ss.baselines.all_schedules(8, **ENDS)
    monkeypatch.setitem(ss.baselines.TABLE, "arch", arch)
    np.testing.assert_allclose(
        ss.baselines.make("arch", 8, **ENDS).sigmas, ss.baselines.exponential(8, **ENDS).sigmas
    )
    assert set(ss.baselines.all_schedules(8, **ENDS)) - set(before) == {"arch"}
    found = ss.design(DATA, 8, **ENDS)
    assert found.baselines["arch"] == pytest.approx(found.baselines["exponential"])


def test_a_baseline_with_a_parameter_to_tune(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ss.baselines.TABLE, "arch", arch)
    monkeypatch.setitem(ss.baselines.TUNABLE, "arch", {"bend": (-0.9, 0.9, "linear")})
    monkeypatch.setitem(FAMILIES, "arch", "arch")  # follows from TUNABLE at import
    best = ss.best_member(DATA, 8, family="arch", **ENDS)
    assert best.loss < ss.evaluate(DATA, arch(8, **ENDS))
    again = ss.fit(arch(8, **ENDS, bend=0.3), "arch")
    assert again.parameters["bend"] == pytest.approx(0.3, abs=1e-6)


# a source of spectra


def _is_table(path: Path) -> bool:
    return path.suffix == ".csv"


def _read_table(path: Path, options: dict[str, Any]) -> tuple[Any, None]:
    return np.loadtxt(path, delimiter=",", max_rows=options.get("limit")), None


def test_a_source(tmp_path: Path) -> None:
    rows = np.random.default_rng(1).normal(size=(40, 3))
    path = tmp_path / "rows.csv"
    np.savetxt(path, rows, delimiter=",")
    with pytest.raises(OSError, match="holds nothing known"):
        load_spectrum(path)
    row = Source("tables (.csv)", _is_table, _read_table, frozenset({"limit"}))
    SOURCES.append(row)
    try:
        found, some = load_spectrum(path), load_spectrum(path, limit=10)
        with pytest.raises(
            ValueError, match=r"size does not apply to tables \(\.csv\); options that do: limit"
        ):
            load_spectrum(path, size=3)
    finally:
        SOURCES.remove(row)
    np.testing.assert_allclose(found.eigenvalues, ss.Spectrum.from_samples(rows).eigenvalues)
    np.testing.assert_allclose(some.eigenvalues, ss.Spectrum.from_samples(rows[:10]).eigenvalues)


# an export target


def log_snr(sigmas: np.ndarray, *, base: float = np.e) -> list[float]:
    """-2 log(sigma) of the positive levels."""
    return [float(-2.0 * np.log(sigma) / np.log(base)) for sigma in sigmas if sigma > 0.0]


def test_an_export_target(monkeypatch: pytest.MonkeyPatch) -> None:
    schedule = ss.Schedule([4.0, 1.0, 0.0])
    with pytest.raises(ValueError, match="unknown target 'log_snr'"):
        schedule.to("log_snr")
    monkeypatch.setitem(TARGETS, "log_snr", log_snr)
    assert schedule.to("log_snr", base=2.0) == [-4.0, 0.0]


@pytest.mark.parametrize("target", ["comfyui", "k_diffusion"])
def test_the_methods_of_a_schedule_are_the_rows_of_the_table(target: str) -> None:
    if target == "k_diffusion":
        pytest.importorskip("torch")
    schedule = ss.Schedule([4.0, 1.0, 0.0])
    assert list(schedule.to(target)) == list(getattr(schedule, f"to_{target}")())


# a denoiser adapter


class ScoreDenoiser(Adapter):
    """A network that predicts the score of y, ``network(y, sigma, **conditioning)``."""

    def __init__(self, network: Any, *shared: Any) -> None:
        super().__init__(*shared)
        self.network = network

    def __call__(self, y: Any, sigma: Any, index: Any = None) -> Any:
        self.check_levels(sigma)
        ops = namespace_of("y", y)
        score = self.guided(self._call, y.shape[0], index, y, ops.rows(sigma, y))
        return affine(ops, 1.0, y, sigma**2, score)

    def _call(self, conditions: Any, y: Any, sigma: Any) -> Any:
        return self.network(y, sigma[:, None], **conditions)


def from_score(
    network: Any, *, guidance_scale: float = 1.0, unconditional: Any = None, **conditioning: Any
) -> Any:
    return ScoreDenoiser(network, conditioning, guidance_scale, unconditional, True, 0.01, 100.0)


def score(y: Any, sigma: Any, mean: Any) -> Any:
    return (mean - y) / (DATA.eigenvalues + sigma**2)


def test_a_denoiser_adapter() -> None:
    noise = np.random.default_rng(2).normal(size=(5, 3))
    levels = ss.baselines.edm(12, sigma_max=10.0, sigma_min=0.05)
    found = ss.sample(
        from_score(score, mean=np.zeros((1, 3))), noise, levels, sampler="dpmpp_2m", process="ve"
    )
    gain = ss.transfer(DATA, levels, sampler="dpmpp_2m", process="ve").gain
    np.testing.assert_allclose(found, 10.0 * noise * gain, rtol=1e-9)
    with pytest.raises(ValueError, match="above the model's highest level 100"):
        ss.sample(from_score(score, mean=np.zeros((1, 3))), noise, [200.0, 1.0], sampler="ddim", process="ve")


def test_guidance_comes_with_the_base_class() -> None:
    means = np.arange(15.0).reshape(5, 3)  # one for each start
    guided = from_score(score, mean=means, guidance_scale=3.0, unconditional={"mean": np.zeros((5, 3))})
    levels, y = [10.0, 1.0, 0.05], np.ones((5, 3))
    found = ss.sample(guided, y, levels, sampler="ddim", process="ve")
    moved = ss.sample(from_score(score, mean=3.0 * means), y, levels, sampler="ddim", process="ve")
    np.testing.assert_allclose(found, moved, rtol=1e-12)


# the page itself


def test_the_files_that_the_page_names_are_there() -> None:
    page = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:cpp|python|tests|docs)/[\w/.]+\.\w+)`", page))
    assert len(named) > 8
    assert {name for name in named if not (ROOT / name).is_file()} == set()
