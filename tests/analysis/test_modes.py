"""Affine modes: against 50 digits, against the engine for Gaussian data, and their derivatives against differences."""

from __future__ import annotations

import pickle
from typing import Any

import mpmath as mp
import numpy as np
import pytest

import specsched as ss
from specsched import _core
from specsched._support.checks import FloatArray
from specsched.analysis.modes import Modes
from specsched.samplers import DDIM, DEIS, IPNDM, DPMpp2M, DPMpp3M, Heun, Multistep, Sampler, UniPC
from specsched.testing.numbers import precision
from specsched.testing.propagation import sampler_loop

TOP, FLOOR = 20.0, 0.05
SIGMAS = np.array([TOP, 8.0, 3.1, 1.2, 0.5, 0.2, FLOOR, 0.0])
TABLE = np.tril(np.random.default_rng(3).normal(0.4, 0.4, (7, 2)), -1)
SOLVERS: list[Sampler] = [
    DDIM(),
    DPMpp2M(),
    DPMpp3M(lower_order_final=False),
    DEIS(order=3),
    IPNDM(),
    UniPC(order=3),
    Heun(),
    Multistep(order=3, coefficients=TABLE, model_times=np.linspace(-0.05, 0.08, 7)),
]
IDS = [f"{s.name}-{int(s.options.get('order', 0))}" for s in SOLVERS]
COND, UNCOND, SCALE = np.array([4.0, 0.3, 0.02]), np.array([6.0, 1.0, 0.1]), 5.0
MEAN_COND, MEAN_UNCOND = np.array([0.7, -0.2, 0.05]), np.array([0.1, 0.3, 0.02])
rng = np.random.default_rng(0)
PREDICTION = rng.normal(size=(4, 9)) * 0.5 ** np.arange(9)
SLOPE = np.array([[0.5, -0.45, 0.05], [0.7, -0.2, -0.1]])
BAND = [0, 0, 1, 1]
RECORDED = Modes.recorded(
    PREDICTION,
    BAND,
    SLOPE,
    [2.0, 0.1],
    [5.0, 11.0],
    sigma_max=TOP,
    sigma_floor=FLOOR,
    roughness=[[0.02, 0.01], [0.01, 0.0]],
)
GUIDED = Modes.guided(COND, UNCOND, SCALE, TOP, multiplicity=[1.0, 3.0, 9.0], means=(MEAN_COND, MEAN_UNCOND))
GAUSSIAN = Modes.gaussian(ss.Spectrum(COND, mean_power=[0.3, 0.0, 0.1]), TOP)
FLOORED = Modes.gaussian(COND, TOP, sigma_floor=FLOOR)
ALL = {"gaussian": GAUSSIAN, "guided": GUIDED, "recorded": RECORDED, "floored": FLOORED}


def options_of(solver: Sampler) -> dict[str, Any]:
    if isinstance(solver, Multistep):
        return {"order": solver.order, "coefficients": solver.coefficients, "model_times": solver.model_times}
    return dict(solver.options)


def run(solver: Sampler, start: Any, slope: Any, shift: Any, sigmas: FloatArray = SIGMAS) -> Any:
    """y_0 of one mode by the plain loop, in 50 digits."""
    levels = np.array([mp.mpf(float(s)) for s in sigmas])
    return sampler_loop(solver.name)(
        lambda y, r: slope(r) * y + shift(r), start, levels, lambda: mp.mpf(0), **options_of(solver)
    )


def biases(modes: Modes, solver: Sampler) -> FloatArray:
    rows, _ = _core.modes_jacobian(modes._core, solver.core, SIGMAS, 0.0)
    return rows[: modes.size]


@pytest.mark.parametrize("solver", SOLVERS, ids=IDS)
def test_gaussian_against_fifty_digits(solver: Sampler) -> None:
    with precision(50):
        for i, value in enumerate(COND):
            lam = mp.mpf(float(value))
            got = run(solver, mp.mpf(1), lambda r, lam=lam: lam / (lam + r * r), lambda r: 0)
            want = got - mp.sqrt(lam / (lam + mp.mpf(TOP) ** 2))
            weight = mp.sqrt(1 + mp.mpf(TOP) ** 2 + [0.3, 0.0, 0.1][i])
            assert float(abs(biases(GAUSSIAN, solver)[i] - weight * want)) < 1e-9 * float(weight * got)


