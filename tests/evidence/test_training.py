"""The evidence networks' scripts: training resumes exactly, conversions agree, and what is measured is right."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra 'evidence'")
for package in ("diffusers", "safetensors", "sklearn"):
    pytest.importorskip(package, reason="needs the extra 'evidence'")
sys.path.insert(0, str(Path(__file__).parents[2]))

from evidence import data, denoising, networks, train  # noqa: E402 (the folder is no installed package)

# diffusers itself uses what NumPy and torch have deprecated
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]
SMALL = replace(networks.RECIPES["digits"], channels=(8, 8), batch=8)


def test_a_resumed_training_is_the_uninterrupted_one(tmp_path: Path) -> None:
    x, labels = map(torch.from_numpy, data.digits())
    whole, half, rest = (train.Training(SMALL, name, tmp_path) for name in ("whole", "half", "half"))
    train.train(whole, x, labels, minutes=1, steps=4)
    train.train(half, x, labels, minutes=1, steps=2)
    rest.resume()
    train.train(rest, x, labels, minutes=1, steps=4)
    for (key, one), other in zip(
        whole.average.state_dict().items(), rest.average.state_dict().values(), strict=True
    ):
        torch.testing.assert_close(one, other, rtol=0, atol=0, msg=key)
    loaded = networks.load("half", tmp_path)
    assert loaded.trained["steps"] == 4
    y = x[:3] + 0.7 * torch.randn(3, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        exact = rest.average.eval().denoise(y, 0.7, labels[:3], guidance=2.0)
        torch.testing.assert_close(loaded.denoise(y, 0.7, labels[:3], guidance=2.0), exact, rtol=0, atol=0.02)


@pytest.mark.parametrize("kind", ["epsilon", "flow", "edm"])
def test_a_perfect_prediction_denoises_perfectly(kind: str) -> None:
    """Each kind's loss vanishes for the prediction whose conversion returns the clean sample."""
    network = networks.Network(replace(SMALL, kind=kind, classes=0))
    x = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(2))
    r = 0.8
    d = network.recipe.sigma_data
    told = {
        "epsilon": noise,
        "flow": noise - x,
        "edm": (x - d**2 / (r**2 + d**2) * (x + r * noise)) * (r**2 + d**2) ** 0.5 / (r * d),
    }[kind]
    network.raw = lambda *_: told  # type: ignore[method-assign]
    torch.testing.assert_close(network.denoise(x + r * noise, r), x, rtol=0, atol=2e-6)


def test_discrete_times_invert_their_levels() -> None:
    network = networks.Network(replace(SMALL, kind="epsilon"))
    assert network.sigma_range[1] == pytest.approx(14.6146, abs=1e-3)  # Stable Diffusion's first level
    r = torch.from_numpy(network.sigmas)[[0, 10, 500, 999]]
    np.testing.assert_allclose(network.timestep(r).numpy(), [0, 10, 500, 999], atol=1e-3)


def test_measures_of_a_gaussian_denoiser_with_noise() -> None:
    """Data that are Gaussian, denoised by their own denoiser with noise of a fraction eta of the spread."""
    random, eta, r = np.random.default_rng(0), 0.3, 0.5
    x = random.standard_normal((4000, 16)) * np.geomspace(0.1, 2, 16) + 1
    gaussian = denoising.Gaussian(x)
    noise = eta * (gaussian.spread(r) / 16) ** 0.5

    class Noisy:
        def denoise(self, y: torch.Tensor, r: float, labels: None) -> torch.Tensor:
            exact = gaussian.denoise(y.double().numpy(), r)
            return torch.from_numpy(exact + noise * random.standard_normal(exact.shape))

    row = denoising.measure(Noisy(), gaussian, x, None, r, seed=1)
    assert row["loss"] == pytest.approx(1 + eta**2, abs=4 * row["loss_se"])
    assert row["eta"] == pytest.approx(eta, rel=0.05)
    assert row["distance"] == pytest.approx(eta, rel=0.02)
    assert row["error"] == pytest.approx(eta, abs=4 * row["error_se"])
    assert 0 < row["error_se"] < 0.02


def test_the_autoencoder_learns_and_decodes_what_it_encodes() -> None:
    network = networks.Network(replace(networks.RECIPES["autoencoder"], channels=(8, 16)))
    generator = torch.Generator().manual_seed(0)
    x = 0.5 * torch.randn(16, 3, 1, 1, generator=generator).expand(-1, -1, 32, 32)
    optimiser = torch.optim.Adam(network.parameters(), lr=5e-3)
    losses = []
    for _ in range(40):
        losses.append(train.loss(network, x, torch.zeros(16, dtype=torch.int64), generator))
        optimiser.zero_grad()
        losses[-1].backward()
        optimiser.step()
    assert losses[-1] < 0.7 * losses[0]
    module = network.unet.eval()
    with torch.no_grad():
        latents = module.encode(x)
        assert latents.shape == (16, 8, 8, 8)
        torch.testing.assert_close(module.decode(latents), module.decoder(module.encoder(x)))


def test_a_grown_network_sees_means_of_patches_and_gives_each_pixel_its_own() -> None:
    small = networks.Network(replace(SMALL, kind="edm")).eval()
    large = networks.Network(replace(SMALL, kind="edm", shape=(1, 16, 16), patch=2)).eval()
    networks.grow(large, small)
    generator = torch.Generator().manual_seed(0)
    x, labels = torch.randn(3, 1, 16, 16, generator=generator), torch.arange(3)
    with torch.no_grad():
        coarse = small.raw(torch.nn.functional.avg_pool2d(x, 2), torch.tensor([1.0, 2.0, 3.0]), labels)
        fine = large.raw(x, torch.tensor([1.0, 2.0, 3.0]), labels)
    torch.testing.assert_close(fine, coarse.repeat_interleave(2, -1).repeat_interleave(2, -2))
