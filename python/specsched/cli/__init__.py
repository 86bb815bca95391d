"""The command line ``specsched``: one file per command (`commands`), and what they share."""

from __future__ import annotations

import sys


def main() -> None:
    """Entry point of the ``specsched`` program; ends the process with its exit code."""
    try:
        from .app import app

        app(prog_name="specsched")
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in ("typer", "rich", "click"):
            raise
        sys.stderr.write("error: the command line needs typer and rich: pip install 'specsched[cli]'\n")
        sys.exit(2)
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        sys.exit(130)
