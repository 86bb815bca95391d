"""Mutation tests of the mathematics in C++: each sign, operator and constant changed, and do the tests notice?

    python tests/mutation/mutants.py FOLDER [--sample 100] [--seed 0] [--only w2.hpp] [--python]

All mutants are compiled once, in FOLDER, behind a switch that the environment turns (mutants.hpp). Every one of a
sample then runs the C++ tests, and with --python the tests of the solvers against 50 digits, until one fails: the
mutant is caught. FOLDER/survivors.txt lists the others, and FOLDER/table.md counts both by file.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from rewrite import Change, changes_of, rewritten

ROOT = Path(__file__).resolve().parents[2]
MUTATED = (
    *("kernels/*.inl", "engine/solvers/*.hpp", "engine/limit_terms.hpp", "engine/block_loss.hpp"),
    *("losses/kl.hpp", "losses/w2.hpp", "losses/loss.hpp", "losses/linear.hpp"),
    *("engine/sweeps*.inl", "modes/run.hpp", "modes/quadrature.hpp"),
    *(f"modes/{name}.cpp" for name in ("gradient", "run", "source", "gaussian", "recorded", "table")),
)
"""Below cpp/core: what computes the kernels, the solvers, the limits, the losses, and the errors of modes."""
PROGRAMS = (
    "test_kernels",
    "test_engine_derivatives",
    "test_modes_sources",
    "test_modes_runs",
    "test_modes_design",
    "test_design",
    "test_design_calls",
    "test_engine",
    "test_panels",
)
"""Those of tests/cpp that compute with these files; the first ones are quick, and find most."""
PYTEST = ("tests/analysis/test_solvers_reference.py", "tests/analysis/test_limit.py")
LIMIT = 20.0
"""A mutant that runs so many times longer than the tests alone hangs, and is caught."""


def prepare(tree: Path, rejected: set[str]) -> dict[int, Change]:
    """Write the tree with every mutant but those rejected; the numbers of the mutants."""
    numbered: dict[int, Change] = {}
    texts: dict[Path, str] = {}
    for pattern in MUTATED:
        for path in sorted((ROOT / "cpp/core").glob(pattern)):
            mine = dict(enumerate(changes_of(path, str(path.relative_to(ROOT))), len(numbered)))
            numbered |= mine
            kept = {number: change for number, change in mine.items() if key(change) not in rejected}
            texts[path] = f'#include "mutants.hpp"\n#line 1\n{rewritten(path.read_text(), kept)}'
    for part in ("cpp", "tests/cpp", "cmake", "CMakeLists.txt"):
        for path in [ROOT / part, *(ROOT / part).rglob("*")]:
            if path.is_file():
                _write(tree / path.relative_to(ROOT), texts.get(path) or path.read_text())
    _write(tree / "cpp/mutants.hpp", (ROOT / "tests/mutation/mutants.hpp").read_text())
    return {number: change for number, change in numbered.items() if key(change) not in rejected}


def _write(path: Path, text: str) -> None:
    """Leave what is there already: its age says that nothing is to be compiled."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def key(change: Change) -> str:
    """What names a change from run to run."""
    return f"{change.path}:{change.begin}"


def build(folder: Path, python: bool) -> dict[int, Change]:
    """Compile all mutants; places where a switch does not compile are left as they were, and remembered."""
    notes = folder / "rejected.json"
    rejected = set(json.loads(notes.read_text())) if notes.exists() else set()
    configure = [
        *("cmake", "-S", folder / "tree", "-B", folder / "build", "-G", "Ninja", "-DSPECSCHED_TESTS=ON"),
        *("-DCMAKE_BUILD_TYPE=Debug", "-DCMAKE_CXX_FLAGS_DEBUG=-O1", "-DSPECSCHED_INSTRUCTION_SETS="),
        *("-DSPECSCHED_TEST_ADDITIONS=OFF", "-DSPECSCHED_OPENMP=OFF", f"-DSPECSCHED_PYTHON={int(python)}"),
        *os.environ.get("SPECSCHED_CMAKE", "").split(),
    ]
    targets = [*PROGRAMS, *(["_core"] if python else [])]
    for _ in range(12):
        numbered = prepare(folder / "tree", rejected)
        subprocess.run(configure, check=True, stdout=subprocess.DEVNULL)
        make = ["cmake", "--build", folder / "build", "--target", *targets, "--", "-k", "0"]
        done = subprocess.run(make, capture_output=True, text=True)
        if done.returncode == 0:
            return numbered
        places = set(re.findall(r"(cpp/core/[\w/]+\.(?:inl|hpp|cpp)):(\d+):", _errors(done.stdout)))
        new = {key(c) for c in numbered.values() if (c.path, str(c.line)) in places}
        if not new:
            raise SystemExit(done.stdout[-6000:])
        print(f"{len(new)} places do not compile with a switch")
        rejected |= new
        notes.write_text(json.dumps(sorted(rejected)))
    raise SystemExit("the mutants do not compile")


