"""Numbers over time: lines, areas, or stacked bars, of one series or several.

The picture is as wide as its place, and text keeps its size: places along the axis of time are
percentages, and only what has no text (lines, areas, bars) is stretched. Each bucket is a band of
the same width, whatever clocks did; a point stands in the middle of its band.
"""

import json
from bisect import bisect_right
from collections.abc import Sequence
from typing import Final
from zoneinfo import ZoneInfo

from markupsafe import Markup

from analytex.console.charts.elements import element, joined, percent, shown
from analytex.console.charts.figure import colour, figure, legend, picture, table
from analytex.console.charts.numbers import compact, counted, number
from analytex.console.charts.scales import number_ticks
from analytex.console.charts.shapes import (
    BAND,
    HIGH,
    TOP,
    Kind,
    Plot,
    Series,
    bars,
    lines,
    lone_points,
)
from analytex.console.charts.times import bucket_text, grain, time_ticks

FOOT: Final = 26  # CSS pixels below the plot, for the times
MOST_TITLES: Final = 200  # buckets that have a hover value without script
MOST_CELLS: Final = 1000  # of the table: about 20 kB
WIDE_TICKS: Final = 8
NARROW_TICKS: Final = 4


def over_time(
    edges: Sequence[int],
    series: Sequence[Series],
    *,
    id: str,
    title: str,
    unit: str,
    zone: ZoneInfo,
    kind: Kind = Kind.LINES,
    now: int | None = None,
    height: int = 240,
    whole: bool = True,
) -> Markup:
    """Return the chart of some series, with its table.

    `edges` are where each bucket begins, and the end, in microseconds since 1970-01-01 UTC; the
    bucket that has `now` in it is drawn as unfinished, those behind it not at all. `unit` says what
    is counted (`events`).
    """
    buckets = len(edges) - 1
    drawn = buckets if now is None else min(max(bisect_right(edges, now), 1), buckets)
    unfinished = now is not None and edges[drawn - 1] <= now < edges[drawn]
    most = _most(series, drawn, stacked=kind is Kind.BARS)
    ticks = number_ticks(most, whole=whole)
    plot = Plot(series, buckets, drawn, ticks, height - TOP - FOOT)
    size = grain(edges)
    labels = [bucket_text(at, size, zone) for at in edges[:drawn]]
    if unfinished:
        labels[-1] += " (unfinished)"
    shapes = bars(plot, unfinished) if kind is Kind.BARS else lines(plot, kind, unfinished)
    svg = picture(
        _axis(plot),
        _times(plot, edges, zone, height),
        element(
            "svg",
            shapes,
            x="0",
            y=TOP,
            width="100%",
            height=plot.height,
            viewBox=f"0 0 {BAND * buckets} {HIGH}",
            preserveAspectRatio="none",
            class_="chart-shapes",
        ),
        lone_points(plot) if kind is not Kind.BARS else Markup(""),
        _bands(plot, labels, unit),
        id=id,
        title=title,
        text=_description(series, labels, drawn, unit),
        width="100%",
        height=height,
    )
    named = len(series) > 1
    return figure(
        legend(_keys(series)) if named else Markup(""),
        element(
            "div",
            svg,
            element("span", unit, class_="chart-unit", aria_hidden="true"),
            class_="chart-plot",
            data_hover=_hover(plot, labels, unit, stacked=kind is Kind.BARS),
        ),
        _table(series, labels, title, unit),
        id=id,
        title=title,
        kind=kind,
    )


def _most(series: Sequence[Series], drawn: int, *, stacked: bool) -> float:
    columns = zip(*(each.values[:drawn] for each in series), strict=True)
    return max((sum(column) if stacked else max(column) for column in columns), default=0)


def _axis(plot: Plot) -> Markup:
    """Return the lines across, and what they stand for."""
    parts = []
    for tick in plot.ticks:
        y = plot.pixel(tick)
        kind = "chart-grid" if tick else "chart-base"
        parts.append(element("line", x1="0", x2="100%", y1=y, y2=y, class_=kind))
        parts.append(element("text", compact(tick), x="-8", y=y + 4, class_="chart-number"))
    return element("g", *parts, aria_hidden="true")


