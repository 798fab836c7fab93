"""Times as senders write them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytex.domain.times import FarTime, from_unix, parse_time

EXAMPLES = settings(derandomize=True, database=None, deadline=None)
SECOND = 1_000_000
A_DAY = 1_739_750_400 * SECOND  # 2025-02-17T00:00:00Z
AT_EIGHT = A_DAY + (8 * 3600 + 3 * 60 + 11) * SECOND


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2025-02-17", A_DAY),
        ("2025-02-17T08:03:11Z", AT_EIGHT),
        ("2025-02-17T08:03:11", AT_EIGHT),
        ("2025-02-17 08:03:11", AT_EIGHT),
        ("2025-02-17 08:03:11.250000", AT_EIGHT + SECOND // 4),
        ("2025-02-17T08:03:11.250Z", AT_EIGHT + SECOND // 4),
        ("2025-02-17T10:03:11+02:00", AT_EIGHT),
        (" 2025-02-17T08:03:11Z\n", AT_EIGHT),
        ("1739779391", AT_EIGHT),
        ("1739779391.25", AT_EIGHT + SECOND // 4),
        ("1739779391.2500001", AT_EIGHT + SECOND // 4),
        ("0", 0),
        ("-1.5", -3 * SECOND // 2),
        ("-0.5", -SECOND // 2),
        ("1969-12-31T23:59:59.5Z", -SECOND // 2),
        ("0001-01-01", -62_135_596_800 * SECOND),
    ],
)
def test_a_time_may_be_written_in_several_ways(text: str, at: int) -> None:
    """ISO 8601, its form with a space, a day, and Unix seconds; without a zone it is UTC."""
    assert parse_time(text) == at


@pytest.mark.parametrize(
    "text",
    ["", " ", "today", "2025-13-01", "2025-02-30", "--5", "-", ".", "1.2.3", "1e9", "0x10", "NaN"],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    """Rather than taken for the year 1970."""
    with pytest.raises(ValueError):  # noqa: PT011 - its text is never shown
        parse_time(text)


@EXAMPLES
@given(
    st.datetimes(),
    st.none() | st.builds(lambda m: timezone(timedelta(minutes=m)), st.integers(-1439, 1439)),
)
def test_every_time_that_python_writes_is_read_exactly(
    moment: datetime, zone: timezone | None
) -> None:
    """To the microsecond, without a float in between."""
    moment = moment.replace(tzinfo=zone)
    since = moment.replace(tzinfo=zone or UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    assert parse_time(moment.isoformat()) == since // timedelta(microseconds=1)


@EXAMPLES
@given(st.integers(-3 * 10**17, 3 * 10**17))
def test_unix_seconds_are_read_exactly(at: int) -> None:
    """A float would lose the microseconds of large numbers, up to ten thousand years away."""
    sign, absolute = ("-" if at < 0 else ""), abs(at)
    assert parse_time(f"{sign}{absolute // SECOND}.{absolute % SECOND:06d}") == at


@EXAMPLES
@given(st.integers(0, 4 * 10**15))
def test_unix_seconds_as_a_number_are_read_as_their_text(at: int) -> None:
    """To the microsecond, as far as a float holds it: beyond the year 2090."""
    text = f"{at // SECOND}.{at % SECOND:06d}"
    assert from_unix(float(text)) == parse_time(text) == at
    assert from_unix(at // SECOND) == at // SECOND * SECOND


@pytest.mark.parametrize(("seconds", "at"), [(0.00001, 10), (-0.5, -SECOND // 2), (1e9, 10**15)])
def test_unix_seconds_of_another_notation(seconds: float, at: int) -> None:
    """However the number is written."""
    assert from_unix(seconds) == at


@pytest.mark.parametrize("seconds", [1e12, -1e12, 1e300, 10**30, 1_739_779_391_250])
def test_what_is_ten_thousand_years_away_is_said_to_be(seconds: float) -> None:
    """Most often it is in milliseconds."""
    with pytest.raises(FarTime):
        from_unix(seconds)
