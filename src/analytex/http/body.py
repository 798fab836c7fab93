"""Reading a request body: bounded, unpacked."""

import zlib
from typing import Final

from starlette.requests import ClientDisconnect, Request

from analytex.errors import BadRequest, BodyTooLarge, UnsupportedEncoding

_GZIP: Final = 16 + zlib.MAX_WBITS


async def read_body(request: Request, *, limit: int) -> bytes:
    """Return the whole body, unpacked if it is gzip; at most `limit` bytes, packed or not.

    Raises BodyTooLarge, UnsupportedEncoding, and BadRequest if it is not gzip in truth.
    """
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip", "x-gzip", ""):
        raise UnsupportedEncoding(details="Send the body as it is, or packed with gzip.")
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > limit:
        raise _too_large(limit)
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > limit:
                raise _too_large(limit)
    except ClientDisconnect:
        raise BadRequest("The request ended before its body did.") from None
    return unpack(bytes(body), limit=limit) if encoding.endswith("gzip") else bytes(body)


def unpack(packed: bytes, *, limit: int) -> bytes:
    """Return what gzip packed, in one member or several (RFC 1952); at most `limit` bytes."""
    unpacked = bytearray()
    while packed:
        member = zlib.decompressobj(_GZIP)
        try:
            unpacked += member.decompress(packed, limit - len(unpacked) + 1)
        except zlib.error as error:
            raise BadRequest("The body is not valid gzip.", details=str(error)) from None
        if len(unpacked) > limit:
            raise _too_large(limit)
        if not member.eof:
            raise BadRequest("The body is not valid gzip.", details="It ends too early.")
        packed = member.unused_data
    return bytes(unpacked)


def _too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge(details=f"At most {limit} bytes are taken, counted unpacked.")
