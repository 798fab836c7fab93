"""The quarantine takes little room, survives a crash, and keeps nothing of who is deleted."""

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.quarantined import holds, listed, refused
from tests.server import KEY, Server

# How much is kept


@pytest.mark.slow  # 4 s, for servers of its own
def test_they_survive_a_restart(tmp_path: Path) -> None:
    """A crash is just when one wants to know."""
    with Server(tmp_path) as server:
        first = refused(server.client(), {})
        assert listed(server.client())
        server.kill()
        server.restart()
        second = refused(server.client(), {})
        server.stop()
        server.restart()

        assert [each["id"] for each in listed(server.client())] == [second, first]


@pytest.mark.slow  # 6 s
def test_a_flood_stays_within_bounds_and_is_counted(tmp_path: Path) -> None:
    """A sender gone wild neither fills the disk nor goes unnoticed."""
    limit = 200_000
    with Server(tmp_path, settings={"quarantine_limit": limit}) as server:
        client = server.client()
        sent = _flood(server, for_s=4.0)
        client.track("ada", "fine")
        page = client.get("/v1/quarantine").json()["metadata"]

        assert page["total_count"] + page["dropped_count"] == sent
        assert page["dropped_count"] > 0
        sizes = {path.name: path.stat().st_size for path in server.data.glob("refused.db*")}
        assert sizes["refused.db"] < limit + 500_000, sizes  # and what is written at once
        assert sizes["refused.db-wal"] < 8_000_000, sizes
        assert "Traceback" not in server.errors()


@pytest.mark.slow  # 1 s, for a server of its own
def test_nothing_is_kept_if_that_is_set(tmp_path: Path) -> None:
    """Some may not keep such bodies at all."""
    with Server(tmp_path, settings={"quarantine_keep": 0}) as server:
        refused(server.client(), {"user_id": "ada-lovelace"})

        assert listed(server.client()) == []
        assert not holds(server, b"ada-lovelace")


# Deletions


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose data directory only these tests fill."""
    with Server(tmp_path_factory.mktemp("target")) as server:
        yield server


@pytest.mark.slow  # 2 s: a deletion waits for a second
@pytest.mark.parametrize(
    "body",
    [
        b'{"user_id":"ada-lovelace","secret":"SECRET"}',
        b'{"user_id":"ada\\u002dlovelace","secret":"SECRET"',
        b"user_id=ada%2Dlovelace&secret=SECRET",
        b'{"secret":"SECRET","text":"' + b"x" * 5000 + b'","user_id":"ada-lovelace"}',
        b'\xff{"user_id":"ada-lovelace","secret":"SECRET"}',
        '{"user_id":"ada-lovelace","secret":"SECRET"}'.encode("utf-16-le"),
    ],
    ids=["plain", "escaped", "form", "cut", "not UTF-8", "UTF-16"],
)
def test_a_deletion_reaches_what_was_refused(target: Server, body: bytes) -> None:
    """No byte of the data directory holds the person's id or values, refused or not."""
    client = target.new_environment()
    secret = f"secret-{time.time_ns()}".encode()
    utf_16 = b"\0" in body
    secret = secret.decode().encode("utf-16-le") if utf_16 else secret
    body = body.replace("SECRET".encode("utf-16-le") if utf_16 else b"SECRET", secret)
    assert client.request("POST", "/v1/identify", content=body).status_code in (202, 400)
    kept = refused(client, {"user_id": "ada-lovelaces"})
    client.request("POST", "/v1/track", content=body)
    assert listed(client)  # all are written
    assert holds(target, secret)

    job = client.delete("users", ["ada-lovelace"])

    assert job["status"] == "completed"
    assert job["removed"]["refused_requests"] >= 1
    assert not holds(target, secret)
    assert [each["id"] for each in listed(client)] == [kept]


@pytest.mark.slow  # 4 s
def test_a_deletion_reaches_what_is_refused_at_that_moment(target: Server) -> None:
    """What waits to be written is written before it looks, or never."""
    client = target.new_environment()
    stop = threading.Event()
    body = json.dumps({"user_id": "grace-hopper", "x": "grace-secret"})

    def send() -> None:
        while not stop.is_set():
            client.request("POST", "/v1/track", content=body.encode())

    sender = threading.Thread(target=send)
    sender.start()
    time.sleep(0.5)
    job = client.request("DELETE", "/v1/users", content=b'{"users":["grace-hopper"]}').json()
    stop.set()
    sender.join()
    due = client.ended(job)["due_at"]

    assert [each for each in listed(client) if each["refused_at"] <= due] == []


def _flood(server: Server, *, for_s: float) -> int:
    """Send what is refused as fast as one connection can; return how often."""
    body = json.dumps({"user_id": "ada", "x": "y" * 2000}).encode()
    head = f"POST /v1/track HTTP/1.1\r\nhost: x\r\nauthorization: Token {KEY}\r\n"
    request = f"{head}content-length: {len(body)}\r\n\r\n".encode() + body
    sent = 0
    with server.connect() as connection:
        end = time.monotonic() + for_s
        while time.monotonic() < end:
            connection.send(request * 20)
            for _ in range(20):
                assert connection.reply().status == 400
            sent += 20
    return sent
