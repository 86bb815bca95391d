"""Data that are not Gaussian, with an exact denoiser: what designs for the spectrum are worth there.

Mixtures of Gaussians are fitted to real digits (one component per label), to patches of real photographs and to
synthetic sound (one per cluster). The denoiser is their exact posterior mean, which is not linear, and the samples
are compared with the exact moments (Frechet distance) and with exact samples (energy distance).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import _common as common
import _contenders as contenders
import numpy as np

import specsched as ss
from specsched.sources import demo_digits, demo_photographs, demo_sound
from specsched.testing import Estimate, Gaussian, GaussianMixture, bures_distance, energy_distance

DIM = 16
"""The mixtures live on this many principal components."""

SHOWN = {
    "best heuristic": "#222222",
    contenders.TUNED: "#e69f00",
    contenders.FOR_DDIM: "#56b4e9",
    contenders.DESIGNED: "#d55e00",
    contenders.ROBUST: "#009e73",
    contenders.COMPONENTS: "#0072b2",
    contenders.WORST: "#cc79a7",
}


@dataclass(frozen=True)
class Quality:
    """Frechet distances, one per seed, and the energy distance where it was asked for."""

    frechet: np.ndarray
    energy: Estimate | None = None

    @property
    def value(self) -> float:
        return float(self.frechet.mean())

    @property
    def error(self) -> float:
        """Standard error over the seeds."""
        return float(self.frechet.std(ddof=1) / np.sqrt(self.frechet.size))


def labelled_mixture(samples: Any, labels: Any, dim: int = DIM) -> GaussianMixture:
    """One Gaussian per label, on the leading principal components of all samples (their mean kept)."""
    data = np.asarray(samples, dtype=np.float64).reshape(len(samples), -1)
    _, vectors = np.linalg.eigh(np.cov(data, rowvar=False))
    scores = data @ vectors[:, ::-1][:, :dim]
    groups = [scores[labels == label] for label in np.unique(labels)]
    covariances = [np.cov(group, rowvar=False) for group in groups]
    return GaussianMixture(
        [len(group) for group in groups], [group.mean(axis=0) for group in groups], covariances
    )


def _clusters(features: Any, count: int = 8) -> Any:
    from sklearn.cluster import KMeans

    return KMeans(count, n_init=2, random_state=0).fit_predict(features)


def digits() -> GaussianMixture:
    """Ten components, one per digit."""
    return labelled_mixture(*demo_digits())


def photographs() -> GaussianMixture:
    """Eight clusters of gray 8 x 8 patches."""
    patches = demo_photographs(8, stride=8, color="gray")
    patches = patches.reshape(len(patches), -1)
    return labelled_mixture(patches, _clusters(patches))


def sound() -> GaussianMixture:
    """Eight clusters of windows with similar power spectra."""
    windows = demo_sound(128, count=4000)
    power = np.abs(np.fft.rfft(windows, axis=1)) ** 2
    return labelled_mixture(windows, _clusters(np.log(power + 1e-3)))


MIXTURES = {"digits": digits, "photographs": photographs, "sound": sound}


def quality(
    mixture: GaussianMixture,
    schedule: ss.Schedule,
    solver: str,
    *,
    seeds: int = 4,
    count: int = 1000,
    denoiser_error: float = 0.0,
    target: np.ndarray | None = None,
) -> Quality:
    """Frechet distance to the exact moments per seed; with `target` (exact samples) the energy distance, too."""
    goal = mixture.moments()
    runs = [
        mixture.run(
            schedule.sigmas, count, sampler=solver, seed=seed, denoiser_error=denoiser_error, matched=True
        )
        for seed in range(seeds)
    ]
    frechet = [bures_distance(Gaussian(x.mean(axis=0), np.cov(x, rowvar=False)), goal) ** 2 for x in runs]
    energy = None if target is None else energy_distance(np.concatenate(runs), target, batch=count // 2)
    return Quality(np.array(frechet), energy)


def qualities(
    mixture: GaussianMixture, field: contenders.Field, *, seeds: int, count: int, errors: float = 0.0
) -> dict[str, Quality]:
    """The Frechet distance of every schedule of a field."""
    return {
        name: quality(mixture, schedule, field.solver, seeds=seeds, count=count, denoiser_error=errors)
        for name, schedule in field.schedules.items()
    }


def with_best(field: contenders.Field, found: Mapping[str, Quality]) -> dict[str, Quality]:
    """What is shown: the heuristic that happens to be best on the mixture itself, and all that were chosen for it."""
    best = min(field.heuristics, key=lambda name: found[name].value)
    return {"best heuristic": found[best], **{name: found[name] for name in SHOWN if name in found}}


def run(
    data: str, solvers: Sequence[str], budgets: Sequence[int], seeds: int, count: int
) -> dict[tuple[str, int], dict[str, Quality]]:
    """Per solver and number of denoiser calls: the quality of the schedules that are shown."""
    mixture = MIXTURES[data]()
    found = {}
    for solver in solvers:
        for budget in budgets:
            field = contenders.field(mixture.spectrum(), solver, budget, mixture.component_spectra())
            found[solver, budget] = with_best(field, qualities(mixture, field, seeds=seeds, count=count))
    return found


def draw_panel(ax: Any, budgets: Sequence[int], cells: Sequence[Mapping[str, Quality]]) -> None:
    """Frechet distance over denoiser calls, with standard errors."""
    for name, color in SHOWN.items():
        values = [cell[name].value for cell in cells]
        errors = [cell[name].error for cell in cells]
        width = 2.2 if name == contenders.DESIGNED else 1.2
        ax.errorbar(budgets, values, errors, color=color, linewidth=width, capsize=2, label=name)
    ax.set(xscale="log", yscale="log", xlabel="denoiser calls", ylabel="Frechet distance")
    ax.set_xticks(budgets, [str(budget) for budget in budgets])
    ax.minorticks_off()


def main(argv: Sequence[str] | None = None) -> Any:
    args = common.options(
        __doc__ or "",
        "docs/images/fig_mixture_quality.png",
        argv,
        data="digits",
        solvers=["ddim", "dpmpp_2m", "dpmpp_2m_sde"],
        budgets=[5, 8, 12, 20],
        seeds=4,
        count=1000,
    )
    found = run(args.data, args.solvers, args.budgets, args.seeds, args.count)
    title = f"Frechet distance, mixture of {args.data}, mean +- standard error over {args.seeds} seeds"
    shown = list(SHOWN)
    for names in (shown[:4], shown[4:]):  # four columns fit a line
        rows = [
            [solver, budget, *(f"{cell[name].value:.3g} +- {cell[name].error:.1g}" for name in names)]
            for (solver, budget), cell in found.items()
        ]
        common.table(title, ("solver", "calls", *names), rows)
    figure, axes = common.panels(1, len(args.solvers), width=3.2, height=3.0)
    for ax, solver in zip(axes[0], args.solvers, strict=True):
        draw_panel(ax, args.budgets, [found[solver, budget] for budget in args.budgets])
        ax.set_title(f"{solver}, {args.data}")
    common.legend_below(figure, axes[0, 0])
    common.save(figure, args.out)
    return found


if __name__ == "__main__":
    main()
