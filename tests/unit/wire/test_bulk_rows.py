"""Rows of bulk identify: what each becomes, and what is said of a wrong one."""

from typing import Any

import pytest

from analytex.domain.events import Event, EventType
from analytex.domain.jobs import MAX_VALUE_CHARS, JobKind
from analytex.wire import bulk_rows
from analytex.wire.rows import RowProblem

AT = 1_739_779_391_250_000
PROCESS = "00000a1"

users = bulk_rows.decoder(JobKind.BULK_USERS, 7, AT, PROCESS)
companies = bulk_rows.decoder(JobKind.BULK_COMPANIES, 7, AT, PROCESS)


def test_a_row_of_users_is_an_identify() -> None:
    """As if it had been sent when the job was submitted."""
    row = b'{"user_id": "u-1", "company_id": "c-31", "metadata": {"plan":  "team"}}'

    assert users(row, 11) == Event(
        id=f"{AT:013x}00000a100000000000b",
        environment_id=7,
        event_type=EventType.IDENTIFY_USER,
        event_name="",
        user_id="u-1",
        company_id="c-31",
        source="backend-http",
        inserted_at=AT,
        metadata='{"plan":  "team"}',
        company="{}",
    )


def test_a_row_of_companies_is_an_identify() -> None:
    """A company's properties are its metadata."""
    row = b'{"company_id": "c-31", "metadata": {"seats": 9}}'

    assert companies(row, 1) == Event(
        id=f"{AT:013x}00000a1000000000001",
        environment_id=7,
        event_type=EventType.IDENTIFY_COMPANY,
        event_name="",
        user_id=None,
        company_id="c-31",
        source="backend-http",
        inserted_at=AT,
        metadata='{"seats": 9}',
    )


def test_the_later_of_two_rows_wins() -> None:
    """Equal times are decided by the id."""
    row = b'{"user_id":"u"}'
    ids = [users(row, number).id for number in (1, 2, 9, 10, 15, 16, 10_000, 2**40)]
    assert ids == sorted(ids)
    assert {len(id) for id in ids} == {32}


@pytest.mark.parametrize(
    ("row", "field", "value"),
    [
        pytest.param('{"user_id":12}', "user_id", "12", id="a number as id"),
        pytest.param('{"user_id":12.0}', "user_id", "12", id="a whole float as id"),
        pytest.param('{"user_id":0}', "user_id", "0", id="zero is an id"),
        pytest.param('{"user_id":" "}', "user_id", " ", id="a space is an id"),
        pytest.param('{"user_id":"żółw"}', "user_id", "żółw", id="an id of any letters"),
        pytest.param('{"user_id":"' + "x" * 512 + '"}', "user_id", "x" * 512, id="512 characters"),
        pytest.param('{"user_id":"u"}', "company_id", None, id="no company"),
        pytest.param('{"user_id":"u","company_id":null}', "company_id", None, id="company null"),
        pytest.param('{"user_id":"u","company_id":""}', "company_id", None, id="company empty"),
        pytest.param('{"user_id":"u","company_id":5}', "company_id", "5", id="company a number"),
        pytest.param('{"user_id":"u"}', "company", None, id="no company, no properties of it"),
        pytest.param('{"user_id":"u"}', "metadata", "{}", id="no metadata"),
        pytest.param('{"user_id":"u","metadata":null}', "metadata", "{}", id="metadata null"),
        pytest.param('{"user_id":"u","metadata":{}}', "metadata", "{}", id="metadata empty"),
        pytest.param(
            '{"user_id":"u","metadata":{"a":null,"b":[1,{"c":2.50}]}}',
            "metadata",
            '{"a":null,"b":[1,{"c":2.50}]}',
            id="nested metadata as it came",
        ),
        pytest.param(
            '{"user_id":"u","metadata":{"n":123456789012345678901234567890}}',
            "metadata",
            '{"n":123456789012345678901234567890}',
            id="a number of many digits",
        ),
        pytest.param('{"user_id":"u","x":{"y":[]},"url":5}', "user_id", "u", id="unknown keys"),
        pytest.param(' {"user_id":"u"} \r\n', "user_id", "u", id="spaces around"),
    ],
)
def test_a_good_row(row: str, field: str, value: object) -> None:
    """The same ids and metadata as of the real-time calls."""
    assert getattr(users(row.encode(), 1), field) == value


