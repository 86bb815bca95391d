"""Mutants of C++ sources: signs, operators, comparisons, conditions and constants, each behind a switch of mutants.hpp.

A mutant changes one thing: a sign is turned, operands of a quotient are swapped, a product becomes a quotient, a
comparison admits equality or does not, a condition is negated, an integer is one more, a real number is 1 %
more (0 becomes 0.01).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TOKEN = re.compile(
    r"""(?P<skip>//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|(?m:^[ ]*\#(?:[^\n]*\\\n)*[^\n]*))
    |(?P<number>(?<![\w.])\d[\w.]*(?:(?<=[eE])[+-]\d+)?)
    |(?P<word>[A-Za-z_]\w*)
    |(?P<operator><=|>=|==|!=|&&|\|\||\+\+|--|\+=|-=|\*=|/=|->|::|[^\s\w])""",
    re.VERBOSE | re.DOTALL,
)
KINDS_BEFORE = {
    "double",
    "int",
    "char",
    "bool",
    "auto",
    "const",
    "T",
    "B",
    "V",
    "size_t",
    "ptrdiff_t",
    "return",
    "case",
}
"""After these words an operator has no left operand."""
UNTOUCHED = re.compile(
    r"\b(constexpr|static_assert|template|using|case|operator|enum)\b|\bclass\b|\bstruct\b"
)
CHANGED = {"*": "/", "/": "swapped", "<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "=="}


@dataclass(frozen=True)
class Change:
    """One place of one file: what stands there from `begin` to `end`, and what takes its place."""

    path: str
    line: int
    begin: int
    end: int
    what: str
    text: str
    """With {id} for the number of the mutant."""
    source: str
    """The line as it was."""


def changes_of(path: Path, name: str) -> list[Change]:
    """Every mutant of a file, in order."""
    text = path.read_text()
    lines = text.split("\n")
    found = []
    for begin, end, what, new in _places(text):
        line = text.count("\n", 0, begin)
        if not UNTOUCHED.search(lines[line]):
            found.append(Change(name, line + 1, begin, end, what, new, lines[line].strip()))
    return found


def rewritten(text: str, changes: dict[int, Change]) -> str:
    """The text with a switch at the place of every change; keys are the numbers of the mutants."""
    for number, change in sorted(changes.items(), key=lambda item: (-item[1].begin, -item[1].end)):
        new = change.text.replace("{id}", str(number))
        text = text[: change.begin] + new + text[change.end :]
    return text


def _places(text: str) -> Iterator[tuple[int, int, str, str]]:
    tokens = [match for match in TOKEN.finditer(text) if match.lastgroup != "skip"]
    for at, token in enumerate(tokens):
        before = tokens[at - 1].group() if at else ""
        begin, end, word = token.start(), token.end(), token.group()
        spaced = text[begin - 1] in " \n" and text[end : end + 1] in (" ", "\n")
        follows = bool(re.search(r"[\w)\]}]$", before)) and before not in KINDS_BEFORE
        if token.lastgroup == "number":
            yield from _number(text, begin, end, word)
        elif word in "+-" and spaced and follows:
            yield (
                begin,
                end,
                f"{word} becomes {'-' if word == '+' else '+'}",
                f"{word} mutants::sign({{id}}) *",
            )
        elif word == "-" and not spaced and not follows and re.match(r"[\w(]", text[end : end + 1]):
            yield begin, end, "- dropped", "mutants::minus({id}) * "
        elif word in CHANGED and spaced and follows:
            yield begin, end, f"{word} becomes {CHANGED[word]}", f"{word} mutants::place({{id}}) {word}"
        elif word in ("+=", "-="):
            yield begin, end, f"{word} turned", f"{word} mutants::sign({{id}}) *"
        elif word == "if" and tokens[at + 1].group() == "(":
            yield from _condition(text, tokens, at + 1)


def _number(text: str, begin: int, end: int, word: str) -> Iterator[tuple[int, int, str, str]]:
    line_start = text.rfind("\n", 0, begin) + 1
    closed = re.sub(r"<[^<>]*>", "", text[line_start:begin])
    in_template = re.search(r"\w<[^<>;()]*$", closed)
    if in_template or text[max(begin - 2, 0) : begin] in ("u", "{-"):
        return
    if re.fullmatch(r"\d+", word):
        yield (
            begin,
            end,
            f"{word} becomes {int(word) + 1}",
            f"mutants::number({{id}}, {word}, {int(word) + 1})",
        )
    elif re.fullmatch(r"\d+\.\d*([eE][+-]?\d+)?|\d+[eE][+-]?\d+", word):
        value = float(word)
        other = value * 1.01 if value else 0.01
        yield begin, end, f"{word} becomes {other:.4g}", f"mutants::number({{id}}, {word}, {other!r})"


def _condition(text: str, tokens: list[re.Match[str]], at: int) -> Iterator[tuple[int, int, str, str]]:
    depth = 0
    for token in tokens[at:]:
        depth += {"(": 1, ")": -1}.get(token.group(), 0)
        if depth == 0:
            inside = text[tokens[at].end() : token.start()]
            if not re.search(r"[^=!<>]=[^=]|;", inside):
                yield tokens[at].start(), tokens[at].end(), "condition negated", "(mutants::flip({id}), "
            return
