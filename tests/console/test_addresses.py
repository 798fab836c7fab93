"""That what a form sends becomes the parameters of the HTTP API, and stays what it is."""

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytex.console.addresses import (
    ConditionField,
    Pairs,
    api_parameters,
    condition_fields,
    day_fields,
    in_order,
)
from analytex.query.insights.asked import parse_condition

BERLIN = ZoneInfo("Europe/Berlin")
NOON = 1_764_068_400  # Tue 25 Nov 2025, 12:00 in Berlin
GROUPS = ("where", "where.1", "where.2", "where.3", "where.start")

FORMS: dict[str, tuple[Pairs, Pairs]] = {
    "empty fields": (
        [("event", "a"), ("event", ""), ("by", " "), ("tz", "UTC")],
        [("event", "a"), ("tz", "UTC")],
    ),
    "a condition in three fields": (
        [
            *(("where.property", "user.plan"), ("where.op", "eq"), ("where.value", "a:b")),
            *(("where.property", "user.age"), ("where.op", "set"), ("where.value", "x")),
            *(("where.property", ""), ("where.op", "eq"), ("where.value", "x")),
        ],
        [("where", "user.plan:eq:a:b"), ("where", "user.age:set")],
    ),
    "an empty step in the middle": (
        [
            *(("step", "a"), ("where.1.property", ""), ("where.1.op", ""), ("where.1.value", "")),
            *(("step", ""), ("where.2.property", "x"), ("where.2.op", ""), ("where.2.value", "")),
            ("step", "c"),
            *(("where.3.property", "browser"), ("where.3.op", "ne"), ("where.3.value", "Safari")),
        ],
        [("step", "a"), ("step", "c"), ("where.2", "browser:ne:Safari")],
    ),
    "the last day belongs to the time": (
        [("from", "2025-11-01"), ("day", "2025-11-30")],
        [("from", "2025-11-01"), ("to", "2025-12-01")],
    ),
    "a time that ends now stands alone": (
        [("last", "7d"), ("from", "2025-11-01"), ("day", "2025-11-30"), ("count", "users")],
        [("last", "7d"), ("count", "users")],
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_form_becomes_an_address(form: str) -> None:
    """The address can be shared, and asked by a program."""
    sent, expected = FORMS[form]

    assert in_order(sent, groups=GROUPS) == expected


names = st.sampled_from(
    [
        *(
            "event",
            "step",
            "step",
            "where",
            "where.1",
            "where.2",
            "from",
            "to",
            "day",
            "last",
            "tz",
        ),
        *(f"{group}.{part}" for group in GROUPS for part in ("property", "op", "value")),
    ]
)
texts = st.sampled_from(["", " ", "a", "user.plan", "eq", "set", "2025-11-03", "7d", "a:eq:b"])


@given(st.lists(st.tuples(names, texts), max_size=20))
def test_an_address_in_order_stays_as_it_is(pairs: Pairs) -> None:
    """Or the browser would be sent from one address to the next for ever."""
    once = in_order(pairs, groups=GROUPS)

    assert in_order(once, groups=GROUPS) == once
    assert all(value.strip() for _, value in once)


@pytest.mark.parametrize(
    "text", ["user.plan:eq:team", "event.a:eq:b:set:c", "user.x:unset", "event.n:in:1,2"]
)
def test_a_condition_fills_the_fields_that_made_it(text: str) -> None:
    """A shared question can be changed in the form."""
    (field,) = condition_fields([("where", text), ("where.1", "no")], "where")
    parts = zip(("property", "op", "value"), field, strict=True)

    assert in_order([(f"where.{name}", value) for name, value in parts]) == [("where", text)]
    assert parse_condition(text).op == field.op


def test_a_condition_that_is_not_valid_stays_as_it_was_typed() -> None:
    """The form shows what is to be mended."""
    assert condition_fields([("where", "oops")], "where") == [ConditionField("oops", "eq", "")]


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        ("24h", [("from", "1763985600"), ("to", "1764072000"), ("interval", "hour")]),
        ("7d", [("from", "2025-11-19"), ("to", "2025-11-26"), ("interval", "day")]),
        ("30d", [("from", "2025-10-27"), ("to", "2025-11-26"), ("interval", "day")]),
        ("90d", [("from", "2025-08-28"), ("to", "2025-11-26"), ("interval", "week")]),
        ("12m", [("from", "2024-12-01"), ("to", "2025-11-26"), ("interval", "month")]),
    ],
)
def test_a_time_that_ends_now_is_told_to_the_api_as_times(last: str, expected: Pairs) -> None:
    """Whole days of the reader's zone, today as far as it has come."""
    given = [("last", last), ("chart", "bars")]

    assert api_parameters(given, BERLIN, NOON) == expected
    assert api_parameters(given, BERLIN, NOON, interval=False) == expected[:2]


def test_an_interval_that_is_given_stays() -> None:
    """Ninety days by the day are a question too."""
    found = api_parameters([("last", "90d"), ("interval", "day")], BERLIN, NOON)

    assert [value for name, value in found if name == "interval"] == ["day"]


def test_times_fill_the_fields_for_days() -> None:
    """`to` is the first moment that does not belong to it; people name the last day."""
    given = {"from": "2025-11-01", "to": "2025-12-01"}

    assert day_fields(given, BERLIN) == ("2025-11-01", "2025-11-30")
    assert day_fields({"to": "1764068400"}, BERLIN) == ("", "2025-11-25")
    assert day_fields({"from": "yesterday"}, BERLIN) == ("", "")
