"""One table of requests, each of which can be written in every form that HTTP has for it."""

import gzip
from collections.abc import Callable
from typing import Final, NamedTuple

from tests.http_server import BODY_LIMIT, KEYS

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


def pipelined(*names: str) -> bytes:
    """Return these requests behind one another."""
    return b"".join(with_length(CASES[name]) for name in names)
