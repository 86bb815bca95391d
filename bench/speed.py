"""Measures everything that docs/benchmarks.md states, side by side in one run, and keeps it as JSON.

    python bench/speed.py [kernels multistep designs ...]

Parts that are named are measured again, the others keep their figures. `report.py` makes page and picture from them.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import peers
import peers_jax
from timing import Job, Lanes

from specsched import _core

FIGURES = Path(__file__).parent / "results" / "speed.json"
SIZES = [(50, 10), (3072, 112), (3072, 1000), (65536, 112)]
SIZES_2M = [(50, 10), (3072, 20)]
CURVE_PEERS = ["numpy-vectorised", "numba", "jax-scan", "jax-vectorised", "torch"]
TWO, ONE = "specsched, 2 threads", "specsched, 1 thread"

Row = dict[str, Any]


def find_row(rows: list[Row], who: str, **labels: Any) -> Row:
    """The row of a contender with these labels."""
    for row in rows:
        if row["who"] == who and all(row.get(name) == value for name, value in labels.items()):
            return row
    raise LookupError(f"nothing measured for {who!r}, {labels}")


def _against_peers(dim: int, steps: int, sampler: str, names: list[str]) -> dict[str, Job]:
    """Loss and gradient: ours on two threads and on one, and the peers."""
    table = peers.DDIM_PEERS if sampler == "ddim" else peers.DPMPP_2M_PEERS
    return {
        TWO: Job("specsched", "ours", (dim, steps, sampler, 2)),
        ONE: Job("specsched", "ours", (dim, steps, sampler, 1)),
        **{name: Job(table[name][0], "peer", (name, dim, steps, sampler)) for name in names},
    }


def _race(lanes: Lanes, jobs: dict[str, Job], labels: Row, **timing: Any) -> list[Row]:
    """One row per contender; those that state a value must agree."""
    rows = [{"who": who, **labels, **times.as_dict()} for who, times in lanes.race(jobs, **timing).items()]
    stated = [row for row in rows if "value" in row]
    for row in stated:
        if abs(row["value"] - stated[0]["value"]) > 1e-9 * stated[0]["value"]:
            raise ArithmeticError(f"{row['who']} disagrees with {stated[0]['who']}: {row}")
    return rows


def kernels(lanes: Lanes) -> list[Row]:
    """W2 distance and gradient of DDIM, and the distance alone."""
    found = []
    for dim, steps in SIZES:
        jobs = _against_peers(dim, steps, "ddim", list(peers.DDIM_PEERS))
        jobs["every eigenvalue, 2 threads"] = Job("specsched", "ours_plain", (dim, steps, "ddim", 2))
        jobs["every eigenvalue, 1 thread"] = Job("specsched", "ours_plain", (dim, steps, "ddim", 1))
        jobs["loss alone, 2 threads"] = Job("specsched", "ours_loss", (dim, steps, 2))
        jobs["loss alone, 1 thread"] = Job("specsched", "ours_loss", (dim, steps, 1))
        found += _race(lanes, jobs, {"dim": dim, "steps": steps})
    return found


def multistep(lanes: Lanes) -> list[Row]:
    """The same for DPM-Solver++(2M), and ours on the compressed spectrum."""
    found = []
    for dim, steps in SIZES_2M:
        jobs = _against_peers(dim, steps, "dpmpp_2m", list(peers.DPMPP_2M_PEERS))
        jobs["every eigenvalue, 2 threads"] = Job("specsched", "ours_plain", (dim, steps, "dpmpp_2m", 2))
        jobs["specsched, compressed"] = Job("specsched", "ours_compressed", (dim, steps, "dpmpp_2m"))
        found += _race(lanes, jobs, {"dim": dim, "steps": steps})
    return found


def solvers(lanes: Lanes) -> list[Row]:
    """Other solvers on every eigenvalue, and sets of modes, against the loops that JAX unrolls, at 10 steps."""
    found = []
    for sampler in peers_jax.SOLVERS:
        jobs = {
            TWO: Job("specsched", "ours", (3072, 10, sampler, 2)),
            "every eigenvalue, 2 threads": Job("specsched", "ours_plain", (3072, 10, sampler, 2)),
            "jax-loop": Job("jax", "jax_loop", (3072, 10, sampler)),
        }
        found += _race(lanes, jobs, {"sampler": sampler, "dim": 3072, "steps": 10})
    for sampler in peers_jax.SOLVERS_OF_MODES:
        jobs = {
            TWO: Job("specsched", "ours_modes", (10, sampler)),
            "jax-loop": Job("jax", "jax_modes", (10, sampler)),
        }
        found += _race(lanes, jobs, {"sampler": f"{sampler} on modes", "dim": 252, "steps": 10})
    return found


def curves(lanes: Lanes) -> list[Row]:
    """DDIM's loss and gradient against d and against S."""
    sizes = [(d, 112) for d in (16, 64, 256, 1024, 3072, 16384, 65536)]
    sizes += [(3072, s) for s in (4, 10, 28, 334, 1000)]
    found = []
    for dim, steps in sizes:
        jobs = _against_peers(dim, steps, "ddim", CURVE_PEERS)
        jobs["specsched, every eigenvalue"] = Job("specsched", "ours_plain", (dim, steps, "ddim", 2))
        jobs["specsched, compressed"] = Job("specsched", "ours_compressed", (dim, steps, "ddim"))
        found += _race(lanes, jobs, {"dim": dim, "steps": steps}, seconds=0.3, rounds=2)
    return found


