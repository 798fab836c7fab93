"""Activity of days: a column for each week, Monday on top, shaded by how much there was."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Final

from markupsafe import Markup

from analytex.console.charts.elements import element, percent
from analytex.console.charts.figure import figure, picture, table
from analytex.console.charts.numbers import counted, number

LEVELS: Final = 4  #: classes `level-1` to `level-4`, and `level-0` of nothing
QUARTER: Final = 13  # weeks
YEAR: Final = 53
_CELL: Final = 12
_INSIDE: Final = 10


def calendar(
    counts: Mapping[date, int], *, until: date, weeks: int, id: str, title: str, unit: str
) -> Markup:
    """Return the weeks that end with that of the day `until`; a day not in `counts` has 0."""
    start = until - timedelta(days=until.weekday() + 7 * (weeks - 1))
    days = [start + timedelta(days=place) for place in range((until - start).days + 1)]
    most = max((counts.get(day, 0) for day in days), default=0)
    total = sum(counts.get(day, 0) for day in days)
    active = sum(counts.get(day, 0) > 0 for day in days)
    text = (
        f"{counted(total, unit)} on {active} of {len(days)} days, at most {number(most)} a day; a "
        "column for each week, Monday on top. The same numbers are in the table below."
    )
    cells = [_day(day, place, counts.get(day, 0), most, unit) for place, day in enumerate(days)]
    return figure(
        _months(start, weeks),
        picture(
            *cells,
            id=id,
            title=title,
            text=text,
            viewBox=f"0 0 {weeks * _CELL} {7 * _CELL}",
            class_=f"chart-days weeks-{'year' if weeks > 26 else 'quarter'}",
        ),
        _by_week(counts, days, title, unit),
        id=id,
        title=title,
        kind="calendar",
    )


def level(count: int, most: int) -> int:
    """Return how strong a day is shaded: by the part of the strongest that it has."""
    return 0 if count <= 0 else min(-(-LEVELS * count // max(most, 1)), LEVELS)


def _day(day: date, place: int, count: int, most: int, unit: str) -> Markup:
    week, weekday = divmod(place, 7)
    return element(
        "rect",
        element("title", f"{day:%a} {day.day} {day:%b %Y}: {counted(count, unit)}"),
        x=week * _CELL + 1,
        y=weekday * _CELL + 1,
        width=_INSIDE,
        height=_INSIDE,
        rx="2",
        class_=f"level-{level(count, most)}",
    )


def _months(start: date, weeks: int) -> Markup:
    """Return a strip with the name of each month above the week in which it begins."""
    parts = []
    for week in range(weeks):
        last = start + timedelta(days=7 * week + 6)
        if last.day <= 7 and (week < weeks - 2 or weeks <= QUARTER):
            odd = " chart-wide" if weeks > 26 and last.month % 3 != 1 else ""
            parts.append(
                element(
                    "text",
                    f"{last:%b}",
                    x=percent(week / weeks),
                    y="12",
                    class_=f"chart-month{odd}",
                )
            )
    size = "year" if weeks > 26 else "quarter"
    return element(
        "svg",
        *parts,
        width="100%",
        height="16",
        aria_hidden="true",
        focusable="false",
        class_=f"chart-months weeks-{size}",
    )


def _by_week(counts: Mapping[date, int], days: Sequence[date], title: str, unit: str) -> Markup:
    rows = []
    for at in range(0, len(days), 7):
        week = days[at : at + 7]
        numbers = [number(counts.get(day, 0)) for day in week] + [""] * (7 - len(week))
        rows.append([f"{week[0].day} {week[0]:%b %Y}", *numbers])
    heads = ["Week of", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    return table(f"{title}: {unit} a day", heads, reversed(rows))
