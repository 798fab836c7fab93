"""The live stream: whoever follows it sees every event once, and slows nobody down."""

import socket
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import pytest

from analytex.domain.environments import Permission
from tests.connection import Connection
from tests.rows import ndjson, track
from tests.server import KEY, Client, Server, wait_for
from tests.stream import Stream

BIG: Final = "x" * 200_000


# What is told


def test_an_event_is_told_as_a_read_shows_it(client: Client) -> None:
    """Whoever knows the one knows the other."""
    with Stream(client) as stream:
        id = client.track("ada", "opened", plan="team")
        told = stream.next()

        assert told.type == "message"
        assert [told.json()] == client.events(id=id)
        assert stream.reply.headers["content-type"] == "text/event-stream"
        assert stream.reply.headers["cache-control"] == "no-store"
        assert stream.parser.retry_ms == 1000


def test_an_event_is_told_soon(client: Client) -> None:
    """Somebody watches while they try something out."""
    with Stream(client) as stream:
        waits = []
        for _ in range(10):
            began = time.monotonic()
            client.track("ada", "opened")
            stream.next()
            waits.append(time.monotonic() - began)

    assert sorted(waits)[5] < 0.2, waits


def test_only_what_comes_from_now_on_is_told(client: Client) -> None:
    """The past is what reads are for."""
    client.track("ada", "before")
    assert len(client.events()) == 1

    with Stream(client) as stream:
        client.track("ada", "after")

        assert stream.names(1) == ["after"]


def test_nothing_of_another_environment_is_told(client: Client) -> None:
    """Environments are worlds of their own."""
    other = client.server.new_environment()
    with Stream(client, refused="true") as stream:
        other.track("ada", "theirs")
        other.post("/v1/track", {})
        client.track("ada", "ours")

        assert stream.names(1) == ["ours"]
        assert stream.is_silent()


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"user_id": "ada"}, ["a", "b"]),
        ({"user_id": "bob"}, ["", "a"]),
        ({"event_name": "b"}, ["b"]),
        ({"event_type": "track", "user_id": "ada"}, ["a", "b"]),
        ({"event_type": "identify_user"}, [""]),
        ({"company_id": "acme"}, ["", "a"]),
    ],
    ids=str,
)
def test_filters_are_those_of_reads(
    client: Client, query: dict[str, Any], names: list[str]
) -> None:
    """One who follows a single user does not want the rest."""
    with Stream(client, **query) as stream:
        client.track("ada", "a")
        client.track("ada", "b")
        client.identify("bob", {}, {"id": "acme"})
        client.track("bob", "a")

        assert stream.names(len(names)) == names
        assert stream.is_silent()


def test_json_with_line_ends_comes_through(client: Client) -> None:
    """A stream ends its lines where JSON may go on."""
    body = b'{"user_id":"ada","event_name":"e","metadata":{\r\n"a":\r1,\n\n"b":"x\\ny"}}'
    with Stream(client) as stream:
        assert client.request("POST", "/v1/track", content=body).status_code == 202

        assert stream.next().json()["metadata"] == {"a": 1, "b": "x\ny"}


def test_rows_of_files_are_told_on_request(client: Client) -> None:
    """An import of the history would drown what is going on."""
    with Stream(client) as live, Stream(client, files="true") as all_of_it:
        client.import_rows(ndjson([track(1, event_name="old")]))
        client.bulk("users", [{"user_id": "ada"}])
        client.track("ada", "new")

        assert all_of_it.names(3) == ["old", "", "new"]
        assert live.names(1) == ["new"]
        assert live.is_silent()


def test_refused_calls_are_told_on_request(client: Client) -> None:
    """Whoever writes the sender sees at once what is wrong."""
    with Stream(client, refused="true") as both, Stream(client) as events:
        refusal = client.post("/v1/track", {"user_id": "ada"})
        assert refusal.status_code == 400
        told = both.next()
        client.track("ada", "fine")

        assert told.type == "refused"
        assert told.json()["id"] == refusal.headers["x-request-id"]
        assert told.json()["message"] == "`event_name` is missing."
        assert told.json()["body"] == '{"user_id": "ada"}'
        assert both.names(1) == events.names(1) == ["fine"]


# Coming back


