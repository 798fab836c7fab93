"""What values are, and what a batch of events says of them."""

import json

import pytest

from analytex.domain.catalogue import (
    MAX_KEY_CHARS,
    Entry,
    Place,
    Sample,
    Section,
    ValueType,
    data_type,
    entry_id,
    has_conflict,
    merge,
    observe,
)


def sample(metadata: str, *, at: int = 1, environment_id: int = 1) -> Sample:
    """An identify."""
    return (1, environment_id, "identify_user", "", at, metadata, None)


def seen(*types: ValueType) -> Entry:
    """An entry of which values of these types were seen."""
    return Entry(count=len(types), first_seen=1, last_seen=1, types=dict.fromkeys(types, 1))


def types_of(metadata: str) -> dict[ValueType, int]:
    """What is seen of the property `p`."""
    found = observe([sample(metadata)]).entries[1]
    return found[Place(Section.USER, "", "p")].types


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('"pro"', ValueType.STRING),
        ('"12"', ValueType.STRING),
        ('"1762161300"', ValueType.STRING),
        ('"2026-02-30"', ValueType.STRING),
        ('"20260131"', ValueType.STRING),
        ('"2026-01-31"', ValueType.DATE),
        ('"2026-01-31T12:00:00Z"', ValueType.DATE),
        ('"2026-01-31 12:00:00.250000"', ValueType.DATE),
        ('"2026\\u002d01-31"', ValueType.DATE),
        ("12", ValueType.NUMERIC),
        ("-1.5e3", ValueType.NUMERIC),
        ("1e999", ValueType.NUMERIC),
        ("123456789012345678901234567890", ValueType.NUMERIC),
        ("true", ValueType.BOOLEAN),
        ("null", ValueType.NULL),
        ("[1]", ValueType.ARRAY),
        ('{"a": 1}', ValueType.OBJECT),
        ('{"a": 1e999}', ValueType.OBJECT),
    ],
)
def test_a_value_has_one_type(text: str, expected: ValueType) -> None:
    """Seen as JSON has it; only of strings it is told whether they read as a date."""
    assert types_of(f'{{"p": {text}}}') == {expected: 1}


def test_a_value_that_cannot_be_read_does_not_hide_the_others() -> None:
    """One odd number in a batch must not cost what the rest of it says."""
    found = observe([sample('{"a": 1e999, "b": "2026-01-31"}'), sample('{"b": 1}')]).entries[1]
    assert found[Place(Section.USER, "", "b")].types == {ValueType.DATE: 1, ValueType.NUMERIC: 1}


def test_properties_that_are_no_object_say_nothing() -> None:
    """No call brings any; they would stop the applier otherwise."""
    found = observe([sample("[1]"), sample('{"a": 1}')])
    assert list(found.entries[1]) == [Place(Section.USER, "", "a")]


def test_of_a_key_that_comes_twice_the_last_one_counts() -> None:
    """As in profiles."""
    assert types_of('{"p": 1, "p": "x"}') == {ValueType.STRING: 1}


def test_the_times_are_the_earliest_and_the_latest() -> None:
    """Whatever order events come in, and whether or not each of them has the property."""
    events = [
        sample('{"a": 1}', at=5),
        sample('{"a": 1, "b": 1}', at=3),
        sample('{"b": 1}', at=9),
        sample('{"a": 1}', at=4),
    ]
    found = observe(events).entries[1]
    a, b = (found[Place(Section.USER, "", key)] for key in "ab")
    assert (a.count, a.first_seen, a.last_seen) == (3, 3, 5)
    assert (b.count, b.first_seen, b.last_seen) == (2, 3, 9)


def test_a_key_that_is_too_long_is_left_out_and_counted() -> None:
    """The catalogue is bounded, and says what it does not hold."""
    long = "k" * (MAX_KEY_CHARS + 1)
    found = observe([sample(json.dumps({long: 1, long[1:]: 1}))] * 2)
    assert list(found.entries[1]) == [Place(Section.USER, "", long[1:])]
    assert found.left_out == {(1, Section.USER): 2}


def test_only_what_is_asked_for_is_looked_at() -> None:
    """A lookup of one section does not pay for the others."""
    events: list[Sample] = [
        (1, 1, "track", "opened", 1, '{"a": 1}', None),
        (2, 1, "identify_user", "", 1, '{"b": 1}', '{"c": 1}'),
    ]
    assert list(observe(events, [Section.EVENT]).entries[1]) == [Place(Section.EVENT, "", "opened")]
    assert list(observe(events, [Section.COMPANY]).entries[1]) == [Place(Section.COMPANY, "", "c")]


@pytest.mark.parametrize(
    ("types", "expected", "conflict"),
    [
        ([ValueType.STRING], "String", False),
        ([ValueType.DATE], "Date", False),
        ([ValueType.NUMERIC], "Numeric", False),
        ([ValueType.BOOLEAN], "Boolean", False),
        ([ValueType.BOOLEAN, ValueType.NULL], "Boolean", False),
        ([ValueType.NULL], "String", False),
        ([ValueType.ARRAY], "String", False),
        ([ValueType.OBJECT], "String", False),
        ([ValueType.STRING, ValueType.NUMERIC], "String", True),
        ([ValueType.NUMERIC, ValueType.BOOLEAN], "String", True),
        ([ValueType.STRING, ValueType.DATE], "String", True),
    ],
)
def test_a_type_is_named_only_if_all_values_have_it(
    types: list[ValueType], expected: str, conflict: bool
) -> None:
    """Which of several a sender meant is not guessed; a null removes, and has no type."""
    assert data_type(seen(*types)) == expected
    assert has_conflict(seen(*types)) is conflict


def test_merging_adds() -> None:
    """Pieces of events put together say what all of them say at once."""
    entry = Entry(count=2, first_seen=3, last_seen=4, types={ValueType.STRING: 2})
    merge(entry, Entry(count=1, first_seen=1, last_seen=3, types={ValueType.NUMERIC: 1}))
    merge(entry, Entry(count=1, first_seen=9, last_seen=9, types={ValueType.STRING: 1}))
    types = {ValueType.STRING: 3, ValueType.NUMERIC: 1}
    assert entry == Entry(count=4, first_seen=1, last_seen=9, types=types)


def test_an_id_stays_for_ever() -> None:
    """Whoever keeps it finds the same property later, after a restart, and on another server."""
    places = [
        Place(Section.USER, "", "plan"),
        Place(Section.COMPANY, "", "plan"),
        Place(Section.TRACK, "opened", "plan"),
        Place(Section.TRACK, "", "openedplan"),
    ]
    assert [entry_id(place) for place in places] == [
        8701877784351684,
        2584259462399269,
        275432698501734,
        1429451397639370,
    ]
    assert all(entry_id(place) < 2**53 for place in places)
