"""Recordings: what they predict against what happens, what their files hold, how they add up, what is refused."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import specsched as ss

sys.path.insert(0, str(Path(__file__).parents[2] / "studies"))

from mixtures import HIGH, LOW, Mixture, judge, ladder, noise, within


class Images:
    """Gaussian images with a power spectrum that falls with the frequency."""

    def __init__(self, side: int = 8) -> None:
        radius = np.hypot(*np.meshgrid(np.fft.fftfreq(side), np.fft.fftfreq(side)))
        self.power = 1.0 / (0.1 + radius) ** 2 / 20.0

    def __call__(self, y: Any, sigma: float) -> Any:
        turned = np.fft.fft2(y) * (self.power / (self.power + sigma**2))
        return np.fft.ifft2(turned).real


def misjudged(recording: Any, denoiser: Any, shape: Any, steps: Any, samplers: Any) -> float:
    """Largest ratio of predicted and real error on fresh starts, either way, over schedules and samplers."""
    tried = {f"{name} {count}": ladder(name, count) for name in ("edm", "exponential") for count in steps}
    worst = 1.0
    for sampler in samplers:
        found = ss.trial(
            tried, denoiser, noise(64, shape, 9), sampler=sampler, recording=recording, batch_size=64
        )
        worst = max(worst, float(np.exp(np.abs(np.log(found.predicted / found.errors)).max())))
    return worst


def test_images_of_a_linear_denoiser_are_predicted() -> None:
    recording = ss.record(Images(), noise(64, (1, 8, 8)), sigma_max=HIGH, sigma_floor=LOW, batch_size=64)
    # Other starts, and one slope for a whole ring of frequencies.
    assert misjudged(recording, Images(), (1, 8, 8), (4, 10), ("ddim", "dpmpp_2m", "heun")) < 1.1
    assert recording.reference_error < 1e-3
    found = recording.spectrum
    assert found.dim == 64
    assert np.sum(found.eigenvalues * found.weights) == pytest.approx(Images().power.sum(), rel=0.1)


@pytest.mark.parametrize(("high", "low"), [(HIGH, LOW), (80.0, 0.002)])
def test_predictions_for_gaussian_denoisers_are_exact(high: float, low: float) -> None:
    """On the recorded starts, with one eigenvalue in each band, between the ends of common models."""
    radius = np.hypot(*np.meshgrid(np.fft.fftfreq(8), np.fft.fftfreq(8))) * 8
    power = 4.0 * 0.3 ** np.searchsorted([0.5, 1.5, 2.5, 4.0], radius, side="right")

    def denoise(y: Any, sigma: float) -> Any:
        return np.fft.ifft2(np.fft.fft2(y) * power / (power + sigma**2)).real

    starts = noise(8, (1, 8, 8))
    recording = ss.record(denoise, starts, sigma_max=high, sigma_floor=low)
    floor_gain = power / np.sqrt((power + low**2) * (power + high**2))
    exact = np.fft.ifft2(np.fft.fft2(starts * np.sqrt(1.0 + high**2)) * floor_gain).real
    for sampler in ("ddim", "dpmpp_2m", "dpmpp_3m", "unipc", "heun", "ipndm"):
        for count in (4, 10, 20):
            schedule = ladder("edm", count, high, low)
            real = np.sqrt(np.mean((ss.sample(denoise, starts, schedule, sampler=sampler) - exact) ** 2))
            assert recording.predict(schedule, sampler=sampler) == pytest.approx(real, rel=5e-7)


def test_predictions_do_not_swing_at_the_lowest_level() -> None:
    """A denoiser as rough as a network: near the lowest level its series moves as little as it does itself."""
    draw = np.random.default_rng(5)
    phases, rates = draw.uniform(0.0, 6.3, 16), draw.uniform(3.0, 9.0, 16)

    def denoise(y: Any, sigma: float) -> Any:
        rough = np.sin(rates * np.log(sigma) + phases + y) * sigma / (1.0 + sigma)
        return y / (1.0 + sigma**2) + 0.01 * rough

    recording = ss.record(denoise, noise(16, (16,)), sigma_max=80.0, sigma_floor=0.002)
    moves = []
    for level in (0.003, 0.004, 0.006):
        place = np.log(level / 0.002) / np.log(80.0 / 0.002) * 2.0 - 1.0
        change = np.polynomial.chebyshev.chebvander([place, -1.0], recording.gram.shape[1] - 1)
        change = change[0] - change[1]
        moves.append(np.sqrt(np.einsum("i,bij,j->", change, recording.gram, change) / 16))
    # Series of least squares over the levels themselves jumped by .017 here.
    assert max(moves) < 0.003


@pytest.mark.parametrize(("guidance", "share"), [(1.0, 1.0), (4.0, 0.9), (8.0, 0.9)])
def test_mixtures_are_predicted_with_measured_slopes(guidance: float, share: float) -> None:
    """Errors below a fifth of the spread, within 30 % on the recorded starts (docs/modes.md: 125 of 134)."""
    denoiser = Mixture(guidance)
    recording = ss.record(denoiser, noise(64), sigma_max=HIGH, sigma_floor=LOW, batch_size=64)
    found = judge(denoiser, recording, noise(64), ("ddim", "dpmpp_2m", "deis", "heun"))
    cells = sum(len(one.ratios) for one in found)
    assert cells >= 19
    assert within(found, 1.3) >= share * cells - 1
    assert within(found, 1.5) == cells


class Directed:
    """Gaussian data of variance 1, but for one direction of each start with a variance of its own."""

    def __init__(self, starts: int, dim: int) -> None:
        draw = np.random.default_rng(4)
        rows = draw.standard_normal((starts, dim))
        self.directions = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        self.variances = np.exp(draw.uniform(np.log(10.0), np.log(100.0), starts))

    def __call__(self, y: Any, sigma: float, index: Any) -> Any:
        own, variances = self.directions[index], self.variances[index]
        k, rest = variances / (variances + sigma**2), 1.0 / (1.0 + sigma**2)
        return rest * y + ((k - rest) * np.sum(y * own, axis=1))[:, None] * own


def test_own_directions_of_starts_are_found() -> None:
    denoiser, starts = Directed(16, 6), noise(16)
    ends: dict[str, Any] = {"sigma_max": HIGH, "sigma_floor": LOW}
    recording = ss.record(denoiser, starts, **ends)
    assert recording.own.shape[0] == recording.own_slope.shape[0] == recording.own_variance.size == 16
    tried = [ladder(name, steps) for name in ("edm", "exponential") for steps in (5, 10)]
    for sampler in ("ddim", "dpmpp_2m", "heun"):
        found = ss.trial(tried, denoiser, starts, sampler=sampler, recording=recording)
        np.testing.assert_allclose(found.predicted, found.errors, rtol=0.12)
    halves = [
        ss.record(
            lambda y, sigma, index, shift=shift: denoiser(y, sigma, index + shift),
            starts[shift : shift + 8],
            bands=recording,
            **ends,
        )
        for shift in (0, 8)
    ]
    both = halves[0] + halves[1]
    assert len(both.own) == 16
    assert both.predict(tried[0], sampler="ddim") == pytest.approx(
        recording.predict(tried[0], sampler="ddim"), rel=0.02
    )


def test_calls_are_what_was_promised() -> None:
    denoiser, starts = Mixture(), noise(16)
    seen = []

    def counted(y: Any, sigma: float) -> Any:
        seen.append(len(y))
        return denoiser(y, sigma)

    plain = ss.record(counted, starts, sigma_max=HIGH, sigma_floor=LOW, slopes=False)
    assert sum(seen) == plain.calls <= 3000
    seen.clear()
    measured = ss.record(counted, starts, sigma_max=HIGH, sigma_floor=LOW)
    assert sum(seen) == measured.calls <= 6000


def test_the_file_holds_everything_but_samples(tmp_path: Path) -> None:
    for denoiser, starts in ((Mixture(), noise(8)), (Images(16), noise(8, (3, 16, 16)))):
        recording = ss.record(denoiser, starts, sigma_max=HIGH, sigma_floor=LOW)
        recording.save(tmp_path / "recording.npz")
        assert (tmp_path / "recording.npz").stat().st_size < 1_000_000
        again = ss.Recording.load(tmp_path / "recording.npz")
        assert repr(again) == repr(recording)
        for name in ("edm", "exponential"):
            schedule = ladder(name, 6)
            assert again.predict(schedule, sampler="heun") == recording.predict(schedule, sampler="heun")


def test_damaged_and_foreign_files(tmp_path: Path, monkeypatch: Any) -> None:
    recording = ss.record(Mixture(), noise(8), sigma_max=HIGH, sigma_floor=LOW, slopes=False)
    path = tmp_path / "recording.npz"
    path.write_text("nothing")
    with pytest.raises(ValueError, match="is not a recording"):
        ss.Recording.load(path)
    np.savez(path, header=np.array('{"format": "other"}'))
    with pytest.raises(ValueError, match="is not a recording"):
        ss.Recording.load(path)
    monkeypatch.setattr("specsched.models.recordings.recording.VERSION", 99)
    recording.save(path)
    monkeypatch.undo()
    with pytest.raises(ValueError, match="version 99; this release reads version 2"):
        ss.Recording.load(path)
    recording.__dict__["hash"] = "0123"
    recording.save(path)
    with pytest.raises(ValueError, match="is damaged"):
        ss.Recording.load(path)


def test_designs_of_another_recording_warn(tmp_path: Path) -> None:
    ends: dict[str, Any] = {"sigma_max": HIGH, "sigma_floor": LOW, "slopes": False}
    own, other = (ss.record(Mixture(), noise(8, seed=seed), **ends) for seed in (1, 2))
    design = ss.design(own, 4, sampler=ss.samplers.Multistep(order=2))
    design.schedule.save(tmp_path / "design.json")
    schedule = ss.Schedule.load(tmp_path / "design.json")
    assert own.predict(schedule) == own.predict(design)
    with pytest.warns(
        UserWarning, match=f"designed on the recording {own.hash}, and this one is {other.hash}"
    ):
        other.predict(schedule)


def test_recordings_of_other_starts_add_up() -> None:
    denoiser, starts = Images(), noise(16, (1, 8, 8))
    options: dict[str, Any] = {"sigma_max": HIGH, "sigma_floor": LOW, "slopes": False}
    whole = ss.record(denoiser, starts, **options)
    first = ss.record(denoiser, starts[:8], bands=whole, **options)
    second = ss.record(denoiser, starts[8:], bands=first, **options)
    both = first + second
    assert both.starts == 16
    schedule = ladder("edm", 6)
    # The run's own error is taken out with the slopes of each recording.
    np.testing.assert_allclose(both.gram, whole.gram, atol=2e-6 * whole.gram.max())
    assert both.predict(schedule, sampler="ddim") == pytest.approx(
        whole.predict(schedule, sampler="ddim"), rel=1e-3
    )
    with pytest.raises(ValueError, match="different sigma_max do not add up"):
        _ = first + replace(second, sigma_max=20.0)


def test_progress_and_interruption() -> None:
    seen: list[tuple[int, int | None, str]] = []
    ss.record(
        Mixture(),
        noise(8),
        sigma_max=HIGH,
        sigma_floor=LOW,
        progress=lambda *state: seen.append(state),
        batch_size=4,
    )
    assert seen[-1] == (8 * 300, 8 * 300, "network calls")
    calls = 0

    def interrupted(y: Any, sigma: float) -> Any:
        nonlocal calls
        calls += 1
        if calls > 20:
            raise KeyboardInterrupt
        return Mixture()(y, sigma)

    with pytest.raises(KeyboardInterrupt):
        ss.record(interrupted, noise(8), sigma_max=HIGH, sigma_floor=LOW)


def test_recording_of_another_model_is_refused() -> None:
    recording = ss.record(Mixture(), noise(8), sigma_max=HIGH, sigma_floor=LOW, slopes=False)
    with pytest.raises(ValueError, match="recording is of another model"):
        ss.trial(ladder("edm", 4), Mixture(3.0), noise(4), sampler="ddim", recording=recording)


@pytest.mark.parametrize(
    ("denoiser", "starts", "options", "message"),
    [
        (Mixture(), noise(3), {}, "at least 4 starts"),
        (Mixture(), noise(8) * HIGH, {}, "noise must be standard normal"),
        (Mixture(), noise(8), {"sigma_floor": 20.0}, "sigma_floor must be less than 14.6"),
        (Mixture(), noise(8), {"bands": "fourier"}, "channels and spatial axes"),
        (Mixture(), noise(8), {"bands": "wavelets"}, "bands must be"),
        (
            lambda y, s: y + np.random.default_rng().standard_normal(y.shape),
            noise(8),
            {},
            "two calls .* differ",
        ),
        (lambda y, s: y - y.mean(axis=0), noise(8), {}, "mixes rows"),
        (lambda y, s: y + np.zeros((8, 6)), noise(8), {}, "third parameter `index`"),
        (lambda y, s: y / (s - s), noise(8), {}, "NaN or infinity at sigma = 14.6"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*encountered:RuntimeWarning")
def test_what_record_refuses(denoiser: Any, starts: Any, options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ss.record(denoiser, starts, **{"sigma_max": HIGH, "sigma_floor": LOW, **options})


def test_predictions_need_the_recorded_ends_and_a_deterministic_sampler() -> None:
    recording = ss.record(Mixture(), noise(8), sigma_max=HIGH, sigma_floor=LOW, slopes=False)
    for levels, sampler, message in (
        ([10.0, 1.0, 0.0], "ddim", "starts at sigma = 10"),
        ([HIGH, 0.01, 0.0], "ddim", "below the lowest recorded one, 0.03"),
        ([HIGH, 0.1, 0.0], "ddpm", "ddpm. adds noise: set its eta and s_churn to 0"),
    ):
        with pytest.raises(ValueError, match=message):
            recording.predict(levels, sampler=sampler)
