"""The list in a JSON body, element by element."""

import json
import mmap
import tempfile
import tracemalloc
from itertools import islice
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytex.errors import BadRequest
from analytex.wire.lists import MAX_DEPTH, split_list

TEXT = st.text(max_size=8)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=8,
)
OTHERS = st.dictionaries(TEXT.filter(lambda name: name != "users"), JSON, max_size=2)


def split(body: bytes) -> list[bytes]:
    """Return all elements of the list `users`."""
    return [bytes(element) for element in split_list(body, "users")]


@given(
    st.lists(JSON, max_size=4),
    OTHERS,
    OTHERS,
    st.sampled_from([None, 0, 3]),
    st.booleans(),
)
def test_every_element_comes_out_as_it_was_written(
    users: list[Any],
    before: dict[str, Any],
    after: dict[str, Any],
    indent: int | None,
    ascii_only: bool,
) -> None:
    """Whatever it is, whatever stands around the list, and however it is spaced."""
    body = {**before, "users": users, **{k: v for k, v in after.items() if k not in before}}
    text = json.dumps(body, indent=indent, ensure_ascii=ascii_only)
    assert [json.loads(element) for element in split(text.encode())] == users


@given(st.text(alphabet='{}[]",:\\ 1atrue\n', max_size=30), st.booleans())
def test_what_is_split_is_json_and_nothing_else_is(inside: str, closed: bool) -> None:
    """The scanner may cut where it likes: what is not valid JSON as a whole is refused."""
    body = '{"users":[' + inside + ("]}" if closed else "")
    try:
        expected = json.loads(body)["users"]
    except ValueError:
        with pytest.raises(BadRequest):
            split(body.encode())
    else:
        assert [json.loads(each) for each in split(body.encode())] == expected


ACCEPTED = {
    "empty list": (b'{"users":[]}', []),
    "blank list": (b' { "users" : [ \n ] } \r\n', []),
    "key with an escape": (b'{"\\u0075sers":[1]}', [b"1"]),
    "key in other places": (b'{"a":{"users":[1]},"b":"users","users":[2]}', [b"2"]),
    "long other key": (b'{"' + b"x" * 5000 + b'":[],"users":[2]}', [b"2"]),
    "not objects": (b'{"users":[1,"a",null,[2],true]}', [b"1", b'"a"', b"null", b"[2]", b"true"]),
    "brackets in strings": (b'{"users":["]}",{"{\\"[":"\\\\"}]}', [b'"]}"', b'{"{\\"[":"\\\\"}']),
    "line breaks inside": (b'{"users":[{\r\n"a":\n1}]}', [b'{\r\n"a":\n1}']),
}


@pytest.mark.parametrize(("body", "elements"), ACCEPTED.values(), ids=ACCEPTED)
def test_a_list_is_found(body: bytes, elements: list[bytes]) -> None:
    """By its key in the body itself."""
    assert split(body) == elements


REFUSED = {
    "nothing": (b"", "empty"),
    "blank": (b" \n", "empty"),
    "no list": (b"{}", "`users` is missing"),
    "only others": (b'{"companies":[1]}', "`users` is missing"),
    "list alone": (b"[1]", "`users` is missing"),
    "number": (b"1", "`users` is missing"),
    "not a list": (b'{"users":{"a":1}}', "`users` has the wrong type"),
    "null": (b'{"users":null}', "`users` has the wrong type"),
    "two lists": (b'{"users":[1],"users":[2]}', "twice"),
    "text": (b"hello", "not valid JSON"),
    "ndjson": (b'{"user_id":"a"}\n{"user_id":"b"}', "not valid JSON"),
    "byte-order mark": (b'\xef\xbb\xbf{"users":[]}', "not valid JSON"),
    "list without end": (b'{"users":[1', "not valid JSON"),
    "object without end": (b'{"users":[1]', "not valid JSON"),
    "element without end": (b'{"users":[{"a":1]}', "not valid JSON"),
    "string without end": (b'{"users":["a]}', "not valid JSON"),
    "wrong bracket": (b'{"users":[{"a":1]]}', "not valid JSON"),
    "wrong last bracket": (b'{"users":[1}', "not valid JSON"),
    "trailing comma": (b'{"users":[1,]}', "not valid JSON"),
    "trailing comma in the body": (b'{"users":[1],}', "not valid JSON"),
    "leading comma": (b'{"users":[,1]}', "not valid JSON"),
    "no comma": (b'{"users":[1 2]}', "not valid JSON"),
    "more behind": (b'{"users":[1]}{}', "not valid JSON"),
    "key without quotes": (b"{users:[1]}", "not valid JSON"),
    "no colon": (b'{"users" [1]}', "not valid JSON"),
    "word": (b'{"users":[yes]}', "not valid JSON"),
    "NaN": (b'{"users":[NaN]}', "not valid JSON"),
    "half a surrogate pair": (b'{"users":["\\ud800"]}', "not valid JSON"),
    "line break in a string": (b'{"users":["a\nb"]}', "not valid JSON"),
    "NUL": (b'{"users":[\0]}', "not valid JSON"),
    "NUL in a string": (b'{"users":["\0"]}', "not valid JSON"),
    "broken elsewhere": (b'{"users":[1],"b":tru}', "not valid JSON"),
    "invalid UTF-8": (b'{"users":["\xff"]}', "not valid UTF-8"),
    "invalid UTF-8 elsewhere": (b'{"a":"\xff","users":[]}', "not valid UTF-8"),
    "cut in a character": (b'{"users":["\xc3', "not valid UTF-8"),
    "UTF-16": ('{"users":[]}'.encode("utf-16"), "not valid UTF-8"),
    "deep": (b'{"users":[' + b"[" * 100_000 + b"]" * 100_000 + b"]}", "nested too deeply"),
    "deep elsewhere": (b'{"a":' + b'{"a":' * 100_000, "nested too deeply"),
    "only opened": (b"{" * 100_000, "not valid JSON"),
}


