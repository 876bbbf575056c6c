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
    asked = random.choice(['Say "{}" twice.', 'Repeat "{}" two times.', 'Write "{}" twice on one line.'])
    return [User(asked.format(text)), Answer(f"{text} {text}")]


def pick(random: Random, hands: Hands) -> list[Step]:
    """Finds a key among others and says what is written there; or that it is not there."""
    sign = random.choice(["=", ": ", " -> ", " = ", " is ", ","])
    keys = list(dict.fromkeys(strings.word(random) for _ in range(random.randint(2, 9))))
    random.shuffle(keys)
    values = [strings.value(random) for _ in keys]
    lines = [f"{key}{sign}{its}" for key, its in zip(keys, values)]
    listed = random.choice(["\n", "\n", "; "]).join(lines)
    steps: list[Step] = []
    for at in random.sample(range(len(keys)), min(hands.questions, len(keys))):
        key, answer = keys[at], lines[at]
        if chance(random, 12):
            key = strings.word(random)
            while key in keys:
                key = strings.word(random)
            answer = f"{key} is not there."
        asked = _question(random, key)
        if not steps:
            asked = f"{listed}\n\n{asked}" if chance(random, 70) else f"{asked}\n\n{listed}"
        steps += [User(asked), Answer(answer)]
    return steps


def _question(random: Random, key: str) -> str:
    asked = random.choice(["What is {}?", "{}?", "Which value does {} have?", "Look up {}.", "Tell me {}."])
    return asked.format(key)


def line(random: Random, hands: Hands) -> list[Step]:
    """Finds lines by their numbers, or by how they begin, and repeats them."""
    lines = [_anything(random) for _ in range(random.randint(2, 6))]
    if chance(random, 50):
        listed = [f"{at}. {it}" for at, it in enumerate(lines, 1)]
        found = {f"Repeat line {at}.": it for at, it in enumerate(listed, 1)}
    else:
        marks = [f"{strings.scramble(random, 2, 5)}{at}" for at in range(len(lines))]
        listed = [f"{mark} {it}" for mark, it in zip(marks, lines)]
        found = {f"What stands behind {mark}?": it for mark, it in zip(marks, listed)}
    steps: list[Step] = []
    for asked, answer in random.sample(list(found.items()), min(hands.questions, len(found))):
        steps += [User(asked if steps else "\n".join([*listed, "", asked])), Answer(answer)]
    return steps


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
