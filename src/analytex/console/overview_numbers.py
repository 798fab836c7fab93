"""The numbers of the overview: what happens now, and what there is in all."""

import asyncio
import time
from collections.abc import Sequence
from typing import Final, NamedTuple

from analytex.domain.catalogue import Section
from analytex.domain.environments import Scope
from analytex.domain.quarantine import Refused, RefusedFilter
from analytex.domain.times import SECOND
from analytex.http.deps import Deps
from analytex.observability.health import State
from analytex.query.insights.answers import TopAnswer
from analytex.query.insights.asked import SPECIAL, Selection, Top, Trends
from analytex.query.insights.spans import Span

KEEP_NOW_S: Final = 2.0
KEEP_TOTALS_S: Final = 4.0
KEEP_TIMES: Final = 20  # the overview takes a twentieth of a processor at most, whatever there is
TOP_EVENTS: Final = 8
TOP_DAYS: Final = 7
REFUSED_SHOWN: Final = 5

MINUTE: Final = 60 * SECOND
STEP: Final = 5  # minutes of a point of the chart
DAY: Final = 24 * 60  # minutes

EVERYTHING: Final = Selection(list(SPECIAL))


class Rates(NamedTuple):
    """Accepted calls and imported rows by their times. Moments: microseconds since 1970."""

    now: int
    edges: Sequence[int]  #: five minutes apart, a day in all; the last is behind `now`
    per_minute: Sequence[float]  #: on average in each
    minutes: Sequence[int]  #: of the last hour, how many in each; the last one is not over
    recent: float  #: a minute, on average of the last five
    day: int  #: in the last 24 hours
    day_before: int


class Now(NamedTuple):
    """What happens now."""

    rates: Rates
    state: State
    refused: Sequence[Refused]  #: the newest of the last 24 hours
    refused_count: int


class Totals(NamedTuple):
    """What there is in all; None where counting would take long."""

    users: int | None
    companies: int | None
    tracked: int  #: events, as far as the catalogue has counted
    names: int  #: different ones
    top: TopAnswer  #: of the last week
    data_bytes: int  #: of the data directory

    @property
    def is_new(self) -> bool:
        """Whether nothing ever came."""
        return not (self.users or self.companies or self.tracked or self.top.total.events)


async def happening(deps: Deps, scope: Scope) -> Now:
    """Return what happens now. Raises Unavailable."""
    now = time.time_ns() // 1000
    rates, refused = await asyncio.gather(
        _rates(deps, scope, now),
        deps.quarantine.find(
            scope,
            RefusedFilter(since=now - DAY * MINUTE),
            cursor=None,
            limit=REFUSED_SHOWN,
        ),
    )
    page = refused.page
    count = len(page.items) if page.total is None else page.total
    return Now(rates, deps.watch.state(), page.items, count)


async def totals(deps: Deps, scope: Scope) -> Totals:
    """Return what there is in all. Raises Unavailable."""
    now = time.time_ns() // 1000
    week = Top(now - TOP_DAYS * DAY * MINUTE, now + MINUTE, limit=TOP_EVENTS)
    users, companies, names, top, details = await asyncio.gather(
        deps.reads.users(scope.environment_id, cursor=None, limit=1),
        deps.reads.companies(scope.environment_id, cursor=None, limit=1),
        deps.lookups.find(scope.environment_id, Section.EVENT),
        deps.insights.top(scope.environment_id, week),
        deps.watch.details(),
    )
    return Totals(
        users.total,
        companies.total,
        sum(entry.count for _, entry in names.entries),
        len(names.entries),
        top,
        sum(details.files.values()),
    )


async def _rates(deps: Deps, scope: Scope, now: int) -> Rates:
    """Ask once, for each minute of a day, and for the day before as one."""
    step = STEP * MINUTE
    end = (now // step + 1) * step
    start = end - DAY * MINUTE
    edges = [start - DAY * MINUTE, *range(start, end + 1, MINUTE)]
    span = Span(edges[0], end, edges)
    answer = await deps.insights.trends(scope.environment_id, Trends(span, EVERYTHING))
    before, *counts = answer.counts
    points = [sum(counts[at : at + STEP]) for at in range(0, DAY, STEP)]
    per_minute = [count / STEP for count in points]
    passed = (now - (end - step)) / MINUTE  # of the last five
    per_minute[-1] = points[-1] / max(passed, 1)
    minute = (now - start) // MINUTE  # the one that is not over
    minutes = counts[max(minute - 59, 0) : minute + 1]
    since = (now - start) / MINUTE - max(minute - 4, 0)
    return Rates(
        now=now,
        edges=list(range(start, end + 1, step)),
        per_minute=per_minute,
        minutes=minutes,
        recent=sum(minutes[-5:]) / since,
        day=sum(counts),
        day_before=before,
    )
