"""Hand-over to libraries whose samplers take a list: their own code, run on an exact denoiser."""

from __future__ import annotations

import importlib
import math
from typing import Any

import numpy as np
import pytest

import specsched as ss

torch = pytest.importorskip("torch", reason="needs the extra 'frameworks'")

# what these libraries use of others is not ours to mend
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]

VARIANCES = torch.tensor([0.01, 0.37, 2.0, 9.0], dtype=torch.float64).reshape(4, 1)
SCHEDULE = ss.baselines.edm(7, sigma_max=80.0, sigma_min=0.0, sigma_floor=0.01)


def load(name: str) -> Any:
    """A library; some fail with other errors than ImportError where one that they need was built for another torch."""
    try:
        return importlib.import_module(name)
    except (ImportError, RuntimeError, OSError, AttributeError) as error:
        pytest.skip(f"{name} is not here, or does not work: {error}")


def expected(process: str, schedule: ss.Schedule = SCHEDULE, sampler: str = "ddim") -> np.ndarray[Any, Any]:
    """Output for a start of one standard deviation of the process's noise."""
    found = ss.transfer(ss.Spectrum(VARIANCES.numpy().ravel()), schedule, sampler=sampler, process=process)
    return np.sqrt(found.variance)


def denoised(y: Any, sigma: Any) -> Any:
    return VARIANCES / (VARIANCES + sigma**2) * y


def test_flow_matching() -> None:
    solver = load("flow_matching.solver")

    def velocity(x: Any, t: Any) -> Any:
        noise, signal = 1.0 - t, t  # their time runs from noise to data
        clean = denoised(x / signal, noise / signal)
        return clean - (x - signal * clean) / noise

    arguments = SCHEDULE.to("flow_matching")
    arguments["time_grid"] = arguments["time_grid"].double()
    found = solver.ODESolver(velocity).sample(torch.ones_like(VARIANCES), **arguments)
    np.testing.assert_allclose(found.numpy().ravel(), expected("flow"), rtol=1e-5)


def test_azula() -> None:
    azula = load("azula")

    class Exact(azula.denoise.Denoiser):
        def __init__(self) -> None:
            super().__init__()
            self.schedule = azula.noise.RectifiedSchedule(alpha_min=0.0, sigma_min=0.0)

        def forward(self, x_t: Any, t: Any, **_: Any) -> Any:
            alpha, sigma = self.schedule(t)
            mean = denoised(x_t / alpha, sigma / alpha)
            return azula.denoise.DiracPosterior(mean=mean)

    arguments = SCHEDULE.to("azula")
    designed = type("Designed", (azula.sample.DDIMSampler,), arguments)
    sampler = designed(Exact(), steps=SCHEDULE.steps, silent=True, dtype=torch.float64)
    found = sampler(torch.ones_like(VARIANCES))
    np.testing.assert_allclose(found.numpy().ravel(), expected("flow"), rtol=1e-5)


def test_smalldiffusion() -> None:
    small = load("smalldiffusion")

    class Exact(torch.nn.Module, small.ModelMixin):
        input_dims = (1,)

        def rand_input(self, count: int) -> Any:
            return torch.zeros_like(VARIANCES)

        def predict_eps_cfg(self, x: Any, sigma: Any, cond: Any, scale: Any) -> Any:
            return (x - denoised(x, sigma)) / sigma

    start = torch.ones_like(VARIANCES) * SCHEDULE[0]
    *_, found = small.samples(Exact(), xt=start, **SCHEDULE.to("smalldiffusion"))
    np.testing.assert_allclose(found.numpy().ravel(), expected("ve"), rtol=1e-5)


def test_deepinv() -> None:
    sampling = load("deepinv.sampling")

    class Exact(torch.nn.Module):
        def forward(self, x: Any, sigma: Any, **_: Any) -> Any:
            return denoised(x, sigma)

    ends = {"sigma_min": 0.01, "sigma_max": 80.0}
    diffusion = sampling.VarianceExplodingDiffusion(denoiser=Exact(), alpha=0.0, **ends)
    arguments = SCHEDULE.to("deepinv", **ends)
    levels = [float(diffusion.sigma_t(t)) for t in arguments["timesteps"]]
    np.testing.assert_allclose(levels, SCHEDULE.sigmas[:-1], rtol=1e-5)
    solver = sampling.EulerSolver(**arguments)
    assert solver.timesteps.numel() == SCHEDULE.steps


def test_physicsnemo() -> None:
    samplers = load("physicsnemo.diffusion.samplers")
    schedulers = load("physicsnemo.diffusion.noise_schedulers")
    scheduler = schedulers.EDMNoiseScheduler()
    slope = scheduler.get_denoiser(x0_predictor=lambda x, t: denoised(x, t.reshape(-1, 1)))
    start = torch.ones_like(VARIANCES) * SCHEDULE[0]
    arguments = SCHEDULE.to("physicsnemo")
    found = samplers.sample(slope, start, scheduler, solver="euler", **arguments)
    np.testing.assert_allclose(found.numpy().ravel(), expected("ve"), rtol=1e-5)


def test_the_ends_of_deepinv_are_checked() -> None:
    with pytest.raises(ValueError, match="sigma_min must be greater than 0"):
        SCHEDULE.to("deepinv", sigma_min=0.0, sigma_max=1.0)
    with pytest.raises(ValueError, match="sigma_max must be greater than 2"):
        SCHEDULE.to("deepinv", sigma_min=2.0, sigma_max=1.0)


def test_what_k_diffusion_takes_is_what_smalldiffusion_takes() -> None:
    assert torch.equal(SCHEDULE.to("smalldiffusion")["sigmas"], SCHEDULE.to_k_diffusion())
    assert SCHEDULE.to("physicsnemo")["num_steps"] == SCHEDULE.steps
    times = SCHEDULE.to("flow_matching")["time_grid"]
    assert math.isclose(float(times[0]), 1 / 81, rel_tol=1e-6)
    assert float(times[-1]) == 1.0
