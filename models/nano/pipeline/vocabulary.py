"""The tokens: every byte, the marks of a chat, some pieces of JSON, and some whole words.

What a model of this size must do well is copying what it never saw: names, numbers, paths. That works only
if the same string always makes the same tokens, whatever stands around it. So there are no merges. Digits
and signs are bytes; a word is a token only if it consists of letters alone, so that how a run of letters is cut
depends on nothing but the run itself. The pieces of JSON begin and end with signs, and stand only
where calls are written.

A text is cut as llama.cpp cuts it: tokens of the kinds `control` and `user defined` are looked for in all of
the text, the longest first, and what is left is byte-level BPE, here without a merge. Which of two tokens
of the same length goes first is nowhere defined, so no two may overlap where that could matter
(`agreeable`).
"""

import re
from functools import cached_property, lru_cache
from pathlib import Path

from .chat import CONTROL

WORDS = Path(__file__).with_name("words.txt")
MARKS = (
    "<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>",
    '{"name": "', '", "arguments": {"', '": "', '"}}', "```",
)  # fmt: skip
_RUN = re.compile("[A-Za-z]{3,}")


class Vocabulary:
    """From text to tokens and back."""

    def __init__(self, words: list[str]):
        if not all(_RUN.fullmatch(word) for word in words):
            raise ValueError("a word of the vocabulary has three letters or more, and nothing else")
        self.words = list(words)
        self.whole = [*MARKS, *self.words]
        self.first_byte = len(CONTROL)
        first_whole = self.first_byte + 256
        self.size = first_whole + len(self.whole)
        self._ids = {text: at for at, text in enumerate(CONTROL)}
        self._ids |= {text: first_whole + at for at, text in enumerate(self.whole)}
        self._marks = sorted([*CONTROL, *MARKS], key=len, reverse=True)
        self._words = sorted(self.words, key=len, reverse=True)
        self._run = lru_cache(maxsize=1 << 16)(self._cut_run)

    @classmethod
    def read(cls) -> "Vocabulary":
        """The vocabulary that is kept beside this module."""
        return cls(WORDS.read_text().split())

    def encode(self, text: str) -> list[int]:
        """The tokens of a text. Marks of the chat in it are taken as such."""
        pieces: list[str | int] = [text]
        for mark in self._marks:
            if mark in text:
                pieces = [part for piece in pieces for part in self._parted(piece, mark)]
        ids: list[int] = []
        for piece in pieces:
            if isinstance(piece, int):
                ids.append(piece)
            else:
                ids += self._plain(piece)
        return ids

    def decode(self, ids: list[int]) -> str:
        """The text of tokens; bytes that are no UTF-8 become replacement characters."""
        return b"".join(self.spelled[id] for id in ids).decode(errors="replace")

    def id(self, text: str) -> int:
        """The token of a mark, or of a word."""
        return self._ids[text]

    @cached_property
    def spelled(self) -> list[bytes]:
        """The bytes of each token."""
        single = [bytes([byte]) for byte in range(256)]
        return [*(text.encode() for text in CONTROL), *single, *(text.encode() for text in self.whole)]

    def _parted(self, piece: str | int, mark: str) -> list[str | int]:
        if isinstance(piece, int) or mark not in piece:
            return [piece]
        parts: list[str | int] = []
        for at, rest in enumerate(piece.split(mark)):
            parts += [self._ids[mark]] if at else []
            parts += [rest] if rest else []
        return parts

    def _plain(self, text: str) -> list[int]:
        ids, at = [], 0
        for found in _RUN.finditer(text):
            ids += self._bytes(text[at : found.start()])
            ids += self._run(found.group())
            at = found.end()
        return ids + self._bytes(text[at:])

    def _bytes(self, text: str) -> list[int]:
        return [self.first_byte + byte for byte in text.encode()]

    def _cut_run(self, letters: str) -> tuple[int, ...]:
        """A run of letters: the longest words first, wherever in it they are."""
        if letters in self._ids:
            return (self._ids[letters],)
        for word in self._words:
            before, found, after = letters.partition(word)
            if found:
                return (*self._cut_run(before), self._ids[word], *self._cut_run(after))
        return tuple(self._bytes(letters))


def agreeable(ranked: list[str], most: int) -> list[str]:
    """The first of `ranked` that agree: words of one length overlap by two letters at most, those of three
    letters not at all."""
    chosen: list[str] = []
    for word in ranked:
        least = 1 if len(word) == 3 else 3
        alike = [word, *(other for other in chosen if len(other) == len(word))]
        if not any(_overlap(a, b, least) for it in alike for a, b in ((it, word), (word, it))):
            chosen.append(word)
        if len(chosen) == most:
            break
    return sorted(chosen)


def _overlap(first: str, second: str, least: int) -> bool:
    """Whether `first` ends, with `least` letters or more, as `second` begins."""
    return any(first[-size:] == second[:size] for size in range(least, len(first)))
