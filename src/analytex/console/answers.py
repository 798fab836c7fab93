"""Questions of the console: asked as the HTTP API asks them, answered as a chart and as rows."""

import json
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from markupsafe import Markup

from analytex.console.charts import Kind, Ranked, Row, Series, Step, funnel, over_time
from analytex.console.charts import ranked as top_list
from analytex.console.charts import retention as retention_grid
from analytex.console.charts.elements import shown
from analytex.console.charts.numbers import counted, duration, number, rate, unit_of
from analytex.console.charts.times import bucket_text, grain
from analytex.console.tables import Cells
from analytex.http import insights as api
from analytex.http import questions
from analytex.http.asking import Parameters
from analytex.query.insights.answers import Cohort, TrendsAnswer
from analytex.query.insights.asked import (
    ANY,
    Count,
    Owner,
    Property,
    Retention,
    Selection,
    Trends,
    What,
)
from analytex.query.insights.questions import Insights
from analytex.query.insights.spans import Interval, local_text

MOST_BUCKETS: Final = 744  # of a chart, fewer than of an answer in JSON: a month of hours
MOST_BARS: Final = 200  # bars are drawn of so many; of more, lines
MOST_SERIES: Final = 12  # are drawn; the file has all
MOST_POINTS: Final = 6000  # of all series together: about 70 kB
MOST_ROWS: Final = 120  # of a top list
MOST_COHORTS: Final = 45  # are shown: a grid of a thousand cells
NO_VALUE: Final = "(no value)"
OTHERS: Final = "(all others)"

EVENT_NAME: Final = Property(Owner.FIELD, "event_name")


class Answer(NamedTuple):
    """What a page shows of an answer."""

    chart: Markup
    head: Sequence[str]  #: of the file
    rows: Sequence[Cells]
    said: Sequence[tuple[str, str]] = ()  #: numbers that stand for themselves, and what they are
    note: str = ""
    empty: bool = False  #: nothing was found


