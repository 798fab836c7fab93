"""Questions asked of the events, over HTTP (docs/http-api.md)."""

from collections.abc import Awaitable, Callable, Sequence
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import Response

from analytex.domain.environments import Permission, Scope
from analytex.domain.times import SECOND
from analytex.http import questions
from analytex.http.asking import Parameters
from analytex.http.deps import Deps
from analytex.http.paging import json_reply
from analytex.http.scope import authorise
from analytex.query.insights.answers import Cohort, StepAnswer, TopAnswer, TopItem, TrendsAnswer
from analytex.query.insights.asked import Funnel, Retention, Top, Trends
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

Handler = Callable[[Request], Awaitable[Response]]


def trends(deps: Deps) -> Handler:
    """Return the handler of `GET /v1/insights/trends`."""

    async def handle(request: Request) -> Response:
        scope, given = _begin(deps, request, questions.TRENDS)
        zone, interval, asked = questions.trends(given)
        request.state.lag = await deps.reads.caught_up()
        answer = await deps.insights.trends(scope.environment_id, asked)
        return json_reply(trends_reply(asked, answer, zone, interval))

    return handle


def funnel(deps: Deps) -> Handler:
    """Return the handler of `GET /v1/insights/funnel`."""

    async def handle(request: Request) -> Response:
        scope, given = _begin(deps, request, questions.FUNNEL)
        zone, asked = questions.funnel(given)
        request.state.lag = await deps.reads.caught_up()
        answer = await deps.insights.funnel(scope.environment_id, asked)
        return json_reply(funnel_reply(asked, answer, zone))

    return handle


def retention(deps: Deps) -> Handler:
    """Return the handler of `GET /v1/insights/retention`."""

    async def handle(request: Request) -> Response:
        scope, given = _begin(deps, request, questions.RETENTION)
        zone, interval, asked = questions.retention(given)
        request.state.lag = await deps.reads.caught_up()
        answer = await deps.insights.retention(scope.environment_id, asked)
        return json_reply(retention_reply(asked, answer, zone, interval))

    return handle


def top(deps: Deps) -> Handler:
    """Return the handler of `GET /v1/insights/top`."""

    async def handle(request: Request) -> Response:
        scope, given = _begin(deps, request, questions.TOP)
        zone, asked = questions.top(given)
        request.state.lag = await deps.reads.caught_up()
        answer = await deps.insights.top(scope.environment_id, asked)
        return json_reply(top_reply(asked, answer, zone))

    return handle


def _begin(deps: Deps, request: Request, known: Sequence[str]) -> tuple[Scope, Parameters]:
    return authorise(request, deps.keyring, Permission.READ), Parameters(request, known)


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
