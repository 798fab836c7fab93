"""Retention: a grid of who came back, a table whose cells are shaded by how many."""

from collections.abc import Sequence
from itertools import chain
from typing import Final, NamedTuple

from markupsafe import Markup

from analytex.console.charts.elements import element
from analytex.console.charts.figure import figure
from analytex.console.charts.numbers import counted, number, rate

MOST_TITLES: Final = 500  # cells that have a hover value each
SHADES: Final = 8  #: classes `shade-1` to `shade-8`, and `shade-0` of nobody (static/charts.css)


class Row(NamedTuple):
    """Those who began in one bucket, or all together."""

    name: str
    size: int
    rates: Sequence[float | None]  #: from the bucket itself on; shorter than others: not over yet
    counts: Sequence[int] = ()  #: for the hover values


def retention(
    rows: Sequence[Row], *, id: str, title: str, period: str, unit: str, whole: Row | None = None
) -> Markup:
    """Return the grid; `period` is what a column is (`day`), `whole` a row of all together."""
    columns = max((len(row.rates) for row in chain(rows, [whole] if whole else [])), default=0)
    heads = [
        element("th", "Began", scope="col"),
        element("th", unit.capitalize(), scope="col", class_="chart-right"),
        *(
            element("th", f"{period.capitalize()} {place}", scope="col", class_="chart-right")
            for place in range(columns)
        ),
    ]
    titles = sum(len(row.rates) for row in rows) <= MOST_TITLES
    body = [_row(row, columns, unit, period if titles else "") for row in rows]
    if whole:
        body.insert(0, _row(whole, columns, unit, "", classes="chart-whole"))
    grid = element(
        "table",
        element("thead", element("tr", *heads)),
        element("tbody", *body),
        aria_labelledby=f"{id}-caption",
        class_="chart-retention",
    )
    # It may be wider than its place, and is then moved with the arrow keys.
    scroll = element(
        "div", grid, class_="chart-scroll", tabindex="0", role="region", aria_label=title
    )
    return figure(scroll, id=id, title=title, kind="retention")


def shade(part: float | None) -> str:
    """Return the class of a cell: the stronger the more came back, in steps of the same size."""
    if not part:
        return "shade-0"
    return f"shade-{min(int(part * SHADES) + 1, SHADES)}"


def _row(row: Row, columns: int, unit: str, period: str, classes: str | None = None) -> Markup:
    """Return a row; without a `period` its cells have no hover values."""
    cells = [
        element("th", row.name, scope="row"),
        element("td", number(row.size), class_="chart-right"),
    ]
    for place, part in enumerate(row.rates):
        title = None
        if period:
            count = f"{number(row.counts[place])} of " if place < len(row.counts) else ""
            title = f"{row.name}, {period} {place}: {count}{counted(row.size, unit)}"
        cells.append(element("td", rate(part), class_=shade(part), title=title))
    if (rest := columns - len(row.rates)) > 0:
        cells.append(element("td", colspan=rest))
    return element("tr", *cells, class_=classes)
