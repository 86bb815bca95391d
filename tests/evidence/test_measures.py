"""Feature distances against what is known, and the page's tables against the rows they come from."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra 'evidence'")
sys.path.insert(0, str(Path(__file__).parents[2]))

from evidence import errors, features, tables  # noqa: E402 (the folder is no installed package)
from evidence.tables.cells import best_fixed, cells, least  # noqa: E402

import specsched as ss  # noqa: E402


def test_the_frechet_distance_of_sets_with_known_moments() -> None:
    """Rotated axes: both covariances diagonal in the same ones, where the distance is that of the deviations."""
    random = np.random.default_rng(0)
    white = random.standard_normal((500, 3))
    white -= white.mean(axis=0)
    white = white @ np.linalg.inv(np.linalg.cholesky(np.cov(white, rowvar=False))).T
    axes = np.linalg.qr(random.standard_normal((3, 3)))[0]
    first, second, shift = np.array([1.0, 2.0, 0.1]), np.array([1.5, 0.5, 0.1]), np.array([1.0, -1.0, 0.5])
    found = features.frechet(white * first @ axes.T, white * second @ axes.T + shift)
    assert found == pytest.approx(((first - second) ** 2).sum() + (shift**2).sum(), rel=1e-9)


def test_the_energy_distance_is_that_of_a_sum_over_pairs() -> None:
    random = np.random.default_rng(1)
    one, other = random.standard_normal((7, 2)), random.standard_normal((5, 2)) + 1

    def mean(pairs: list[float]) -> float:
        return float(np.mean(pairs))

    cross = mean([float(np.linalg.norm(a - b)) for a in one for b in other])
    own = [mean([float(np.linalg.norm(a - b)) for a in x for b in x]) for x in (one, other)]
    assert features.energy(one, other) == pytest.approx(2 * cross - sum(own), abs=1e-6)
    assert features.energy(one, one[::-1]) == pytest.approx(0.0, abs=1e-6)


def test_a_classifier_learns_what_can_be_told_apart() -> None:
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(400) % 2
    x = 0.3 * torch.randn(400, 1, 8, 8, generator=generator) + (2.0 * labels - 1).view(-1, 1, 1, 1)
    classifier = features.fit(x, labels, 2000)
    assert float((classifier(x).argmax(dim=1) == labels).float().mean()) > 0.99
    assert classifier.features(x).shape == (400, features.WIDTH)


def test_calls_needed_lie_on_the_line_between_two_in_logs() -> None:
    curve = [(5, 0.08), (10, 0.02), (20, 0.005)]
    assert tables.needed(curve, 0.01) == f"{10 * 2**0.5:.1f}"
    assert tables.needed(curve, 0.001) == "over 20"
    assert tables.needed(curve, 0.1) == "under 5"


def row(schedule: str, rmse: float, solver: str = "dpmpp_2m") -> dict[str, str]:
    """A row of a table of errors, 8 calls without guidance."""
    texts = {"guidance": "1.0", "solver": solver, "calls": "8", "schedule": schedule}
    return {**texts, "rmse": f"{rmse:g}", "reference_error": "0.001", "predicted": "1", "recorded": "1"}


def test_targets_count_the_cells_that_keep_a_limit(tmp_path: Path) -> None:
    """Of two cells one is within 1.05, both within 1.25, and one beyond the reference's own error is left out."""
    for network, tuned, recording in [
        ("digits", 0.1, 0.104),
        ("latents", 0.1, 0.12),
        ("cifar32", 0.002, 9.0),
    ]:
        kinds = {"tuned: edm": tuned, "heuristic: edm": 0.2, "recording": recording, "spectrum": 0.1}
        errors.write(tmp_path / f"errors_{network}.csv", [row(n, e) for n, e in kinds.items()])
    lines = [line for line in tables.TABLES["targets"](tmp_path).splitlines() if "recording / tuned" in line]
    assert [line.split(" | ")[1:] for line in lines] == [
        ["1.05", "75 %", "1/1", "0/1", "", "1/2", "*no* |"],
        ["1.25", "95 %", "1/1", "1/1", "", "2/2", "yes |"],
    ]


