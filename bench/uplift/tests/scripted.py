"""A model by script: a server with OpenAI's API that knows the tasks, and is as good at them as it is told.

It also shows receipts, as the gateway does, and fails in the ways in which servers fail.
"""

import json
import random
import threading
import unittest
from collections.abc import Callable
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from uplift import families
from uplift.families import programs
from uplift.task import Task

# What it is asked, what is to be answered: a text, or calls.
Skill = Callable[[Task, dict[str, Any]], str | dict[str, Any]]


def right(task: Task) -> str:
    """An answer that is right, in the words of a model."""
    if task.family == "forms":
        return json.dumps(task.expected)
    if task.family == "programs":
        return f"Here it is.\nBEGIN PROGRAM\n{_knows_all(task)}\nEND PROGRAM"
    return f"Let me see.\n\n**ANSWER:** {_written(task.expected)}"


def wrong(task: Task) -> str:
    """One that is not, though it is near."""
    if task.family == "forms":
        return json.dumps({**task.expected, "city": "Oslo"})
    if task.family == "programs":
        return "BEGIN PROGRAM\nprint(input())\nEND PROGRAM"
    match task.expected:
        case int():
            near = task.expected + 1
        case list():
            near = [*task.expected, "ZOE"]
        case _:
            near = f"not {task.expected}"
    return f"It is not {_written(task.expected)}.\nANSWER: {_written(near)}"


def with_tools(task: Task, body: dict[str, Any]) -> str | dict[str, Any]:
    """Works it out where there is a tool, and guesses wrong where there is none."""
    results = [it["content"] for it in body["messages"] if it["role"] == "tool"]
    if results:
        return f"ANSWER: {results[-1].strip()}"
    if not body.get("tools"):
        return wrong(task)
    code = f"print({_written(task.expected)!r})"
    call = {"name": "python", "arguments": json.dumps({"code": code})}
    return {"tool_calls": [{"id": "call_1", "type": "function", "function": call}]}


def with_a_calculator(task: Task, body: dict[str, Any]) -> str | dict[str, Any]:
    """Has arithmetic computed by a tool of the gateway, and guesses wrong where that is not offered."""
    results = [it["content"] for it in body["messages"] if it["role"] == "tool"]
    if results:
        return f"ANSWER: {results[-1].strip()}"
    if "calculator" not in {it["function"]["name"] for it in body.get("tools") or []}:
        return wrong(task)
    expression = task.prompt.split("Compute ")[1].split(". (")[0]
    for sign, operator in [("×", "*"), ("−", "-"), ("mod", "%")]:
        expression = expression.replace(sign, operator)
    call = {"name": "calculator", "arguments": json.dumps({"expression": expression})}
    return {"tool_calls": [{"id": "call_1", "type": "function", "function": call}]}


def improves(task: Task, body: dict[str, Any]) -> str:
    """Is wrong at first, and right once it is helped: it has planned, or knows what was wrong with its answer, or
    has been given the tools for sums alone."""
    said = [it["content"] or "" for it in body["messages"]]
    if "Sort the user's message" in said[0]:
        return "calculation"
    if "VERDICT:" in said[-1]:
        return "VERDICT: yes"
    if "SCORE:" in said[-1]:
        return "SCORE: 2\n- It is not so."
    if "write a plan" in said[-1]:
        return "1. Look closely.\n2. Answer."
    tools = {it["function"]["name"] for it in body.get("tools") or []}
    helped = len(said) > 1 or tools == {"calculator", "python"}
    broken = "Here is your form: " + right(task)
    return right(task) if helped else broken if task.family == "forms" else wrong(task)


def _written(expected: Any) -> str:
    return json.dumps(expected) if isinstance(expected, list) else str(expected)


def _knows_all(task: Task) -> str:
    at = int(task.id.rsplit("-", 1)[1])
    _, _, tests = programs.pose(at, random.Random(f"{SEED}/{task.id}"))
    return f"import sys\nprint({dict(tests)!r}[sys.stdin.read().rstrip()])"


SEED = 7


def enter(test: unittest.TestCase, context: Any) -> Any:
    """Enters a context until the test has ended."""
    value = context.__enter__()
    test.addCleanup(context.__exit__, None, None, None)
    return value


class Model:
    """What the server knows, and what it was asked."""

    def __init__(self, skill: Skill, n: int = 40):
        self.skill = skill
        self.tasks = {
            task.prompt: task
            for family in families.FAMILIES
            for task in (families.make(family, at, SEED) for at in range(n))
        }
        self.lock = threading.Lock()
        # Of every request that was answered: the task, and the body.
        self.asked: list[tuple[Task, dict[str, Any]]] = []
        self.receipts: list[dict[str, Any]] = []
        # Says of each request whether it is answered.
        self.answers: Callable[[], bool] = lambda: True
        self.shows_receipts = True
        self.url = ""

    def answer(self, body: dict[str, Any], correlation: str) -> dict[str, Any]:
        asked = next(it["content"] for it in body["messages"] if it["role"] == "user")
        task = self.task(asked)
        said = self.skill(task, body)
        message = {"content": said} if isinstance(said, str) else {"content": None, **said}
        with self.lock:
            self.asked.append((task, body))
            # A loop has called the model three times.
            for _ in range(3 if body.get("dormouse") else 1):
                self.receipts.insert(0, {
                    "id": f"{len(self.receipts):06}", "correlation_id": correlation, "cost": "0.000000125",
                    "usage": {"input_tokens": 100, "output_tokens": 10},
                })  # fmt: skip
        return {
            "object": "chat.completion",
            "choices": [{"index": 0, "message": {"role": "assistant", **message}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 100, "completion_tokens": 10},
        }

    def task(self, asked: str) -> Task:
        """The task that is asked. A gateway may put something behind it, or show its beginning alone."""
        if asked in self.tasks:
            return self.tasks[asked]
        longer = (it for prompt, it in self.tasks.items() if asked.startswith(f"{prompt}\n\n"))
        return next(longer, None) or next(it for prompt, it in self.tasks.items() if prompt.startswith(asked))

    def page(self, query: str) -> dict[str, Any]:
        before = query.partition("before=")[2]
        with self.lock:
            older = [it for it in self.receipts if not before or it["id"] < before]
        return {"object": "list", "data": older[:200]}


# What is answered below a path of its own, whatever is asked: a status and a body.
GARBAGE = {
    "/html": (200, b"<html>Welcome!</html>"),
    "/empty": (200, b""),
    "/other": (200, b'{"object": "list", "data": []}'),
    "/nothing": (200, b'{"choices": [{"message": null}]}'),
    "/refuses": (401, b'{"error": {"message": "no such key"}}'),
    "/breaks": (500, b"oops"),
}


def _handler(model: Model) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path, _, query = self.path.partition("?")
            if path == "/v1/receipts" and model.shows_receipts:
                return self._send(200, json.dumps(model.page(query)).encode())
            self._send(404, b"{}")

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            for prefix, (status, text) in GARBAGE.items():
                if self.path.startswith(prefix):
                    return self._send(status, text)
            if not model.answers():
                return self._send(503, b'{"error": {"message": "no more"}}')
            answer = model.answer(body, self.headers.get("x-correlation-id", ""))
            self._send(200, json.dumps(answer).encode())

        def _send(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """What was asked is in the model."""

    return Handler


@contextmanager
def serving(model: Model):
    """Serves it on a free port of this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(model))
    server.daemon_threads = True
    model.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield model
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
