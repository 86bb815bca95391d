"""Sessions for those who work on specsched: `nox -l` lists them, `nox -s tests` runs one.

Every session makes its own environment and works from a clean clone. C++ builds go to build/PRESET
(CMakePresets.json).
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import nox

nox.needs_version = ">=2024.4.15"
nox.options.sessions = ["lint", "docs", "tests"]
nox.options.reuse_existing_virtualenvs = True

CPP_TOOLS = ("cmake", "ninja", "cmeel-eigen>=3.4,<3.5")
# Files of evidence and docs one by one: Ruff would format the Markdown beside them too.
PYTHON_SOURCES = [
    *("python", "tests", "examples", "bench", "studies", "noxfile.py"),
    *map(str, sorted([*Path("evidence").glob("*.py"), *Path("docs").glob("*.py")])),
]


LEAST_COVERED = 95
# Lines whose branches are the compiler's or a library's, and on which the core decides nothing (docs/trust.md has the
# counts). Loops over registers, which have a fixed count, are marked where they stand: cpp/core/kernels/lanes.hpp.
NO_DECISIONS = (
    r".*\bsort_by\(.*",  # std::stable_sort, inlined for the calls
    r".*std::stable_sort\(.*",
    r"\s*static const .*",  # whether another thread is just making what is made once
    r"\s*(struct|class) \w[^;]*\{$",  # copies and destructors that nobody wrote
    r"PYBIND11_MODULE\(.*",
)
GCOVR = (
    *("gcovr", "--root", ".", "--filter", "cpp/", "build/coverage"),
    # Templates and the copies of one file count line by line, whichever of them ran.
    *("--merge-mode-functions=separate", "--merge-lines"),
    # Paths of exceptions that the compiler adds to every call, and lines without code.
    *("--exclude-throw-branches", "--exclude-unreachable-branches"),
    *(f"--exclude-branches-by-pattern={pattern}" for pattern in NO_DECISIONS),
    # Counters that overflow, or pass 2^32 in a loop of the kernels.
    *(f"--gcov-ignore-parse-errors={what}_hits.warn" for what in ("negative", "suspicious")),
    *("--txt", "--txt-summary", "--html-details", "build/coverage/cpp.html"),
    *(f"--fail-under-line={LEAST_COVERED}", f"--fail-under-branch={LEAST_COVERED}"),
)

CPP_SOURCES = [
    str(path)
    for folder in ("cpp", "tests/cpp", "bench")
    for path in sorted(Path(folder).rglob("*"))
    if path.suffix in (".cpp", ".hpp", ".inl")
]


def _extra(name: str) -> list[str]:
    """What an extra of pyproject.toml asks for, without building the package."""
    project = nox.project.load_toml("pyproject.toml")["project"]
    return [item for item in project["optional-dependencies"][name] if not item.startswith("specsched")]


def _site_packages(session: nox.Session) -> str:
    show = "import sysconfig; print(sysconfig.get_path('purelib'))"
    return str(session.run("python", "-c", show, silent=True)).strip()


def _run_cpp_tests(session: nox.Session, preset: str, *options: str) -> None:
    session.install(*CPP_TOOLS)
    session.run("cmake", "--preset", preset, f"-DCMAKE_PREFIX_PATH={_site_packages(session)}", *options)
    session.run("cmake", "--build", "--preset", preset)
    session.run("ctest", "--preset", preset)


@nox.session
def tests(session: nox.Session) -> None:
    """Install the package and run the Python tests; arguments go to pytest."""
    session.install(".[test]")
    session.run("pytest", *session.posargs)


@nox.session
def nightly(session: nox.Session) -> None:
    """Any argument whatever, 100,000 cases in all, others every day; arguments go to pytest (docs/trust.md)."""
    session.install(".[test,frameworks]")
    # 780 for each of 128 calls. What the environment says stands.
    drawn = {"SPECSCHED_TRUST_CASES": "780", "SPECSCHED_TRUST_SEED": time.strftime("%Y%m%d")} | {
        name: value for name, value in os.environ.items() if name.startswith("SPECSCHED_TRUST_")
    }
    session.log(", ".join(f"{name}={value}" for name, value in drawn.items()))
    lists = map(str, sorted(Path("tests/trust").glob("test_any_*.py")))
    session.run("pytest", *lists, *session.posargs, env=drawn)


@nox.session
def cpp(session: nox.Session) -> None:
    """C++ tests, optimised, with warnings as errors."""
    _run_cpp_tests(session, "dev")


@nox.session
def lint(session: nox.Session) -> None:
    """Ruff and mypy; the stub of the compiled module against the module."""
    session.install(".[test]", *_extra("lint"))  # mypy reads the types of what the extras bring
    session.run("ruff", "check", *PYTHON_SOURCES)
    session.run("ruff", "format", "--check", *PYTHON_SOURCES)
    session.run("clang-format", "--dry-run", "--Werror", *CPP_SOURCES)
    session.run("mypy", "--strict", "-p", "specsched")
    session.run("python", "-m", "mypy.stubtest", "specsched._core", "--mypy-config-file", "pyproject.toml")


@nox.session
def tidy(session: nox.Session) -> None:
    """clang-tidy over the C++ files named, or over all of them (some minutes)."""
    session.install("clang-tidy", *CPP_TOOLS)
    build = ("-B", "build/tidy", f"-DCMAKE_PREFIX_PATH={_site_packages(session)}")
    # Clang does not find the OpenMP header of GCC.
    session.run("cmake", "--preset", "dev", *build, "-DSPECSCHED_OPENMP=OFF", "-DSPECSCHED_INSTRUCTION_SETS=")
    files = session.posargs or map(str, sorted(Path("cpp/core").rglob("*.cpp")))
    session.run("clang-tidy", "-p", "build/tidy", "--quiet", *files)


@nox.session
def docs(session: nox.Session) -> None:
    """The site in build/site, warnings as errors; before it the form of the pages, and all code on them is run."""
    session.install(".[test,docs,frameworks]", "safetensors")
    session.run("pytest", "-q", "tests/test_docs.py", "tests/test_site.py", *session.posargs)
    session.run("python", "-m", "sphinx", "-W", "--keep-going", "docs", "build/site")


@nox.session
def notebooks(session: nox.Session) -> None:
    """Run the notebooks again and keep their outputs; names as arguments (docs/notebooks)."""
    session.install(".[docs,frameworks]", "safetensors")
    chosen = session.posargs or map(str, sorted(Path("docs/notebooks").glob("*.ipynb")))
    for path in chosen:
        session.run("jupyter", "execute", "--inplace", path, env={"PYTHONWARNINGS": "ignore"})


@nox.session
def bench(session: nox.Session) -> None:
    """Times beside those of other implementations; names of cases as arguments (see bench/speed.py)."""
    session.install(".[bench]")
    session.run("python", "bench/speed.py", *session.posargs)


@nox.session
def sanitizers(session: nox.Session) -> None:
    """C++ tests with AddressSanitizer and UBSan, then with ThreadSanitizer; one of the two presets as argument."""
    session.install(*CPP_TOOLS)
    Path("build").mkdir(exist_ok=True)
    session.run("bash", ".ci/sanitizers", "build", *session.posargs, external=True)


@nox.session
def mutants(session: nox.Session) -> None:
    """Signs, operators and constants of the C++ changed: do tests notice? Arguments: tests/mutation/mutants.py."""
    session.install("numpy>=1.24", "scipy>=1.10", *CPP_TOOLS, "pybind11>=2.13", *_extra("test"))
    prefix = f"-DCMAKE_PREFIX_PATH={_site_packages(session)}"
    command = ("python", "tests/mutation/mutants.py", "build/mutants", *session.posargs)
    session.run(*command, env={"SPECSCHED_CMAKE": prefix, "OMP_NUM_THREADS": "1"})


@nox.session
def coverage(session: nox.Session) -> None:
    """Lines and branches that the tests reach, in both languages: reports in build/coverage, an error for too few."""
    session.install("gcovr>=8", "coverage", *CPP_TOOLS, "pybind11>=2.13")
    extras = ("test", "cli", "plot", "data", "scan", "frameworks")
    session.install(
        "numpy>=1.24", "scipy>=1.10", "scikit-learn>=1.3", *(item for name in extras for item in _extra(name))
    )
    # One build for both: lines of the core that only Python reaches are seen as well.
    python = session.run("python", "-c", "import sys; print(sys.executable)", silent=True)
    pybind = session.run("python", "-m", "pybind11", "--cmakedir", silent=True)
    found = {"Python_EXECUTABLE": python, "pybind11_DIR": pybind, "SPECSCHED_PYTHON": "ON"}
    _run_cpp_tests(session, "coverage", *(f"-D{name}={str(value).strip()}" for name, value in found.items()))
    session.run("cmake", "--install", "build/coverage", "--prefix", "python", external=True)
    environment = {"PYTHONPATH": str(Path("python").resolve())}
    session.run("coverage", "erase")
    session.run("coverage", "run", "-m", "pytest", "-q", *session.posargs, env=environment)
    session.run("coverage", "html", "-d", "build/coverage/python")
    session.run("coverage", "report", "--precision=1")
    session.run("coverage", "json", "-o", "build/coverage/python.json")
    _check_coverage(session, json.loads(Path("build/coverage/python.json").read_text())["totals"])
    session.run(*GCOVR)


def _check_coverage(session: nox.Session, totals: dict[str, int]) -> None:
    """Lines and branches apart: coverage.py's own threshold counts them as one."""
    for kind, covered, all_of_them in (
        ("lines", "covered_lines", "num_statements"),
        ("branches", "covered_branches", "num_branches"),
    ):
        share = 100.0 * totals[covered] / totals[all_of_them]
        session.log(f"Python: {share:.1f} % of {totals[all_of_them]} {kind}")
        if share < LEAST_COVERED:
            session.error(f"less than {LEAST_COVERED} % of the {kind} of Python are reached")
