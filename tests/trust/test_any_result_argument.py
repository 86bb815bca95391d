"""Any argument whatever for what works on results: pictures, hand-over, parts of schedules, spectra and recordings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import strategies as st
from test_any_argument import (
    ADMITTED,
    DESIGNED,
    ENDS,
    FAMILY,
    HOSTILE,
    JUDGED,
    LEVELS,
    NUMBERS,
    POWERS,
    SAMPLER,
    STEPS,
    Call,
    answers_in_words,
    small,
)
from test_any_model_argument import RECORDED

import specsched as ss
from specsched import baselines, plot, samplers, sources

DESIGN = ss.design(small(), 4)
SCHEDULE = DESIGN.schedule
SCAN = ss.scan([small()], [2, 3])
SPECTRUM = st.one_of(st.just(small()), POWERS)
NAMED = st.one_of(
    st.dictionaries(st.sampled_from(["a", "b"]), LEVELS, max_size=2),
    st.just({"a": SCHEDULE}),
    HOSTILE,
)
LOSSES = st.one_of(
    st.dictionaries(
        st.sampled_from(["designed", "edm"]),
        st.dictionaries(st.integers(1, 9), NUMBERS, max_size=3),
        max_size=2,
    ),
    HOSTILE,
)
PATH = st.one_of(st.sampled_from(["a.png", "a.json", "a", "missing/a.png", "a.svg"]), HOSTILE)
TARGET = st.one_of(
    st.sampled_from(["k_diffusion", "comfyui", "sd.cpp", "a1111", "sgm", "dpm_solver"]), HOSTILE
)
ABAR = st.one_of(st.just(np.linspace(0.999, 0.005, 100)), DESIGNED["alphas_cumprod"])


INDEXED = ("ScanResult.schedule", "Spectrum.subset")
"""What takes an index answers with an IndexError, as lists and arrays do."""

NEEDS_TORCH = ("Schedule.to",)
"""Some of its targets are tensors: where torch is not installed, it says so."""

CALLS: dict[str, Call] = {
    "Costs.advice": (lambda *a, **k: ss.costs(small(), SCHEDULE).advice(*a, **k), [HOSTILE], {}),
    "Neighbourhood.of": (
        lambda *a, **k: ss.Neighbourhood([0.5, 2.0], [-0.1, 0.1]).of(*a, **k),
        [SPECTRUM],
        {"relative": HOSTILE},
    ),
    "Neighbourhood.variants": (
        lambda *a: ss.Neighbourhood([0.5, 2.0], [-0.1, 0.1]).variants(*a),
        [st.one_of(st.just([small()]), HOSTILE), st.one_of(st.just("w2"), HOSTILE)],
        {},
    ),
    "Recording.predict": (lambda *a, **k: RECORDED.predict(*a, **k), [LEVELS], {"sampler": SAMPLER}),
    "Recording.check_model": (lambda *a: RECORDED.check_model(*a), [POWERS], {}),
    "Recording.save": (lambda *a: RECORDED.save(*a), [PATH], {}),
    "Recording.load": (ss.Recording.load, [PATH], {}),
    "Sampler.function_evaluations": (
        lambda s, levels: samplers.as_sampler(s).function_evaluations(levels),
        [st.sampled_from(sorted(samplers.SAMPLERS)), st.one_of(st.just(SCHEDULE), HOSTILE)],
        {},
    ),
    "Sampler.check": (
        lambda s, levels: samplers.as_sampler(s).check(levels),
        [st.sampled_from(sorted(samplers.SAMPLERS)), st.one_of(st.just(SCHEDULE), HOSTILE)],
        {},
    ),
    "Sampler.begun_at": (
        lambda s, step: samplers.as_sampler(s).begun_at(step),
        [st.sampled_from(sorted(samplers.SAMPLERS)), st.one_of(st.integers(-1, 5), HOSTILE)],
        {},
    ),
    "ScanResult.grid": (
        lambda name: SCAN.grid(name),
        [st.one_of(st.sampled_from(["losses", "success", "errors"]), HOSTILE)],
        {},
    ),
    "ScanResult.schedule": (lambda index: SCAN.schedule(index), [st.one_of(st.integers(-3, 3), HOSTILE)], {}),
    "Schedule.from_sigmas": (ss.Schedule.from_sigmas, [LEVELS], {"name": HOSTILE}),
    "Schedule.renamed": (lambda name: SCHEDULE.renamed(name), [HOSTILE], {}),
    "Schedule.remembering": (lambda facts: SCHEDULE.remembering(facts), [HOSTILE], {}),
    "Schedule.resampled": (lambda steps: SCHEDULE.resampled(steps), [STEPS], {}),
    "Schedule.save": (lambda path: SCHEDULE.save(path), [PATH], {}),
    "Schedule.to": (
        lambda target, **k: SCHEDULE.to(target, **k),
        [TARGET],
        {"flow": HOSTILE, "alphas_cumprod": ABAR},
    ),
    "Schedule.to_diffusers": (lambda scheduler: SCHEDULE.to_diffusers(scheduler), [HOSTILE], {}),
    "Schedule.to_comfyui": (lambda **k: SCHEDULE.to_comfyui(**k), [], {"flow": HOSTILE}),
    "Spectrum.subset": (lambda index: small().subset(index), [st.one_of(POWERS, st.integers(-4, 4))], {}),
    "Spectrum.save": (lambda path: small().save(path), [PATH], {}),
    "baselines.all_schedules": (baselines.all_schedules, [STEPS], ENDS),
    "baselines.make": (
        baselines.make,
        [st.one_of(st.sampled_from(sorted(baselines.TABLE)), HOSTILE), STEPS],
        {**ENDS, "rho": NUMBERS},
    ),
    "design_experts": (
        lambda *a, **k: ss.design_experts(*a, **{"sigma_floor": 0.02, **k}),
        [SPECTRUM, st.one_of(st.integers(2, 4), st.tuples(STEPS, STEPS), STEPS), NUMBERS],
        DESIGNED,
    ),
    "plot.best_baselines": (plot.best_baselines, [st.one_of(st.just(DESIGN), HOSTILE)], {"count": STEPS}),
    "plot.check_ending": (plot.check_ending, [PATH], {}),
    "plot.plot_comparison": (
        plot.plot_comparison,
        [LOSSES],
        {"loss": HOSTILE, "highlight": HOSTILE, "count": STEPS},
    ),
    "plot.plot_design": (
        plot.plot_design,
        [st.one_of(st.just(DESIGN), HOSTILE), SPECTRUM],
        {"count": STEPS, "others": NAMED},
    ),
    "plot.plot_outputs": (
        plot.plot_outputs,
        [SPECTRUM, NAMED],
        {"sampler": SAMPLER, "process": JUDGED["process"]},
    ),
    "plot.plot_schedules": (plot.plot_schedules, [NAMED], {}),
    "plot.plot_spectrum": (plot.plot_spectrum, [SPECTRUM], {}),
    "plot.plot_trace": (
        plot.plot_trace,
        [st.one_of(st.just(ss.transfer(small(), SCHEDULE)), HOSTILE)],
        {"count": STEPS, "last": STEPS},
    ),
    "plot.save_figure": (
        plot.save_figure,
        [st.one_of(st.just(plot.plot_schedules({"a": SCHEDULE})), HOSTILE), PATH],
        {"dpi": st.one_of(st.integers(1, 50), HOSTILE)},
    ),
    "samplers.as_multistep": (samplers.as_multistep, [SAMPLER, LEVELS], {"order": STEPS}),
    "samplers.as_sampler": (samplers.as_sampler, [SAMPLER], {}),
    "samplers.from_saved": (
        samplers.from_saved,
        [
            st.one_of(
                HOSTILE,
                st.fixed_dictionaries(
                    {"name": SAMPLER},
                    optional={
                        "options": st.one_of(
                            HOSTILE,
                            st.dictionaries(st.sampled_from(["eta", "order", "coefficients"]), NUMBERS),
                        )
                    },
                ),
            )
        ],
        {},
    ),
    "sources.demo_photographs": (
        sources.demo_photographs,
        [st.one_of(st.integers(8, 64), HOSTILE)],
        {"stride": st.one_of(st.integers(16, 64), HOSTILE), "color": HOSTILE},
    ),
    "tuned": (
        lambda *a, **k: ss.tuned(*a, **{"sigma_max": 80.0, "families": ["edm"], **k}),
        [SPECTRUM, STEPS],
        {**JUDGED, **ENDS, "families": st.one_of(st.lists(FAMILY, max_size=2), HOSTILE)},
    ),
}


@pytest.mark.parametrize("name", sorted(CALLS))
def test_finite_or_an_error_in_words(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if name.startswith("plot"):
        pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    further = (*((IndexError,) if name in INDEXED else ()), *((ImportError,) if name in NEEDS_TORCH else ()))
    answers_in_words(*CALLS[name], admitted=(*ADMITTED, *further))
