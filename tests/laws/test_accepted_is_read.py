"""What `check` accepts is kept, applied and read back, to the last digit; the rest is refused."""

import json
import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from analytex.domain.calls import Call
from analytex.domain.values import MAX_NESTING
from analytex.errors import BadRequest
from analytex.ingest.accept import RecordIds
from analytex.wire import bodies, records, replies
from tests.laws.world import World, record

IDS = RecordIds()

NUMBERS = (
    st.integers(-(2**63), 2**64 - 1)
    | st.integers(-(10**40), 10**40)
    | st.floats(allow_nan=False, allow_infinity=False)
)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(TEXT, JSON, max_size=6)
WRITERS: list[Callable[[Any], str]] = [
    json.dumps,
    lambda value: json.dumps(value, ensure_ascii=False),
    lambda value: json.dumps(value, indent=1),
    lambda value: json.dumps(value, separators=(",", ":"), ensure_ascii=False),
]
# Pieces of JSON and of what is nearly JSON, put together anyhow.
PIECES = st.sampled_from(
    [
        *("{", "}", "[", "]", ",", ":", '"', " ", "\\", "\n", "\0", "\ufeff"),
        *("null", "true", "NaN", "Infinity", "-0", "1e400", "1E-400", "01", "1.", "9" * 400, "-"),
        *('"user_id":', '"company_id":', '"event_name":', '"metadata":', '"company":', '"id":'),
        *(
            '"a"',
            '"\\ud800"',
            '"\\udc00\\ud800"',
            '"\\u0000"',
            '"é"',
            '"\\x"',
            "{}",
            "[]",
            "{" * 70,
        ),
        *(
            '{"user_id":"u",',
            '{"user_id":1,"event_name":"e",',
            '{"company_id":1.0,',
            '"metadata":{',
        ),
        *('"metadata":{"company":{"id":', '"company":{"id":7,"company_id":', '{"a":1,"a":2}'),
    ]
)
NEARLY_JSON = st.lists(PIECES, max_size=14).map(lambda pieces: "".join(pieces).encode())
BROKEN = st.builds(
    lambda value, write, at, byte: (
        (text := write(value).encode())[: at % (len(text) + 1)]
        + byte
        + text[at % (len(text) + 1) :]
    ),
    OBJECTS,
    st.sampled_from(WRITERS),
    st.integers(0, 10_000),
    st.binary(max_size=3),
)
STRINGS = st.sampled_from(
    ['"a"', '""', '"\\ud800"', '"\\u0000"', '"é"', '"\\/"', '"company"', '"id"']
)
VALUES = STRINGS | st.sampled_from(["1", "1.0", "-0.0", "1e300", "1e999", "null", "true", "[]"])
RAW_OBJECTS: st.SearchStrategy[str] = st.recursive(
    st.just("{}"),
    lambda inner: st.lists(st.tuples(STRINGS, VALUES | inner), max_size=4).map(
        lambda pairs: "{" + ",".join(f"{name}:{value}" for name, value in pairs) + "}"
    ),
    max_leaves=8,
)
# Mostly valid, with keys twice, halves of surrogate pairs and numbers beyond all bounds.
CALLS = st.builds(
    '{{"user_id":{},"company_id":{},"event_name":{},"metadata":{},"company":{}}}'.format,
    VALUES,
    VALUES,
    STRINGS,
    RAW_OBJECTS,
    RAW_OBJECTS | st.just('{"id":7,"\\u0000":null}'),
).map(str.encode)
NUMBER_TEXT = st.from_regex(
    r"-?(0|[1-9][0-9]{0,40})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?", fullmatch=True
)


def accept_and_apply(world: World, call: Call, body: bytes) -> int:
    """Accept a call in an environment of its own; return that environment."""
    bodies.check(call, body)
    environment_id = world.new_environment()
    world.apply([record(environment_id, call, IDS.next(), body)])
    return environment_id


@pytest.mark.slow
@given(OBJECTS, st.sampled_from(WRITERS))
def test_an_events_metadata_reads_as_it_was_sent(
    world: World, metadata: dict[str, Any], write: Callable[[Any], str]
) -> None:
    """Nested values, any Unicode, integers of any size and floats of any precision. 2 s."""
    body = {"user_id": "ada", "event_name": "e", "metadata": metadata}
    environment_id = accept_and_apply(world, Call.TRACK, write(body).encode())
    (event,) = world.events(environment_id)
    reply = json.loads(replies.encode(replies.event_reply(event, "NX-1")))
    assert same(reply["metadata"], metadata)


