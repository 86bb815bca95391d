"""The program: its commands, and one place where every error becomes one line."""

from __future__ import annotations

import shutil
from typing import Annotated

import typer

from .commands import compare, demo, design, evaluate, export, record, refine, spectrum, trial
from .commands.heuristics import baselines, shift
from .options import expanded
from .shell.errors import OneLineErrors
from .shell.help import TwoHelps

app = typer.Typer(
    cls=OneLineErrors,
    help="Optimal noise schedules for diffusion samplers, from the spectrum of the data.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    # Boxes around the help need room; plain text does not.
    rich_markup_mode="rich" if shutil.get_terminal_size().columns >= 80 else None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for _module in (design, export, evaluate, compare, shift, spectrum, baselines, record, trial, refine, demo):
    app.command(_module.__name__.rpartition(".")[2], cls=TwoHelps)(expanded(_module.run))


def _show_version(wanted: bool) -> None:
    if wanted:
        from .. import __version__

        typer.echo(f"specsched {__version__}")
        raise typer.Exit()


@app.callback()
def _program(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and stop."),
    ] = False,
) -> None:
    """Optimal noise schedules for diffusion samplers, from the spectrum of the data."""
