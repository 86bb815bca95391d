"""What chose the constants of the search: each halved and doubled, against the loss and the work of the designs.

python studies/search_settings.py            # writes docs/search_settings.md; some minutes
python studies/search_settings.py moves      # prints the rows of one group
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from specsched import Spectrum
from specsched.designs.problem import Options, Problem, make_problem
from specsched.designs.rivals import rivals_of
from specsched.testing import paper_case

DOCUMENT = Path(__file__).parents[1] / "docs" / "search_settings.md"
PAIRWISE = [("ddim", steps) for steps in (4, 8, 12, 20, 40, 64)] + [("ddpm", 6), ("ddpm", 14)]
ENGINE = [("dpmpp_2m", 5), ("dpmpp_2m", 10), ("heun", 6)]
GROUPS = {"newton": PAIRWISE + ENGINE, "starts": PAIRWISE + ENGINE, "moves": PAIRWISE, "hops": ENGINE}
MOST = {"newton.keep_away": 0.99}
"""Where twice the value has no meaning: a share."""

HEAD = """# The constants of the search, each halved and doubled

Made by `python studies/search_settings.py`. Every constant of the search (`cpp/core/design/settings.hpp`) is halved and
doubled, the others left as they are, over {count} problems: four spectra, both kinds of ends, and the solvers and steps
listed in the study. *Loss*: the largest ratio of what a design minimises to that with the constant as it is, and the
smallest (1 means that nothing changed); *work*: ratio of the evaluations over all problems. A constant is where it is
because the loss falls no further on one side, or only for more work than it is worth; where neither side changes a
loss, these problems do not need it, and its reason stands beside it in the code. Shares stay below 1: `keep_away` is
0.99 in place of doubled.

| constant | value | halved: loss | work | doubled: loss | work |
|---|---|---|---|---|---|
"""


def spectra() -> list[Spectrum]:
    """Smooth, scattered, in groups far apart, and the paper's synthetic case."""
    rng = np.random.default_rng(5)
    scattered = np.exp(rng.normal(0.0, 2.0, 48))
    groups = np.concatenate([np.exp(rng.normal(c, 0.2, 8)) for c in (4.0, -1.0, -6.0)])
    return [
        Spectrum(10.0 / np.arange(1, 41) ** 2.0),
        Spectrum(scattered),
        Spectrum(groups),
        paper_case().spectrum,
    ]


def problems(choices: list[tuple[str, int]]) -> Iterator[tuple[Problem, np.ndarray]]:
    """Every problem of a group with the starts of a design."""
    for spectrum in spectra():
        for sampler, steps in choices:
            for end in (0.0, 0.05):
                options = Options(sampler=sampler, target="data", sigma_max=80.0, sigma_min=end, threads=1)
                problem = make_problem((spectrum,), steps, options)
                rows = [rival.sigmas for rival in rivals_of(problem).values()]
                yield problem, np.array(rows).reshape(len(rows), steps + 1)


def outcome(cases: list[tuple[Problem, np.ndarray]], name: str, value: float) -> tuple[np.ndarray, float]:
    """Losses that are minimised, and evaluations in all, with one constant changed."""
    losses, work = [], 0
    for problem, rows in cases:
        before = problem.core.settings()[name]
        problem.core.set(name, value)
        found = problem.core.design(rows)
        problem.core.set(name, before)
        losses.append(found.searched_loss)
        work += found.evaluations
    return np.array(losses), float(work)


def rows(group: str) -> Iterator[str]:
    """Table rows of one group of constants."""
    cases = list(problems(GROUPS[group]))
    values = {k: v for k, v in cases[0][0].core.settings().items() if k.startswith(group + ".")}
    name = next(iter(values))
    losses, work = outcome(cases, name, values[name])
    for name, value in values.items():
        cells = []
        for factor in (0.5, 2.0):
            changed = min(value * factor, MOST.get(name, np.inf))
            ratio, effort = outcome(
                cases, name, np.ceil(changed) if value >= 1 and value == int(value) else changed
            )
            quotient = ratio / losses
            cells += [f"{quotient.max():.4f} {quotient.min():.4f}", f"{effort / work:.2f}"]
        yield f"| `{name}` | {value:g} | {' | '.join(cells)} |"


def main() -> None:
    """The whole document, or one group on the screen."""
    chosen = sys.argv[1:] or list(GROUPS)
    lines = [line for group in chosen for line in rows(group)]
    if sys.argv[1:]:
        print("\n".join(lines))
        return
    count = 2 * len(spectra()) * len(PAIRWISE + ENGINE)
    DOCUMENT.write_text(HEAD.format(count=count) + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