@pytest.mark.slow
@given(OBJECTS, OBJECTS, st.sampled_from(WRITERS))
def test_a_profile_reads_as_it_was_sent(
    world: World, metadata: dict[str, Any], company: dict[str, Any], write: Callable[[Any], str]
) -> None:
    """The same, and null means absent; `metadata.company` would name a company. 2 s."""
    metadata.pop("company", None)
    company = {name: value for name, value in company.items() if name not in ("id", "company_id")}
    body = {"user_id": "ada", "metadata": metadata, "company": {"id": 7, **company}}
    environment_id = accept_and_apply(world, Call.IDENTIFY, write(body).encode())
    (user,) = world.users(environment_id)
    reply = json.loads(replies.encode(replies.user_reply(user)))
    assert same(reply["metadata"], without_nulls(metadata))
    assert reply["company_id"] == "7"
    (found,) = world.companies(environment_id)
    reply = json.loads(replies.encode(replies.company_reply(found)))
    assert same(reply["metadata"], without_nulls(company))


@pytest.mark.slow
@given(NUMBER_TEXT)
def test_a_number_keeps_every_digit(world: World, number: str) -> None:
    """It is kept as text: 0.10 stays 0.10, and 2**70 does not become a float. 2 s."""
    body = f'{{"user_id":"ada","metadata":{{"n":{number}}}}}'.encode()
    try:
        environment_id = accept_and_apply(world, Call.IDENTIFY, body)
    except BadRequest:  # one that no computer's float holds
        assert math.isinf(float(number))
        return
    (user,) = world.users(environment_id)
    assert f'"metadata":{{"n":{number}}}' in replies.encode(replies.user_reply(user)).decode()


@given(st.sampled_from(Call), CALLS | NEARLY_JSON | BROKEN | st.binary(max_size=60))
@example(Call.TRACK, b"[" * 100_000)
@example(
    Call.IDENTIFY, b'{"user_id":"a","metadata":' + b"[" * MAX_NESTING + b"]" * MAX_NESTING + b"}"
)
@example(Call.IDENTIFY, b'{"user_id":"a","metadata":{"company":{"id":"\\ud800"}}}')
@example(Call.IDENTIFY, b'{"user_id":"\\ud800"}')
@example(Call.IDENTIFY, b'{"user_id":1e400}')
@example(Call.IDENTIFY, b'{"user_id":"a","company":{"id":1e300,"\\ud800":1}}')
@example(Call.IDENTIFY, b'{"user_id":"a","metadata":{"\\ud800":1}}')
@example(Call.IDENTIFY, b'{"user_id":"a","metadata":{"company":{"id":[1e999]}}}')
@example(Call.TRACK, b'{"user_id":"a","event_name":"\\ud800"}')
@example(Call.TRACK, b'{"user_id":"a","event_name":"e","metadata":{"\\ud800":"\\udfff"}}')
@example(Call.IDENTIFY_COMPANY, b'{"company_id":-0.0,"metadata":null}')
def test_what_is_accepted_can_be_applied_and_read(world: World, call: Call, body: bytes) -> None:
    """A record that nobody can read after the 202 would be lost to its sender."""
    try:
        environment_id = accept_and_apply(world, call, body)
    except BadRequest:  # nothing else is ever raised
        return
    records.decode(record(1, call, IDS.next(), body), company_from_metadata=True)
    (event,) = world.events(environment_id)
    assert json.loads(replies.encode(replies.event_reply(event, "NX-1")))["id"] == event.id
    for user in world.users(environment_id):
        assert json.loads(replies.encode(replies.user_reply(user)))["user_id"]
    for company in world.companies(environment_id):
        assert json.loads(replies.encode(replies.company_reply(company)))["company_id"]


def without_nulls(value: dict[str, Any]) -> dict[str, Any]:
    """Return the properties that have a value; a null further inside is one."""
    return {name: each for name, each in value.items() if each is not None}


def same(found: object, sent: object) -> bool:
    """Compare with types: to Python 1, 1.0 and True are equal."""
    return json.dumps(found, sort_keys=True) == json.dumps(sent, sort_keys=True)
