"""Answers from text that is given: numbered passages, which are cited, and stories about people.

An answer says first again what was asked, so that what is looked for stands behind the same words in the text.
"""

from random import Random

from . import strings
from .steps import Answer, Hands, Step, User, chance

_ATTRIBUTES = """port owner password color city version limit price timeout region size path address name code capital
    height weight language author editor budget deadline currency phone email rate speed length model key host user
    temperature birthday score population license""".split()
# Where the words of a question stand in a fact as they do in the question, it is found by them. The last are harder.
_FACTS = [
    "The {a} of {e} is {v}.", "The {a} of {e} is {v}.", "The {a} of {e} was set to {v}.",
    "It is known that the {a} of {e} is {v}.", "As of {year}, the {a} of {e} is {v}.", "{e} has the {a} {v}.",
]  # fmt: skip
_QUESTIONS = [
    "What is the {a} of {e}?", "Tell me the {a} of {e}.", "I need the {a} of {e}.", "{a} of {e}?",
    "Do you know the {a} of {e}?",
]  # fmt: skip
_HEADS = [
    "Context:\n{c}\n\nQuestion: {q}", "{c}\n\n{q}", "<context>\n{c}\n</context>\n\n{q}", "{q}\n\n{c}",
]  # fmt: skip
SYSTEMS = [
    "Answer only from the context.", "Answer from the given passages and cite them by number.",
    "Use only the numbered passages. Cite the passage that you use as [1]. If they do not say it, say so.", "",
]  # fmt: skip


def passages(random: Random, hands: Hands) -> list[Step]:
    """One of the numbered passages says it, or none does."""
    names = list(dict.fromkeys(_thing(random) for _ in range(random.randint(2, 4))))
    keys = random.sample(_ATTRIBUTES, random.randint(1, 4))
    # Of several things the same, or also several things of the same.
    pairs = [(name, key) for name in names for key in (keys if chance(random, 50) else [random.choice(keys)])]
    random.shuffle(pairs)
    most = random.choice([1, 2, 2, 3, 3, 4, 5, 6])
    shown: list[str] = []
    found: dict[tuple[str, str], str] = {}
    for name, key in pairs[:most]:
        value = strings.value(random)
        fact = random.choice(_FACTS)
        told = _fact(random, fact, name, key, value)
        if shown and chance(random, 10):
            shown[-1] += f" {told}"
        else:
            before = f"{strings.sentence(random)} " if chance(random, 10) else ""
            shown.append(before + told)
        verb = "was set to" if "was set to" in fact else "is"
        found[name, key] = f"The {key} of {name} {verb} {value}. [{len(shown)}]"
    missing = pairs[most:] or [(names[-1], random.choice([it for it in _ATTRIBUTES if it not in keys]))]
    listed = random.choice(["\n", "\n", "\n\n"]).join(f"[{n}] {it}" for n, it in enumerate(shown, 1))
    steps: list[Step] = []
    for _ in range(min(hands.questions, len(found))):
        name, key = random.choice(missing if chance(random, 18) else list(found))
        answer = found.get((name, key), f"The {key} of {name} is not in the passages.")
        asked = _sentence(random.choice(_QUESTIONS).format(a=key, e=name), name)
        steps += [User(asked if steps else random.choice(_HEADS).format(c=listed, q=asked)), Answer(answer)]
    return steps


def _fact(random: Random, fact: str, name: str, key: str, value: str) -> str:
    return _sentence(fact.format(a=key, e=name, v=value, year=random.randrange(1990, 2040)), name)


def _sentence(text: str, name: str) -> str:
    """The text with a capital in front; but never where that would change a name."""
    return text if text.startswith(name) and not name.startswith("the ") else text[0].upper() + text[1:]


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
        now, _once, question = _TOPICS[about]
        found = answers.get((who, about), "unknown")
        question, answer = question.format(who), f"{who} {now.format(found)}."
        if not steps:
            question = _STORY.format(text=" ".join(said), question=question)
        if in_a_line:
            question = question if steps else f"{question}\n\n{_IN_A_LINE}"
            answer += f"\nANSWER: {found}"
        steps += [User(question), Answer(answer)]
    return steps


def _of(random: Random, topic: str) -> str:
    text = strings.plain(random)
    return {"city": text.capitalize(), "job": f"a {text}"}.get(topic, text)


SKILLS = {passages: 3, people: 2}
