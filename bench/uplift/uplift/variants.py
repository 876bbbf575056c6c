"""The ways of asking that are compared.

A variant is a name, or `NAME=JSON` for one of your own. The names:

    raw           the model itself, without anything
    tools         the model with a tool that the caller runs (`python`, in the sandbox of this harness)
    emulate       the same through the gateway, with `{"mode": "emulate"}`
    loop          the gateway's own loop: `{"mode": "loop"}`
    loop+OPTION   the loop with one option of it switched on: `"OPTION": true`; several: loop+a+b; with a number,
                  loop+critique2 is `"critique": 2`; loop-OPTION switches one off that a route of the gateway
                  switches on. An option that the gateway does not know is an error of the endpoint, and fails
                  the run. `correct` is asked for in the family `forms` alone, since other answers have no schema
    each          loop, and the loop with each of its options by itself: intent, plan, critique, run_code, correct
    gateway       the model through the gateway, without anything: what `raw` is, priced and with receipts

The JSON of your own has any of these fields:

    {"endpoint": "model" or "gateway", "dormouse": {…}, "tools": true, "body": {"temperature": 0}}

An agent of the gateway, for one: 'coder={"endpoint": "gateway", "body": {"model": "agent/coder"}}'
"""

import json
import re
from dataclasses import asdict, dataclass, field
from typing import Any

_NAME = re.compile(r"[a-z0-9][a-z0-9_+.-]{0,39}")
_OPTIONS = re.compile(r"loop(?:[+-][a-z_]+[0-9]*)*")
_OPTION = re.compile(r"([+-])([a-z_]+)([0-9]*)")
# What `each` stands for.
_EACH = ("loop", "loop+intent", "loop+plan", "loop+critique", "loop+run_code", "loop+correct")


class Wrong(Exception):
    """A variant that cannot be read."""


@dataclass(frozen=True)
class Variant:
    """One way of asking."""

    name: str
    # `model`: the endpoint of the model itself; `gateway`: the gateway in front of it.
    endpoint: str = "model"
    # The gateway's extension of requests.
    dormouse: dict[str, Any] | None = None
    # Whether the caller has a tool, and runs it.
    tools: bool = False
    # Further fields of every request.
    body: dict[str, Any] = field(default_factory=dict)

    def described(self) -> dict[str, Any]:
        return asdict(self)

    def asks(self, has_form: bool) -> dict[str, Any] | None:
        """What requests say to the gateway. Without a form there is nothing to correct."""
        if self.dormouse is None or has_form:
            return self.dormouse
        return {name: value for name, value in self.dormouse.items() if name != "correct"}


def read_all(texts: list[str]) -> list[Variant]:
    """Reads variants, and the names that stand for several."""
    each = [_EACH if text == "each" else (text,) for text in texts]
    return [read(text) for some in each for text in some]


def read(text: str) -> Variant:
    """Reads `NAME` or `NAME=JSON`."""
    name, equals, own = text.partition("=")
    if not _NAME.fullmatch(name):
        raise Wrong(f"{name!r} is no name of a variant: small letters, digits and + _ . -")
    if equals:
        return _own(name, own)
    if name == "raw":
        return Variant(name)
    if name == "tools":
        return Variant(name, tools=True)
    if name == "gateway":
        return Variant(name, endpoint="gateway")
    if name == "emulate":
        return Variant(name, endpoint="gateway", dormouse={"mode": "emulate"}, tools=True)
    if _OPTIONS.fullmatch(name):
        options = {it: int(number) if number else sign == "+" for sign, it, number in _OPTION.findall(name)}
        return Variant(name, endpoint="gateway", dormouse={"mode": "loop", **options})
    raise Wrong(f"{name!r} is not a variant that is known; {name}={{…}} makes it one of your own")


def _own(name: str, text: str) -> Variant:
    try:
        fields = json.loads(text)
    except ValueError as why:
        raise Wrong(f"{name}: {why}") from None
    kinds = {"endpoint": str, "dormouse": dict, "tools": bool, "body": dict}
    if not isinstance(fields, dict):
        raise Wrong(f"{name}: must be an object")
    for key, value in fields.items():
        if key not in kinds or not isinstance(value, kinds[key]):
            raise Wrong(f"{name}: {key} is none of {', '.join(kinds)}, or of another type")
    if fields.get("endpoint", "model") not in ("model", "gateway"):
        raise Wrong(f"{name}: endpoint is model or gateway")
    return Variant(name, **fields)
