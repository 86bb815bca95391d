"""Predictions from a recording over real errors, for a mixture of Gaussians with guidance.

    python studies/mixtures.py [--guidance 1 4 8] [--recorded 64] [--judged 256]

EDM's and even log levels, 5 to 20 steps, seven solvers, on the recorded starts and on others; what errs by more than a
fifth of the outputs' spread is left out. docs/modes.md has the table.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

import specsched as ss
from specsched.testing import GaussianMixture

HIGH, LOW = 14.6, 0.03
VARIANCES = 1.0 / (1.0 + np.arange(6.0)) ** 2
SOLVERS = ("ddim", "dpmpp_2m", "dpmpp_3m", "unipc", "deis", "heun", "ipndm")
STEPS = (5, 8, 12, 20)
LARGEST = 0.2  # errors as a share of the outputs' spread: larger ones do not grow linearly


class Mixture:
    """The exact denoiser of a mixture of Gaussians; guidance prefers four of its parts."""

    def __init__(self, guidance: float = 1.0) -> None:
        centres = np.random.default_rng(3).standard_normal((12, 6)) * np.sqrt(VARIANCES / 2)
        within = np.diag(VARIANCES / 2)
        self.whole, self.preferred = (
            GaussianMixture(np.ones(count), centres[:count], [within] * count) for count in (12, 4)
        )
        self.guidance = guidance

    def __call__(self, y: Any, sigma: float) -> Any:
        without = self.whole.denoise(y, sigma)
        if self.guidance == 1.0:
            return without
        return without + self.guidance * (self.preferred.denoise(y, sigma) - without)


def noise(rows: int, shape: tuple[int, ...] = (6,), seed: int = 0) -> Any:
    return np.random.default_rng(seed).standard_normal((rows, *shape))


def ladder(name: str, steps: int, high: float = HIGH, low: float = LOW) -> ss.Schedule:
    """A baseline from the highest level to the lowest and then to 0."""
    levels = getattr(ss.baselines, name)(steps - 1, sigma_max=high, sigma_min=low)
    return ss.Schedule([*levels.sigmas, 0.0])


class Judged(NamedTuple):
    """Predicted over real errors of one solver, where errors are moderate."""

    solver: str
    ratios: list[float]


def judge(
    denoiser: Mixture, recording: ss.Recording, starts: Any, solvers: Iterable[str] = SOLVERS
) -> list[Judged]:
    """Predictions of a recording over real errors from these starts."""
    tried = {f"{n} {steps}": ladder(n, steps) for n in ("edm", "exponential") for steps in STEPS}
    found = []
    for solver in solvers:
        trial = ss.trial(
            tried, denoiser, starts, sampler=solver, recording=recording, sigma_floor=LOW, batch_size=64
        )
        outputs = np.asarray(trial.reference)
        moderate = trial.errors < LARGEST * float(np.sqrt(np.mean((outputs - outputs.mean(axis=0)) ** 2)))
        assert trial.predicted is not None
        found.append(Judged(solver, (trial.predicted / trial.errors)[moderate].tolist()))
    return found


def within(judged: Iterable[Judged], factor: float) -> int:
    """How many ratios lie within a factor."""
    return sum(1.0 / factor <= ratio <= factor for one in judged for ratio in one.ratios)


def row(guidance: float, starts: str, judged: list[Judged]) -> str:
    """A row of the table."""
    ranges = ["-".join(f"{f(one.ratios):.2f}".lstrip("0") for f in (min, max)) for one in judged]
    cells = sum(len(one.ratios) for one in judged)
    counts = [str(cells), *(str(within(judged, factor)) for factor in (1.2, 1.3, 2.0))]
    return "| " + " | ".join([f"{guidance:g}", starts, *counts, *ranges]) + " |"


def main(arguments: list[str] | None = None) -> list[str]:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--guidance", type=float, nargs="+", default=[1.0, 4.0, 8.0])
    parser.add_argument("--recorded", type=int, default=64, help="starts that are recorded")
    parser.add_argument("--judged", type=int, default=256, help="other starts that judge")
    args = parser.parse_args(arguments)
    rows = []
    for guidance in args.guidance:
        denoiser, recorded = Mixture(guidance), noise(args.recorded)
        recording = ss.record(denoiser, recorded, sigma_max=HIGH, sigma_floor=LOW, batch_size=64)
        for name, starts in (("recorded", recorded), ("others", noise(args.judged, seed=5))):
            rows.append(row(guidance, name, judge(denoiser, recording, starts)))
            print(rows[-1], flush=True)
    return rows


if __name__ == "__main__":
    main()
