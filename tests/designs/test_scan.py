"""Scans: the same designs as one by one, whoever computes them, and what happens when something goes wrong."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable
from concurrent.futures import Executor, Future
from types import SimpleNamespace
from typing import Any

import executors
import numpy as np
import pytest

import specsched as ss
from specsched.designs.scans.runs import solve_block

DATA = {
    "steep": ss.Spectrum(1.0 / np.arange(1, 13) ** 2),
    "flat": ss.Spectrum([1.0, 0.8, 0.5], mean_power=[0.1, 0, 0]),
}


def same(a: ss.ScanResult, b: ss.ScanResult) -> bool:
    levels = zip(a.sigmas, b.sigmas, strict=True)
    return bool(np.array_equal(a.losses, b.losses, equal_nan=True)) and all(
        np.array_equal(x, y) for x, y in levels
    )


class Inline(Executor):
    """The least an executor can be: runs at once, in the order of submission."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*pickle.loads(pickle.dumps(args)), **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


EXECUTORS: dict[str, Callable[[], Any]] = {"inline": Inline, **executors.EXECUTORS}


def test_product_equals_single_designs() -> None:
    result = ss.scan(DATA, [3, 5], sampler=["ddim", "ddpm"], loss=["w2", "kl"], sigma_max=80.0, target="data")
    assert result.shape == (2, 2, 2, 1, 2)
    assert len(result) == 16
    assert not result.interrupted
    assert result.finished.all()
    assert result.errors == [""] * 16
    for i, problem in enumerate(result.problems):
        single = ss.design(
            DATA[problem["spectrum"]],
            problem["steps"],
            sampler=problem["sampler"],
            loss=problem["loss"],
            sigma_max=80.0,
            target="data",
        )
        assert result.losses[i] == single.loss
        assert np.array_equal(result.schedule(i).sigmas, single.schedule.sigmas)
        assert result.success[i] == single.success
        assert result.kkt_error[i] == single.kkt_error
        assert (result.baselines[i], result.baseline_losses[i]) == single.best_baseline
    assert result.problems[1] == {
        "spectrum": "steep",
        "steps": 3,
        "sampler": "ddim",
        "process": "vp",
        "loss": "kl",
    }
    assert result.grid("losses")[1, 0, 1, 0, 1] == result.losses[11]


def test_list_of_problems() -> None:
    problems = [
        {"spectrum": DATA["flat"], "steps": 4, "sampler": ss.samplers.DDIM(eta=0.5)},
        {"spectrum": [1.0, 0.1], "steps": 2, "process": "ve", "sigma_max": 10.0},
        {"spectrum": [DATA["flat"], DATA["steep"]], "steps": 3, "combine": "worst"},
    ]
    result = ss.scan(problems, loss="kl", target="data")
    assert result.axes == {"problem": 3}
    assert [p["sampler"] for p in result.problems] == ["ddim", "ddim", "ddim"]
    assert [p["loss"] for p in result.problems] == ["kl"] * 3
    for i, problem in enumerate(problems):
        assert result.losses[i] == ss.design(**{"loss": "kl", **problem}, target="data").loss
    sigmas = result.sigmas[1]
    assert sigmas is not None
    assert sigmas[0] == 10.0


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_threads_do_not_matter(threads: int) -> None:
    assert same(
        ss.scan(DATA, range(2, 6), threads=threads, target="data"),
        ss.scan(DATA, range(2, 6), threads=3, target="data"),
    )


@pytest.mark.parametrize("name", EXECUTORS)
def test_executors(name: str) -> None:
    problems = [
        *({"spectrum": s, "steps": n} for s in DATA.values() for n in (2, 4)),
        {"spectrum": [-1.0], "steps": 2},
    ]
    here = ss.scan(problems, target="data")
    with EXECUTORS[name]() as executor:
        there = ss.scan(problems, executor=executor, target="data")
    assert same(here, there)
    assert there.failed == [4]
    assert there.errors == here.errors


