"""Arrays of Dask on a local cluster of two workers: the same spectra as in memory."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import executors
import numpy as np
import pytest

from specsched import Spectrum

dask = pytest.importorskip("dask", reason="needs the extra 'scan'")
da = pytest.importorskip("dask.array", reason="needs the extra 'scan'")
pytest.importorskip("distributed", reason="needs the extra 'scan'")

RNG = np.random.default_rng(3)
MIXING = RNG.normal(size=(12, 12)) * np.geomspace(1.0, 1e-3, 12)
ROWS = (
    1e4 + RNG.normal(size=(500, 12)) @ MIXING
)  # a mean that would swallow eight digits of a naive sum of squares
IMAGES = RNG.normal(size=(60, 8, 6, 3)).cumsum(axis=1) + 50.0


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with executors.dask_client() as client:
        yield client


def close(found: Spectrum, expected: Spectrum) -> None:
    scale = expected.eigenvalues.max()
    np.testing.assert_allclose(found.eigenvalues, expected.eigenvalues, rtol=1e-12, atol=1e-12 * scale)
    np.testing.assert_allclose(found.mean_power.sum(), expected.mean_power.sum(), rtol=1e-12)
    assert found.dim == expected.dim


@pytest.mark.parametrize("chunks", [500, 137, (31, 5)])
@pytest.mark.parametrize("options", [{}, {"mean": "zero"}, {"mean": "drop", "ddof": 0}, {"mean": ROWS[0]}])
def test_covariance_of_chunks(cluster: Any, chunks: Any, options: dict[str, Any]) -> None:
    sizes = chunks if isinstance(chunks, tuple) else (chunks, -1)
    close(
        Spectrum.from_samples(da.from_array(ROWS, chunks=sizes), **options),
        Spectrum.from_samples(ROWS, **options),
    )


@pytest.mark.parametrize("options", [{}, {"channels": "separate"}, {"mean": "signal"}, {"mean": "zero"}])
def test_power_spectrum_of_chunks(cluster: Any, options: dict[str, Any]) -> None:
    array = da.from_array(IMAGES, chunks=(7, 4, 6, 1))
    close(
        Spectrum.from_stationary(array, channel_axis=-1, **options),
        Spectrum.from_stationary(IMAGES, channel_axis=-1, **options),
    )


def test_chunks_are_made_once_where_they_are_needed(cluster: Any, tmp_path: Path) -> None:
    def draw(block_info: Any = None) -> np.ndarray[Any, Any]:
        number = block_info[None]["chunk-location"][0]
        (tmp_path / f"{number}-{time.monotonic_ns()}-{os.getpid()}").touch()
        return np.random.default_rng(number).normal(size=(200, 5))

    lazy = da.map_blocks(draw, chunks=((200,) * 6, (5,)), dtype=float, meta=np.zeros((0, 0)))
    found = Spectrum.from_samples(lazy)
    close(found, Spectrum.from_samples(np.concatenate([np.asarray(lazy.blocks[k]) for k in range(6)])))
    calls = sorted(path.name.split("-") for path in tmp_path.iterdir())
    assert [number for number, _, _ in calls[::2]] == [
        str(k) for k in range(6)
    ]  # and once more by the comparison
    assert os.getpid() not in {int(process) for _, _, process in calls}


def test_few_samples_are_fetched(cluster: Any) -> None:
    few = RNG.normal(size=(5, 12))
    with pytest.warns(UserWarning, match="5 samples in 12 dimensions"):
        found = Spectrum.from_samples(da.from_array(few, chunks=(2, 12)))
    with pytest.warns(UserWarning, match="5 samples in 12 dimensions"):
        assert found == Spectrum.from_samples(few)


def test_mistakes_are_those_of_arrays(cluster: Any) -> None:
    bad = ROWS.copy()
    bad[200, 3] = np.nan
    with pytest.raises(ValueError, match=r"samples\[200, 3\] is nan"):
        Spectrum.from_samples(da.from_array(bad, chunks=(150, -1)))
    with pytest.raises(TypeError, match="must be real, got complex"):
        Spectrum.from_samples(da.from_array(ROWS + 1j, chunks=(150, -1)))
    with pytest.raises(ValueError, match="3 signal axes"):
        Spectrum.from_stationary(da.from_array(IMAGES, chunks=(20, 8, 6, 3)))
    with pytest.raises(ValueError, match="at least 2 samples"):
        Spectrum.from_stationary(da.from_array(IMAGES[:1], chunks=(1, 8, 6, 3)), channel_axis=-1)


def test_scans_with_sampler_objects_run_there(cluster: Any) -> None:
    import specsched as ss

    spectrum = Spectrum([4.0, 1.0, 0.1])
    options = {"sampler": [ss.samplers.DDIM(eta=0.3), ss.samplers.DPMpp2M(lower_order_final=True)]}
    there = ss.scan(spectrum, [4, 6], **options, executor=cluster.get_executor())
    here = ss.scan(spectrum, [4, 6], **options)
    assert there.losses.tolist() == here.losses.tolist()
    assert len(there) == 4
    assert there.success.all()


@pytest.mark.parametrize("shares", [(0.2, 0.3, 0.5), (0.0, 0.5, 0.5), (0.5, 0.5, 0.0), (0.0, 0.0, 1.0)])
def test_without_a_cluster(shares: tuple[float, ...]) -> None:
    """In this process, chunks without rows among them."""
    with dask.config.set(scheduler="synchronous"):
        for data, estimate, options in (
            (ROWS, Spectrum.from_samples, {}),
            (IMAGES, Spectrum.from_stationary, {"channel_axis": -1}),
        ):
            first = tuple(int(share * len(data)) for share in shares)
            chunks = (first, *((size,) for size in data.shape[1:]))
            close(estimate(da.from_array(data, chunks=chunks), **options), estimate(data, **options))
