"""Finding something in a given text among facts that are like it. Some of it is not there to be found.

Distractors are what else is said of the same person, the same of people with a name alike, and what was once
so. Where the text does not say what is asked, the only right answer is `unknown`.
"""

from random import Random

from ..task import ASKED_FOR, words

_FIRST = "Anna Anne Hanna Jon John Joan Maria Marie Mario Carl Carla Karl Lena Lina".split()
_LAST = "Berg Berger Borg Stone Storm Strand Hill Hall Holt".split()
_TOPICS = {
    "city": ("lives in {}", "lived in {} until {year}", "Lund Turin Porto Gdansk Lyon Bremen Split Tartu"),
    "job": ("works as {}", "worked as {} until {year}",
            "a_baker a_pilot a_nurse a_welder a_teacher a_sailor a_judge a_miner"),
    "instrument": ("plays the {}", "played the {} until {year}",
                   "cello harp oboe tuba viola flute banjo organ"),
    "colour": ("drives a {} car", "drove a {} car until {year}",
               "red blue green white black grey yellow brown"),
}  # fmt: skip
_ASK = {
    "city": "In which city does {} live now?",
    "job": "As what does {} work now? Answer with the words of the text, article included.",
    "instrument": "Which instrument does {} play now?",
    "colour": "Which colour does the car have that {} drives now?",
}
# Of four tasks one cannot be answered.
_KINDS = ("plain", "past", "alike", "unanswerable")


def make(at: int, random: Random):
    kind = _KINDS[at % len(_KINDS)]
    people = _people(6 + 3 * (at // 4 % 4), random)
    person, topic = people[0], random.choice(sorted(_TOPICS))
    said, expected = [], "unknown"
    for who in people:
        for about in sorted(_TOPICS):
            now, once, values = _TOPICS[about]
            first, second = random.sample(values.replace("_", "\0").split(), 2)
            first, second = first.replace("\0", " "), second.replace("\0", " ")
            asked = who == person and about == topic
            missing = asked and kind == "unanswerable"
            if asked and not missing:
                expected = first
            if not missing and (asked or random.random() < 0.7):
                said.append(f"{who} {now.format(first)}.")
            if missing or (asked and kind == "past") or random.random() < 0.25:
                said.append(f"{who} {once.format(second, year=random.randrange(1998, 2022))}.")
    random.shuffle(said)
    question = (
        f"{_ASK[topic].format(person)} Go by the text alone. If it does not say, the answer is `unknown`."
    )
    prompt = f"<text>\n{' '.join(said)}\n</text>\n\n{question}\n\n"
    return kind, prompt + ASKED_FOR.format(example="Oslo"), expected, words(expected)


def _people(count: int, random: Random) -> list[str]:
    """Different people, of whom the second and the third share a name with the first."""
    names = [f"{first} {last}" for first in _FIRST for last in _LAST]
    person = random.choice(names)
    first, last = person.split()
    alike = [
        random.choice([it for it in names if it.startswith(f"{first} ") and it != person]),
        random.choice([it for it in names if it.endswith(f" {last}") and it != person]),
    ]
    others = random.sample([it for it in names if it not in (person, *alike)], count - 3)
    return [person, *alike, *others]
