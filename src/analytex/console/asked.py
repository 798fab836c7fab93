"""Questions from the parameters of an address, as the HTTP API reads them (http/insights.py).

Each raises BadRequest, which names the parameter that is wrong.
"""

from typing import Final
from zoneinfo import ZoneInfo

from analytex.http import insights as api
from analytex.http.asking import Parameters, event_name, wrong
from analytex.query.insights.asked import (
    ANY,
    Count,
    Funnel,
    Retention,
    Selection,
    Top,
    Trends,
    What,
)
from analytex.query.insights.spans import Interval

MOST_DRAWN: Final = 744  # buckets of a chart, fewer than of an answer in JSON: a month of hours


def trends(given: Parameters) -> tuple[ZoneInfo, Interval, Trends]:
    """Return the question, its time zone, and how long its buckets are."""
    zone = given.zone()
    interval = given.word("interval", Interval.DAY)
    asked = Trends(
        span=given.span(zone, interval, at_most=MOST_DRAWN),
        events=given.selection(),
        of=given.count(Count.EVENTS),
        by=given.property("by"),
        limit=given.whole("limit", api.DEFAULT_LIMIT, at_most=api.MOST_SERIES),
    )
    return zone, interval, asked


def funnel(given: Parameters) -> tuple[ZoneInfo, Funnel]:
    """Return the question and its time zone."""
    zone = given.zone()
    since, until = given.times(zone)
    asked = Funnel(
        since=since,
        until=until,
        steps=_steps(given),
        window=given.duration("window", api.DEFAULT_WINDOW, at_most_days=api.MOST_WINDOW_DAYS),
        of=given.count(Count.USERS),
    )
    return zone, asked


def retention(given: Parameters) -> tuple[ZoneInfo, Interval, Retention]:
    """Return the question, its time zone, and how long its buckets are."""
    zone = given.zone()
    intervals = (Interval.DAY, Interval.WEEK, Interval.MONTH)
    interval = given.word("interval", Interval.DAY, *intervals)
    first = given.event("start", ANY)
    where = given.where()
    asked = Retention(
        span=given.span(zone, interval, at_most=api.MOST_COHORTS),
        first=Selection([first], [*where, *given.where("where.start")]),
        back=Selection([given.event("return", first)], [*where, *given.where("where.return")]),
        of=given.count(Count.USERS),
    )
    return zone, interval, asked


def top(given: Parameters) -> Top:
    """Return the question."""
    by = given.property("by")
    what = given.word("what", What.EVENTS if by is None else What.VALUES)
    if (what is What.VALUES) != (by is not None):
        raise wrong("by", "The values of a property need it, and nothing else takes it.")
    since, until = given.times(given.zone())
    return Top(
        since=since,
        until=until,
        what=what,
        by=by,
        events=given.selection(),
        of=given.count(Count.EVENTS),
        limit=given.whole("limit", api.DEFAULT_LIMIT, at_most=api.MOST_ITEMS),
    )


def _steps(given: Parameters) -> list[Selection]:
    """Return the steps of a funnel. Raises BadRequest."""
    names = given.many("step", at_most=api.MOST_STEPS)
    if len(names) < 2:
        raise wrong("step", f"A funnel has 2 to {api.MOST_STEPS} steps.")
    where = given.where()
    some = [given.where(name) for name in api.STEP_WHERE]
    for name, conditions in zip(api.STEP_WHERE[len(names) :], some[len(names) :], strict=True):
        if conditions:
            raise wrong(name, f"There are only {len(names)} steps.")
    return [
        Selection([event_name("step", name)], [*where, *conditions])
        for name, conditions in zip(names, some, strict=False)
    ]
