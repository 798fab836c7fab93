"""Connections that never end a request, say nothing, fetch nothing, or do not speak HTTP."""

import socket
from typing import Final

import pytest

from tests.end_to_end.written_requests import CASES, FORMS, head, pipelined, with_length
from tests.http_server import HttpServer
from tests.server import wait_for

UNFINISHED: Final = {
    "in its headers": head(CASES["track"])[:-2],
    "in the body, fast way": head(CASES["track"], "Content-Length: 90") + b'{"user',
    "in the body, ordinary way": head(CASES["track"], "Transfer-Encoding: chunked") + b"5\r\n{",
    "in the body, key refused": head(CASES["no key"], "Content-Length: 90") + b'{"user',
}


@pytest.mark.parametrize("start", UNFINISHED.values(), ids=UNFINISHED)
def test_a_request_that_never_ends_is_refused_when_its_time_is_up(
    http: HttpServer, start: bytes
) -> None:
    """408, which senders take for `try again`; a refusal that was sent already stays the answer."""
    with http.connect() as connection:
        connection.send(start)
        refused = b"no-such" in start or b"Authorization" not in start
        first = connection.reply() if refused else None
        _wait_until_read(http, 1)
        http.tick(request_ticks=1)
        assert connection.is_open() or refused
        http.tick(request_ticks=1)

        if first is None:
            first = connection.reply()
            assert (first.status, first.headers["connection"]) == (408, "close")
            assert first.errors()[0]["error"] == "request_timeout"
        else:
            assert first.status == 401
        assert connection.rest() == b""


def _wait_until_read(http: HttpServer, connections: int) -> None:
    with http.connect() as another:  # whose answer comes after what was sent before
        another.send(with_length(CASES["validate"]))
        assert another.reply().status == 200
    assert len(http.protocols()) >= connections


def test_an_idle_connection_is_closed_after_its_time(http: HttpServer) -> None:
    """Without a word, as senders expect it; one that waits for the disk stays."""
    http.log.held = []
    with http.connect() as waiting, http.connect() as idle, http.connect() as fresh:
        idle.send(pipelined("validate"))
        assert idle.reply().status == 200
        waiting.send(pipelined("track"))
        _wait_until_read(http, 3)
        http.tick(idle_ticks=1)
        http.tick(idle_ticks=1)

        assert idle.rest() == fresh.rest() == b""
        http.log.release()
        assert waiting.reply().status == 202


def test_replies_that_nobody_fetches_are_dropped_in_the_end(http: HttpServer) -> None:
    """A connection that is closed still waits for its reader, but not for ever."""
    sender = socket.socket()
    sender.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sender.settimeout(0.2)
    with sender:
        sender.connect(("127.0.0.1", http.port))
        with pytest.raises(TimeoutError):
            sender.sendall(pipelined(*["validate"] * 100_000))
        [protocol] = http.protocols()
        http.tick(request_ticks=0, idle_ticks=0)
        http.tick(request_ticks=0, idle_ticks=0)
        http.tick(request_ticks=0, idle_ticks=0)
        wait_for(lambda: protocol not in http.protocols(), 5)


@pytest.mark.parametrize(
    "sent", [b"\x16\x03\x01\x02\x00", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x00" * 99]
)
def test_what_is_not_http_is_refused_behind_the_replies_before_it(
    http: HttpServer, sent: bytes
) -> None:
    """A call that was accepted is answered, whatever its sender says next."""
    with http.connect() as alone:
        alone.send(sent)
        reply = alone.reply()
        assert (reply.status, reply.headers["connection"]) == (400, "close")
        assert reply.errors()[0]["error"] == "bad_request"
        assert alone.rest() == b""
    with http.connect() as behind:
        behind.send(pipelined("track") + sent)
        assert behind.reply().status == 202
        behind.rest()


@pytest.mark.parametrize("form", ["in one packet", "chunked"])
def test_a_mistake_of_ours_is_a_500(
    http: HttpServer, form: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Senders try again after it, and drop the call after a 4xx; the log says what happened."""
    http.log.faulty = True
    with http.connect() as connection:
        for packet in FORMS[form].write(CASES["track"]):
            connection.send(packet)
        reply = connection.reply()
        http.log.faulty = False

        assert reply.status == 500
        assert reply.errors()[0]["error"] == "internal"
        assert "a mistake of ours" in caplog.text


@pytest.mark.parametrize("ordinary", [True, False])
def test_headers_without_end_are_refused(http: HttpServer, ordinary: bool) -> None:
    """431 after 64 KiB: memory is bounded, whatever a stranger sends."""
    start = "GET /v1/validate" if ordinary else "POST /v1/track"
    with http.connect() as connection:
        connection.send(f"{start} HTTP/1.1\r\nHost: a\r\n".encode())
        _wait_until_read(http, 1)
        for _ in range(80):
            connection.send(b"X-Long: " + b"x" * 1000 + b"\r\n")
            _wait_until_read(http, 0)
            if not connection.is_open(for_s=0.001):
                break
        reply = connection.reply()

        assert (reply.status, reply.headers["connection"]) == (431, "close")
        assert len(reply.headers["x-request-id"]) == 20