@pytest.mark.parametrize("solver", SOLVERS, ids=IDS)
def test_guided_against_fifty_digits(solver: Sampler) -> None:
    ours = biases(GUIDED, solver)
    with precision(50):
        g = mp.mpf(SCALE)
        for i in range(3):
            c, u, mc, mu = (mp.mpf(float(v[i])) for v in (COND, UNCOND, MEAN_COND, MEAN_UNCOND))

            def slope(r: Any, c: Any = c, u: Any = u) -> Any:
                return g * c / (c + r * r) + (1 - g) * u / (u + r * r)

            def shift(r: Any, c: Any = c, u: Any = u, mc: Any = mc, mu: Any = mu) -> Any:
                return r * r * (g * mc / (c + r * r) + (1 - g) * mu / (u + r * r))

            def gain(r: Any, c: Any = c, u: Any = u) -> Any:
                return (c + r * r) ** (g / 2) * (u + r * r) ** ((1 - g) / 2)

            root = mp.sqrt([1, 3, 9][i] * (1 + mp.mpf(TOP) ** 2))
            deviation = run(solver, mp.mpf(1), slope, lambda r: 0)
            want = root * (deviation - gain(0) / gain(TOP))
            assert float(abs(ours[i] - want)) < 1e-9 * float(abs(root * deviation))
            edges = [mp.mpf(x) for x in (0, 0.01, 0.03, 0.1, 0.3, 1, 3, 8, TOP)]
            with mp.workdps(25):
                limit = mp.quad(lambda t: shift(t) / (t * gain(t)) * gain(0) if t else mp.mpf(0), edges)
            mean = run(solver, mp.mpf(0), slope, shift)
            assert float(abs(ours[3 + i] - (mean - limit))) < 1e-9 * max(1.0, float(abs(mean)))


@pytest.mark.parametrize("solver", SOLVERS, ids=IDS)
def test_recorded_against_fifty_digits(solver: Sampler) -> None:
    ours = biases(RECORDED, solver)
    with precision(50):
        low, high = mp.log(FLOOR), mp.log(TOP)

        def series(row: FloatArray, r: Any) -> Any:
            u = min(max((2 * mp.log(r) - low - high) / (high - low), mp.mpf(-1)), mp.mpf(1))
            theta = mp.acos(u)
            return sum(mp.mpf(float(c)) * mp.cos(n * theta) for n, c in enumerate(row))

        def trajectory(row: FloatArray, r: Any) -> Any:
            with mp.workdps(20):
                pieces = mp.linspace(mp.log(r), high, 5)
                return (
                    r * mp.quad(lambda x: series(row, mp.exp(x)) * mp.exp(-x), pieces)
                    if r < TOP
                    else mp.mpf(0)
                )

        for i in (0, 3):
            k, s = SLOPE[BAND[i]], PREDICTION[i]
            got = run(
                solver,
                mp.mpf(0),
                lambda r, k=k: series(k, r),
                lambda r, k=k, s=s: (
                    series(s, min(r, mp.mpf(TOP))) - series(k, r) * trajectory(s, min(r, mp.mpf(TOP)))
                ),
            )
            if solver.name == "multistep":
                continue  # told levels outside the recording: the end of the series stands in, tested by differences
            want = got - series(s, FLOOR)
            assert float(abs(ours[i] - want)) < 1e-9


