"""Latents: files of real tensors, and encoders of diffusers."""

from __future__ import annotations

import struct
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tiny_pipelines import autoencoder, diffusers, torch

import specsched as ss
from specsched.sources import load_spectrum

safetensors = pytest.importorskip("safetensors.torch", reason="comes with diffusers")

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore:.*images in .* dimensions:UserWarning"),
]

LATENTS = torch.randn((24, 4, 6, 6), generator=torch.Generator().manual_seed(0)).cumsum(-1)


def expected(latents: Any = LATENTS) -> ss.Spectrum:
    return ss.Spectrum.from_stationary(latents.float().numpy(), channel_axis=1)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("ending", ["safetensors", "pt"])
def test_files_of_tensors(tmp_path: Path, ending: str, dtype: str) -> None:
    stored = LATENTS.to(getattr(torch, dtype))
    path = tmp_path / f"latents.{ending}"
    if ending == "pt":
        torch.save({"latents": stored, "epoch": 3}, path)
    else:
        safetensors.save_file({"latents": stored, "labels": torch.zeros(24)}, path, metadata={"made": "here"})
    assert load_spectrum(path) == expected(stored)
    assert load_spectrum(path, limit=10).dim == 144
    assert load_spectrum(path, estimator="stationary", channel_axis=2) != expected(stored)


