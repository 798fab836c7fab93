"""Log records: the layout is for ever, and what cannot be read is said to be so."""

import pytest

from analytex.domain.calls import Call
from analytex.domain.events import EventType
from analytex.wire import records
from analytex.wire.records import UnreadableRecord

AT = 1_772_359_200_000_001
ID = records.record_id(AT, "abcdef0")


def record(call: Call, body: bytes) -> bytes:
    return records.encode(records.head(call, 258), ID, body)


def test_the_layout_is_as_documented() -> None:
    """Logs of older servers are read by newer ones."""
    assert record(Call.TRACK, b"{}") == b"\x01\x03\x00\x00\x01\x02" + ID.encode() + b"{}"
    assert (len(ID), records.received_at(ID)) == (20, AT)


def test_ids_grow_with_time() -> None:
    """So text order is time order, through every length that a time can have."""
    times = [0, 1, 15, 16, 10**15, AT, AT + 1, 2**52 - 1]
    ids = [records.record_id(at, "0000000") for at in times]
    assert ids == sorted(ids)
    assert {len(id) for id in ids} == {20}


def test_a_track_becomes_an_event() -> None:
    """With its metadata byte for byte."""
    body = b'{"user_id":7,"event_name":"e","metadata":{"x": 1.0,"y":[ ]}}'
    event = records.decode(record(Call.TRACK, body), company_from_metadata=True)

    assert (event.id, event.environment_id, event.inserted_at) == (ID, 258, AT)
    assert (event.event_type, event.event_name, event.user_id) == (EventType.TRACK, "e", "7")
    assert event.metadata == '{"x": 1.0,"y":[ ]}'
    assert (event.company_id, event.company) == (None, None)


@pytest.mark.parametrize(
    ("body", "company_id", "company"),
    [
        (b'{"user_id":"a","company":{"id":"c","x":1}}', "c", '{"x":1}'),
        (b'{"user_id":"a","company":{"company_id":3}}', "3", "{}"),
        (b'{"user_id":"a","company":{"id":"c","company_id":"d"}}', "c", "{}"),
        (b'{"user_id":"a","company":{}}', None, None),
        (b'{"user_id":"a","metadata":{"company":{"id":"c","x":1}}}', "c", '{"x":1}'),
        (b'{"user_id":"a","metadata":{"company":{"company_id":"c"}}}', None, None),
        (b'{"user_id":"a","metadata":{"company":[{"id":"c"}]}}', None, None),
        (b'{"user_id":"a","metadata":{"x":{"company":{"id":"c"}}}}', None, None),
        (b'{"user_id":"a","metadata":{"company":{"id":true}}}', None, None),
        (b'{"user_id":"a","metadata":{"company":{"id":"%b"}}}' % (b"x" * 513), None, None),
        (rb'{"user_id":"a","metadata":{"\u0063ompany":{"id":"c"}}}', "c", "{}"),
    ],
)
def test_an_identify_names_a_company_in_several_ways(
    body: bytes, company_id: str | None, company: str | None
) -> None:
    """Contract, conflict C1, and what Segment sends."""
    event = records.decode(record(Call.IDENTIFY, body), company_from_metadata=True)

    assert (event.company_id, event.company) == (company_id, company)


def test_the_company_in_the_metadata_can_be_left_alone() -> None:
    """By the setting of that name."""
    body = b'{"user_id":"a","metadata":{"company":{"id":"c"}}}'
    event = records.decode(record(Call.IDENTIFY, body), company_from_metadata=False)

    assert (event.company_id, event.company) == (None, None)


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"\x01",
        b"\x02" + record(Call.TRACK, b"{}")[1:],
        b"\x01\x09" + record(Call.TRACK, b"{}")[2:],
        record(Call.TRACK, b"{}")[:20],
        record(Call.TRACK, b"not json"),
        record(Call.TRACK, b'{"event_name":"e"}'),
        record(Call.IDENTIFY, b'{"user_id":"a","company":{"x":1}}'),
        record(Call.IDENTIFY_COMPANY, b"{}"),
        records.encode(records.head(Call.TRACK, 1), "not-a-time-at-all-00", b'{"user_id":1}'),
    ],
)
def test_what_cannot_be_read_is_an_unreadable_record(broken: bytes) -> None:
    """And nothing else: apply puts it aside, and goes on."""
    with pytest.raises(UnreadableRecord):
        records.decode(broken, company_from_metadata=True)
