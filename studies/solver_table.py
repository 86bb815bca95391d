"""Solver x denoiser calls x schedule: four spectra (W2 to the limit), three mixtures (Frechet and energy distance).

    python studies/solver_table.py            everything, about ten minutes on one core; writes CSV, pictures and tables
    python studies/solver_table.py --quick    a small part, in seconds, for a test of the script
    python studies/solver_table.py --only mixture   one half; the other's CSV file is kept
    python studies/solver_table.py --report   pictures and tables anew from the CSV files

Results: studies/results/solver_table.csv and solver_table_mixture.csv, docs/images/solver_table*.png, and the tables of
docs/solver_table.md. Seeds are fixed and one thread is used, so that a second run repeats the first.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Several threads would only disturb each other on matrices this small; to be set before numpy is loaded.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import numpy as np  # noqa: E402

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "examples"), str(ROOT / "studies")]

import _contenders as contenders  # noqa: E402
import mixture_quality as mixtures  # noqa: E402
import solver_table_report as report  # noqa: E402

import specsched as ss  # noqa: E402
from specsched.testing import paper_case  # noqa: E402

ERRORS = (0.03, 0.12)
"""Errors of the predictions, as shares of the posterior's spread, with which every schedule is evaluated, besides 0."""

SOLVERS = (
    "ddim",
    "ddpm",
    "heun",
    "dpm_2",
    "dpmpp_2s",
    "dpmpp_2m",
    "dpmpp_3m",
    "dpmpp_2m_sde",
    "unipc",
    "deis",
    "ipndm",
    "lms",
)
MIXTURE_ERROR = 0.05


@dataclass(frozen=True)
class Plan:
    """What is computed."""

    data: Sequence[str] = ("paper", "photographs", "digits", "sound")
    solvers: Sequence[str] = SOLVERS
    budgets: Sequence[int] = (4, 6, 8, 10, 15, 20, 30, 50)
    mixtures: Sequence[str] = tuple(mixtures.MIXTURES)
    mixture_solvers: Sequence[str] = ("ddim", "dpmpp_2m", "heun", "unipc", "dpmpp_2m_sde")
    mixture_budgets: Sequence[int] = (5, 8, 12, 20, 32)
    seeds: int = 4
    count: int = 1000


QUICK = Plan(
    data=("paper", "digits"),
    solvers=("ddim", "dpmpp_2m"),
    budgets=(6, 10),
    mixtures=("digits",),
    mixture_solvers=("ddim", "dpmpp_2m"),
    mixture_budgets=(5, 8),
    seeds=3,
    count=300,
)


def spectrum_of(data: str) -> ss.Spectrum:
    return paper_case().spectrum if data == "paper" else ss.sources.load_spectrum(data)


def gaussian_rows(plan: Plan) -> Iterator[dict[str, Any]]:
    """W2 to the limit of every schedule: exact denoiser, errors, and spectra other than the designed one."""
    for data in plan.data:
        spectrum = spectrum_of(data)
        nodes = spectrum.compress() if len(spectrum) > 256 else spectrum
        for solver in plan.solvers:
            started = time.process_time()
            for budget in plan.budgets:
                field = contenders.field(spectrum, solver, budget)
                yield from _cell(data, spectrum, nodes, field, budget)
            print(f"{data} {solver}: {time.process_time() - started:.1f} s", file=sys.stderr)


def _cell(
    data: str,
    spectrum: ss.Spectrum,
    nodes: ss.Spectrum,
    field: contenders.Field,
    budget: int,
) -> Iterator[dict[str, Any]]:
    around = contenders.AROUND.of(nodes)
    head = {
        "data": data,
        "solver": field.solver,
        "budget": budget,
        "steps": field.steps,
        "nfe": field.evaluations,
        "tuned_family": field.tuned_family,
    }
    options: dict[str, Any] = {"sampler": field.solver, "threads": 1}
    for error in (0.0, *ERRORS):
        losses = {
            name: ss.evaluate(spectrum, levels, denoiser_error=error, **options)
            for name, levels in field.schedules.items()
        }
        yield {**head, "case": f"error {error:g}" if error else "exact", **_kept(losses)}
    losses = {
        name: float(np.sqrt(np.mean([ss.evaluate(s, levels, **options) ** 2 for s in around])))
        for name, levels in field.schedules.items()
    }
    yield {**head, "case": "neighbourhood", **_kept(losses)}


