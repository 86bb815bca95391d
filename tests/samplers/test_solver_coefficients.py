"""Every family's coefficients in 50-digit arithmetic, from the papers' formulas, against the compiled engine.

The C++ tests compare all solvers in extended precision; here the formulas that cancel when levels lie close
together (exponential-integrator functions, divided differences, Vandermonde systems, logarithmic integrals)
are evaluated with digits to spare, on ordinary levels and on levels that nearly coincide.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath as mp
import numpy as np
import pytest

import specsched as ss

State = Any  # object array of mpf: coefficients on the start and on each step's noise
LEVELS = {
    "ordinary": [40.0, 17.0, 8.0, 3.3, 1.4, 0.6, 0.22, 0.07],
    "close": [40.0, 17.0, 17.0 / 1.01, 17.0 / 1.02, 3.3, 3.3 / 1.01, 0.6, 0.07],
    "to zero": [40.0, 17.0, 8.0, 3.3, 1.4, 0.6, 0.22, 0.0],
}
EIGENVALUES = [900.0, 4.0, 0.05, 1e-5]


class Run:
    """Levels, denoiser and noises of one run at one eigenvalue."""

    def __init__(self, levels: list[float], eigenvalue: float) -> None:
        self.r = [mp.mpf(x) for x in levels]
        self.steps = len(levels) - 1
        self.eigenvalue = mp.mpf(eigenvalue)

    def start(self) -> State:
        state = np.array([mp.mpf(0)] * (self.steps + 1), dtype=object)
        state[0] = mp.mpf(1)
        return state

    def noise(self, step: int) -> State:
        state = self.start() * mp.mpf(0)
        state[step + 1] = mp.mpf(1)
        return state

    def clean(self, y: State, level: Any) -> State:
        return y * (self.eigenvalue / (self.eigenvalue + level**2))

    def eps(self, y: State, level: Any) -> State:
        return (y - self.clean(y, level)) / level

    def order(self, k: int, highest: int) -> int:
        return 1 if self.r[k + 1] == 0 else min(highest, k + 1)


def lagrange_weights(nodes: list[Any], moment: Callable[[Callable[[Any], Any]], Any]) -> list[Any]:
    def basis(j: int) -> Callable[[Any], Any]:
        others = [x for i, x in enumerate(nodes) if i != j]
        return lambda u: mp.fprod((u - x) / (nodes[j] - x) for x in others)

    return [moment(basis(j)) for j in range(len(nodes))]


def lms(run: Run, y: State) -> State:
    e: list[State] = []
    for k in range(run.steps):
        e.append(run.eps(y, run.r[k]))
        nodes = [run.r[k - j] for j in range(min(4, k + 1))]
        weights = lagrange_weights(nodes, lambda f, k=k: mp.quad(f, [run.r[k], run.r[k + 1]]))
        y = y + sum(w * e[k - j] for j, w in enumerate(weights))
    return y


def deis(run: Run, y: State) -> State:
    e: list[State] = []
    for k in range(run.steps):
        e.append(run.eps(y, run.r[k]))
        nodes = [mp.log(run.r[k - j]) for j in range(min(4, k + 1))]
        top = nodes[0]
        low = top - 90 if run.r[k + 1] == 0 else mp.log(run.r[k + 1])
        grid = list(mp.linspace(top, low, 10)) if run.r[k + 1] == 0 else [top, low]
        weights = lagrange_weights(nodes, lambda f, grid=grid: mp.quad(lambda u: f(u) * mp.exp(u), grid))
        y = y + sum(w * e[k - j] for j, w in enumerate(weights))
    return y


def differences(run: Run, m: list[State], k: int, order: int, h: Any) -> tuple[State, State]:
    q1 = mp.log(run.r[k - 1] / run.r[k]) / h
    a = (m[k] - m[k - 1]) / q1
    if order == 2:
        return a, a * 0
    q2 = mp.log(run.r[k - 2] / run.r[k - 1]) / h
    b = (m[k - 1] - m[k - 2]) / q2
    return a + q1 / (q1 + q2) * (a - b), (a - b) / (q1 + q2)


def dpmpp(run: Run, y: State, highest: int, eta: float) -> State:
    m: list[State] = []
    for k in range(run.steps):
        r, to = run.r[k], run.r[k + 1]
        m.append(run.clean(y, r))
        if to == 0:
            y = m[k]
            continue
        order, h = run.order(k, highest), mp.log(r / to)
        H = (1 + mp.mpf(eta)) * h
        phi = 1 - mp.exp(-H)
        new = to / r * mp.exp(-eta * h) * y + phi * m[k]
        if order > 1:
            d1, d2 = differences(run, m, k, order, h)
            new = new + (1 - phi / H) * d1 - ((1 - phi / H) / H - mp.mpf(1) / 2) * d2
        y = new + to * mp.sqrt(1 - mp.exp(-2 * eta * h)) * run.noise(k)
    return y


def dpm_noise(run: Run, y: State) -> State:
    e: list[State] = []
    for k in range(run.steps):
        r, to = run.r[k], run.r[k + 1]
        e.append(run.eps(y, r))
        order, h = run.order(k, 3), mp.log(r / to)
        grow = mp.exp(h) - 1
        y = y - to * grow * e[k]
        if order > 1:
            d1, d2 = differences(run, e, k, order, h)
            y = y - to * (grow / h - 1) * d1 - to * ((grow - h) / h**2 - mp.mpf(1) / 2) * d2
    return y


def log_weights(run: Run, k: int, places: list[int]) -> list[Any]:
    """Integrals over step k, d rho, of the Lagrange polynomials in log rho of the levels `places`."""
    nodes = [mp.log(run.r[j]) for j in places]
    ends = [mp.log(run.r[k]), mp.log(run.r[k + 1])]
    return lagrange_weights(nodes, lambda f: mp.quad(lambda u: f(u) * mp.exp(u), ends))


def combined(weights: list[Any], values: list[State], places: list[int]) -> State:
    return sum(w * values[j] for w, j in zip(weights, places, strict=True))


def dpm_noise_sde(run: Run, y: State, eta: float) -> State:
    """Second order, Heun: dy = (1 + eta) e drho + sqrt(2 eta rho) dw, e a line in log rho."""
    e: list[State] = []
    for k in range(run.steps):
        e.append(run.eps(y, run.r[k]))
        places = [k, k - 1][: k + 1]
        y = y + (1 + mp.mpf(eta)) * combined(log_weights(run, k, places), e, places)
        y = y + mp.sqrt(eta * (run.r[k] ** 2 - run.r[k + 1] ** 2)) * run.noise(k)
    return y


def unipc_noise(run: Run, y: State, uncorrected: tuple[int, ...]) -> State:
    """Third order, bh2: exact integrals of polynomials in log rho, but where UniPC takes half of the difference."""
    e: list[State] = []
    before = y
    orders = [min(3, k + 1, run.steps - k) for k in range(run.steps)]
    for k in range(run.steps):
        e.append(run.eps(y, run.r[k]))
        if k > 0 and k - 1 not in uncorrected:
            y = before + noise_integral(run, e, k - 1, orders[k - 1], corrector=True)
        before = y
        y = y + noise_integral(run, e, k, orders[k], corrector=False)
    return y


def noise_integral(run: Run, e: list[State], k: int, order: int, *, corrector: bool) -> State:
    """The integral of the noise over step k, from predictions up to level k, or k + 1 for the corrector."""
    length = run.r[k + 1] - run.r[k]
    places = [k - j for j in range(order)]
    if corrector and order == 1:
        return length * (e[k] + e[k + 1]) / 2
    if not corrector and order == 2:
        slope = (e[k] - e[k - 1]) / mp.log(run.r[k - 1] / run.r[k]) * mp.log(run.r[k] / run.r[k + 1])
        return length * (e[k] + slope / 2)
    places = [k + 1, *places] if corrector else places
    return combined(log_weights(run, k, places), e, places)


def unipc_update(run: Run, m: list[State], x: State, k: int, order: int, new: State | None) -> State:
    r, to = run.r[k], run.r[k + 1]
    if to == 0:
        return m[k]
    h = mp.log(r / to)
    places = [mp.log(run.r[k] / run.r[k - j]) / h for j in range(1, order)]
    gaps = [(m[k - j] - m[k]) / p for j, p in enumerate(places, 1)]
    if new is not None:
        places, gaps = [*places, mp.mpf(1)], [*gaps, new - m[k]]
    b_h = mp.exp(-h) - 1
    rows = len(places)
    # h phi_{i+1}(h) of the paper, with h -> -h for the prediction of the data.
    right, term = [], b_h / -h - 1
    for i in range(1, rows + 1):
        right.append(term * mp.factorial(i) / b_h)
        term = term / -h - 1 / mp.factorial(i + 1)
    if (rows == 1 and new is None) or (order == 1 and new is not None):
        rho = [mp.mpf(1) / 2]
    elif rows == 0:  # a matrix without rows: older mpmath has none
        rho = []
    else:
        rho = list(mp.lu_solve(mp.matrix([[p**i for p in places] for i in range(rows)]), mp.matrix(right)))
    return to / r * x - b_h * m[k] - b_h * sum((w * g for w, g in zip(rho, gaps, strict=True)), x * 0)


def unipc(run: Run, y: State) -> State:
    m: list[State] = []
    before, last_order = y, 1
    for k in range(run.steps):
        prediction = run.clean(y, run.r[k])
        if k > 0:
            y = unipc_update(run, m, before, k - 1, last_order, prediction)
        m.append(prediction)
        last_order = min(3, k + 1, run.steps - k)
        before = y
        y = unipc_update(run, m, y, k, last_order, None)
    return y


def make(name: str, **options: Any) -> ss.samplers.Sampler:
    return ss.samplers.SAMPLERS[name](**options)


CASES: dict[str, tuple[ss.samplers.Sampler, Callable[[Run, State], State]]] = {
    "lms": (make("lms"), lms),
    "deis": (make("deis", order=4, lower_order_final=False), deis),
    "dpmpp_3m": (
        make("dpmpp_3m", heun=True, lower_order_final=False),
        lambda run, y: dpmpp(run, y, 3, 0.0),
    ),
    "dpmpp_3m_sde": (make("dpmpp_3m_sde"), lambda run, y: dpmpp(run, y, 3, 1.0)),
    "dpmpp_2m_sde_heun": (
        make("dpmpp_2m_sde_heun", eta=0.5),
        lambda run, y: dpmpp(run, y, 2, 0.5),
    ),
    "dpm_multistep": (
        make("dpm_multistep", order=3, heun=True, lower_order_final=False),
        dpm_noise,
    ),
    "dpm_multistep_sde": (
        make("dpm_multistep_sde", heun=True, lower_order_final=False),
        lambda run, y: dpm_noise_sde(run, y, 1.0),
    ),
    "dpm_multistep_sde, eta": (
        make("dpm_multistep_sde", heun=True, lower_order_final=False, eta=0.5),
        lambda run, y: dpm_noise_sde(run, y, 0.5),
    ),
    "unipc": (make("unipc", order=3), unipc),
    "unipc, noise": (
        make("unipc", order=3, predict_x0=False),
        lambda run, y: unipc_noise(run, y, ()),
    ),
    "unipc, noise, corrected in part": (
        make("unipc", order=3, predict_x0=False, disable_corrector=[1, 4]),
        lambda run, y: unipc_noise(run, y, (1, 4)),
    ),
}
NEEDS_NOISE_AT_END = [name for name in CASES if name.startswith("dpm_multistep") or "noise" in name]


@pytest.mark.parametrize("levels", LEVELS)
@pytest.mark.parametrize("name", CASES)
def test_gain_and_variance_equal_50_digit_arithmetic(name: str, levels: str) -> None:
    sampler, reference = CASES[name]
    sigmas = LEVELS[levels]
    if name in NEEDS_NOISE_AT_END and levels == "to zero":
        with pytest.raises(ValueError, match="sigma_min"):
            ss.transfer(ss.Spectrum(EIGENVALUES), ss.Schedule(sigmas), sampler=sampler, process="ve")
        return
    result = ss.transfer(ss.Spectrum(EIGENVALUES), ss.Schedule(sigmas), sampler=sampler, process="ve")
    with mp.workdps(50):
        for i, eigenvalue in enumerate(EIGENVALUES):
            run = Run(sigmas, eigenvalue)
            out = reference(run, run.start())
            variance = out[0] ** 2 * run.r[0] ** 2 + sum(c**2 for c in out[1:])
            # Errors count against the start, of standard deviation 40 and variance 1600. Where levels nearly
            # coincide, UniPC on noise predictions subtracts terms far larger than the start (plain loops in
            # float64 lose as many digits).
            slack = 40 if name.startswith("unipc, noise") and levels == "close" else 1
            assert float(result.gain[i]) == pytest.approx(float(out[0]), rel=1e-9, abs=slack * 1e-9 / 40)
            assert float(result.variance[i]) == pytest.approx(float(variance), rel=1e-9, abs=1e-9)