def test_large_spectra_travel_compressed() -> None:
    """An executor gets a few nodes, and the loss is that of the full spectrum all the same."""
    full = ss.Spectrum(np.geomspace(1e-4, 10.0, 6000))
    seen: list[int] = []

    class Watching(Inline):
        def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
            seen.extend(len(problem["spectrum"]) for problem in args[0])
            return super().submit(fn, *args, **kwargs)

    result = ss.scan(full, 4, loss="kl", executor=Watching(), target="data")
    assert seen == [len(full.compress())]
    assert seen[0] < 100
    assert result.losses[0] == ss.evaluate(full, result.schedule(0), loss="kl", target="data")
    assert result.losses[0] == pytest.approx(ss.design(full, 4, loss="kl", target="data").loss, rel=1e-9)


def test_a_failing_problem_leaves_the_others_alone() -> None:
    result = ss.scan(
        [DATA["flat"], [1.0, float("nan")], ss.Spectrum([1.0, 0.0])], [3, 0], loss=["w2", "kl"], target="data"
    )
    assert result.failed == [2, 3, 4, 5, 6, 7, 9, 10, 11]
    assert result.errors[4] == "ValueError: eigenvalues must be finite; eigenvalues[1] is nan"
    assert "steps must be at least 1, got 0" in result.errors[2]
    assert "loss='kl' is infinite for zero eigenvalues" in result.errors[9]
    assert result.success[[0, 1, 8]].all()
    assert np.isnan(result.losses[result.failed]).all()
    with pytest.raises(ValueError, match="problem 4 has no schedule: ValueError: eigenvalues must be finite"):
        result.schedule(4)
    assert "3 converged, 9 failed" in repr(result)
    assert "problem 4: ValueError" in repr(result)
    assert "and 4 more" in repr(result)
    assert "problem 4" in result._repr_html_()


class LosesTheSecond(Inline):
    """An executor whose second block never arrives."""

    def __init__(self) -> None:
        self.count = 0

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.count += 1
        if self.count != 2:
            return super().submit(fn, *args, **kwargs)
        future: Future[Any] = Future()
        future.set_exception(RuntimeError("the worker died"))
        return future


def test_a_lost_worker_is_reported_with_its_problems() -> None:
    result = ss.scan(DATA["flat"], [2, 3, 4], executor=LosesTheSecond(), target="data")
    assert result.failed == [1]
    assert result.errors[1] == "RuntimeError: the worker died"
    assert result.success[[0, 2]].all()


def test_progress() -> None:
    seen: list[tuple[int, int | None, str]] = []
    ss.scan(DATA, [2, 3, 4], progress=lambda *state: seen.append(state), target="data")
    assert seen[-1] == (6, 6, "designs")
    assert [done for done, _, _ in seen] == sorted(done for done, _, _ in seen)


@pytest.mark.parametrize("name", [None, "threads", "processes"])
def test_interruption_keeps_what_is_finished(name: str | None) -> None:
    """Ctrl-C reaches the main thread as KeyboardInterrupt; here the progress callback raises it."""

    def press_after(done: int, total: int | None, what: str) -> None:
        if done >= 3:
            raise KeyboardInterrupt

    if name is None:
        result = ss.scan(DATA, range(2, 42), threads=1, progress=press_after, target="data")
    else:
        with EXECUTORS[name]() as executor:
            result = ss.scan(DATA, range(2, 42), executor=executor, progress=press_after, target="data")
    assert result.interrupted
    kept = result.finished
    assert 3 <= kept.sum() < 80
    assert "interrupted" in repr(result)
    assert np.isfinite(result.losses[kept]).all()
    assert np.isnan(result.losses[~kept]).all()
    i = int(np.argmin(kept))
    with pytest.raises(ValueError, match="interrupted before it"):
        result.schedule(i)
    assert result.failed == []


