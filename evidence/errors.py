"""How far each schedule ends from a network's own converged solution, on starts that no design has seen:

python -m evidence.errors cifar16_eps --data cifar10_train_jpeg.npz --out evidence/results/errors_cifar16_eps.csv
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

import specsched as ss

from .networks import CHECKPOINTS, Network, load
from .train import samples

SOLVERS = ("dpmpp_2m", "dpmpp_3m", "unipc", "deis", "ipndm", "ddim", "heun")
FIXED_ORDERS = ("dpmpp_2m", "dpmpp_3m", "unipc", "deis", "ipndm")  # rivals of a designed multistep solver
CALLS = (4, 5, 6, 8, 10, 12, 15, 20, 30)
# The family that is tuned in hindsight, on the very starts that judge: powers rho and lowest level over the floor.
POWERS = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0, 10.0, 20.0)
LOWEST = (1.0, 2.0, 4.0)
SAMPLES = 260  # of the training data, for rivals that need a loss: a multiple of the classes


class Tried(NamedTuple):
    """A schedule with the solver that runs over it."""

    schedule: ss.Schedule
    sampler: Any
    seconds: float = 0.0
    spent: int = 0
    """Network calls of one sample that it took to find it."""


class Case(NamedTuple):
    """A network under one guidance scale, with what designs may know of it."""

    network: Network
    guidance: float
    spectrum: ss.Spectrum
    some: torch.Tensor
    """Some training data, whose labels go round the classes."""
    high: float
    floor: float
    seed: int = 1
    """Of the starts that designs may see; those that judge have the next one."""

    def denoiser(self, starts: int) -> Any:
        """The network for `starts` starts, whose labels go round the classes; gradients pass where inputs ask."""
        labels = torch.arange(starts) % self.network.classes if self.network.classes else None

        def denoise(y: torch.Tensor, sigma: Any, index: np.ndarray) -> torch.Tensor:
            rows = None if labels is None else labels[torch.as_tensor(index)]
            level = torch.as_tensor(sigma, dtype=torch.float64).reshape(-1)
            return self.network.denoise(y, level.expand(len(y)), rows, self.guidance)

        return denoise

    def noise(self, starts: int, seed: int) -> torch.Tensor:
        """Standard normal starts."""
        return torch.randn(starts, *self.network.shape, generator=torch.Generator().manual_seed(seed))


def asked_once(denoise: Any, high: float) -> Any:
    """The denoiser, asked once for what every run asks first: its start's prediction at the highest level."""
    known: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def first(y: torch.Tensor, sigma: Any, index: np.ndarray) -> torch.Tensor:
        if not bool((torch.as_tensor(sigma) == high).all()):
            return denoise(y, sigma, index)
        starts = [int(i) for i in np.asarray(index)]
        place = {start: row for row, start in enumerate(starts) if start not in known}
        if place:
            rows = list(place.values())
            level = torch.as_tensor(sigma).reshape(-1)
            found = denoise(y[rows], level if len(level) == 1 else level[rows], np.array(list(place)))
            known.update({start: (y[row], d) for (start, row), d in zip(place.items(), found, strict=True)})
        if not all(torch.equal(y[row], known[start][0]) for row, start in enumerate(starts)):
            return denoise(y, sigma, index)
        return torch.stack([known[start][1] for start in starts])

    return first


def steps_of(solver: str, calls: int) -> int:
    """Steps that a budget of network calls allows; Heun needs two a step, but for the last."""
    return (calls + 1) // 2 if solver == "heun" else calls


def edm_family(case: Case, steps: int) -> Iterator[tuple[str, ss.Schedule]]:
    """Members of the family of Karras et al. (2022) over its power and its lowest level."""
    for low in LOWEST:
        for power in POWERS:
            # One step less and then 0: the lowest level is where the last step starts.
            levels = np.linspace(case.high ** (1 / power), (low * case.floor) ** (1 / power), steps) ** power
            levels[0], levels[-1] = case.high, low * case.floor
            yield f"edm rho {power:g} low {low:g}", ss.Schedule([*levels, 0.0])


def heuristics(case: Case, steps: int) -> dict[str, ss.Schedule]:
    """Every baseline between the ends of the network, with default parameters."""
    return ss.baselines.all_schedules(steps, sigma_max=case.high, sigma_min=0.0, sigma_floor=case.floor)


def candidates(case: Case, solver: str, calls: int, designs: Any, tuned: bool) -> dict[str, Tried]:
    """All that is tried in one cell."""
    steps = steps_of(solver, calls)
    found = {f"heuristic: {name}": Tried(s, solver) for name, s in heuristics(case, steps).items()}
    if tuned:
        found |= {f"tuned: {name}": Tried(s, solver) for name, s in edm_family(case, steps)}
    return found | designs(case, solver, steps)


def predicted(case: Case, one: Tried) -> float:
    """Error per value of a Gaussian with the data's spectrum, denoised exactly: no network has been asked."""
    loss = ss.evaluate(case.spectrum, one.schedule, sampler=one.sampler)
    return loss / float(np.sqrt(case.some[0].numel()))


