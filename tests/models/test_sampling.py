"""`sample` against the engine's transfer functions, on arrays of every framework, and what it refuses."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest

import specsched as ss

EIGENVALUES = np.array([0.01, 0.4, 1.0, 4.0])
POSITIVE = ss.baselines.edm(7, sigma_max=14.6, sigma_min=0.03)
TO_ZERO = ss.Schedule([*POSITIVE.sigmas[:-1], 0.0])
SAMPLERS = sorted({kind.names[0] for kind in ss.samplers.SAMPLERS.values()})


def solver(name: str) -> Any:
    """With its default options; a free table of coefficients has none, and any will do."""
    if name != "multistep":
        return ss.samplers.as_sampler(name)
    table = np.full((TO_ZERO.steps, 2), [0.7, -0.2])
    table[0] = table[1, 1] = 0.0  # of predictions that do not exist yet
    return ss.samplers.Multistep(order=3, coefficients=table)


def fitting(sampler: Any) -> ss.Schedule:
    """The schedule that ends at 0 where the solver can go there."""
    return POSITIVE if sampler.core.check(TO_ZERO.sigmas) else TO_ZERO


@pytest.mark.parametrize("process", ["vp", "ve", "flow"])
@pytest.mark.parametrize("name", SAMPLERS)
def test_gain_is_that_of_the_engine(name: str, process: Any) -> None:
    sampler = solver(name)
    schedule = fitting(sampler)
    if not sampler.deterministic:
        return
    found = ss.sample(
        ss.models.gaussian(EIGENVALUES), np.ones((1, 4)), schedule, sampler=sampler, process=process
    )
    expected = ss.transfer(EIGENVALUES, schedule, sampler=sampler, process=process).gain
    scale = schedule[0] if process == "ve" else 1.0  # from the noise to the start x_S
    np.testing.assert_allclose(found[0], expected * scale, rtol=0, atol=1e-13)


@pytest.mark.parametrize("name", [n for n in SAMPLERS if not ss.samplers.as_sampler(n).deterministic])
def test_variance_of_stochastic_samplers_is_that_of_the_engine(name: str) -> None:
    sampler = ss.samplers.as_sampler(name)
    draw = np.random.default_rng(0)
    noise = draw.standard_normal((20_000, 4))
    found = ss.sample(
        ss.models.gaussian(EIGENVALUES), noise, fitting(sampler), sampler=sampler, generator=draw
    )
    expected = ss.transfer(EIGENVALUES, fitting(sampler), sampler=sampler).variance
    # Five standard deviations of an estimated variance.
    np.testing.assert_allclose(found.var(axis=0), expected, rtol=5 * np.sqrt(2 / 20_000))


def test_mean_and_guidance_of_gaussians() -> None:
    spectrum = ss.Spectrum(EIGENVALUES, mean_power=[1.0, 0.0, 4.0, 0.25])
    noise = np.zeros((1, 4))
    found = ss.sample(ss.models.gaussian(spectrum), noise, TO_ZERO, sampler="dpmpp_2m")
    expected = ss.transfer(spectrum, TO_ZERO, sampler="dpmpp_2m").mean_gain * [1.0, 0.0, 2.0, 0.5]
    np.testing.assert_allclose(found[0], expected, atol=1e-13)
    # The exact flow of a guided pair ends at c^g u^(1-g) times what it started from (theory of affine modes).
    given, other, scale = np.array([1.0, 0.5]), np.array([4.0, 2.0]), 3.0
    denoiser = ss.models.gaussian(given, unconditional=other, guidance_scale=scale)
    fine = ss.Schedule([*np.geomspace(50.0, 1e-4, 3000), 0.0])
    found = ss.sample(denoiser, np.ones((1, 2)), fine, sampler="dpmpp_3m", process="ve")[0]
    power = (given / (given + 2500.0)) ** (scale / 2) * (other / (other + 2500.0)) ** ((1 - scale) / 2)
    np.testing.assert_allclose(found, 50.0 * power, rtol=1e-5)


def test_basis_turns_the_coordinates() -> None:
    basis = np.linalg.qr(np.random.default_rng(0).standard_normal((6, 4)))[0]
    noise = np.random.default_rng(1).standard_normal((3, 4))
    turned = ss.models.gaussian(EIGENVALUES, basis=basis)
    found = ss.sample(turned, noise @ basis.T, TO_ZERO, sampler="heun")
    plain = ss.sample(ss.models.gaussian(EIGENVALUES), noise, TO_ZERO, sampler="heun")
    np.testing.assert_allclose(found, plain @ basis.T, atol=1e-12)


def test_start_from_data() -> None:
    draw = np.random.default_rng(0)
    data, noise = draw.standard_normal((2, 4)), draw.standard_normal((2, 4))
    denoiser = ss.models.gaussian(EIGENVALUES)
    found = ss.sample(denoiser, noise, [0.5, 0.1, 0.0], sampler="ddim", start=data, process="flow")
    direct = ss.sample(denoiser, (data + 0.5 * noise) / 0.5, [0.5, 0.1, 0.0], sampler="ddim", process="ve")
    np.testing.assert_allclose(found, direct, atol=1e-14)


def test_torch_and_jax_agree_with_numpy() -> None:
    torch = pytest.importorskip("torch", reason="needs the extra 'frameworks'")
    noise = np.random.default_rng(0).standard_normal((5, 4))
    denoiser = ss.models.gaussian(EIGENVALUES)
    expected = ss.sample(denoiser, noise, TO_ZERO, sampler="unipc")
    found = ss.sample(denoiser, torch.tensor(noise), TO_ZERO, sampler="unipc")
    assert found.dtype == torch.float64
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-13)
    for dtype, tolerance in ((torch.float32, 1e-5), (torch.bfloat16, 0.1)):
        found = ss.sample(denoiser, torch.tensor(noise).to(dtype), TO_ZERO, sampler="unipc")
        assert found.dtype == dtype
        np.testing.assert_allclose(found.double().numpy(), expected, atol=tolerance)


def test_jax_arrays() -> None:
    jax = pytest.importorskip("jax", reason="needs jax")
    noise = np.random.default_rng(0).standard_normal((5, 4)).astype(np.float32)
    denoiser = ss.models.gaussian(EIGENVALUES)
    expected = ss.sample(denoiser, noise.astype(float), TO_ZERO, sampler="dpmpp_2m")
    found = ss.sample(denoiser, jax.numpy.asarray(noise), TO_ZERO, sampler="dpmpp_2m")
    assert isinstance(found, jax.Array)
    np.testing.assert_allclose(np.asarray(found), expected, atol=1e-5)
    with pytest.raises(ValueError, match="generator is needed for JAX"):
        ss.sample(denoiser, jax.numpy.asarray(noise), TO_ZERO, sampler="ddpm")
    key = jax.random.key(0)
    first, second = (
        ss.sample(denoiser, jax.numpy.asarray(noise), TO_ZERO, sampler="ddpm", generator=key)
        for _ in range(2)
    )
    np.testing.assert_array_equal(np.asarray(first), np.asarray(second))


def test_generators_repeat_and_nothing_is_recorded_for_gradients() -> None:
    torch = pytest.importorskip("torch", reason="needs the extra 'frameworks'")
    denoiser = ss.models.gaussian(EIGENVALUES)
    noise = torch.randn(2, 4, requires_grad=True)
    runs = [
        ss.sample(
            denoiser, noise, TO_ZERO, sampler="dpmpp_2m_sde", generator=torch.Generator().manual_seed(7)
        )
        for _ in range(2)
    ]
    assert torch.equal(*runs)
    assert not runs[0].requires_grad
    with pytest.raises(TypeError, match=r"torch\.Generator for PyTorch"):
        ss.sample(denoiser, noise, TO_ZERO, sampler="ddpm", generator=np.random.default_rng(0))


def test_a_callback_that_is_none_is_named() -> None:
    with pytest.raises(TypeError, match="callback must be None or a function, got"):
        ss.sample(ss.models.gaussian([1.0]), np.ones((1, 1)), [2.0, 1.0], callback=np.ones(2))  # type: ignore[arg-type]


def test_callback_sees_every_step_and_may_stop_the_run() -> None:
    seen = []
    denoiser = ss.models.gaussian(EIGENVALUES)
    ss.sample(
        denoiser,
        np.ones((1, 4)),
        [4.0, 2.0, 0.0],
        sampler="unipc",
        callback=lambda step, sigma, y, xhat0: seen.append((step, sigma, y.shape, xhat0.shape)),
    )
    assert seen == [(1, 2.0, (1, 4), (1, 4)), (2, 0.0, (1, 4), (1, 4))]

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ss.sample(denoiser, np.ones((1, 4)), TO_ZERO, sampler="ddim", callback=stop)


def test_index_says_which_starts_the_rows_are() -> None:
    means = np.arange(3.0)[:, None] * np.ones(2)

    def denoiser(y: Any, sigma: float, index: Any) -> Any:
        return means[index] + (y - means[index]) / (1 + sigma**2)

    found = ss.sample(
        denoiser, np.zeros((3, 2)), [1e4, 1.0, 0.0], sampler="ddpm", generator=np.random.default_rng(0)
    )
    assert np.abs(found - means).max() < 5.0
    found = ss.sample(denoiser, np.zeros((3, 2)), [1e4, 0.0], sampler="ddim")
    np.testing.assert_allclose(found, means, atol=1e-6)


def test_designs_bring_their_sampler_and_process() -> None:
    design = ss.design([1.0, 0.1], 4, sampler="dpmpp_2m", process="flow", sigma_max=20.0, target="data")
    denoiser, noise = ss.models.gaussian([1.0, 0.1]), np.ones((1, 2))
    expected = ss.sample(denoiser, noise, design.schedule, sampler="dpmpp_2m", process="flow")
    np.testing.assert_array_equal(ss.sample(denoiser, noise, design), expected)
    np.testing.assert_array_equal(ss.sample(denoiser, noise, design.schedule), expected)
    with pytest.raises(TypeError, match="sampler is needed"):
        ss.sample(denoiser, noise, design.schedule.sigmas)


@pytest.mark.parametrize(
    ("denoiser", "error", "message"),
    [
        (lambda y, sigma: y[:, :2], ValueError, r"return the shape of its input, \(2, 4\), got \(2, 2\)"),
        (
            lambda y, sigma: y.astype(np.float32),
            ValueError,
            "return the dtype of its input, float64, got float32",
        ),
        (lambda y, sigma: y.tolist(), TypeError, "must return an array like its input"),
        (lambda y, sigma: y * np.nan if sigma < 1 else y, ValueError, "NaN or infinity at sigma = 0.9"),
        ("dpmpp", TypeError, "denoiser must be callable"),
    ],
)
def test_bad_denoisers(denoiser: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        ss.sample(denoiser, np.ones((2, 4)), [4.0, 2.0, 0.9, 0.5, 0.0], sampler="dpmpp_2m")


@pytest.mark.parametrize(
    ("noise", "error", "message"),
    [
        ([[1.0]], TypeError, "noise must be an array of NumPy, PyTorch or JAX"),
        (np.ones((2, 4), dtype=int), TypeError, "floating-point numbers, got dtype int64"),
        (np.ones(4), ValueError, "starts as its first axis"),
        (np.full((2, 4), np.inf), ValueError, "noise must be finite"),
    ],
)
def test_bad_noise(noise: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        ss.sample(ss.models.gaussian(EIGENVALUES), noise, TO_ZERO, sampler="ddim")


def test_a_batch_beyond_the_memory_is_halved() -> None:
    """And every network call is counted once, whichever size it had."""
    exact, sizes = ss.models.gaussian(EIGENVALUES), []

    def tight(y: Any, sigma: Any) -> Any:
        sizes.append(y.shape[0])
        if y.shape[0] > 2:
            raise MemoryError("of the device")
        return exact(y, sigma)

    noise = np.random.default_rng(0).standard_normal((5, 4))
    found = ss.sample(tight, noise, TO_ZERO, sampler="ddim")
    np.testing.assert_array_equal(found, ss.sample(exact, noise, TO_ZERO, sampler="ddim"))
    assert sizes[:6] == [5, 2, 3, 1, 2, 5]
    with pytest.raises(MemoryError, match="of the device"):  # of one row there is no half
        ss.sample(lambda y, sigma: tight(np.concatenate([y] * 3), sigma), noise[:1], TO_ZERO, sampler="ddim")


def test_wrapped_denoisers_are_asked_what_they_take() -> None:
    def with_index(y: Any, sigma: Any, index: Any) -> Any:
        return y * 0.5 + index[:, None]

    @functools.wraps(with_index)
    def logged(*arguments: Any, **options: Any) -> Any:
        return with_index(*arguments, **options)

    noise = np.zeros((3, 4))
    found = ss.sample(logged, noise, [1.0, 0.0], sampler="ddim")
    np.testing.assert_allclose(found[:, 0], [0.0, 1.0, 2.0])


def test_arrays_of_another_library_are_refused() -> None:
    torch = pytest.importorskip("torch", reason="needs the extra 'frameworks'")
    with pytest.raises(TypeError, match=r"must return a numpy.ndarray as it was given, got torch\.Tensor"):
        ss.sample(lambda y, sigma: torch.from_numpy(y), np.ones((2, 4)), TO_ZERO, sampler="ddim")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"guidance_scale": 2.0}, "guidance_scale=2 "),
        ({"basis": np.eye(3)}, r"basis must have shape \(D, 4\), got \(3, 3\)"),
        ({"basis": np.ones((5, 4))}, "basis must have orthonormal columns"),
    ],
)
def test_gaussians_that_do_not_fit(arguments: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ss.models.gaussian(EIGENVALUES, **arguments)


def test_starts_of_another_size_than_the_gaussian() -> None:
    with pytest.raises(ValueError, match=r"y must have 4 coordinates in each row, got shape \(2, 3\)"):
        ss.models.gaussian(EIGENVALUES)(np.ones((2, 3)), 1.0)
