"""The fast way: the three real-time calls, answered without an ASGI scope, task or framework.

A subclass of uvicorn's httptools protocol. It takes only plain requests whose key is valid and
whose body is valid too; every other request (a wrong one, chunked, `Expect`, HTTP/1.0, behind an
unfinished response, ...) goes on to uvicorn and the ASGI app, which holds the same checks. So
there is one place that says what is wrong, and both ways cannot disagree about it.

It also guards what uvicorn leaves open: the size of headers and the time that a request may take.
"""

import asyncio
import logging
from typing import Any, Final, cast

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from analytex.domain.calls import Call
from analytex.domain.environments import Permission, Scope
from analytex.errors import (
    AnalytexError,
    BadRequest,
    HeadersTooLarge,
    RequestTimeout,
    Retryable,
)
from analytex.http import heads, raw
from analytex.http.deps import Deps
from analytex.http.errors import Reply, error_reply
from analytex.http.flow import Flow
from analytex.http.heads import Head
from analytex.observability.meters import OTHER
from analytex.wire import bodies

log = logging.getLogger(__name__)

PATHS: Final = {
    b"/v1/track": Call.TRACK,
    b"/v1/identify": Call.IDENTIFY,
    b"/v1/companies/identify": Call.IDENTIFY_COMPANY,
}
#: the same by the number of the call
FAST_PATHS: Final = (
    "",
    *(path.decode() for path, _ in sorted(PATHS.items(), key=lambda item: item[1])),
)
MAX_HEADER_BYTES: Final = 64 * 1024
# Their bodies are files, which may take longer than a request has: time begins anew with every
# so many bytes. At the default `request_timeout` that is 1 KiB/s; slower is not a sender at work.
LONG_BODIES: Final = frozenset(
    (
        "/v1/users/bulk_identify",
        "/v1/companies/bulk_identify",
        "/v1/imports",
        "/console/jobs/new/events",
        "/console/jobs/new/users",
        "/console/jobs/new/companies",
    )
)
STEADY_BYTES: Final = 64 * 1024
_UNUSUAL: Final = frozenset((b"transfer-encoding", b"expect", b"content-encoding"))


class _Always:
    """Stands where uvicorn expects an asyncio.Event that nobody waits for."""

    def set(self) -> None:
        pass


class FastCycle:
    """What uvicorn wants to know of a request in progress. One per connection, used again."""

    message_event: Final = _Always()

    def __init__(self) -> None:
        self.response_complete = True
        self.keep_alive = True
        self.disconnected = False


