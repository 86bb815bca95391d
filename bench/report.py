"""Page, picture and README table of the benchmarks, from the figures that `speed.py` keeps.

python bench/report.py
"""

from __future__ import annotations

import json
from pathlib import Path

from report_picture import picture
from report_targets import Figures, best_other, duration, ours_of, targets
from speed import FIGURES, Row, find_row

DOCS = Path(__file__).parent.parent / "docs"
TITLES = {"jax": "JAX", "torch": "PyTorch"}

LEGEND = [
    "W2 distance and its gradient by all levels, float64: least time / median / mean processor time on both cores",
    "together (least time as a multiple of ours). *Every eigenvalue*: our kernels without panels.",
    "",
]


# ---- tables


def _table(rows: list[Row], sizes: list[tuple[int, int]]) -> list[str]:
    """Least and median time of every contender, and how many times ours the least is."""
    lines = ["| | " + " | ".join(f"{d} x {s}" for d, s in sizes) + " |", "|---|" + "---|" * len(sizes)]
    for who in dict.fromkeys(row["who"] for row in rows):
        cells = []
        for dim, steps in sizes:
            row = find_row(rows, who, dim=dim, steps=steps)
            ratio = row["least"] / ours_of(rows, dim=dim, steps=steps)["least"]
            cells.append(
                f"{duration(row['least'])} / {duration(row['median'])} / {duration(row['processor'])} ({ratio:.3g})"
            )
        lines.append(f"| {who} | " + " | ".join(cells) + " |")
    return lines


def _design_table(figures: Figures, case: str) -> list[str]:
    lines = [
        "| S | ours: least / median | loss | iterations | SciPy | its time (ratio) | loss | iterations |",
        "|---|---|---|---|---|---|---|---|",
    ]
    own = figures["designs"] + figures["many_steps"]
    for steps in sorted({row["steps"] for row in own if row["case"] == case}):
        ours = ours_of(own, case=case, steps=steps)
        times = f"{duration(ours['least'])} / {duration(ours['median'])}"
        start = f"| {steps} | {times} | {ours['loss']:.9g} | {ours['iterations']} "
        rivals = [r for r in figures["scipy"] if r["case"] == case and r["steps"] == steps]
        for rival in rivals:
            lines.append(
                f"{start}| {rival['who']} | {duration(rival['least'])} ({rival['least'] / ours['least']:.0f}) "
                f"| {rival['loss']:.9g} | {rival['iterations']} |"
            )
            start = "| | | | "
        if not rivals:
            lines.append(start + "| | | | |")
    return lines


def _thread_table(rows: list[Row]) -> list[str]:
    lines = ["| | size | 1 thread | 2 threads | gain |", "|---|---|---|---|---|"]
    for who in ("specsched", "numba", "torch"):
        for dim in (3072, 65536):
            one, two = (find_row(rows, who, dim=dim, threads=n)["least"] for n in (1, 2))
            lines.append(f"| {who} | {dim} x 112 | {duration(one)} | {duration(two)} | {one / two:.2f} |")
    return lines


def _notes(figures: Figures) -> list[str]:
    """What bounds the figures."""
    plain_one = find_row(figures["kernels"], "every eigenvalue, 1 thread", dim=3072, steps=112)["least"]
    plain_two = find_row(figures["kernels"], "every eigenvalue, 2 threads", dim=3072, steps=112)["least"]
    numba_kernel = find_row(figures["kernels"], "numba", dim=3072, steps=112)["least"]
    ours = ours_of(figures["kernels"], dim=3072, steps=112)["least"]
    two_m = find_row(figures["multistep"], "every eigenvalue, 2 threads", dim=3072, steps=20)["least"]
    pure = next(r for r in figures["scipy"] if r["case"] == "synthetic" and r["steps"] == 112)
    rivals = [r for r in figures["scipy"] if r["case"] == "photographs" and r["steps"] == 112]
    best, slowest = (f(rivals, key=lambda row: row["least"]) for f in (min, max))
    photos = ours_of(figures["designs"], case="photographs", steps=112)
    few, many = (ours_of(figures["many_steps"], case="synthetic", steps=s) for s in (1000, 2000))
    scanned = duration(figures["scan"][0]["processor"] / figures["scan"][0]["count"])
    needed = duration((1000 * photos["least"] - pure["least"]) / best["iterations"])
    plain = f"{_each(plain_one, 3072, 112)} per eigenvalue and step on one thread, {_each(plain_two, 3072, 112)} on two"
    whole = f"({duration(plain_two)}, {plain_two / ours:.1f} times the time by nodes)"
    engine = f"{_each(two_m, 3072, 20)} per eigenvalue and step ({duration(two_m)})"
    by_hand, numpy = best["least"] / photos["least"], slowest["least"] / photos["least"]
    bound = duration(best["least"] / 1000)
    text = f"""## What bounds them

- **3072 x 112.** Sampler and loss run on some 150 nodes whose weights the spectrum keeps (docs/panels.md): more
  eigenvalues cost nothing more, and one thread is enough. On every eigenvalue the kernels take
  {plain}
  {whole}: 1.4 times what their multiplications take (docs/kernels.md).
- **A fused loop by hand comes next.** numba's peer is written like our kernel, blocks of lanes and one division
  for two reciprocals: {duration(numba_kernel)}. Whoever writes that has most of the kernel's speed, though not that
  of nodes and designs.
- **DPM-Solver++(2M).** On every eigenvalue, with two threads, {engine}:
  the engine runs any solver as a linear program over registers, while JAX compiles this one recurrence.
- **SLSQP.** On 50 eigenvalues, where a gradient costs next to nothing, 112 steps take it {duration(pure["least"])}:
  its own linear algebra. On photographs the rest is the gradient: {by_hand:.0f} times our time with numba's by hand,
  {numpy:.0f} with NumPy's. A thousand times our time would take a gradient of {needed} a call, or a design of
  {bound}, less than one gradient by hand. All find the same optimum.
- **Small designs of large spectra.** Below 28 steps SLSQP with numba is as quick as we are: most of our time is
  the compression of a new spectrum, which a few gradients by hand undercut. A spectrum is compressed once and kept.
- **Many steps.** On the synthetic case S = 2000 takes {many["iterations"]} iterations where S = 1000 takes
  {few["iterations"]}: there the last step begins to open (docs/design.md, section 3).
- **Scans.** A design of 10 steps for 50 eigenvalues takes {scanned} of processor time: some 90 losses, a quarter of
  them with gradients, of the baselines, of places for the last levels and of four descents with some 18 Newton
  steps in all; a sixth of the time is Python's. These losses are what bounds it."""
    return text.split("\n")


