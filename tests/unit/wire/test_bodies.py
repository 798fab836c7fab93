"""What a body must be, and how deep it may go. The refusals' texts are tested end to end."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytex.domain.calls import Call
from analytex.errors import BadRequest
from analytex.wire import bodies, records

TRACK = b'{"user_id":"a","event_name":"e","metadata":%b}'


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (12, "12"),
        (12.0, "12"),
        (-7.25, "-7.25"),
        (1e3, "1000"),
        ("12.0", "12.0"),
        (2**63, str(2**63)),
    ],
)
def test_a_number_as_an_id_is_its_decimal_text(value: str | float, text: str) -> None:
    """As JavaScript would write it, so that it is the same id whoever sends it."""
    assert bodies.id_text(value) == text


@pytest.mark.parametrize(
    ("text", "deep"),
    [
        (b"1", 0),
        (b"{}", 1),
        (b'{"a":[{"b":[]}],"c":{}}', 4),
        (b'["[[[[{{{{"]', 1),
        (rb'["\"[[[[", "\\", [ ]]', 2),
        (b'{"[[":{"]]":1}}', 2),
    ],
)
def test_nesting_counts_brackets_outside_of_texts(text: bytes, deep: int) -> None:
    """A text full of brackets is not deep."""
    assert bodies.nesting(text) == deep


@pytest.mark.parametrize(("arrays", "fits"), [(62, True), (63, False)])
def test_64_levels_fit(arrays: int, fits: bool) -> None:
    """The body and its metadata are two of them."""
    body = TRACK % (b'{"x":' + b"[" * arrays + b"]" * arrays + b"}")
    if fits:
        bodies.check(Call.TRACK, body)
    else:
        with pytest.raises(BadRequest, match="nested"):
            bodies.check(Call.TRACK, body)


def test_many_brackets_side_by_side_are_not_deep() -> None:
    """A long array of objects is an ordinary value."""
    bodies.check(Call.TRACK, TRACK % (b'{"x":[' + b",".join([b"{}"] * 500) + b"]}"))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(
    st.sampled_from(Call),
    st.dictionaries(
        st.sampled_from(["user_id", "company_id", "event_name", "metadata", "company", "other"]),
        json_values | st.dictionaries(st.sampled_from(["id", "company_id", "x"]), json_values),
    ),
)
def test_what_was_accepted_can_be_applied(call: Call, body: dict[str, object]) -> None:
    """A body passes the check or is a BadRequest; and nothing that passed is unreadable later."""
    sent = json.dumps(body).encode()
    try:
        bodies.check(call, sent)
    except BadRequest:
        return
    record = records.encode(records.head(call, 1), records.record_id(1, "0" * 7), sent)

    event = records.decode(record, company_from_metadata=True)

    assert json.loads(event.metadata) == (body.get("metadata") or {})
    assert 0 < len(event.user_id or event.company_id or "") <= 512


@given(st.sampled_from(Call), st.binary(max_size=60))
def test_any_bytes_are_checked_or_refused(call: Call, body: bytes) -> None:
    """Never anything else: another exception would be a 500."""
    with suppress(BadRequest):
        bodies.check(call, body)