def _times(plot: Plot, edges: Sequence[int], zone: ZoneInfo, height: int) -> Markup:
    """Return the times below, once for a wide place and once for a narrow one (charts.css)."""
    groups = []
    for kind, at_most in (("wide", WIDE_TICKS), ("narrow", NARROW_TICKS)):
        parts = []
        for at, text in time_ticks(edges[0], edges[-1], zone, at_most=at_most):
            x = percent(_place(at, edges))
            foot = height - FOOT
            parts.append(element("line", x1=x, x2=x, y1=foot, y2=foot + 4, class_="chart-base"))
            parts.append(element("text", text, x=x, y=height - 6, class_="chart-time"))
        groups.append(element("g", *parts, class_=f"chart-{kind}", aria_hidden="true"))
    return joined(*groups)


def _place(at: int, edges: Sequence[int]) -> float:
    """Return where a moment stands, as a part of the width.

    One at which a bucket begins stands where its point does; another, where it is in its band.
    """
    band = bisect_right(edges, at) - 1
    begin, end = edges[band], edges[band + 1]
    within = 0.5 if at == begin else (at - begin) / (end - begin)
    return (band + within) / (len(edges) - 1)


def _bands(plot: Plot, labels: Sequence[str], unit: str) -> Markup:
    """Return what shows the values of a band under the pointer where no script runs."""
    if plot.drawn > MOST_TITLES:
        return Markup("")
    found = []
    for band, label in enumerate(labels):
        lines = [label]
        for each in plot.series[:12]:
            name = f"{shown(each.name, at_most=40)}: " if len(plot.series) > 1 else ""
            lines.append(f"{name}{counted(each.values[band], unit)}")
        found.append(
            element(
                "rect",
                element("title", "\n".join(lines)),
                x=percent(band / plot.buckets),
                y=TOP,
                width=percent(1 / plot.buckets),
                height=plot.height,
            )
        )
    return element("g", *found, class_="chart-bands")


def _hover(plot: Plot, labels: Sequence[str], unit: str, *, stacked: bool) -> str:
    """Return what charts.js shows under the pointer."""
    return json.dumps(
        {
            "buckets": plot.buckets,
            "labels": "\n".join(labels),
            "unit": unit,
            "top": TOP,
            "height": plot.height,
            "most": plot.ticks[-1],
            "stacked": stacked,
            "series": [
                [
                    shown(each.name, at_most=40),
                    colour(place, muted=each.muted),
                    list(each.values[: plot.drawn]),
                ]
                for place, each in enumerate(plot.series)
            ],
        },
        ensure_ascii=False,
        separators=(",", ":"),
    )


def _keys(series: Sequence[Series]) -> list[tuple[str, str, str]]:
    return [
        (each.name, colour(place, muted=each.muted), each.total)
        for place, each in enumerate(series)
    ]


def _description(series: Sequence[Series], labels: Sequence[str], drawn: int, unit: str) -> str:
    """Return in a sentence what is to be seen."""
    if not series or not labels:
        return "There is nothing to show."
    what = f"{len(series)} series" if len(series) > 1 else "One series"
    values = series[0].values[:drawn]
    most = max(values)
    most_of = f" of {shown(series[0].name, at_most=40)}" if len(series) > 1 else ""
    at = labels[list(values).index(most)]
    return (
        f"{what} of {unit} from {labels[0]} to {labels[-1]}. The highest value{most_of} is "
        f"{number(most)}, {at}. The same numbers are in the table below."
    )


def _table(series: Sequence[Series], labels: Sequence[str], title: str, unit: str) -> Markup:
    """Return the numbers, newest first, as many as a page has room for."""
    most = max(MOST_CELLS // (len(series) + 1), 10)
    bands = range(len(labels) - 1, max(len(labels) - 1 - most, -1), -1)
    note = ""
    if len(labels) > most:
        note = f"The newest {most:,} of {len(labels):,} rows."
    heads = [each.name for each in series] if len(series) > 1 else [unit]
    return table(
        title,
        ["Time", *heads],
        ([labels[band], *(number(each.values[band]) for each in series)] for band in bands),
        note=note,
    )
