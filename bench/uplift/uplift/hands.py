"""The caller's own tool, for variants in which the caller has one: `python`, in the sandbox of this harness.

The model is asked again with what its calls gave, until it calls no more or has had its steps.
"""

import json
from typing import Any

from . import programs

STEPS = 8
RESULT = 8 << 10

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "python",
            "description": "Runs a Python 3 program and returns what it prints. Print what you want to see.",
            "parameters": {
                "type": "object",
                "properties": {"code": {"type": "string", "description": "The program."}},
                "required": ["code"],
            },
        },
    }
]


def calls(message: dict[str, Any]) -> list[dict[str, Any]]:
    """The calls of an answer."""
    found = message.get("tool_calls") or []
    return [it for it in found if isinstance(it, dict)] if isinstance(found, list) else []


def results(message: dict[str, Any]) -> list[dict[str, Any]]:
    """An answer with calls, and what they gave, to go on with."""
    said = {"role": "assistant", "content": message.get("content"), "tool_calls": calls(message)}
    return [said, *(_result(call) for call in calls(message))]


def _result(call: dict[str, Any]) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call.get("id", ""), "content": _run(call)[:RESULT]}


def _run(call: dict[str, Any]) -> str:
    function = call.get("function") or {}
    if function.get("name") != "python":
        return f"Error: there is no tool {function.get('name')!r}"
    try:
        code = json.loads(function.get("arguments") or "")["code"]
    except (ValueError, KeyError, TypeError):
        return 'Error: the arguments must be an object {"code": "…"}'
    ran = programs.run(str(code), "")
    if ran.failure:
        return f"Error: the program {ran.failure}\n{ran.stderr}\n{ran.stdout}"
    return ran.stdout or "(it printed nothing)"
