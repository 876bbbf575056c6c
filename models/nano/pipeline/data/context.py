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


def passages(random: Random, _: Hands) -> list[Step]:
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
    name, key, value = random.choice(facts)
    answer = f"The {key} of {name} is {value} [{at[name, key]}]."
    if chance(random, 18):
        others = missing or [(name, random.choice([it for it in _ATTRIBUTES if it not in keys]))]
        (name, key), answer = random.choice(others), UNKNOWN
    form = random.choice(["[{}] {}", "[{}] {}", "[{}] {}", "({}) {}", "{}. {}"])
    listed = random.choice(["\n", "\n", "\n\n"]).join(form.format(n, it) for n, it in enumerate(shown, 1))
    asked = random.choice(_QUESTIONS).format(a=key, e=name)
    return [
        User(
            random.choice(_HEADS).format(
                c=listed, q=asked[0].upper() + asked[1:] if chance(random, 80) else asked
            )
        ),
        Answer(answer),
    ]


def _fact(random: Random, name: str, key: str, value: str) -> str:
    text = random.choice(_FACTS).format(a=key, e=name, v=value)
    return text[0].upper() + text[1:] if chance(random, 70) else text


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


def people(random: Random, _: Hands) -> list[Step]:
    """Who does what now, and not what once was, or who has a name alike."""
    count = random.choice([1, 1, 2, 2, 3, 3, 4]) if chance(random, 92) else random.choice([6, 9, 12, 15])
    drawn = (f"{random.choice(strings.FIRST)} {random.choice(strings.LAST)}" for _ in range(count))
    names = list(dict.fromkeys(drawn))
    person, topic = names[0], random.choice(sorted(_TOPICS))
    missing = chance(random, 25)
    said, expected = [], "unknown"
    for who in names:
        for about, (now, once, _asked) in _TOPICS.items():
            first, second = _of(random, about), _of(random, about)
            asked = who == person and about == topic
            if asked and not missing:
                expected = first
            if not (asked and missing) and (asked or chance(random, 50)):
                said.append(f"{who} {now.format(first)}.")
            if (asked and chance(random, 50)) or chance(random, 20):
                said.append(f"{who} {once.format(second, year=random.randrange(1998, 2022))}.")
    random.shuffle(said)
    question = f"{_TOPICS[topic][2].format(person)} Go by the text alone. If it does not say, the answer is `unknown`."
    asked = f"<text>\n{' '.join(said)}\n</text>\n\n{question}"
    if chance(random, 80):
        line = "End with one line that holds nothing but `ANSWER:` and the answer, like this:\nANSWER: Oslo"
        return [User(f"{asked}\n\n{line}"), Answer(f"ANSWER: {expected}")]
    return [User(asked), Answer(expected)]


def _of(random: Random, topic: str) -> str:
    text = strings.plain(random)
    return {"city": text.capitalize(), "job": f"a {text}"}.get(topic, text)


SKILLS = {passages: 3, people: 2}
