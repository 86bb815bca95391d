"""Hand-over: what each framework takes, without the frameworks (stand-ins carry the names and settings)."""

from __future__ import annotations

import itertools
import re
import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from specsched import Schedule, baselines

BETAS = np.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2
ABAR = np.cumprod(1 - BETAS)
LADDER = np.sqrt((1 - ABAR) / ABAR)


def scheduler(name: str, *, alphas_cumprod: object = ABAR, **config: object) -> Any:
    """A stand-in for a diffusers scheduler of that class."""
    methods = {"set_timesteps": lambda self: None}
    return type(name, (SimpleNamespace,), methods)(config=config, alphas_cumprod=alphas_cumprod)


def on_grid(*timesteps: int, last: float = 0.0) -> Schedule:
    return Schedule([*LADDER[list(timesteps)], last])


# timesteps


def test_fractional_timesteps_interpolate_log_sigma() -> None:
    middle = np.sqrt(LADDER[300] * LADDER[301])
    schedule = Schedule([LADDER[999], LADDER[700], middle, LADDER[0], 0.0])
    np.testing.assert_allclose(schedule.timesteps(ABAR), [999, 700, 300.5, 0], atol=1e-9)


def test_align_your_steps_timesteps_of_sdxl() -> None:
    """The published integers belong to these levels."""
    published = [999, 845, 730, 587, 443, 310, 193, 116, 53, 13]
    got = baselines.make("ays_sdxl", 10).timesteps(ABAR)
    np.testing.assert_allclose(got, published, atol=0.5)
    np.testing.assert_allclose(got[1:4], [844.89, 730.18, 586.98], atol=5e-3)
    assert baselines.make("ays_sdxl", 10).to_timesteps(ABAR).tolist() == published


def test_a_last_level_above_zero_is_not_a_timestep() -> None:
    assert on_grid(999, 500, last=LADDER[20]).timesteps(ABAR).size == 2


@pytest.mark.parametrize("steps", [1, 2, 10, 100, 1000])
def test_integer_timesteps_decrease_and_find_grid_levels(steps: int) -> None:
    picked = np.unique(np.linspace(999, 0, steps).round().astype(int))[::-1]
    schedule = Schedule([*LADDER[picked], 0.0])
    got = schedule.to_timesteps(ABAR)
    assert got.dtype == np.int64
    assert got.tolist() == picked.tolist()


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_integer_timesteps_are_the_best_of_all_choices(data: st.DataObject) -> None:
    size = data.draw(st.integers(3, 9))
    steps = data.draw(st.integers(1, size))
    gaps = data.draw(st.lists(st.floats(0.05, 1.0), min_size=size, max_size=size))
    logs = np.cumsum(gaps) - 2.0
    abar = 1 / (1 + np.exp(2 * logs))
    inside = st.floats(float(logs[0]), float(logs[-1]))
    levels = sorted(data.draw(st.lists(inside, min_size=steps, max_size=steps, unique=True)), reverse=True)
    sigmas = np.exp(levels)
    if (np.diff(sigmas) >= 0).any():
        return
    grid = 0.5 * np.log((1 - abar) / abar)
    target = np.log(sigmas)
    choices = [list(c)[::-1] for c in itertools.combinations(range(size), steps)]
    best = min(float(np.square(target - grid[c]).sum()) for c in choices)
    got = Schedule([*sigmas, 0.0]).to_timesteps(abar)
    assert (np.diff(got) < 0).all()
    assert float(np.square(target - grid[got]).sum()) <= best + 1e-12


def test_crowded_levels_share_the_timesteps_around_them() -> None:
    crowd = LADDER[500] * np.array([1.0002, 1.0001, 1.0, 0.9999, 0.9998])
    got = Schedule([*crowd, 0.0]).to_timesteps(ABAR)
    assert got.tolist() == [502, 501, 500, 499, 498]  # not 500, 499, 498, 497, 496


def test_first_and_last_timestep_kept() -> None:
    schedule = on_grid(990, 500, 10)
    assert schedule.to_timesteps(ABAR, keep_first=True).tolist() == [999, 500, 10]
    assert schedule.to_timesteps(ABAR, keep_last=True).tolist() == [990, 500, 0]
    assert schedule.to_timesteps(ABAR, keep_first=True, keep_last=True).tolist() == [999, 500, 0]


def test_levels_slightly_beyond_the_grid_are_taken_in() -> None:
    schedule = Schedule([LADDER[-1] * 1.0001, LADDER[0] * 0.9999, 0.0])
    assert schedule.timesteps(ABAR).tolist() == [999.0, 0.0]
    assert schedule.to_timesteps(ABAR).tolist() == [999, 0]


