"""Runs against a real gateway, in front of a model by script."""

import tempfile
import unittest
from decimal import Decimal
from pathlib import Path

from tests import gateway
from tests.scripted import Model, enter, serving, with_a_calculator, with_tools
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

    def test_a_gateway_that_refuses_is_an_error(self):
        model, url = self.start(knows)
        run = Run(self)
        status = run(model.url, "--gateway-url", f"{url}/v1", "--gateway-key", "no such key", "--n", "2",
                     "--families", "lookup", "--variant", "gateway")  # fmt: skip
        self.assertNotEqual(status, 0)
        self.assertIn("status 401", run.said)
        self.assertEqual(run.cell("gateway", "lookup")["tasks"], 0)