def threads(lanes: Lanes) -> list[Row]:
    """One thread and two: ours, numba and PyTorch (JAX takes what it finds)."""
    found = []
    for dim, steps in ((3072, 112), (65536, 112)):
        for count in (1, 2):
            jobs = {"specsched": Job("specsched", "ours", (dim, steps, "ddim", count))}
            for name in ("numba", "torch"):
                jobs[name] = Job(name, "peer", (name, dim, steps, "ddim", count))
            found += _race(lanes, jobs, {"dim": dim, "steps": steps, "threads": count}, seconds=0.8)
    return found


def compression(lanes: Lanes) -> list[Row]:
    """A million eigenvalues to a few dozen nodes, and how exact it is."""
    jobs = {
        "specsched": Job("specsched", "compress_whole", (1_000_000,)),
        "core, 2 threads": Job("specsched", "compress", (1_000_000, 2)),
        "core, 1 thread": Job("specsched", "compress", (1_000_000, 1)),
    }
    return _race(lanes, jobs, {"dim": 1_000_000}, seconds=2.0)


def _designs(lanes: Lanes, steps: tuple[int, ...], **timing: Any) -> list[Row]:
    found = []
    for case in ("synthetic", "photographs"):
        for count in steps:
            jobs = {
                TWO: Job("specsched", "design", (case, count, 2)),
                ONE: Job("specsched", "design", (case, count, 1)),
            }
            found += _race(lanes, jobs, {"case": case, "steps": count}, **timing)
    return found


def designs(lanes: Lanes) -> list[Row]:
    """The two cases for several S."""
    return _designs(lanes, (5, 10, 28, 56, 112, 334))


def many_steps(lanes: Lanes) -> list[Row]:
    """The same for S = 1000 and 2000."""
    return _designs(lanes, (1000, 2000), seconds=2.5, rounds=3)


def scipy(lanes: Lanes) -> list[Row]:
    """SLSQP and trust-constr with exact gradients; one run each where a run is long."""
    numpy, numba = "numpy-vectorised", "numba"
    plan = [("synthetic", s, numpy, "SLSQP") for s in (5, 10, 28, 56, 112)]
    plan += [("synthetic", s, numpy, "trust-constr") for s in (5, 10, 28)]
    plan += [("photographs", s, numba, "SLSQP") for s in (5, 10, 28, 112)]
    plan += [("photographs", s, numpy, "SLSQP") for s in (28, 112)]
    found = []
    for case, steps, gradient, method in plan:
        package = "numba" if gradient == numba else "numpy"
        job = Job(package, "scipy", (case, steps, gradient, method))
        times = lanes.once(job)
        for _ in range(5):
            if sum(times.calls) < 2.0:
                times.calls += lanes.once(job).calls
        found.append({"who": f"{method}, {gradient}", "case": case, "steps": steps, **times.as_dict()})
    return found


def flat(lanes: Lanes) -> list[Row]:
    """Designs on compressed spectra of a thousand and of a million eigenvalues."""
    jobs = {f"{dim}": Job("specsched", "design_of_nodes", (dim,)) for dim in (1000, 1_000_000)}
    # Each call makes its problem first, in the part that does not count.
    return _race(lanes, jobs, {"steps": 112}, seconds=2.0)


def scan(lanes: Lanes) -> list[Row]:
    """Ten thousand designs of 10 steps, each for a spectrum of its own."""
    job = Job("specsched, threads of Python", "scan", (10_000,))
    return [{"who": "specsched", "steps": 10, **lanes.race({"": job}, seconds=0.0, rounds=2)[""].as_dict()}]


PARTS: dict[str, Callable[[Lanes], list[Row]]] = {
    "kernels": kernels,
    "curves": curves,
    "multistep": multistep,
    "solvers": solvers,
    "threads": threads,
    "compression": compression,
    "designs": designs,
    "many_steps": many_steps,
    "flat": flat,
    "scan": scan,
    "scipy": scipy,
}


def machine() -> dict[str, Any]:
    """Where this was measured."""
    names = ("numpy", "scipy", "numba", "jax", "torch")
    return {
        "cores": os.cpu_count(),
        "architecture": platform.machine(),
        "instructions": _core.kernels_in_use(),
        "load": os.getloadavg()[0],
        "date": time.strftime("%Y-%m-%d"),
        "versions": {name: metadata.version(name) for name in names},
    }


def as_text(kept: dict[str, Any]) -> str:
    """One row to a line."""
    parts = [
        f"{json.dumps(name)}: "
        + ("[\n" + ",\n".join(map(json.dumps, part)) + "\n]" if isinstance(part, list) else json.dumps(part))
        for name, part in kept.items()
    ]
    return "{\n" + ",\n".join(parts) + "\n}\n"


def main(chosen: list[str]) -> None:
    """Measure the chosen parts (all of them by default) and keep the figures."""
    for name in chosen:
        if name not in PARTS:
            raise SystemExit(f"no part {name!r}; there are {', '.join(PARTS)}")
    kept = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    with Lanes() as lanes:
        for name in chosen or PARTS:
            begun = time.perf_counter()
            kept[name] = PARTS[name](lanes)
            kept["machine"] = machine()
            FIGURES.parent.mkdir(exist_ok=True)
            FIGURES.write_text(as_text(kept))
            print(f"{name}: {time.perf_counter() - begun:.0f} s", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