@pytest.mark.parametrize(
    ("abar", "error", "message"),
    [
        (ABAR[::-1], ValueError, "must decrease strictly .* reverse it"),
        (np.array([0.9, 0.5, 0.5]), ValueError, r"alphas_cumprod\[2\] = 0.5 does not lie below"),
        (np.array([1.0, 0.5]), ValueError, r"alphas_cumprod\[0\] is 1 "),
        (np.array([0.9, 0.0]), ValueError, r"alphas_cumprod\[1\] is 0 "),
        (np.array([0.9]), ValueError, "at least 2 timesteps, got 1"),
        (
            np.array([0.5, 5e-324]),
            ValueError,
            r"alphas_cumprod\[1\] = .* is too small: its level is infinite",
        ),
        (np.array([0.5, np.nextafter(0.5, 0.0)]), ValueError, "are too close, .* their levels coincide"),
        (np.array([0.9, np.nan]), ValueError, r"alphas_cumprod\[1\] is nan"),
        (ABAR.reshape(2, 500), ValueError, "one-dimensional"),
        (None, TypeError, "alphas_cumprod"),
        (["a", "b"], TypeError, "alphas_cumprod"),
    ],
)
def test_bad_grids(abar: object, error: type[Exception], message: str) -> None:
    for method in (Schedule([1.0, 0.0]).timesteps, Schedule([1.0, 0.0]).to_timesteps):
        with pytest.raises(error, match=message):
            method(abar)


def test_levels_outside_of_the_grid() -> None:
    with pytest.raises(ValueError, match=r"sigmas\[0\] = 157 lies above the model's highest level 14.6"):
        Schedule([157.0, 1.0, 0.0]).timesteps(ABAR)
    with pytest.raises(ValueError, match=r"sigmas\[1\] = 0.01 lies below .*sigma_floor=0.0291"):
        Schedule([1.0, 0.01, 0.0]).to_timesteps(ABAR)


def test_too_few_timesteps() -> None:
    with pytest.raises(ValueError, match="4 steps need at least 4 training timesteps; alphas_cumprod has 3"):
        Schedule([4.0, 3.0, 2.0, 1.0, 0.0]).to_timesteps([0.5, 0.2, 0.05])
    with pytest.raises(ValueError, match="keep_first and keep_last need at least 2 steps"):
        Schedule([1.0, 0.0]).to_timesteps(ABAR, keep_first=True, keep_last=True)


# ComfyUI and k-diffusion

# the pattern with which the ManualSigmas node reads numbers
COMFY_NUMBER = re.compile(r"[-+]?(?:\d*\.*\d+)")


@given(st.lists(st.floats(2.0**-40, 2.0**40, width=32), min_size=1, max_size=20, unique=True))
def test_comfyui_text_is_read_back_exactly(values: list[float]) -> None:
    schedule = Schedule([*sorted(values, reverse=True), 0.0])
    text, levels = schedule.to_comfyui()
    read = [float(number) for number in COMFY_NUMBER.findall(text)]
    assert np.float32(read).tolist() == np.float32(schedule.sigmas).tolist()
    assert levels == np.float32(schedule.sigmas).tolist()


def test_comfyui_flow_times() -> None:
    text, values = Schedule([3.0, 1.0, 0.0]).to_comfyui(flow=True)
    assert text == "0.75, 0.5, 0"
    assert values == [0.75, 0.5, 0.0]


@pytest.mark.parametrize(
    ("levels", "message"),
    [
        ([1.0 + 1e-9, 1.0, 0.0], "levels 0 and 1, .* coincide in single precision"),
        ([1e300, 1.0], "level 0 = 1e[+]300 overflows"),
        ([1.0, 1e-50, 0.0], "levels 1 and 2, 1e-50 and 0, coincide"),
    ],
)
def test_levels_must_survive_single_precision(levels: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Schedule(levels).to_comfyui()
    with pytest.raises(ValueError, match=message):
        Schedule(levels).to_k_diffusion()


def test_k_diffusion_without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError, match=r"needs torch \(pip install torch\)"):
        Schedule([1.0, 0.0]).to_k_diffusion()


# diffusers


def test_euler_takes_all_levels() -> None:
    schedule = baselines.edm(10, sigma_max=14.6, sigma_min=0.0, sigma_floor=0.03)
    assert schedule.to_diffusers(scheduler("EulerDiscreteScheduler")) == {"sigmas": list(schedule)}
    positive = baselines.edm(10, sigma_max=14.6, sigma_min=0.01)
    assert positive.to_diffusers(scheduler("EulerDiscreteScheduler")) == {"sigmas": list(positive)}


