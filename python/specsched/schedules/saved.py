"""Saved schedules: JSON that a person can read, one level to a line."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from .._support import checks, reading

FORMAT = "specsched.Schedule"
PLAIN, WITH_MADE_FOR = 1, 2
"""Versions of the file: levels and a name only, and with what the schedule was made for."""

_KEYS = {"format", "version", "name", "steps", "sigmas"}


class Saved(NamedTuple):
    """What a file holds; the levels are not checked yet."""

    sigmas: list[Any]
    name: Any
    steps: Any
    made_for: dict[str, Any]


def text_of(sigmas: list[float], name: str, made_for: Mapping[str, Any]) -> str:
    """The content of the file; a schedule that was made for nothing in particular keeps version 1."""
    version = WITH_MADE_FOR if made_for else PLAIN
    head: dict[str, Any] = {"format": FORMAT, "version": version, "name": name, "steps": len(sigmas) - 1}
    lines = [f"  {json.dumps(key)}: {json.dumps(value)}," for key, value in head.items()]
    if made_for:
        entries = [f"    {json.dumps(key)}: {json.dumps(value)}" for key, value in made_for.items()]
        lines += ['  "made_for": {', ",\n".join(entries), "  },"]
    levels = ",\n".join(f"    {level!r}" for level in sigmas)
    return "\n".join(["{", *lines, '  "sigmas": [', levels, "  ]", "}", ""])


def read(path: str | os.PathLike[str]) -> Saved:
    """The entries of a saved schedule; ValueError names the file and what is wrong with it."""
    shown = checks.path("path", path)
    return _checked(reading.read_json(shown), shown)


def _checked(content: Any, shown: str) -> Saved:
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ValueError(f'{shown} is not a saved schedule: no "format": "{FORMAT}" entry')
    version = content.get("version")
    if isinstance(version, bool) or version not in (PLAIN, WITH_MADE_FOR):
        raise ValueError(
            f"{shown} has version {version!r}; this release reads versions {PLAIN} and {WITH_MADE_FOR}"
        )
    keys = _KEYS | ({"made_for"} if version == WITH_MADE_FOR else set())
    missing = sorted(keys - content.keys())
    unknown = sorted(content.keys() - keys)
    if missing or unknown:
        what = f"misses {', '.join(missing)}" if missing else f"has unknown entries {', '.join(unknown)}"
        raise ValueError(f"{shown} {what}; a saved schedule has exactly {', '.join(sorted(keys))}")
    try:
        levels = reading.numbers("sigmas", content["sigmas"])
    except ValueError as error:
        raise ValueError(f"{shown}: {error}") from None
    if isinstance(content["steps"], bool):
        raise ValueError(f"{shown}: steps must be an integer, got a bool")
    return Saved(levels, content["name"], content["steps"], content.get("made_for", {}))


def plain(made_for: object) -> dict[str, Any]:
    """What a schedule was made for as the values that JSON has: text, numbers, lists, mappings, None."""
    if not isinstance(made_for, Mapping):
        raise TypeError(f"made_for must be a mapping, got {type(made_for).__name__}")
    return {_key(key): _plain(f"made_for[{key!r}]", value) for key, value in made_for.items()}


def _plain(name: str, value: Any) -> Any:
    if hasattr(value, "tolist"):  # NumPy's arrays and numbers
        value = value.tolist()
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{name} must be finite, got {value}; write None for no limit")
        return value
    if isinstance(value, Mapping):
        return {_key(key): _plain(f"{name}[{key!r}]", entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(f"{name}[{i}]", entry) for i, entry in enumerate(value)]
    raise TypeError(f"{name} must be text, a number, a list, a mapping or None, got {type(value).__name__}")


def _key(key: object) -> str:
    if not isinstance(key, str):
        raise TypeError(f"made_for must have text as keys, got {type(key).__name__} {key!r}")
    return key