def test_other_errors_of_the_callback_are_not_swallowed() -> None:
    def broken(done: int, total: int | None, what: str) -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        ss.scan(DATA, range(2, 22), progress=broken, target="data")


def test_a_block_stops_between_designs() -> None:
    problems: list[dict[str, Any]] = [{"spectrum": DATA["flat"], "steps": n} for n in (2, 3, 4)]
    answers = iter([False, False, True])
    outcomes = solve_block(problems, 1, lambda: next(answers))
    assert [outcome is None for outcome in outcomes] == [False, False, True]


def test_rows_and_table(monkeypatch: pytest.MonkeyPatch) -> None:
    result = ss.scan(DATA, [2, 3], target="data")
    rows = result.rows()
    assert rows[3]["spectrum"] == "flat"
    assert rows[3]["value"] == result.losses[3]
    assert rows[3]["baseline_value"] >= rows[3]["value"]
    monkeypatch.setitem(sys.modules, "pandas", SimpleNamespace(DataFrame=list))
    assert [list(row) for row in result.to_pandas()] == [list(row) for row in rows]
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"pip install 'specsched\[scan\]'"):
        result.to_pandas()
    with pytest.raises(ValueError, match=r"unknown array of the result 'sigmas'; known: .*losses"):
        result.grid("sigmas")


def test_what_counts_as_one_spectrum() -> None:
    assert ss.scan([1.0, 0.5], 2, target="data").shape == (1, 1, 1, 1, 1)
    assert ss.scan(np.array([1.0, 0.5]), 2, target="data").shape == (1, 1, 1, 1, 1)
    assert ss.scan(np.array([[1.0, 0.5], [1.0, 0.1]]), 2, target="data").shape == (2, 1, 1, 1, 1)
    assert ss.scan(iter(DATA.values()), iter([2, 3]), target="data").shape == (2, 2, 1, 1, 1)


@pytest.mark.parametrize(
    ("args", "kwargs", "error", "text"),
    [
        (([], 3), {}, ValueError, "spectra must not be empty"),
        (({}, 3), {}, ValueError, "spectra must not be empty"),
        ((3.0, 3), {}, TypeError, "spectra must be a Spectrum, a sequence or a mapping, got float"),
        (([1.0], []), {}, ValueError, "steps must not be empty"),
        (([1.0], 3), {"sampler": []}, ValueError, "sampler must not be empty"),
        (([1.0], 3), {"sigmamax": 3.0}, ValueError, "unknown option 'sigmamax' .did you mean 'sigma_max'"),
        (([1.0], 3), {"threads": -1}, ValueError, "threads must be at least 0"),
        (([1.0], 3), {"executor": 4}, TypeError, "executor must be a concurrent.futures.Executor, got int"),
        (([1.0], 3), {"progress": "yes"}, TypeError, "progress must be None, True or a callable"),
        (([],), {}, ValueError, "problems must not be empty"),
        (({"a": [1.0]},), {}, TypeError, "steps is missing"),
        (([[1.0]],), {}, TypeError, r"problems\[0\] must be a mapping"),
        (([{"spectrum": [1.0]}],), {}, ValueError, r"problems\[0\] has no 'steps'"),
        (
            ([{"spectrum": [1.0], "steps": 2, "los": "w2"}],),
            {},
            ValueError,
            r"unknown option in problems\[0\] 'los'",
        ),
    ],
)
def test_bad_arguments(
    args: tuple[Any, ...], kwargs: dict[str, Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        ss.scan(*args, **kwargs, target="data")


def test_a_list_of_problems_and_designs_that_stopped_early() -> None:
    problems = [{"spectrum": DATA["steep"], "steps": steps, "max_iter": 1} for steps in (6, 8)]
    result = ss.scan(problems)
    assert repr(result).startswith("ScanResult(2 problems: ")
    assert "2 not converged" in repr(result)
    assert not result.success.any()
