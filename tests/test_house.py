"""How the package is laid out: rooms of moderate size, imports that run one way, names that lead to one thing."""

from __future__ import annotations

import ast
from collections import Counter
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "python"
PACKAGE = ROOT / "specsched"
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}
# Each room may use those of the rows above it; rooms of one row do not know each other.
ROWS = [
    {"_core"},
    {"_support"},
    {"spectra", "schedules"},
    {"samplers"},
    {"analysis"},
    {"designs"},
    {"plot", "testing"},
    {"models"},
    {"cli"},
]
ROW_OF = {room: row for row, rooms in enumerate(ROWS) for room in rooms}
DOORS = {"", "__main__", "baselines", "diffusers", "k_diffusion", "sources"}
"""Public modules that only pass on what the rooms hold; no room enters through them, except for the version."""

MOST_FILES = 10


def imports_of(module: str) -> set[str]:
    """Modules of the package that a module imports, inside functions and for type checking too."""
    path = MODULES[module]
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.partition(".")[0] == "specsched"}
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *filter(None, [node.module])])
            if base.partition(".")[0] == "specsched":
                inner = {f"{base}.{alias.name}" for alias in node.names}
                modules = {name for name in inner if name in MODULES or name == "specsched._core"}
                # A package is imported for itself only where a name of its own is.
                found |= modules | ({base} if modules != inner else set())
    return found - {module}


GRAPH = {module: imports_of(module) for module in MODULES}


def room_of(module: str) -> str:
    return module.partition(".")[2].partition(".")[0]


def test_every_room_is_known() -> None:
    assert {room_of(module) for module in MODULES} <= set(ROW_OF) | DOORS


def test_imports_run_one_way() -> None:
    wrong = []
    for module in MODULES:
        here = room_of(module)
        if here in DOORS:
            continue
        allowed = {here} | {room for room, row in ROW_OF.items() if row < ROW_OF[here]}
        # The program shows the version, which is in the front door.
        wrong += [
            f"{module} imports {name}"
            for name in sorted(GRAPH[module])
            if room_of(name) not in allowed and not (here == "cli" and name == "specsched")
        ]
    assert not wrong


def test_no_circle() -> None:
    """A module that is waiting for its own imports must not be needed by them."""
    done: set[str] = set()

    def visit(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, " -> ".join([*trail[trail.index(module) :], module])
        if module not in done:
            for name in sorted(GRAPH.get(module, ())):
                visit(name, (*trail, module))
            done.add(module)

    for module in MODULES:
        visit(module, ())


def test_rooms_have_few_files() -> None:
    sizes = Counter(path.parent for path in MODULES.values())
    assert {folder: size for folder, size in sizes.items() if size > MOST_FILES} == {}


@pytest.mark.parametrize("package", [name for name, path in MODULES.items() if path.name == "__init__.py"])
def test_no_name_hides_a_module(package: str) -> None:
    """What a package offers under the name of one of its modules is that module."""
    if package.startswith("specsched.cli.commands"):
        pytest.importorskip("typer")
    inside = {
        name for name in MODULES if name.rpartition(".")[0] == package and not name.endswith("__main__")
    }
    for name in sorted(inside):
        import_module(name)
        offered = getattr(import_module(package), name.rpartition(".")[2])
        assert getattr(offered, "__name__", None) == name
