"""Axes of numbers: where the ticks are."""

from collections.abc import Sequence
from itertools import count
from math import floor, log10
from typing import Final

_ROUND: Final = (1, 2, 5)


def number_ticks(top: float, *, at_most: int = 5, whole: bool = True) -> Sequence[float]:
    """Return ticks from 0 on that reach `top`: steps of 1, 2 or 5 times a power of ten.

    They are the finest that are at most `at_most`, which is 2 or more. `whole` numbers have no
    steps below 1. Of nothing, or of what is no number, it is 0 and 1.
    """
    if not 0 < top < float("inf"):
        return [0, 1]
    steps = max(at_most, 2) - 1
    power = floor(log10(top / steps)) - 1  # one too small is found out, one too large is not
    for power in count(max(power, 0) if whole else power):  # noqa: B020
        for digit in _ROUND:
            last = _reaching(top, digit, power)
            if last <= steps:
                return [_times(number, digit, power) for number in range(last + 1)]
    raise AssertionError


def _reaching(top: float, digit: int, power: int) -> int:
    """Return how many steps reach the top."""
    number = max(floor(top / _times(1, digit, power)) - 1, 1)
    while _times(number, digit, power) < top:
        number += 1
    return number


def _times(number: int, digit: int, power: int) -> float:
    """Return the tick of that number, exactly as its decimal text is read."""
    if power >= 0:
        return int(number * digit * 10**power)
    return float(number * digit / 10**-power)
