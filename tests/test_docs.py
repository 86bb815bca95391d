"""Form of the documents: lines that fit a screen, headings and lists that render, figures that stand in the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
LONGEST_LINE = 120

pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def _prose(page: Path) -> list[tuple[int, str]]:
    """Numbered lines outside of fenced blocks, which become empty."""
    fenced = False
    lines = []
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
        fence = line.lstrip().startswith("```")
        fenced ^= fence
        lines.append((number, "" if fenced or fence else line))
    assert not fenced, f"{page.name}: a fenced block is not closed"
    return lines


@pages
def test_lines_are_short(page: Path) -> None:
    lines = enumerate(page.read_text(encoding="utf-8").splitlines(), start=1)
    long = {number: len(line) for number, line in lines if len(line) > LONGEST_LINE}
    assert long == {}, f"{page.name}: line number and length"


@pages
def test_headings_render(page: Path) -> None:
    """Blank lines around, no level skipped, no two in a section with one name (their links would clash)."""
    lines = _prose(page)
    depth, trail, seen = 0, [""] * 7, set()
    for (number, line), before, after in zip(
        lines, ["", *(line for _, line in lines)], [*(line for _, line in lines[1:]), ""], strict=False
    ):
        heading = re.match(r"(#{1,6}) +\S", line)
        if heading is None:
            assert not re.match(r"#|=+$", line), f"{page.name}:{number}: neither a heading nor a paragraph"
            continue
        where = f"{page.name}:{number}: {line}"
        assert not before.strip(), f"{where} follows a line of text"
        assert not after.strip(), f"{where} runs into its text"
        level = len(heading[1])
        assert level <= depth + 1, f"{where} skips a level"
        depth = level
        trail[level:] = [line, *[""] * (6 - level)]
        assert tuple(trail) not in seen, f"{where} stands twice"
        seen.add(tuple(trail))
    assert [line for _, line in lines if line.startswith("# ")] == [lines[0][1]], "one title, at the top"


@pages
def test_lists_and_tables_render(page: Path) -> None:
    """A sum broken before its plus sign would become a list; a table inside a paragraph is not one everywhere."""
    before = ""
    for number, line in _prose(page):
        where = f"{page.name}:{number}"
        assert not re.match(r"\s*[+*] ", line), f"{where}: list items begin with '-'"
        if line.startswith("|") and not before.startswith("|"):
            assert not before.strip(), f"{where}: the table runs into the text before it"
        if before.startswith("|") and not line.startswith("|"):
            assert not line.strip(), f"{where}: text runs into the table before it"
        before = line


CONSTANTS = [  # what a page says, and the line of the sources that it must agree with
    ("docs/design.md", r"on a grid of (\d+) points", r"\w*grid_points = (\d+);"),
    ("docs/design.md", r"A step is shortened to ([\d.]+) in any log-level", r"\blargest_step = ([\d.]+);"),
    ("docs/design.md", r"at most ([\d.]+) of any constraint's slack", r"\bkeep_away = ([\d.]+);"),
    ("docs/design.md", r"a blocking slack is below ([\d.e-]+) the", r"\bsnap = ([\d.e-]+);"),
    ("docs/design.md", r"with more than (\d+) entries, for DDIM", r"^COMPRESS_ABOVE = (\d+)$"),
    ("docs/design.md", r"more than (\d+) entries times steps", r"^COMPRESS_ABOVE_WORK = (\d+)$"),
    ("docs/panels.md", r"\bd >= (\d+)", r"\bleast_panel_spectrum = (\d+);"),
    ("docs/compression.md", r"Up to (\d+) entries are sorted", r"\bsorted_up_to = (\d+);"),
]


@pytest.mark.parametrize(("page", "claim", "code"), CONSTANTS, ids=[claim for _, claim, _ in CONSTANTS])
def test_figures_are_those_of_the_code(page: str, claim: str, code: str) -> None:
    said = re.findall(claim, " ".join((ROOT / page).read_text(encoding="utf-8").split()))
    folders = (ROOT / "cpp" / "core", ROOT / "python")
    sources = [
        path for folder in folders for path in folder.rglob("*") if path.suffix in {".cpp", ".hpp", ".py"}
    ]
    set_to = [value for path in sources for value in re.findall(code, path.read_text("utf-8"), re.MULTILINE)]
    assert len(said) == 1, f"{page} says it once"
    assert {float(value) for value in set_to} == {float(said[0])}


SESSIONS = re.findall(
    r"^@nox\.session\ndef (\w+)\(", (ROOT / "noxfile.py").read_text(encoding="utf-8"), re.MULTILINE
)
PARTS_OF_BENCH = re.findall(
    r'^    "(\w+)": \1,$', (ROOT / "bench" / "speed.py").read_text(encoding="utf-8"), re.MULTILINE
)


@pages
def test_sessions_of_nox_exist(page: Path) -> None:
    """And what they time is a part of the benchmark."""
    for session, part in re.findall(r"`nox -s (\w+)(?: -- (\w+))?", page.read_text(encoding="utf-8")):
        assert session in SESSIONS
        assert session != "bench" or part in PARTS_OF_BENCH
