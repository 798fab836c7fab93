"""The fast way and the ordinary way give the same answer to the same request.

One table of requests, each written in every form in which HTTP lets one write it. Which way a
request really took is counted, so that no way is ever compared with itself.
"""

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.connection import Connection, Reply
from tests.end_to_end.written_requests import CASES, FORMS, ORDINARY, Case, Form, with_length
from tests.http_server import HttpServer


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
