"""Top lists: names with bars. The table is the chart, so that nothing needs to be told twice."""

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from analytex.console.charts.elements import element, percent, shown
from analytex.console.charts.figure import OTHERS
from analytex.console.charts.numbers import number


class Ranked(NamedTuple):
    """A row."""

    name: str
    value: float
    link: str = ""  #: where its name leads
    more: Sequence[str] = ()  #: further cells, as text
    muted: bool = False  #: all others together, for example


def ranked(
    rows: Sequence[Ranked],
    *,
    id: str,
    title: str,
    name: str,
    unit: str,
    more: Sequence[str] = (),
) -> Markup:
    """Return the list, in its order; `name`, `unit` and `more` are the headings of its columns."""
    most = max((row.value for row in rows), default=0)
    heads = [name, unit, *more]
    head = [
        element("th", text, scope="col", class_=None if place == 0 else "chart-right")
        for place, text in enumerate(heads)
    ]
    head.insert(1, element("td", class_="chart-bar-cell"))
    return element(
        "table",
        element("caption", title),
        element("thead", element("tr", *head)),
        element("tbody", *(_row(row, most) for row in rows)),
        id=id,
        class_=f"chart-ranked numbers-{1 + len(more)}",
    )


def _row(row: Ranked, most: float) -> Markup:
    text = shown(row.name)
    named = element("a", text, href=row.link) if row.link else element("span", text)
    return element(
        "tr",
        element("th", named, scope="row"),
        element(
            "td", bar(row.value / most if most > 0 else 0, muted=row.muted), class_="chart-bar-cell"
        ),
        element("td", number(row.value), class_="chart-right"),
        *(element("td", cell, class_="chart-right") for cell in row.more),
    )


def bar(part: float, *, muted: bool = False, height: int = 10) -> Markup:
    """Return a bar as long as a part of its place; what is more than nothing is seen."""
    part = min(max(part, 0.0), 1.0)
    if 0 < part < 0.005:
        part = 0.005
    return element(
        "svg",
        element("rect", width="100%", height=height, rx="2", class_="chart-track"),
        element("rect", width=percent(part), height=height, rx="2", class_="chart-bar"),
        width="100%",
        height=height,
        aria_hidden="true",
        focusable="false",
        class_=OTHERS if muted else "series-1",
    )
