"""Runs against a real gateway, in front of a model by script."""

import tempfile
import unittest
from decimal import Decimal
from pathlib import Path

from tests import gateway
from tests.scripted import Model, enter, improves, serving, with_a_calculator, with_tools
from tests.test_runs import N, Run, knows


class Gateway(unittest.TestCase):
    def start(self, skill, **settings: str) -> tuple[Model, str]:
        model = enter(self, serving(Model(skill)))
        folder = Path(enter(self, tempfile.TemporaryDirectory()))
        return model, enter(self, gateway.in_front_of(model.url, folder, **settings))

    def test_what_a_run_costs_is_what_the_gateway_booked(self):
        model, url = self.start(knows)
        run = Run(self)
        status = run(model.url, "--gateway-url", f"{url}/v1", "--gateway-key", gateway.KEY, "--n", str(N),
                     "--families", "arithmetic,lookup", "--variant", "raw", "--variant", "gateway")  # fmt: skip
        self.assertEqual(status, 0, run.said)
        for family, known in [("arithmetic", 4), ("lookup", 12)]:
            raw, through = run.cell("raw", family), run.cell("gateway", family)
            self.assertEqual((raw["right"], through["right"]), (known, known))
            self.assertEqual((raw["cost"], Decimal(through["cost"])), (None, N * Decimal("0.0002")))
            figures = [through[it] for it in ("calls", "input_tokens", "output_tokens")]
            self.assertEqual(figures, [1, 100, 10])

    def test_calls_of_the_callers_tool_are_handed_to_the_caller_who_runs_them(self):
        model, url = self.start(with_tools)
        run = Run(self)
        status = run(model.url, "--gateway-url", f"{url}/v1", "--gateway-key", gateway.KEY, "--n", "4",
                     "--families", "arithmetic,files,lookup", "--variant", "raw", "--variant", "emulate")  # fmt: skip
        self.assertEqual(status, 0, run.said)
        self.assertEqual((run.cell("raw", "all")["right"], run.cell("emulate", "all")["right"]), (0, 12))
        # Two calls for each task, and a receipt for each call.
        self.assertEqual(run.cell("emulate", "all")["calls"], 2)

    def test_a_loop_is_worth_what_its_tools_can_do_and_costs_all_of_its_calls(self):
        model, url = self.start(with_a_calculator)
        run = Run(self)
        status = run(model.url, "--gateway-url", f"{url}/v1", "--gateway-key", gateway.KEY, "--n", "12",
                     "--families", "arithmetic", "--variant", "raw", "--variant", "loop",
                     "--variant", 'handless={"endpoint": "gateway", "dormouse": {"mode": "loop", "tools": []}}')  # fmt: skip
        self.assertEqual(status, 0, run.said)
        found = {name: run.cell(name, "arithmetic") for name in ("raw", "loop", "handless")}
        self.assertEqual([it["right"] for it in found.values()], [0, 12, 0])
        self.assertEqual([it["calls"] for it in found.values()], [1, 2, 1])
        self.assertEqual(Decimal(found["loop"]["cost"]), 2 * Decimal(found["handless"]["cost"]))
        self.assertEqual(found["loop"]["unbooked"], 0)
        self.assertGreater(run.difference("loop", "arithmetic")["difference"]["low"], 0.5)

    def test_each_option_of_the_loop_is_worth_what_it_helps(self):
        model, url = self.start(improves, DORMOUSE_TOOLS="calculator,python,current_time")
        run = Run(self)
        names = ["loop", "loop+intent", "loop+plan", "loop+critique", "loop+correct"]
        variants = [it for name in names for it in ("--variant", name)]
        status = run(model.url, "--gateway-url", f"{url}/v1", "--gateway-key", gateway.KEY, "--n", "8",
                     "--families", "lookup,forms", *variants)  # fmt: skip
        self.assertEqual(status, 0, run.said)
        found = {name: {it: run.cell(name, it) for it in ("lookup", "forms")} for name in names}
        right = {name: (of["lookup"]["right"], of["forms"]["right"]) for name, of in found.items()}
        self.assertEqual(right, {
            "loop": (0, 0), "loop+intent": (8, 8), "loop+plan": (8, 8), "loop+critique": (8, 8), "loop+correct": (0, 8),
        })  # fmt: skip
        # A plan, the answer and its verification; an answer, what is wrong with it, and a better one.
        calls = {name: (of["lookup"]["calls"], of["forms"]["calls"]) for name, of in found.items()}
        self.assertEqual(calls, {
            "loop": (1, 1), "loop+intent": (2, 2), "loop+plan": (3, 3), "loop+critique": (3, 3), "loop+correct": (1, 2),
        })  # fmt: skip
        for name in names[1:]:
            self.assertEqual(run.difference(name, "forms")["pairs"]["only_first"], 8)
            self.assertEqual(sum(of["unbooked"] for of in found[name].values()), 0)

    def test_a_gateway_that_refuses_is_an_error(self):
        model, url = self.start(knows)
        run = Run(self)
        status = run(model.url, "--gateway-url", f"{url}/v1", "--gateway-key", "no such key", "--n", "2",
                     "--families", "lookup", "--variant", "gateway")  # fmt: skip
        self.assertNotEqual(status, 0)
        self.assertIn("status 401", run.said)
        self.assertEqual(run.cell("gateway", "lookup")["tasks"], 0)