def _each(seconds: float, dim: int, steps: int) -> str:
    return f"{seconds / dim / steps * 1e9:.2f} ns"


def page(figures: Figures) -> str:
    """docs/benchmarks.md."""
    m = figures["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in m["versions"].items())
    head = f"""# Benchmarks

Measured on {m["date"]} on {m["cores"]} virtual cores ({m["architecture"]}, {m["instructions"]} kernels; load average
{m["load"]:.1f} at the end, of which these benchmarks are up to {m["cores"]}). The *least* time over many calls is what
counts; medians show how busy the machine was. Ratios are of least times in one run, in which contenders took turns.
Every package ran in a process of its own with two threads and its defaults. One call of each turn came first and was
not counted (it compiles).
{versions}.

    pip install 'specsched[bench]'
    python bench/speed.py             # measures; bench/results/speed.json
    python bench/report.py            # this page and its picture
    pytest bench --benchmark-enable   # the same contenders by pytest-benchmark

![Cost against dimension, steps and threads](images/benchmarks.png)

## Targets
"""
    lines = [head, *(target.line() for target in targets(figures))]
    lines += ["", "## Loss and gradient, DDIM", ""]
    lines += LEGEND
    for sizes in ([(50, 10), (3072, 112)], [(3072, 1000), (65536, 112)]):  # two at a time fit a line
        lines += [*_table(figures["kernels"], sizes), ""]
    lines.pop()
    lines += ["", "## Loss and gradient, DPM-Solver++(2M)", ""]
    lines += _table(figures["multistep"], [(50, 10), (3072, 20)])
    lines += ["", "## Threads", "", *_thread_table(figures["threads"])]
    for case, title in (
        ("synthetic", "the paper's synthetic case, 50 eigenvalues"),
        ("photographs", "photographs, 3072 eigenvalues"),
    ):
        lines += ["", f"## Designs: {title}", "", *_design_table(figures, case)]
    lines += [
        "",
        "Ends 157.4 and 0.01. Ours starts from a spectrum that has not been seen before: compression, some 20",
        "baselines and the loss on the full spectrum are included. SciPy starts from the cosine schedule, in",
        "log sigma, with the exact gradient of the peer named and one BLAS thread, and stops at ftol = 1e-13.",
        "",
        *_notes(figures),
    ]
    return "\n".join(lines) + "\n"


def readme_table(figures: Figures) -> str:
    """The table of speeds in the README."""
    kernel, other = (f(figures["kernels"], dim=3072, steps=112) for f in (ours_of, best_other))
    core = min((r for r in figures["compression"] if r["who"].startswith("core")), key=lambda r: r["least"])
    lines = ["| | specsched | otherwise |", "|---|---|---|"]
    lines.append(
        f"| loss and gradient, 3072 eigenvalues x 112 steps | {duration(kernel['least'])} | "
        f"{TITLES[other['who'].split('-')[0]]} {duration(other['least'])} ({other['least'] / kernel['least']:.0f}x) |"
    )
    for case, title in (("synthetic", "50 eigenvalues"), ("photographs", "photographs, 3072 eigenvalues")):
        ours = ours_of(figures["designs"], case=case, steps=112)
        rival = min(
            (r for r in figures["scipy"] if r["case"] == case and r["steps"] == 112), key=lambda r: r["least"]
        )
        lines.append(
            f"| design of 112 steps, {title} | {duration(ours['least'])} | SLSQP with exact gradient "
            f"{duration(rival['least'])} ({rival['least'] / ours['least']:.0f}x) |"
        )
    lines.append(
        f"| 10^6 eigenvalues to {core.get('nodes', 'a few dozen')} nodes | {duration(core['least'])} | |"
    )
    lines = [line.replace("to a few dozen nodes", "to fewer than 200 nodes") for line in lines]
    lines += [
        "",
        "Least times on two cores; all of it in `docs/benchmarks.md`.",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write page, table and picture."""
    figures = json.loads(FIGURES.read_text())
    (DOCS / "benchmarks.md").write_text(page(figures))
    print(readme_table(figures))
    picture(figures, DOCS / "images" / "benchmarks.png")


if __name__ == "__main__":
    main()
