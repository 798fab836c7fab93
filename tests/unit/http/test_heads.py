"""Heads that are not parsed again: only where the bytes leave no doubt."""

import pytest

from analytex.domain.calls import Call
from analytex.http import heads

HEAD = b"POST /v1/track HTTP/1.1\r\nHost: a\r\nContent-Length: %b\r\nAuthorization: Token k\r\n\r\n"
BODY = b'{"user_id":"a"}'
REQUEST = HEAD % b"15" + BODY


def learned() -> heads.Head:
    head = heads.learn(REQUEST, BODY, Call.TRACK, b"Token k")
    assert head is not None
    return head


def test_a_head_is_known_again_whatever_the_length_of_its_body() -> None:
    """A client sends the same head with every call, but for that number."""
    for body in (BODY, b"", b"{}", b"x" * 12345):
        request = HEAD % str(len(body)).encode() + body
        assert learned().body_in(request) == body
    assert (learned().call, learned().authorization) == (Call.TRACK, b"Token k")


@pytest.mark.parametrize(
    "request_",
    [
        REQUEST[:-1],
        REQUEST + b"x",
        REQUEST + REQUEST,
        HEAD % b"14" + BODY,
        HEAD % b"16" + BODY,
        HEAD % b"" + BODY,
        HEAD % b"-15" + BODY,
        HEAD % b"+15" + BODY,
        HEAD % b"15 " + BODY,
        HEAD % b"0xf" + BODY,
        HEAD % "\u0661\u0665".encode() + BODY,
        HEAD % b"99999999999999999999" + BODY,
        HEAD % b"15\r\nContent-Length: 15" + BODY,
        HEAD % b"15\r\nTransfer-Encoding: chunked" + BODY,
        REQUEST.replace(b"Token k", b"Token l"),
        REQUEST.replace(b"track", b"TRACK"),
        b"\r\n" + REQUEST,
        b"",
    ],
)
def test_any_other_head_is_left_to_the_parser(request_: bytes) -> None:
    """A byte more, less or different, and two requests at once."""
    assert learned().body_in(request_) is None


@pytest.mark.parametrize(
    "data",
    [
        REQUEST + REQUEST,
        b"\r\n" + REQUEST,
        REQUEST.replace(b"Content-Length", b"X-Length"),
        HEAD % b"15\r\nContent-Length: 15" + BODY,
        REQUEST.replace(b"\r\nHost", b"\r\ncontent-length: 15\r\nHost"),
        HEAD % b"0000000000000015" + BODY,
    ],
)
def test_only_one_plain_request_is_learned_from(data: bytes) -> None:
    """What the parser understood must be what the bytes say."""
    assert heads.learn(data, BODY, Call.TRACK, None) is None
