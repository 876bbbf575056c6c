"""How sure a part that was counted is."""

import math


def interval(right: int, asked: int) -> tuple[float, float]:
    """Wilson's interval, in which the true part lies with a confidence of 95 %."""
    z, part = 1.959964, right / asked
    middle = part + z * z / (2 * asked)
    spread = z * math.sqrt(part * (1 - part) / asked + z * z / (4 * asked * asked))
    return max(0.0, (middle - spread) / (1 + z * z / asked)), (middle + spread) / (1 + z * z / asked)