def test_a_reader_that_comes_back_misses_and_repeats_nothing(client: Client) -> None:
    """Connections break; what happened meanwhile is told first."""
    with Stream(client) as stream:
        for name in "abc":
            client.track("ada", name)
        assert stream.names(1) == ["a"]
        last = stream.next()
    for name in "de":
        client.track("ada", name)
    assert len(client.events()) == 5

    with Stream(client, headers={"last-event-id": last.id}) as again:
        assert again.names(3) == ["c", "d", "e"]
        client.track("ada", "f")
        assert again.names(1) == ["f"]
        assert again.is_silent()
    with Stream(client, last_event_id=last.id, event_name="e") as again:
        assert again.names(1) == ["e"]


def test_a_place_from_before_the_first_event_is_enough(client: Client) -> None:
    """A stream says where it is before it tells anything."""
    with Stream(client) as stream:
        place = stream.parser.last_id
    client.track("ada", "meanwhile")

    with Stream(client, last_event_id=place) as again:
        assert again.names(1) == ["meanwhile"]


def test_refused_calls_are_caught_up_with_too(client: Client) -> None:
    """The place says up to where both were told."""
    with Stream(client, refused="true") as stream:
        client.post("/v1/track", {"user_id": "first"})
        last = stream.next()
    client.post("/v1/track", {"user_id": "second"})
    assert client.get("/v1/quarantine").json()["metadata"]["total_count"] == 2

    with Stream(client, last_event_id=last.id, refused="true") as again:
        assert again.next().json()["body"] == '{"user_id": "second"}'
        assert again.is_silent()


@pytest.mark.slow  # 2 s: a deletion waits for a second
def test_an_event_behind_a_deletion_is_not_missed(tmp_path: Path) -> None:
    """The number of a deleted event is not given to another one."""
    with Server(tmp_path) as server:
        client = server.client()
        with Stream(client) as stream:
            client.track("bob", "kept")
            client.track("ada", "deleted")
            assert stream.names(2) == ["kept", "deleted"]
            place = stream.parser.last_id
            client.delete("users", ["ada"])
            client.track("bob", "next")
            assert stream.names(1) == ["next"]

        with Stream(client, last_event_id=place) as again:
            assert again.names(1) == ["next"]


def test_a_place_that_is_not_ours_is_refused(client: Client) -> None:
    """A reader that mixed something up should know."""
    reply = client.get("/v1/events/stream", last_event_id="yesterday")

    assert reply.status_code == 400
    assert "last_event_id" in reply.json()["errors"][0]["message"]


def test_a_place_of_another_time_is_told(client: Client) -> None:
    """After a restore the store may not have got there; the reader learns that, and goes on."""
    with Stream(client, last_event_id="999999999") as stream:
        gap = stream.next()
        client.track("ada", "now")

        assert (gap.type, gap.json()["after"]) == ("gap", "999999999")
        assert gap.json()["resumed_at"] == gap.id
        assert stream.names(1) == ["now"]


# Who may


def test_a_stranger_gets_no_stream(client: Client) -> None:
    """As with every read."""
    reply = client._replace(key="wrong").get("/v1/events/stream")

    assert reply.status_code == 401


def test_a_stream_needs_the_permission_to_read(server: Server) -> None:
    """A sender's key does not show what others send."""
    reply = server.new_environment(Permission.INGEST).get("/v1/events/stream")

    assert reply.status_code == 401


def test_a_look_at_the_head_ends(client: Client) -> None:
    """HEAD has no body to wait for."""
    reply = client.request("HEAD", "/v1/events/stream")

    assert (reply.status_code, reply.headers["content-type"]) == (200, "text/event-stream")


# Many, slow and at the end


@pytest.mark.slow  # 2 s, for a server of its own
def test_too_many_streams_are_refused(tmp_path: Path) -> None:
    """Each takes memory; whoever goes makes room."""
    with Server(tmp_path, settings={"stream_limit": 2}) as server:
        client = server.client()
        with Stream(client), Stream(client):
            reply = client.get("/v1/events/stream")
            assert (reply.status_code, reply.headers["retry-after"]) == (503, "5")
        wait_for(lambda: _opens(client), 5)


