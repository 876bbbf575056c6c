"""Whole runs, of the command itself, on a model by script."""

import contextlib
import io
import json
import tempfile
import threading
import unittest
from collections import Counter
from decimal import Decimal
from pathlib import Path
from xml.etree import ElementTree

from tests import scripted
from tests.scripted import GARBAGE, Model, enter, right, serving, with_tools, wrong
from uplift.command import FAILED, USAGE, main

# Of so many tasks of each family, the first so many are known to it.
N = 16
KNOWN = {"arithmetic": 4, "files": 8, "lookup": 12, "forms": 6, "programs": 2}


def number(task) -> int:
    return int(task.id.rsplit("-", 1)[1])


def knows(task, body):
    """Twice as many with the loop; with a plan, all; some answers are none."""
    mode = body.get("dormouse") or {}
    known = KNOWN[task.family] * (2 if mode.get("mode") == "loop" else 1)
    if mode.get("plan") or number(task) < known:
        return right(task)
    return wrong(task) if number(task) % 2 else "I do not know."


class Run:
    """A run in a folder of its own."""

    def __init__(self, test: unittest.TestCase):
        self.folder = Path(enter(test, tempfile.TemporaryDirectory()))
        self.said = ""

    def __call__(self, url: str, *arguments: str) -> int:
        fixed = ["--url", f"{url}/v1", "--model", "m", "--seed", str(scripted.SEED), "--retries", "0",
                 "--unconfined-programs", "--out", str(self.folder)]  # fmt: skip
        with contextlib.redirect_stderr(io.StringIO()) as said, contextlib.redirect_stdout(io.StringIO()):
            try:
                return main([*fixed, *arguments])
            finally:
                self.said = said.getvalue()

    def result(self):
        return json.loads((self.folder / "result.json").read_text())

    def cell(self, variant: str, family: str):
        return next(it for it in self.result()["cells"] if (it["variant"], it["family"]) == (variant, family))

    def difference(self, variant: str, family: str):
        found = self.result()["differences"]
        return next(it for it in found if (it["variant"], it["family"]) == (variant, family))


