"""Small programs, judged by running them. The prompt shows one test; the others are not known to the model.

A program reads standard input and prints. It stands between two lines of its own, not in a block of Markdown,
since to a model whose tools are told in words a block may be a call.
"""

import re
from collections import Counter
from collections.abc import Callable
from random import Random

from .. import programs
from ..task import NONE, RIGHT, WRONG, Verdict

TESTS = 6
_PROGRAM = re.compile(
    r"^\s*BEGIN PROGRAM\s*$\n(.*?)^\s*END PROGRAM\s*$", re.MULTILINE | re.DOTALL
)
_FENCE = re.compile(r"\A\s*```[a-z0-9]*\n(.*?)\n?```\s*\Z", re.DOTALL)
_WORDS = "oak elm ash fir yew box bay fig".split()


def make(at: int, random: Random):
    kind, task, tests = pose(at, random)
    given, printed = tests[0]
    prompt = (
        f"Write a program in Python 3, with nothing but the standard library. {task}\n\n"
        f"For the input\n<input>\n{given}\n</input>\nit prints\n<output>\n{printed}\n</output>\n\n"
        "End your answer with the program between two lines, and nothing behind:\n"
        "BEGIN PROGRAM\n(the program)\nEND PROGRAM"
    )
    expected = [printed for _, printed in tests]
    return kind, prompt, expected, lambda text: judge(text, tests)


def pose(at: int, random: Random) -> tuple[str, str, list[tuple[str, str]]]:
    """The kind of a task, what the program must do, and the tests: inputs with what is printed."""
    kind = _KINDS[at % len(_KINDS)]
    task, solve, case = kind(random)
    tests = [(given, solve(given)) for given in (case(random) for _ in range(TESTS))]
    return kind.__name__.lstrip("_"), task, tests


def program_in(text: str) -> str | None:
    """The last program of an answer; marks of a block around it are left out."""
    found = _PROGRAM.findall(text)
    if not found:
        return None
    fenced = _FENCE.match(found[-1])
    return fenced[1] if fenced else found[-1]


def judge(text: str, tests: list[tuple[str, str]]) -> Verdict:
    program = program_in(text)
    if program is None:
        return Verdict(NONE, "no program between `BEGIN PROGRAM` and `END PROGRAM`")
    for at, (given, expected) in enumerate(tests, 1):
        ran = programs.run(program, given + "\n")
        if ran.failure:
            return Verdict(WRONG, f"test {at}: {ran.failure}")
        if _trimmed(ran.stdout) != _trimmed(expected):
            return Verdict(WRONG, f"test {at}: prints {ran.stdout[:60]!r} instead of {expected[:60]!r}")
    return Verdict(RIGHT, f"passes all of {len(tests)} tests")


def _trimmed(text: str) -> list[str]:
    """Spaces at the ends of lines and empty lines at the end do not matter."""
    return "\n".join(line.rstrip() for line in text.splitlines()).rstrip().splitlines()


def _numbers(random: Random) -> str:
    return " ".join(str(random.randrange(-50, 100)) for _ in range(random.randrange(5, 15)))


def _text(random: Random) -> str:
    return " ".join(random.choice(_WORDS) for _ in range(random.randrange(4, 14)))


Kind = tuple[str, Callable[[str], str], Callable[[Random], str]]


def _every(random: Random) -> Kind:
    step, extra = random.randrange(2, 5), random.randrange(1, 9)
    task = (
        f"It reads whole numbers on one line and prints the sum of every {step}th of them (the {step}th, the"
        f" {2 * step}th and so on), plus {extra} for each number that is negative."
    )

    def solve(given: str) -> str:
        numbers = [int(it) for it in given.split()]
        return str(sum(numbers[step - 1 :: step]) + extra * sum(it < 0 for it in numbers))

    return task, solve, _numbers


def _frequencies(random: Random) -> Kind:
    least = random.randrange(1, 3)
    task = (
        f"It reads words on one line and prints each word that occurs at least {least} times, one a line, as"
        " `word count`, the most frequent first and those that are as frequent by the alphabet. If there is"
        " none, it prints `none`."
    )

    def solve(given: str) -> str:
        counted = sorted(Counter(given.split()).items(), key=lambda it: (-it[1], it[0]))
        return "\n".join(f"{word} {n}" for word, n in counted if n >= least) or "none"

    return task, solve, _text


def _shifted(random: Random) -> Kind:
    by = random.randrange(2, 24)
    task = (
        f"It reads one line and prints it with every second word (the second, the fourth and so on) enciphered:"
        f" each letter from a to z is replaced by the one {by} places further, going on with a after z."
    )

    def solve(given: str) -> str:
        def shift(word: str) -> str:
            return "".join(chr((ord(it) - 97 + by) % 26 + 97) for it in word)

        return " ".join(shift(it) if at % 2 else it for at, it in enumerate(given.split()))

    return task, solve, _text


def _merged(random: Random) -> Kind:
    gap = random.randrange(0, 4)
    task = (
        "It reads intervals of whole numbers on one line, like `3-7 10-12`, in any order, and prints them merged"
        f" and sorted in the same form: two become one if the second begins at most {gap} behind the end of the"
        " first."
    )

    def solve(given: str) -> str:
        merged: list[list[int]] = []
        for low, high in sorted(tuple(map(int, it.split("-"))) for it in given.split()):
            if merged and low <= merged[-1][1] + gap:
                merged[-1][1] = max(merged[-1][1], high)
            else:
                merged.append([low, high])
        return " ".join(f"{low}-{high}" for low, high in merged)

    def case(random: Random) -> str:
        lows = [random.randrange(0, 60) for _ in range(random.randrange(3, 8))]
        return " ".join(f"{low}-{low + random.randrange(0, 9)}" for low in lows)

    return task, solve, case


_KINDS = (_every, _frequencies, _shifted, _merged)
