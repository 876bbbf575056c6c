"""A task: a question whose answer is known, and how an answer to it is judged.

An answer is read strictly, so that nothing is right by luck: what counts is one line (`ANSWER: …`), the last
one of its kind, and it is compared as a whole. Every verdict says why.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

RIGHT, WRONG, NONE = "right", "wrong", "none"

ASKED_FOR = (
    "End with one line that holds nothing but `ANSWER:` and the answer, like this:\nANSWER: {example}"
)

_LINE = re.compile(r"^\s*(?:\*\*|`)?ANSWER:(?:\*\*)?(.*)$", re.MULTILINE)
_INTEGER = re.compile(r"[-+]?(?:\d+|\d{1,3}(?:,\d{3})+)")


@dataclass(frozen=True)
class Verdict:
    """`right`, `wrong`, or `none` where the answer has no line to judge; and the reason."""

    outcome: str
    reason: str


@dataclass(frozen=True)
class Task:
    """One task. `judge` takes the text of an answer."""

    id: str
    family: str
    kind: str
    prompt: str
    expected: Any
    judge: Callable[[str], Verdict]
    # Fields of its requests.
    body: dict[str, Any] = field(default_factory=dict)


def answer_line(text: str) -> str | None:
    """What stands behind the last `ANSWER:`, without the marks that models put around it."""
    found = _LINE.findall(text)
    if not found:
        return None
    return found[-1].strip().strip("*`").strip()


def _judged(text: str, read: Callable[[str], Any], expected: Any) -> Verdict:
    line = answer_line(text)
    if line is None:
        return Verdict(NONE, "no line begins with `ANSWER:`")
    if not line:
        return Verdict(NONE, "the line behind `ANSWER:` is empty")
    try:
        given = read(line)
    except ValueError as why:
        return Verdict(WRONG, f"{line[:80]!r} {why}")
    if given == expected:
        return Verdict(RIGHT, f"{line[:80]!r} is the answer")
    return Verdict(WRONG, f"{line[:80]!r} instead of {str(expected)[:80]!r}")


def _integer(line: str) -> int:
    if not _INTEGER.fullmatch(line):
        raise ValueError("is no whole number")
    return int(line.replace(",", ""))


def _lines(line: str) -> list[str]:
    try:
        given = json.loads(line)
    except ValueError:
        raise ValueError("is no JSON") from None
    if not isinstance(given, list) or not all(isinstance(item, str) for item in given):
        raise ValueError("is no JSON array of strings")
    return given


def _words(line: str) -> str:
    return " ".join(line.strip("\"'").rstrip(".").casefold().split())


def number(expected: int) -> Callable[[str], Verdict]:
    """Judges whole numbers; commas between thousands are allowed."""
    return lambda text: _judged(text, _integer, expected)


def lines(expected: list[str]) -> Callable[[str], Verdict]:
    """Judges JSON arrays of strings."""
    return lambda text: _judged(text, _lines, expected)


def words(expected: str) -> Callable[[str], Verdict]:
    """Judges a few words: case, spaces, quotation marks and a full stop do not matter."""
    return lambda text: _judged(text, _words, _words(expected))