BAD: list[tuple[str, bytes, str, str, str]] = [
    ("no id", b'{"metadata":{}}', "/user_id", "", "missing"),
    ("id null", b'{"user_id":null}', "/user_id", "", "missing"),
    ("id empty", b'{"user_id":""}', "/user_id", "", "empty"),
    ("id true", b'{"user_id":true}', "/user_id", "true", "wrong_type"),
    ("id an object", b'{"user_id":{"a":1}}', "/user_id", '{"a":1}', "wrong_type"),
    ("id too long", b'{"user_id":"%b"}' % (b"x" * 513), "/user_id", "x" * 200, "too_long"),
    ("id of digits", b'{"user_id":%b}' % (b"9" * 513), "/user_id", "9" * 200, "too_long"),
    ("id no double", b'{"user_id":1e400}', "/user_id", "1e400", "out_of_range"),
    ("id endless", b'{"user_id":%b}' % (b"9" * 5000), "/user_id", "9" * 200, "out_of_range"),
    ("company true", b'{"user_id":1,"company_id":true}', "/company_id", "true", "wrong_type"),
    ("company object", b'{"user_id":1,"company_id":{}}', "/company_id", "{}", "wrong_type"),
    ("metadata list", b'{"user_id":1,"metadata":[1]}', "/metadata", "[1]", "wrong_type"),
    ("metadata text", b'{"user_id":1,"metadata":"{}"}', "/metadata", '"{}"', "wrong_type"),
    (
        "metadata beyond doubles",
        b'{"user_id":1,"metadata":{"a":1e400}}',
        "/metadata",
        '{"a":1e400}',
        "out_of_range",
    ),
    ("nothing", b"", "", "", "not_json"),
    ("half a row", b'{"user_id":"u"', "", '{"user_id":"u"', "not_json"),
    ("two rows", b'{"user_id":1}{"user_id":2}', "", '{"user_id":1}{"user_id":2}', "not_json"),
    ("NaN", b'{"user_id":1,"metadata":{"a":NaN}}', "", "", "not_json"),
    ("half a pair", rb'{"user_id":"\ud800"}', "", r'{"user_id":"\ud800"}', "not_json"),
    ("a NUL byte", b'{"user_id":"a\0b"}', "", '{"user_id":"a\0b"}', "not_json"),
    ("a list", b'["u"]', "", '["u"]', "not_an_object"),
    ("a text", b'"u"', "", '"u"', "not_an_object"),
    ("not UTF-8", b'{"user_id":"\xff"}', "", '{"user_id":"�"}', "not_utf8"),
    ("not UTF-8, ignored", b'{"user_id":"u","x":"\xff"}', "", "", "not_utf8"),
    ("too deep", b'{"user_id":1,"metadata":{"a":%b}}' % (b"[" * 63 + b"]" * 63), "", "",
     "nested_too_deeply"),
    ("far too deep", b'{"x":%b}' % (b"[" * 50_000 + b"]" * 50_000), "", "", "nested_too_deeply"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("row", "place", "value", "code"), [case[1:] for case in BAD], ids=[case[0] for case in BAD]
)
def test_a_bad_row(row: bytes, place: str, value: str, code: str) -> None:
    """The error points to the field, shows what stands there, and has a code for programs."""
    with pytest.raises(RowProblem) as caught:
        users(row, 1)
    problem = caught.value
    assert (problem.place, problem.code) == (place, code)
    assert problem.value == (value or problem.value)
    assert len(problem.value) <= MAX_VALUE_CHARS
    assert problem.reason.endswith(".")
    assert place[1:] in problem.reason


def test_64_levels_fit() -> None:
    """The row and its metadata are two of them."""
    row = b'{"user_id":1,"metadata":{"a":%b}}' % (b"[" * 62 + b"]" * 62)
    assert users(row, 1).metadata.count("[") == 62


@pytest.mark.parametrize(
    ("row", "code"),
    [
        pytest.param(b'{"user_id":"u"}', "missing", id="no id"),
        pytest.param(b'{"company_id":[]}', "wrong_type", id="an id of another type"),
    ],
)
def test_a_company_needs_its_id(row: bytes, code: str) -> None:
    """A user's does not do."""
    with pytest.raises(RowProblem) as caught:
        companies(row, 1)
    assert (caught.value.place, caught.value.code) == ("/company_id", code)


def test_a_row_of_companies_may_have_anything_in_fields_of_others() -> None:
    """They are unknown keys there."""
    assert companies(b'{"company_id":"c","user_id":{}}', 1).user_id is None


def test_a_long_value_is_cut() -> None:
    """A report of a million errors has to stay small."""
    fields: dict[str, Any] = {"row": b'{"user_id":["' + "é".encode() * 500 + b'"]}', "number": 1}
    with pytest.raises(RowProblem) as caught:
        users(fields["row"], fields["number"])
    assert caught.value.value == '["' + "é" * (MAX_VALUE_CHARS - 2)
