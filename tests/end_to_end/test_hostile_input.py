"""Broken, endless and malicious requests, sent to a real server.

Each gets a clear refusal or an orderly end of its connection, in bounded memory, and harms nobody
else: after every test the same processes still serve, and nothing failed inside them.
"""

import gzip
import random
import socket
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

import pytest

from tests.connection import Reply
from tests.server import KEY, Server

MIB: Final = 1024 * 1024
HEAD: Final = f"POST /v1/track HTTP/1.1\r\nHost: a\r\nAuthorization: Token {KEY}\r\n".encode()
GOOD: Final = b'{"user_id":"ada","event_name":"e"}'


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that has little patience."""
    folder = tmp_path_factory.mktemp("target")
    with Server(folder, settings={"request_timeout": 1}) as server:
        server.client().track("ada", "warm")  # so that what is loaded late does not count below
        yield server


@pytest.fixture(autouse=True)
def unharmed(target: Server) -> Iterator[None]:
    """Check after every test that the server is as it was before."""
    before = target.pids()
    yield
    event_id = target.client().track("ada", "still here")
    assert [event["id"] for event in target.client().events(id=event_id)] == [event_id]
    assert target.pids() == before
    assert "Traceback" not in target.errors()
    assert "request_failed" not in target.errors()


@contextmanager
def bounded_memory(server: Server, kib: int = 12 * 1024) -> Iterator[None]:
    """Check that no worker's resident memory ever grew by more than that."""
    peaks = {}
    for pid in server.workers():
        Path(f"/proc/{pid}/clear_refs").write_text("5")  # the peak starts at what is used now
        peaks[pid] = _peak_kib(pid)
    yield
    for pid, before in peaks.items():
        assert _peak_kib(pid) - before < kib


def _peak_kib(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


def assert_refused(reply: Reply, status: int) -> None:
    """Check that this is a refusal in the documented form."""
    assert reply.status == status
    [error] = reply.errors()
    assert error.keys() == {"error", "error_code", "message", "details"}
    assert error["error_code"] == str(status)
    assert len(reply.headers["x-request-id"]) == 20


def with_length(body: bytes) -> bytes:
    """Return a track with that body."""
    return HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body


DEEP: Final = 100_000
BODIES: Final = {
    "empty": b"",
    "blank": b" \r\n\t ",
    "a word": b"hello",
    "half an object": b'{"user_id":"a","event_name":"e"',
    "two objects": GOOD + GOOD,
    "a comma too many": b'{"user_id":"a","event_name":"e",}',
    "single quotes": b"{'user_id':'a','event_name':'e'}",
    "a comment": b'{"user_id":"a","event_name":"e"}//',
    "an array": b"[" + GOOD + b"]",
    "a string": b'"user_id"',
    "a number": b"1",
    "null": b"null",
    "a form": b"user_id=a&event_name=e",
    "latin-1": '{"user_id":"é","event_name":"e"}'.encode("latin-1"),
    "utf-16": GOOD.decode().encode("utf-16"),
    "byte-order mark": b"\xef\xbb\xbf" + GOOD,
    "utf-8 of a surrogate": b'{"user_id":"\xed\xa0\x80","event_name":"e"}',
    "utf-8 that is longer than need be": b'{"user_id":"\xc0\xaf","event_name":"e"}',
    "half a surrogate pair": rb'{"user_id":"\ud800","event_name":"e"}',
    "half a surrogate pair in metadata": b'{"user_id":"a","event_name":"e",'
    rb'"metadata":{"x":"\ud800"}}',
    "half a surrogate pair as a key": rb'{"user_id":"a","event_name":"e","metadata":{"\ud800":1}}',
    "control character": b'{"user_id":"a\x00","event_name":"e"}',
    "NaN": b'{"user_id":"a","event_name":"e","metadata":{"x":NaN}}',
    "infinity": b'{"user_id":"a","event_name":"e","metadata":{"x":-Infinity}}',
    "a number too large": b'{"user_id":"a","event_name":"e","metadata":{"x":1e999}}',
    "an id too large": b'{"user_id":1e400,"event_name":"e"}',
    "an id of too many digits": b'{"user_id":' + b"9" * 600 + b',"event_name":"e"}',
    "a leading zero": b'{"user_id":01,"event_name":"e"}',
    "nested objects": b'{"a":' * DEEP,
    "nested arrays": b'{"metadata":' + b"[" * DEEP,
    "nested and closed": b'{"user_id":"a","event_name":"e","metadata":{"x":'
    + b"[" * DEEP + b"]" * DEEP + b"}}",
    "nested where nobody looks": b'{"user_id":"a","event_name":"e","unknown":'
    + b"[" * DEEP + b"]" * DEEP + b"}",
    "65 deep": b'{"user_id":"a","event_name":"e","metadata":{"x":' + b"[" * 63 + b"]" * 63 + b"}}",
}  # fmt: skip


@pytest.mark.parametrize("way", ["fast", "ordinary"])
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_body_that_is_not_a_call_is_a_400(target: Server, body: bytes, way: str) -> None:
    """And the next request on the same connection is served."""
    with bounded_memory(target), target.connect() as connection:
        if way == "fast":
            connection.send(with_length(body))
        else:
            chunk = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            connection.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunk + b"0\r\n\r\n")
        assert_refused(connection.reply(), 400)

        connection.send(with_length(GOOD))
        assert connection.reply().status == 202