class FastProtocol(HttpToolsProtocol):
    """One connection."""

    def __init__(self, deps: Deps, **uvicorn: Any) -> None:
        super().__init__(**uvicorn)
        self._deps = deps
        self._body_limit = deps.settings.body_limit
        self._fast_cycle = FastCycle()
        self._call: Call | None = None  # of the request that is coming in, if it goes the fast way
        self._client: Scope | None = None
        self._fast_body: bytes | bytearray = b""
        self._record_id = ""
        self._meter = deps.watch.meter
        self._accepted_calls = self._meter.accepted
        self._flushing: Call = Call.TRACK  # of the request that waits for its flush
        self._accepted = b""  # the body that was accepted last
        self._head: Head | None = None
        self._in_headers = False
        self._in_message = False
        self._begun = False  # whether a request began in the packet that came last
        self._header_bytes = 0
        self._ticks = 0  # since the request began, or since the connection fell idle
        self._came = 0  # bytes of a body that goes the ordinary way, since its time began

    # What comes in

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin."""
        super().connection_made(transport)
        self.flow = Flow(transport, self.pipeline)

    def data_received(self, data: bytes) -> None:
        """Parse what came; refuse headers without end."""
        if self._accept_known(data):
            return
        whole = not self._in_message
        self._accepted = b""
        self._begun = False
        self._feed(data)
        if whole and self._accepted and self._head is None:
            self._head = heads.learn(
                data, self._accepted, cast(Call, self._call), self._header(b"authorization")
            )
        # The packet in which a request begins may hold others before it, and is bounded anyway.
        if self._in_headers and not self._begun:
            self._header_bytes += len(data)
            if self._header_bytes > MAX_HEADER_BYTES:
                self._refuse(HeadersTooLarge(details=f"At most {MAX_HEADER_BYTES} bytes fit."))

    def _feed(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._begin_again_without_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserCallbackError as error:
            if self._in_headers:
                self.send_400_response("Its address cannot be read.")
            else:  # ours, not the sender's: a 4xx would make it drop the call
                log.exception('action="request_failed"', exc_info=error.__context__ or error)
                self._refuse(AnalytexError())
        except httptools.HttpParserError as error:
            self.send_400_response(str(error))

    def on_message_begin(self) -> None:
        """Note what both ways need; the ASGI scope waits until it is wanted."""
        self.url = b""
        self.headers = []
        self._call = None
        self._in_headers = self._in_message = self._begun = True
        self._header_bytes = 0
        self._ticks = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """Collect a header; trailers of a chunked body are dropped."""
        if self._in_headers:
            self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Choose the way. The key is checked here, before the body comes."""
        if self._offers_upgrade():
            return
        call = PATHS.get(self.url)
        if call is not None and self._is_plain():
            try:
                self._client = self._deps.keyring.authorise(
                    self._header(b"authorization"), Permission.INGEST
                )
            except AnalytexError:
                pass
            else:
                self._call = call
                self._fast_body = b""
                self._in_headers = False
                return
        self._go_ordinary_way()
        self._in_headers = False

    def on_body(self, body: bytes) -> None:
        """Collect the body; its length was checked with the headers."""
        if self._call is None:
            self._came += len(body)
            super().on_body(body)
        elif not self._fast_body:
            self._fast_body = body
        else:
            if isinstance(self._fast_body, bytes):
                self._fast_body = bytearray(self._fast_body)
            self._fast_body += body

    def on_message_complete(self) -> None:
        """Accept the call, or let the ordinary way refuse it."""
        if self._offers_upgrade():
            return
        self._in_message = False
        self._ticks = 0
        call = self._call
        if call is None:
            super().on_message_complete()
            return
        body = bytes(self._fast_body)
        try:
            self._accept(call, cast(Scope, self._client), body)
        except AnalytexError:
            self._go_ordinary_way()
            super().on_body(body)
            super().on_message_complete()

    def _accept(self, call: Call, client: Scope, body: bytes) -> None:
        bodies.check(call, body)
        self._accepted = body
        try:
            self._record_id = self._deps.ingest.accept(client, call, body, self._done)
        except Retryable as error:  # answered here: a server that is full has no time to spare
            reply = error_reply(error)
            self._meter.count("POST", FAST_PATHS[call], reply.status)
            self._write(reply, self._deps.ids.next(), close=False)
            return
        self._flushing = call
        self._fast_cycle.response_complete = False
        self.cycle = cast(Any, self._fast_cycle)

    def _accept_known(self, data: bytes) -> bool:
        """Accept a request whose head this connection has sent before; False: parse it."""
        head = self._head
        if head is None or self._in_message or not self._is_quiet():
            return False
        body = head.body_in(data)
        if body is None or len(body) > self._body_limit:
            self._head = None  # the sender has changed its ways: learn them again
            return False
        try:
            client = self._deps.keyring.authorise(head.authorization, Permission.INGEST)
            self._accept(head.call, client, body)
        except Exception:  # whatever it was, parsing meets it again, and tells the sender
            return False
        self._unset_keepalive_if_required()
        self._ticks = 0
        return True

    def _is_quiet(self) -> bool:
        """Tell whether every earlier request is answered."""
        return (self.cycle is None or self.cycle.response_complete) and not self.pipeline

    def _offers_upgrade(self) -> bool:
        return bool(self.parser.should_upgrade()) and self.parser.get_method() != b"CONNECT"

    def _begin_again_without_upgrade(self, rest: bytes) -> None:
        """Read a request as if it did not offer HTTP/2 or a WebSocket, which we do not speak.

        The parser takes what follows such headers for the other protocol, but it is the body:
        Java's HTTP client offers HTTP/2 with every first request.
        """
        if self.parser.get_method() == b"CONNECT":
            return
        head = b"%b %b HTTP/%b\r\n" % (
            self.parser.get_method(),
            self.url,
            self.parser.get_http_version().encode(),
        )
        lines = [b"%b: %b\r\n" % header for header in self.headers if header[0] != b"upgrade"]
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn does
        self._feed(head + b"".join(lines) + b"\r\n" + rest)

    def _is_plain(self) -> bool:
        if not self._is_quiet():
            return False
        length = -1
        for name, value in self.headers:
            if name == b"content-length":
                length = int(value)
            elif name in _UNUSUAL:
                return False
        parser = self.parser
        return (
            0 <= length <= self._body_limit
            and parser.get_method() == b"POST"
            and parser.get_http_version() == "1.1"
            and parser.should_keep_alive()
        )

    def _header(self, wanted: bytes) -> bytes | None:
        for name, value in self.headers:
            if name == wanted:
                return value
        return None

    def _go_ordinary_way(self) -> None:
        """Hand the request over as if uvicorn had seen it from its first byte."""
        self._call = None
        self._came = 0
        url, headers = self.url, self.headers
        super().on_message_begin()
        self.url = url
        for name, value in headers:
            super().on_header(name, value)
        super().on_headers_complete()

    # What goes out

    def _done(self, error: Exception | None) -> None:
        """Answer the call that the log has flushed, or failed to."""
        cycle = self._fast_cycle
        cycle.response_complete = True
        self._ticks = 0
        self.server_state.total_requests += 1
        if error is None:
            self._accepted_calls[self._flushing] += 1
        else:
            status = error_reply(cast(AnalytexError, error)).status
            self._meter.count("POST", FAST_PATHS[self._flushing], status)
        if self.transport.is_closing():
            return
        if error is None and cycle.keep_alive:
            self.transport.write(
                raw.accepted_bytes(self._record_id, self.server_state.default_headers)
            )
        else:
            reply = Reply(202, b"{}") if error is None else error_reply(cast(AnalytexError, error))
            self._write(reply, self._record_id, close=not cycle.keep_alive)
        if self.pipeline:
            self.on_response_complete()

    def _write(self, reply: Reply, request_id: str, *, close: bool) -> None:
        dated = self.server_state.default_headers
        self.transport.write(raw.reply_bytes(reply, request_id, dated, close=close))
        if close:
            self.transport.close()

    def _refuse(self, error: AnalytexError) -> None:
        """Answer a request that cannot be read to its end, and close."""
        ordinary = self._in_message and not self._in_headers and self._call is None
        self._in_headers = self._in_message = False
        if self.transport.is_closing():
            return
        unanswered = self.cycle is not None and not self.cycle.response_complete
        if ordinary and (self.cycle.response_started or self.pipeline):
            self.transport.close()  # it has its answer, or it is not its turn
        elif not ordinary and unanswered:
            self.cycle.keep_alive = False  # the reply to an earlier request comes first, and last
            self.flow.pause_reading()
        else:
            reply = error_reply(error)
            self._meter.count(OTHER, OTHER, reply.status)
            self._write(reply, self._deps.ids.next(), close=True)

    def send_400_response(self, msg: str) -> None:
        """Answer what is not HTTP in the documented form."""
        self._refuse(BadRequest("The request is not valid HTTP.", details=msg))

    # Guards

    def tick(self, *, request_ticks: int, idle_ticks: int) -> None:
        """Count the time of a slow request or an idle connection, and end it when it is up."""
        self._ticks += 1
        if self.transport.is_closing():
            if self._ticks > request_ticks:
                self.transport.abort()  # its last replies are not fetched
        elif self.flow.write_paused:
            flow = cast(Flow, self.flow)
            flow.stuck_ticks += 1
            if flow.stuck_ticks > request_ticks:
                self.transport.abort()  # a reply stays where it is, and what it holds with it
        elif self._in_message:
            if self._is_long_and_steady():
                self._ticks = self._came = 0
            elif self._ticks > request_ticks:
                self._refuse(RequestTimeout())
        elif self._ticks > idle_ticks and (self.cycle is None or self.cycle.response_complete):
            self.transport.close()

    def _is_long_and_steady(self) -> bool:
        """Tell whether enough came of a file that its sender may take more time."""
        return (
            self._came >= STEADY_BYTES
            and not self._in_headers
            and not self.cycle.response_complete
            and self.scope["path"].removesuffix("/") in LONG_BODIES
        )
