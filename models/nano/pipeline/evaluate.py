"""Evaluation: the exported file in llama.cpp, on conversations that it was not trained on.

Each message of the model is asked for by itself, behind the messages that should stand before it, without
chance (the likeliest token each time). It is right if it is the message of the generator, letter by letter.
"""

import json
import urllib.request
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random

import xllamacpp

from .chat import END, Message, rendered
from .data import mix
from .intervals import interval
from .unseen import CASES

LONGEST_ANSWER = 700
CONTEXT = 4096
AT_ONCE = 2


@dataclass(frozen=True)
class Case:
    """A message of the model: what stands before it, what it should be (or what must stand in it), and by what
    names it is counted."""

    messages: list[Message]
    expected: str | tuple[str, ...]
    counted: tuple[str, ...]

    def is_right(self, answer: str) -> bool:
        """Whether the model said what it should."""
        if isinstance(self.expected, str):
            return answer == self.expected
        return all(part in answer for part in self.expected)


def held_out(conversations: int) -> Iterator[Case]:
    """The cases of so many conversations, always the same, and those in words of others."""
    for number in range(conversations):
        told = mix.conversation(Random(f"held out/{number}"))
        kinds = iter(told.judged)
        for at, message in enumerate(told.messages):
            if message.role == "assistant":
                family, judged = next(kinds)
                counted = (judged, f"family: {family}", f"form: {told.form}")
                yield Case(told.messages[:at], message.text, counted)
    for unseen in CASES:
        yield Case(unseen.messages(), unseen.wanted, ("unseen wording",))


def evaluate(model: Path, conversations: int, wrong: Path | None = None) -> dict[str, dict]:
    """Judges the file. Returns how many of what there were, and were right. `wrong` is written with what was
    not."""
    cases = list(held_out(conversations))
    with served(model) as url, ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(lambda case: complete(url, rendered(case.messages, asks=True)), cases))
    asked = Counter(name for case in cases for name in case.counted)
    right = Counter(
        name for case, answer in zip(cases, answers) if case.is_right(answer) for name in case.counted
    )
    if wrong is not None:
        lines = (
            json.dumps({**asdict(case), "answer": answer}) + "\n"
            for case, answer in zip(cases, answers)
            if not case.is_right(answer)
        )
        wrong.write_text("".join(lines))
    return {name: _counted(right[name], asked[name]) for name in sorted(asked)}


@contextmanager
def served(model: Path) -> Iterator[str]:
    """llama.cpp's server with the model, in this process, at a URL."""
    settings = xllamacpp.CommonParams()
    settings.model.path = str(model)
    settings.hostnames = ["127.0.0.1"]
    settings.port = 0
    settings.n_parallel = AT_ONCE
    settings.n_ctx = CONTEXT * AT_ONCE
    settings.cpuparams.n_threads = 1
    settings.cpuparams_batch.n_threads = 1
    settings.n_gpu_layers = 0
    settings.warmup = False
    settings.verbosity = 1
    server = xllamacpp.Server(settings)
    yield server.listening_address
    del server


def complete(url: str, prompt: str, stop: str = END) -> str:
    """The likeliest continuation of a text."""
    body = {
        "prompt": prompt,
        "n_predict": LONGEST_ANSWER,
        "temperature": 0,
        "stop": [stop],
        "cache_prompt": True,
    }
    request = urllib.request.Request(
        f"{url}/completion", json.dumps(body).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request) as response:
        return json.load(response)["content"]


def _counted(right: int, asked: int) -> dict[str, float]:
    low, high = interval(right, asked)
    return {
        "asked": asked,
        "right": right,
        "part": round(right / asked, 4),
        "low": round(low, 4),
        "high": round(high, 4),
    }
