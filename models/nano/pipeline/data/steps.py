"""What happens in a conversation, before it is written in one of the forms (`forms.py`)."""

from dataclasses import dataclass, field
from random import Random


@dataclass(frozen=True)
class Tool:
    """A tool that is offered. `parameters` are the names of its arguments, the optional ones with a `?`; `thing` is
    what it is about, if it is none of the gateway's."""

    name: str
    parameters: tuple[str, ...]
    thing: str = ""


@dataclass(frozen=True)
class User:
    """What a user says."""

    text: str


@dataclass(frozen=True)
class Call:
    """A call that the model makes."""

    tool: str
    arguments: dict[str, object]


@dataclass(frozen=True)
class Result:
    """What the call gave."""

    text: str


@dataclass(frozen=True)
class Answer:
    """The model's final answer to what the user said."""

    text: str


Step = User | Call | Result | Answer


@dataclass
class Hands:
    """The tools that are offered in a conversation, how their results read, and whether they fail."""

    random: Random
    tools: list[Tool] = field(default_factory=list)
    # Whether programs are reported with their exit status, as the gateway does, or by what they print.
    reports: bool = True
    # How often is asked about a text that is given, at most.
    questions: int = 1

    def has(self, name: str) -> bool:
        """Whether a tool of this name is offered."""
        return any(tool.name == name for tool in self.tools)

    def calculate(self, expression: str) -> Call | None:
        """The call that finds the value of an expression of whole numbers."""
        if self.has("calculator"):
            return Call("calculator", {"expression": expression})
        return self.run(f"echo $(({expression}))", f"print({expression})", "python")

    def run(self, bash: str | None, python: str | None, first: str = "bash") -> Call | None:
        """The call that runs one of two programs that do the same, in the language that is offered."""
        programs = {"bash": ("command", bash), "python": ("code", python)}
        for name in (first, *(it for it in programs if it != first)):
            argument, program = programs[name]
            if program is not None and self.has(name):
                return Call(name, {argument: program})
        return None

    def gave(self, call: Call, printed: str, failure: str | None = None) -> Result:
        """The result of a call: what a program printed, or what any other tool says."""
        if call.tool not in ("bash", "python"):
            return Result(f"Error: {failure}" if failure else printed)
        if not self.reports:
            return Result(failure or printed or "(it printed nothing)")
        if failure:
            return Result(f"Error: exit status: 1\nstderr:\n{failure}")
        return Result(f"exit status: 0\nstdout:\n{printed}" if printed else "exit status: 0")


_NO_SANDBOX = "this gateway has no sandbox, so no code can be run and no files can be kept: go on without"
_FAILURES = {
    "bash": [_NO_SANDBOX, "bash: line 1: command not found", "Permission denied", "No space left on device"],
    "python": [
        _NO_SANDBOX,
        "NameError: name 'x' is not defined",
        "PermissionError: [Errno 13] Permission denied",
    ],
}
NO_TOOL = "I have no tool for that."


def did(hands: Hands, asked: str, call: Call | None, printed: str, answer: str) -> list[Step]:
    """The plain case: a question, a call, its result, the answer. Without a tool for it, or where it fails,
    that is said."""
    if call is None:
        return [User(asked), Answer(NO_TOOL)]
    if call.tool in ("bash", "python") and chance(hands.random, 5):
        return failed(hands, asked, call, hands.random.choice(_FAILURES[call.tool]))
    return [User(asked), call, hands.gave(call, printed), Answer(answer)]


def failed(hands: Hands, asked: str, call: Call, why: str) -> list[Step]:
    """A call that fails, for a reason that the answer tells."""
    return [User(asked), call, hands.gave(call, "", why), Answer(f"That did not work: {why}")]


def chance(random: Random, of_hundred: int) -> bool:
    """Yes, so many times in a hundred."""
    return random.randrange(100) < of_hundred
