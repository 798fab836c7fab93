"""Axes of time: where the ticks are, and how moments and buckets are called.

Moments are microseconds since 1970-01-01 UTC; a tick stands where clocks of a zone show a round
time, so that steps are as irregular as clocks are.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

SECOND: Final = 1_000_000  # microseconds
HOUR: Final = 3600 * SECOND
DAY: Final = 24 * HOUR

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class Tick(NamedTuple):
    """A moment on an axis, and what stands there."""

    at: int
    text: str


class Grain(StrEnum):
    """How long a bucket is, about."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


def grain(edges: Sequence[int]) -> Grain:
    """Return how long the buckets between some moments are; clocks may make one shorter."""
    longest = max(after - before for before, after in pairwise(edges))
    for most, found in (
        (HOUR - 1, Grain.MINUTE),
        (20 * HOUR, Grain.HOUR),
        (4 * DAY, Grain.DAY),
        (20 * DAY, Grain.WEEK),
    ):
        if longest <= most:
            return found
    return Grain.MONTH


def bucket_text(at: int, size: Grain, zone: ZoneInfo) -> str:
    """Return what the bucket that begins at a moment is called."""
    clock = local(at, zone)
    day = f"{clock.day} {clock:%b %Y}"
    if size in (Grain.MINUTE, Grain.HOUR):
        return f"{clock:%a} {day}, {clock:%H:%M}"
    if size is Grain.DAY:
        return f"{clock:%a} {day}"
    if size is Grain.WEEK:
        return f"week of {day}"
    return f"{clock:%B %Y}"


def time_ticks(since: int, until: int, zone: ZoneInfo, *, at_most: int) -> list[Tick]:
    """Return the borders of minutes, hours, days, weeks, months or years in `[since, until)`.

    They are the finest that are at most `at_most`. There may be none, if the span has no border.
    """
    for step in _STEPS:
        if (until - since) // step.about > 2 * at_most + 2:  # not worth counting
            continue
        found = [at for at in step.borders(since, until, zone) if since <= at < until]
        if len(found) <= at_most:
            return [Tick(at, step.text(local(at, zone))) for at in found]
    return []


def local(at: int, zone: ZoneInfo) -> datetime:
    """Return what clocks of a zone show, to the second."""
    return datetime.fromtimestamp(at // SECOND, zone)


def moment(clock: datetime) -> int:
    """Return the moment at which clocks show that; the first, if twice (PEP 495)."""
    return (clock - _EPOCH) // _MICROSECOND


class _Step(NamedTuple):
    """A way to place ticks."""

    about: int  #: how far apart they are
    borders: Callable[[int, int, ZoneInfo], Iterator[int]]  #: from before `since` to behind `until`
    text: Callable[[datetime], str]


def _minutes(step: int) -> _Step:
    """Every so many minutes of the day, which they divide."""

    def borders(since: int, until: int, zone: ZoneInfo) -> Iterator[int]:
        at = moment(local(since, zone).replace(hour=0, minute=0, second=0, microsecond=0, fold=0))
        while at < until:
            clock = local(at, zone)
            past = (clock.hour * 60 + clock.minute) % step * 60 + clock.second
            if past == 0:
                yield at
            # By quarters of an hour at most, as clocks jump: where they do, none is missed.
            ahead = step * 60 - past
            at += min(ahead, 900 - past % 900) * SECOND

    def text(clock: datetime) -> str:
        midnight = clock.hour == clock.minute == 0
        return f"{clock.day} {clock:%b}" if midnight else f"{clock:%H:%M}"

    return _Step(step * 60 * SECOND, borders, text)


def _days(step: int) -> _Step:
    """Every so many days; seven are weeks from Monday on."""

    def borders(since: int, until: int, zone: ZoneInfo) -> Iterator[int]:
        day = local(since, zone).date()
        day -= timedelta(days=(day.toordinal() - 1) % step)  # day 1 was a Monday
        while (at := _midnight(day, zone)) < until:
            yield at
            day += timedelta(days=step)

    return _Step(step * DAY, borders, lambda clock: f"{clock.day} {clock:%b}")


def _months(step: int) -> _Step:
    def borders(since: int, until: int, zone: ZoneInfo) -> Iterator[int]:
        first = local(since, zone).date()
        months = first.year * 12 + (first.month - 1) // step * step
        while (at := _midnight(date(months // 12, months % 12 + 1, 1), zone)) < until:
            yield at
            months += step

    def text(clock: datetime) -> str:
        return f"{clock:%Y}" if clock.month == 1 else f"{clock:%b}"

    return _Step(step * 30 * DAY, borders, text)


def _midnight(day: date, zone: ZoneInfo) -> int:
    """Return when a day begins; where clocks skip midnight, at the moment of the skip."""
    return moment(datetime(day.year, day.month, day.day, tzinfo=zone))


_STEPS: Final = (
    *map(_minutes, (1, 5, 15, 30, 60, 180, 360, 720)),
    *map(_days, (1, 2, 7, 14)),
    *map(_months, (1, 3, 6, 12, 24, 60, 120, 240, 600)),
)
