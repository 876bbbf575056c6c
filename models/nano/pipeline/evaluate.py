"""Evaluation: the exported file in llama.cpp, on conversations that it was not trained on.

Each message of the model is asked for by itself, behind the messages that should stand before it, without
chance (the likeliest token each time). It is right if it is the message of the generator, letter by letter.
"""

import json
import math
import urllib.request
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

import xllamacpp

from .chat import END, Message, rendered
from .data import mix

LONGEST_ANSWER = 700
CONTEXT = 4096
AT_ONCE = 2


@dataclass(frozen=True)
class Case:
    """A message of the model: what stands before it, what it should be, and what it is judged as."""

    messages: list[Message]
    expected: str
    family: str
    judged: str
    form: str


def held_out(conversations: int) -> Iterator[Case]:
    """The cases of so many conversations, always the same."""
    for number in range(conversations):
        told = mix.conversation(Random(f"held out/{number}"))
        kinds = iter(told.judged)
        for at, message in enumerate(told.messages):
            if message.role == "assistant":
                yield Case(told.messages[:at], message.text, *next(kinds), told.form)


def evaluate(model: Path, conversations: int, wrong: Path | None = None) -> dict[str, dict]:
    """Judges the file. Returns, by what is judged, how many there were and were right. `wrong` is written
    with what was not."""
    cases = list(held_out(conversations))
    with served(model) as url, ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(lambda case: complete(url, rendered(case.messages, asks=True)), cases))
    asked, right = Counter(), Counter()
    for case, answer in zip(cases, answers):
        for name in (case.judged, f"family {case.family}", f"form {case.form}"):
            asked[name] += 1
            right[name] += answer == case.expected
    if wrong is not None:
        pairs = [(case, answer) for case, answer in zip(cases, answers) if answer != case.expected]
        lines = (
            json.dumps({"judged": case.judged, "family": case.family, "form": case.form, "asked": case.messages[-1].text,
                        "expected": case.expected, "answer": answer})
            for case, answer in pairs
        )  # fmt: skip
        wrong.write_text("".join(f"{line}\n" for line in lines))
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


def interval(right: int, asked: int) -> tuple[float, float]:
    """Wilson's interval, in which the true part lies with a confidence of 95 %."""
    z, part = 1.959964, right / asked
    middle = part + z * z / (2 * asked)
    spread = z * math.sqrt(part * (1 - part) / asked + z * z / (4 * asked * asked))
    return (middle - spread) / (1 + z * z / asked), (middle + spread) / (1 + z * z / asked)
