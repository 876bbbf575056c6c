"""Asking everything that is still to be asked: every task in every variant, in a fixed order.

The variants of a task are asked one after the other, beginning with another one each time, so that a slow or
broken moment of an endpoint hits all of them alike.
"""

import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from . import hands, receipts
from .endpoint import Endpoint, Unanswered
from .journal import ERROR, Journal
from .task import Task
from .variants import Variant

# How much of an answer is kept.
KEPT = 4000


class TooManyErrors(Exception):
    """The endpoints failed more often than is allowed."""


@dataclass(frozen=True)
class Terms:
    """How it is asked."""

    endpoints: dict[str, Endpoint]
    # Dollars a million tokens of input and of output, where there are no receipts.
    prices: tuple[Decimal, Decimal] | None
    # Fields of every request.
    body: dict[str, Any]
    concurrency: int
    # The most requests that may go without an answer.
    errors: int


def measure(
    tasks: list[Task], variants: list[Variant], terms: Terms, journal: Journal, tell: Callable[[str], None]
) -> None:
    """Asks. Ends early with `TooManyErrors`; what was answered until then is in the journal."""
    waiting = [
        (task, variants[(at + turn) % len(variants)])
        for at, task in enumerate(tasks)
        for turn in range(len(variants))
    ]
    waiting = [(task, it) for task, it in waiting if not journal.is_answered(it.name, task.id)]
    tell(f"{len(tasks) * len(variants) - len(waiting)} answered before, {len(waiting)} to ask")
    progress = _Progress(len(waiting), terms.errors, tell)

    def one(task: Task, variant: Variant) -> None:
        if progress.failed is None:
            entry = ask(task, variant, terms)
            journal.add(entry)
            progress.add(entry)

    with ThreadPoolExecutor(terms.concurrency) as pool:
        for done in [pool.submit(one, *it) for it in waiting]:
            # What is wrong with the harness itself ends the run.
            done.result()
    if progress.failed is not None:
        raise TooManyErrors(progress.failed)


class _Progress:
    def __init__(self, count: int, errors: int, tell: Callable[[str], None]):
        self._lock = threading.Lock()
        self._count, self._done, self._errors, self._most, self._tell = count, 0, 0, errors, tell
        self.failed: str | None = None

    def add(self, entry: dict[str, Any]) -> None:
        with self._lock:
            self._done += 1
            if entry["outcome"] == ERROR:
                self._errors += 1
                self._tell(f"{entry['variant']} {entry['task']}: {entry['reason']}")
                if self._errors > self._most and self.failed is None:
                    self.failed = (
                        f"{self._errors} requests went without an answer, and {self._most} may; the last:"
                        f" {entry['variant']}: {entry['reason']}"
                    )
            if self._done % 25 == 0 or self._done == self._count:
                self._tell(f"{self._done} of {self._count}, {self._errors} without an answer")


def ask(task: Task, variant: Variant, terms: Terms) -> dict[str, Any]:
    """Asks one task in one variant, and judges the answer."""
    endpoint = terms.endpoints[variant.endpoint]
    correlation = f"uplift-{uuid.uuid4()}"
    entry: dict[str, Any] = {
        "variant": variant.name, "task": task.id, "family": task.family, "kind": task.kind,
        "correlation": correlation,
    }  # fmt: skip
    began = time.monotonic()
    try:
        text, spent = _answer(task, variant, terms, endpoint, correlation)
    except Unanswered as why:
        return {**entry, "outcome": ERROR, "reason": str(why), "seconds": time.monotonic() - began}
    entry["seconds"] = time.monotonic() - began
    entry["calls"], entry["input_tokens"], entry["output_tokens"] = spent
    if variant.endpoint == "gateway":
        entry |= _booked(endpoint, correlation)
    elif terms.prices is not None and None not in spent:
        entry["cost"] = str((spent[1] * terms.prices[0] + spent[2] * terms.prices[1]) / 1_000_000)
    verdict = task.judge(text)
    return {**entry, "outcome": verdict.outcome, "reason": verdict.reason, "answer": text[-KEPT:]}


def _booked(gateway: Endpoint, correlation: str) -> dict[str, Any]:
    """What the gateway's receipts say. Without them, what the answers say of themselves stays."""
    try:
        booked = receipts.of(gateway, correlation)
    except Unanswered as why:
        return {"unbooked": str(why)}
    return {
        "calls": booked.calls, "input_tokens": booked.input_tokens, "output_tokens": booked.output_tokens,
        "cost": str(booked.cost),
    }  # fmt: skip


Spent = tuple[int, int | None, int | None]


def _answer(
    task: Task, variant: Variant, terms: Terms, endpoint: Endpoint, correlation: str
) -> tuple[str, Spent]:
    """The text of the answer, and how many calls and tokens of input and output it took by its own account."""
    messages: list[dict[str, Any]] = [{"role": "user", "content": task.prompt}]
    calls, tokens = 0, [0, 0]
    body = {**terms.body, **task.body, **variant.body}
    if variant.dormouse is not None:
        body["dormouse"] = variant.asks(has_form="response_format" in body)
    if variant.tools:
        body["tools"] = hands.TOOLS
    for step in range(hands.STEPS if variant.tools else 1):
        answer = endpoint.complete({**body, "messages": messages}, {receipts.HEADER: correlation})
        message = answer["choices"][0]["message"]
        usage = answer.get("usage") or {}
        for at, field in enumerate(("prompt_tokens", "completion_tokens")):
            count = usage.get(field)
            known = tokens[at] is not None and isinstance(count, int)
            tokens[at] = tokens[at] + count if known else None
        calls += 1
        if not variant.tools or not hands.calls(message) or step == hands.STEPS - 1:
            break
        messages += hands.results(message)
    return _text(message.get("content")), (calls, tokens[0], tokens[1])


def _text(content: Any) -> str:
    """A text, or the texts of parts."""
    if isinstance(content, list):
        parts = [it.get("text") for it in content if isinstance(it, dict)]
        return "".join(it for it in parts if isinstance(it, str))
    return content if isinstance(content, str) else ""
