"""Spans of time, and the hours, days, weeks and months in them, in a time zone.

Zones come from the system, else from the package tzdata; DuckDB is given the moments at which
each bucket begins, so that nothing depends on a second list of zones.
"""

import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from analytex.domain.times import SECOND

MOST_SLOTS: Final = 5_000_000  # reached by decades in a zone whose clock once changed by seconds
_HOUR: Final = 3600
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Interval(StrEnum):
    """How long a bucket is."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"  #: from Monday on
    MONTH = "month"


class Span(NamedTuple):
    """A span of time in buckets. Times are microseconds since 1970-01-01 UTC."""

    since: int  #: inclusive
    until: int  #: exclusive
    edges: Sequence[int]  #: where each bucket begins, the first maybe before `since`; and the end

    @property
    def buckets(self) -> int:
        """How many there are."""
        return len(self.edges) - 1

    @property
    def width(self) -> int:
        """The longest time by which all edges can be reached from the first."""
        return math.gcd(*(edge - self.edges[0] for edge in self.edges[1:]))

    @property
    def slots(self) -> int:
        """How many times `width` it is long."""
        return (self.edges[-1] - self.edges[0]) // self.width


class TooManyBuckets(ValueError):
    """There are more buckets than anybody can look at."""


def span(since: int, until: int, zone: ZoneInfo, interval: Interval, *, at_most: int) -> Span:
    """Return the span from `since` to `until` in buckets of a zone; it must not be empty.

    A day begins at the first moment at which clocks show it. An hour that clocks show twice is two.
    Raises TooManyBuckets.
    """
    edges: list[int] = []
    for at in _edges(since, zone, interval):
        if at <= since:
            edges = [at]
        elif at > edges[-1]:  # a day that was left out at the date line has no length
            edges.append(at)
        if at >= until:
            break
        if len(edges) > at_most:
            raise TooManyBuckets
    found = Span(since, until, edges)
    if found.slots > MOST_SLOTS:
        raise TooManyBuckets
    return found


def default_since(until: int, zone: ZoneInfo, *, days: int) -> int:
    """Return the beginning of the first of the last `days` days before a time."""
    return _day(_local(until - 1, zone) - timedelta(days=days - 1), zone)


def end_of_day(at: int, zone: ZoneInfo) -> int:
    """Return the end of the day that a time is in."""
    return _day(_local(at, zone) + timedelta(days=1), zone)


def local_text(at: int, zone: ZoneInfo) -> str:
    """Return a time, whole seconds, as ISO 8601 with the offset of a zone."""
    return datetime.fromtimestamp(at // SECOND, zone).isoformat()


def _edges(since: int, zone: ZoneInfo, interval: Interval) -> Iterator[int]:
    """Yield where buckets begin, from that with `since` in it, or one before, on."""
    local = _local(since, zone)
    if interval is Interval.HOUR:
        at = _day(local, zone)
        while True:
            yield at
            clock = _local(at, zone)
            at += (_HOUR - clock.minute * 60 - clock.second) * SECOND
    elif interval is Interval.MONTH:
        first = local.replace(day=1)
        while True:
            yield _day(first, zone)
            first = (first + timedelta(days=31)).replace(day=1)
    else:
        step = timedelta(days=1)
        if interval is Interval.WEEK:
            step *= 7
            local -= timedelta(days=local.weekday())
        while True:
            yield _day(local, zone)
            local += step


def _local(at: int, zone: ZoneInfo) -> datetime:
    """Return what clocks of a zone show."""
    return datetime.fromtimestamp(at // SECOND, zone).replace(tzinfo=None)


def _day(local: datetime, zone: ZoneInfo) -> int:
    """Return when a day begins. Where clocks skip midnight, at the moment of the skip (PEP 495)."""
    midnight = datetime(local.year, local.month, local.day, tzinfo=zone)
    return (midnight - _EPOCH) // timedelta(microseconds=1)
