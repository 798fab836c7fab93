"""The shapes of numbers over time: lines, areas, stacked bars, in units of their own."""

from collections.abc import Sequence
from enum import StrEnum
from itertools import pairwise
from typing import Final, NamedTuple

from markupsafe import Markup

from analytex.console.charts.elements import element, joined, percent
from analytex.console.charts.figure import colour

TOP: Final = 12  # CSS pixels above the plot, for half a line of text
HIGH: Final = 1000  #: height of the plot in its own units
BAND: Final = 10  #: width of a band in them
MOST_GAPS: Final = 200  # bars that have gaps between them
_GAP: Final = 2  # between bars


class Kind(StrEnum):
    """How it is drawn."""

    LINES = "lines"
    AREA = "area"  #: one line and what is below it
    BARS = "bars"  #: stacked


class Series(NamedTuple):
    """One line, or one colour of the bars."""

    name: str
    values: Sequence[float]  #: one for each bucket, none below 0
    total: str = ""  #: shown in the legend
    muted: bool = False  #: grey: all others together, for example


class Plot(NamedTuple):
    """What the parts of one picture share."""

    series: Sequence[Series]
    buckets: int  #: bands; those of the future have no value drawn
    drawn: int  #: bands up to now
    ticks: Sequence[float]
    height: float  #: CSS pixels between the lowest and the highest tick

    def y(self, value: float) -> int:
        """Return where a value stands in the plot's own units, from the top."""
        return round(HIGH * (1 - value / self.ticks[-1]))

    def pixel(self, value: float) -> float:
        """Return where a value stands in CSS pixels."""
        return TOP + self.height * (1 - value / self.ticks[-1])


def lines(plot: Plot, kind: Kind, unfinished: bool) -> Markup:
    """Return a line for each series, the first above all others."""
    found = []
    for place, each in reversed(list(enumerate(plot.series))):
        ys = [plot.y(value) for value in each.values[: plot.drawn]]
        parts = []
        if kind is Kind.AREA and len(ys) > 1:
            right = BAND * (len(ys) - 1) + BAND // 2
            area = f"{_line(ys)}L{right} {HIGH}L{BAND // 2} {HIGH}Z"
            parts.append(element("path", d=area, class_="chart-area"))
        solid = ys[:-1] if unfinished else ys
        if len(solid) > 1:
            parts.append(element("path", d=_line(solid), class_="chart-line"))
        if unfinished and len(ys) > 1:
            line = _line(ys[-2:], first=len(ys) - 2)
            parts.append(element("path", d=line, class_="chart-line chart-unfinished"))
        found.append(element("g", *parts, class_=colour(place, muted=each.muted)))
    return joined(*found)


def _line(ys: Sequence[int], *, first: int = 0) -> str:
    """Return the path through points of neighbouring bands; steps are shorter than places."""
    steps = "".join(f"l{BAND} {after - before}" for before, after in pairwise(ys))
    return f"M{BAND * first + BAND // 2} {ys[0]}{steps}"


def lone_points(plot: Plot) -> Markup:
    """Return a dot for each series of a single bucket, which is no line."""
    if plot.drawn != 1:
        return Markup("")
    x = percent(0.5 / plot.buckets)
    return joined(
        *(
            element(
                "circle",
                cx=x,
                cy=plot.pixel(each.values[0]),
                r="4",
                class_=f"chart-dot {colour(place, muted=each.muted)}",
            )
            for place, each in enumerate(plot.series)
        )
    )


def bars(plot: Plot, unfinished: bool) -> Markup:
    """Return the bars of each series as one shape, on top of those of the series before."""
    gap = _GAP if plot.buckets <= MOST_GAPS else 0
    floors: list[float] = [0.0] * plot.drawn
    found = []
    for place, each in enumerate(plot.series):
        paths = ["", ""]
        for band, value in enumerate(each.values[: plot.drawn]):
            if value <= 0:
                continue
            low, high = plot.y(floors[band]), plot.y(floors[band] + value)
            floors[band] += value
            left, wide = BAND * band + gap // 2, BAND - gap
            last = unfinished and band == plot.drawn - 1
            paths[last] += f"M{left} {high}h{wide}V{low}h-{wide}z"
        classes = ("chart-bar", "chart-bar chart-unfinished")
        parts = [
            element("path", d=d, class_=kind) for d, kind in zip(paths, classes, strict=True) if d
        ]
        found.append(element("g", *parts, class_=colour(place, muted=each.muted)))
    return joined(*found)
