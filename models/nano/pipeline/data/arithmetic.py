"""Arithmetic: the model writes the expression, a tool finds its value."""

import re
from fractions import Fraction
from random import Random

from . import strings
from .steps import NO_TOOL, Answer, Call, Hands, Step, User, chance, did, failed

_SIGNS = {
    "+": ["+", "+", "plus"],
    "-": ["-", "-", "−", "minus"],
    "*": ["*", "×", "x", "·", "times", "multiplied by"],
    "/": ["/", "/", "÷", "divided by", "over"],
    "%": ["mod", "modulo", "%"],
    "**": ["^", "**", "to the power of"],
}
_ASKED = [
    "What is {}?", "what is {}", "{}?", "{}", "Compute {}.", "Calculate {}.", "calculate {}", "How much is {}?",
    "{}=", "What's {}?", "Please compute {}.", "Work out {}.", "Evaluate {}", "I need the value of {}.", "whats {}",
    "Compute {}. (`mod` is the remainder of a division.)",
]  # fmt: skip
_MARKS = ["ANSWER", "ANSWER", "RESULT"]
_FORMATS = [
    "End with one line that holds nothing but `{mark}:` and the answer, like this:\n{mark}: {example}",
    "End your answer with a line `{mark}: <the number>`.",
    "Give the result on one line that begins with `{mark}:`.",
]


def one(random: Random, hands: Hands) -> list[Step]:
    """An expression, in any of the ways in which people write one."""
    # A shell knows whole numbers alone.
    broken = chance(random, 8) and (hands.has("calculator") or hands.has("python"))
    shown, expression = _decimal(random) if broken else _expression(random)
    return _asked(random, hands, random.choice(_ASKED).format(shown), expression)


def told(random: Random, hands: Hands) -> list[Step]:
    """An expression in words."""
    a, b, c = (strings.number(random, 4) for _ in range(3))
    thing, who = random.choice(strings.ENGLISH), random.choice(strings.FIRST)
    text, expression = random.choice(
        [
            (f"What is the sum of {a} and {b}?", f"{a} + {b}"),
            (f"What is the product of {a} and {b}?", f"{a} * {b}"),
            (f"What is the difference of {a} and {b}?", f"{a} - {b}"),
            (f"Add {a} and {b}.", f"{a} + {b}"),
            (f"add {a}, {b} and {c}", f"{a} + {b} + {c}"),
            (f"Multiply {a} by {b}.", f"{a} * {b}"),
            (f"Subtract {a} from {b}.", f"{b} - {a}"),
            (f"Divide {a} by {b}.", f"{a} / {b}"),
            (f"What is {a} squared?", f"{a} ** 2"),
            (f"Square {a}.", f"{a} ** 2"),
            (f"What is the remainder of {a} divided by {b}?", f"{a} % {b}"),
            (f"What is {a % 100}% of {b}?", f"{b} * {a % 100} / 100"),
            (f"What is half of {a}?", f"{a} / 2"),
            (f"What is twice {a}?", f"2 * {a}"),
            (f"There are {a} boxes with {b} {thing}s each. How many {thing}s are there?", f"{a} * {b}"),
            (f"{who} has {a} {thing}s and gets {b} more. How many does {who} have?", f"{a} + {b}"),
            (f"{who} had {a} {thing}s and lost {b}. How many are left?", f"{a} - {b}"),
            (f"One {thing} costs {a}. What do {b} of them cost?", f"{a} * {b}"),
            (f"How many seconds are {a} hours?", f"{a} * 3600"),
            (f"How many minutes are {a} hours?", f"{a} * 60"),
            (f"How many hours are {a} days?", f"{a} * 24"),
            (f"What is the average of {a}, {b} and {c}?", f"({a} + {b} + {c}) / 3"),
            (f"What is the sum of the numbers from 1 to {a}?", f"{a} * ({a} + 1) / 2"),
        ]
    )
    return _asked(random, hands, text, expression)


