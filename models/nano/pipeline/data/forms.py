"""How a conversation is written: the forms in which tools are told to a model, called, and answered.

`native` is that of the chat template in the exported file; `fenced` is a short text that asks for code in a block, and
for `DONE:` in front of the answer.
"""

import json
import re
from collections.abc import Callable
from random import Random

from ..chat import Message
from . import strings, wordings
from .steps import Answer, Call, Hands, Result, Step, User

# An answer in a form that the user asked for stands in a line of its own.
_IN_A_LINE = re.compile("(ANSWER|RESULT): ")


def system(random: Random) -> str:
    """The words of whoever uses the model, or none."""
    kind = random.randrange(10)
    if kind < 6:
        return ""
    if kind < 9:
        return random.choice(wordings.SYSTEMS)
    return " ".join(strings.sentence(random) for _ in range(random.randint(1, 2)))


def native(steps: list[Step], hands: Hands, words: str) -> list[Message]:
    """As the chat template writes tools: their names and parameters alone."""
    listed = "\n".join(f"{tool.name}({', '.join(tool.parameters)})" for tool in hands.tools)
    tools = f"Tools:\n{listed}" if hands.tools else ""
    return _told(_joined(words, tools), steps, _tagged, _response, str)


def fenced(random: Random, steps: list[Step], hands: Hands, words: str) -> list[Message]:
    """Code in a block, its output back, and a mark in front of the answer."""
    text = random.choice(wordings.FENCED).format(language=hands.tools[0].name)
    wrap = random.choice(
        ["Output:\n{}", "Output:\n{}", "Result:\n{}", "{}"]
    )
    return _told(_joined(words, text), steps, _block, wrap.format, _done)


def _joined(*texts: str) -> str:
    return "\n\n".join(filter(None, texts))


def _told(
    text: str,
    steps: list[Step],
    call: Callable[[Call], str],
    result: Callable[[str], str],
    answer: Callable[[str], str],
) -> list[Message]:
    messages = [Message("system", text)] if text else []
    for step in steps:
        match step:
            case User(said):
                messages.append(Message("user", said))
            case Call():
                messages.append(Message("assistant", call(step)))
            case Result(said):
                messages.append(Message("user", result(said)))
            case Answer(said):
                messages.append(Message("assistant", answer(said)))
    return messages


def _done(said: str) -> str:
    return f"DONE:\n{said}" if _IN_A_LINE.match(said) else f"DONE: {said}"


def _tagged(call: Call) -> str:
    arguments = json.dumps(call.arguments, ensure_ascii=False)
    return f'<tool_call>\n{{"name": "{call.tool}", "arguments": {arguments}}}\n</tool_call>'


def _response(said: str) -> str:
    # Without a break in front of the mark: what is copied out of it ends where the mark stands.
    return f"<tool_response>\n{said}</tool_response>"


def _block(call: Call) -> str:
    (code,) = call.arguments.values()
    return f"```{call.tool}\n{code}\n```"
