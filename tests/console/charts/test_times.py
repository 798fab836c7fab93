"""Laws of axes of time."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytex.console.charts.times import (
    DAY,
    HOUR,
    SECOND,
    Grain,
    bucket_text,
    grain,
    local,
    moment,
    time_ticks,
)
from analytex.query.insights.spans import Interval, span

ZONES = [
    ZoneInfo(name)
    for name in (
        *("UTC", "Europe/Berlin", "America/Sao_Paulo", "Asia/Kolkata", "Asia/Kathmandu"),
        *("Australia/Lord_Howe", "Pacific/Apia", "America/New_York"),
    )
]
BERLIN = ZoneInfo("Europe/Berlin")

moments = st.integers(min_value=1_000_000_000, max_value=2_000_000_000).map(lambda s: s * SECOND)
lengths = st.one_of(
    st.integers(min_value=60, max_value=3 * 86400),
    st.integers(min_value=86400, max_value=20 * 366 * 86400),
).map(lambda s: s * SECOND)


def at(text: str, zone: ZoneInfo = BERLIN) -> int:
    return moment(datetime.fromisoformat(text).replace(tzinfo=zone))


@given(since=moments, length=lengths, zone=st.sampled_from(ZONES), most=st.integers(2, 12))
def test_ticks_are_few_in_order_and_within(
    since: int, length: int, zone: ZoneInfo, most: int
) -> None:
    """More than there is room for would stand on top of each other."""
    ticks = [tick.at for tick in time_ticks(since, since + length, zone, at_most=most)]

    assert len(ticks) <= most
    assert ticks == sorted(set(ticks))
    assert all(since <= tick < since + length for tick in ticks)


@given(since=moments, length=lengths, zone=st.sampled_from(ZONES), most=st.integers(4, 12))
def test_ticks_stand_where_clocks_show_a_round_time(
    since: int, length: int, zone: ZoneInfo, most: int
) -> None:
    """An axis is read by people with a clock and a calendar."""
    for tick in time_ticks(since, since + length, zone, at_most=most):
        clock = local(tick.at, zone)
        assert clock.second == 0
        if ":" not in tick.text:
            # The hour before the day is another day, also where clocks skip midnight.
            assert local(tick.at - 1, zone).date() != clock.date()


@given(since=moments, days=st.integers(2, 4000), zone=st.sampled_from(ZONES))
def test_some_ticks_are_always_found(since: int, days: int, zone: ZoneInfo) -> None:
    """An axis without a time says nothing."""
    assert time_ticks(since, since + days * DAY, zone, at_most=4)


@pytest.mark.parametrize(
    ("since", "until", "most", "expected"),
    [
        ("2025-11-03", "2025-11-04", 8, ["3 Nov", "03:00", "06:00", "09:00", "12:00", "15:00"]),
        ("2025-11-01", "2025-12-01", 8, ["3 Nov", "10 Nov", "17 Nov", "24 Nov"]),
        ("2025-11-01", "2026-03-01", 5, ["Nov", "Dec", "2026", "Feb"]),
        ("2025-10-26T00:00", "2025-10-26T06:00", 8, ["26 Oct", "01:00", "02:00", "02:00"]),
        ("2025-11-03T14:02", "2025-11-03T14:30", 8, ["14:05", "14:10", "14:15", "14:20"]),
    ],
    ids=["a day", "a month", "over new year", "an hour twice", "minutes"],
)
def test_ticks_are_named_as_people_would(
    since: str, until: str, most: int, expected: list[str]
) -> None:
    """Days by number and month, months by name, a new year by its number."""
    found = [tick.text for tick in time_ticks(at(since), at(until), BERLIN, at_most=most)]

    assert found[: len(expected)] == expected


@pytest.mark.parametrize("interval", list(Interval))
@pytest.mark.parametrize("zone", ZONES, ids=str)
def test_the_length_of_buckets_is_found(interval: Interval, zone: ZoneInfo) -> None:
    """An hour that clocks repeat, or a month of 28 days, is still what it is."""
    since = at("2024-01-15", zone)
    length = {"hour": 12, "day": 40, "week": 100, "month": 700}[interval]
    found = span(since, since + length * DAY, zone, interval, at_most=1200)

    assert grain(found.edges) == Grain(interval)


def test_buckets_are_named_with_all_that_is_needed_to_find_them() -> None:
    """A hover value stands alone, without the axis."""
    begin = at("2025-11-03T14:00")

    assert bucket_text(begin, Grain.HOUR, BERLIN) == "Mon 3 Nov 2025, 14:00"
    assert bucket_text(begin, Grain.DAY, BERLIN) == "Mon 3 Nov 2025"
    assert bucket_text(begin, Grain.WEEK, BERLIN) == "week of 3 Nov 2025"
    assert bucket_text(begin, Grain.MONTH, BERLIN) == "November 2025"
    assert moment(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(hours=1)) == HOUR
