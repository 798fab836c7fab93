"""What every chart promises: it is escaped, without style or script, and says its numbers."""

import json
import re
from datetime import date
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import pytest
from markupsafe import Markup, escape

from analytex.console.charts import (
    Kind,
    Ranked,
    Row,
    Series,
    Step,
    calendar,
    funnel,
    over_time,
    ranked,
    retention,
    sparkline,
)
from analytex.console.charts.times import DAY, HOUR

UTC = ZoneInfo("UTC")
HOSTILE = '<script>alert("1")</script>\'&\x00\u202e'
EDGES = [1_761_955_200_000_000 + place * DAY for place in range(8)]  # from Sat 1 Nov 2025


def lines(**given: object) -> Markup:
    series = [Series("Signed up", [1, 2, 3, 0, 5, 6, 7]), Series(HOSTILE, [4] * 7)]
    some: dict[str, object] = {"id": "c", "title": HOSTILE, "unit": "events", "zone": UTC}
    return over_time(EDGES, series, **{**some, **given})  # type: ignore[arg-type]


CHARTS = {
    "lines": lines(),
    "area": lines(kind=Kind.AREA, now=EDGES[4] + HOUR),
    "bars": lines(kind=Kind.BARS, now=EDGES[6]),
    "one bucket": over_time(
        EDGES[:2], [Series(HOSTILE, [3])], id="c", title=HOSTILE, unit="users", zone=UTC
    ),
    "no series": over_time(EDGES, [], id="c", title=HOSTILE, unit="users", zone=UTC),
    "ranked": ranked(
        [Ranked(HOSTILE, 3, link=f"/?{HOSTILE}", more=[HOSTILE]), Ranked("", 0)],
        id="c",
        title=HOSTILE,
        name="Event",
        unit="Events",
        more=["Users"],
    ),
    "funnel": funnel(
        [Step(HOSTILE, 10), Step("b", 4, 60.0), Step("c", 0), Step("d", 0)],
        id="c",
        title=HOSTILE,
        unit="users",
    ),
    "retention": retention(
        [Row(HOSTILE, 10, [1.0, 0.4], [10, 4]), Row("b", 0, [None])],
        id="c",
        title=HOSTILE,
        period="day",
        unit="users",
        whole=Row("All", 10, [1.0, 0.4]),
    ),
    "calendar": calendar(
        {date(2025, 11, 3): 5}, until=date(2025, 11, 20), weeks=53, id="c", title=HOSTILE, unit="x"
    ),
    "sparkline": sparkline([1, 2, 3], text=HOSTILE),
}


@pytest.fixture(params=CHARTS, ids=str)
def chart(request: pytest.FixtureRequest) -> Markup:
    return CHARTS[request.param]


def parsed(chart: Markup) -> ElementTree.Element:
    return ElementTree.fromstring(str(chart))  # noqa: S314  # our own


def test_a_chart_is_well_formed_and_what_it_is_given_is_text(chart: Markup) -> None:
    """A user may call an event anything, and somebody will."""
    tree = parsed(chart)

    assert not list(tree.iter("script"))
    assert HOSTILE[:20] in "".join(tree.itertext()) + "".join(
        value for each in tree.iter() for value in each.attrib.values()
    )


def test_a_chart_has_neither_style_nor_script(chart: Markup) -> None:
    """The console's Content-Security-Policy would leave them out."""
    for each in parsed(chart).iter():
        assert each.tag not in ("style", "script", "foreignObject")
        assert not [name for name in each.attrib if name == "style" or name.startswith("on")]


def test_ids_are_unique_and_what_names_a_picture_is_there(chart: Markup) -> None:
    """A screen reader says what `aria-labelledby` points to."""
    tree = parsed(chart)
    ids = [each.attrib["id"] for each in tree.iter() if "id" in each.attrib]

    assert len(ids) == len(set(ids))
    for each in tree.iter():
        assert set(each.attrib.get("aria-labelledby", "").split()) <= set(ids)
        if each.attrib.get("role") == "img":
            assert "aria-labelledby" in each.attrib or each.attrib.get("aria-label")


