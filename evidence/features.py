"""Distances in the features of a classifier that is trained here, and pictures of the same seeds:

python -m evidence.features digits --count 4000 --out evidence/results/features_digits.csv

The features are the last hidden layer of a small convolutional classifier, so the Frechet distance is no FID. Samples
of each schedule are compared with data that the classifier has not seen (the denoiser has: no network of the evidence
keeps data back) and with the network's own converged samples from the same starts. The seeds, so that a chance in
the starts falls on all alike, are the same for every schedule.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import specsched as ss
from specsched.models.reference import SOLVER, fine_schedule
from specsched.testing.gaussians import squared_bures

from .designs import EQUAL_TO
from .errors import Case, Tried, case_of, edm_family, heuristics, steps_of, write
from .networks import CHECKPOINTS
from .pictures import picture
from .rivals import EQUAL_CALLS, NAMES, Known, chosen
from .tables.cells import EDM, Cell, Key, best_fixed, cells, least
from .train import samples

RESULTS = Path(__file__).parent / "results"
WIDTH = 32  # features: a covariance of so many needs some hundred samples
SEED = 5
REFERENCE_LEVELS = 48  # errs by 1 % of what 8 calls err
BATCH = 100


class Classifier(nn.Module):
    """Three convolutions and two linear layers, the first of which gives the features."""

    def __init__(self, shape: tuple[int, ...], classes: int) -> None:
        super().__init__()
        channels, height, width = shape
        self.body = nn.Sequential(
            nn.Conv2d(channels, 32, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(32, 64, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(64, 64, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(64 * (height // 4) * (width // 4), WIDTH),
        )
        self.last = nn.Linear(WIDTH, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.body(x).relu())

    def features(self, x: Tensor) -> np.ndarray:
        """(n, WIDTH) in float64."""
        with torch.no_grad():
            return torch.cat([self.body(part) for part in x.split(500)]).double().numpy()


def fit(x: Tensor, labels: Tensor, seen: int) -> Classifier:
    """A classifier after `seen` samples, drawn in epochs."""
    torch.manual_seed(SEED)
    classifier = Classifier(tuple(x.shape[1:]), int(labels.max()) + 1)
    optimiser = torch.optim.Adam(classifier.parameters(), lr=2e-3)
    order = torch.cat([torch.randperm(len(x)) for _ in range(-(-seen // len(x)))])[:seen]
    for rows in order.split(BATCH):
        loss = nn.functional.cross_entropy(classifier(x[rows]), labels[rows])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return classifier.eval().requires_grad_(False)


def frechet(one: np.ndarray, other: np.ndarray) -> float:
    """Squared 2-Wasserstein distance of the Gaussians with the means and covariances of two sets (n, d)."""
    moments = [(x.mean(axis=0), np.cov(x, rowvar=False)) for x in (one, other)]
    return squared_bures(*moments[0], *moments[1])


def energy(one: np.ndarray, other: np.ndarray) -> float:
    """Energy distance 2 E|x - y| - E|x - x'| - E|y - y'| of two sets (n, d) (Szekely & Rizzo 2013).

    That of the sets as they are, pairs of a sample with itself included: never negative, and 0 for equal sets.
    """

    def mean(a: np.ndarray, b: np.ndarray) -> float:
        total, lengths = 0.0, (b**2).sum(axis=1)
        for some in np.array_split(a, -(-len(a) // 1000)):  # 10,000 by 10,000 would take gigabytes
            squares = (some**2).sum(axis=1)[:, None] + lengths - 2 * some @ b.T
            total += float(np.sqrt(squares.clip(min=0)).sum())
        return total / (len(a) * len(b))

    return max(0.0, 2 * mean(one, other) - mean(one, one) - mean(other, other))


def draw(case: Case, noise: Tensor, one: Tried) -> Tensor:
    """Samples from these starts, whose labels go round the classes."""
    parts = []
    for some in noise.split(BATCH):
        parts.append(ss.sample(case.denoiser(len(some)), some, one.schedule, sampler=one.sampler))
    return torch.cat(parts)


def of_row(case: Case, row: dict[str, Any]) -> Tried:
    """The untuned or tuned schedule of a row of the table of errors, with its solver."""
    steps = steps_of(row["solver"], int(row["calls"]))
    known = dict(edm_family(case, steps)) | heuristics(case, steps)
    return Tried(known[row["schedule"].split(": ")[1]], row["solver"])


def schedules(
    case: Case, name: str, calls: int, found: dict[Key, Cell], results: Path
) -> Iterator[tuple[str, Tried]]:
    """EDM, the best that the table of errors found without a design, designs, and what was refined and kept."""
    ends = {"sigma_max": case.high, "sigma_floor": case.floor}
    key = (name, case.guidance, "dpmpp_2m", calls)
    yield "EDM (rho 7)", of_row(case, found[key][EDM])
    yield "tuned", of_row(case, least(found[key], "tuned: "))
    yield "best fixed solver", of_row(case, best_fixed(found, key)[1])
    design = ss.design(case.spectrum, calls, sampler="dpmpp_2m", **ends)
    yield "spectrum", Tried(design.schedule, "dpmpp_2m")
    free = ss.design(case.spectrum, calls, sampler=ss.samplers.Multistep(order=3), **ends)
    yield "designed solver, spectrum", Tried(free.schedule, free.sampler)
    for kind in ("spectrum", "designed solver, spectrum", "designed solver, recording"):
        words = [f"{case.guidance:g}", str(calls), *kind.replace(",", "").split()]
        path = results / "refined" / name / ("_".join(words) + ".json")
        if not path.exists():  # not every design has been refined on every network
            continue
        kept = ss.Schedule.load(path)
        yield f"{kind}, refined", Tried(kept, ss.samplers.from_saved(kept.made_for["sampler"]))


def of_rivals(known: Known, names: list[str], calls: int, cell: Cell) -> Iterator[tuple[str, Tried]]:
    """What published methods choose; those with equal calls have as many as refining took in this cell."""
    equal = int(cell[EQUAL_TO]["spent"]) if EQUAL_TO in cell else None
    for name in names:
        if equal or not name.endswith(EQUAL_CALLS):
            yield f"rival: {name}", Tried(*chosen(known, name, "dpmpp_2m", calls, equal))


def measure(
    case: Case, tried: Iterable[tuple[str, int, Tried]], count: int, classifier: Classifier, data: Tensor
) -> tuple[list[dict[str, Any]], list[Tensor]]:
    """Rows of the table, and the first samples of each for the picture: converged, then each title with its calls."""
    noise = case.noise(count, SEED)
    fine = Tried(fine_schedule(case.high, case.floor, REFERENCE_LEVELS), SOLVER)
    own = draw(case, noise, fine)
    real, converged = classifier.features(data), classifier.features(own)
    rows: list[dict[str, Any]] = []
    shown: list[Tensor] = []

    def add(title: str, calls: int, x: Tensor) -> None:
        found = classifier.features(x)
        if not title.startswith("rival: "):
            shown.append(x[:10])
        rows.append(
            {
                "schedule": title,
                "calls": calls,
                "frechet_data": f"{frechet(found, real):.4g}",
                "energy_data": f"{energy(found, real):.4g}",
                "frechet_converged": f"{frechet(found, converged):.4g}",
                "energy_converged": f"{energy(found, converged):.4g}",
                "samples": count,
            }
        )
        print(" ".join(map(str, rows[-1].values())), flush=True)

    add("converged", REFERENCE_LEVELS, own)
    for title, calls, one in tried:
        add(title, calls, draw(case, noise, one))
    return rows, shown


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--results", type=Path, default=RESULTS, help="where errors and refined designs lie")
    parser.add_argument("--checkpoints", type=Path, default=CHECKPOINTS)
    parser.add_argument("--calls", type=int, nargs="+", default=[5, 8])
    parser.add_argument("--rivals", nargs="*", choices=NAMES, default=[])
    parser.add_argument("--count", type=int, default=1000, help="a multiple of 100")
    parser.add_argument("--seen", type=int, default=60_000, help="samples that train the classifier")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--picture", type=Path, help="a PNG: converged, then schedules, a row each")
    args = parser.parse_args()
    case = case_of(args.name, 1.0, args.data, args.checkpoints)
    x, labels = map(torch.from_numpy, samples(case.network.recipe, args.data))
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(SEED))
    held = order[: min(len(x) // 4, 5 * args.count)]
    rest = order[len(held) :]
    classifier = fit(x[rest], labels[rest], args.seen)
    right = (classifier(x[held]).argmax(dim=1) == labels[held]).float().mean()
    print(f"classifier: {100 * right:.1f} % of {len(held)} held-out samples right", flush=True)
    known, found = Known(case.denoiser, case.some, case.high, case.floor), cells(args.results)
    tried = (
        (title, calls, one)
        for calls in args.calls
        for title, one in (
            *schedules(case, args.name, calls, found, args.results),
            *of_rivals(known, args.rivals, calls, found[args.name, 1.0, "dpmpp_2m", calls]),
        )
    )
    rows, shown = measure(case, tried, args.count, classifier, x[held])
    write(args.out, rows)
    if args.picture:
        from PIL import Image

        Image.fromarray(picture(case.network, torch.cat(shown))).save(args.picture)


if __name__ == "__main__":
    main()