def measure(
    case: Case,
    cells: list[tuple[str, int]],
    designs: Any,
    starts: int,
    batch: int,
    tuned: bool = True,
    known: Iterable[dict[str, Any]] = (),
) -> list[dict[str, Any]]:
    """Rows of the table for one network and guidance scale, but for those `known`: a cell is a solver and calls."""
    have = {key_of(row) for row in known if float(row["guidance"]) == case.guidance}
    tried: dict[str, Tried] = {}
    for solver, calls in cells:
        for name, one in candidates(case, solver, calls, designs, tuned).items():
            if (key := f"{solver}|{calls}|{name}") not in have:
                tried[key] = one
    if not tried:
        return []
    trial = ss.trial(
        tried,
        asked_once(case.denoiser(starts), case.high),
        case.noise(starts, case.seed + 1),
        sigma_floor=case.floor,
        recording=designs.recording,
        batch_size=batch,
        progress=True,
    )
    rows = []
    columns = (trial.names, trial.errors, trial.standard_errors, trial.predicted)
    for key, error, deviation, recorded in zip(*columns, strict=True):
        solver, calls, name = key.split("|")
        rows.append(
            {
                "guidance": case.guidance,
                "solver": solver,
                "calls": int(calls),
                "schedule": name,
                "rmse": f"{error:.5g}",
                "standard_error": f"{deviation:.2g}",
                "predicted": f"{predicted(case, tried[key]):.4g}",
                "recorded": f"{recorded:.4g}",
                "reference_error": f"{trial.reference_error:.2g}",
                "seconds": f"{tried[key].seconds:.2g}",
                "spent": tried[key].spent,
            }
        )
    return rows


def key_of(row: dict[str, Any]) -> str:
    """What a row is of, within one network and guidance scale."""
    return f"{row['solver']}|{row['calls']}|{row['schedule']}"


def case_of(name: str, guidance: float, path: Path | None, folder: Path) -> Case:
    """A network of the evidence with its spectrum, some of its data and the ends of its levels."""
    network = load(name, folder)
    x, labels = samples(network.recipe, path)
    spectrum = ss.Spectrum.from_samples(x.reshape(len(x), -1))
    classes = max(network.classes, 1)
    turns = [
        np.flatnonzero(labels == c)[: SAMPLES // classes] if network.classes else np.arange(SAMPLES)
        for c in range(classes)
    ]
    some = np.stack([turn[: min(map(len, turns))] for turn in turns], axis=1).ravel()
    low, high = network.sigma_range
    return Case(network, guidance, spectrum, torch.from_numpy(x[some]), float(high), float(low))


def read(path: Path) -> list[dict[str, Any]]:
    """Rows that `write` wrote, as text."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    """One row a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def main() -> None:
    from . import quick
    from .designs import EQUAL_TO, RECORDED_STARTS, REFINED, Designs

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--out", type=Path, help="a CSV file for the rows")
    parser.add_argument("--append", action="store_true", help="to the file, what it lacks")
    parser.add_argument("--checkpoints", type=Path, default=CHECKPOINTS)
    parser.add_argument("--guidance", type=float, nargs="+", default=[1.0])
    parser.add_argument("--solvers", nargs="+", default=list(SOLVERS))
    parser.add_argument("--calls", type=int, nargs="+", default=list(CALLS))
    parser.add_argument("--starts", type=int, default=16)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument(
        "--refine", type=int, default=0, help="largest number of calls whose schedules are refined"
    )
    parser.add_argument("--refine-from", nargs="+", default=list(REFINED), help="designs that are refined")
    parser.add_argument("--rivals", nargs="*", default=[], help="of evidence.rivals.NAMES, or 'all'")
    parser.add_argument(
        "--recorded", type=int, default=RECORDED_STARTS, help="starts that are recorded and refined on"
    )
    parser.add_argument("--seed", type=int, default=1, help="of these starts; those that judge have the next")
    parser.add_argument("--keep", type=Path, help="a folder for the refined designs")
    parser.add_argument(
        "--quick", action="store_true", help="a small grid of its own; fails where a direction is not met"
    )
    args = parser.parse_args()
    if args.quick:
        case = case_of(args.name, 1.0, args.data, args.checkpoints)
        designs = Designs(case, quick.REFINE_UP_TO, quick.RIVALS)
        rows = measure(case, list(quick.CELLS), designs, quick.STARTS, quick.STARTS, tuned=False)
        raise SystemExit(quick.report(rows))
    if args.out is None:
        parser.error("--out must name a file, or give --quick")
    rows = read(args.out) if args.append and args.out.exists() else []
    for guidance in args.guidance:
        case = case_of(args.name, guidance, args.data, args.checkpoints)._replace(seed=args.seed)
        spent = {
            int(row["calls"]): int(row["spent"])
            for row in rows
            if row["schedule"] == EQUAL_TO and float(row["guidance"]) == guidance
        }
        options = (args.refine, args.rivals, args.recorded, args.keep, args.refine_from, spent)
        designs = Designs(case, *options)
        for solver in args.solvers:  # written after each: a run of hours may be stopped and resumed
            cells = [(solver, calls) for calls in args.calls]
            rows += measure(case, cells, designs, args.starts, args.batch, known=rows)
            write(args.out, rows)


if __name__ == "__main__":
    main()
