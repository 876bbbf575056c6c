"""Copying and looking up, in its barest form: what everything else is built on."""

from random import Random

from . import strings
from .steps import Answer, Hands, Step, User, chance


def repeat(random: Random, _: Hands) -> list[Step]:
    """Says again what was said."""
    text = _anything(random)
    asked = random.choice(
        ["Repeat: {}", "Say {}", "Repeat after me: {}", "Copy this exactly: {}", "Please say {}", "Echo: {}",
         "repeat {}", "Write exactly this and nothing else: {}"]
    )  # fmt: skip
    return [User(asked.format(text)), Answer(text)]


def twice(random: Random, _: Hands) -> list[Step]:
    """Says it more than once."""
    text = strings.value(random)
    asked = random.choice(["Say {} twice.", "Repeat {} two times.", "Write {} twice on one line."])
    return [User(asked.format(text)), Answer(f"{text} {text}")]


def pick(random: Random, _: Hands) -> list[Step]:
    """Finds the value of a key among others."""
    sign = random.choice(["=", ": ", " -> ", " = ", " is ", ","])
    keys = list(dict.fromkeys(strings.word(random) for _ in range(random.randint(2, 9))))
    random.shuffle(keys)
    values = [strings.value(random) for _ in keys]
    at = random.randrange(len(keys))
    listed = random.choice(["\n", "\n", "; "]).join(f"{key}{sign}{its}" for key, its in zip(keys, values))
    asked = random.choice(["What is {}?", "{}?", "Which value does {} have?", "Look up {}.", "Tell me {}."])
    asked = asked.format(keys[at])
    text = f"{listed}\n\n{asked}" if chance(random, 70) else f"{asked}\n\n{listed}"
    return [User(text), Answer(values[at])]


def line(random: Random, _: Hands) -> list[Step]:
    """Finds a line by its number, or by how it begins."""
    lines = [_anything(random) for _ in range(random.randint(2, 7))]
    kind = random.randrange(3)
    at = random.choice([0, len(lines) - 1]) if kind == 0 else random.randrange(len(lines))
    if kind == 0:
        asked = "Repeat the first line." if at == 0 else "Repeat the last line."
        listed = lines
    elif kind == 1:
        asked, listed = f"Repeat line {at + 1}.", [f"{n}. {it}" for n, it in enumerate(lines, 1)]
    else:
        first = [f"{strings.scramble(random, 2, 5)}{n}" for n in range(len(lines))]
        asked = f"What stands behind {first[at]}?"
        listed = [f"{mark} {it}" for mark, it in zip(first, lines)]
    listed = "\n".join(listed)
    return [User(f"{listed}\n\n{asked}"), Answer(lines[at])]


def _anything(random: Random) -> str:
    kind = random.randrange(10)
    if kind < 3:
        return strings.phrase(random, 1, 6)
    if kind < 5:
        return strings.value(random)
    if kind < 7:
        return " ".join(strings.scramble(random, 1, 12) for _ in range(random.randint(1, 3)))
    if kind == 7:
        return " ".join(str(strings.number(random, 9)) for _ in range(random.randint(1, 4)))
    if kind == 8:
        return strings.path(random)
    return strings.sentence(random)


SKILLS = {repeat: 3, twice: 1, pick: 4, line: 2}
