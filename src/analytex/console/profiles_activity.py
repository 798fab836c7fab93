"""How active a user or company was: a picture of the days of a year, and numbers."""

import time
from datetime import datetime
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from markupsafe import Markup

from analytex.console.charts import calendar
from analytex.console.charts.calendar import QUARTER, YEAR
from analytex.console.event_names import last_days
from analytex.console.profiles import COMPANIES, Words
from analytex.console.profiles_shown import by_day
from analytex.query.insights.asked import Condition, Op, Owner, Property, Selection, Top, Trends
from analytex.query.insights.questions import Insights

DAYS: Final = 7 * YEAR


class Activity(NamedTuple):
    """How active somebody was; the numbers are of 12 months."""

    year: Markup
    quarter: Markup  #: the end of it, where there is no room for a year
    events: int
    days: int  #: with at least one
    users: int  #: of a company
    problem: str


async def activity(
    insights: Insights, environment: int, words: Words, id: str, zone: ZoneInfo
) -> Activity:
    """Return how active a user or company was. Raises TooSlow, TooLarge and Unavailable."""
    owner = Property(Owner.FIELD, f"{words.one}_id")
    chosen = Selection(where=[Condition(owner, Op.EQ, [id])])
    days = last_days(zone, days=DAYS)
    trend = await insights.trends(environment, Trends(days, chosen))
    users = 0
    if words is COMPANIES:
        whole = Top(days.since, days.until, events=chosen, limit=1)
        users = (await insights.top(environment, whole)).total.users
    year, quarter = (
        calendar(
            by_day(trend.counts, days.edges, zone),
            until=datetime.fromtimestamp(time.time(), zone).date(),
            weeks=weeks,
            id=id_of_it,
            title=f"Tracked events and page views, {length}",
            unit="events",
        )
        for weeks, id_of_it, length in (
            (YEAR, "year", "12 months"),
            (QUARTER, "quarter", "3 months"),
        )
    )
    active = sum(1 for count in trend.counts if count)
    return Activity(year, quarter, sum(trend.counts), active, users, "")