@pytest.mark.parametrize("solver", SOLVERS, ids=IDS)
@pytest.mark.parametrize("process", ["vp", "ve", "flow"])
def test_gaussian_modes_agree_with_the_engine(solver: Sampler, process: Any) -> None:
    spectrum = ss.Spectrum(
        np.geomspace(1e-4, 300.0, 30), weights=np.linspace(1, 5, 30), mean_power=np.full(30, 0.1)
    )
    modes = Modes.gaussian(spectrum, TOP, process=process)
    result = ss.transfer(spectrum, SIGMAS, sampler=solver, process=process)
    to_y = _core.signal_scale(getattr(_core.Process, process), TOP)
    power = (
        spectrum.weights * _core.start_variance(getattr(_core.Process, process), TOP) + spectrum.mean_power
    )
    limit = np.sqrt(spectrum.eigenvalues / (spectrum.eigenvalues + TOP**2))
    want = np.sqrt(power) * (result.gain * to_y - limit)
    np.testing.assert_allclose(biases(modes, solver), want, rtol=1e-10, atol=1e-10 * abs(want).max())


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("solver", SOLVERS, ids=IDS)
def test_jacobian_by_differences(solver: Sampler, kind: str) -> None:
    """Levels, coefficients and model times, for errors of modes and of predictions."""
    modes, eta, h = ALL[kind]._core, 0.1, 1e-5
    if isinstance(solver, Multistep):  # model times that stay inside the recording
        solver = Multistep(order=3, coefficients=TABLE, model_times=[-0.02, *np.linspace(0.01, 0.03, 6)])
    _, jacobian = _core.modes_jacobian(modes, solver.core, SIGMAS, eta)

    def column(change: Any) -> FloatArray:
        (above, below) = (_core.modes_jacobian(modes, *change(sign * h), eta)[0] for sign in (1, -1))
        return np.asarray((above - below) / (2 * h))

    for k in range(1, SIGMAS.size - 1):
        if k == SIGMAS.size - 2 and kind == "recorded":
            continue  # the series end at this level
        unit = np.eye(SIGMAS.size)[k] * SIGMAS[k]
        numeric = column(lambda d, unit=unit: (solver.core, SIGMAS + d * unit)) / SIGMAS[k]
        np.testing.assert_allclose(
            jacobian[:, k], numeric, rtol=1e-6, atol=1e-7 * max(1.0, abs(numeric).max())
        )
    if not isinstance(solver, Multistep):
        return
    table, times, at = np.array(solver.coefficients), np.array(solver.model_times), SIGMAS.size
    for n in range(7):
        for j in range(2):
            if j < n:
                unit = np.zeros_like(table)
                unit[n, j] = 1.0
                numeric = column(
                    lambda d, unit=unit: (
                        Multistep(order=3, coefficients=table + d * unit, model_times=times).core,
                        SIGMAS,
                    )
                )
                np.testing.assert_allclose(jacobian[:, at + 2 * n + j], numeric, rtol=1e-6, atol=1e-8)
        if kind == "recorded" and n in (0, 6):
            continue
        unit = np.eye(7)[n]
        numeric = column(
            lambda d, unit=unit: (
                Multistep(order=3, coefficients=table, model_times=times + d * unit).core,
                SIGMAS,
            )
        )
        np.testing.assert_allclose(jacobian[:, at + 14 + n], numeric, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("last", [0.0, 0.06])
def test_gradient_by_differences(kind: str, last: float) -> None:
    """Interior levels of the value that users see, with errors of predictions."""
    modes, solver = ALL[kind], DPMpp3M()
    sigmas = np.append(SIGMAS[:-2], [0.08, last])
    value, gradient = ss.value_and_grad(modes, sigmas, sampler=solver, denoiser_error=0.1)
    assert value == pytest.approx(ss.evaluate(modes, sigmas, sampler=solver, denoiser_error=0.1), rel=1e-13)
    for k in range(1, sigmas.size - 1):
        h = 1e-5 * sigmas[k]
        values = []
        for sign in (1, -1):
            moved = sigmas.copy()
            moved[k] += sign * h
            values.append(ss.evaluate(modes, moved, sampler=solver, denoiser_error=0.1))
        assert gradient[k] == pytest.approx((values[0] - values[1]) / (2 * h), rel=1e-6, abs=1e-7 * value)


def test_same_bits_from_every_instruction_set() -> None:
    found, used = [], _core.kernels_in_use()
    for name in _core.available_kernels():
        assert _core.select_kernels(name)
        value, gradient = ss.value_and_grad(RECORDED, SIGMAS, sampler="heun", denoiser_error=0.1)
        found.append((value, gradient.tobytes(), biases(RECORDED, Heun()).tobytes()))
    assert _core.select_kernels(used)
    assert found[0][0] > 0.0
    assert all(other == found[0] for other in found)


def test_noise_is_what_errors_of_predictions_add() -> None:
    """The variance of y_0 from errors of predictions, by running the loop with one error at a time.

    Of each, the part that the level above does not tell (docs/limit.md).
    """
    solver, eta = DPMpp2M(), 0.3
    rows, _ = _core.modes_jacobian(GAUSSIAN._core, solver.core, SIGMAS, eta)
    noise = rows[GAUSSIAN.size :].reshape(-1, 3)
    for p, level in enumerate(SIGMAS[:-1]):
        own = np.sqrt(-np.expm1(-((np.log(SIGMAS[p - 1] / level) / 0.8) ** 2))) if p else 1.0
        for i, lam in enumerate(COND):
            calls = iter(range(99))
            out = sampler_loop(solver.name)(
                lambda y, r, lam=lam, p=p, calls=calls: lam / (lam + r * r) * y + (next(calls) == p),
                0.0,
                SIGMAS,
                lambda: 0.0,
            )
            assert noise[p, i] == pytest.approx(
                out * own * eta * level * np.sqrt(lam / (lam + level**2)), rel=1e-11
            )


@pytest.mark.parametrize("solver", SOLVERS, ids=IDS)
def test_errors_of_predictions_agree_with_the_engine(solver: Sampler) -> None:
    """One model for spectra and modes: the variance in y_0 that `transfer` finds."""
    noise = ss.transfer(COND, SIGMAS, sampler=solver, denoiser_error=0.3).injected
    rows, _ = _core.modes_jacobian(Modes.gaussian(COND, TOP)._core, solver.core, SIGMAS, 0.3)
    np.testing.assert_allclose((rows[3:].reshape(-1, 3) ** 2).sum(axis=0), noise, rtol=1e-11)


@pytest.mark.parametrize("process", ["vp", "ve"])
def test_runs_that_start_from_noised_data(process: Any) -> None:
    """Of Gaussian data the distance between trajectories is that between the distributions."""
    modes = Modes.gaussian(COND, TOP, process=process, start="data")
    found = modes.errors(SIGMAS, "dpmpp_2m")[0]
    assert found == pytest.approx(
        ss.evaluate(COND, SIGMAS, sampler="dpmpp_2m", process=process, start="data"), rel=1e-9
    )
    assert found != pytest.approx(Modes.gaussian(COND, TOP, process=process).errors(SIGMAS, "dpmpp_2m")[0])


def test_nothing_to_err_in() -> None:
    """Data without variance: the loss is 0 and has no slope, not an undefined one."""
    value, gradient = Modes.gaussian([0.0], TOP).value_and_grad(SIGMAS, "dpmpp_2m")
    assert value == 0.0
    assert not gradient.any()


def test_merged_modes_add_squares() -> None:
    both = Modes.merged([GUIDED, RECORDED], [0.3, 0.7])
    for i in (0, 1):
        parts = [modes.errors(SIGMAS, "dpmpp_2m", 0.1)[i] ** 2 for modes in (GUIDED, RECORDED)]
        assert both.errors(SIGMAS, "dpmpp_2m", 0.1)[i] ** 2 == pytest.approx(
            0.3 * parts[0] + 0.7 * parts[1], rel=1e-12
        )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: GAUSSIAN.errors([10.0, 1.0, 0.0]), "start there"),
        (lambda: RECORDED.errors([TOP, 0.01, 0.0]), "below the lowest"),
        (lambda: GAUSSIAN.errors(SIGMAS, "ddpm"), "adds noise"),
        (lambda: Modes.guided([0.0], [1.0], 2.0, 10.0), "must be > 0"),
        (lambda: Modes.recorded([[1.0]], [1], [[0.5]], [1.0], [1.0], sigma_max=9.0, sigma_floor=0.1), "band"),
        (
            lambda: Modes.recorded([[np.nan]], [0], [[0.5]], [1.0], [1.0], sigma_max=9.0, sigma_floor=0.1),
            "finite",
        ),
        (lambda: Modes.merged([GAUSSIAN, Modes.gaussian([1.0], 5.0)]), "share process and sigma_max"),
        (lambda: Modes.merged([]), "at least one set"),
        (
            lambda: Modes.guided([1.0], [1.0], 2.0, 10.0, means=([1.0], [1.0, 2.0])),
            "must have the same shape",
        ),
        (
            lambda: Modes.recorded([1.0], [0], [[0.5]], [1.0], [1.0], sigma_max=9.0, sigma_floor=0.1),
            "prediction",
        ),
    ],
)
def test_bad_input(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("kind", ["gaussian", "guided"])
def test_floor_is_what_runs_to_zero_tend_to(kind: str) -> None:
    """Infinitely many steps down to the floor, and one to 0, which returns the prediction there."""
    made = {
        "gaussian": lambda **floor: Modes.gaussian(COND, TOP, **floor),
        "guided": lambda **floor: Modes.guided(
            COND, UNCOND, 2.5, TOP, means=(MEAN_COND, MEAN_UNCOND), **floor
        ),
    }[kind]
    floored, free = made(sigma_floor=0.2), made()
    fine = [np.append(np.geomspace(TOP, 0.2, count), 0.0) for count in (400, 800)]
    coarse, finer = (floored.errors(levels, "dpmpp_2m")[0] for levels in fine)
    assert finer < 1e-3 * free.errors(fine[1], "dpmpp_2m")[0]
    assert coarse / finer == pytest.approx(4.0, rel=0.1)  # of second order, to the very end
    np.testing.assert_array_equal(floored.solution(0.2), free.solution(0.2))
    again = pickle.loads(pickle.dumps(Modes.merged([floored, made(sigma_floor=0.3)])))
    assert again.sigma_floor == 0.3
    np.testing.assert_array_equal(again.solution(0.0)[: floored.size], floored.solution(0.0))
    with pytest.raises(ValueError, match="below the lowest"):
        floored.errors([TOP, 1.0, 0.1, 0.0], "dpmpp_2m")
    with pytest.raises(ValueError, match="sigma_floor"):
        made(sigma_floor=TOP)
