"""What charts of several numbers stand in: a caption, a legend, and the numbers as a table."""

from collections.abc import Iterable, Sequence
from typing import Final

from markupsafe import Markup

from analytex.console.charts.elements import element, joined, shown

COLOURS: Final = 8  #: how many series have a colour of their own (`static/charts.css`)
OTHERS: Final = "series-other"


def colour(place: int, *, muted: bool = False) -> str:
    """Return the class of the series at a place, from 0 on."""
    return f"series-{place + 1}" if place < COLOURS and not muted else OTHERS


def figure(
    *parts: Markup, id: str, title: str, kind: str, **attributes: str | float | None
) -> Markup:
    """Return a chart's figure; the title is its caption."""
    caption = element("figcaption", title, id=f"{id}-caption")
    return element("figure", caption, *parts, id=id, class_=f"chart kind-{kind}", **attributes)


def picture(*parts: Markup, id: str, title: str, text: str, **attributes: str | float) -> Markup:
    """Return the SVG of a chart; the text says in a sentence what is to be seen."""
    return element(
        "svg",
        element("title", title, id=f"{id}-title"),
        element("desc", text, id=f"{id}-desc"),
        *parts,
        role="img",
        aria_labelledby=f"{id}-title {id}-desc",
        focusable="false",
        **attributes,
    )


def legend(names: Iterable[tuple[str, str, str]]) -> Markup:
    """Return a legend of names, their classes, and what they amount to."""
    return element(
        "ul",
        *(
            element(
                "li",
                element("span", class_=f"chart-key {classes}"),
                element("span", shown(name, at_most=40), class_="chart-name"),
                element("b", total),
            )
            for name, classes, total in names
        ),
        class_="chart-legend",
    )


def table(
    caption: str,
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    note: str = "",
    summary: str = "Show as a table",
) -> Markup:
    """Return a table to unfold; of each row, the first cell is its heading."""
    body = joined(
        *(
            element(
                "tr",
                element("th", row[0], scope="row"),
                *(element("td", cell) for cell in row[1:]),
            )
            for row in rows
        )
    )
    heads = joined(*(element("th", shown(name, at_most=40), scope="col") for name in head))
    inner = element(
        "table",
        element("caption", caption),
        element("thead", element("tr", heads)),
        element("tbody", body),
    )
    # It may be wider than the page, and is then moved with the arrow keys.
    scroll = element(
        "div", inner, class_="chart-scroll", tabindex="0", role="region", aria_label=caption
    )
    after = element("p", note, class_="chart-note") if note else Markup("")
    return element("details", element("summary", summary), scroll, after, class_="chart-table")
