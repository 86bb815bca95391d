"""What users should know about a choice that was made for them."""

from __future__ import annotations

import warnings


class Notice(UserWarning):
    """A choice made for the user: a level taken for another, an estimator, a size."""


def tell(text: str, *, above: int = 3) -> None:
    """Warn with a `Notice`; `above` is how many calls up the user's own line is likely to stand."""
    warnings.warn(text, Notice, stacklevel=above + 1)
