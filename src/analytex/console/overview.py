"""The overview: what happens now, what there is in all, and what to do first on a new server."""

import asyncio
from collections.abc import Awaitable
from typing import Any, Final, Generic, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from analytex.console.charts import Kind, Ranked, Series, over_time, ranked, sparkline
from analytex.console.charts.numbers import compact, duration, number, rate
from analytex.console.links import event_link
from analytex.console.overview_numbers import (
    KEEP_NOW_S,
    KEEP_TIMES,
    KEEP_TOTALS_S,
    TOP_DAYS,
    Now,
    Rates,
    Totals,
    happening,
    totals,
)
from analytex.console.pages import Console
from analytex.console.reader import reader_zone
from analytex.console.recent import Recent
from analytex.errors import AnalytexError
from analytex.query.reads import COUNT_AT_MOST

#: The first page waits so long for its numbers: the first question of a process takes a second.
PATIENCE_S: Final = 0.05

Value = TypeVar("Value")


def routes(console: Console) -> list[Route]:
    """Return the page, and the parts of it that are asked for again."""
    overview = _Overview(console)
    return [
        Route("/console", overview.page),
        Route("/console/overview/parts", overview.parts),
    ]


class _Overview:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._now: Recent[Now] = Recent(KEEP_NOW_S, times=KEEP_TIMES)
        self._totals: Recent[Totals] = Recent(KEEP_TOTALS_S, times=KEEP_TIMES)

    async def page(self, request: Request) -> Response:
        """Answer `GET /console`; numbers that take long come with the parts."""
        values = await self._values(request, PATIENCE_S)
        return self._console.render(request, "overview.html", values)

    async def parts(self, request: Request) -> Response:
        """Answer `GET /console/overview/parts`: HTML that `overview.js` puts into the page."""
        values = await self._values(request, None)
        return self._console.render(request, "_overview_parts.html", values)

    async def _values(self, request: Request, patience_s: float | None) -> dict[str, Any]:
        deps, scope = self._console.deps, self._console.scope(request)
        key = scope.environment_id
        now, found = await asyncio.gather(
            _within(patience_s, self._now.get(key, lambda: happening(deps, scope))),
            _within(patience_s, self._totals.get(key, lambda: totals(deps, scope))),
        )
        zone = reader_zone(request)
        return {
            "now": now.value and _now(now.value, zone),
            "totals": found.value and _totals(found.value),
            "problem": now.problem or found.problem,
            "is_new": _is_new(now.value, found.value),
            "top_days": TOP_DAYS,
        }


class _Part(NamedTuple, Generic[Value]):
    """Numbers, or why there are none."""

    value: Value | None
    problem: str = ""


async def _within(seconds: float | None, value: Awaitable[Value]) -> _Part[Value]:
    """Return a value; none if it is not there in time, or cannot be had."""
    try:
        return _Part(await asyncio.wait_for(value, seconds))
    except TimeoutError:
        return _Part(None)
    except AnalytexError as error:
        return _Part(None, f"{error.message} {error.details}".strip())


def _now(found: Now, zone: ZoneInfo) -> dict[str, Any]:
    """Return what the templates show of what happens now."""
    rates, state = found.rates, found.state
    missing = max(state.log_end - state.applied, 0)
    return {
        "rate": compact(round(rates.recent, 1)),
        "minutes": sparkline(rates.minutes, text="events a minute, the last hour"),
        "day": number(rates.day),
        "change": _change(rates),
        "chart": _chart(rates, zone),
        "missing": number(missing),
        "lag": f"the oldest for {duration(state.lag_s)}" if missing else "all calls are applied",
        "late": state.lag_s > 10,
        "refused": found.refused,
        "refused_count": found.refused_count,
        "disk_free": state.disk_free,
        "disk_low": state.disk_free < state.disk_size * 0.05,
    }


def _totals(found: Totals) -> dict[str, Any]:
    """Return what the templates show of what there is in all."""
    return {
        "users": _count(found.users),
        "companies": _count(found.companies),
        "active_users": number(found.top.total.users),
        "active_companies": number(found.top.total.companies),
        "tracked": number(found.tracked),
        "names": number(found.names),
        "data_bytes": found.data_bytes,
        "top": _top(found),
    }


def _is_new(now: Now | None, found: Totals | None) -> bool:
    """Tell whether nothing ever came, as far as is known at this moment."""
    return bool(found and found.is_new and now and not now.rates.day)


def _chart(rates: Rates, zone: ZoneInfo) -> Markup:
    return over_time(
        rates.edges,
        [Series("events", [round(rate, 1) for rate in rates.per_minute])],
        id="rates",
        title="Events a minute, the last 24 hours",
        unit="events a minute",
        zone=zone,
        kind=Kind.AREA,
        now=rates.now,
        height=220,
    )


def _top(found: Totals) -> Markup | None:
    if not found.top.items:
        return None
    rows = [
        Ranked(
            item.value or "Page views",
            item.events,
            link=event_link(item.value or "@page_view"),
            more=[number(item.users)],
        )
        for item in found.top.items
    ]
    return ranked(
        rows,
        id="top-events",
        title=f"Top events, {TOP_DAYS} days",
        name="Event",
        unit="Events",
        more=["Users"],
    )


def _change(rates: Rates) -> str:
    """Return how the day compares with the one before."""
    if not rates.day_before:
        return "none the day before"
    part = rates.day / rates.day_before - 1
    if abs(part) < 0.005:
        return "as the day before"
    return f"{rate(abs(part))} {'more' if part > 0 else 'less'} than the day before"


def _count(count: int | None) -> str:
    return f"{number(COUNT_AT_MOST)}+" if count is None else number(count)
