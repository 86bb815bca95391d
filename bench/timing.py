"""Timing on a machine that others use too: contenders take turns, and the minimum over many calls counts.

Every package runs in a process of its own, so that thread pools do not meet. All use two threads, and what else they
do by default.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

ENVIRONMENT = {
    "OMP_NUM_THREADS": "2",
    "OPENBLAS_NUM_THREADS": "1",  # SLSQP is several times faster with one
    "NUMBA_NUM_THREADS": "2",
    "NUMBA_THREADING_LAYER": "omp",
}


@dataclass(frozen=True)
class Job:
    """A call to be timed: `contenders.<make>(*args)` gives it, in the process of `package`."""

    package: str
    make: str
    args: tuple[Any, ...] = ()


@dataclass
class Times:
    """Seconds per call, and what the last call returned in short."""

    calls: list[float] = field(default_factory=list)
    processor: float = 0.0  # of all calls but the first, on all cores
    result: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "least": min(self.calls),
            "median": float(np.median(self.calls)),
            "calls": len(self.calls),
            "processor": self.processor / len(self.calls),
            **self.result,
        }


@dataclass(frozen=True)
class _Order:
    job: Job
    seconds: float
    calls: int  # at least
    first: bool = False


def _serve(pipe: Connection) -> None:
    """Runs in the process of a package: times what it is told to."""
    warnings.simplefilter("ignore")  # of peers about their own internals
    made: dict[Job, Callable[[], Any]] = {}
    while True:
        order: _Order | None = pipe.recv()
        if order is None:
            return
        if order.first:
            made.clear()  # what earlier races hold
        try:
            pipe.send(_timed(order, made))
        except Exception as error:  # the other side reports it
            pipe.send(error)


def _timed(order: _Order, made: dict[Job, Callable[[], Any]]) -> Times:
    times = Times()
    if order.job not in made:
        made[order.job] = getattr(importlib.import_module("contenders"), order.job.make)(*order.job.args)
    call, spent = made[order.job], 0.0
    while len(times.calls) < order.calls or spent < order.seconds:
        begun = time.perf_counter()
        result = call()
        times.calls.append(time.perf_counter() - begun)
        spent += times.calls[-1]
        if len(times.calls) == 1:
            worked = time.process_time()
    times.processor = time.process_time() - worked
    times.result = result if isinstance(result, dict) else {}
    return times


class Lanes:
    """The processes, one per package; a context manager."""

    def __init__(self) -> None:
        self._lanes: dict[str, tuple[Any, Connection]] = {}

    def __enter__(self) -> Lanes:
        return self

    def __exit__(self, *_: object) -> None:
        for process, pipe in self._lanes.values():
            pipe.send(None)
            process.join()

    def _send(self, order: _Order) -> Times:
        package = order.job.package
        if package not in self._lanes:
            os.environ.update(ENVIRONMENT)
            context = multiprocessing.get_context("spawn")
            here, there = context.Pipe()
            process = context.Process(target=_serve, args=(there,), daemon=True)
            process.start()
            self._lanes[package] = process, here
        pipe = self._lanes[package][1]
        pipe.send(order)
        answer = pipe.recv()
        if isinstance(answer, Exception):
            raise RuntimeError(f"{order.job} failed: {answer!r}") from answer
        return answer

    def race(self, jobs: Mapping[str, Job], *, seconds: float = 1.2, rounds: int = 4) -> dict[str, Times]:
        """Times of every job: in each round each gets its turn, and the first call of a turn does not count."""
        found = {name: Times() for name in jobs}
        packages: set[str] = set()
        for _ in range(rounds):
            for name, job in jobs.items():
                times = self._send(_Order(job, seconds / rounds, 2, job.package not in packages))
                packages.add(job.package)
                # The first call of a turn compiles, or finds its data gone from the cache.
                found[name].calls += times.calls[1:]
                found[name].processor += times.processor
                found[name].result = times.result
        return found

    def once(self, job: Job) -> Times:
        """A single call, for what is too long to repeat."""
        return self._send(_Order(job, 0.0, 1))