@pytest.mark.parametrize("zipped", [True, False])
def test_pt_files_are_mapped(tmp_path: Path, zipped: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Headers first, then numbers: what is mapped is read once. Before torch 1.6 files could not be mapped."""
    path = tmp_path / "latents.pt"
    torch.save(LATENTS, path, _use_new_zipfile_serialization=zipped)
    whole, load = [], torch.load

    def watched(*arguments: Any, mmap: bool = False, **options: Any) -> Any:
        found = load(*arguments, mmap=mmap, **options)
        whole.extend([] if mmap else [path])
        return found

    monkeypatch.setattr(torch, "load", watched)
    assert load_spectrum(path) == expected()
    assert len(whole) == (0 if zipped else 2)


def test_folders_of_tensors(tmp_path: Path) -> None:
    for k, latent in enumerate(LATENTS):
        safetensors.save_file({"x": latent.contiguous()}, tmp_path / f"{k:03}.safetensors")
    (tmp_path / "._000.safetensors").write_bytes(b"what macOS leaves behind")
    found = load_spectrum(tmp_path)
    np.testing.assert_allclose(
        found.eigenvalues, expected().eigenvalues, rtol=1e-12
    )  # added up in another order
    (tmp_path / "broken.safetensors").write_bytes(struct.pack("<Q", 1 << 40) + b"{}")
    with pytest.raises(OSError, match=r"cannot read tensors .*broken.safetensors"):
        load_spectrum(tmp_path)
    with pytest.warns(UserWarning, match="1 of 25 files are skipped"):
        assert load_spectrum(tmp_path, skip_bad=True) == found
    safetensors.save_file({"x": torch.zeros(4, 9, 9)}, tmp_path / "other.safetensors")
    with (
        pytest.raises(ValueError, match="latents differ in shape"),
        pytest.warns(UserWarning, match="skipped"),
    ):
        load_spectrum(tmp_path, skip_bad=True)


@pytest.mark.parametrize(
    "header",
    [
        b"{}",
        b'{"x": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 8]}}',
        b'{"x": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 99999]}}',
        b'{"x": {"dtype": "F32", "shape": [-2, 2], "data_offsets": [0, 16]}}',
        b'{"x": {"dtype": "F99", "shape": [2, 2], "data_offsets": [0, 16]}}',
        b'{"x": 3}',
        b"not JSON",
    ],
)
def test_damaged_safetensors(tmp_path: Path, header: bytes) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(16))
    with pytest.raises((OSError, ValueError), match=r"x\.safetensors"):
        load_spectrum(path)


def test_nothing_in_a_pt_file_is_executed(tmp_path: Path) -> None:
    torch.save(Path("anything but tensors"), tmp_path / "x.pt")
    with pytest.raises(OSError, match=r"x\.pt"):
        load_spectrum(tmp_path / "x.pt")


@pytest.mark.parametrize(
    "config", [{"scaling_factor": 0.18215}, {"scaling_factor": 0.3611, "shift_factor": 0.1159}]
)
def test_latents_have_the_scale_of_training(config: dict[str, float]) -> None:
    vae = autoencoder(**config)
    images = np.random.default_rng(0).uniform(-1, 1, (10, 8, 8, 3)).astype(np.float32)
    with torch.no_grad():
        spread = vae.encode(torch.from_numpy(np.moveaxis(images, -1, 1))).latent_dist
    noise = torch.randn(spread.mean.shape, generator=torch.Generator().manual_seed(5))
    latents = (spread.mean + spread.std * noise - config.get("shift_factor", 0.0)) * config["scaling_factor"]
    for pictures in (images, np.moveaxis(images, -1, 1), torch.from_numpy(images)):
        found = ss.Spectrum.from_vae(vae, pictures, seed=5, batch_size=10)
        np.testing.assert_allclose(found.eigenvalues, expected(latents).eigenvalues, rtol=1e-4)
        np.testing.assert_allclose(found.mean_power, expected(latents).mean_power, rtol=1e-3, atol=1e-9)


def test_folders_of_images_are_encoded(tmp_path: Path) -> None:
    for k in range(5):
        pixels = np.random.default_rng(k).integers(0, 256, (20, 24, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{k}.png")
    vae = autoencoder(scaling_factor=0.5)
    found = ss.Spectrum.from_vae(vae, tmp_path, size=16, batch_size=2)
    assert found.dim == 4 * 16 * 16
    doubled = ss.Spectrum.from_vae(autoencoder(scaling_factor=1.0), tmp_path, size=16, batch_size=2)
    np.testing.assert_allclose(doubled.eigenvalues, 4 * found.eigenvalues, rtol=1e-4)


def test_pipelines_encode_the_images_of_a_folder(tmp_path: Path) -> None:
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(
        tmp_path / "a.png"
    )
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(
        tmp_path / "b.png"
    )
    pipe = SimpleNamespace(vae=autoencoder(scaling_factor=0.5), scheduler=diffusers.EulerDiscreteScheduler())
    found = ss.design_for(pipe, tmp_path, 4)
    spectrum = ss.Spectrum.from_vae(pipe.vae, tmp_path)
    assert found.arguments == ss.design_for(pipe, spectrum, 4).arguments


def test_channels_with_statistics_of_their_own() -> None:
    vae = autoencoder(latents_mean=[1.0, 0.0, 0.0, 0.0], latents_std=[2.0, 2.0, 2.0, 2.0], scaling_factor=1.0)
    images = np.random.default_rng(0).uniform(-1, 1, (6, 3, 8, 8))
    plain = ss.Spectrum.from_vae(autoencoder(scaling_factor=1.0), images)
    found = ss.Spectrum.from_vae(vae, images)
    np.testing.assert_allclose(found.total_variance, plain.total_variance / 4, rtol=1e-6)


def test_wrong_arguments(tmp_path: Path) -> None:
    vae = autoencoder()
    with pytest.raises(TypeError, match="vae must be an autoencoder"):
        ss.Spectrum.from_vae(torch.nn.Linear(2, 2), np.zeros((2, 3, 8, 8)))
    with pytest.raises(ValueError, match="shape \\(n, height, width, 3\\)"):
        ss.Spectrum.from_vae(vae, np.zeros((2, 8, 8)))
    with pytest.raises(ValueError, match="values from -1 to 1, got 255"):
        ss.Spectrum.from_vae(vae, np.full((2, 3, 8, 8), 255.0))
    with pytest.raises(ValueError, match="size applies to images at a path"):
        ss.Spectrum.from_vae(vae, np.zeros((2, 3, 8, 8)), size=8)
    with pytest.raises(OSError, match="holds no images"):
        ss.Spectrum.from_vae(vae, tmp_path)