def function(random: Random, hands: Hands) -> list[Step]:
    """A function that the calculator has, and Python's standard library."""
    a, b = random.randrange(1, 10000), random.randrange(1, 1000)
    text, expression, python, printed = random.choice(
        [
            (f"What is the square root of {a}?", f"sqrt({a})", f"import math; print(math.sqrt({a}))", f"{a**0.5}"),
            (f"sqrt({a})", f"sqrt({a})", f"import math; print(math.sqrt({a}))", f"{a**0.5}"),
            (f"What is {b % 25} factorial?", f"factorial({b % 25})",
             f"import math; print(math.factorial({b % 25}))", str(strings.number(random, 20))),
            (f"What is the greatest common divisor of {a} and {b}?", f"gcd({a}, {b})",
             f"import math; print(math.gcd({a}, {b}))", str(strings.number(random, 2))),
        ]
    )  # fmt: skip
    call = (
        Call("calculator", {"expression": expression}) if hands.has("calculator") else hands.run(None, python)
    )
    return did(hands, text, call, printed, f"The result is {printed}.")


def _asked(random: Random, hands: Hands, text: str, expression: str) -> list[Step]:
    answer = "The result is {}."
    if chance(random, 25):
        mark = random.choice(_MARKS)
        form = random.choice(_FORMATS).format(
            mark=mark, example=random.choice([-1234, 42, strings.number(random)])
        )
        text, answer = f"{text}{chr(10) * random.choice([1, 2])}{form}", f"{mark}: {{}}"
    call = hands.calculate(expression)
    try:
        printed = _shown(random, expression)
    except ZeroDivisionError:
        return _divided_by_zero(hands, text, call)
    return did(hands, text, call, printed, answer.format(printed))


def _divided_by_zero(hands: Hands, text: str, call: Call | None) -> list[Step]:
    if call is None:
        return [User(text), Answer(NO_TOOL)]
    why = {"calculator": "division by zero", "python": "ZeroDivisionError: division by zero"}
    return failed(hands, text, call, why.get(call.tool, "bash: division by 0"))


def _shown(random: Random, expression: str) -> str:
    """The value, as a tool prints it."""
    exact = eval(re.sub(r"[\d.]+", r"Fraction('\g<0>')", expression), {"Fraction": Fraction})
    if exact.denominator == 1:
        return str(exact.numerator)
    return str(round(float(exact), random.choice([2, 4, 12])))


def _expression(random: Random) -> tuple[str, str]:
    """The same expression as people write it, and as tools read it: sign by sign, with the spaces that it has."""
    kind = random.randrange(10)
    size = random.choice([2, 3, 4, 6, 8])
    if kind < 6:
        sign = random.choice(["+", "-", "*", "*", "/", "%"])
        return _written(random, [strings.number(random, size) for _ in "ab"], [sign], words=True)
    if kind == 6:
        return _written(random, [random.randrange(2, 100), random.randrange(2, 13)], ["**"], words=True)
    terms = [strings.number(random, size) for _ in range(random.randint(3, 6))]
    one = random.choice(["+", "+", "*", None])
    signs = [one or random.choice("+-*") for _ in terms[1:]]
    if kind == 9:
        signs = [random.choice("+-*") for _ in terms[1:]]
    return _written(random, terms, signs, inside=random.choice([2, 2, 3]) if kind == 9 else 0)


def _decimal(random: Random) -> tuple[str, str]:
    """Two numbers of which one has a point."""
    terms = [f"{strings.number(random, 3)}.{strings.number(random, 3)}", str(strings.number(random, 4))]
    random.shuffle(terms)
    return _written(random, terms, [random.choice("+-*/")])


def _written(
    random: Random, terms: list, signs: list[str], words: bool = False, inside: int = 0
) -> tuple[str, str]:
    """As people write it, and as tools do. The first terms, so many as are `inside`, stand in parentheses."""
    space = random.choice(["", " ", " "])
    spelled = {sign: _spelled(random, sign, words) for sign in dict.fromkeys(signs)}
    if any(it.isalpha() or " " in it for it in spelled.values()):
        space = " "
    shown = expression = f"({terms[0]}" if inside else str(terms[0])
    for at, (sign, term) in enumerate(zip(signs, terms[1:]), 2):
        end = ")" if at == inside else ""
        shown += f"{space}{spelled[sign]}{space}{term}{end}"
        expression += f"{space}{sign}{space}{term}{end}"
    return shown, expression


def _spelled(random: Random, sign: str, words: bool) -> str:
    """How people write the sign: as a word only with `words`."""
    ways = [it for it in _SIGNS[sign] if words or not (it.isalpha() or " " in it)]
    return random.choice(ways)


SKILLS = {one: 6, told: 3, function: 1}
