"""How answers are judged."""

import unittest

from uplift import task
from uplift.task import NONE, RIGHT, WRONG


class Verdicts(unittest.TestCase):
    def check(self, judge, cases):
        for text, outcome in cases:
            with self.subTest(text=text):
                verdict = judge(text)
                self.assertEqual(verdict.outcome, outcome, verdict.reason)
                self.assertTrue(verdict.reason)

    def test_a_number_is_right_as_a_whole_or_not_at_all(self):
        self.check(task.number(1234), [
            ("ANSWER: 1234", RIGHT),
            ("thinking…\nANSWER: 1,234", RIGHT),
            ("**ANSWER:** 1234", RIGHT),
            ("**ANSWER: 1234**", RIGHT),
            ("`ANSWER: 1234`", RIGHT),
            ("  ANSWER: +1234  \n\nThat was all.", RIGHT),
            ("ANSWER: 12345", WRONG),
            ("ANSWER: 1234.0", WRONG),
            ("ANSWER: 12,34", WRONG),
            ("ANSWER: 1234 or 1235", WRONG),
            ("ANSWER: about 1234", WRONG),
        ])  # fmt: skip

    def test_the_last_answer_counts_and_what_stands_elsewhere_does_not(self):
        self.check(task.number(7), [
            ("ANSWER: 7\nNo, wait.\nANSWER: 8", WRONG),
            ("ANSWER: 8\nNo, wait.\nANSWER: 7", RIGHT),
            ("The answer is 7.", NONE),
            ("I say ANSWER: 7", NONE),
            ("answer: 7", NONE),
            ("7", NONE),
            ("", NONE),
            ("ANSWER:\n7", NONE),
        ])  # fmt: skip

    def test_words_are_compared_as_a_whole(self):
        self.check(task.words("a baker"), [
            ("ANSWER: A Baker.", RIGHT),
            ('ANSWER: "a  baker"', RIGHT),
            ("ANSWER: baker", WRONG),
            ("ANSWER: a baker or a pilot", WRONG),
            ("ANSWER: not a baker", WRONG),
            ("ANSWER: unknown", WRONG),
        ])  # fmt: skip

    def test_lists_are_json_and_in_order(self):
        self.check(task.lines(["ZOE", "ABE"]), [
            ('ANSWER: ["ZOE", "ABE"]', RIGHT),
            ('ANSWER: ["ZOE","ABE"]', RIGHT),
            ('ANSWER: ["ABE", "ZOE"]', WRONG),
            ('ANSWER: ["ZOE"]', WRONG),
            ("ANSWER: ZOE, ABE", WRONG),
            ("ANSWER: [1]", WRONG),
            ('ANSWER: ["ZOE", "ABE"', WRONG),
        ])  # fmt: skip
