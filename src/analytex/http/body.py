"""Reading a request body: bounded, unpacked."""

import zlib
from collections.abc import AsyncIterator, Iterator
from typing import Final

from starlette.requests import ClientDisconnect, Request

from analytex.errors import BadRequest, BodyTooLarge, UnsupportedEncoding

_GZIP: Final = 16 + zlib.MAX_WBITS

# Bytes that go into zlib and come out of it at once. Few go in, because zlib copies those that it
# leaves: a file of thousands of empty members would be copied thousands of times.
_IN_BYTES: Final = 16 * 1024
_OUT_BYTES: Final = 256 * 1024

# What is packed ever more tightly than that, and is not small, is a bomb. gzip's format ends at
# 1,032 times; rows of real events reach 5 to 30 times.
IMPLAUSIBLE_RATIO: Final = 200
IMPLAUSIBLE_BYTES: Final = 64 * 1024 * 1024


async def read_body(request: Request, *, limit: int) -> bytes:
    """Return the whole body, unpacked if it is gzip; at most `limit` bytes, packed or not.

    Raises BodyTooLarge, UnsupportedEncoding, and BadRequest if it is not gzip in truth.
    """
    packed = is_packed(request)
    check_length(request, limit)
    body = bytearray()
    async for chunk in chunks(request):
        body += chunk
        if len(body) > limit:
            raise too_large(limit)
    return unpack(bytes(body), limit=limit) if packed else bytes(body)


def is_packed(request: Request) -> bool:
    """Tell whether the body as a whole is packed with gzip. Raises UnsupportedEncoding."""
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip", "x-gzip", ""):
        raise UnsupportedEncoding(details="Send the body as it is, or packed with gzip.")
    return encoding.endswith("gzip")


def check_length(request: Request, limit: int) -> None:
    """Raise BodyTooLarge if the headers say that more than `limit` bytes come."""
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > limit:
        raise too_large(limit)


async def chunks(request: Request) -> AsyncIterator[bytes]:
    """Yield the body as it comes. Raises BadRequest if its sender goes away."""
    try:
        async for chunk in request.stream():
            yield chunk
    except ClientDisconnect:
        raise BadRequest("The request ended before its body did.") from None


def unpack(packed: bytes, *, limit: int) -> bytes:
    """Return what gzip packed, in one member or several (RFC 1952); at most `limit` bytes."""
    unpacker = Unpacker("The body")
    unpacked = bytearray()
    for piece in unpacker.feed(packed):
        unpacked += piece
        if len(unpacked) > limit:
            raise too_large(limit)
    unpacker.finish()
    return bytes(unpacked)


class Unpacker:
    """Unpacks gzip piece by piece: members one behind the other (RFC 1952), nothing behind them."""

    def __init__(self, what: str) -> None:
        """`what` is packed, as an error shall call it: `The body`."""
        self._what = what
        self._member: zlib._Decompress | None = None
        self._packed = 0
        self._unpacked = 0

    def feed(self, packed: bytes) -> Iterator[bytes]:
        """Yield what comes out, in pieces of at most 256 KiB.

        Raises BadRequest if it is not gzip, or a bomb.
        """
        for start in range(0, len(packed), _IN_BYTES):
            part = packed[start : start + _IN_BYTES]
            self._packed += len(part)
            for piece in self._feed(part):
                self._unpacked += len(piece)
                yield piece
                if self._unpacked > max(IMPLAUSIBLE_BYTES, IMPLAUSIBLE_RATIO * self._packed):
                    raise BadRequest(
                        f"{self._what} is not plausible.",
                        details=f"Unpacked it is more than {IMPLAUSIBLE_RATIO} times as long.",
                    )

    def finish(self) -> None:
        """Raise BadRequest if a member has not ended."""
        if self._member is not None:
            raise self._invalid("It ends too early.")

    def _feed(self, rest: bytes) -> Iterator[bytes]:
        piece = b""
        while rest or len(piece) == _OUT_BYTES:  # a full piece: there may be more inside zlib
            if self._member is None:
                self._member = zlib.decompressobj(_GZIP)
            try:
                piece = self._member.decompress(rest, _OUT_BYTES)
            except zlib.error as error:
                raise self._invalid(str(error)) from None
            if piece:
                yield piece
            rest = self._member.unconsumed_tail
            if self._member.eof:
                rest = self._member.unused_data
                self._member, piece = None, b""

    def _invalid(self, problem: str) -> BadRequest:
        return BadRequest(f"{self._what} is not valid gzip.", details=problem)


def too_large(limit: int) -> BodyTooLarge:
    """Return the refusal of what is longer than `limit` bytes."""
    return BodyTooLarge(details=f"At most {limit} bytes are taken, counted unpacked.")
