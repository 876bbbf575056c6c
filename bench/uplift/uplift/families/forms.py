"""Filling in a form from a given text: the answer is JSON that a schema describes, and nothing else.

It is read as the caller's program would read it: what is not JSON as a whole is no answer. The requests name
the schema (`response_format`), also to a model whose server does not enforce it.
"""

import json
from random import Random
from typing import Any

from ..task import NONE, RIGHT, WRONG, Verdict

_NAMES = "Ada Bo Cem Dea Eli Fay Gus Hua Ida Jun Kai Lea Moe Nia Ola Pia".split()
_CITIES = "Lund Turin Porto Gdansk Lyon Bremen Split Tartu".split()
_THINGS = "lamp desk chair shelf clock mirror stool rug".split()
# How many things are ordered, and what else the form asks for.
_KINDS = {"one_thing": (1, False), "things": (3, False), "one_gift": (1, True), "gifts": (3, True)}

_ITEM = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "count": {"type": "integer"}, "price_cents": {"type": "integer"}},
    "required": ["name", "count", "price_cents"],
    "additionalProperties": False,
}
_SCHEMA = {
    "type": "object",
    "properties": {
        "buyer": {"type": "string"},
        "city": {"type": "string"},
        "items": {"type": "array", "items": _ITEM},
        "gift_for": {"anyOf": [{"type": "string"}, {"type": "null"}]},
    },
    "required": ["buyer", "city", "items", "gift_for"],
    "additionalProperties": False,
}

# Fields of every request of this family.
BODY = {"response_format": {"type": "json_schema", "json_schema": {"name": "order", "schema": _SCHEMA}}}


def make(at: int, random: Random):
    kind = [*_KINDS][at % len(_KINDS)]
    count, is_gift = _KINDS[kind]
    buyer, other, seller = random.sample(_NAMES, 3)
    city, shop = random.sample(_CITIES, 2)
    items = [
        {"name": name, "count": random.randrange(2, 9), "price_cents": random.randrange(150, 9999)}
        for name in random.sample(_THINGS, count)
    ]
    listed = ", ".join(f"{it['count']} × {it['name']} at {it['price_cents'] / 100:.2f} euros each" for it in items)
    gift = f" It is a present for {other}, so please leave the bill out." if is_gift else ""
    text = (
        f"Dear {seller}, I saw your shop in {shop} last {random.choice(['May', 'June', 'July'])}. "
        f"I would like to order: {listed}.{gift} Send it to my home in {city}. Regards, {buyer}"
    )
    prompt = (
        f"<order>\n{text}\n</order>\n\nFill in this form from the order. Prices are in cents, each; `city` is where "
        "it is sent; `gift_for` is who it is a present for, or null; items are in the order of the text. Answer with "
        f"the JSON alone, as this schema says:\n{json.dumps(_SCHEMA)}"
    )
    expected = {"buyer": buyer, "city": city, "items": items, "gift_for": other if is_gift else None}
    return kind, prompt, expected, lambda text: judge(text, expected)


def judge(text: str, expected: dict[str, Any]) -> Verdict:
    try:
        given = json.loads(text)
    except ValueError:
        return Verdict(NONE, "the answer is no JSON")
    if given == expected:
        return Verdict(RIGHT, "the form is filled in as it should be")
    if not isinstance(given, dict):
        return Verdict(WRONG, "the answer is no object")
    fields = [it for it in expected if given.get(it, ...) != expected[it]] or ["a further field"]
    return Verdict(WRONG, f"{', '.join(fields)}: not what the order says")