def test_every_number_of_a_line_is_in_its_table() -> None:
    """Who cannot see the picture reads the same, newest first."""
    rows = [[cell.text for cell in row] for row in parsed(CHARTS["lines"]).iter("tr")]

    assert rows[1] == ["Fri 7 Nov 2025", "7", "4"]
    assert rows[-1] == ["Sat 1 Nov 2025", "1", "4"]
    assert len(rows) == 8


def test_hover_values_are_there_without_script() -> None:
    """Each band has a title; charts.js reads the same numbers."""
    tree = parsed(CHARTS["lines"])
    titles = [each.text or "" for each in tree.iter("title")]
    data = json.loads(
        next(each.attrib["data-hover"] for each in tree.iter() if "data-hover" in each.attrib)
    )

    assert "Sat 1 Nov 2025\nSigned up: 1 event\n" in titles[1] + "\n"
    assert data["series"][0] == ["Signed up", "series-1", [1, 2, 3, 0, 5, 6, 7]]
    assert data["labels"].split("\n")[0] == "Sat 1 Nov 2025"


def test_what_is_still_to_come_is_not_drawn_as_nothing() -> None:
    """Hours that are not there yet would look like a failure."""
    chart = lines(now=EDGES[4] + HOUR)

    assert "Wed 5 Nov 2025 (unfinished)" in chart
    assert "Thu 6 Nov 2025" not in chart
    assert "chart-unfinished" in chart


def test_bars_stand_on_each_other() -> None:
    """The axis of stacked bars reaches the sum."""
    data = re.search(r'data-hover="([^"]*)"', CHARTS["bars"])
    assert data is not None
    most = json.loads(Markup(data[1]).unescape())["most"]  # noqa: S704

    assert most >= 11
    assert "M11 " in CHARTS["bars"]


def test_a_chart_with_many_buckets_stays_small() -> None:
    """A page has 150 kB; half a year of hours of ten series has more numbers than anybody reads."""
    edges = [EDGES[0] + place * HOUR for place in range(745)]
    series = [Series(f"series {place}", [place * 1000] * 744) for place in range(10)]
    chart = over_time(edges, series, id="c", title="x", unit="events", zone=UTC)

    assert len(chart) < 130_000
    assert "The newest 90 of 744 rows." in chart


def test_a_bar_is_as_long_as_its_part() -> None:
    """The first of a list fills its place."""
    widths = [
        each.attrib["width"]
        for each in parsed(
            ranked([Ranked("a", 8), Ranked("b", 2)], id="c", title="", name="", unit="")
        ).iter("rect")
        if each.attrib["class"] == "chart-bar"
    ]

    assert widths == ["100%", "25%"]


def test_a_funnel_reads_as_text() -> None:
    """The numbers of a step, and who left before it."""
    text = " ".join(parsed(CHARTS["funnel"]).itertext())

    assert "4 users 40%" in text
    assert "40% went on, 6 (60%) did not; half of them within 1 min" in text
    assert "nobody was left to go on" in text


def test_a_retention_grid_shows_each_rate_and_shades_it() -> None:
    """The shade repeats the number and never stands for it."""
    grid = CHARTS["retention"]

    assert f'<td class="shade-4" title="{escape(HOSTILE[:8])}' in grid
    assert ">40%</td>" in grid
    assert "day 1: 4 of 10 users" in grid


def test_a_calendar_has_a_cell_for_each_day_up_to_the_last() -> None:
    """Days to come are not days without activity."""
    tree = parsed(CHARTS["calendar"])
    titles = [each.find("title") for each in tree.iter("rect")]

    assert len(titles) == 52 * 7 + 4
    assert "Mon 3 Nov 2025: 5 x" in [each.text for each in titles if each is not None]
    assert "Thu 20 Nov 2025: 0 x" in [each.text for each in titles if each is not None]
    assert len(str(CHARTS["calendar"])) < 75_000
