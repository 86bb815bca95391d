"""What holds for the repository as a whole: imports, sizes, types of the compiled module, documents that are true."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import specsched
from specsched import _core

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "python" / "specsched"
SOURCES = [
    path
    for folder, suffixes in [
        ("python", (".py", ".pyi")),
        ("cpp", (".cpp", ".hpp", ".inl", ".in", ".cmake")),
        ("tests", (".py", ".cpp", ".hpp")),
        ("examples", (".py",)),
        ("bench", (".py",)),
        ("studies", (".py",)),
        ("evidence", (".py",)),
    ]
    for path in sorted((ROOT / folder).rglob("*"))
    if path.suffix in suffixes
]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
LONGEST_FILE = 400
LONGEST_CPP_TEST = 450  # tables of cases
HEAVY = {
    "scipy",
    "matplotlib",
    "PIL",
    "soundfile",
    "typer",
    "rich",
    "sklearn",
    "pandas",
    "dask",
    "diffusers",
    "distributed",
    "jax",
    "torch",
    "concurrent",  # and with it logging: for scans only
}


def test_import_is_light() -> None:
    """Only NumPy and the compiled core: everything else is imported where it is used."""
    show = "import sys, specsched; print(*{name.partition('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", show], capture_output=True, text=True, check=True).stdout
    assert {"numpy", "specsched"} <= set(loaded.split())
    assert not HEAVY & set(loaded.split())


def test_version_is_that_of_the_project() -> None:
    declared = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert declared is not None
    assert specsched.__version__ == declared[1]


def test_public_names_exist_and_are_documented() -> None:
    for name in specsched.__all__:
        value = getattr(specsched, name)
        assert inspect.getdoc(value), f"specsched.{name} has no docstring"


@pytest.mark.parametrize(
    "name", [name for name in specsched.__all__ if inspect.isfunction(getattr(specsched, name))]
)
def test_every_parameter_is_documented(name: str) -> None:
    function = getattr(specsched, name)
    section = re.search(
        r"^Parameters\n-+\n(.*?)\n\n[A-Z]", inspect.getdoc(function) or "", re.DOTALL | re.MULTILINE
    )
    assert section is not None
    heads = re.findall(r"^(\S[^:]*)", section[1], re.MULTILINE)
    documented = {name.strip("* ") for head in heads for name in re.split(r"[,\s]+", head)}
    assert set(inspect.signature(function).parameters) <= documented


def test_installed_package_is_typed() -> None:
    folder = Path(specsched.__file__).parent
    assert (folder / "py.typed").is_file()
    assert (folder / "_core.pyi").is_file()


def _declared() -> dict[str, ast.FunctionDef]:
    tree = ast.parse((PACKAGE / "_core.pyi").read_text())
    return {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_stub_names_what_the_core_has() -> None:
    tree = ast.parse((PACKAGE / "_core.pyi").read_text())
    classes = {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
    public = {name for name in dir(_core) if not name.startswith("_")}
    assert {name for name in classes if not name.startswith("_")} | set(_declared()) == {
        name for name in public if callable(getattr(_core, name))
    }


def test_stub_arguments_are_those_of_the_core() -> None:
    """pybind11 writes each signature into the first line of the docstring."""
    for name, node in _declared().items():
        signature = getattr(_core, name).__doc__.partition(" ->")[0]
        names = re.findall(r"[(,] (\w+):|\((\w+):", signature)
        assert [a or b for a, b in names] == [argument.arg for argument in node.args.args], name


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_are_short_and_portable(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    cpp_test = path.is_relative_to(ROOT / "tests" / "cpp")
    assert text.count("\n") <= (LONGEST_CPP_TEST if cpp_test else LONGEST_FILE)
    assert not re.search(r"""["'\s(](/home|/root|/tmp|/Users|[A-Z]:\\)[/\\\w]""", text), (
        "a path of some machine"
    )
    assert "\t" not in text
    assert not re.search(r"[ ]+$", text, re.MULTILINE), "trailing blanks"


def test_every_module_says_what_it_is_for() -> None:
    for path in PACKAGE.rglob("*.py"):
        assert ast.get_docstring(ast.parse(path.read_text())), path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)[^)]*\)", page.read_text())
    missing = [target for target in targets if not (page.parent / target).exists()]
    assert missing == []


def test_readme_starts_with_the_two_commands() -> None:
    """Install with the main job, install with the tests: one line each."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", (ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    assert blocks[:2] == ["pip install '.[demo]' && specsched demo\n", "pip install '.[test]' && pytest\n"]


def test_licences_ship() -> None:
    assert "BSD 3-Clause" in (ROOT / "LICENSE").read_text()
    assert "Mozilla Public License" in (ROOT / "LICENSES" / "Eigen-MPL-2.0.txt").read_text()
