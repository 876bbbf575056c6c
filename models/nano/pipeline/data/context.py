"""Answers from text that is given: numbered passages, which are cited, and stories about people."""

from random import Random

from . import strings
from .steps import Answer, Hands, Step, User, chance

_ATTRIBUTES = """port owner password color city version limit price timeout region size path address name code capital
    height weight language author editor budget deadline currency phone email rate speed length model key host user
    temperature birthday score population license""".split()
_FACTS = [
    "The {a} of {e} is {v}.", "{e} has the {a} {v}.", "For {e}, the {a} is {v}.",
    "The {a} of {e} was set to {v}.",
    "{e}: {a} {v}.", "It is known that the {a} of {e} is {v}.", "{e} uses the {a} {v}.",
    "As for {e}, its {a} is {v}.",
]  # fmt: skip
_QUESTIONS = [
    "What is the {a} of {e}?", "Which {a} does {e} have?", "Tell me the {a} of {e}.", "{e}: what is the {a}?",
    "What {a} does {e} have?", "I need the {a} of {e}.", "{a} of {e}?", "Do you know the {a} of {e}?",
]  # fmt: skip
_HEADS = ["Context:\n{c}\n\nQuestion: {q}", "{c}\n\n{q}", "Passages:\n{c}\n\n{q}",
"Use these passages:\n{c}\n\n{q}",
          "{q}\n\nContext:\n{c}", "Sources:\n{c}\n\nQuestion: {q}",
          "<context>\n{c}\n</context>\n\n{q}"]  # fmt: skip
UNKNOWN = "The passages do not say that."
SYSTEMS = [
    "Answer only from the context.", "Answer from the given passages and cite them by number.",
    "Use only the numbered passages. Cite the passage that you use as [1]. If they do not say it, say so.",
    "",
    "You answer questions about documents. Name the passage that says it.",
]  # fmt: skip


def passages(random: Random, hands: Hands) -> list[Step]:
    """One of the numbered passages says it, or none does."""
    names = list(dict.fromkeys(_thing(random) for _ in range(random.randint(2, 4))))
    keys = random.sample(_ATTRIBUTES, random.randint(1, 4))
    pairs = [(name, key) for name in names for key in keys]
    random.shuffle(pairs)
    most = random.choice([1, 2, 2, 3, 3, 4, 5, 7])
    told, missing = pairs[:most], pairs[most:]
    facts = [(name, key, strings.value(random)) for name, key in told]
    shown, at = [], {}
    for name, key, value in facts:
        if shown and chance(random, 15):
            shown[-1] += f" {_fact(random, name, key, value)}"
        else:
            before = f"{strings.sentence(random)} " if chance(random, 15) else ""
            shown.append(f"{before}{_fact(random, name, key, value)}")
        at[name, key] = len(shown)
    said = {(name, key): f"The {key} of {name} is {value} [{at[name, key]}]." for name, key, value in facts}
    others = missing or [(names[-1], random.choice([it for it in _ATTRIBUTES if it not in keys]))]
    (name, key), answer = _wanted(random, said, others)
    form = random.choice(["[{}] {}", "[{}] {}", "[{}] {}", "({}) {}", "{}. {}"])
    listed = random.choice(["\n", "\n", "\n\n"]).join(form.format(n, it) for n, it in enumerate(shown, 1))
    asked = _question(random, name, key)
    steps = [User(random.choice(_HEADS).format(c=listed, q=asked)), Answer(answer)]
    for _ in range(min(hands.questions - 1, len(facts))):
        (name, key), answer = _wanted(random, said, others)
        steps += [User(_question(random, name, key)), Answer(answer)]
    return steps


def _wanted(
    random: Random, said: dict[tuple[str, str], str], others: list[tuple[str, str]]
) -> tuple[tuple[str, str], str]:
    """What is asked for, and the answer: mostly something that is said."""
    if chance(random, 18):
        return random.choice(others), UNKNOWN
    return random.choice(list(said.items()))


def _question(random: Random, name: str, key: str) -> str:
    return _sentence(random, random.choice(_QUESTIONS).format(a=key, e=name), name, 80)


def _fact(random: Random, name: str, key: str, value: str) -> str:
    return _sentence(random, random.choice(_FACTS).format(a=key, e=name, v=value), name, 70)


def _sentence(random: Random, text: str, name: str, of_hundred: int) -> str:
    """The text with a capital in front, so many times in a hundred; but never where that would change a name."""
    if text.startswith(name) and not name.startswith("the "):
        return text
    return text[0].upper() + text[1:] if chance(random, of_hundred) else text


def _thing(random: Random) -> str:
    kind = random.randrange(5)
    return (
        strings.name,
        strings.plain,
        strings.coined,
        strings.file,
        lambda it: f"the {it.choice(strings.ENGLISH)}",
    )[kind](random)


_TOPICS = {
    "city": ("lives in {}", "lived in {} until {year}", "In which city does {} live now?"),
    "job": ("works as {}", "worked as {} until {year}",
            "As what does {} work now? Answer with the words of the text, article included."),
    "instrument": ("plays the {}", "played the {} until {year}", "Which instrument does {} play now?"),
    "colour": ("drives a {} car", "drove a {} car until {year}",
    "Which colour does the car have that {} drives now?"),
    "pet": ("has a {}", "had a {} until {year}", "Which animal does {} have now?"),
    "team": ("is on the {} team", "was on the {} team until {year}", "On which team is {} now?"),
}  # fmt: skip

_STORY = (
    "<text>\n{text}\n</text>\n\n{question} Go by the text alone. If it does not say, the answer is `unknown`."
)
_IN_A_LINE = "End with one line that holds nothing but `ANSWER:` and the answer, like this:\nANSWER: Oslo"


def people(random: Random, hands: Hands) -> list[Step]:
    """Who does what now, and not what once was, or who has a name alike."""
    count = random.choice([1, 1, 2, 2, 3, 3, 4]) if chance(random, 92) else random.choice([6, 9, 12, 15])
    drawn = (f"{random.choice(strings.FIRST)} {random.choice(strings.LAST)}" for _ in range(count))
    names = list(dict.fromkeys(drawn))
    topics = [(who, about) for who in names for about in _TOPICS]
    # The first that is asked about is known more often than not, and has a past more often than others.
    asked = [topics.pop(random.randrange(len(_TOPICS)))]
    asked += random.sample(topics, min(hands.questions - 1, len(topics)))
    known = {it for it in asked if chance(random, 75)}
    known |= {it for it in topics if it not in asked and chance(random, 50)}
    said, answers = [], {}
    for who, about in [asked[0], *topics]:
        now, once, _asked = _TOPICS[about]
        first, second = _of(random, about), _of(random, about)
        if (who, about) in known:
            said.append(f"{who} {now.format(first)}.")
            answers[who, about] = first
        if chance(random, 50 if (who, about) in asked else 20):
            said.append(f"{who} {once.format(second, year=random.randrange(1998, 2022))}.")
    random.shuffle(said)
    in_a_line = chance(random, 80)
    steps: list[Step] = []
    for who, about in asked:
        question = _TOPICS[about][2].format(who)
        answer = answers.get((who, about), "unknown")
        told = question if steps else _STORY.format(text=" ".join(said), question=question)
        steps += [
            User(f"{told}\n\n{_IN_A_LINE}" if in_a_line and not steps else told),
            Answer(f"ANSWER: {answer}" if in_a_line else answer),
        ]
    return steps


def _of(random: Random, topic: str) -> str:
    text = strings.plain(random)
    return {"city": text.capitalize(), "job": f"a {text}"}.get(topic, text)


SKILLS = {passages: 3, people: 2}
