"""Sparklines: a few numbers as a line of the size of a word."""

from collections.abc import Sequence

from markupsafe import Markup

from analytex.console.charts.elements import element, short
from analytex.console.charts.numbers import number

_WIDTH = 100
_HEIGHT = 24


def sparkline(values: Sequence[float], *, text: str) -> Markup:
    """Return the line; `text` says what the numbers are (`events a day, 30 days`).

    Numbers from 0 to the largest fill its height. A screen reader is told the largest and the last.
    """
    if not values:
        return Markup("")
    most = max(values)
    said = f"{text}: at most {number(most)}, last {number(values[-1])}"
    step = _WIDTH / max(len(values) - 1, 1)
    points = [
        f"{short(place * step)} {short(_y(value, most))}" for place, value in enumerate(values)
    ]
    if len(points) == 1:
        points.append(f"{_WIDTH} {short(_y(values[0], most))}")
    line = "M" + "L".join(points)
    return element(
        "svg",
        element("title", said),
        element("path", d=f"{line}L{_WIDTH} {_HEIGHT}L0 {_HEIGHT}Z", class_="chart-area"),
        element("path", d=line, class_="chart-line"),
        viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
        preserveAspectRatio="none",
        role="img",
        aria_label=said,
        focusable="false",
        class_="chart-spark series-1",
    )


def _y(value: float, most: float) -> float:
    """Return its height, with room for the line's own width."""
    return _HEIGHT - 1 - (_HEIGHT - 2) * (value / most if most > 0 else 0)