@pytest.mark.parametrize(("body", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_wrong_with_a_body_is_said(body: bytes, message: str) -> None:
    """In one sentence, for the whole body: nobody knows where the next row would begin."""
    with pytest.raises(BadRequest, match=message):
        split(body)


def test_where_the_body_is_wrong_is_said() -> None:
    """Counted in bytes from the body's beginning, across the pieces in which it is checked."""
    with pytest.raises(BadRequest) as caught:
        split(b'{"users":[1,{"a":x}]}')
    assert caught.value.details.startswith("At byte 12:")

    front = b'{"users":["' + "ü".encode() * 1024 * 1024
    with pytest.raises(BadRequest) as caught:
        split(front + b'\xff"]}')
    assert str(len(front)) in caught.value.details


def test_what_is_as_deep_as_allowed_is_taken() -> None:
    """The decoder holds that without running out of its stack."""
    element = b"[" * MAX_DEPTH + b"]" * MAX_DEPTH
    assert split(b'{"users":[' + element + b"]}") == [element]


def test_elements_come_before_the_rest_is_looked_at() -> None:
    """Whoever counts them can stop, and needs no memory for a list of 50 MB."""
    body = b'{"users":[' + b"1," * 25_000_000
    tracemalloc.start()
    try:
        assert len(list(islice(split_list(body, "users"), 1000))) == 1000
        assert tracemalloc.get_traced_memory()[1] < 4 * 1024 * 1024
    finally:
        tracemalloc.stop()


LARGE = 10_000_000
LARGE_VALUES = {
    "string": b'"' + b"x" * LARGE + b'"',
    "string of escapes": b'"' + b"\\n" * (LARGE // 2) + b'"',
    "blanks": b"[" + b" " * LARGE + b"]",
    "number": b"1" * LARGE,
    "list": b"[" + b"1," * (LARGE // 2) + b"1]",
}


@pytest.mark.slow  # 1 to 2 s together
@pytest.mark.parametrize("value", LARGE_VALUES.values(), ids=LARGE_VALUES)
def test_one_large_element_needs_no_memory(value: bytes) -> None:
    """Neither the scanner keeps a way back, nor is a copy made."""
    body = b'{"users":[' + value + b"]}"
    tracemalloc.start()
    try:
        assert [len(element) for element in split_list(body, "users")] == [len(value)]
        assert tracemalloc.get_traced_memory()[1] < 4 * 1024 * 1024
    finally:
        tracemalloc.stop()


def test_a_mapped_file_is_read_as_well() -> None:
    """And what was read of it may leave memory before the end is reached."""
    row = b'{"a":"' + b"x" * 10_000 + b'"}'
    body = b'{"users":[' + (row + b",") * 1000 + row + b"]}"
    with tempfile.TemporaryFile() as file:
        file.write(body)
        file.flush()
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        elements = [bytes(each) for each in split_list(mapped, "users")]
    assert elements == [row] * 1001
