"""The references themselves: against each other, against known orders of accuracy and closed forms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from reference_cases import EIGENVALUES, levels, relative_error

import specsched as ss
from specsched import testing
from specsched.testing import (
    SAMPLERS,
    Gaussian,
    bures_distance,
    gaussian_kl,
    literal_ddim,
    literal_loss,
    paper_case,
    propagate,
    reference_gradient,
    time_domain,
)

# A table of coefficients belongs to a number of steps: tests/samplers/test_multistep.py has its references.
WITHOUT_TABLES = sorted(set(SAMPLERS) - {"multistep"})
NEEDS_NOISE_AT_END = {"dpm_multistep", "dpm_multistep_sde"}


def levels_for(sampler: str, steps: int = 9) -> Any:
    """Levels that end at 0 where the sampler can."""
    sigmas = levels(steps, kind="even", end=0.002) / 100
    return sigmas if sampler in NEEDS_NOISE_AT_END else np.append(sigmas[:-1], 0.0)


# literal recurrences and propagation


@pytest.mark.parametrize("process", ["vp", "ve", "flow"])
@pytest.mark.parametrize("eta", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("end", [0.0, 0.01])
def test_the_paper_and_the_sampler_loop_agree(process: str, eta: float, end: float) -> None:
    sigmas = levels(8, kind="uneven", end=end)
    paper = literal_ddim(EIGENVALUES, sigmas, eta=eta, process=process, digits=50)
    loop = propagate("ddim", EIGENVALUES, sigmas, eta=eta, process=process, digits=50)
    for name in ("gain", "mean_gain", "variance"):
        difference = getattr(paper, name) - getattr(loop, name)
        assert max(abs(d) for d in difference) < 1e-35


def test_alpha_bar_and_sigmas_describe_the_same_levels() -> None:
    alpha_bar = np.linspace(1e-4, 0.99, 12)
    one = literal_ddim(EIGENVALUES, alpha_bar=alpha_bar)
    other = literal_ddim(EIGENVALUES, np.sqrt((1 - alpha_bar) / alpha_bar))
    assert relative_error(one.variance, other.variance) < 1e-11


@pytest.mark.parametrize("sampler", WITHOUT_TABLES)
def test_float64_agrees_with_fifty_digits(sampler: str) -> None:
    values = EIGENVALUES[1:-1]
    fast = propagate(sampler, values, levels_for(sampler))
    exact = propagate(sampler, values, levels_for(sampler), digits=50)
    # Multistep formulas reach tiny gains by cancellation in float64, hence not 1e-12.
    assert relative_error(fast.variance, exact.variance) < 1e-8
    assert np.abs(fast.mean_gain - exact.mean_gain.astype(float)).max() < 1e-9


@pytest.mark.parametrize("sampler", WITHOUT_TABLES)
def test_full_matrices_agree_with_eigenvalues(sampler: str) -> None:
    case = paper_case(dim=12)
    sigmas = levels_for(sampler)
    out = time_domain(case.covariance, case.mean, sigmas, sampler=sampler)
    moments = propagate(sampler, case.spectrum.eigenvalues, sigmas)
    spectral = literal_loss(moments, case.spectrum.eigenvalues, mean_power=case.spectrum.mean_power)
    assert bures_distance(out, Gaussian(case.mean, case.covariance)) == pytest.approx(spectral, rel=1e-7)
    assert out.mean == pytest.approx(moments.mean_gain[0] * case.mean, rel=1e-9)


@pytest.mark.parametrize("process", ["vp", "ve", "flow"])
@pytest.mark.parametrize("sampler", WITHOUT_TABLES)
def test_consistency_of_the_mean(sampler: str, process: str) -> None:
    # Every solver keeps y = mu fixed, hence D2 = alpha_end - alpha_start D1.
    sigmas = levels(6, end=0.01) / 50
    out = propagate(sampler, EIGENVALUES, sigmas, process=process)
    scale = testing.literal.process_levels(sigmas, process).signal
    assert np.abs(out.mean_gain - (scale[-1] - scale[0] * out.gain)).max() < 1e-10


ORDERS = [
    ("ddim", {}, 1),
    ("heun", {}, 2),
    ("dpm_2", {}, 2),
    ("dpmpp_2s", {}, 2),
    ("dpmpp_2s", {"r": 0.3}, 2),
    ("dpmpp_singlestep", {"order": 2}, 2),
    ("dpmpp_singlestep", {"order": 3}, 3),
    ("dpmpp_singlestep", {"order": 3, "heun": True}, 3),
    ("dpmpp_2m", {}, 2),
    ("dpmpp_2m", {"heun": True}, 2),
    ("dpmpp_2m_sde", {"eta": 0.0}, 2),
    ("dpm_multistep", {"order": 2}, 2),
    ("dpm_multistep", {"order": 2, "heun": True}, 2),
    ("dpm_multistep_sde", {"eta": 0.0}, 2),
    ("unipc", {"order": 1, "bh": 1}, 2),
    ("unipc", {"order": 1, "predict_x0": False}, 2),
    ("unipc", {"order": 2, "predict_x0": False, "lower_order_final": False}, 3),
    ("unipc", {"order": 2, "disable_corrector": range(240), "lower_order_final": False}, 2),
    ("unipc", {"order": 2, "bh": 1, "corrector": False, "lower_order_final": False}, 2),
    ("unipc", {"order": 2, "bh": 1, "lower_order_final": False}, 3),
    ("unipc", {"order": 2, "bh": 2, "lower_order_final": False}, 3),
    ("deis", {"order": 2}, 2),
    ("ipndm", {"order": 2}, 2),
    ("lms", {"order": 2}, 2),
]


@pytest.mark.parametrize(("sampler", "options", "order"), ORDERS)
def test_order_of_accuracy(sampler: str, options: dict[str, Any], order: int) -> None:
    # The exact flow maps y - mu by sqrt((lambda + r'^2)/(lambda + r^2)).
    errors = []
    for steps in (120, 240):
        sigmas = 5.0 * (0.05 / 5.0) ** np.linspace(0, 1, steps + 1)
        exact = np.sqrt((0.3 + sigmas[-1] ** 2) / (0.3 + sigmas[0] ** 2))
        errors.append(abs(propagate(sampler, [0.3], sigmas, process="ve", **options).gain[0] / exact - 1))
    assert np.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.15)


HIGH_ORDERS = [
    ("unipc", {"order": 3, "bh": 1, "corrector": False, "lower_order_final": False}, 3),
    ("unipc", {"order": 3, "bh": 2, "lower_order_final": False}, 4),
    ("unipc", {"order": 3, "predict_x0": False, "lower_order_final": False}, 4),
    ("deis", {"order": 3}, 3),
    ("lms", {"order": 4}, 4),
]


@pytest.mark.parametrize(("sampler", "options", "order"), HIGH_ORDERS)
def test_order_of_accuracy_after_fine_starting_steps(
    sampler: str, options: dict[str, Any], order: int
) -> None:
    # Low orders at the start hide the order of the method; tiny first steps remove their share.
    errors = []
    for steps in (100, 200):
        place = np.linspace(0, 1, steps + 1) ** 4
        sigmas = 5.0 * (0.05 / 5.0) ** place
        exact = np.sqrt((0.3 + sigmas[-1] ** 2) / (0.3 + sigmas[0] ** 2))
        out = propagate(sampler, [0.3], sigmas, process="ve", digits=30, **options).gain[0]
        errors.append(abs(float(out / exact) - 1))
    assert np.log2(errors[0] / errors[1]) > order - 0.4


def test_pndm_is_of_fourth_order_on_equal_steps() -> None:
    errors = []
    for steps in (100, 200):
        whole = np.linspace(5.0, 1.0, steps + 1)
        middles = (whole[:3] + whole[1:4]) / 2
        sigmas = np.sort(np.concatenate([whole, middles]))[::-1]
        exact = np.sqrt((0.3 + 1.0) / (0.3 + 25.0))
        out = propagate("plms", [0.3], sigmas, process="ve", digits=30, skip_prk_steps=False).gain[0]
        errors.append(abs(float(out / exact) - 1))
    assert np.log2(errors[0] / errors[1]) == pytest.approx(4.0, abs=0.2)


def test_published_3m_is_of_second_order() -> None:
    # Frameworks give the second difference half the weight that third order needs.
    errors = []
    for steps in (200, 400):
        sigmas = 5.0 * (0.05 / 5.0) ** (np.linspace(0, 1, steps + 1) ** 4)
        exact = np.sqrt((0.3 + sigmas[-1] ** 2) / (0.3 + sigmas[0] ** 2))
        out = propagate("dpmpp_3m", [0.3], sigmas, process="ve", digits=30).gain[0]
        errors.append(abs(float(out / exact) - 1))
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2.0, abs=0.2)


@pytest.mark.parametrize(
    "sampler",
    [
        "ddpm",
        "dpm_2_ancestral",
        "dpmpp_2s_ancestral",
        "dpmpp_sde",
        "dpmpp_2m_sde",
        "dpmpp_2m_sde_heun",
        "dpmpp_3m_sde",
    ],
)
def test_stochastic_samplers_converge_to_the_reverse_sde(sampler: str) -> None:
    # The SDE contracts deviations from the exact marginal by (lambda + r'^2)/(lambda + r^2), like DDPM.
    value, errors = 0.3, []
    for steps in (100, 200):
        sigmas = 5.0 * (0.05 / 5.0) ** np.linspace(0, 1, steps + 1)
        contraction = (value + sigmas[-1] ** 2) / (value + sigmas[0] ** 2)
        exact = value + sigmas[-1] ** 2 - contraction**2 * value
        out = propagate(sampler, [value], sigmas, process="ve")
        errors.append(abs(out.variance[0] / exact - 1))
    assert errors[1] < 0.6 * errors[0]
    assert errors[1] < 0.03


def test_churn_without_extra_noise_keeps_the_marginal() -> None:
    # Many small steps with s_noise = 1 leave the exact marginal, whatever the churn.
    sigmas = 20.0 * (0.05 / 20.0) ** np.linspace(0, 1, 301)
    out = propagate("heun", [2.0], sigmas, process="ve", s_churn=30.0)
    assert out.variance[0] == pytest.approx(2.0 + sigmas[-1] ** 2, rel=2e-3)
    assert out.gain[0] < 0.9 * propagate("heun", [2.0], sigmas, process="ve").gain[0]


def test_two_m_with_equal_steps_by_hand() -> None:
    # Three steps at ratio 1/2 with q = 1: y' = y/2 + (3 D - D_before)/4.
    lam, sigmas = 1.5, [4.0, 2.0, 1.0, 0.5]
    shrink = [lam / (lam + s * s) for s in sigmas]
    y0 = 1.0
    y1 = y0 / 2 + shrink[0] * y0 / 2
    y2 = y1 / 2 + (3 * shrink[1] * y1 - shrink[0] * y0) / 4
    y3 = y2 / 2 + (3 * shrink[2] * y2 - shrink[1] * y1) / 4
    assert propagate("dpmpp_2m", [lam], sigmas, process="ve").gain[0] == pytest.approx(y3, rel=1e-14)


def test_unknown_names() -> None:
    with pytest.raises(ValueError, match=r"known: .*dpmpp_2m"):
        propagate("dpmpp2m", [1.0], [1.0, 0.0])
    with pytest.raises(ValueError, match="known: flow, ve, vp"):
        literal_ddim([1.0], [1.0, 0.0], process="edm")
    with pytest.raises(ValueError, match="known: kl"):
        literal_loss(literal_ddim([1.0], [1.0, 0.0]), [1.0], loss="l2")
    with pytest.raises(ValueError, match="exactly one"):
        literal_ddim([1.0])


# losses


def test_gradient_by_differences_has_full_precision() -> None:
    # W2 of one eigenvalue after one step to sigma: every derivative by hand.
    data, r, s = ss.Spectrum([1.0]), 3.0, 0.5
    slope = reference_gradient(data, [r, s], process="ve")
    std = r * (1 + r * s) / (1 + r * r)
    by_r = ((1 + 2 * r * s) * (1 + r * r) - 2 * r * (r + r * r * s)) / (1 + r * r) ** 2
    by_s = r * r / (1 + r * r)
    sign = np.sign(std - 1)
    assert slope == pytest.approx([sign * by_r, sign * by_s], rel=1e-14)


def test_losses_by_hand() -> None:
    out = testing.Moments(np.array([0.0]), np.array([0.8]), np.array([2.0]))
    choices: dict[str, Any] = {"weights": [3.0], "mean_power": [5.0]}
    assert literal_loss(out, [0.5], **choices) == pytest.approx(np.sqrt(3 * 0.5 + 5 * 0.04))
    kl = 0.5 * (3 * (np.log(4) - 1 + 0.25) + 5 * 0.04 / 2)
    assert literal_loss(out, [0.5], loss="kl", **choices) == pytest.approx(kl)
    reverse = 0.5 * (3 * (np.log(0.25) - 1 + 4) + 5 * 0.04 / 0.5)
    assert literal_loss(out, [0.5], loss="reverse_kl", **choices) == pytest.approx(reverse)


def test_matrix_distances() -> None:
    rng = np.random.default_rng(0)
    a, b = (x @ x.T + np.eye(4) for x in rng.normal(size=(2, 4, 4)))
    one, other = Gaussian(rng.normal(size=4), a), Gaussian(rng.normal(size=4), b)
    from scipy.linalg import sqrtm

    root = sqrtm(a)
    spread = np.trace(a + b - 2 * np.real(sqrtm(root @ b @ root)))
    assert bures_distance(one, other) ** 2 == pytest.approx(np.sum((one.mean - other.mean) ** 2) + spread)
    inverse, shift = np.linalg.inv(b), other.mean - one.mean
    log_det = np.log(np.linalg.det(b) / np.linalg.det(a))
    expected = 0.5 * (np.trace(inverse @ a) + shift @ inverse @ shift - 4 + log_det)
    assert gaussian_kl(one, other) == pytest.approx(expected)
