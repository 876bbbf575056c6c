"""The intervals of the figures."""

import unittest

from pipeline.intervals import interval


class Intervals(unittest.TestCase):
    def test_they_are_those_of_wilson(self):
        # Newcombe, Statistics in Medicine 17 (1998), table I.
        for right, asked, low, high in (
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0, 0.1611),
        ):
            found = interval(right, asked)
            self.assertAlmostEqual(found[0], low, places=4)
            self.assertAlmostEqual(found[1], high, places=4)

    def test_more_that_was_asked_is_surer(self):
        few, many = interval(9, 10), interval(900, 1000)
        self.assertLess(many[1] - many[0], few[1] - few[0])


if __name__ == "__main__":
    unittest.main()
