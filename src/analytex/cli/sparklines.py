"""Numbers as small pictures made of characters."""

from collections.abc import Sequence
from typing import Final

_STEPS: Final = "▁▂▃▄▅▆▇█"
_PARTS: Final = ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")


def sparkline(numbers: Sequence[int], *, width: int, most: int | None = None) -> str:
    """Return a character for each number, as high as it is; 0 is a space.

    The highest is `most`, else the largest. If there are more numbers than `width`, neighbours
    share a character, which shows the largest of them.
    """
    together = -(-len(numbers) // width) or 1
    shown = [max(numbers[at : at + together]) for at in range(0, len(numbers), together)]
    most = max(shown, default=0) if most is None else most
    return "".join(_step(number, most) for number in shown)


def bar(part: float, *, width: int) -> str:
    """Return a bar of `width` characters for 1, and accordingly shorter for less."""
    eighths = round(min(max(part, 0.0), 1.0) * width * 8)
    return "█" * (eighths // 8) + _PARTS[eighths % 8]


def _step(number: int, most: int) -> str:
    if number <= 0 or most <= 0:
        return " "
    return _STEPS[min(-(-len(_STEPS) * number // most), len(_STEPS)) - 1]