def test_euler_continuous_v_prediction_has_no_grid() -> None:
    schedule = baselines.make("ays_svd", 10)
    settings = {"timestep_type": "continuous", "prediction_type": "v_prediction"}
    assert len(schedule.to_diffusers(scheduler("EulerDiscreteScheduler", **settings))["sigmas"]) == 11
    with pytest.raises(ValueError, match="lies above the model's highest level"):
        schedule.to_diffusers(scheduler("EulerDiscreteScheduler"))


@pytest.mark.parametrize(
    "name",
    ["DPMSolverMultistepScheduler", "DPMSolverSinglestepScheduler", "DDPMScheduler", "LCMScheduler"],
)
def test_integer_schedulers(name: str) -> None:
    single = scheduler(name, alphas_cumprod=np.cumprod((1 - BETAS).astype(np.float32)))
    assert on_grid(999, 640, 31).to_diffusers(single) == {"timesteps": [999, 640, 31]}
    off = Schedule([LADDER[999], LADDER[640] * 1.002, LADDER[31], 0.0])
    with pytest.raises(ValueError, match=r"1 of 3 levels are off .* sigmas\[1\] .* is timestep 640\.5"):
        off.to_diffusers(single)
    with pytest.raises(ValueError, match=r"ends at sigma = 0 .* ends at 0\.0291.* sigma_min=0"):
        on_grid(999, 640, last=LADDER[0]).to_diffusers(single)


def test_the_last_level_that_the_framework_appends() -> None:
    low = scheduler("DPMSolverMultistepScheduler", final_sigmas_type="sigma_min")
    assert on_grid(999, 500, last=LADDER[0]).to_diffusers(low) == {"timesteps": [999, 500]}
    with pytest.raises(ValueError, match=r"final_sigmas_type='sigma_min'.*design with sigma_min=0\.0291"):
        on_grid(999, 500).to_diffusers(low)
    assert on_grid(999, 500, last=LADDER[0]).to_diffusers(scheduler("TCDScheduler")) == {
        "timesteps": [999, 500]
    }
    with pytest.raises(ValueError, match="timestep 0"):
        on_grid(999, 500).to_diffusers(scheduler("TCDScheduler"))


def test_levels_that_share_a_timestep() -> None:
    close = Schedule([LADDER[500] * (1 + 1e-6), LADDER[500], 0.0])
    with pytest.raises(ValueError, match="levels 0 and 1 fall on the same timestep 500"):
        close.to_diffusers(scheduler("DDPMScheduler"))


def test_heun_interpolates_sigma_itself() -> None:
    levels = [LADDER[800], 0.25 * LADDER[300] + 0.75 * LADDER[301], LADDER[5]]
    got = Schedule([*levels, 0.0]).to_diffusers(scheduler("HeunDiscreteScheduler"))
    np.testing.assert_allclose(got["timesteps"], [800, 300.75, 5], atol=1e-9)
    close = Schedule([LADDER[900] * (1 + 1e-9), LADDER[900], 0.0])
    with pytest.raises(ValueError, match="levels 0 and 1 are the same timestep in single precision"):
        close.to_diffusers(scheduler("HeunDiscreteScheduler"))


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("FlowMatchEulerDiscreteScheduler", {"shift": 3.0}),
        ("FlowMatchLCMScheduler", {"shift": 3.0}),
        ("UniPCMultistepScheduler", {"use_flow_sigmas": True, "flow_shift": 3.0}),
    ],
)
def test_flow_schedulers_shift_what_they_are_given(name: str, config: dict[str, object]) -> None:
    schedule = baselines.flow_shift(4, sigma_max=20.0, shift=1.7)
    given_times = np.array(schedule.to_diffusers(scheduler(name, **config))["sigmas"])
    assert given_times.size == 4
    np.testing.assert_allclose(3 * given_times / (1 + 2 * given_times), schedule.flow_times[:-1], rtol=1e-14)
    with pytest.raises(ValueError, match=r"but the schedule ends at 0\.1"):
        Schedule([3.0, 0.1]).to_diffusers(scheduler(name, **config))


