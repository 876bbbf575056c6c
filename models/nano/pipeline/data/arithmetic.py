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
    "{} =", "What's {}?", "Please compute {}.", "Work out {}.", "Tell me what {} is.", "Evaluate {}",
    "I need the value of {}.", "What does {} make?", "whats {}", "Compute {}. (`mod` is the remainder of a division.)",
]  # fmt: skip
_MARKS = ["ANSWER", "ANSWER", "ANSWER", "Answer", "RESULT", "Result", "FINAL", "Output"]
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
            (f"What is the sum of {a} and {b}?", f"{a}+{b}"),
            (f"What is the product of {a} and {b}?", f"{a}*{b}"),
            (f"What is the difference of {a} and {b}?", f"{a}-{b}"),
            (f"Add {a} and {b}.", f"{a}+{b}"),
            (f"add {a}, {b} and {c}", f"{a}+{b}+{c}"),
            (f"Multiply {a} by {b}.", f"{a}*{b}"),
            (f"Subtract {a} from {b}.", f"{b}-{a}"),
            (f"Divide {a} by {b}.", f"{a}/{b}"),
            (f"What is {a} squared?", f"{a}**2"),
            (f"Square {a}.", f"{a}**2"),
            (f"What is the remainder of {a} divided by {b}?", f"{a}%{b}"),
            (f"What is {a % 100}% of {b}?", f"{b}*{a % 100}/100"),
            (f"What is half of {a}?", f"{a}/2"),
            (f"What is twice {a}?", f"2*{a}"),
            (f"There are {a} boxes with {b} {thing}s each. How many {thing}s are there?", f"{a}*{b}"),
            (f"{who} has {a} {thing}s and gets {b} more. How many does {who} have?", f"{a}+{b}"),
            (f"{who} had {a} {thing}s and lost {b}. How many are left?", f"{a}-{b}"),
            (f"One {thing} costs {a}. What do {b} of them cost?", f"{a}*{b}"),
            (f"How many seconds are {a} hours?", f"{a}*3600"),
            (f"How many minutes are {a} hours?", f"{a}*60"),
            (f"How many hours are {a} days?", f"{a}*24"),
            (f"What is the average of {a}, {b} and {c}?", f"({a}+{b}+{c})/3"),
            (f"What is the sum of the numbers from 1 to {a}?", f"{a}*({a}+1)/2"),
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
        text, answer = f"{text}{random.choice([' ', chr(10), chr(10) * 2])}{form}", f"{mark}: {{}}"
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
    """The same expression as people write it, and as tools read it."""
    kind = random.randrange(10)
    size = random.choice([2, 3, 4, 6, 8])
    if kind < 6:
        sign = random.choice(["+", "-", "*", "*", "/", "%"])
        terms, signs = [strings.number(random, size) for _ in "ab"], [sign]
    elif kind == 6:
        terms, signs = [random.randrange(2, 100), random.randrange(2, 13)], ["**"]
    else:
        count = random.randint(3, 6)
        one = random.choice(["+", "+", "*", None])
        terms = [strings.number(random, size) for _ in range(count)]
        signs = [one or random.choice("+-*") for _ in range(count - 1)]
    if kind == 9:
        terms = terms[:3] if chance(random, 30) else (terms * 2)[:5]
        signs = (signs * 2)[: len(terms) - 1]
        return _grouped(random, terms, signs)
    space = random.choice(["", " ", " "])
    shown = str(terms[0])
    expression = str(terms[0])
    written = {sign: random.choice(_SIGNS[sign]) for sign in dict.fromkeys(signs)}
    for sign, term in zip(signs, terms[1:]):
        gap = " " if written[sign].isalpha() or " " in written[sign] else space
        shown += f"{gap}{written[sign]}{gap}{term}"
        expression += f"{sign}{term}"
    return shown, expression


def _decimal(random: Random) -> tuple[str, str]:
    """Two numbers of which one has a point."""
    terms = [f"{strings.number(random, 3)}.{strings.number(random, 3)}", str(strings.number(random, 4))]
    random.shuffle(terms)
    sign, space = random.choice("+-*/"), random.choice(["", " ", " "])
    written = random.choice([it for it in _SIGNS[sign] if not it.isalpha() and " " not in it])
    return f"{terms[0]}{space}{written}{space}{terms[1]}", f"{terms[0]}{sign}{terms[1]}"


def _grouped(random: Random, terms: list[int], signs: list[str]) -> tuple[str, str]:
    """With parentheses around the first two or three terms."""
    inside = min(random.choice([2, 3]), len(terms) - 1)
    written = {
        sign: random.choice([it for it in _SIGNS[sign] if not it.isalpha() and " " not in it])
        for sign in signs
    }
    space = random.choice(["", " ", " "])

    def joined(of: list[int], by: list[str], spelled: dict[str, str], gap: str) -> str:
        text = str(of[0])
        for sign, term in zip(by, of[1:]):
            text += f"{gap}{spelled[sign]}{gap}{term}"
        return text

    def whole(spelled: dict[str, str], gap: str) -> str:
        first = joined(terms[:inside], signs[: inside - 1], spelled, gap)
        rest = joined(terms[inside:], signs[inside:], spelled, gap)
        return f"({first}){gap}{spelled[signs[inside - 1]]}{gap}{rest}"

    return whole(written, space), whole({sign: sign for sign in signs}, "")


SKILLS = {one: 6, told: 3, function: 1}