class Runs(unittest.TestCase):
    def test_what_a_model_knows_comes_out_for_every_family_and_variant(self):
        model, run = enter(self, serving(Model(knows))), Run(self)
        status = run(model.url, "--n", str(N), "--variant", "raw", "--variant", "loop", "--variant", "loop+plan")
        self.assertEqual(status, 0, run.said)
        for family, known in KNOWN.items():
            for variant, right_of in [("raw", known), ("loop", min(2 * known, N)), ("loop+plan", N)]:
                cell = run.cell(variant, family)
                self.assertEqual((cell["right"], cell["tasks"], cell["errors"]), (right_of, N, 0), cell)
                accuracy = cell["accuracy"]
                self.assertAlmostEqual(accuracy["value"], right_of / N)
                self.assertTrue(0 <= accuracy["low"] <= right_of / N <= accuracy["high"] <= 1)
                silent = sum(it % 2 == 0 for it in range(right_of, N))
                self.assertEqual(cell["without_an_answer_line"], silent)
            pairs = run.difference("loop", family)["pairs"]
            gained = min(2 * known, N) - known
            self.assertEqual((pairs["both"], pairs["only_first"], pairs["only_second"]), (known, gained, 0))
        whole = run.difference("loop+plan", "all")
        self.assertAlmostEqual(whole["difference"]["value"], 1 - sum(KNOWN.values()) / (len(KNOWN) * N))
        self.assertGreater(whole["difference"]["low"], 0)
        self.assertLess(whole["chance"], 1e-6)

    def test_every_variant_is_asked_the_same_and_says_what_it_is(self):
        model, run = enter(self, serving(Model(knows))), Run(self)
        own = 'mine={"endpoint": "gateway", "dormouse": {"mode": "loop", "max_steps": 3}, "body": {"top_p": 0.5}}'
        run(model.url, "--n", "2", "--families", "files,lookup", "--body", '{"temperature": 0}',
            "--variant", "raw", "--variant", "loop+plan+critique", "--variant", own)  # fmt: skip
        asked = Counter((task.id, json.dumps(body.get("dormouse"))) for task, body in model.asked)
        self.assertEqual({*asked.values()}, {1})
        self.assertEqual({mode for _, mode in asked}, {
            "null", '{"mode": "loop", "plan": true, "critique": true}', '{"mode": "loop", "max_steps": 3}',
        })  # fmt: skip
        self.assertEqual(len(asked), 2 * 2 * 3)
        for _, body in model.asked:
            steps = (body.get("dormouse") or {}).get("max_steps")
            self.assertEqual((body["temperature"], body.get("top_p")), (0, 0.5 if steps else None))

    def test_options_are_switched_on_and_off_each_by_itself(self):
        model, run = enter(self, serving(Model(knows))), Run(self)
        run(model.url, "--n", "1", "--families", "lookup,forms", "--variant", "each",
            "--variant", "loop+critique2-plan")  # fmt: skip
        asked = {(task.family, json.dumps(body["dormouse"])) for task, body in model.asked}
        for family in ("lookup", "forms"):
            options = [{}, {"intent": True}, {"plan": True}, {"critique": True}, {"run_code": True},
                       {"critique": 2, "plan": False}]  # fmt: skip
            wanted = {json.dumps({"mode": "loop", **it}) for it in options}
            if family == "forms":
                wanted.add(json.dumps({"mode": "loop", "correct": True}))
            self.assertEqual({said for of, said in asked if of == family}, wanted)
        formed = {task.family for task, body in model.asked if "response_format" in body}
        self.assertEqual(formed, {"forms"})

    def test_a_tool_is_run_where_it_is_offered(self):
        model, run = enter(self, serving(Model(with_tools))), Run(self)
        families = ("--families", "arithmetic,files,lookup")
        status = run(model.url, "--n", "4", *families, "--variant", "raw", "--variant", "tools", "--variant", "emulate")
        self.assertEqual(status, 0, run.said)
        self.assertEqual(run.cell("raw", "all")["right"], 0)
        for variant in ("tools", "emulate"):
            self.assertEqual(run.cell(variant, "all")["right"], 12)
            self.assertEqual(run.difference(variant, "all")["pairs"]["only_first"], 12)
        self.assertEqual((run.cell("raw", "all")["calls"], run.cell("tools", "all")["calls"]), (1.0, 2.0))

    def test_tokens_and_cost_are_what_was_booked_or_else_what_was_reported(self):
        model, run = enter(self, serving(Model(knows))), Run(self)
        run(model.url, "--n", "3", "--families", "lookup", "--prices", "1,10", "--variant", "raw", "--variant", "loop")
        raw, loop = run.cell("raw", "lookup"), run.cell("loop", "lookup")
        self.assertEqual((raw["calls"], raw["input_tokens"], raw["output_tokens"]), (1, 100, 10))
        self.assertEqual((loop["calls"], loop["input_tokens"], loop["output_tokens"]), (3, 300, 30))
        costs = [Decimal(it["cost"]) for it in (raw, loop)]
        self.assertEqual(costs, [3 * Decimal("0.0002"), 9 * Decimal("0.000000125")])

    def test_receipts_that_are_missing_are_said_to_be(self):
        model, run = enter(self, serving(Model(knows))), Run(self)
        model.shows_receipts = False
        run(model.url, "--n", "3", "--families", "lookup", "--variant", "loop")
        cell = run.cell("loop", "lookup")
        self.assertEqual((cell["unbooked"], cell["cost"], cell["calls"], cell["input_tokens"]), (3, None, 1, 100))
        self.assertIn("Of 3 answers the gateway showed no receipt", (run.folder / "result.md").read_text())

    def test_a_run_that_broke_off_goes_on_and_asks_nothing_twice(self):
        model, run = enter(self, serving(Model(knows))), Run(self)
        often = threading.Semaphore(10)
        model.answers = lambda: often.acquire(blocking=False)
        arguments = ("--n", "8", "--families", "arithmetic,lookup", "--variant", "raw", "--variant", "loop")
        self.assertEqual(run(model.url, *arguments), FAILED)
        self.assertIn("FAILED", run.said)
        answered = {(task.id, "dormouse" in body) for task, body in model.asked}
        self.assertEqual(len(answered), 10)
        # A process that dies may leave half a line.
        with (run.folder / "answers.jsonl").open("a") as journal:
            journal.write('{"variant": "raw", "ta')

        model.answers = lambda: True
        self.assertEqual(run(model.url, *arguments), 0, run.said)
        self.assertIn("10 answered before, 22 to ask", run.said)
        asked = Counter((task.id, "dormouse" in body) for task, body in model.asked)
        self.assertEqual((len(asked), {*asked.values()}), (32, {1}))
        self.assertEqual((run.cell("raw", "all")["tasks"], run.cell("raw", "all")["errors"]), (16, 0))

        self.assertEqual(run(model.url, *arguments), 0)
        self.assertEqual(len(model.asked), 32, "there was nothing left to ask")
        self.assertEqual(run(model.url, *arguments, "--n", "9"), USAGE)
        self.assertIn("tasks_a_family", run.said)

    def test_an_endpoint_that_answers_garbage_is_reported_and_never_judged(self):
        model = enter(self, serving(Model(knows)))
        for path in [*GARBAGE, "/nowhere"]:
            with self.subTest(path=path):
                run = Run(self)
                url = "http://127.0.0.1:1" if path == "/nowhere" else model.url + path
                self.assertEqual(run(url, "--n", "5", "--families", "lookup"), FAILED)
                self.assertRegex(run.said, "raw lookup-[0-9]: (no |status (401|500))")
                cell = run.cell("raw", "lookup")
                self.assertEqual((cell["tasks"], cell["accuracy"]), (0, None))
                self.assertGreater(cell["errors"], 0)
                self.assertFalse(run.result()["complete"])
                self.assertIn("This run failed", (run.folder / "result.md").read_text())
        self.assertEqual(model.asked, [])

    def test_some_errors_are_allowed_and_leave_their_tasks_out(self):
        class Fails(Exception):
            pass

        def sometimes(task, body):
            if number(task) == 3 and not body.get("dormouse"):
                raise Fails
            return right(task)

        model, run = Model(sometimes), Run(self)
        enter(self, serving(model))
        # What a skill raises breaks the connection, and is told on standard error.
        with contextlib.redirect_stderr(io.StringIO()):
            status = run(model.url, "--n", "5", "--families", "lookup", "--max-errors", "0.2", "--variant", "raw",
                         "--variant", "loop")  # fmt: skip
        self.assertEqual(status, 0, run.said)
        raw = run.cell("raw", "lookup")
        self.assertEqual((raw["tasks"], raw["right"], raw["errors"]), (4, 4, 1))
        self.assertEqual(run.difference("loop", "lookup")["pairs"]["both"], 4)

    def test_no_more_is_asked_at_once_than_is_allowed_and_no_less(self):
        model, run = enter(self, serving(Model(knows))), Run(self)
        # Nobody is answered before three are there. The patience is for a harness that asks fewer at once.
        together, seen, here = threading.Barrier(3), [], 0
        lock = threading.Lock()

        def wait():
            nonlocal here
            with lock:
                here += 1
                seen.append(here)
            together.wait(60)
            with lock:
                here -= 1
            return True

        model.answers = wait
        self.assertEqual(run(model.url, "--n", "9", "--families", "arithmetic", "--concurrency", "3"), 0, run.said)
        self.assertEqual(max(seen), 3)

    def test_the_tables_and_the_picture_show_what_was_found(self):
        model, run = enter(self, serving(Model(knows))), Run(self)
        run(model.url, "--n", "4", "--families", "lookup,files", "--variant", "raw", "--variant", "loop")
        table = (run.folder / "result.md").read_text()
        self.assertIn("| raw | lookup | 4 / 4 | 100.0% (51.0% to 100.0%) |", table)
        self.assertIn("| loop | raw | all | 8 |", table)
        picture = ElementTree.parse(run.folder / "accuracy.svg").getroot()
        texts = [it.text for it in picture.iter("{http://www.w3.org/2000/svg}text")]
        for text in ("lookup", "files", "all", "raw", "loop", "100%"):
            self.assertIn(text, texts)

    def test_what_cannot_be_measured_is_said_before_anything_is_asked(self):
        model = enter(self, serving(Model(knows)))
        for arguments in [
            ("--variant", "lop"), ("--variant", "loop+"), ("--variant", "loop+2"), ("--variant", "each", "--variant", "loop"), ("--variant", "raw", "--variant", "raw"),
            ("--variant", 'x={"tools": 1}'), ("--variant", "x={"), ("--families", "sums"), ("--n", "0"),
            ("--body", "[]"), ("--prices", "free"), ("--concurrency", "0"),
        ]:  # fmt: skip
            with self.subTest(arguments=arguments):
                run = Run(self)
                self.assertEqual(run(model.url, *arguments), USAGE)
                self.assertTrue(run.said.startswith("uplift: "), run.said)
        self.assertEqual(model.asked, [])
