"""Figure 5: spectral against time-domain evaluation.

The same sampler run on full d x d matrices, nothing diagonalised, gives the same losses; and the schedule
that a plain optimiser finds with them is the one found on the eigenvalues.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import _common as common
import numpy as np
from scipy.optimize import minimize

import specsched as ss
from specsched.testing import Gaussian, bures_distance, gaussian_kl, paper_case, time_domain

PICKED = ("linear", "cosine", "sigmoid", "edm", "exponential")
STEPS = [10, 28, 60, 112]
DDPM_UP_TO = 28  # its matrices grow with the number of noises


def matrix_loss(case: Any, schedule: Any, sampler: str = "ddim", loss: str = "w2") -> float:
    """The loss by matrices: square roots for W2, solves and determinants for KL."""
    data = Gaussian(case.mean, case.covariance)
    out = time_domain(case.covariance, case.mean, schedule, sampler=sampler)
    return bures_distance(out, data) if loss == "w2" else gaussian_kl(data, out)


def matrix_design(case: Any, steps: int, start: Any) -> ss.Schedule:
    """Least W2 over the interior levels by BFGS on the matrices, derivatives by differences."""
    ends = case.sigma_max, case.sigma_min

    def levels(u: np.ndarray) -> np.ndarray:
        return np.concatenate([ends[:1], np.exp(np.sort(u)[::-1]), ends[1:]])

    def objective(u: np.ndarray) -> float:
        return matrix_loss(case, levels(u)) ** 2

    found = minimize(objective, np.log(start[1:-1]), method="BFGS", options={"gtol": 1e-7})
    return ss.Schedule(levels(found.x))


def compare(case: Any, steps: Sequence[int], loss: str) -> list[tuple[str, int, str, str, float, float]]:
    """Schedule, S, sampler, loss, spectral value and matrix value."""
    ends = {"sigma_max": case.sigma_max, "sigma_min": case.sigma_min}
    rows = []
    for count in steps:
        schedules = {name: ss.baselines.make(name, count, **ends) for name in PICKED}
        schedules[common.DESIGNED] = ss.design(
            case.spectrum, count, loss=loss, **ends, target="data"
        ).schedule
        for name, schedule in schedules.items():
            for sampler in ("ddim", "ddpm") if count <= DDPM_UP_TO else ("ddim",):
                spectral = ss.evaluate(case.spectrum, schedule, sampler=sampler, loss=loss, target="data")
                rows.append(
                    (name, count, sampler, loss, spectral, matrix_loss(case, schedule, sampler, loss))
                )
    return rows


def regular(case: Any, least: float = 1e-3) -> Any:
    """The same data plus a little white noise: KL, and accurate matrix roots, need full rank."""
    covariance = case.covariance + least * np.eye(len(case.mean))
    return replace(
        case, covariance=covariance, spectrum=ss.Spectrum.from_covariance(covariance, mean=case.mean)
    )


def covariance_difference(case: Any, steps: int) -> float:
    """Output covariance by matrices against the Fourier basis: cosine schedule, singular data."""
    schedule = ss.baselines.cosine(steps, sigma_max=case.sigma_max, sigma_min=case.sigma_min)
    first_row = np.fft.ifft(ss.transfer(case.spectrum, schedule).variance).real
    spectral = np.stack([np.roll(first_row, k) for k in range(len(first_row))])
    return float(
        np.abs(time_domain(case.covariance, case.mean, schedule).covariance - spectral).max() / spectral.max()
    )


def run(steps: Sequence[int] = STEPS, design_at: int = 8, dim: int = 50) -> dict[str, Any]:
    """Losses both ways, and the design both ways."""
    case = paper_case(dim)
    full_rank = regular(case)
    rows = compare(full_rank, steps, "w2") + compare(full_rank, steps, "kl")
    design = ss.design(
        full_rank.spectrum, design_at, sigma_max=case.sigma_max, sigma_min=case.sigma_min, target="data"
    )
    start = ss.baselines.cosine(design_at, sigma_max=case.sigma_max, sigma_min=case.sigma_min)
    by_matrices = matrix_design(full_rank, design_at, start.sigmas)
    return {
        "rows": rows,
        "largest_difference": max(abs(row[5] / row[4] - 1) for row in rows),
        "covariance_difference": covariance_difference(case, max(steps)),
        "design": design,
        "by_matrices": by_matrices,
        "matrix_design_loss": matrix_loss(full_rank, by_matrices),
        "level_difference": float(np.abs(by_matrices.sigmas / design.schedule.sigmas - 1).max()),
    }


def draw(found: dict[str, Any]) -> Any:
    figure, axes = common.panels(1, 3, width=3.2, height=3.0)
    left, middle, right = axes[0]
    for sampler, marker in (("ddim", "o"), ("ddpm", "x")):
        for name in (*PICKED, common.DESIGNED):
            rows = [row for row in found["rows"] if row[0] == name and row[2] == sampler and row[3] == "w2"]
            points = np.array([row[4:] for row in rows])
            label = name if sampler == "ddim" else None
            left.plot(points[:, 0], points[:, 1], marker, color=common.COLORS[name], ms=5, label=label)
    span = np.array([[row[4], row[5]] for row in found["rows"] if row[3] == "w2"])
    left.plot([span.min(), span.max()], [span.min(), span.max()], color=common.GREY, zorder=0)
    left.set(xscale="log", yscale="log", xlabel=r"$W_2$ from eigenvalues", ylabel=r"$W_2$ from matrices")
    left.set_title("(a) values (o DDIM, x DDPM)")
    common.legend(left)

    kinds = sorted({row[2:4] for row in found["rows"]})
    for place, kind in enumerate(kinds):
        error = [abs(row[5] / row[4] - 1) for row in found["rows"] if row[2:4] == kind]
        middle.semilogy(
            np.full(len(error), place), np.maximum(error, 1e-17), "o", color="#0072b2", ms=4, alpha=0.6
        )
    middle.set_xticks(range(len(kinds)), [f"{sampler}\n{loss}" for sampler, loss in kinds])
    middle.set(
        ylabel="relative difference",
        ylim=(1e-17, 1e-6),
        xlim=(-0.5, len(kinds) - 0.5),
        title="(b) spectral against matrices",
    )

    common.draw_schedules(
        right, {"on eigenvalues": found["design"].schedule}, {"on eigenvalues": common.BLACK}
    )
    place = np.linspace(1, 0, found["by_matrices"].steps + 1)
    right.plot(place, found["by_matrices"].alpha_bar, "o", color="#d55e00", label="on matrices")
    right.set_title(f"(c) designs, S = {found['by_matrices'].steps}")
    common.legend(right)
    return figure


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    args = common.options(
        __doc__ or "", "docs/images/fig5_time_domain.png", argv, steps=STEPS, design_at=8, dim=50
    )
    found = run(args.steps, args.design_at, args.dim)
    rows = [
        [*row, f"{abs(row[5] / row[4] - 1):.1e}"] for row in found["rows"] if row[0] in ("cosine", "designed")
    ]
    header = ("schedule", "S", "sampler", "loss", "eigenvalues", "matrices", "relative difference")
    common.table("The same loss from eigenvalues and from full matrices", header, rows)
    print(
        f"largest relative difference over all {len(found['rows'])} values: {found['largest_difference']:.1e}"
    )
    print(
        f"output covariance of the singular case, relative difference: {found['covariance_difference']:.1e}\n"
    )
    common.table(
        f"Designs at S = {args.design_at}",
        ("designed on", "W2", "largest relative difference of a level"),
        [
            ["eigenvalues", found["design"].loss, "-"],
            ["matrices", found["matrix_design_loss"], f"{found['level_difference']:.1e}"],
        ],
    )
    common.save(draw(found), args.out)
    return found


if __name__ == "__main__":
    main()
