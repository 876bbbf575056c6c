"""Counting in files and transforming them. The files stand in the prompt; no other set-up is needed.

A model with tools may write them into its workspace; what it is asked for is the same.
"""

from collections import Counter
from random import Random

from ..task import ASKED_FOR, lines, number, words

_NAMES = "ada ben cleo dora eli fay gus hana ivo june kim lars mia nils olga pia".split()
_CITIES = "Aarhus Bergen Cadiz Delft Evora Faro Ghent Hamar".split()
_LEVELS = ("INFO", "WARN", "ERROR", "DEBUG")


def make(at: int, random: Random):
    kind = ("count", "sum", "most", "transform")[at % 4]
    rows = 12 + 6 * (at // 4 % 4)
    name, content, question, example, expected = {
        "count": _count, "sum": _sum, "most": _most, "transform": _transform,
    }[kind](rows, random)  # fmt: skip
    judge = {int: number, str: words, list: lines}[type(expected)](expected)
    prompt = f"The file `{name}`:\n\n<file name=\"{name}\">\n{content}\n</file>\n\n{question}\n\n"
    return kind, prompt + ASKED_FOR.format(example=example), expected, judge


def _log(rows: int, random: Random) -> list[tuple[str, str, str]]:
    return [
        (random.choice(_LEVELS), random.choice(_NAMES), f"{random.randrange(16, 900)}ms") for _ in range(rows)
    ]


def _count(rows: int, random: Random):
    log = _log(rows, random)
    level, slow = random.choice(_LEVELS), random.choice((100, 250, 400))
    expected = sum(1 for it in log if it[0] == level and int(it[2][:-2]) > slow)
    content = "\n".join(" ".join(it) for it in log)
    question = (
        f"How many lines have the level {level} and a time above {slow}ms?"
        " Each line holds a level, a user and a time."
    )
    return "service.log", content, question, 7, expected


def _orders(rows: int, random: Random) -> list[tuple[str, str, int, int]]:
    return [
        (random.choice(_NAMES), random.choice(_CITIES), random.randrange(1, 30), random.randrange(5, 200))
        for _ in range(rows)
    ]


def _csv(orders: list[tuple[str, str, int, int]]) -> str:
    return "\n".join(["user,city,pieces,price", *(",".join(map(str, it)) for it in orders)])


def _sum(rows: int, random: Random):
    orders = _orders(rows, random)
    city = random.choice(orders)[1]
    expected = sum(pieces * price for _, at, pieces, price in orders if at == city)
    question = f"What is the sum of pieces times price over all rows whose city is {city}?"
    return "orders.csv", _csv(orders), question, 1234, expected


def _most(rows: int, random: Random):
    orders = _orders(rows, random)
    sums: Counter[str] = Counter()
    for user, _, pieces, _ in orders:
        sums[user] += pieces
    most = max(sums.values())
    expected = min(user for user, pieces in sums.items() if pieces == most)
    question = (
        "Which user has the most pieces over all rows together?"
        " Of several with as many, name the first by the alphabet."
    )
    return "orders.csv", _csv(orders), question, "zoe", expected


def _transform(rows: int, random: Random):
    log = _log(rows, random)
    dropped = random.choice(_LEVELS)
    users = sorted({user for level, user, _ in log if level != dropped}, reverse=True)
    expected = [user.upper() for user in users]
    content = "\n".join(" ".join(it) for it in log)
    question = (
        f"Leave out the lines with the level {dropped}. Of the others take the users (the second word), each"
        " once, in capital letters, sorted from Z to A. Answer with a JSON array of strings on one line."
    )
    return "service.log", content, question, '["ZOE", "ABE"]', expected
