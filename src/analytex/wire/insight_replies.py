"""The JSON that questions asked of the events are answered with."""

import json
from collections.abc import Sequence
from typing import Any

import msgspec

from analytex.domain.values import Json


class SeriesReply(msgspec.Struct, kw_only=True):
    """One line of a chart."""

    value: Json  #: of the property in `by`; null: it has none, or there is no `by`
    other: bool  #: whether it is all values together that are not told apart
    counts: Sequence[int]  #: per bucket
    total: int  #: of the whole time; who is in several buckets counts once


class TrendsReply(msgspec.Struct, kw_only=True):
    """How many there were over time."""

    start: str  #: the time that was looked at, from
    end: str  #: and up to, but not including
    tz: str  #: the time zone of the buckets
    interval: str  #: hour, day, week, month
    count: str  #: events, users, companies
    by: str | None  #: the property by which they are told apart
    buckets: Sequence[str]  #: when each begins; the first may begin before `start`
    series: Sequence[SeriesReply]  #: the largest total first, `other` last
    counts: Sequence[int]  #: of all together, per bucket
    total: int  #: of all together
    others: int  #: how many values are in `other`


class StepReply(msgspec.Struct, kw_only=True):
    """One step of a funnel."""

    step: int  #: from 1
    event: str  #: as it was asked for
    count: int  #: how many took it and all before
    conversion: float | None  #: what part of the first step's that is; null: of nobody
    step_conversion: float | None  #: and of those of the step before; of the first step 1
    median_time: float | None  #: seconds since the first step; null for the first, or nobody
    median_step_time: float | None  #: seconds since the step before


class FunnelReply(msgspec.Struct, kw_only=True):
    """How many took some steps one after the other."""

    start: str
    end: str
    tz: str
    count: str  #: users, companies
    window: int  #: seconds in which all steps must be taken
    steps: Sequence[StepReply]
    conversion: float | None  #: what part of those who took the first step took the last


class CohortReply(msgspec.Struct, kw_only=True):
    """Those who began in one bucket."""

    start: str  #: when it begins
    size: int  #: how many they are
    returned: Sequence[int]  #: how many of them came back so many buckets later, from 0 on


class PeriodReply(msgspec.Struct, kw_only=True):
    """All cohorts together, so many buckets after they began."""

    period: int  #: how many buckets later
    size: int  #: of the cohorts for which that is not behind the end
    returned: int
    rate: float | None  #: `returned` by `size`; null: of nobody


class RetentionReply(msgspec.Struct, kw_only=True):
    """How many of those who began in a bucket came back later."""

    start: str
    end: str
    tz: str
    interval: str
    count: str
    first_event: str  #: with which they began
    return_event: str  #: with which they came back
    cohorts: Sequence[CohortReply]  #: one for each bucket, in order
    periods: Sequence[PeriodReply]
    total: int  #: how many are in all cohorts


class TopItemReply(msgspec.Struct, kw_only=True):
    """Something, and how much of it there is."""

    value: Json  #: event name, key of a property, or value
    events: int
    users: int
    companies: int


class TopReply(msgspec.Struct, kw_only=True):
    """What there was most of."""

    start: str
    end: str
    tz: str
    what: str  #: events, properties, values
    by: str | None  #: the property whose values are counted
    count: str  #: what they are ordered by
    items: Sequence[TopItemReply]
    other: TopItemReply  #: all others together; its value is null
    total: TopItemReply  #: all together; its value is null
    others: int  #: how many different ones are in `other`


def json_value(value: Any) -> Json:
    """Return JSON of a value; numbers may have any length."""
    return msgspec.Raw(json.dumps(value, ensure_ascii=False).encode())