async def trends(insights: Insights, environment_id: int, given: Parameters, chart: str) -> Answer:
    """Ask for trends. Raises BadRequest and what `Insights` raises; so do all others."""
    zone, interval, asked = questions.trends(given, at_most=MOST_BUCKETS)
    found = await insights.trends(environment_id, asked)
    series = [
        Series(
            _series_name(each.value, each.is_other, asked),
            each.counts,
            number(each.total),
            muted=each.is_other,
        )
        for each in found.series
    ]
    room = min(MOST_SERIES, MOST_POINTS // asked.span.buckets)
    title = f"{asked.of.capitalize()} a {interval}"
    if asked.by is not None:
        title += f", by {shown(str(asked.by), at_most=60)}"
    drawn = over_time(
        asked.span.edges,
        series[:room],
        id="answer",
        title=title,
        unit=asked.of,
        zone=zone,
        kind=_kind(chart, len(series), asked.span.buckets),
        now=_now(),
        height=300,
    )
    note = ""
    if asked.of is not Count.EVENTS:
        note = f"{asked.of.capitalize()} seen in several {interval}s count once in all. "
    if len(series) > room:
        note += f"The largest {room} of {len(series)} series are drawn; the file has all."
    rows: list[Cells] = [
        [local_text(edge, zone), *(each.values[place] for each in series)]
        for place, edge in enumerate(asked.span.edges[:-1])
    ]
    head = ["time", *(each.name for each in series)]
    said = _said_of_trends(asked, found, interval)
    return Answer(drawn, head, rows, said, note, empty=not found.total)


def _kind(chart: str, series: int, buckets: int) -> Kind:
    if chart == "bars" and buckets <= MOST_BARS:
        return Kind.BARS
    return Kind.LINES if series > 1 else Kind.AREA


def _said_of_trends(
    asked: Trends, found: TrendsAnswer, interval: Interval
) -> list[tuple[str, str]]:
    said = [(number(found.total), f"{unit_of(found.total, asked.of)} in all")]
    if asked.of is Count.EVENTS:
        begun = sum(edge <= _now() for edge in asked.span.edges[:-1])
        mean = round(found.total / max(begun, 1), 1)
        said.append((number(mean), f"a {interval} on average"))
    if found.others:
        said.append(
            (number(found.others), f"more {unit_of(found.others, 'values')}, in “all others”")
        )
    return said


async def funnels(insights: Insights, environment_id: int, given: Parameters, chart: str) -> Answer:
    """Ask for a funnel."""
    zone, asked = questions.funnel(given)
    reply = api.funnel_reply(asked, await insights.funnel(environment_id, asked), zone)
    drawn = funnel(
        [
            Step(
                f"{each.event} ({_conditions(step)})" if step.where else each.event,
                each.count,
                each.median_step_time,
            )
            for each, step in zip(reply.steps, asked.steps, strict=True)
        ],
        id="answer",
        title=f"From {shown(reply.steps[0].event)} to {shown(reply.steps[-1].event)}",
        unit=asked.of,
    )
    last = reply.steps[-1]
    said = [
        (rate(reply.conversion), "took all steps"),
        (number(last.count), f"of {counted(reply.steps[0].count, asked.of)}"),
        (duration(last.median_time), "from first to last step, half of them"),
    ]
    head = ["step", "event", asked.of, "conversion", "step_conversion"]
    head += ["median_time_s", "median_step_time_s"]
    rows: list[Cells] = [
        [
            *(each.step, each.event, each.count, each.conversion, each.step_conversion),
            *(each.median_time, each.median_step_time),
        ]
        for each in reply.steps
    ]
    note = f"All steps within {duration(reply.window)}, in this order."
    return Answer(drawn, head, rows, said, note, empty=not reply.steps[0].count)


async def retention(
    insights: Insights, environment_id: int, given: Parameters, chart: str
) -> Answer:
    """Ask for retention."""
    zone, interval, asked = questions.retention(given)
    answer = await insights.retention(environment_id, asked)
    reply = api.retention_reply(asked, answer, zone, interval)
    now = _now()
    begun = sum(edge <= now for edge in asked.span.edges[:-1])
    room = min(begun, MOST_COHORTS)
    drawn = retention_grid(
        _cohorts(asked, answer, begun, zone)[begun - room :],
        id="answer",
        title=f"{asked.of.capitalize()} who came back, by the {interval} in which they began",
        period=interval,
        unit=asked.of,
        whole=Row("All", reply.total, [period.rate for period in reply.periods[:room]]),
    )
    head = ["began", asked.of, *(f"{interval}_{place}" for place in range(len(answer)))]
    rows: list[Cells] = [
        [local_text(edge, zone), each.size, *each.returned]
        for edge, each in zip(asked.span.edges, answer, strict=False)
    ]
    said = [(number(reply.total), f"{unit_of(reply.total, asked.of)} began")]
    said += [
        (rate(period.rate), f"came back in {interval} {period.period}")
        for period in reply.periods[1 : min(begun, 3)]
    ]
    note = (
        f"How many of those who began with {_named(reply.first_event)} in a {interval} came back "
        f"with {_named(reply.return_event)} so many {interval}s later."
    )
    if begun > room:
        note += f" The newest {room} of {begun} {interval}s are shown; the file has all."
    if asked.span.until > now:
        note += f" The last {interval} of each row is not over yet."
    return Answer(drawn, head, rows, said, note, empty=not reply.total)


def _named(event: str) -> str:
    return "any event" if event == ANY else f"“{shown(event)}”"


def _cohorts(asked: Retention, answer: Sequence[Cohort], begun: int, zone: ZoneInfo) -> list[Row]:
    """Return a row for each bucket that has begun, up to the one that has not."""
    size = grain(asked.span.edges)
    to_come = len(answer) - begun
    found = []
    for edge, cohort in zip(asked.span.edges[:begun], answer, strict=False):
        counts = cohort.returned[: len(cohort.returned) - to_come]
        rates = [count / cohort.size if cohort.size else None for count in counts]
        name = bucket_text(edge, size, zone).removeprefix("week of ")
        found.append(Row(name, cohort.size, rates, counts))
    return found


async def top(insights: Insights, environment_id: int, given: Parameters, chart: str) -> Answer:
    """Ask for what there was most of."""
    _, asked = questions.top(given)
    by, what = asked.by, asked.what
    found = await insights.top(environment_id, asked)
    named = [(value_text(item.value), item) for item in found.items]
    if found.others:
        named.append((f"{OTHERS} ({number(found.others)})", found.other))
    order = [Count.EVENTS, Count.USERS, Count.COMPANIES]
    order.sort(key=lambda count: count is not asked.of)  # what is counted first
    drawn = top_list(
        [
            Ranked(
                name,
                getattr(item, order[0]),
                more=[number(getattr(item, count)) for count in order[1:]],
                muted=item is found.other,
            )
            for name, item in named[:MOST_ROWS]
        ],
        id="answer",
        title=f"Top {'values' if by is not None else what}, by {asked.of}",
        name={What.EVENTS: "Event", What.PROPERTIES: "Property", What.VALUES: "Value"}[what],
        unit=order[0].capitalize(),
        more=[count.capitalize() for count in order[1:]],
    )
    totals = [(getattr(found.total, count), count) for count in Count]
    said = [(number(total), unit_of(total, count)) for total, count in totals]
    rows: list[Cells] = [[name, item.events, item.users, item.companies] for name, item in named]
    head = ["value", *Count]
    note = ""
    if len(named) > MOST_ROWS:
        note = f"The first {MOST_ROWS} of {number(len(named))} rows; the file has all."
    return Answer(drawn, head, rows, said, note, empty=not found.total.events)


def value_text(value: Any) -> str:
    """Return how a property's value is shown; a text as it is."""
    if value is None:
        return NO_VALUE
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _series_name(value: Any, is_other: bool, asked: Trends) -> str:
    if asked.by is None:
        return str(asked.of)
    if is_other:
        return OTHERS
    if asked.by == EVENT_NAME and value == "":
        return "(page views)"
    return value_text(value)


def _conditions(step: Selection) -> str:
    return ", ".join(
        f"{each.property} {each.op} {','.join(each.values)}".rstrip() for each in step.where
    )


def _now() -> int:
    return time.time_ns() // 1000


Ask = Callable[[Insights, int, Parameters, str], Awaitable[Answer]]
