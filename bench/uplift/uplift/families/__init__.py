"""The families of tasks. The same seed, family and number make the same task, on every machine.

A family is a module with `make(number, random) -> (kind, prompt, expected, judge)`, and with `BODY` where its
requests have fields of their own. Numbers go round through
its kinds, so that any number of tasks has them evenly. A task is made from a generator of its own, seeded
with its name, so that asking for more tasks changes none of those before.
"""

import random

from ..task import Task
from . import arithmetic, files, forms, lookup, programs

FAMILIES = {
    "arithmetic": arithmetic, "files": files, "lookup": lookup, "forms": forms, "programs": programs,
}  # fmt: skip


def make(family: str, number: int, seed: int) -> Task:
    """Task `number` of a family."""
    id = f"{family}-{number}"
    module = FAMILIES[family]
    kind, prompt, expected, judge = module.make(number, random.Random(f"{seed}/{id}"))
    return Task(id, family, kind, prompt, expected, judge, getattr(module, "BODY", {}))
