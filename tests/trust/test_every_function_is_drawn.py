"""No public function without hostile arguments: what the package offers against the lists of the drawn calls."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator

import test_any_argument
import test_any_model_argument
import test_any_result_argument

import specsched as ss

DOORS = ("baselines", "diffusers", "k_diffusion", "models", "plot", "samplers", "sources")
"""Public modules; `testing` holds slow references for tests, whose arguments the tests choose."""

LEFT_OUT = {
    "Sampler": "the base of the samplers, each of which is drawn",
    "Sampler.core_for": "a handle of the compiled core, whose number evaluate and transfer check",
    "Spectrum.from_vae": "encodes files with an autoencoder: tests/frameworks/test_latents.py",
    "models.Denoiser": "a protocol for type checkers",
    "sources.Source": "a row of the table of sources, made in the package (docs/extending.md)",
    "Costs": "made by costs",
    "Design": "made by design",
    "ExpertsDesign": "made by design_experts",
    "Fit": "made by fit",
    "Recording": "made by record, read by Recording.load",
    "Refined": "made by refine",
    "ScanResult": "made by scan",
    "Trace": "made by Transfer.trace",
    "Transfer": "made by transfer",
    "Trial": "made by trial",
}
"""Public names that no call draws arguments for, and why."""


def takes_arguments(function: object) -> bool:
    """Of a method: whether anything but the object itself is passed."""
    return any(name not in ("self", "cls") for name in inspect.signature(function).parameters)  # type: ignore[arg-type]


def methods(name: str, kind: type) -> Iterator[str]:
    """Public methods of a class of the package that take arguments."""
    for method in dir(kind):
        found = getattr(kind, method)
        if method.startswith("_") or not inspect.isroutine(found):
            continue
        if str(getattr(found, "__module__", "")).startswith("specsched") and takes_arguments(found):
            yield f"{name}.{method}"


def public() -> Iterator[str]:
    """Functions, classes and methods, by the names under which users call them."""
    for name in ss.__all__:
        found = getattr(ss, name)
        if inspect.isclass(found):
            yield from methods(name, found)
        if callable(found):
            yield name
    for door in DOORS:
        module = importlib.import_module(f"specsched.{door}")
        for name in sorted({*module.__all__} - {*ss.__all__} - {"DesignedScheduler"}):
            found = getattr(module, name)
            if inspect.isclass(found) or (inspect.isroutine(found) and takes_arguments(found)):
                yield f"{door}.{name}"


def drawn() -> set[str]:
    """What has a call in one of the lists; words after the name tell calls of one function apart."""
    lists = (test_any_argument.CALLS, test_any_model_argument.CALLS, test_any_result_argument.CALLS)
    return {name.split(" ")[0] for calls in lists for name in calls}


def test_every_public_function_is_drawn() -> None:
    offered = set(public())
    assert len(offered) > 100  # the walk sees the package
    missing = offered - drawn() - LEFT_OUT.keys()
    assert not missing, f"without hostile arguments: {sorted(missing)}; add a call to one of the lists"


def test_the_exceptions_are_still_exceptions() -> None:
    assert LEFT_OUT.keys() <= set(public()) - drawn()