@pytest.mark.slow  # 3 s
def test_many_streams_are_told_the_same(client: Client) -> None:
    """They are read for once, and told one by one."""
    streams = [Stream(client) for _ in range(50)]
    try:
        for stream in streams:
            stream.__enter__()
        names = [f"e{n}" for n in range(20)]
        for name in names:
            client.track("ada", name)

        assert all(stream.names(20) == names for stream in streams)
    finally:
        for stream in streams:
            stream.close()


@pytest.mark.slow  # 3 s
def test_a_slow_reader_is_dropped_and_holds_up_nobody(client: Client) -> None:
    """It finds a comment that says so, and goes on from where it was."""
    with Stream(client) as quick, socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect(("127.0.0.1", client.server.port))
        slow.settimeout(10)
        head = f"GET /v1/events/stream HTTP/1.1\r\nhost: x\r\nauthorization: Token {client.key}"
        slow.sendall(f"{head}\r\n\r\n".encode())
        came = slow.recv(500)
        waits = []
        for n in range(60):  # 12 MB: more than all buffers on the way, and the queue
            began = time.monotonic()
            client.track("ada", f"e{n}", big=BIG)
            waits.append(time.monotonic() - began)
            assert quick.names(1) == [f"e{n}"]
        while b"too slowly" not in came[-1000:]:
            more = slow.recv(1_000_000)
            assert more, "the connection ended without a word"
            came += more

        assert max(waits) < 1, waits
        place = came.rpartition(b"\nid: ")[2].split()[0].decode()
        told = came.count(b'"event_name"')
        assert 0 < told < 60
        with Stream(client, last_event_id=place) as again:
            assert again.names(60 - told) == [f"e{n}" for n in range(told, 60)]


@pytest.mark.slow  # 6 s: connections are looked at every five
def test_a_reader_that_fetches_nothing_is_cut_off(tmp_path: Path) -> None:
    """What it holds is given back, though it neither reads nor goes."""
    with Server(tmp_path, settings={"request_timeout": 1}) as server, socket.socket() as stuck:
        client = server.client()
        stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stuck.connect(("127.0.0.1", server.port))
        head = f"GET /v1/events/stream HTTP/1.1\r\nhost: x\r\nauthorization: Token {KEY}"
        stuck.sendall(f"{head}\r\n\r\n".encode())
        assert stuck.recv(500)
        for _ in range(60):
            client.track("ada", "e", big=BIG)

        time.sleep(6)
        stuck.settimeout(5)
        with suppress(ConnectionResetError):
            while stuck.recv(1_000_000):
                pass


@pytest.mark.slow  # 3 s, for servers of their own
def test_a_stop_ends_streams_at_once(tmp_path: Path) -> None:
    """An update of the server does not wait for those who watch; they come back by themselves."""
    with Server(tmp_path) as server:
        with Stream(server.client()) as stream:
            place = stream.parser.last_id
            began = time.monotonic()
            assert server.stop() == 0
            took = time.monotonic() - began

            assert stream.ended.wait(1)
            assert any("stops" in comment for comment in stream.parser.comments)
        assert took < 3, took
        assert server.errors() == ""
        server.restart()
        client = server.client()
        client.track("ada", "later")
        with Stream(client, last_event_id=place) as again:
            assert again.names(1) == ["later"]


@pytest.mark.slow  # 3 s, for a server of its own
def test_every_worker_tells_what_any_of_them_accepted(tmp_path: Path) -> None:
    """A reader does not choose its worker."""
    with Server(tmp_path, settings={"workers": 2}) as server:
        client = server.client()
        streams = [Stream(client, refused="true") for _ in range(8)]
        try:
            for stream in streams:
                stream.__enter__()
            for _ in range(10):
                with server.connect() as connection:  # each by another worker, or not
                    _post(connection, b'{"user_id":"ada","event_name":"e"}', 202)
                with server.connect() as connection:
                    _post(connection, b'{"user_id":"ada"}', 400)

            for stream in streams:
                told = [stream.next().type for _ in range(20)]
                assert sorted(told) == ["message"] * 10 + ["refused"] * 10
        finally:
            for stream in streams:
                stream.close()


def _post(connection: Connection, body: bytes, status: int) -> None:
    head = f"POST /v1/track HTTP/1.1\r\nhost: x\r\nauthorization: Token {KEY}\r\n"
    connection.send(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
    assert connection.reply().status == status


def _opens(client: Client) -> bool:
    with Stream(client) as stream:
        return bool(stream.reply.status == 200)
