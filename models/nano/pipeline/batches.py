"""What each update of the weights is made from: some conversations of every length.

An update is a pure function of the seed and its number, so training goes on after a break with the text that
it would have had, and nothing but the number is kept.
"""

from dataclasses import dataclass
from random import Random

import numpy

from .chat import END, Message, opening
from .data import mix
from .vocabulary import Vocabulary


@dataclass(frozen=True)
class Stage:
    """A part of the training: until which update, how much there is of each family, and how many conversations
    of at most so many tokens, and every how many updates. Lengths are few, since each is compiled by itself."""

    until: int | None
    shares: dict[str, int]
    rows: dict[int, tuple[int, int]]


# At first there is nothing but copying: what all the rest is built on is then learnt in minutes. Then come short
# conversations, then most of them, then more of what takes longest to learn, and at last the long ones.
HARDEST = {"copying": 4, "arithmetic": 18, "files": 14, "services": 18, "context": 40, "talk": 6}
STAGES = (
    Stage(800, {"copying": 1}, {64: (10, 1), 128: (6, 1)}),
    Stage(3200, mix.SHARES, {128: (5, 1), 192: (4, 1), 256: (2, 1)}),
    Stage(6000, mix.SHARES, {128: (3, 1), 256: (4, 1), 384: (2, 1), 512: (1, 2)}),
    Stage(14000, HARDEST, {128: (3, 1), 256: (4, 1), 384: (2, 1), 512: (1, 2)}),
    Stage(None, HARDEST, {256: (2, 1), 512: (1, 1), 1024: (1, 1)}),
)
# Conversations have as many turns as fit into a row, up to this: what stands before the first answer, such as the
# tools, is most of a short one, and there is nothing to learn from it.
MOST_TURNS = 5
# How much text counts that the model does not write itself.
OTHERS_WEIGHT = 0.03


@dataclass(frozen=True)
class Batch:
    """Rows of tokens, and how much it counts that each is foretold."""

    tokens: numpy.ndarray
    weights: numpy.ndarray


def stage(number: int) -> Stage:
    """The stage of an update."""
    return next(it for it in STAGES if it.until is None or number < it.until)


def lengths(number: int) -> list[int]:
    """The lengths of the batches that an update is made from, the largest first."""
    rows = stage(number).rows
    return sorted((length for length, (_, every) in rows.items() if number % every == 0), reverse=True)


def batch(vocabulary: Vocabulary, seed: int, number: int, length: int) -> Batch:
    """The batch of this length for an update."""
    random = Random(f"{seed}/{number}/{length}")
    its = stage(number)
    count, _ = its.rows[length]
    shorter = max((other for other in its.rows if other < length), default=0)
    rows: list[tuple[list[int], list[float]]] = []
    while len(rows) < count:
        told = mix.conversation(random, its.shares, random.randint(1, MOST_TURNS)).messages
        # A token has less than six bytes on average, and a byte makes at most one.
        if sum(len(message.text) for message in told) > shorter / 2:
            tokens, weights = encoded(vocabulary, told, length + 1)
            if shorter < len(tokens) - 1:
                rows.append((tokens, weights))
    return _filled(rows, length)


def encoded(vocabulary: Vocabulary, messages: list[Message], longest: int) -> tuple[list[int], list[float]]:
    """The tokens of a conversation, and what each counts: up to the last message of the model that fits."""
    tokens: list[int] = []
    weights: list[float] = []
    fits = 0
    for message in messages:
        head, text = vocabulary.encode(opening(message.role)), vocabulary.encode(message.text + END)
        is_own = message.role == "assistant"
        tokens += [*head, *text, *vocabulary.encode("\n")]
        weights += [*(0.0 for _ in head), *(1.0 if is_own else OTHERS_WEIGHT for _ in text), 0.0]
        if len(tokens) > longest:
            break
        fits = len(tokens) if is_own else fits
    return tokens[:fits], weights[:fits]


def _filled(rows: list[tuple[list[int], list[float]]], length: int) -> Batch:
    tokens = numpy.zeros((len(rows), length + 1), numpy.int32)
    weights = numpy.zeros((len(rows), length + 1), numpy.float32)
    for at, (ids, counted) in enumerate(rows):
        tokens[at, : len(ids)] = ids
        weights[at, : len(ids)] = counted
    return Batch(tokens, weights)
