"""Arithmetic with whole numbers of several digits, from one operation to a few."""

from random import Random

from ..task import ASKED_FOR, number


def make(at: int, random: Random):
    kind = _KINDS[at % len(_KINDS)]
    digits = 3 + at // len(_KINDS) % 4
    expression, expected = kind(digits, random)
    prompt = f"Compute {expression}. (`mod` is the remainder of a division.)\n\n"
    return kind.__name__.lstrip("_"), prompt + ASKED_FOR.format(example=-1234), expected, number(expected)


def _number(digits: int, random: Random) -> int:
    return random.randrange(10 ** (digits - 1), 10**digits)


def _product(digits: int, random: Random) -> tuple[str, int]:
    a, b = _number(digits, random), _number(digits, random)
    return f"{a} × {b}", a * b


def _sum(digits: int, random: Random) -> tuple[str, int]:
    terms = [_number(digits + random.randrange(2), random) for _ in range(6)]
    return " + ".join(map(str, terms)), sum(terms)


def _chain(digits: int, random: Random) -> tuple[str, int]:
    a, b, c, d = (_number(digits - 1, random) for _ in range(4))
    e = random.randrange(11, 99)
    return f"({a} × {b} + {c}) − {d} × {e}", (a * b + c) - d * e


def _remainder(digits: int, random: Random) -> tuple[str, int]:
    a, b = _number(digits + 3, random), _number(2, random)
    return f"{a} mod {b}", a % b


_KINDS = (_product, _sum, _chain, _remainder)
