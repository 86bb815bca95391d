"""A process that ends while LAPACK works in a thread: at once where Ctrl-C ends it, else when the thread is done."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

PROGRAM = """
import signal, sys
import numpy as np
import specsched as ss
from specsched.spectra.covariance import eigen

signal.signal(signal.SIGINT, signal.default_int_handler)
inner = eigen._by_reduction

def announced(*args):
    print("begins", file=sys.stderr, flush=True)
    return inner(*args)

eigen._by_reduction = announced
root = np.random.default_rng(0).standard_normal((SIZE, SIZE))
try:
    ss.Spectrum.from_covariance(root @ root.T)
except KeyboardInterrupt:
    HANDLER
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize(("size", "handler", "codes"), [(2500, "raise", (130, -2)), (1500, "pass", (0,))])
def test_the_process_ends_without_a_crash(size: int, handler: str, codes: tuple[int, ...]) -> None:
    text = PROGRAM.replace("SIZE", str(size)).replace("HANDLER", handler)
    with subprocess.Popen([sys.executable, "-c", text], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.strip() == "begins":
                break
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
        process.wait(timeout=120)
    # 130, or ended by the signal itself, which a shell reports as 130, too.
    assert process.returncode in codes, rest
    assert ("KeyboardInterrupt" in rest) == (handler == "raise")
