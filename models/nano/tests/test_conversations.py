"""The generator: what it tells is right, and it tells the same every time."""

import json
import re
import subprocess
import sys
import unittest
from fractions import Fraction
from pathlib import Path
from random import Random

from pipeline.chat import CONTROL, rendered
from pipeline.data import arithmetic, context, copying, files, mix, offers
from pipeline.data.steps import NO_TOOL, Answer, Call, Hands, Result, User

COUNT = 1000
HERE = Path(__file__).resolve().parent.parent
TELLING = """
from random import Random
from pipeline.data import mix
for number in range(1000):
    print(mix.conversation(Random(number)))
"""


def conversations():
    return [mix.conversation(Random(f"test/{number}")) for number in range(COUNT)]


class Conversations(unittest.TestCase):
    def test_the_same_seed_tells_the_same_in_every_process(self):
        told = {
            subprocess.run(
                [sys.executable, "-c", TELLING],
                env={"PYTHONHASHSEED": seed},
                cwd=HERE,
                capture_output=True,
                check=True,
            ).stdout
            for seed in ("1", "2")
        }
        self.assertEqual(len(told), 1)

    def test_each_message_of_the_model_is_judged_as_something(self):
        for told in conversations():
            own = [message for message in told.messages if message.role == "assistant"]
            self.assertEqual(len(own), len(told.judged))
            self.assertLessEqual({judged for _, judged in told.judged}, set(mix.JUDGED))

    def test_the_model_has_the_last_word_and_takes_turns(self):
        for told in conversations():
            roles = [message.role for message in told.messages if message.role != "system"]
            self.assertEqual(roles, ["user", "assistant"] * (len(roles) // 2))

    def test_nobody_says_the_marks_of_the_chat(self):
        for told in conversations():
            for message in told.messages:
                self.assertFalse([mark for mark in CONTROL if mark in message.text])

    def test_calls_in_tags_are_json_and_of_tools_that_are_offered(self):
        for told in conversations():
            offered = told.messages[0].text if told.messages[0].role == "system" else ""
            for message in told.messages:
                found = re.fullmatch(r"<tool_call>\n(.*)\n</tool_call>", message.text, re.DOTALL)
                if found and message.role == "assistant":
                    call = json.loads(found[1])
                    self.assertEqual(set(call), {"name", "arguments"})
                    self.assertRegex(offered, rf'\n{call["name"]}\(')

    def test_every_family_and_form_is_told(self):
        told = conversations()
        self.assertEqual({family for it in told for family, _ in it.judged}, set(mix.FAMILIES))
        self.assertEqual({it.form for it in told}, {"native", "fenced"})
        self.assertIn("DONE: ", "".join(rendered(it.messages) for it in told))


class Skills(unittest.TestCase):
    def told(self, skills, tools):
        for number in range(COUNT):
            random = Random(f"skills/{number}")
            skill = random.choice(list(skills))
            yield skill, skill(random, Hands(random, [it for it in offers.GATEWAY if it.name in tools]))

    def test_calculators_are_asked_what_was_asked(self):
        for skill, steps in self.told({arithmetic.one: 1, arithmetic.told: 1}, ["calculator"]):
            call, result, answer = steps[1:]
            self.assertIsInstance(call, Call)
            expression = call.arguments["expression"]
            if "Error" not in result.text:
                value = float(eval(expression))  # of the generator's own numbers and signs
                self.assertAlmostEqual(float(Fraction(result.text)), value, delta=0.01 + abs(value) / 10**9)
                self.assertIn(result.text, answer.text)
            if skill is arithmetic.one:
                asked = re.findall(r"\d[\d.]*", steps[0].text)
                used = re.findall(r"\d[\d.]*", expression)
                self.assertEqual([it.rstrip(".") for it in asked][: len(used)], used)

    def test_without_a_tool_it_says_so(self):
        for _, steps in self.told(arithmetic.SKILLS, []):
            self.assertEqual(steps[1:], [Answer(NO_TOOL)])

    def test_copies_are_in_what_was_said(self):
        for skill, steps in self.told(copying.SKILLS, []):
            text = steps[1].text
            if skill is copying.twice:
                text = text[: len(text) // 2]
            self.assertIn(text.removesuffix(" is not there."), steps[0].text)

    def test_more_is_asked_about_the_same_text(self):
        for skill in (copying.pick, copying.line, context.passages, context.people):
            for number in range(COUNT // 10):
                random = Random(f"more/{number}")
                first, _, *more = skill(random, Hands(random, questions=4))
                self.assertLessEqual(len(more), 2 * 4)
                for asked, answer in zip(more[::2], more[1::2]):
                    self.assertLess(len(asked.text), 120)
                    said = re.sub(r"\. \[\d+\]$|\nANSWER: .*$", "", answer.text)
                    value = said.split(" ")[-1].rstrip(".")
                    absent = re.search(r"is not (there|in the passages)\.$|unknown", said)
                    self.assertTrue(value in first.text or absent, (first.text, answer.text))

    def test_a_passage_that_is_cited_says_it(self):
        for _, steps in self.told({context.passages: 1}, []):
            found = re.fullmatch(r"The (\w+) of (.*) (?:is|was set to) (.*)\. \[(\d+)\]", steps[1].text)
            if found is None:
                self.assertRegex(steps[1].text, r"^The \w+ of .* is not in the passages\.$")
                continue
            key, name, value, number = found.groups()
            cited = [line for line in steps[0].text.split("\n") if line.startswith(f"[{number}] ")]
            name, value = re.escape(name), re.escape(value)
            self.assertRegex(cited[0], f"(?i){key} of {name} .*{value}|{name} has the {key} {value}")

    def test_people_are_asked_about_what_is_now(self):
        for _, steps in self.told({context.people: 1}, []):
            said, _, answer = steps[1].text.partition("\nANSWER: ")
            self.assertIn(answer, said)
            if "unknown" not in said:
                self.assertIn(said, steps[0].text)

    def test_programs_print_what_is_told(self):
        for skill, steps in self.told({files.text: 1}, ["python"]):
            call, result = steps[1], steps[2]
            self.assertIsInstance(result, Result)
            if "Error" in result.text:
                continue
            printed: list[str] = []
            scope = {"print": lambda *of, sep=" ": printed.append(sep.join(map(str, of)))}
            exec(call.arguments["code"], scope)  # a program of the generator's own
            self.assertEqual("\n".join(printed), result.text.removeprefix("exit status: 0\nstdout:\n"), skill)

    def test_answers_follow_what_tools_say(self):
        for _, steps in self.told(files.SKILLS, ["bash", "read_file", "list_files", "write_file"]):
            self.assertIsInstance(steps[0], User)
            self.assertIsInstance(steps[-1], Answer)
            for before, after in zip(steps, steps[1:]):
                self.assertEqual(isinstance(before, Call), isinstance(after, Result))
            if "Error" in steps[-2].text:
                self.assertIn("That did not work", steps[-1].text)


if __name__ == "__main__":
    unittest.main()
