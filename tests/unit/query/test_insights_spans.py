"""Hours, days, weeks and months, in zones whose clocks change."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from analytex.query.insights.spans import (
    Interval,
    TooManyBuckets,
    default_since,
    end_of_day,
    local_text,
    span,
)

HOUR = 3_600_000_000


def at(text: str, zone: str) -> int:
    """Return when clocks of a zone show this."""
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()) * 1_000_000


def starts(since: str, until: str, zone: str, interval: Interval) -> list[str]:
    """Return the beginnings of all buckets."""
    found = span(at(since, zone), at(until, zone), ZoneInfo(zone), interval, at_most=1000)
    return [local_text(edge, ZoneInfo(zone)) for edge in found.edges[:-1]]


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-03-28", 24), ("2026-03-29", 23), ("2026-10-25", 25)]
)
def test_a_day_has_the_hours_that_clocks_show(day: str, hours: int) -> None:
    """In Berlin the clocks go forward at 2 and back at 3."""
    zone = ZoneInfo("Europe/Berlin")
    since = at(day, "Europe/Berlin")
    until = end_of_day(since, zone)

    assert until - since == hours * HOUR
    assert span(since, until, zone, Interval.HOUR, at_most=100).buckets == hours


def test_an_hour_that_clocks_show_twice_is_two() -> None:
    """They differ in the offset."""
    assert starts("2026-10-25T01:00", "2026-10-25T03:00", "Europe/Berlin", Interval.HOUR) == [
        "2026-10-25T01:00:00+02:00",
        "2026-10-25T02:00:00+02:00",
        "2026-10-25T02:00:00+01:00",
    ]


def test_clocks_may_change_by_half_an_hour() -> None:
    """On Lord Howe they go from 2:00 back to 1:30."""
    assert starts("2026-04-05T01:00", "2026-04-05T03:00", "Australia/Lord_Howe", Interval.HOUR) == [
        "2026-04-05T01:00:00+11:00",
        "2026-04-05T01:30:00+10:30",
        "2026-04-05T02:00:00+10:30",
    ]


def test_a_day_whose_midnight_is_skipped_begins_where_clocks_go_on() -> None:
    """In São Paulo summer time began at midnight."""
    assert starts("2018-11-03", "2018-11-06", "America/Sao_Paulo", Interval.DAY) == [
        "2018-11-03T00:00:00-03:00",
        "2018-11-04T01:00:00-02:00",
        "2018-11-05T00:00:00-02:00",
    ]


def test_a_day_that_was_left_out_is_no_bucket() -> None:
    """Samoa went over the date line, from 29 to 31 December."""
    assert starts("2011-12-29", "2012-01-01", "Pacific/Apia", Interval.DAY) == [
        "2011-12-29T00:00:00-10:00",
        "2011-12-31T00:00:00+14:00",
    ]


def test_weeks_begin_on_monday_and_months_on_the_first() -> None:
    """The first bucket may begin before what is asked for."""
    assert starts("2026-03-26", "2026-04-02", "Europe/Berlin", Interval.WEEK) == [
        "2026-03-23T00:00:00+01:00",
        "2026-03-30T00:00:00+02:00",
    ]
    assert starts("2026-01-31", "2026-03-01", "UTC", Interval.MONTH) == [
        "2026-01-01T00:00:00+00:00",
        "2026-02-01T00:00:00+00:00",
    ]


@pytest.mark.parametrize("interval", Interval)
def test_an_end_on_a_border_begins_no_further_bucket(interval: Interval) -> None:
    """The end is not part of what is asked for, and one microsecond more is."""
    since, until = at("2026-06-01", "UTC"), at("2026-06-01", "UTC") + 1
    zone = ZoneInfo("UTC")
    one = span(since, until, zone, interval, at_most=10)
    more = span(since, one.edges[-1] + 1, zone, interval, at_most=10)

    assert one.edges[0] == since
    assert span(since, one.edges[-1], zone, interval, at_most=10).edges == one.edges
    assert more.buckets == 2


def test_too_many_buckets_are_refused() -> None:
    """Before they take memory."""
    with pytest.raises(TooManyBuckets):
        span(0, 2**52, ZoneInfo("UTC"), Interval.HOUR, at_most=1000)


def test_thirty_days_end_with_the_day_of_the_last_moment() -> None:
    """An end at midnight belongs to the day before."""
    zone = ZoneInfo("Europe/Berlin")
    midnight = at("2026-04-01", "Europe/Berlin")

    assert default_since(midnight, zone, days=30) == at("2026-03-02", "Europe/Berlin")
    assert default_since(midnight + 1, zone, days=30) == at("2026-03-03", "Europe/Berlin")
