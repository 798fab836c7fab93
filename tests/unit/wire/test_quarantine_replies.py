"""What is shown of a refused request."""

import base64

import pytest

from analytex.wire.quarantine_replies import refused_reply
from tests.refusals import refused


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", ""),
        (b'{"a":1}', '{"a":1}'),
        ("größe".encode(), "größe"),
        ("größe"[:3].encode(), "grö"),
    ],
)
def test_text_is_shown_as_text(body: bytes, text: str) -> None:
    """People read it."""
    reply = refused_reply(refused(body=body))

    assert (reply.body, reply.body_base64) == (text, None)


def test_a_character_that_was_cut_is_left_out() -> None:
    """The rest is text all the same."""
    assert refused_reply(refused(body="größ".encode()[:-1], whole=False)).body == "grö"


def test_other_bytes_are_shown_in_base64() -> None:
    """None is lost."""
    reply = refused_reply(refused(body=b"\xff\xfe{"))

    assert reply.body is None
    assert base64.b64decode(reply.body_base64 or "") == b"\xff\xfe{"
