"""Every public object comes back equal from pickle and copy, with arrays that cannot be written to."""

from __future__ import annotations

import copy
import pickle
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np
import pytest

import specsched as ss
from specsched._support.values import equal

sp = ss.samplers
DATA = ss.Spectrum([4.0, 1.0, 0.1], mean_power=[0.5, 0.0, 0.0])
WIDE = ss.Spectrum(1.0 / np.arange(1, 301) ** 2)
ABAR = np.cumprod(1 - np.linspace(1e-4, 0.02, 1000))


def _objects() -> dict[str, Any]:
    samplers = {f"sampler {name}": sp.as_sampler(name) for name in sorted(sp.SAMPLERS)}
    return samplers | {
        "sampler with an eta for each step": sp.DDIM(eta=(0.1, 0.2, 0.3)),
        "spectrum": DATA,
        "compressed spectrum": WIDE.compress(1e-8),
        "schedule": ss.Schedule([3.0, 1.0, 0.0], name="by hand"),
        "transfer": ss.transfer(DATA, [3.0, 1.0, 0.0], sampler=sp.DDPM()),
        "design": ss.design(DATA, 4, sampler="dpmpp_2m", target="data"),
        "design on timesteps": ss.design(DATA, 4, alphas_cumprod=ABAR, target="data"),
        "robust design": ss.design(DATA, 3, robust=True, target="data"),
        "design for the worst case": ss.design([DATA, WIDE], 3, combine="worst", target="data"),
        "design of eta": ss.design_eta(DATA, 3, sigma_max=5.0),
        "fit": ss.fit(ss.Schedule([3.0, 1.0, 0.4, 0.1]), "edm"),
        "scan": ss.scan([DATA], [3, 4], sampler=sp.DDIM(), target="data"),
        "neighbourhood": ss.Neighbourhood(),
    }


OBJECTS = _objects()


@pytest.mark.parametrize("name", OBJECTS)
def test_round_trip(name: str) -> None:
    value = OBJECTS[name]
    ways = [pickle.loads(pickle.dumps(value, protocol)) for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1)]
    for again in (*ways, copy.copy(value), copy.deepcopy(value)):
        assert type(again) is type(value)
        assert again == value
        if not isinstance(value, ss.Fit):  # whose parameters are a dict
            assert hash(again) == hash(value)
        assert repr(again) == repr(value)


def test_a_trace_round_trips() -> None:
    trace = OBJECTS["transfer"].trace()
    assert equal(pickle.loads(pickle.dumps(trace)), trace)


def test_arrays_stay_read_only() -> None:
    for again in (pickle.loads(pickle.dumps(OBJECTS["transfer"])), copy.deepcopy(OBJECTS["transfer"])):
        for array in (again.gain, again.variance, again.spectrum.eigenvalues, again.schedule.sigmas):
            with pytest.raises(ValueError, match="read-only"):
                array[0] = 1.0


def test_different_values_differ() -> None:
    design = OBJECTS["design"]
    assert design != ss.design(DATA, 5, sampler="dpmpp_2m", target="data")
    assert design != ss.design(DATA, 4, sampler="dpmpp_2m", sigma_max=80.0, target="data")
    assert design != "a design"
    assert OBJECTS["transfer"] != ss.transfer(DATA, [3.0, 1.0, 0.0])
    assert not equal(np.array([1.0]), np.array([1]))
    assert not equal({"a": 1}, {"b": 1})


def test_sampler_objects_reach_other_processes() -> None:
    problems: Any = {
        "spectra": [DATA],
        "steps": [3, 4],
        "sampler": [sp.DPMpp2M(lower_order_final=True), sp.DDIM(eta=0.3)],
    }
    with ProcessPoolExecutor(1) as pool:
        there = ss.scan(**problems, executor=pool, target="data")
    here = ss.scan(**problems, threads=1, target="data")
    assert there.errors == [""] * 4
    assert there == here
