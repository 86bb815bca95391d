"""Ctrl-C: the program ends in every phase instead of finishing it, and leaves no file behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import specsched as ss

if sys.platform == "win32":
    pytest.skip("signals of POSIX", allow_module_level=True)

PHASES = ("imports", "samples", "eigenvalues", "design", "tuning", "comparison")
ANNOUNCED = """
import signal
import sys

# A shell's background jobs inherit an ignored SIGINT, which Python leaves as it is.
signal.signal(signal.SIGINT, signal.default_int_handler)
from specsched.cli import main

def announced(module, name):
    inner = getattr(module, name)
    def outer(*args, **kwargs):
        print("begins", file=sys.stderr, flush=True)
        return inner(*args, **kwargs)
    setattr(module, name, outer)

phase = sys.argv.pop(1)
if phase == "imports":
    print("begins", file=sys.stderr, flush=True)
else:
    from specsched.cli import work
    from specsched.spectra.covariance import eigen, moments
    module, name = {
        "samples": (moments, "_of_rows"),
        "eigenvalues": (eigen, "_by_reduction"),
        "design": (work, "design"),
        "comparison": (work, "design"),
        "tuning": (work, "best_member"),
    }[phase]
    announced(module, name)
main()
"""


def command(phase: str, folder: Path) -> list[str]:
    if phase in ("samples", "eigenvalues"):
        array = folder / "wide.npy"
        np.save(array, np.random.default_rng(0).normal(size=(2600, 2500)).astype(np.float32))
        return ["spectrum", str(array), "--out", str(folder / "out.npz")]
    data = folder / "data.npz"
    ss.Spectrum(1.0 / np.arange(1, 3073) ** 2).save(data)
    common = [str(data), "--sampler", "unipc:order=3", "--steps"]
    if phase == "comparison":
        return ["compare", *common, "60,90,120", "--out", str(folder / "out.csv")]
    return ["design", *common, "150", "--out", str(folder / "out.json")]


@pytest.mark.parametrize("phase", PHASES)
def test_every_phase(tmp_path: Path, phase: str) -> None:
    arguments = command(phase, tmp_path)
    before = set(os.listdir(tmp_path))
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    with subprocess.Popen(
        [sys.executable, "-c", ANNOUNCED, phase, *arguments],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        env=environment,
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.strip() == "begins":
                break
        time.sleep(0.05 if phase == "imports" else 0.3)
        assert process.poll() is None, "the phase was over too soon"
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)
        # 130, or ended by the signal itself, which the shell reports as 130, too
        assert process.returncode in (130, -signal.SIGINT)
        if process.returncode == 130:
            assert process.stderr.read().splitlines()[-1] == "interrupted"
    assert set(os.listdir(tmp_path)) == before
