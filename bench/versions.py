"""Another installed version of specsched against this one, in one run: processes take turns, least times count.

    python bench/versions.py OTHER_PYTHON    # the interpreter of an environment that holds the other version

Prints a Markdown table. What both versions have is timed with what both take: the distance to the data, an exact
denoiser, one thread.
"""

from __future__ import annotations

import subprocess
import sys
from typing import Any

ROUNDS, SECONDS = 7, 0.25

# Runs in each version's interpreter: reads the name of a case, answers with the least seconds of a call.
SERVER = f"""
import inspect, sys, time
import numpy as np
import specsched as ss

def takes(function, **wanted):
    known = inspect.signature(function).parameters
    return {{name: value for name, value in wanted.items() if name in known}}

rng = np.random.default_rng(0)
large = ss.Spectrum(1e3 * np.arange(1, 3073) ** -1.2 * np.exp(rng.normal(0, 0.5, 3072)) + 1e-5)
small = ss.Spectrum(large.eigenvalues[:50])
nodes = large.compress()
many = [ss.Spectrum(small.eigenvalues * scale) for scale in np.exp(rng.normal(0, 1, 256))]
data = dict(target="data", threads=1)

def loss(spectrum, steps, sampler):
    schedule = ss.baselines.edm(steps)
    options = takes(ss.value_and_grad, **data)
    return lambda: ss.value_and_grad(spectrum, schedule, sampler=sampler, **options)

def design(spectrum, steps, sampler):
    options = dict(takes(ss.design, **data), denoiser_error=0.0)
    return lambda: ss.design(spectrum, steps, sampler=sampler, **options)

def scan():
    options = dict(takes(ss.design, target="data"), threads=1)
    return lambda: ss.scan(many, 10, **options)

CASES = {{
    "loss and gradient, DDIM, 50 x 10": loss(small, 10, "ddim"),
    "loss and gradient, DDIM, 3072 x 112": loss(large, 112, "ddim"),
    "loss and gradient, DDPM, 3072 x 112": loss(large, 112, "ddpm"),
    "loss and gradient, DPM-Solver++(2M), 3072 x 20": loss(large, 20, "dpmpp_2m"),
    "loss and gradient, UniPC, 3072 x 20": loss(large, 20, "unipc"),
    "design, DDIM, 50 eigenvalues, S = 10": design(small, 10, "ddim"),
    "design, DDIM, 50 eigenvalues, S = 112": design(small, 112, "ddim"),
    "design, DDPM, compressed photographs, S = 28": design(nodes, 28, "ddpm"),
    "design, DPM-Solver++(2M), compressed photographs, S = 10": design(nodes, 10, "dpmpp_2m"),
    "scan of 256 designs, S = 10": scan(),
}}
print("\\n".join(CASES), flush=True)
print(flush=True)
for line in sys.stdin:
    call, least, spent = CASES[line.strip()], float("inf"), 0.0
    call()
    while spent < {SECONDS}:
        begun = time.perf_counter()
        call()
        took = time.perf_counter() - begun
        least, spent = min(least, took), spent + took
    print(least, flush=True)
"""


class Version:
    """A process that times cases of one installed version."""

    def __init__(self, python: str) -> None:
        self._process = subprocess.Popen(
            [python, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.cases: list[str] = list(iter(self._read, ""))

    def _read(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the version's process ended early; its error is above")
        return line.strip()

    def least(self, case: str) -> float:
        """Least seconds of a call."""
        assert self._process.stdin is not None
        self._process.stdin.write(case + "\n")
        self._process.stdin.flush()
        return float(self._read())


def name_of(python: str) -> str:
    """The version that an interpreter imports."""
    found = subprocess.run(
        [python, "-c", "import specsched; print(specsched.__version__)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return found.stdout.strip()


def main(other: str) -> None:
    """Print the table."""
    pair: dict[str, Any] = {"old": Version(other), "new": Version(sys.executable)}
    print(
        f"| | {name_of(other)} (other) | {name_of(sys.executable)} (this) | other / this |\n|---|---|---|---|"
    )
    for case in pair["old"].cases:
        least = {which: float("inf") for which in pair}
        for _ in range(ROUNDS):
            for which, version in pair.items():
                least[which] = min(least[which], version.least(case))
        cells = " | ".join(f"{1e6 * value:.4g} us" for value in least.values())
        print(f"| {case} | {cells} | {least['old'] / least['new']:.2f} |", flush=True)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
