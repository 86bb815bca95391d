"""Is `specsched.design` ever worse than the best of many other searches?

Four searches, each stopped by its budget of processor seconds and continued by the next run:

    python studies/optimum.py newton --budget 600      # every problem, against own local search from ~70 starts
    python studies/optimum.py slsqp --budget 600       # a stratified random subset, against 32 SLSQP runs
    python studies/optimum.py multistep --budget 600   # DPM-Solver++(2M), against 64 long SLSQP runs
    python studies/optimum.py wide --budget 300        # the same on every spectrum, few steps, 16 runs
    python studies/optimum.py refresh                  # designs again, keeping what the challengers found
    python studies/optimum.py report                   # tables, picture and the problems that were lost

One row per problem goes to a CSV file in `--state`; `report` writes the small tables into `--out`.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import random
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import optimum_report
from optimum_challengers import (
    ENDS,
    Answer,
    Question,
    baseline_starts,
    near_starts,
    newton,
    random_starts,
    run_slsqp,
    slsqp_starts,
)
from optimum_spectra import FAMILIES, Case, all_cases

STEPS = (3, 5, 10, 16, 28, 60)
LOSSES = ("w2", "kl")
SAMPLERS = ("ddim", "ddpm")
RUNS = 32
HOPS = 12
LONG_RUNS = 64
WIDE_RUNS = 16
LONG_ITERATIONS = 3000
MULTISTEP_STEPS = (4, 5, 6, 7, 8, 10, 12, 16, 20)
MULTISTEP_FAMILIES = ("photographs", "digits")
MULTISTEP_SPECTRA = ("photo_16_rgb_samples", "photo_32_rgb_stationary", "digits_samples", "digits_class_3")


@dataclass(frozen=True)
class Row:
    """What became of one problem; losses are of the objective that both sides minimised."""

    spectrum: str
    family: str
    steps: int
    ends: str
    loss: str
    sampler: str
    design: float
    rival: float
    excess: float  # design / rival - 1
    start: str  # of the best rival
    baseline: float  # the best heuristic
    message: str
    refined: float  # design with the best rival as a further start / design - 1
    hits: float  # share of the rival's runs that end within 1e-6 of the better of the two; nan: unknown
    seconds: float
    levels: str  # of the rival where the design lost


KEY = ("spectrum", "family", "steps", "ends", "loss", "sampler")
TOLERANCE = {"newton": 1e-6, "slsqp": 1e-6, "multistep": 1e-3, "wide": 1e-3}


def questions(cases: Iterable[Case]) -> Iterator[Question]:
    """Every problem of the grid."""
    for case, steps, ends, loss, sampler in itertools.product(cases, STEPS, ENDS, LOSSES, SAMPLERS):
        yield Question(case.name, case.family, steps, ends, loss, sampler)


def stratified(every: list[Question]) -> list[Question]:
    """All problems in an order of which each beginning has about equal shares of families and numbers of steps."""
    groups: dict[tuple[str, int], list[Question]] = {}
    for question in every:
        groups.setdefault((question.family, question.steps), []).append(question)
    for members in groups.values():
        random.Random(0).shuffle(members)
    ranked = [
        ((rank + 0.5) / len(members), question)
        for members in groups.values()
        for rank, question in enumerate(members)
    ]
    return [question for _, question in sorted(ranked, key=lambda pair: pair[0])]


def multistep_questions() -> list[Question]:
    """DPM-Solver++(2M) on photographs and digits, 4 to 20 steps, to clean data."""
    return [
        Question(name, "digits" if "digits" in name else "photographs", steps, ends, "w2", "dpmpp_2m")
        for steps in MULTISTEP_STEPS
        for name in MULTISTEP_SPECTRA
        for ends in ("0", "0, floor 0.03")
    ]


def wide_questions(cases: Iterable[Case]) -> list[Question]:
    """DPM-Solver++(2M) on every spectrum of the study, few steps."""
    return [Question(c.name, c.family, s, "0", "w2", "dpmpp_2m") for s in (4, 6, 10) for c in cases]


def compare(part: str, question: Question, case: Case) -> Row:
    """Design and challenger on one problem."""
    began = time.process_time()
    spectrum = case.for_loss(question.loss)
    problem = question.problem(spectrum)
    design = question.design(spectrum)
    value = problem.core.loss(design.schedule.sigmas)
    rng = question.rng()
    if part == "newton":
        starts = random_starts(problem, RUNS, rng) | baseline_starts(problem)
        rival = newton(problem, starts | near_starts(problem, design.schedule.sigmas, HOPS, rng))
    elif part == "slsqp":
        rival = run_slsqp(problem, slsqp_starts(problem, RUNS, rng))
    else:
        runs = LONG_RUNS if part == "multistep" else WIDE_RUNS
        rival = run_slsqp(problem, random_starts(problem, runs, rng), LONG_ITERATIONS)
    excess = value / rival.loss - 1.0
    lost = excess > TOLERANCE[part]
    again = question.design(spectrum, init=rival.sigmas) if lost else design
    return Row(
        **asdict(question),
        design=value,
        rival=rival.loss,
        excess=excess,
        start=rival.start,
        baseline=min(problem.core.loss(s.sigmas) for s in design.baseline_schedules.values()),
        message=design.message,
        refined=problem.core.loss(again.schedule.sigmas) / value - 1.0,
        hits=hits(rival, value),
        seconds=time.process_time() - began,
        levels=" ".join(f"{level:.9g}" for level in rival.sigmas) if lost else "",
    )


def hits(rival: Answer, value: float) -> float:
    """How often a single run of the challenger would have been enough."""
    if not rival.runs:
        return float("nan")
    return float(np.mean(np.array(rival.runs) <= min(value, rival.loss) * (1.0 + 1e-6)))


def run(part: str, state: Path, budget: float, most_steps: int, families: list[str] | None = None) -> None:
    """Works through the problems of a part that are not done yet, within a budget of processor seconds."""
    if part == "multistep":
        families = [name for name in MULTISTEP_FAMILIES if families is None or name in families]
    cases = {case.name: case for case in all_cases(families)}
    every = {
        "multistep": multistep_questions,
        "wide": lambda: wide_questions(cases.values()),
    }.get(part, lambda: stratified(list(questions(cases.values()))))()
    path = state / f"{part}.csv"
    done = {key_of(row) for row in read(path)}
    todo = [q for q in every if q.spectrum in cases and q.key not in done and q.steps <= most_steps]
    print(f"{part}: {len(cases)} spectra, {len(done)} problems done, {len(todo)} to do", flush=True)
    began, fresh = time.process_time(), not path.exists()
    state.mkdir(parents=True, exist_ok=True)
    with path.open("a", newline="") as stream:
        writer = csv.DictWriter(stream, [field.name for field in fields(Row)], lineterminator="\n")
        if fresh:
            writer.writeheader()
        for count, question in enumerate(todo):
            if time.process_time() - began > budget:
                print(f"budget spent after {count} problems", flush=True)
                return
            row = compare(part, question, cases[question.spectrum])
            writer.writerow(asdict(row))
            stream.flush()
            if row.excess > TOLERANCE[part]:
                print(
                    f"lost by {row.excess:.2e}: {question.key} (from {row.start}; {row.message})", flush=True
                )
    print("all done", flush=True)


def refresh(part: str, state: Path, cases: dict[str, Case]) -> None:
    """The designs of today against what the challengers found before, which does not depend on them."""
    path = state / f"{part}.csv"
    rows = read(path)
    for row in rows:
        question = Question(**{name: row[name] for name in KEY} | {"steps": int(row["steps"])})
        spectrum = cases[question.spectrum].for_loss(question.loss)
        problem, design = question.problem(spectrum), question.design(spectrum)
        value = problem.core.loss(design.schedule.sigmas)
        excess = value / float(row["rival"]) - 1.0
        row.update(design=repr(value), excess=repr(excess), message=design.message)
        row.update(levels=row["levels"] if excess > TOLERANCE[part] else "")
    if rows:
        with path.open("w", newline="") as stream:
            writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    print(f"{part}: {len(rows)} designs", flush=True)


def key_of(row: dict[str, Any]) -> str:
    """As `Question.key`, of a row that was read back."""
    return "|".join(row[name] for name in ("spectrum", "steps", "ends", "loss", "sampler"))


def read(path: Path) -> list[dict[str, str]]:
    """The rows of a part so far."""
    if not path.exists():
        return []
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", choices=["newton", "slsqp", "multistep", "wide", "refresh", "report"])
    parser.add_argument("--budget", type=float, default=600.0, help="processor seconds of this run")
    parser.add_argument(
        "--most-steps", type=int, default=max(STEPS), help="leave out problems with more steps"
    )
    parser.add_argument("--families", nargs="+", choices=list(FAMILIES), help="only spectra of these")
    parser.add_argument("--state", type=Path, default=Path(tempfile.gettempdir()) / "specsched_optimum")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    parser.add_argument("--images", type=Path, default=Path(__file__).parent.parent / "docs" / "images")
    options = parser.parse_args(arguments)
    if options.part == "refresh":
        cases = {case.name: case for case in all_cases()}
        for part in TOLERANCE:
            refresh(part, options.state, cases)
    elif options.part == "report":
        parts = {part: read(options.state / f"{part}.csv") for part in TOLERANCE}
        optimum_report.write(parts, TOLERANCE, options.out, options.images)
    else:
        run(options.part, options.state, options.budget, options.most_steps, options.families)


if __name__ == "__main__":
    main(sys.argv[1:])
