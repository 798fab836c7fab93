"""The body of a deletion: which ids it names, and what is refused."""

import json

import pytest

from analytex.domain.values import MAX_ID_CHARS
from analytex.errors import BadRequest
from analytex.wire.deletions import ids_to_delete


@pytest.mark.parametrize(
    ("body", "ids", "empty"),
    [
        ('{"users":["a","b"]}', ["a", "b"], 0),
        ('{"users":[]}', [], 0),
        ('{"users":["b","a","b"]}', ["b", "a"], 0),
        ('{"users":[12,12.0,"12",1e2,1.5,-0.0]}', ["12", "100", "1.5", "0"], 0),
        ('{"users":["","a",""]}', ["a"], 2),
        ('{"users":[""]}', [], 1),
        ('{"users":[" a ","A","a"]}', [" a ", "A", "a"], 0),
        ('{"users":["\\u0061\\u00fc"]}', ["aü"], 0),
        ('{"users":["a"],"companies":["b"],"x":{"y":[]}}', ["a"], 0),
        (' {"users" : [ "a" ] }\n', ["a"], 0),
        ('{"users":["a"],"users":["b"]}', ["b"], 0),
    ],
)
def test_each_id_is_named_once_in_its_order(body: str, ids: list[str], empty: int) -> None:
    """Numbers are their decimal text, as in every other call; empty ids are counted."""
    assert ids_to_delete(body.encode(), "users") == (ids, empty)


def test_the_other_list_has_another_name() -> None:
    """`users` does not delete companies."""
    assert ids_to_delete(b'{"companies":["a"]}', "companies") == (["a"], 0)
    with pytest.raises(BadRequest, match="`companies` is missing"):
        ids_to_delete(b'{"users":["a"]}', "companies")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "The body is empty."),
        (b" \n", "The body is empty."),
        (b"{", "The body is not valid JSON."),
        (b'{"users":["a"]}x', "The body is not valid JSON."),
        (b'{"users":["a"', "The body is not valid JSON."),
        (b'{"users":["\xff"]}', "The body is not valid UTF-8."),
        (b'{"users":["a"],"x":"\xff"}', "The body is not valid UTF-8."),
        (b"{}", "`users` is missing."),
        (b'{"Users":["a"]}', "`users` is missing."),
        (b'{"users":null}', "`users` is not a list of ids."),
        (b'{"users":"a"}', "`users` is not a list of ids."),
        (b'{"users":{"a":1}}', "`users` is not a list of ids."),
        (b'{"users":[null]}', "`users` is not a list of ids."),
        (b'{"users":[true]}', "`users` is not a list of ids."),
        (b'{"users":[["a"]]}', "`users` is not a list of ids."),
        (b'{"users":["a",{"id":"b"}]}', "`users` is not a list of ids."),
        (b'["a"]', "`users` is not a list of ids."),
        (b"1", "`users` is not a list of ids."),
        (b'{"users":["a\\ud800"]}', "The body is not valid JSON."),
        (b'{"users":[1e999]}', "`users` is not a list of ids."),
        (b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b',"users":["a"]}', "The body"),
    ],
)
def test_what_is_no_list_of_ids_is_refused(body: bytes, message: str) -> None:
    """400: nobody is deleted by half a request."""
    with pytest.raises(BadRequest) as refused:
        ids_to_delete(body, "users")

    assert refused.value.message.startswith(message)
    if "UTF-8" not in message:
        assert '{"users": [...]}' in refused.value.details


def test_an_id_that_nobody_can_have_is_refused() -> None:
    """Too long to be stored, so it was cut or mixed up on its way; the place is told."""
    longest = "x" * MAX_ID_CHARS
    assert ids_to_delete(json.dumps({"users": [longest]}).encode(), "users") == ([longest], 0)

    with pytest.raises(BadRequest) as refused:
        ids_to_delete(json.dumps({"users": ["a", longest + "x"]}).encode(), "users")

    assert refused.value.message == "`users[1]` is too long."
    assert refused.value.details == "It has 513 characters; at most 512 fit."
