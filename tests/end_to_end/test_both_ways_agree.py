"""The fast way and the ordinary way give the same answer to the same request.

One table of requests, each written in every form in which HTTP lets one write it. Which way a
request really took is counted, so that no way is ever compared with itself.
"""

import gzip
import socket
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

import pytest

from tests.connection import Connection, Reply
from tests.http_server import BODY_LIMIT, KEYS, HttpServer
from tests.server import wait_for

TRACK: Final = b'{"user_id":"ada","event_name":"signed up","metadata":{"plan":"pro"}}'
IDENTIFY: Final = b'{"user_id":7,"metadata":{"name":"Ada"},"company":{"id":"acme"}}'
COMPANY: Final = b'{"company_id":"acme","metadata":{"seats":3}}'


class Case(NamedTuple):
    """A request and the status of its answer."""

    status: int
    method: str = "POST"
    target: str = "/v1/track"
    body: bytes | None = TRACK
    authorization: str | None = f"Token {KEYS['admin'][0]}"
    header: str = ""
    fast: bool = False  #: taken by the fast way in its plainest form
    server: str = ""  #: what is wrong with the server
    more: str = ""  #: a header that the answer has


CASES: Final = {
    "track": Case(202, fast=True),
    "identify": Case(202, target="/v1/identify", body=IDENTIFY, fast=True),
    "identify company": Case(202, target="/v1/companies/identify", body=COMPANY, fast=True),
    "key that may send": Case(202, authorization=f"Token {KEYS['ingest'][0]}", fast=True),
    "scheme in lower case": Case(202, authorization=f"token {KEYS['admin'][0]}", fast=True),
    "bearer": Case(202, authorization=f"BEARER {KEYS['admin'][0]}", fast=True),
    "any content type and version": Case(
        202, header="Content-Type: text/plain\r\nX-API-Version: 1999", fast=True
    ),
    "slash at the end": Case(202, target="/v1/track/"),
    "query": Case(202, target="/v1/track?from=here"),
    "whole address": Case(202, target="http://example.org/v1/track"),
    "http/2 offered": Case(202, header="Connection: Upgrade\r\nUpgrade: h2c", fast=True),
    "http/2 offered, and refused": Case(
        401, header="Connection: Upgrade\r\nUpgrade: h2c", authorization=None
    ),
    "websocket offered": Case(
        200,
        method="GET",
        target="/v1/validate",
        body=None,
        header="Connection: Upgrade\r\nUpgrade: websocket",
    ),
    "broken json": Case(400, body=b'{"user_id":'),
    "empty body": Case(400, body=b""),
    "no body": Case(400, body=None),
    "array": Case(400, body=b"[]"),
    "not utf-8": Case(400, body=b'{"user_id":"\xff","event_name":"x"}'),
    "nan": Case(400, body=b'{"user_id":NaN,"event_name":"x"}'),
    "nested deeply": Case(400, body=b'{"a":' * 300 + b"1" + b"}" * 300),
    "user_id missing": Case(400, body=b'{"event_name":"x"}'),
    "user_id of the wrong type": Case(400, body=b'{"user_id":{},"event_name":"x"}'),
    "event_name missing": Case(400, body=b'{"user_id":"ada"}'),
    "company without its id": Case(
        400, target="/v1/identify", body=b'{"user_id":"ada","company":{"name":"Acme"}}'
    ),
    "no key": Case(401, authorization=None),
    "unknown key": Case(401, authorization="Token no-such-key"),
    "revoked key": Case(401, authorization=f"Token {KEYS['revoked'][0]}"),
    "key that may only read": Case(401, authorization=f"Token {KEYS['read'][0]}"),
    "other scheme": Case(401, authorization="Basic YTpi"),
    "wrong key and broken json": Case(401, authorization="Token no-such-key", body=b"{"),
    "unknown address": Case(404, target="/v1/nothing"),
    "two slashes at the end": Case(404, target="/v1/track//"),
    "wrong method": Case(405, method="PUT", more="allow"),
    "get of a call": Case(405, method="GET", body=None, more="allow"),
    "head of a call": Case(405, method="HEAD", body=None, more="allow"),
    "post of a read": Case(405, target="/v1/events", more="allow"),
    "too large": Case(413, body=TRACK + b" " * BODY_LIMIT),
    "just fits": Case(202, body=TRACK.ljust(BODY_LIMIT), fast=True),
    "unknown encoding": Case(415, header="Content-Encoding: br"),
    "too many": Case(429, server="limited", more="retry-after", fast=True),
    "queue full": Case(503, server="full", more="retry-after", fast=True),
    "disk full": Case(503, server="broken", more="retry-after", fast=True),
    "validate": Case(200, method="GET", target="/v1/validate", body=None),
    "head of validate": Case(200, method="HEAD", target="/v1/validate", body=None),
    "validate with a slash": Case(200, method="GET", target="/v1/validate/", body=None),
    "validate with no key": Case(
        401, method="GET", target="/v1/validate", body=None, authorization=None
    ),
}


