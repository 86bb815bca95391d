"""The library's messages in the words of the command line: `--sigma-max 80`, not `sigma_max=80`."""

from __future__ import annotations

import re
from typing import Any

_LISTS = re.compile(r"(options that do: )([a-z_, ]+)")
_SETTING = re.compile(r"(?<![\w'\"./-])([a-z][a-z_]*)=('[^']*'|\"[^\"]*\"|\([^()]*\)|[^\s,;:()]+)?")
_START = re.compile(r"^([a-z][a-z_]*)(?=(\[\d+\])? (must|does|do|is|applies|apply|has|and)\b|\s=)")
_UNDERSCORED = re.compile(r"(?<![\w'\"./=-])([a-z]+(?:_[a-z]+)+)(?![\w'\"./(=])")


def options_of(group: Any) -> dict[str, str]:
    """Name of a parameter -> how it is written, for all commands of a program."""
    found: dict[str, str] = {}
    for command in group.commands.values():
        for parameter in command.params:
            longest = max((text for text in parameter.opts if text.startswith("--")), key=len, default=None)
            if longest is not None:
                found[parameter.name] = longest
    return found


def reworded(text: str, options: dict[str, str]) -> str:
    """A message with the parameters that are options written as such.

    Examples
    --------
    >>> reworded("size does not apply; use fit='cover' or sigma_max=80", {"size": "--size", "fit": "--fit",
    ...          "sigma_max": "--sigma-max"})
    '--size does not apply; use --fit cover or --sigma-max 80'
    """

    def name(match: re.Match[str]) -> str:
        return options.get(match[1], match[0])

    def setting(match: re.Match[str]) -> str:
        option, value = options.get(match[1]), match[2]
        if option is None:
            return match[0]
        if value in (None, "True"):
            return option
        return f"{option} {value.strip(chr(39) + chr(34))}"

    def several(match: re.Match[str]) -> str:
        return match[1] + ", ".join(options.get(part.strip(), part.strip()) for part in match[2].split(","))

    text = _START.sub(name, text)
    text = _LISTS.sub(several, text)
    text = _SETTING.sub(setting, text)
    return _UNDERSCORED.sub(name, text)
