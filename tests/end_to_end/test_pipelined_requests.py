"""Requests that come behind one another, without waiting for the replies, on both ways."""

from typing import Final

import pytest

from tests.end_to_end.written_requests import CASES, pipelined
from tests.http_server import BODY_LIMIT, HttpServer

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