def test_a_designed_solver_is_judged_where_every_fixed_one_was_tried(tmp_path: Path) -> None:
    rows = [row("tuned: edm", 0.2 + 0.1 * k, s) for k, s in enumerate(errors.FIXED_ORDERS)]
    rows += [row("heuristic: edm", 0.5, s) for s in errors.FIXED_ORDERS]
    rows += [row("designed solver, recording", 0.17)]
    asked = "solver, recording / best fixed"
    for count, told in [(len(rows), ["1/1"] * 2), (len(rows) - 2, [])]:
        errors.write(
            tmp_path / "errors_digits.csv", [r for r in rows if count == len(rows) or r["solver"] != "ipndm"]
        )
        lines = [line for line in tables.TABLES["targets"](tmp_path).splitlines() if asked in line]
        assert [line.split(" | ")[3] for line in lines] == told


def test_refined_solvers_are_judged_beside_rivals_in_features(tmp_path: Path) -> None:
    errors.write(tmp_path / "errors_digits.csv", [row("tuned: edm", 0.2), row("heuristic: edm", 0.5)])
    columns = ("frechet_converged", "energy_converged")
    names = {
        "rival: GITS": 1.0,
        "rival: LD3": 0.8,
        "designed solver, spectrum, refined": 0.82,
        "spectrum": 0.1,
    }
    of = [{"schedule": n, "calls": 5, **dict.fromkeys(columns, v)} for n, v in names.items()]
    errors.write(tmp_path / "features_digits.csv", of)
    lines = [line for line in tables.TABLES["targets"](tmp_path).splitlines() if "/ published" in line]
    assert [line.split(" | ")[1:4:2] for line in lines] == [["1", "0/1"], ["1.05", "1/1"]] * 2


def test_features_are_of_the_best_schedule_that_is_no_design(tmp_path: Path) -> None:
    spectrum, nothing = ss.Spectrum([1.0]), torch.zeros(1, 1, 8, 8)
    case = errors.Case(None, 1.0, spectrum, nothing, 80.0, 0.002)  # type: ignore[arg-type]
    rows = [row("tuned: edm rho 3 low 2", 0.3), row("heuristic: ays_svd", 0.2), row("spectrum", 0.1)]
    rows += [row("tuned: edm rho 5 low 1", 0.25, "heun"), row("heuristic: edm", 0.15, "heun")]
    key: tuple[str, float, str, int] = ("digits", 1.0, "dpmpp_2m", 8)
    errors.write(tmp_path / "errors_digits.csv", rows)
    found = cells(tmp_path)
    family = dict(errors.edm_family(case, 8))
    tuned = features.of_row(case, least(found[key], "tuned: "))
    assert tuned == errors.Tried(family["edm rho 3 low 2"], "dpmpp_2m")
    best = features.of_row(case, best_fixed(found, key)[1])
    assert best.sampler == "heun"
    assert best.schedule == errors.heuristics(case, 4)["edm"]  # two calls a step


def test_what_every_run_asks_first_is_asked_once() -> None:
    asked = []

    def denoise(y: torch.Tensor, sigma: float, index: np.ndarray) -> torch.Tensor:
        asked.append((float(torch.as_tensor(sigma).reshape(-1)[0]), len(y)))
        return y / (1 + torch.as_tensor(sigma).reshape(-1, 1) ** 2)

    first, noise = errors.asked_once(denoise, 5.0), torch.randn(6, 2)
    index = np.array([0, 1, 2, 0, 1, 2])
    y = noise[index]
    torch.testing.assert_close(first(y, 5.0, index), y / 26, rtol=0, atol=0)
    torch.testing.assert_close(first(noise[1:4], 5.0, np.arange(1, 4)), noise[1:4] / 26, rtol=0, atol=0)
    assert asked == [(5.0, 3), (5.0, 1)]
    other = first(y + 1, 5.0, index)  # another state of the same start is no first call
    torch.testing.assert_close(other, (y + 1) / 26, rtol=0, atol=0)
    first(y, torch.full((6,), 4.0), index)
    assert asked[2:] == [(5.0, 6), (4.0, 6)]


@pytest.mark.parametrize("page", tables.PAGES, ids=lambda page: page.name)
def test_pages_have_the_tables_of_the_committed_rows(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert tables.written(text, tables.RESULTS) == text
    assert text.count("<!-- end -->") >= 1
