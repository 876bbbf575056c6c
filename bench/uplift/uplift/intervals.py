"""Shares with confidence intervals, and the difference of two that were measured on the same tasks."""

from dataclasses import dataclass
from math import comb, sqrt

# The standard normal distribution has 95 % of its mass within so many deviations.
Z = 1.959963984540054


@dataclass(frozen=True)
class Estimate:
    """A value and where it lies with a confidence of 95 %."""

    value: float
    low: float
    high: float


def share(right: int, count: int) -> Estimate:
    """Wilson's score interval (E. B. Wilson, JASA 22, 1927)."""
    if count == 0:
        return Estimate(0.0, 0.0, 1.0)
    p, z2 = right / count, Z * Z
    middle = (p + z2 / (2 * count)) / (1 + z2 / count)
    half = Z * sqrt(p * (1 - p) / count + z2 / (4 * count * count)) / (1 + z2 / count)
    # At the ends, the rounding of floats is not to leave out what was measured.
    return Estimate(p, min(p, max(0.0, middle - half)), max(p, min(1.0, middle + half)))


@dataclass(frozen=True)
class Pairs:
    """How two variants did on the same tasks."""

    both: int
    only_first: int
    only_second: int
    neither: int

    @property
    def count(self) -> int:
        return self.both + self.only_first + self.only_second + self.neither


def difference(pairs: Pairs) -> Estimate:
    """The share of the first less that of the second.

    Newcombe's method 10 (R. G. Newcombe, Statistics in Medicine 17, 1998): Wilson's intervals of both shares,
    squared and added with regard to their correlation.
    """
    n = pairs.count
    if n == 0:
        return Estimate(0.0, -1.0, 1.0)
    first = share(pairs.both + pairs.only_first, n)
    second = share(pairs.both + pairs.only_second, n)
    phi = _correlation(pairs)

    def reach(up: float, down: float) -> float:
        return sqrt(max(0.0, up * up - 2 * phi * up * down + down * down))

    value = first.value - second.value
    low = value - reach(first.value - first.low, second.high - second.value)
    high = value + reach(first.high - first.value, second.value - second.low)
    return Estimate(value, max(-1.0, low), min(1.0, high))


def _correlation(pairs: Pairs) -> float:
    a, b, c, d = pairs.both, pairs.only_first, pairs.only_second, pairs.neither
    margins = (a + b) * (c + d) * (a + c) * (b + d)
    if margins == 0:
        return 0.0
    excess = a * d - b * c
    if excess > 0:
        excess = max(excess - pairs.count / 2, 0)
    return excess / sqrt(margins)


def chance(pairs: Pairs) -> float:
    """McNemar's exact test: how likely pairs as uneven as these are if there is no difference (two-sided)."""
    uneven = pairs.only_first + pairs.only_second
    if uneven == 0:
        return 1.0
    fewer = min(pairs.only_first, pairs.only_second)
    return min(1.0, 2 * sum(comb(uneven, it) for it in range(fewer + 1)) / 2**uneven)


def quantile(values: list[float], share: float) -> float | None:
    """The smallest value that so many are not above (nearest rank)."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[max(0, min(len(ordered) - 1, -int(-share * len(ordered) // 1) - 1))]
