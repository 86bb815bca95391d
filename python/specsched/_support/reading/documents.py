"""JSON of others: bounded in size and depth, numbers that are numbers, errors that name the file."""

from __future__ import annotations

import json
import os
from typing import Any

from .. import checks

MOST_JSON_BYTES = 1 << 30
"""Size of the largest JSON file that is read: some ten million numbers, for which .npz is the better format."""


def read_json(path: str | os.PathLike[str], *, constants: bool = False) -> Any:
    """The content of a JSON file; with `constants`, Infinity and NaN are taken, too.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it is too large, not text, not JSON or nested too deep; the message names the file.
    """
    shown = checks.path("path", path)
    content = bytearray()
    # In pieces: a device or a pipe does not say how much there is.
    with open(shown, "rb") as stream:
        while piece := stream.read(1 << 20):
            content += piece
            if len(content) > MOST_JSON_BYTES:
                raise ValueError(
                    f"{shown!r} is larger than the {MOST_JSON_BYTES} bytes that are read of JSON"
                )
    try:
        return json.loads(content.decode("utf-8"), parse_constant=None if constants else _reject_constant)
    except UnicodeDecodeError:
        raise ValueError(f"{shown!r} is not a text file in UTF-8; expected JSON") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"{shown!r} is not valid JSON (line {error.lineno}: {error.msg})") from None
    except RecursionError:
        raise ValueError(f"{shown!r} is nested too deep to be read") from None
    except ValueError as error:
        raise ValueError(f"{shown!r}: {error}") from None


def numbers(name: str, values: object) -> list[float]:
    """A list of JSON numbers; NumPy would take true for 1 among them."""
    if not isinstance(values, list):
        raise ValueError(f"{name} must be a list, got {type(values).__name__}")
    for k, value in enumerate(values):
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ValueError(f"{name}[{k}] must be a real number, got {checks.brief(value)}")
    return values


def _reject_constant(text: str) -> float:
    raise ValueError(f"{text} is not admitted; numbers must be finite")
