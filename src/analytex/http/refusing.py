"""What is kept of requests that are refused: a look at the body as it is read, and the record.

Only for the calls that take something in, on the ordinary way: the fast way hands on to it what is
to be refused, and knows nothing of this.
"""

import time
import zlib
from typing import Any, Final

from starlette.requests import Request
from starlette.types import Message, Receive, Scope

from analytex.domain.quarantine import KEPT_BYTES, KEPT_QUERY_CHARS, Refused
from analytex.errors import (
    AnalytexError,
    BadRequest,
    BodyTooLarge,
    TooManyRows,
    UnsupportedEncoding,
)
from analytex.http.errors import STATUS
from analytex.jobs.quarantine import Quarantine

#: the calls whose refusals are kept
RECORDED: Final = frozenset(
    {
        ("POST", "/v1/identify"),
        ("POST", "/v1/companies/identify"),
        ("POST", "/v1/track"),
        ("POST", "/v1/users/bulk_identify"),
        ("POST", "/v1/companies/bulk_identify"),
        ("POST", "/v1/imports"),
        ("DELETE", "/v1/users"),
        ("DELETE", "/v1/companies"),
    }
)
# Where the request itself is wrong. After 409, 429 and 503 the sender sends it again by itself.
KEPT_ERRORS: Final = (BadRequest, BodyTooLarge, TooManyRows, UnsupportedEncoding)

_KEPT_TYPE_CHARS: Final = 200
_GZIP: Final = 16 + zlib.MAX_WBITS


class Look:
    """The beginning of a request's body, taken while it is read."""

    def __init__(self) -> None:
        self.body = b""
        self.came = 0  #: bytes
        self.ended = False

    def take(self, body: bytes, *, more: bool) -> None:
        """Look at a part of it."""
        if len(self.body) < KEPT_BYTES:
            self.body += body[: KEPT_BYTES - len(self.body)]
        self.came += len(body)
        self.ended = not more


def look_at(scope: Scope, receive: Receive) -> Receive:
    """Return what a handler shall receive from, so that a refusal can be kept."""
    if (scope["method"], scope["path"]) not in RECORDED:
        return receive
    look = scope["state"]["look"] = Look()

    async def looked_at() -> Message:
        message = await receive()
        if message["type"] == "http.request":
            look.take(message.get("body", b""), more=message.get("more_body", False))
        return message

    return looked_at


def record(quarantine: Quarantine, request: Request, error: AnalytexError) -> None:
    """Keep a request that is refused, if it carried a valid key."""
    look: Look | None = getattr(request.state, "look", None)
    key: Any = getattr(request.state, "key", None)
    if look is None or key is None or not isinstance(error, KEPT_ERRORS):
        return
    body, whole = _plain(look, request.headers.get("content-encoding", ""))
    query = request.url.query
    quarantine.record(
        Refused(
            id=request.state.request_id,
            environment_id=key.environment_id,
            key_id=key.key_id,
            at=time.time_ns() // 1000,
            method=request.method,
            path=request.scope["path"],
            query=query[:KEPT_QUERY_CHARS],
            status=STATUS[type(error)],
            code=error.code,
            message=error.message,
            details=error.details,
            content_type=request.headers.get("content-type", "")[:_KEPT_TYPE_CHARS],
            body=body,
            size=_size(look, request.headers.get("content-length", "")),
            whole=whole and len(query) <= KEPT_QUERY_CHARS,
        )
    )


def _size(look: Look, announced: str) -> int:
    if announced.isascii() and announced.isdecimal():
        return max(int(announced[:18]), look.came)
    return look.came


def _plain(look: Look, encoding: str) -> tuple[bytes, bool]:
    """Return the beginning of the body, unpacked, and whether that is all of it."""
    whole = look.ended and look.came == len(look.body)
    if "gzip" not in encoding.lower():
        return look.body, whole
    unpacker = zlib.decompressobj(_GZIP)
    try:
        body = unpacker.decompress(look.body, KEPT_BYTES)
    except zlib.error:  # it only says that it is gzip, or is damaged
        return (look.body, whole) if not look.body.startswith(b"\x1f\x8b") else (b"", False)
    ended = unpacker.eof and not unpacker.unused_data and not unpacker.unconsumed_tail
    return body, whole and ended
