"""Questions asked of the events, over HTTP (docs/http-api.md)."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import Response

from analytex.domain.environments import Permission, Scope
from analytex.domain.times import SECOND
from analytex.http.asking import Parameters, event_name, wrong
from analytex.http.deps import Deps
from analytex.http.paging import json_reply
from analytex.http.scope import authorise
from analytex.query.insights.answers import Cohort, StepAnswer, TopAnswer, TopItem, TrendsAnswer
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
from analytex.query.insights.spans import Interval, local_text
from analytex.wire.insight_replies import (
    CohortReply,
    FunnelReply,
    PeriodReply,
    RetentionReply,
    SeriesReply,
    StepReply,
    TopItemReply,
    TopReply,
    TrendsReply,
    json_value,
)
from analytex.wire.replies import time_text

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

Handler = Callable[[Request], Awaitable[Response]]


def trends(deps: Deps) -> Handler:
    """Return the handler of `GET /v1/insights/trends`."""

    async def handle(request: Request) -> Response:
        scope, given, zone = await _begin(deps, request, TRENDS)
        interval = given.word("interval", Interval.DAY)
        asked = Trends(
            span=given.span(zone, interval, at_most=MOST_BUCKETS),
            events=given.selection(),
            of=given.count(Count.EVENTS),
            by=given.property("by"),
            limit=given.whole("limit", DEFAULT_LIMIT, at_most=MOST_SERIES),
        )
        request.state.lag = await deps.reads.caught_up()
        answer = await deps.insights.trends(scope.environment_id, asked)
        return json_reply(trends_reply(asked, answer, zone, interval))

    return handle


def funnel(deps: Deps) -> Handler:
    """Return the handler of `GET /v1/insights/funnel`."""

    async def handle(request: Request) -> Response:
        scope, given, zone = await _begin(deps, request, FUNNEL)
        since, until = given.times(zone)
        asked = Funnel(
            since=since,
            until=until,
            steps=_steps(given),
            window=given.duration("window", DEFAULT_WINDOW, at_most_days=MOST_WINDOW_DAYS),
            of=given.count(Count.USERS),
        )
        request.state.lag = await deps.reads.caught_up()
        answer = await deps.insights.funnel(scope.environment_id, asked)
        return json_reply(funnel_reply(asked, answer, zone))

    return handle


def retention(deps: Deps) -> Handler:
    """Return the handler of `GET /v1/insights/retention`."""

    async def handle(request: Request) -> Response:
        scope, given, zone = await _begin(deps, request, RETENTION)
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
        request.state.lag = await deps.reads.caught_up()
        answer = await deps.insights.retention(scope.environment_id, asked)
        return json_reply(retention_reply(asked, answer, zone, interval))

    return handle


def top(deps: Deps) -> Handler:
    """Return the handler of `GET /v1/insights/top`."""

    async def handle(request: Request) -> Response:
        scope, given, zone = await _begin(deps, request, TOP)
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
        request.state.lag = await deps.reads.caught_up()
        answer = await deps.insights.top(scope.environment_id, asked)
        return json_reply(top_reply(asked, answer, zone))

    return handle


async def _begin(
    deps: Deps, request: Request, known: Sequence[str]
) -> tuple[Scope, Parameters, ZoneInfo]:
    scope = authorise(request, deps.keyring, Permission.READ)
    given = Parameters(request, known)
    return scope, given, given.zone()


def _steps(given: Parameters) -> list[Selection]:
    names = given.many("step", at_most=MOST_STEPS)
    if len(names) < 2:
        raise wrong("step", f"A funnel has 2 to {MOST_STEPS} steps, each a `step` of its own.")
    where = given.where()
    conditions = [given.where(name) for name in STEP_WHERE]
    for name, some in zip(STEP_WHERE[len(names) :], conditions[len(names) :], strict=True):
        if some:
            raise wrong(name, f"There are only {len(names)} steps.")
    return [
        Selection([event_name("step", text)], [*where, *some])
        for text, some in zip(names, conditions, strict=False)
    ]


def trends_reply(
    asked: Trends, answer: TrendsAnswer, zone: ZoneInfo, interval: Interval
) -> TrendsReply:
    """Return what is shown of trends."""
    return TrendsReply(
        start=time_text(asked.span.since),
        end=time_text(asked.span.until),
        tz=zone.key,
        interval=interval,
        count=asked.of,
        by=None if asked.by is None else str(asked.by),
        buckets=[local_text(edge, zone) for edge in asked.span.edges[:-1]],
        series=[
            SeriesReply(
                value=json_value(each.value),
                other=each.is_other,
                counts=each.counts,
                total=each.total,
            )
            for each in answer.series
        ],
        counts=answer.counts,
        total=answer.total,
        others=answer.others,
    )


def funnel_reply(asked: Funnel, answer: Sequence[StepAnswer], zone: ZoneInfo) -> FunnelReply:
    """Return what is shown of a funnel."""
    first = answer[0].reached
    return FunnelReply(
        start=time_text(asked.since),
        end=time_text(asked.until),
        tz=zone.key,
        count=asked.of,
        window=asked.window // SECOND,
        steps=[
            StepReply(
                step=number,
                event=step.names[0],
                count=each.reached,
                conversion=_rate(each.reached, first),
                step_conversion=_rate(each.reached, before.reached),
                median_time=_seconds(each.from_first),
                median_step_time=_seconds(each.from_previous),
            )
            for number, (step, each, before) in enumerate(
                zip(asked.steps, answer, [answer[0], *answer], strict=False), 1
            )
        ],
        conversion=_rate(answer[-1].reached, first),
    )


def retention_reply(
    asked: Retention, answer: Sequence[Cohort], zone: ZoneInfo, interval: Interval
) -> RetentionReply:
    """Return what is shown of retention."""
    periods = []
    for period in range(len(answer)):
        cohorts = answer[: len(answer) - period]
        size = sum(cohort.size for cohort in cohorts)
        returned = sum(cohort.returned[period] for cohort in cohorts)
        periods.append(
            PeriodReply(period=period, size=size, returned=returned, rate=_rate(returned, size))
        )
    return RetentionReply(
        start=time_text(asked.span.since),
        end=time_text(asked.span.until),
        tz=zone.key,
        interval=interval,
        count=asked.of,
        first_event=asked.first.names[0],
        return_event=asked.back.names[0],
        cohorts=[
            CohortReply(start=local_text(edge, zone), size=each.size, returned=each.returned)
            for edge, each in zip(asked.span.edges, answer, strict=False)
        ],
        periods=periods,
        total=sum(cohort.size for cohort in answer),
    )


def top_reply(asked: Top, answer: TopAnswer, zone: ZoneInfo) -> TopReply:
    """Return what is shown of what there was most of."""
    return TopReply(
        start=time_text(asked.since),
        end=time_text(asked.until),
        tz=zone.key,
        what=asked.what,
        by=None if asked.by is None else str(asked.by),
        count=asked.of,
        items=[_top_item(item) for item in answer.items],
        other=_top_item(answer.other),
        total=_top_item(answer.total),
        others=answer.others,
    )


def _top_item(item: TopItem) -> TopItemReply:
    return TopItemReply(
        value=json_value(item.value),
        events=item.events,
        users=item.users,
        companies=item.companies,
    )


def _rate(part: int, whole: int) -> float | None:
    return round(part / whole, 6) if whole else None


def _seconds(micros: float | None) -> float | None:
    return None if micros is None else micros / SECOND
