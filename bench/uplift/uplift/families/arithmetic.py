"""Arithmetic with whole numbers of several digits, from one operation to a few."""

from random import Random

from ..task import ASKED_FOR, number


def make(at: int, random: Random):
    kind = ("product", "sum", "chain", "remainder")[at % 4]
    digits = 3 + at // 4 % 4
    expression = {"product": _product, "sum": _sum, "chain": _chain, "remainder": _remainder}[kind](
        digits, random
    )
    # Nothing but numbers and operators that were put together here.
    expected = eval(expression.replace("×", "*").replace("mod", "%").replace("−", "-"))  # noqa: S307
    prompt = f"Compute {expression}. (`mod` is the remainder of a division.)\n\n"
    return kind, prompt + ASKED_FOR.format(example=-1234), expected, number(expected)


def _number(digits: int, random: Random) -> int:
    return random.randrange(10 ** (digits - 1), 10**digits)


def _product(digits: int, random: Random) -> str:
    return f"{_number(digits, random)} × {_number(digits, random)}"


def _sum(digits: int, random: Random) -> str:
    return " + ".join(str(_number(digits + random.randrange(2), random)) for _ in range(6))


def _chain(digits: int, random: Random) -> str:
    a, b, c, d = (_number(digits - 1, random) for _ in range(4))
    return f"({a} × {b} + {c}) − {d} × {random.randrange(11, 99)}"


def _remainder(digits: int, random: Random) -> str:
    return f"{_number(digits + 3, random)} mod {_number(2, random)}"