class Form(NamedTuple):
    """A way of writing a request."""

    write: Callable[[Case], list[bytes]]  #: the packets
    plain: bool = False  #: the fast way takes it, if it takes the case
    closes: bool = False


def head(case: Case, *lines: str, version: str = "1.1") -> bytes:
    """Return the request up to its body."""
    first = [f"{case.method} {case.target} HTTP/{version}", "Host: example.org"]
    if case.authorization:
        first.append(f"Authorization: {case.authorization}")
    if case.header:
        first.append(case.header)
    return "\r\n".join([*first, *lines, "", ""]).encode()


def with_length(case: Case, *lines: str, version: str = "1.1") -> bytes:
    """Return the request with its body, as nearly every sender writes it."""
    length = [] if case.body is None else [f"Content-Length: {len(case.body)}"]
    return head(case, *length, *lines, version=version) + (case.body or b"")


def chunked(case: Case) -> list[bytes]:
    """Return it with a body of unknown length."""
    if case.body is None:
        return [with_length(case)]
    parts = [case.body[i : i + 700] for i in range(0, len(case.body), 700)]
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)
    return [head(case, "Transfer-Encoding: chunked"), chunks + b"0\r\nTrailer: x\r\n\r\n"]


def packed(case: Case) -> list[bytes]:
    """Return it with its body as gzip."""
    if case.body is None:
        return [with_length(case)]
    body = gzip.compress(case.body)
    lines = ("Content-Encoding: gzip", f"Content-Length: {len(body)}")
    return [head(case, *lines) + body]


def in_two(case: Case) -> list[bytes]:
    """Return head and body in packets of their own."""
    whole = with_length(case)
    cut = len(whole) - len(case.body or b"")
    return [whole[:cut], whole[cut:]]


ORDINARY: Final = Form(lambda case: [with_length(case, "Content-Encoding: identity")])
FORMS: Final = {
    "in one packet": Form(lambda case: [with_length(case)], plain=True),
    "head and body apart": Form(in_two, plain=True),
    "byte by byte": Form(
        lambda case: [bytes((b,)) for b in with_length(case)[:400]] + [with_length(case)[400:]],
        plain=True,
    ),
    "keep-alive named": Form(
        lambda case: [with_length(case, "Connection: keep-alive")], plain=True
    ),
    "chunked": Form(chunked),
    "expect": Form(lambda case: [with_length(case, "Expect: 100-continue")]),
    "gzip": Form(packed),
    "close": Form(lambda case: [with_length(case, "Connection: close")], closes=True),
    "http 1.0": Form(lambda case: [with_length(case, version="1.0")], closes=True),
    "http 1.0 kept alive": Form(
        lambda case: [with_length(case, "Connection: keep-alive", version="1.0")], closes=True
    ),
}


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpServer]:
    """Both ways, and a count of the requests that took the ordinary one."""
    with HttpServer(tmp_path_factory.mktemp("http")) as server:
        yield server


class Outcome(NamedTuple):
    """What both ways must agree on."""

    status: int
    headers: dict[str, str]
    body: bytes
    record: bytes | None  #: what the log got, but for the record's id


def send(http: HttpServer, connection: Connection, case: Case, form: Form) -> tuple[Outcome, bool]:
    """Send the request; return its outcome and whether it took the ordinary way."""
    records, ordinary = len(http.log.records), http.ordinary
    for packet in form.write(case):
        connection.send(packet)
    reply = connection.reply(to_head=case.method == "HEAD")
    while reply.status == 100:
        reply = connection.reply()
    record = http.log.records[-1] if len(http.log.records) > records else None
    request_id = reply.headers["x-request-id"]
    assert len(request_id) == 20
    if record is not None:
        assert record[6:26] == request_id.encode()
    record = None if record is None else record[:6] + record[26:]
    return Outcome(reply.status, comparable(reply), reply.body, record), http.ordinary > ordinary


def comparable(reply: Reply) -> dict[str, str]:
    """Return the headers without those that differ each time."""
    return {k: v for k, v in reply.headers.items() if k not in ("date", "x-request-id")}


@pytest.fixture
def ill(http: HttpServer, case: Case) -> Iterator[None]:
    """Let the server have the case's trouble for one test."""
    if case.server == "limited":
        http.limited = True
    elif case.server:
        setattr(http.log, case.server, True)
    yield
    heal(http)


def heal(http: HttpServer) -> None:
    """End every trouble of the server."""
    http.limited = http.log.full = http.log.broken = False


