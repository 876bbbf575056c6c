"""Whether intervals hold what they say. Coverage is summed up exactly, not sampled."""

import unittest
from math import comb, factorial

from uplift.intervals import Pairs, chance, difference, quantile, share


def binomial(n: int, k: int, p: float) -> float:
    return comb(n, k) * p**k * (1 - p) ** (n - k)


class Shares(unittest.TestCase):
    def test_the_interval_is_wilsons(self):
        # R. G. Newcombe, Statistics in Medicine 17 (1998), 857-872, table I, method 3.
        for right, count, low, high in [
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0, 0.1611),
            (1, 29, 0.0061, 0.1718),
        ]:
            it = share(right, count)
            self.assertAlmostEqual(it.low, low, 4)
            self.assertAlmostEqual(it.high, high, 4)
            self.assertLessEqual(it.low, it.value)
            self.assertLessEqual(it.value, it.high)

    def test_the_interval_covers_the_true_share_as_often_as_it_says(self):
        for n in (10, 25, 50, 100):
            inside = [share(k, n) for k in range(n + 1)]
            coverage = [
                sum(binomial(n, k, p) for k, it in enumerate(inside) if it.low <= p <= it.high)
                for p in (at / 200 for at in range(1, 200))
            ]
            mean = sum(coverage) / len(coverage)
            self.assertTrue(0.945 < mean < 0.965, f"{n}: {mean}")
            self.assertGreater(min(coverage[19:-19]), 0.91, n)


class Differences(unittest.TestCase):
    def test_the_interval_is_newcombes(self):
        # R. G. Newcombe, Statistics in Medicine 17 (1998), 2635-2650, table III, method 10.
        it = difference(Pairs(36, 12, 2, 0))
        self.assertAlmostEqual(it.value, 0.2, 4)
        self.assertAlmostEqual(it.low, 0.0569, 4)
        self.assertAlmostEqual(it.high, 0.3404, 4)

    def test_the_other_way_round_it_is_the_same_with_the_other_sign(self):
        for a, b, c, d in [(36, 12, 2, 0), (53, 0, 1, 0), (0, 20, 0, 0), (5, 5, 5, 5)]:
            one, other = difference(Pairs(a, b, c, d)), difference(Pairs(a, c, b, d))
            self.assertAlmostEqual(one.value, -other.value)
            self.assertAlmostEqual(one.low, -other.high)

    def test_the_interval_covers_the_true_difference_as_often_as_it_says(self):
        n = 20
        tables = [
            (a, b, c, n - a - b - c)
            for a in range(n + 1) for b in range(n + 1 - a) for c in range(n + 1 - a - b)
        ]  # fmt: skip
        intervals = [difference(Pairs(*it)) for it in tables]
        ways = [factorial(n) // (factorial(a) * factorial(b) * factorial(c) * factorial(d)) for a, b, c, d in tables]
        coverage = []
        for p in [(0.3, 0.3, 0.1, 0.3), (0.5, 0.2, 0.05, 0.25), (0.1, 0.6, 0.1, 0.2), (0.4, 0.15, 0.15, 0.3),
                  (0.2, 0.4, 0.02, 0.38), (0.25, 0.25, 0.25, 0.25)]:  # fmt: skip
            true = p[1] - p[2]
            covered = 0.0
            for table, interval, many in zip(tables, intervals, ways, strict=True):
                if interval.low <= true <= interval.high:
                    chance = many
                    for share_of, count in zip(p, table, strict=True):
                        chance *= share_of**count
                    covered += chance
            coverage.append(covered)
        self.assertGreater(min(coverage), 0.935, coverage)
        self.assertLess(max(coverage), 0.99, coverage)

    def test_the_chance_of_uneven_pairs_is_mcnemars(self):
        self.assertEqual(chance(Pairs(9, 0, 0, 9)), 1.0)
        self.assertAlmostEqual(chance(Pairs(0, 5, 0, 0)), 2 / 32)
        self.assertAlmostEqual(chance(Pairs(3, 9, 1, 3)), 2 * (1 + 10) / 1024)

    def test_nothing_measured_is_nothing_known(self):
        self.assertEqual((share(0, 0).low, share(0, 0).high), (0.0, 1.0))
        it = difference(Pairs(0, 0, 0, 0))
        self.assertEqual((it.low, it.high), (-1.0, 1.0))


class Quantiles(unittest.TestCase):
    def test_a_quantile_is_one_of_the_values(self):
        values = [float(it) for it in range(1, 101)]
        self.assertEqual((quantile(values, 0.5), quantile(values, 0.95)), (50.0, 95.0))
        self.assertEqual((quantile([3.0], 0.95), quantile([], 0.5)), (3.0, None))
