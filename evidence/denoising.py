"""How far trained networks are from the Gaussian denoiser: python -m evidence.denoising NAME ... --data PATH

For each noise level r, over pairs of a sample x and its noisy y = x + r e, with the best affine denoiser G of the
data's mean and covariance (whose loss is the posterior's spread, S = sum of lambda r^2 / (lambda + r^2)):
`loss`      E|x - D|^2 / S: below 1 the network knows more than the covariance;
`eta`       sqrt(E|x - D|^2 / S - 1), the network's error as a fraction of the posterior's spread, if that were all
            that separates it from G; negative where the network is better than G (the root of what it gains);
`distance`  sqrt(E|D - G|^2 / S): what a model of the network as G misses, knowledge and error together;
`error`     E<D - G, D - x> / S with its root's sign kept: the part of the distance that does not lower the loss. It
            is 0 for the conditional mean and eta for G plus independent noise, but blind to what was not learned.
Each has a standard error from the same pairs.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np
import torch

from .networks import CHECKPOINTS, Network, load
from .train import samples

COLUMNS = ("network", "labels", "r", "spread", "loss", "loss_se", "eta", "distance", "error", "error_se")


def root(value: float) -> float:
    """Square root that keeps the sign."""
    return float(np.sign(value) * np.sqrt(abs(value)))


class Gaussian:
    """The affine denoiser of some data: mean, axes and variances lambda of its covariance."""

    def __init__(self, x: np.ndarray) -> None:
        flat = x.reshape(len(x), -1).astype(np.float64)
        self.mean = flat.mean(axis=0)
        variances, self.axes = np.linalg.eigh(np.cov(flat, rowvar=False))
        self.variances = variances.clip(min=0)

    def spread(self, r: float) -> float:
        return float((self.variances * r**2 / (self.variances + r**2)).sum())

    def denoise(self, y: np.ndarray, r: float) -> np.ndarray:
        slope = self.variances / (self.variances + r**2)
        return self.mean + ((y - self.mean) @ self.axes * slope) @ self.axes.T


def measure(
    network: Network, gaussian: Gaussian, x: np.ndarray, labels: np.ndarray | None, r: float, seed: int
) -> dict[str, float]:
    """The columns above at one level; x is (n, ...), labels (n,) or None."""
    noise = np.random.default_rng(seed).standard_normal(x.shape)
    y = x + r * noise
    guess = []
    for part in np.array_split(np.arange(len(x)), -(-len(x) // 250)):
        names = None if labels is None else torch.from_numpy(labels[part])
        guess.append(network.denoise(torch.from_numpy(y[part]).float(), r, names).double().numpy())
    flat = [z.reshape(len(x), -1) for z in (x, y, np.concatenate(guess))]
    affine = gaussian.denoise(flat[1], r)
    gain = flat[2] - affine
    spread = gaussian.spread(r)
    excess = (gain * (flat[2] - flat[0] + affine - flat[0])).sum(axis=1) / spread  # |D - x|^2 - |G - x|^2
    error = (gain * (flat[2] - flat[0])).sum(axis=1) / spread
    half = float(error.std() / np.sqrt(len(x)))
    return {
        "r": r,
        "spread": spread,
        "loss": 1 + float(excess.mean()),
        "loss_se": float(excess.std() / np.sqrt(len(x))),
        "eta": root(float(excess.mean())),
        "distance": float(np.sqrt((gain**2).sum(axis=1).mean() / spread)),
        "error": root(float(error.mean())),
        "error_se": half / max(2 * abs(root(float(error.mean()))), half**0.5),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="+")
    parser.add_argument("--data", help="the CIFAR-10 archive (evidence/README.md)")
    parser.add_argument("--checkpoints", type=Path, default=CHECKPOINTS)
    parser.add_argument("--pairs", type=int, default=1000, help="noisy samples a level")
    parser.add_argument("--levels", type=int, default=12)
    parser.add_argument("--out", type=Path, help="a CSV file for the table")
    args = parser.parse_args()
    rows = []
    print("network labels " + " ".join(f"{name:>8s}" for name in COLUMNS[2:]))
    for name in args.names:
        network = load(name, args.checkpoints)
        x, labels = samples(network.recipe, args.data)
        gaussian = Gaussian(x)
        pick = np.random.default_rng(0).permutation(len(x))[: args.pairs]
        for labelled in (False, True) if network.classes else (False,):
            mine = []
            for i, r in enumerate(np.geomspace(*network.sigma_range, args.levels)):
                known = labels[pick] if labelled else None
                mine.append(measure(network, gaussian, x[pick].astype(np.float64), known, float(r), seed=i))
                print(
                    name,
                    "yes" if labelled else "no ",
                    " ".join(f"{v:8.4g}" for v in mine[-1].values()),
                    flush=True,
                )
            rows += [{"network": name, "labels": int(labelled), **row} for row in mine]
    if args.out:
        with args.out.open("w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(
                {k: f"{v:.5g}" if isinstance(v, float) else v for k, v in row.items()} for row in rows
            )


if __name__ == "__main__":
    main()
