"""Unpacking gzip within a bound."""

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytex.errors import BadRequest, BodyTooLarge
from analytex.http.body import IMPLAUSIBLE_BYTES, Unpacker, read_body, unpack
from tests.unit.http.requests import in_pieces, never, request_of


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


@pytest.mark.parametrize(
    "packed",
    [b"x", b"{}", zlib.compress(b"{}"), gzip.compress(b"{}") + b"x"],
    ids=["a letter", "JSON", "zlib", "a member and rubbish"],
)
def test_what_is_not_gzip_is_refused(packed: bytes) -> None:
    """zlib's own format included, and rubbish behind a whole member."""
    with pytest.raises(BadRequest, match="gzip"):
        unpack(packed, limit=1000)


@given(st.lists(st.integers(min_value=0)), st.lists(st.binary(max_size=50), max_size=5))
def test_however_it_is_cut_the_same_comes_out(cuts: list[int], texts: list[bytes]) -> None:
    """Also in the middle of a member's head or checksum."""
    packed = b"".join(map(gzip.compress, texts))
    unpacker = Unpacker("The file")
    pieces = [out for piece in in_pieces(packed, cuts) for out in unpacker.feed(piece)]
    unpacker.finish()
    assert b"".join(pieces) == b"".join(texts)


def test_what_comes_out_comes_in_small_pieces() -> None:
    """However much a few bytes become."""
    packed = gzip.compress(bytes(10_000_000))
    sizes = [len(piece) for piece in Unpacker("The file").feed(packed)]
    assert sum(sizes) == 10_000_000
    assert max(sizes) <= 256 * 1024


@pytest.mark.slow  # 1 s
def test_what_becomes_200_times_as_long_and_is_not_small_is_a_bomb() -> None:
    """No file of rows does; anything else, however long, is nobody's business here."""
    unpacker = Unpacker("The file")
    fair = gzip.compress((b'{"user_id":"ada","n":%d}\n' * 10_000) % tuple(range(10_000)))
    for _ in range(400):
        for _ in unpacker.feed(fair):
            pass
    zeros = gzip.compress(bytes(IMPLAUSIBLE_BYTES))
    assert sum(map(len, Unpacker("The file").feed(zeros))) == IMPLAUSIBLE_BYTES
    with pytest.raises(BadRequest, match="The file is not plausible"):
        list(map(len, Unpacker("The file").feed(zeros + zeros)))


async def test_a_body_may_be_as_long_as_the_limit() -> None:
    """What its headers say is believed; what they do not say is counted."""
    assert await read_body(request_of([b"x" * 600, b"y" * 400]), limit=1000)
    with pytest.raises(BodyTooLarge):
        await read_body(request_of([b"x" * 600, b"y" * 401]), limit=1000)
    with pytest.raises(BodyTooLarge):
        await read_body(request_of(never(), content_length="1001"), limit=1000)


async def test_a_sender_that_goes_away_is_no_error_of_ours() -> None:
    """A 400 that nobody reads, rather than a 500 in the log."""
    with pytest.raises(BadRequest, match="ended before"):
        await read_body(request_of([b"{"], cut=True), limit=1000)
