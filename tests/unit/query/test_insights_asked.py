"""Properties and conditions as people write them."""

import pytest

from analytex.query.insights.asked import (
    Condition,
    Op,
    Owner,
    Property,
    number_text,
    parse_condition,
    parse_property,
)


@pytest.mark.parametrize(
    ("text", "pointer", "key"),
    [
        ("user.plan", "/plan", "plan"),
        ("event.utm.source", "/utm.source", "utm.source"),
        ("company.a/b~c", "/a~1b~0c", "a/b~c"),
        ("event./address/city", "/address/city", "address"),
        ("event./a~1b/0", "/a~1b/0", "a/b"),
        ("event.a/b", "/a~1b", "a/b"),
    ],
)
def test_a_property_is_a_key_or_a_pointer(text: str, pointer: str, key: str) -> None:
    """What begins with a slash is a pointer; everything else is a key as it stands."""
    found = parse_property(text)

    assert (found.pointer, found.key, str(found)) == (pointer, key, text)


@pytest.mark.parametrize("text", ["", "plan", "users.plan", "event.", ".plan", "metadata", "user"])
def test_what_is_no_property_is_refused(text: str) -> None:
    """The message says how one is written."""
    with pytest.raises(ValueError, match="Expected `event"):
        parse_property(text)


def test_a_pointer_with_a_lone_tilde_is_refused() -> None:
    """It would mean nothing to RFC 6901."""
    with pytest.raises(ValueError, match="~0"):
        parse_property("event./a~b")


PLAN = Property(Owner.USER, "plan")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("user.plan:eq:team", Condition(PLAN, Op.EQ, ["team"])),
        ("user.plan:eq:", Condition(PLAN, Op.EQ, [""])),
        ("user.plan:eq:a:eq:b", Condition(PLAN, Op.EQ, ["a:eq:b"])),
        ("user.plan:eq:a\nb", Condition(PLAN, Op.EQ, ["a\nb"])),
        ("user.plan:in:a,b,", Condition(PLAN, Op.IN, ["a", "b", ""])),
        ("user.plan:set", Condition(PLAN, Op.SET, [])),
        ("user.a:b:lt:7", Condition(Property(Owner.USER, "a:b"), Op.LT, ["7"])),
        ("browser:ne:Firefox", Condition(Property(Owner.FIELD, "browser"), Op.NE, ["Firefox"])),
    ],
)
def test_a_condition_is_a_property_a_word_and_a_value(text: str, expected: Condition) -> None:
    """The value is everything behind the word, colons too."""
    assert parse_condition(text) == expected


@pytest.mark.parametrize(
    "text", ["", "user.plan", "user.plan:team", "user.plan:is:team", "eq:team", "user.plan:EQ:a"]
)
def test_what_is_no_condition_is_refused(text: str) -> None:
    """The message shows one."""
    with pytest.raises(ValueError, match=r"user\.plan:eq:team"):
        parse_condition(text)


@pytest.mark.parametrize("text", ["user.plan:eq", "user.plan:set:yes", "user.plan:unset:"])
def test_set_and_unset_alone_take_no_value(text: str) -> None:
    """Else a value that was forgotten would be an empty one."""
    with pytest.raises(ValueError, match="value"):
        parse_condition(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        *(("7", "7"), ("7.0", "7"), ("-0", "0"), ("-0.0", "0"), ("1e2", "100"), ("0.5", "0.5")),
        *(("1e22", "1e+22"), ("9" * 30, "9" * 30), ("1e400", None), ("07", None), ("", None)),
        *(("NaN", None), ("+1", None), ("٣", None)),
    ],
)
def test_numbers_that_are_equal_are_shown_alike(text: str, shown: str | None) -> None:
    """So that `7` finds 7.0; what JSON would not take is no number."""
    assert number_text(text) == shown
