"""Executors with two workers each, by name: what `executor=` takes."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any


@contextmanager
def processes() -> Iterator[Executor]:
    """Spawned processes."""
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        yield pool


@contextmanager
def dask_client() -> Iterator[Any]:
    """A client of two worker processes, as a device each would be."""
    from distributed import Client, LocalCluster

    options: Any = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with LocalCluster(**options) as cluster, Client(cluster) as client:
        yield client


@contextmanager
def dask() -> Iterator[Executor]:
    """Its executor."""
    with dask_client() as client:
        yield client.get_executor()


EXECUTORS: dict[str, Callable[[], Any]] = {"threads": lambda: ThreadPoolExecutor(2), "processes": processes}
if importlib.util.find_spec("distributed"):
    EXECUTORS["dask"] = dask