def test_nesting_of_64_is_taken(target: Server) -> None:
    """The deepest that is: the body, its metadata, and 62 arrays; brackets in texts are none."""
    deep = b"[" * 61 + b'"[[[[\\"[[["' + b"]" * 61
    body = b'{"user_id":"a","event_name":"e","metadata":{"x":' + deep + b"}}"
    with target.connect() as connection:
        connection.send(with_length(body))
        assert connection.reply().status == 202


@pytest.mark.parametrize("form", ["with its length", "chunked", "chunked in tiny chunks"])
def test_a_body_of_20_mb_is_a_413(target: Server, form: str) -> None:
    """Refused before it was read, and read over, so that the connection stays in order."""
    with bounded_memory(target), target.connect() as connection:
        if form == "with its length":
            connection.send(HEAD + b"Content-Length: %d\r\n\r\n" % (20 * MIB))
            pieces = [b"x" * MIB] * 20
        else:
            connection.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
            size = MIB if form == "chunked" else 64
            total = 20 if form == "chunked" else 2  # MiB
            chunk = b"%x\r\n%b\r\n" % (size, b"x" * size)
            pieces = [chunk * (MIB // size)] * total + [b"0\r\n\r\n"]
        for piece in pieces:
            connection.send(piece)
        assert_refused(connection.reply(), 413)

        connection.send(with_length(GOOD))
        assert connection.reply().status == 202


@pytest.mark.parametrize(
    ("size", "status"), [(MIB, 202), (MIB + 1, 413)], ids=["largest", "one more"]
)
@pytest.mark.parametrize("form", ["plain", "chunked", "gzip"])
def test_the_body_limit_is_exact(target: Server, form: str, size: int, status: int) -> None:
    """1 MiB, counted as unpacked bytes."""
    body = GOOD.ljust(size)
    with target.connect() as connection:
        if form == "plain":
            connection.send(with_length(body))
        elif form == "chunked":
            chunk = b"%x\r\n%b\r\n0\r\n\r\n" % (size, body)
            connection.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunk)
        else:
            connection.send(gzipped(gzip.compress(body)))
        assert connection.reply().status == status


def gzipped(packed: bytes, encoding: bytes = b"gzip") -> bytes:
    """Return a track with that body, said to be gzip."""
    lines = b"Content-Encoding: %b\r\nContent-Length: %d\r\n\r\n" % (encoding, len(packed))
    return HEAD + lines + packed


def bomb(mib: int) -> bytes:
    """Return so much of nothing, packed a thousand times smaller."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(packer.compress(bytes(MIB)) for _ in range(mib)) + packer.flush()


PACKED: Final = gzip.compress(GOOD)
GZIPS: Final = {
    "empty": (b"", 400),
    "not gzip": (GOOD, 400),
    "zlib": (zlib.compress(GOOD), 400),
    "cut short": (PACKED[:-9], 400),
    "without its checksum": (PACKED[:-8], 400),
    "wrong checksum": (PACKED[:-8] + bytes(8), 400),
    "rubbish behind": (PACKED + b"rubbish", 400),
    "broken json inside": (gzip.compress(b"{"), 400),
    "two members": (gzip.compress(GOOD[:9]) + gzip.compress(GOOD[9:]), 202),
    "empty members": (gzip.compress(b"") * 1000 + PACKED, 202),
}


@pytest.mark.parametrize(
    "pack",
    [lambda: bomb(500), lambda: gzip.compress(bytes(MIB // 2)) * 900],
    ids=["of one member", "of many members"],
)
def test_a_bomb_is_refused(target: Server, pack: Callable[[], bytes]) -> None:
    """Before it is half a gigabyte in memory; the connection goes on."""
    sent = gzipped(pack())  # packed here, as that takes a second
    with bounded_memory(target), target.connect() as connection:
        connection.send(sent)
        assert_refused(connection.reply(), 413)

        connection.send(gzipped(PACKED))
        assert connection.reply().status == 202


@pytest.mark.parametrize(("packed", "status"), GZIPS.values(), ids=GZIPS)
def test_gzip_is_unpacked_within_bounds(target: Server, packed: bytes, status: int) -> None:
    """A small body may not become a large one in memory."""
    with bounded_memory(target), target.connect() as connection:
        connection.send(gzipped(packed))
        reply = connection.reply()
        if status == 202:
            assert reply.status == 202
        else:
            assert_refused(reply, status)

        connection.send(gzipped(PACKED, b"GZIP"))
        assert connection.reply().status == 202


@pytest.mark.parametrize("encoding", [b"br", b"deflate", b"zstd", b"gzip, gzip", b"nonsense"])
def test_another_content_encoding_is_a_415(target: Server, encoding: bytes) -> None:
    """Rather than a body of which nothing can be understood."""
    with target.connect() as connection:
        connection.send(gzipped(PACKED, encoding))
        assert_refused(connection.reply(), 415)


LENGTHS: Final = {
    "negative": b"Content-Length: -1",
    "signed": b"Content-Length: +34",
    "empty": b"Content-Length:",
    "a word": b"Content-Length: many",
    "in hexadecimal": b"Content-Length: 0x22",
    "a fraction": b"Content-Length: 34.0",
    "twice the same": b"Content-Length: 34\r\nContent-Length: 34",
    "twice, in conflict": b"Content-Length: 34\r\nContent-Length: 4",
    "a list": b"Content-Length: 34, 34",
    "beyond 64 bits": b"Content-Length: 99999999999999999999999999",
    "and chunked": b"Content-Length: 34\r\nTransfer-Encoding: chunked",
    "chunked, and length": b"Transfer-Encoding: chunked\r\nContent-Length: 34",
    "not chunked at the end": b"Transfer-Encoding: chunked, identity",
    "header without name": b": x",
    "blank before the colon": b"Content-Length : 34",
    "nul in a value": b"X: \x00",
    "bare line feed in a value": b"X: a\rb",
}


@pytest.mark.parametrize("lines", LENGTHS.values(), ids=LENGTHS)
def test_a_head_that_can_be_read_in_two_ways_is_refused(target: Server, lines: bytes) -> None:
    """Whoever stands between us and a sender might read it otherwise: request smuggling."""
    with target.connect() as connection:
        connection.send(HEAD + lines + b"\r\n\r\n" + GOOD)
        reply = connection.reply()

        assert_refused(reply, 400)
        assert reply.headers["connection"] == "close"
        assert connection.rest() == b""


@pytest.mark.parametrize(
    "chunk", [b"zz\r\n", b"-1\r\n", b"fffffffffffffffff\r\n", b"5\r\nabcdefgh\r\n"]
)
def test_a_broken_chunk_ends_the_connection(target: Server, chunk: bytes) -> None:
    """Where the next request begins cannot be known any more."""
    with target.connect() as connection:
        connection.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunk)
        assert_refused(connection.reply(), 400)
        assert connection.rest() == b""


TARGETS: Final = {
    "OPTIONS *": 404, "OPTIONS /v1/track": 405, "CONNECT a:443": 405, "CONNECT /v1/track": 405,
    "TRACE /": 405, "GET http://a": 400, "GET http://a/v1/validate": 200, "GET //": 200,
    "GET /v1/users/%FF": 404, "GET /v1/users/%": 404, "GET /%2e%2e/%2e%2e/etc/passwd": 404,
    "GET /../store.db": 404, "GET /\xff": 400, "GET ?": 400, "GET /v1/validate#x": 200,
    "PRI *": 400, "get /": 400, "POST /v1/track/../track": 404, "POST /V1/TRACK": 404,
}  # fmt: skip


@pytest.mark.parametrize("line", TARGETS)
def test_an_odd_address_or_method_is_answered(target: Server, line: str) -> None:
    """In the documented form, and never with a 500."""
    with target.connect() as connection:
        head = f"{line} HTTP/1.1\r\nHost: a\r\nAuthorization: Token {KEY}\r\n\r\n"
        connection.send(head.encode("latin-1"))
        reply = connection.reply()

        if reply.status == 200:
            assert TARGETS[line] == 200
        else:
            assert reply.status in (TARGETS[line], 400)
            assert_refused(reply, reply.status)


def test_rubbish_never_makes_the_server_fail(target: Server) -> None:
    """A thousand requests with some bytes changed, each answered or closed, never with a 5xx."""
    chance = random.Random(7)
    whole = with_length(GOOD) + b"GET /v1/users/ada?limit=5 HTTP/1.1\r\nHost: a\r\n\r\n"
    for _ in range(1000):
        broken = bytearray(whole)
        for _ in range(chance.randint(1, 6)):
            at = chance.randrange(len(broken))
            broken[at : at + chance.randint(0, 3)] = chance.randbytes(chance.randint(0, 3))
        with target.connect() as connection:
            connection.send(bytes(broken))
            with suppress(OSError):
                connection.socket.shutdown(socket.SHUT_WR)
            for status in _statuses(connection.rest()):
                assert 200 <= status < 500, bytes(broken)


def _statuses(replies: bytes) -> list[int]:
    return [int(part[:3]) for part in replies.split(b"HTTP/1.1 ")[1:]]


def test_headers_without_end_are_a_431(target: Server) -> None:
    """After 64 KiB, or a little more where packets are large."""
    with bounded_memory(target), target.connect() as connection:
        with suppress(OSError):  # it may close while we still send
            connection.send(HEAD)
            for _ in range(40):
                connection.send(b"X-Long: " + b"x" * 10_000 + b"\r\n")
                time.sleep(0.001)
        replies = connection.rest()

        assert _statuses(replies) in ([431], [])  # a close may overtake the reply


@pytest.mark.parametrize("part", ["one header", "many headers", "address"])
def test_a_huge_head_in_one_go_is_refused_or_read_in_bounded_memory(
    target: Server, part: str
) -> None:
    """10 MB, as fast as the network carries it."""
    head = {
        "one header": HEAD + b"X: " + b"x" * 10 * MIB,
        "many headers": HEAD + b"X: y\r\n" * (10 * MIB // 6),
        "address": b"GET /v1/users/" + b"x" * 10 * MIB,
    }[part]
    with bounded_memory(target), target.connect() as connection:
        with suppress(OSError):
            connection.send(head)
        assert _statuses(connection.rest()) in ([431], [400], [])


@pytest.mark.slow  # up to 10 s: the server looks every 5 s at most
def test_senders_that_never_finish_are_cut_off(target: Server) -> None:
    """Slow heads and slow bodies, though a byte comes now and then: the time is the whole's."""
    starts = [
        HEAD[:30],
        HEAD,
        HEAD + b"Content-Length: 900\r\n\r\n{",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nfff\r\n{",
    ]
    with ExitStack() as stack:
        connections = [stack.enter_context(target.connect()) for _ in range(50)]
        for number, connection in enumerate(connections):
            connection.send(starts[number % len(starts)])
        deadline = time.monotonic() + 15
        waiting = list(connections)
        while waiting and time.monotonic() < deadline:
            for each in list(waiting):
                if each.is_open(for_s=0.001):
                    each.send(b"x")
                else:
                    waiting.remove(each)
            time.sleep(0.2)

        assert not waiting
        replies = [connection.rest() for connection in connections]
        assert sum(_statuses(each) == [408] for each in replies) > 40  # a reset may overtake a few


@pytest.mark.parametrize("request_", ["call", "read"])
def test_a_sender_that_reads_no_replies_is_not_read_from_either(
    server: Server, request_: str
) -> None:
    """Its replies would otherwise pile up in our memory. Once it reads, it gets them."""
    reads = f"GET /v1/validate HTTP/1.1\r\nHost: a\r\nAuthorization: Token {KEY}\r\n\r\n".encode()
    one = with_length(GOOD) if request_ == "call" else reads
    sent = 0
    with bounded_memory(server, 40 * 1024), socket.socket() as sender:
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        sender.settimeout(0.5)
        sender.connect(("127.0.0.1", server.port))
        with suppress(TimeoutError):
            while sent < 100_000 * len(one):
                sent += sender.send((one * 100)[sent % len(one) :])
        assert sent < 100_000 * len(one)
        assert server.client().get("/v1/validate").status_code == 200

        sender.settimeout(10)
        received = b""
        while received.count(b"HTTP/1.1 ") < 500:
            more = sender.recv(65536)
            assert more
            received += more
        assert set(_statuses(received)) == {202 if request_ == "call" else 200}


def test_a_stranger_costs_no_parsing(target: Server) -> None:
    """The key is checked before the body is read: the refusal comes while the body is missing."""
    head = HEAD.replace(KEY.encode(), b"wrong") + b"Content-Length: 1000\r\n\r\n"
    with target.connect() as connection:
        connection.send(head)
        assert_refused(connection.reply(), 401)

        connection.send(b"x" * 1000 + with_length(GOOD))
        assert connection.reply().status == 202


def test_a_connection_that_goes_away_takes_nothing_with_it(target: Server) -> None:
    """In the middle of a head, of a body, or before its reply came."""
    whole = with_length(GOOD)
    before = len(target.client().events(event_name="e"))
    for end in (10, len(HEAD) + 5, len(whole) - 3):
        with target.connect() as connection:
            connection.send(whole[:end])
    assert len(target.client().events(event_name="e")) == before
    for _ in range(20):
        with target.connect() as connection:
            connection.send(whole)


def test_many_connections_are_served(target: Server) -> None:
    """500 at once, most of them idle."""
    with ExitStack() as stack:
        connections = [stack.enter_context(target.connect()) for _ in range(500)]
        for connection in connections[::25]:
            connection.send(with_length(GOOD))
        assert {connection.reply().status for connection in connections[::25]} == {202}