@pytest.mark.parametrize(
    ("name", "config", "message"),
    [
        ("DPMSolverMultistepScheduler", {"use_karras_sigmas": True}, "use_karras_sigmas=False"),
        ("DPMSolverMultistepScheduler", {"use_lu_lambdas": True}, "use_lu_lambdas=False"),
        ("DPMSolverSinglestepScheduler", {"use_flow_sigmas": True}, "use_flow_sigmas=False"),
        ("HeunDiscreteScheduler", {"use_beta_sigmas": True}, "use_beta_sigmas=False"),
        ("FlowMatchEulerDiscreteScheduler", {"use_dynamic_shifting": True}, "use_dynamic_shifting=False"),
        ("FlowMatchEulerDiscreteScheduler", {"shift_terminal": 0.02}, "shift_terminal=None"),
        ("UniPCMultistepScheduler", {}, "flow-matching models only .* DPMSolverMultistepScheduler"),
        (
            "UniPCMultistepScheduler",
            {"use_flow_sigmas": True, "use_karras_sigmas": True},
            "use_karras_sigmas",
        ),
        (
            "UniPCMultistepScheduler",
            {"use_flow_sigmas": True, "final_sigmas_type": "sigma_min"},
            "repeats the last level",
        ),
        ("UniPCMultistepScheduler", {"use_flow_sigmas": True, "predict_x0": False}, "predict_x0=True"),
        (
            "DPMSolverMultistepScheduler",
            {"algorithm_type": "sde-dpmsolver", "solver_order": 3},
            "no third-order step; .*solver_order=2",
        ),
        ("EDMEulerScheduler", {"sigma_schedule": "exponential"}, "sigma_schedule='karras'"),
        ("EDMEulerScheduler", {"final_sigmas_type": "sigma_min"}, "repeats the last level"),
        ("DDIMScheduler", {}, "takes no custom schedule; use EulerDiscreteScheduler .* solver_order=1"),
        ("EulerAncestralDiscreteScheduler", {}, "use DDPMScheduler"),
        ("FlowMatchHeunDiscreteScheduler", {}, "use FlowMatchEulerDiscreteScheduler"),
        ("EulerDiscretScheduler", {}, "unknown scheduler .*did you mean 'EulerDiscreteScheduler'"),
    ],
)
def test_refusals(name: str, config: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        on_grid(999, 500, 20).to_diffusers(scheduler(name, **config))
    assert name in str(caught.value)


def test_subclasses_are_recognised() -> None:
    parent = type(scheduler("EulerDiscreteScheduler"))
    child = type("MyEuler", (parent,), {})(config={}, alphas_cumprod=ABAR)
    assert "sigmas" in on_grid(999, 20).to_diffusers(child)


@pytest.mark.parametrize("thing", ["EulerDiscreteScheduler", None, 3, {}])
def test_things_that_are_no_schedulers(thing: object) -> None:
    with pytest.raises(TypeError, match=rf"must be a diffusers scheduler .*got {type(thing).__name__}"):
        on_grid(999, 20).to_diffusers(thing)


def test_a_class_is_not_an_instance() -> None:
    with pytest.raises(TypeError, match="must be an instance, got the class EulerDiscreteScheduler"):
        on_grid(999, 20).to_diffusers(type(scheduler("EulerDiscreteScheduler")))


@pytest.mark.parametrize(
    ("levels", "name", "error", "message"),
    [
        ([3.0, 1.0, 0.0], 3, TypeError, "name must be a string, got int"),
        ([3.0, 1.0, 0.0], " ", ValueError, "name must be printable text, got ' '"),
        ([3.0, 1.0, 0.5], "mine", ValueError, "ends at 0 after at least two levels, .* ends at 0.5"),
        ([3.0, 0.0], "mine", ValueError, "has 2 levels"),
    ],
)
def test_what_the_web_ui_cannot_take(levels: list[float], name: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        Schedule(levels).to("a1111", name=name)


class Times:
    """In place of NoiseScheduleVP: t = r / (1 + r) at the level r = exp(-lambda)."""

    T = 0.95

    def inverse_lambda(self, half_log_snr: Any) -> Any:
        level = (-half_log_snr).exp()
        return level / (1.0 + level)


def test_times_of_solvers_that_compute_their_own() -> None:
    torch = pytest.importorskip("torch", reason="needs the extra 'frameworks'")
    found = Schedule([14.0, 3.0, 1.0, 0.0]).to("dpm_solver", noise_schedule=Times())
    times = found.get_time_steps("logSNR", 1.0, 1e-3, 2, "cpu")
    np.testing.assert_allclose(times.numpy(), [14 / 15, 3 / 4, 1 / 2], rtol=1e-6)
    assert times.dtype == torch.float32
    assert found.arguments["steps"] == 2
    assert found.arguments["denoise_to_zero"] is True
    assert found.arguments["t_start"] == pytest.approx(14 / 15)
    with pytest.raises(ValueError, match="steps must be 2, the steps of the schedule, got 5"):
        found.get_time_steps("logSNR", 1.0, 1e-3, 5, "cpu")
    with pytest.raises(TypeError, match=r"noise_schedule must be a NoiseScheduleVP .*, got str"):
        Schedule([14.0, 3.0, 0.0]).to("dpm_solver", noise_schedule="linear")
    with pytest.raises(ValueError, match="at least two positive levels, got 1"):
        Schedule([14.0, 0.0]).to("dpm_solver", noise_schedule=Times())
    with pytest.raises(ValueError, match="lie outside the range of noise_schedule"):
        Schedule([30.0, 3.0, 0.0]).to("dpm_solver", noise_schedule=Times())
