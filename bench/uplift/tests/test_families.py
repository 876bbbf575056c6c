"""The tasks that are made."""

import unittest
from collections import Counter

from tests import scripted
from uplift import families, programs
from uplift.families import FAMILIES
from uplift.families.programs import program_in
from uplift.task import NONE, RIGHT, WRONG

N = 24


def tasks(family: str, seed: int = scripted.SEED, n: int = N):
    return [families.make(family, at, seed) for at in range(n)]


class Families(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # These programs are our own.
        programs.use(unconfined=True)

    def test_the_same_seed_makes_the_same_tasks_and_another_makes_others(self):
        for family in FAMILIES:
            asked = lambda seed, n=N: [(it.prompt, it.expected) for it in tasks(family, seed, n)]
            self.assertEqual(asked(1), asked(1))
            self.assertEqual(asked(1)[:5], asked(1, 5), "more tasks change none before")
            self.assertFalse({prompt for prompt, _ in asked(1)} & {prompt for prompt, _ in asked(2)})

    def test_every_task_is_another_one_and_all_kinds_are_there_evenly(self):
        for family in FAMILIES:
            made = tasks(family)
            self.assertEqual(len({it.prompt for it in made}), N, family)
            kinds = Counter(it.kind for it in made)
            self.assertEqual({*kinds.values()}, {N // 4}, f"{family}: {kinds}")

    def test_what_is_expected_is_right_and_what_is_near_is_wrong(self):
        for family in FAMILIES:
            for task in tasks(family, n=8 if family == "programs" else N):
                for text, outcome in [
                    (scripted.right(task), RIGHT),
                    (scripted.wrong(task), WRONG),
                    (task.prompt if family != "programs" else "I cannot.", None),
                ]:
                    verdict = task.judge(text)
                    if outcome is None:
                        self.assertNotEqual(verdict.outcome, RIGHT, f"{task.id} tells its answer")
                    else:
                        self.assertEqual(verdict.outcome, outcome, f"{task.id}: {verdict.reason}")

    def test_arithmetic_agrees_with_a_second_way_to_compute_it(self):
        for task in tasks("arithmetic"):
            if task.kind == "product":
                a, b = (int(it) for it in task.prompt.split("Compute ")[1].split(". (")[0].split(" × "))
                self.assertEqual(sum(a * int(digit) * 10**at for at, digit in enumerate(str(b)[::-1])), task.expected)
            if task.kind == "sum":
                terms = task.prompt.split("Compute ")[1].split(". (")[0].split(" + ")
                self.assertEqual(sum(map(int, terms)), task.expected)

    def test_a_look_up_is_in_the_text_unless_it_is_unknown(self):
        for task in tasks("lookup", n=60):
            text, question = task.prompt.split("</text>")
            self.assertEqual(task.kind == "unanswerable", task.expected == "unknown")
            said = text.removeprefix("<text>\n").strip().rstrip(".").split(". ")
            present = [it for it in said if " until " not in it and it.endswith(
                (f" {task.expected}", f" {task.expected} car"))]  # fmt: skip
            person = next(it for it in {" ".join(it.split()[:2]) for it in said} if f" {it} " in question)
            mine = [it for it in present if it.startswith(person)]
            self.assertEqual(len(mine), 0 if task.expected == "unknown" else 1, task.prompt)

    def test_a_program_is_told_from_what_is_around_it(self):
        for text, program in [
            ("BEGIN PROGRAM\nprint(1)\nEND PROGRAM", "print(1)\n"),
            ("Sure:\n BEGIN PROGRAM \n```python\nprint(1)\n```\nEND PROGRAM\nBye", "print(1)"),
            ("BEGIN PROGRAM\na\nEND PROGRAM\nBetter:\nBEGIN PROGRAM\nb\nEND PROGRAM", "b\n"),
            ("```python\nprint(1)\n```", None),
            ("BEGIN PROGRAM\nprint(1)", None),
        ]:
            self.assertEqual(program_in(text), program)

    def test_a_program_is_judged_by_all_of_its_tests(self):
        task = next(it for it in tasks("programs") if len({*it.expected}) > 1)
        knows_one = f"BEGIN PROGRAM\nprint({task.expected[0]!r})\nEND PROGRAM"
        for text, outcome, why in [
            (knows_one, WRONG, "instead of"),
            ("BEGIN PROGRAM\nraise ValueError('no')\nEND PROGRAM", WRONG, "ValueError: no"),
            ("BEGIN PROGRAM\nimport os\nos.abort()\nEND PROGRAM", WRONG, "ends with status"),
            ("BEGIN PROGRAM\nprint('x' * 10_000_000)\nEND PROGRAM", WRONG, "test 1: "),
            ("BEGIN PROGRAM\nbytearray(2_000_000_000)\nEND PROGRAM", WRONG, "MemoryError"),
            ("no program", NONE, "no program"),
        ]:
            verdict = task.judge(text)
            self.assertEqual(verdict.outcome, outcome, verdict.reason)
            self.assertIn(why, verdict.reason)
