"""Choosing the words of the vocabulary: those that save the most tokens in the text of the generator.

The list is kept in the repository (`words.txt`): another list is another vocabulary, and another model.
"""

import re
from collections import Counter
from random import Random

from .data import mix
from .vocabulary import MARKS, WORDS, agreeable

CONVERSATIONS = 30_000
MOST = 640
# Fewer times than this is chance: a name that was made up.
LEAST = 60
_MARK = re.compile("|".join(map(re.escape, sorted(MARKS, key=len, reverse=True))))


def choose() -> list[str]:
    """The words, by the text of conversations of their own."""
    counted: Counter[str] = Counter()
    for number in range(CONVERSATIONS):
        for message in mix.conversation(Random(f"words/{number}")).messages:
            counted.update(re.findall("[A-Za-z]{3,}", _MARK.sub(" ", message.text)))
    frequent = [word for word, count in counted.items() if count >= LEAST]
    return agreeable(sorted(frequent, key=lambda word: (-counted[word] * (len(word) - 1), word)), MOST)


def write() -> None:
    """Writes the list anew."""
    WORDS.write_text("".join(f"{word}\n" for word in choose()))
