"""The README's gains are those that the study prints."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "studies"))

import gains  # noqa: E402 (a script, not an installed package)


def test_rows_of_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = gains.main(["ddim", "dpmpp_2m"])
    assert len(rows) == 4
    for row in rows:
        assert row in readme