def _errors(output: str) -> str:
    """Lines of errors, and where what they instantiate stands when the error itself is in mutants.hpp."""
    lines = output.split("\n")
    kept = []
    for at, line in enumerate(lines):
        if ": error:" not in line:
            continue
        kept.append(line)
        if "mutants.hpp" in line:
            callers = [other for other in lines[max(0, at - 12) : at] if "required from" in other]
            kept += [other for other in callers if "mutants.hpp" not in other][:1]
    return "\n".join(kept)


def caught_by(commands: dict[str, list[str]], mutant: int, limits: dict[str, float]) -> str:
    """The first test that notices, or nothing."""
    environment = os.environ | {"SPECSCHED_MUTANT": str(mutant), "SPECSCHED_STOP_AT_FAILURE": "1"}
    for name, command in commands.items():
        try:
            done = subprocess.run(
                command, cwd=ROOT, env=environment, capture_output=True, timeout=limits.get(name, 600)
            )
        except subprocess.TimeoutExpired:
            return name
        if done.returncode:
            return name
    return ""


def commands_of(folder: Path, python: bool) -> dict[str, list[str]]:
    """What runs for every mutant, in order."""
    programs = {name: [str(folder / "build/tests/cpp" / name)] for name in PROGRAMS}
    if not python:
        return programs
    package = folder / "package/specsched"
    shutil.copytree(
        ROOT / "python/specsched", package, ignore=shutil.ignore_patterns("*.so"), dirs_exist_ok=True
    )
    shutil.copy(next((folder / "build").glob("_core*.so")), package)
    # `env`: the package with the mutants comes before an installed one.
    pytest = ["env", f"PYTHONPATH={package.parent}", sys.executable, "-m", "pytest", "-q", "-x"]
    return programs | {Path(path).stem: [*pytest, "-p", "no:cacheprovider", path] for path in PYTEST}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sample", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="")
    parser.add_argument("--python", action="store_true")
    asked = parser.parse_args()
    folder = asked.folder.resolve()
    numbered = build(folder, asked.python)
    commands = commands_of(folder, asked.python)

    limits = {}
    for name, command in commands.items():
        start = time.monotonic()
        if caught_by({name: command}, -1, {}):
            raise SystemExit(f"{name} fails without a mutant")
        limits[name] = LIMIT * (time.monotonic() - start) + 5.0
    places = [number for number, change in numbered.items() if asked.only in change.path]
    sample = sorted(random.Random(asked.seed).sample(places, min(asked.sample, len(places))))
    caught: Counter[str] = Counter()
    survived: Counter[str] = Counter()
    with (folder / "survivors.txt").open("w") as survivors:
        for number in sample:
            change = numbered[number]
            name = caught_by(commands, number, limits)
            (caught if name else survived)[change.path] += 1
            words = f"{number} {change.path}:{change.line} {change.what}"
            print(f"{words}: {name or 'SURVIVES'}", flush=True)
            if not name:
                print(f"{words}\n    {change.source}", file=survivors, flush=True)
    rows = [
        f"| {path} | {sum(change.path == path for change in numbered.values())} | {caught[path] + survived[path]} "
        f"| {caught[path]} |"
        for path in sorted({change.path for change in numbered.values()})
    ]
    table = "\n".join(["| file | mutants | tried | caught |", "|---|---|---|---|", *rows])
    (folder / "table.md").write_text(table + "\n")
    print(table)
    print(f"{caught.total()} of {len(sample)} caught; {len(places)} could be tried")


if __name__ == "__main__":
    main()