@pytest.mark.usefixtures("ill")
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_both_ways_answer_the_same(http: HttpServer, case: Case, form: Form) -> None:
    """Senders must not be able to tell which way their request took."""
    with http.connect() as one, http.connect() as other:
        expected, ordinary = send(http, one, case, ORDINARY)
        assert (expected.status, ordinary) == (case.status, True)

        outcome, ordinary = send(http, other, case, form)

        closes = outcome.headers.pop("connection", "") == "close"
        assert outcome == expected
        assert ordinary is not (case.fast and form.plain)
        assert closes == form.closes
        if closes:
            assert other.rest() == b""
        else:
            heal(http)
            assert send(http, other, CASES["track"], FORMS["in one packet"])[0].status == 202


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_every_answer_has_the_documented_form(http: HttpServer, case: Case, ill: None) -> None:
    """Whoever programs against the contract meets one shape of errors and one content type."""
    with http.connect() as connection:
        for packet in FORMS["in one packet"].write(case):
            connection.send(packet)
        reply = connection.reply(to_head=case.method == "HEAD")

        assert reply.headers["content-type"] == "application/json; charset=utf-8"
        assert case.more in {*reply.headers, ""}
        if case.status < 300:
            assert reply.body == (b"" if case.method == "HEAD" else b"{}")
        elif case.method != "HEAD":
            [error] = reply.errors()
            assert error.keys() == {"error", "error_code", "message", "details"}
            assert error["error_code"] == str(case.status)
            assert error["message"]


@pytest.mark.usefixtures("ill")
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_connection_that_repeats_itself_is_answered_the_same(
    http: HttpServer, case: Case
) -> None:
    """Heads that were sent before are not parsed again, which must not show."""
    again = [CASES["track"], CASES["track"], case, case, CASES["track"]]
    with http.connect() as one, http.connect() as other:
        for each in again:
            expected, _ = send(http, one, each, ORDINARY)
            outcome, ordinary = send(http, other, each, FORMS["in one packet"])

            assert outcome == expected
            assert ordinary is not each.fast


@pytest.mark.parametrize("first", ["track", "identify"])
def test_a_repeated_head_may_arrive_in_any_two_parts(http: HttpServer, first: str) -> None:
    """Packets end where they like; and another call's head differs in a few bytes only."""
    case = CASES["track"]._replace(body=b'{"user_id":"ada","event_name":"left"}')
    whole = with_length(case)
    with http.connect() as connection:
        for cut in range(1, len(whole)):
            connection.send(with_length(CASES[first]))
            assert connection.reply().status == 202
            connection.send(whole[:cut])
            connection.send(whole[cut:] + with_length(CASES["validate"]))
            outcome = connection.reply()
            assert outcome.status == 202
            record = outcome.headers["x-request-id"].encode() + (case.body or b"")
            assert http.log.records[-1].endswith(record)
            assert connection.reply().status == 200


def pipelined(*names: str) -> bytes:
    """Return these requests behind one another."""
    return b"".join(with_length(CASES[name]) for name in names)


MIXED: Final = [
    "track", "user_id missing", "track", "validate", "unknown key", "identify", "get of a call",
    "unknown address", "slash at the end", "too large", "track",
]  # fmt: skip


@pytest.mark.parametrize("size", [1, 7, 100, 1000, 100_000])
def test_pipelined_requests_are_answered_in_their_order(http: HttpServer, size: int) -> None:
    """Good ones and refused ones, in packets that end anywhere."""
    whole = pipelined(*MIXED)
    records = len(http.log.records)
    with http.connect() as connection:
        for i in range(0, len(whole), size):
            connection.send(whole[i : i + size])
        replies = [connection.reply() for _ in MIXED]

        assert [each.status for each in replies] == [CASES[name].status for name in MIXED]
        accepted = [each.headers["x-request-id"] for each in replies if each.status == 202]
        assert accepted == [record[6:26].decode() for record in http.log.records[records:]]
        assert connection.is_open()


def test_a_request_behind_one_that_waits_for_the_disk_is_answered_after_it(
    http: HttpServer,
) -> None:
    """Also if it could be answered at once: replies have no other mark than their order."""
    http.log.held = []
    with http.connect() as connection:
        connection.send(pipelined("track", "validate", "identify", "no key"))
        connection.socket.settimeout(0.1)
        with pytest.raises(TimeoutError):
            connection.reply()
        connection.socket.settimeout(10)
        http.log.release()

        assert [connection.reply().status for _ in range(4)] == [202, 200, 202, 401]


def test_pipelined_bodies_do_not_count_as_headers(http: HttpServer) -> None:
    """Though a packet of 200 kB ends in the middle of a head."""
    whole = pipelined(*["just fits"] * 100)
    cut = len(whole) - 2 * BODY_LIMIT - 100
    with http.connect() as connection:
        connection.send(whole[: cut - BODY_LIMIT])
        connection.send(whole[cut - BODY_LIMIT : cut])
        connection.send(whole[cut:])
        assert {connection.reply().status for _ in range(100)} == {202}


def test_many_pipelined_calls_of_one_packet_are_all_kept_once(http: HttpServer) -> None:
    """Nothing is lost or doubled where the fast way hands over to the ordinary one."""
    records = len(http.log.records)
    with http.connect() as connection:
        connection.send(pipelined(*["track"] * 500))
        ids = [connection.reply().headers["x-request-id"] for _ in range(500)]

    assert ids == [record[6:26].decode() for record in http.log.records[records:]]


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
