"""The conversations that the model is trained on and judged by: which skills, in which form, how many turns.

`conversation` depends on its random numbers alone: the same seed gives the same text, on every machine.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from ..chat import Message
from . import arithmetic, context, copying, files, forms, offers, services, talk
from .steps import NO_TOOL, Answer, Call, Hands, Result, Step, chance

Skill = Callable[[Random, Hands], list[Step]]

# How much of each family there is, and how often its conversations know tools at all.
FAMILIES = {
    "copying": (copying.SKILLS, 12, 25),
    "arithmetic": (arithmetic.SKILLS, 22, 94),
    "files": (files.SKILLS, 22, 97),
    "services": (services.SKILLS, 12, 97),
    "context": (context.SKILLS, 20, 25),
    "talk": (talk.SKILLS, 12, 60),
}
# How much of each family there is where nothing else is said.
SHARES = {name: share for name, (_, share, _) in FAMILIES.items()}
# What a message of the model is judged as: a call, an answer after one, an answer from a given text, saying that it
# cannot, a copy, and what it says of itself.
JUDGED = ("action", "final", "context", "refusal", "copying", "talk")


@dataclass(frozen=True)
class Conversation:
    """Messages, and for each of the model's its family and what it is judged as."""

    messages: list[Message]
    judged: list[tuple[str, str]]
    form: str


def conversation(random: Random, shares: dict[str, int] = SHARES, turns: int | None = None) -> Conversation:
    """One conversation, of families in these shares, and of so many turns: mostly one, where that is not said."""
    first = _choice(random, shares)
    form, hands = _setting(random, first)
    if turns is None:
        turns = random.choice([1, 1, 1, 1, 1, 1, 1, 2, 2, 3])
    hands.questions = turns
    others = ["arithmetic", "files", "services", "talk"] if hands.tools else ["copying", "context", "talk"]
    steps, judged = [], []
    for turn in range(turns):
        family = first if turn == 0 or chance(random, 50) else random.choice(others)
        told = _turn(random, family, hands)
        steps += told
        own = (at for at, step in enumerate(told) if isinstance(step, (Call, Answer)))
        judged += [(family, _judged(told, at, family)) for at in own]
    return Conversation(_written(random, form, steps, hands, first), judged, form)


def _turn(random: Random, family: str, hands: Hands) -> list[Step]:
    """What a skill of the family tells; most of those that the tools do not allow are left out."""
    for _ in range(8):
        skill: Skill = _choice(random, FAMILIES[family][0])
        told = skill(random, hands)
        if told[-1] != Answer(NO_TOOL) or chance(random, 12):
            break
    return told


def _choice(random: Random, shares: dict):
    if len(shares) == 1:
        return next(iter(shares))
    (chosen,) = random.choices(list(shares), list(shares.values()))
    return chosen


def _setting(random: Random, family: str) -> tuple[str, Hands]:
    """The form, and the tools that are offered."""
    if not chance(random, FAMILIES[family][2]):
        return "native", Hands(random)
    if family != "services" and chance(random, 15):
        return "fenced", Hands(random, [random.choice(offers.CODE)], chance(random, 40))
    tools = offers.offered(random)
    if chance(random, 75 if family == "services" else 15):
        tools = offers.with_foreign(random, tools)
    return "native", Hands(random, tools, chance(random, 75))


def _judged(told: list[Step], at: int, family: str) -> str:
    step = told[at]
    if isinstance(step, Call):
        return "action"
    if isinstance(step, Answer) and step.text in (NO_TOOL, talk.CANNOT):
        return "refusal"
    return "final" if isinstance(told[at - 1], Result) else family


def _written(random: Random, form: str, steps: list[Step], hands: Hands, family: str) -> list[Message]:
    words = random.choice(context.SYSTEMS) if family == "context" else forms.system(random)
    if form == "fenced":
        return forms.fenced(random, steps, hands, words)
    return forms.native(steps, hands, words)
