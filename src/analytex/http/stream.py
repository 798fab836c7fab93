"""The live stream over HTTP: Server-Sent Events (WHATWG HTML, section 9.2).

A stream begins with an `id` and `retry`. Each event is `id`, `data` and, unless it is an event of
the product, `event`. The id says up to where everything was told, so whoever connects again with
it as `Last-Event-ID` gets what comes behind. While there is nothing to tell, a comment and the
newest id come every quarter of a minute, so that no proxy takes the connection for dead.
"""

import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from analytex.domain.environments import Permission
from analytex.errors import AnalytexError, BadRequest
from analytex.http.deps import Deps
from analytex.http.reads import event_filter
from analytex.http.scope import authorise
from analytex.query.streams import Kind, Piece, Place, Stream

Handler = Callable[[Request], Awaitable[Response]]

IDLE_S: Final = 15.0  # between two comments
RETRY_MS: Final = 1000  # how long a reader shall wait before it connects again
HEADERS: Final = {
    "content-type": "text/event-stream",  # always UTF-8
    "cache-control": "no-store",
    "x-accel-buffering": "no",  # nginx hands on at once what comes
}
_PLACE: Final = re.compile(r"([0-9]{1,18})(?:\.([0-9]{1,18}))?")
_LINE_END: Final = re.compile(rb"\r\n|\r|\n")


def stream_events(deps: Deps) -> Handler:
    """Return the handler of `GET /v1/events/stream`."""

    async def handle(request: Request) -> Response:
        scope = authorise(request, deps.keyring, Permission.READ)
        wanted = event_filter(request)
        files, refused = _flag(request, "files"), _flag(request, "refused")
        after = place_of(request)
        if request.method == "HEAD":
            return Response(headers=HEADERS)
        stream = deps.live.open(scope, wanted, files=files, refused=refused, after=after)
        return Streaming(stream, lambda: authorise(request, deps.keyring, Permission.READ))

    return handle


class Streaming(StreamingResponse):
    """A reply that ends with its stream, or its reader, or the key."""

    def __init__(
        self,
        stream: Stream,
        check_key: Callable[[], object],
        show: Callable[[Piece], bytes] | None = None,
    ) -> None:
        """`check_key` raises an AnalytexError once the reader may not read any more.

        `show` writes a piece, as `frame` does.
        """
        super().__init__(_frames(stream, check_key, show or frame), headers=HEADERS)
        self._stream = stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._stream.close()


async def _frames(
    stream: Stream, check_key: Callable[[], object], show: Callable[[Piece], bytes]
) -> AsyncIterator[bytes]:
    yield b"id: %b\nretry: %d\n\n" % (_id(stream.place), RETRY_MS)
    checked = time.monotonic()
    try:
        async for pieces in stream.batches(idle_s=IDLE_S):
            if time.monotonic() - checked >= IDLE_S:
                check_key()
                checked = time.monotonic()
            if pieces:
                yield b"".join(map(show, pieces))
            elif stream.ending is None:
                yield b":\nid: %b\n\n" % _id(stream.place)
    except AnalytexError as error:  # the key was revoked, or the store cannot be read
        yield b": %b\n\n" % error.message.encode()
    else:
        yield b": %b\n\n" % (stream.ending or "").encode()


def frame(piece: Piece) -> bytes:
    """Return an event as a stream has it."""
    # JSON as it was sent may have line ends, between its values.
    data = _LINE_END.sub(b"\ndata: ", piece.data)
    kind = b"" if piece.kind is Kind.EVENT else b"event: %b\n" % piece.kind.encode()
    return b"id: %b\n%bdata: %b\n\n" % (_id(piece.place), kind, data)


def _id(place: Place) -> bytes:
    return str(place).encode()


def place_of(request: Request) -> Place | None:
    """Return where the reader was; the header is the newer place if both are there.

    Raises BadRequest.
    """
    text = request.headers.get("last-event-id") or request.query_params.get("last_event_id")
    if not text:
        return None
    found = _PLACE.fullmatch(text)
    if found is None:
        raise BadRequest(
            "`last_event_id` is not valid.", details="Use the `id` of an event of a stream."
        )
    return Place(int(found[1]), None if found[2] is None else int(found[2]))


def _flag(request: Request, name: str) -> bool:
    text = request.query_params.get(name, "false").lower()
    if text not in ("true", "1", "false", "0", ""):
        raise BadRequest(f"`{name}` is not valid.", details="Expected true or false.")
    return text in ("true", "1")
