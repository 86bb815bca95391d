"""Help in two lengths: `--help` shows what most runs need, `--help-all` every option."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperCommand

COMMON = frozenset(
    {
        "steps",
        "model",
        "scheduler_config",
        "sampler",
        "size",
        "fit",
        "estimator",
        "skip_bad",
        "scale",
        "sigma_max",
        "sigma_floor",
        "to",
        "name",
        "starts",
        "out",
        "out_dir",
        "plot",
        "as_json",
        "help_all",
        "help",
    }
)
"""Options of the short help; arguments and options that must be given are always there."""


class TwoHelps(TyperCommand):
    """A command whose `--help` is short."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """The options that most runs need; all of them where asked."""
        if ctx.meta.get(__name__):
            super().format_help(ctx, formatter)
            return
        rare = [
            option
            for option in self.params
            if option.name not in COMMON
            and not option.required
            and not option.hidden  # type: ignore[attr-defined]
            and option.param_type_name == "option"
        ]
        for option in rare:
            option.hidden = True  # type: ignore[attr-defined]
        try:
            super().format_help(ctx, formatter)
        finally:
            for option in rare:
                option.hidden = False  # type: ignore[attr-defined]


def show_all(context: typer.Context, wanted: bool) -> None:
    """Callback of ``--help-all``."""
    if wanted and not context.resilient_parsing:
        context.meta[__name__] = True
        typer.echo(context.get_help(), color=context.color)
        raise typer.Exit()


HelpAll = Annotated[
    bool, typer.Option("--help-all", callback=show_all, is_eager=True, help="Show all options, and stop.")
]
"""Type of the parameter that every command has."""
