"""How numbers are written."""

import pytest

from analytex.console.charts.numbers import compact, counted, duration, number, rate


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (1234567, "1,234,567"),
        (3.0, "3"),
        (2.5, "2.5"),
        (0.001, "0"),
        (10**18, f"{10**18:,}"),
    ],
)
def test_a_number_is_given_in_full(value: float, text: str) -> None:
    """What stands in a table can be copied."""
    assert number(value) == text


@pytest.mark.parametrize(
    ("count", "unit", "text"),
    [
        (0, "users", "0 users"),
        (1, "users", "1 user"),
        (1, "companies", "1 company"),
        (1, "events a minute", "1 event a minute"),
        (1.5, "events", "1.5 events"),
        (1200, "events", "1,200 events"),
    ],
)
def test_one_of_something_is_no_plural(count: float, unit: str, text: str) -> None:
    """`1 users` looks as if nobody had ever looked."""
    assert counted(count, unit) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (950, "950"), (12000, "12k"), (1500000, "1.5M"), (0.2, "0.2")]
)
def test_a_number_on_an_axis_is_short(value: float, text: str) -> None:
    """There is room for six characters."""
    assert compact(value) == text


@pytest.mark.parametrize(
    ("part", "text"),
    [
        (None, "-"),
        (0, "0%"),
        (1, "100%"),
        (0.5, "50%"),
        (1 / 3, "33.3%"),
        (0.00001, "<0.1%"),
        (0.99999, ">99.9%"),
    ],
)
def test_a_rate_says_all_only_of_all(part: float | None, text: str) -> None:
    """One of ten thousand who did not come is not nobody."""
    assert rate(part) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"),
        (0.25, "0.2 s"),
        (5.0, "5 s"),
        (45, "45 s"),
        (200, "3 min 20 s"),
        (7500, "2 h 5 min"),
        (86400 * 4, "4 d"),
    ],
)
def test_a_duration_has_two_units_at_most(seconds: float | None, text: str) -> None:
    """Nobody reads the seconds of four days."""
    assert duration(seconds) == text
