"""Unpacking gzip within a bound."""

import gzip
import zlib

import pytest

from analytex.errors import BadRequest, BodyTooLarge
from analytex.http.body import unpack


@pytest.mark.parametrize("text", [b"", b"{}", b"x" * 1000])
def test_what_was_packed_comes_out(text: bytes) -> None:
    """Up to exactly the limit."""
    assert unpack(gzip.compress(text), limit=1000) == text


def test_one_byte_above_the_limit_is_refused() -> None:
    """The bound is on what comes out, not on what came in."""
    with pytest.raises(BodyTooLarge):
        unpack(gzip.compress(b"x" * 1001), limit=1000)


def test_members_count_together() -> None:
    """A gzip file may be several, one behind the other (RFC 1952, 2.2)."""
    packed = gzip.compress(b"x" * 600)
    assert unpack(packed + gzip.compress(b"y" * 400), limit=1000) == b"x" * 600 + b"y" * 400
    with pytest.raises(BodyTooLarge):
        unpack(packed + packed, limit=1000)


def test_every_cut_is_noticed() -> None:
    """Nothing that lost its end passes for the whole."""
    packed = gzip.compress(b'{"user_id":"a"}')
    for end in range(1, len(packed)):
        with pytest.raises(BadRequest):
            unpack(packed[:end], limit=1000)


@pytest.mark.parametrize("packed", [b"x", b"{}", zlib.compress(b"{}"), gzip.compress(b"{}") + b"x"])
def test_what_is_not_gzip_is_refused(packed: bytes) -> None:
    """zlib's own format included, and rubbish behind a whole member."""
    with pytest.raises(BadRequest, match="gzip"):
        unpack(packed, limit=1000)
