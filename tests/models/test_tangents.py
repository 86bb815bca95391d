"""Forward-mode Jacobians of refinement: against differences, on Gaussian denoisers to 1e-8 and on a real network."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import specsched as ss
from specsched.models.arrays import check_noise
from specsched.models.columns import Columns
from specsched.models.denoiser import Calls
from specsched.models.refining.parameters import Parameters, Point, parameters_for
from specsched.models.refining.tangents import Tangents, slopes_of, unavailable

VARIANCES = np.array([4.0, 1.0, 0.1, 0.01])
FLOOR = 0.02
LEVELS = ss.Schedule([20.0, 6.0, 2.0, 0.7, 0.2, 0.0])


def parameters(sampler: Any, reach: tuple[float, float] = (0.0, np.inf)) -> Parameters:
    return parameters_for(Point(LEVELS, ss.samplers.as_sampler(sampler)), None, FLOOR, 1.02, reach)


def designed() -> Any:
    solver: Any = ss.samplers.as_multistep("dpmpp_3m", LEVELS, order=3)
    return ss.samplers.Multistep(3, solver.coefficients, [0.0, -0.1, 0.05, 0.0, 0.1])


def forward(denoiser: Any, first: Any, free: Parameters) -> tuple[np.ndarray, int]:
    """Columns of the Jacobian by the moved numbers, shape (columns, starts, ...), and the calls."""
    here = free.free()
    program = free.moves(here)[0](0.0)
    slopes = slopes_of(program, free.moves(here), free.units(here))
    task = Tangents(denoiser, len(first), slopes, 64, free.model_range)
    values, calls = task(first, np.arange(len(first)))
    return values[1:], calls


def differences(denoiser: Any, first: Any, free: Parameters, step: float) -> np.ndarray:
    """The same by fourth-order differences of whole runs."""
    here = free.free()
    offsets, weights = np.array([-2, -1, 1, 2]) * step, np.array([1, -8, 8, -1]) / (12 * step)
    programs = tuple(move(offset) for move in free.moves(here) for offset in offsets)
    values = Columns(denoiser, len(first), programs, 64)(first, np.arange(len(first))).values
    columns = values.reshape(-1, 4, *first.shape)
    shape = (-1,) + (1,) * len(first.shape)
    return np.tensordot(weights, columns, (0, 1)) / free.units(here).reshape(shape)


@pytest.mark.parametrize("framework", ["torch", "jax"])
@pytest.mark.parametrize("sampler", ["ddim", "dpmpp_2m", "heun", "unipc", "ipndm", designed()])
def test_gaussian_denoisers_to_1e8(framework: str, sampler: Any) -> None:
    denoiser = ss.models.gaussian(VARIANCES, mean=[1.0, 0.0, -1.0, 0.5])
    noise = 20.0 * np.random.default_rng(0).standard_normal((3, 4))
    exact = differences(denoiser, noise, parameters(sampler), 2e-3)
    if framework == "torch":
        torch = pytest.importorskip("torch", reason="needs the extra 'frameworks'")
        found, calls = forward(denoiser, torch.tensor(noise), parameters(sampler))
    else:
        jax = pytest.importorskip("jax", reason="needs jax")
        with jax.enable_x64(True):
            found, calls = forward(denoiser, jax.numpy.asarray(noise), parameters(sampler))
    np.testing.assert_allclose(found, exact, rtol=1e-8, atol=1e-8 * np.abs(exact).max())
    assert calls > 0


def test_a_real_network_with_attention() -> None:
    networks = pytest.importorskip("small_networks", reason="needs the extra 'frameworks'")
    import diffusers

    scheduler = diffusers.DDPMScheduler()
    denoiser = ss.models.from_diffusers(networks.unet(), scheduler)
    first = networks.noise(2) * 20.0
    free = parameters(designed(), (denoiser.sigma_min, denoiser.sigma_max))
    index = np.arange(2)
    calls = Calls(denoiser, check_noise(first), 2)
    assert unavailable(calls, first / 20.0, 1.0, index) == ""
    found, _ = forward(denoiser, first, free)
    exact = differences(denoiser, first, free, 2e-3)
    apart = np.abs(found - exact).max(axis=(1, 2, 3, 4)) / np.abs(exact).max(axis=(1, 2, 3, 4))
    coefficients = slice(free.level_count - 1, free.level_count - 1 + 7)
    assert apart[coefficients].max() < 1e-9
    assert apart.max() < 1e-3  # timesteps are single precision, which the derivative by the level feels


def test_what_has_no_forward_derivatives_says_why() -> None:
    def detached(y: Any, sigma: float) -> Any:
        return y.detach() * 0.5 / (1.0 + sigma) + 0.1 * y

    starts = np.random.default_rng(0).standard_normal((12, 4))
    options: dict[str, Any] = {"sampler": "ddim", "sigma_floor": FLOOR, "candidates": [], "max_iter": 1}
    found = ss.refine(LEVELS, ss.models.gaussian(VARIANCES), starts, **options)
    assert found.derivatives.startswith("differences: in double precision")
    found = ss.refine(LEVELS, ss.models.gaussian(VARIANCES), starts.astype(np.float32), **options)
    assert found.derivatives.startswith("differences: NotImplementedError: arrays of NumPy")
    with pytest.raises(ValueError, match="derivatives='forward' is not possible"):
        ss.refine(LEVELS, ss.models.gaussian(VARIANCES), starts, derivatives="forward", **options)
    with pytest.raises(ValueError, match="derivatives must be"):
        ss.refine(LEVELS, ss.models.gaussian(VARIANCES), starts, derivatives="exact", **options)
    torch = pytest.importorskip("torch", reason="needs the extra 'frameworks'")
    with pytest.raises(ValueError, match="drops a part of them"):
        ss.refine(LEVELS, detached, torch.tensor(starts), derivatives="forward", **options)


def test_single_precision_takes_them_and_counts_them() -> None:
    torch = pytest.importorskip("torch", reason="needs the extra 'frameworks'")
    starts = torch.from_numpy(np.random.default_rng(0).standard_normal((24, 4)).astype(np.float32))
    options: dict[str, Any] = {"sampler": "dpmpp_2m", "sigma_floor": FLOOR, "candidates": []}
    found = ss.refine(LEVELS, ss.models.gaussian(VARIANCES), starts, **options)
    assert found.derivatives == "forward"
    assert found.heldout_error < 0.5 * found.start_error
    assert "derivatives: forward" in repr(found)
    free = parameters("dpmpp_2m")
    _, calls = forward(ss.models.gaussian(VARIANCES), starts[:18], free)
    # Five predictions, four levels around each that moves, two calls for each direction that reaches a prediction.
    assert calls == 18 * (5 + 4 * 4 + 2 * (0 + 1 + 2 + 3 + 4))
