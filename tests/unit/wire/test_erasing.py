"""Taking people and companies out of records."""

import json

import pytest

from analytex.domain.calls import Call
from analytex.domain.profiles import ProfileKind
from analytex.wire import erasing, records
from analytex.wire.erasing import Erasing

AT = 1_000_000


def record(call: Call, body: bytes, *, environment_id: int = 1, at: int = AT) -> bytes:
    """The record of a call."""
    id = records.record_id(at, "0000000")
    return records.encode(records.head(call, environment_id), id, body)


USERS = Erasing(1, ProfileKind.USER, {"ada", "12"}, at=AT)
COMPANIES = Erasing(1, ProfileKind.COMPANY, {"acme", "12"}, at=AT)


@pytest.mark.parametrize(
    ("call", "body"),
    [
        (Call.TRACK, b'{"user_id":"ada","event_name":"x"}'),
        (Call.TRACK, b'{"event_name":"x","user_id":"\\u0061da"}'),
        (Call.IDENTIFY, b'{"user_id":12}'),
        (Call.IDENTIFY, b'{"user_id":12.0,"company":{"id":"acme"}}'),
        (Call.TRACK, b'not JSON, but "ada" is in it'),
        (Call.TRACK, b'{"user_id":"\\u0061da"'),
    ],
)
def test_a_users_record_says_nothing_any_more(call: Call, body: bytes) -> None:
    """Environment and length stay; the rest is zeros."""
    given = record(call, body)
    left = USERS(given)
    assert left == b"\1\0\0\0\0\1".ljust(len(given), b"\0")
    assert records.is_erased(left)
    assert USERS(left) is None
    with pytest.raises(records.UnreadableRecord):
        records.decode(left, company_from_metadata=True)


@pytest.mark.parametrize(
    "given",
    [
        record(Call.TRACK, b'{"user_id":"bob","event_name":"ada"}'),
        record(Call.IDENTIFY_COMPANY, b'{"company_id":"ada"}'),
        record(Call.TRACK, b'{"user_id":"ada","event_name":"x"}', at=AT + 1),
        record(Call.TRACK, b'{"user_id":"ada","event_name":"x"}', environment_id=2),
        record(Call.TRACK, b'{"user_id":"adam"'),
        record(Call.TRACK, b'{"user_id":"ada"', environment_id=2),
    ],
)
def test_other_records_stay(given: bytes) -> None:
    """Of others, of other environments, newer ones; and those that only mention the id."""
    assert USERS(given) is None


@pytest.mark.parametrize(
    ("body", "left"),
    [
        (b'{"user_id":"a","company":{"id":"acme"}}', b'{"user_id":"a"}'),
        (b'{"user_id":"a","company":{"company_id":12}}', b'{"user_id":"a"}'),
        (b'{"user_id":"a","company":{"id":"x","company_id":"acme"}}', None),
        (
            b'{"user_id":"a", "metadata":{"x" : 1.0,"company":{"id":"acme"}}}',
            b'{"user_id":"a","metadata":{"x":1.0}}',
        ),
        (
            b'{"user_id":"a","metadata":{"\\u0063ompany":{"id":"\\u0061cme"},"x":"\\u0041"}}',
            b'{"user_id":"a","metadata":{"x":"\\u0041"}}',
        ),
        (
            b'{"user_id":"a","metadata":{"company":{"id":"acme"}},"company":{"id":"globex"}}',
            b'{"user_id":"a","metadata":{},"company":{"id":"globex"}}',
        ),
        (b'{"user_id":"a","metadata":{"company":"acme"}}', None),
        (b'{"user_id":"a","metadata":{"company":{"id":true}}}', None),
        (b'{"user_id":"acme","metadata":null}', None),
    ],
)
def test_a_company_goes_out_of_a_users_record(body: bytes, left: bytes | None) -> None:
    """The rest stays as it was sent; blanks at the end keep the length."""
    given = record(Call.IDENTIFY, body)
    found = COMPANIES(given)
    if left is None:
        assert found is None
    else:
        assert found == (given[:26] + left).ljust(len(given))
        records.decode(found, company_from_metadata=True)


def test_the_record_of_a_company_says_nothing_any_more() -> None:
    """It is about nobody else."""
    given = record(Call.IDENTIFY_COMPANY, b'{"company_id":"acme"}')
    assert COMPANIES(given) == records.erased(given)
    assert COMPANIES(record(Call.IDENTIFY_COMPANY, b'{"company_id":"globex"}')) is None


def test_a_record_of_another_layout_is_erased_if_it_holds_the_id() -> None:
    """It cannot be known where its environment stands."""
    assert USERS(b'\7whatever "ada"') == b"\1\0".ljust(15, b"\0")
    assert USERS(b'\7whatever "bob"') is None
    assert USERS(b"") is None


@pytest.mark.parametrize("others", [0, 1000])
@pytest.mark.parametrize("id", ["a/b", "ä", "日本 🐢", 'say "hi"', "tab\there", "a.b*c", "\\"])
def test_an_id_is_found_in_any_spelling(id: str, others: int) -> None:
    """As it is, and escaped as JSON allows; alone, and as one of many."""
    names = erasing.Mention({id, *(f"other-{number}" for number in range(others))})
    for text in (id, json.dumps(id), json.dumps(id, ensure_ascii=False)):
        assert erasing.holds(f"[{text}]".encode(), names)
    assert not erasing.holds(b'["somebody else"]', names)


@pytest.mark.parametrize("others", [0, 1000])
def test_an_id_is_no_part_of_a_word(others: int) -> None:
    """Else deleting "1" would remove every row that has a 1 anywhere."""
    names = erasing.Mention({"u-1", *(f"other-{number}" for number in range(others))})
    assert not any(erasing.holds(text, names) for text in (b"u-12", b"xu-1", "äu-1".encode()))
    assert erasing.holds(b"\xff,u-1,", names)


def test_an_id_may_be_what_bytes_that_are_no_text_become() -> None:
    """Such bytes are read as U+FFFD, which is a character like others."""
    assert erasing.holds(b"[\xff]", erasing.Mention({"\ufffd"}))
    assert erasing.holds(b"[u\xff]", erasing.Mention({"u\ufffd"}))


def test_no_ids_are_found_nowhere() -> None:
    """A deletion of nobody removes nothing."""
    assert not erasing.holds(b'{"user_id":""}', erasing.Mention(set()))


@pytest.mark.parametrize("size", range(8))
def test_the_shortest_records_keep_their_length(size: int) -> None:
    """Even what is no record at all."""
    assert len(records.erased(b"\1\3\0\0\0\1xx"[:size])) == size


def test_names_are_those_that_apply_reads() -> None:
    """The same decoding, so that no spelling is missed."""
    given = record(Call.IDENTIFY, b'{"user_id":7.0,"metadata":{"company":{"id":1}}}')
    assert records.names(given) == (1, "7", "1")
