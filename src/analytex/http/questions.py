"""Questions of insights from the parameters of an address: their names, limits and defaults.

The API and the console read them here. Each function raises BadRequest, which names the parameter
that is wrong.
"""

from typing import Final
from zoneinfo import ZoneInfo

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

MOST_BUCKETS: Final = 1200  # three years of days, fifty days of hours
MOST_COHORTS: Final = 100
MOST_STEPS: Final = 10
MOST_SERIES: Final = 50
MOST_ITEMS: Final = 1000
MOST_WINDOW_DAYS: Final = 366
DEFAULT_LIMIT: Final = 10
DEFAULT_WINDOW: Final = "7d"

_TIMES: Final = ("from", "to", "tz")
TRENDS: Final = ("event", "where", *_TIMES, "interval", "count", "by", "limit")
STEP_WHERE: Final = tuple(f"where.{step}" for step in range(1, MOST_STEPS + 1))
FUNNEL: Final = ("step", "window", "where", *STEP_WHERE, *_TIMES, "count")
RETENTION: Final = (
    *("start", "return", "where", "where.start", "where.return", *_TIMES, "interval", "count"),
)
TOP: Final = ("what", "by", "event", "where", *_TIMES, "count", "limit")


def trends(given: Parameters, *, at_most: int = MOST_BUCKETS) -> tuple[ZoneInfo, Interval, Trends]:
    """Return the question, its time zone, and how long its buckets are: `at_most` so many."""
    zone = given.zone()
    interval = given.word("interval", Interval.DAY)
    asked = Trends(
        span=given.span(zone, interval, at_most=at_most),
        events=given.selection(),
        of=given.count(Count.EVENTS),
        by=given.property("by"),
        limit=given.whole("limit", DEFAULT_LIMIT, at_most=MOST_SERIES),
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
        window=given.duration("window", DEFAULT_WINDOW, at_most_days=MOST_WINDOW_DAYS),
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
        span=given.span(zone, interval, at_most=MOST_COHORTS),
        first=Selection([first], [*where, *given.where("where.start")]),
        back=Selection([given.event("return", first)], [*where, *given.where("where.return")]),
        of=given.count(Count.USERS),
    )
    return zone, interval, asked


def top(given: Parameters) -> tuple[ZoneInfo, Top]:
    """Return the question and its time zone."""
    zone = given.zone()
    by = given.property("by")
    what = given.word("what", What.EVENTS if by is None else What.VALUES)
    if (what is What.VALUES) != (by is not None):
        details = "It goes with `what=values`, which needs it: the property to look at."
        raise wrong("by", details)
    since, until = given.times(zone)
    asked = Top(
        since=since,
        until=until,
        what=what,
        by=by,
        events=given.selection(),
        of=given.count(Count.EVENTS),
        limit=given.whole("limit", DEFAULT_LIMIT, at_most=MOST_ITEMS),
    )
    return zone, asked


def _steps(given: Parameters) -> list[Selection]:
    names = given.many("step", at_most=MOST_STEPS)
    if len(names) < 2:
        raise wrong("step", f"A funnel has 2 to {MOST_STEPS} steps, each a `step` of its own.")
    where = given.where()
    some = [given.where(name) for name in STEP_WHERE]
    for name, conditions in zip(STEP_WHERE[len(names) :], some[len(names) :], strict=True):
        if conditions:
            raise wrong(name, f"There are only {len(names)} steps.")
    return [
        Selection([event_name("step", name)], [*where, *conditions])
        for name, conditions in zip(names, some, strict=False)
    ]
