"""Writes the tables of docs/evidence.md and the README from the rows in evidence/results: python -m evidence.tables"""

from __future__ import annotations

import argparse
from pathlib import Path

from . import PAGES, RESULTS, written


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--results", type=Path, default=RESULTS)
    args = parser.parse_args()
    for page in PAGES:
        page.write_text(written(page.read_text(encoding="utf-8"), args.results), encoding="utf-8")


if __name__ == "__main__":
    main()
