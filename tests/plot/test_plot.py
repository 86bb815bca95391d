"""Pictures: what they show is what was computed, and files appear whole or not at all."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import specsched as ss
from specsched import plot

SPECTRUM = ss.Spectrum(4.0 / np.arange(1, 41) ** 2)


@pytest.fixture(scope="module")
def design() -> ss.Design:
    return ss.design(SPECTRUM, 8, sigma_floor=0.01, target="data")


def lines(axes: Any) -> dict[str, Any]:
    """The labelled lines of an axes."""
    return {line.get_label(): line for line in axes.lines if not line.get_label().startswith("_")}


def legend_of(axes: Any) -> list[str]:
    return [text.get_text() for text in axes.get_legend().get_texts()]


def test_design_shows_levels_and_losses(design: ss.Design) -> None:
    figure = plot.plot_design(design, SPECTRUM, count=2)
    levels, spectra, ratio = figure.axes
    names = list(plot.best_baselines(design, 2))
    expected = [f"designed ({design.loss:.3g})"]
    expected += [f"{name} ({design.baselines[name]:.3g})" for name in names]
    assert legend_of(levels) == expected
    drawn = lines(levels)[expected[0]]
    np.testing.assert_array_equal(drawn.get_xdata(), np.arange(9))
    np.testing.assert_array_equal(drawn.get_ydata()[:-1], design.schedule.sigmas[:-1])
    assert legend_of(spectra) == ["data", "designed", names[0]]
    output = ss.transfer(SPECTRUM, design.schedule).variance
    np.testing.assert_allclose(lines(spectra)["designed"].get_ydata(), output)
    deviation = np.sqrt(output / SPECTRUM.eigenvalues)
    assert any(
        np.allclose(line.get_ydata(), deviation) for line in ratio.lines if len(line.get_ydata()) == 40
    )
    assert "8 steps of ddim" in figure.get_suptitle()
    assert "W2 distance" in figure.get_suptitle()


def test_design_beside_other_schedules(design: ss.Design) -> None:
    mine = ss.baselines.edm(8, sigma_max=157.4, sigma_floor=0.01, rho=3.0)
    figure = plot.plot_design(design, SPECTRUM, others={"mine": mine})
    loss = ss.evaluate(SPECTRUM, mine, target="data")
    assert legend_of(figure.axes[0])[1] == f"mine ({loss:.3g})"
    alone = plot.plot_design(design, SPECTRUM, others={})
    assert legend_of(alone.axes[1]) == ["data", "designed"]


def test_the_level_zero_has_a_line_of_its_own() -> None:
    figure = plot.plot_schedules({"a": [10.0, 1.0, 0.0], "b": [10.0, 2.0, 0.5]})
    axes = figure.axes[0]
    bottom = lines(axes)["a"].get_ydata()[-1]
    assert 0 < bottom < 0.5
    assert [text.get_text() for text in axes.texts] == ["0"]
    assert axes.get_ylim()[0] < bottom
    ticks = [tick for minor in (False, True) for tick in axes.get_yticks(minor=minor)]
    assert min(ticks) > bottom
    positive = plot.plot_schedules({"b": [10.0, 2.0, 0.5]})
    assert not positive.axes[0].texts


def test_schedules_of_different_length_share_an_axis() -> None:
    figure = plot.plot_schedules({"short": ss.baselines.edm(2), "long": ss.baselines.edm(100)})
    axes = figure.axes[0]
    assert axes.get_xlabel() == "share of the steps"
    for line in lines(axes).values():
        assert line.get_xdata()[0] == 0.0
        assert line.get_xdata()[-1] == 1.0
    assert legend_of(axes) == ["short", "long"]


def test_spectrum_counts_multiplicities_and_hides_zeros() -> None:
    spectrum = ss.Spectrum([1.0, 0.0, 9.0, 4.0], weights=[2.0, 5.0, 1.0, 0.0])
    line = plot.plot_spectrum(spectrum).axes[0].lines[0]
    np.testing.assert_array_equal(line.get_ydata(), [9.0, 1.0])
    np.testing.assert_array_equal(line.get_xdata(), [1.0, 2.5])
    several = plot.plot_spectrum({"one": SPECTRUM, "two": [4.0, 1.0]})
    assert legend_of(several.axes[0]) == ["one", "two"]
    large = plot.plot_spectrum(np.geomspace(1.0, 1e-6, 100_000)).axes[0].lines[0]
    assert len(large.get_ydata()) <= 2000
    assert large.get_ydata()[0] == 1.0
    assert large.get_ydata()[-1] == pytest.approx(1e-6)


def test_outputs_are_those_of_the_sampler() -> None:
    schedules = {"edm": ss.baselines.edm(6), "cosine": ss.baselines.cosine(6)}
    figure = plot.plot_outputs(SPECTRUM, schedules, sampler="ddpm", process="ve")
    for name, schedule in schedules.items():
        expected = ss.transfer(SPECTRUM, schedule, sampler="ddpm", process="ve").variance
        np.testing.assert_allclose(lines(figure.axes[0])[name].get_ydata(), expected)


def test_comparison_highlights_and_ranks() -> None:
    table = {f"s{k}": {4: 10.0 + k, 8: 5.0 + k} for k in range(6)} | {"designed": {8: 4.0, 4: 8.0}}
    axes = plot.plot_comparison(table, count=2).axes[0]
    assert legend_of(axes) == ["designed", "s0", "s1", "the other schedules"]
    np.testing.assert_array_equal(lines(axes)["designed"].get_xdata(), [4, 8])
    np.testing.assert_array_equal(lines(axes)["designed"].get_ydata(), [8.0, 4.0])
    assert [text.get_text() for text in axes.get_xticklabels()] == ["4", "8"]
    assert axes.get_ylabel() == "W2 distance"
    assert plot.plot_comparison(table, loss="kl").axes[0].get_ylabel().startswith("KL")
    assert legend_of(plot.plot_comparison({"a": {3: 0.0}}).axes[0]) == ["a"]


def test_trace_shows_the_largest_eigenvalues() -> None:
    result = ss.transfer(SPECTRUM, ss.baselines.cosine(20, sigma_max=157.4, sigma_min=0.01))
    axes = plot.plot_trace(result, count=3, last=5).axes[0]
    curves = [line for line in axes.lines if len(line.get_xdata()) == 6]
    assert len(curves) == 3
    np.testing.assert_array_equal(curves[0].get_xdata(), np.arange(15, 21))
    error = result.variance[0] * (1.0 + 0.01**2) / (SPECTRUM.eigenvalues[0] + 0.01**2) - 1.0
    assert curves[0].get_ydata()[-1] == pytest.approx(100 * error, rel=1e-6)
    single = plot.plot_trace(ss.transfer([1.0], [10.0, 1.0, 0.0]))
    assert len(single.axes) == 1


def test_files_are_pictures(tmp_path: Path) -> None:
    figure = plot.plot_spectrum(SPECTRUM)
    plot.save_figure(figure, tmp_path / "a.png", dpi=50)
    with Image.open(tmp_path / "a.png") as image:
        assert image.size == (320, 210)
        assert len(image.convert("RGB").getcolors(100_000)) > 10
    plot.save_figure(figure, str(tmp_path / "a.svg"))
    assert "<svg" in (tmp_path / "a.svg").read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "a.svg"]


def test_a_failed_write_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "a.png"
    target.write_bytes(b"before")
    figure = plot.plot_spectrum(SPECTRUM)

    def broken(path: Path, **options: object) -> None:
        Path(path).write_bytes(b"half")
        raise OSError("disk full")

    figure.savefig = broken
    with pytest.raises(OSError, match="disk full"):
        plot.save_figure(figure, target)
    assert target.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [target]


def test_bad_input(design: ss.Design, tmp_path: Path) -> None:
    figure = plot.plot_spectrum(SPECTRUM)
    with pytest.raises(ValueError, match=r"'a\.xyz'.*\.png"):
        plot.save_figure(figure, "a.xyz")
    with pytest.raises(FileNotFoundError):
        plot.save_figure(figure, tmp_path / "none" / "a.png")
    with pytest.raises(TypeError, match="design must be a Design"):
        plot.plot_design(design.schedule, SPECTRUM)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="a list of them"):
        plot.plot_design(design, [SPECTRUM, SPECTRUM])
    with pytest.raises(ValueError, match="count must be at least 1"):
        plot.plot_design(design, SPECTRUM, count=0)
    with pytest.raises(TypeError, match="schedules must map names"):
        plot.plot_schedules([1.0, 0.0])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="schedules must not be empty"):
        plot.plot_schedules({})
    with pytest.raises(ValueError, match="schedules must not be empty"):
        plot.plot_outputs(SPECTRUM, {})
    with pytest.raises(ValueError, match="must not be an empty mapping"):
        plot.plot_spectrum({})
    with pytest.raises(ValueError, match="no positive eigenvalue"):
        plot.plot_spectrum([0.0, 0.0])
    with pytest.raises(ValueError, match="no positive eigenvalue"):
        plot.plot_outputs([5e-324], {"a": design.schedule})
    with pytest.raises(ValueError, match="table must hold"):
        plot.plot_comparison({"a": {}})
    with pytest.raises(TypeError, match=r"table\['a'\]\[4\] must be a real number, got ndarray"):
        plot.plot_comparison({"a": {4: np.array([1.0, 2.0])}})  # type: ignore[dict-item]
    with pytest.raises(ValueError, match=r"table\['a'\]\[4\] must be finite"):
        plot.plot_comparison({"a": {4: np.nan}})
    with pytest.raises(ValueError, match="unknown loss 'w3'"):
        plot.plot_comparison({"a": {1: 1.0}}, loss="w3")
    with pytest.raises(TypeError, match="highlight must be a str, got ndarray"):
        plot.plot_comparison({"a": {1: 1.0}}, highlight=np.ones(2))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="result must be a Transfer"):
        plot.plot_trace(design)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="last must be at least 1"):
        plot.plot_trace(ss.transfer([1.0], [1.0, 0.0]), last=0)


def test_without_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"pip install 'specsched\[plot\]'"):
        plot.plot_spectrum(SPECTRUM)


def test_axes_of_comparisons() -> None:
    """Few numbers of steps are ticks; many are not, nor do losses over many decades get plain numbers."""
    few = plot.plot_comparison({"designed": {4: 0.1, 8: 0.05}}).axes[0]
    assert [tick.get_text() for tick in few.get_xticklabels()] == ["4", "8"]
    assert few.yaxis.get_major_formatter()(0.05, 0) == "0.05"
    many = plot.plot_comparison({"designed": {steps: 10.0**-steps for steps in range(1, 13)}}).axes[0]
    assert len(many.get_xticks()) != 12
    assert "10^" in many.yaxis.get_major_formatter()(1e-3, 0)