def _kept(losses: dict[str, float]) -> dict[str, Any]:
    """Of the heuristics the best, with its name, and the worst; of the chosen schedules all."""
    heuristics = {name: losses[name] for name in ss.baselines.TABLE}
    best = min(heuristics, key=lambda name: heuristics[name])
    chosen = {name: value for name, value in losses.items() if name not in heuristics}
    return {
        "best_name": best,
        report.BEST: heuristics[best],
        report.WORST: max(heuristics.values()),
        **chosen,
    }


def mixture_rows(plan: Plan) -> Iterator[dict[str, Any]]:
    """Per schedule: Frechet distance with standard error, win margin of the design, W2 over the components."""
    for data in plan.mixtures:
        mixture = mixtures.MIXTURES[data]()
        target = mixture.sample(plan.seeds * plan.count, seed=12345)
        floor = _exact_samples(mixture, plan)
        for solver in plan.mixture_solvers:
            started = time.process_time()
            for budget in plan.mixture_budgets:
                yield from _mixture_cell(data, mixture, target, floor, solver, budget, plan)
            print(f"mixture {data} {solver}: {time.process_time() - started:.1f} s", file=sys.stderr)


def _exact_samples(mixture: Any, plan: Plan) -> float:
    """The Frechet distance that finite samples leave: of Heun's method with 100 steps and the same starts."""
    levels = ss.baselines.edm(100, **contenders.ENDS)
    return mixtures.quality(mixture, levels, "heun", seeds=plan.seeds, count=plan.count).value


def _mixture_cell(
    data: str, mixture: Any, target: Any, floor: float, solver: str, budget: int, plan: Plan
) -> Iterator[dict[str, Any]]:
    components = mixture.component_spectra()
    field = contenders.field(mixture.spectrum(), solver, budget, components)
    options: dict[str, Any] = {"seeds": plan.seeds, "count": plan.count}
    found = {
        name: mixtures.quality(
            mixture, levels, solver, target=None if name in field.heuristics else target, **options
        )
        for name, levels in field.schedules.items()
    }
    design = found[contenders.DESIGNED]
    ranked = sorted(field.heuristics, key=lambda name: found[name].value)
    kept = {name: field.schedules[name] for name in found if name not in ranked[1:-1]}
    for name, levels in kept.items():
        energy, erring = found[name].energy, None
        if energy:
            erring = mixtures.quality(mixture, levels, solver, denoiser_error=MIXTURE_ERROR, **options)
        margin = found[name].frechet - design.frechet
        parts = [ss.evaluate(s, levels, sampler=solver, threads=1) for s in components]
        yield {
            "data": data,
            "solver": solver,
            "budget": budget,
            "steps": field.steps,
            "nfe": field.evaluations,
            "schedule": name,
            "kind": "chosen" if energy else "heuristic",
            "frechet": found[name].value,
            "frechet_se": found[name].error,
            "margin": float(margin.mean()),
            "margin_se": float(margin.std(ddof=1) / np.sqrt(margin.size)),
            "floor": floor,
            "energy": energy.value if energy else "",
            "energy_se": energy.error if energy else "",
            "frechet_erring": erring.value if erring else "",
            "frechet_erring_se": erring.error if erring else "",
            "w2_overall": ss.evaluate(mixture.spectrum(), levels, sampler=solver, threads=1),
            "w2_components_rms": float(np.sqrt(np.mean(np.square(parts)))),
            "w2_components_worst": max(parts),
        }


def write(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """A CSV file with five significant digits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow({k: f"{v:.5g}" if isinstance(v, float) else v for k, v in row.items()})


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a small part only")
    parser.add_argument("--report", action="store_true", help="no computation: report on the CSV files")
    parser.add_argument("--only", choices=("gaussian", "mixture"), help="compute one half, keep the other")
    parser.add_argument(
        "--results", type=Path, default=ROOT / "studies" / "results", help="folder of the CSV"
    )
    parser.add_argument("--docs", type=Path, default=ROOT / "docs", help="folder of solver_table.md")
    args = parser.parse_args(argv)
    plan = QUICK if args.quick else Plan()
    files = args.results / "solver_table.csv", args.results / "solver_table_mixture.csv"
    if not args.report and args.only != "mixture":
        write(files[0], list(gaussian_rows(plan)))
    if not args.report and args.only != "gaussian":
        write(files[1], list(mixture_rows(plan)))
    report.write(*files, args.docs)


if __name__ == "__main__":
    main()
