"""The server as a whole: its processes, its start and its end, its port and its directory."""

import os
import re
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from analytex.service import lock
from tests.connection import Connection
from tests.server import KEY, Client, Server, wait_for

TRACK = f"POST /v1/track HTTP/1.1\r\nHost: a\r\nAuthorization: Token {KEY}\r\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a server of this test's own lives."""
    return tmp_path / "own"


class Load:
    """Senders that note which of their calls were acknowledged; entered to start them."""

    def __init__(self, server: Server, *, senders: int = 8) -> None:
        self.acknowledged: list[str] = []
        self.refused: list[bytes] = []
        self._port = server.port
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._send, args=(n,)) for n in range(senders)]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        wait_for(lambda: len(self.acknowledged) > 50, 20)
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Send no more, and wait for the answers that are still to come."""
        self._ended.set()
        for thread in self._threads:
            thread.join(30)

    def _send(self, sender: int) -> None:
        number = 0
        while not self._ended.is_set():
            with suppress(OSError), Connection(self._port, timeout_s=10) as connection:
                while not self._ended.is_set():
                    number += 1
                    body = (
                        f'{{"user_id":"u{sender}","event_name":"load","metadata":{{"n":{number}}}}}'
                    )
                    length = f"Content-Length: {len(body)}\r\n\r\n"
                    connection.send(f"{TRACK}{length}{body}".encode())
                    reply = connection.reply()
                    if reply.status == 202:
                        self.acknowledged.append(reply.headers["x-request-id"])
                    else:
                        self.refused.append(reply.body)
            time.sleep(0.01)


def all_events(client: Client) -> list[str]:
    """Return the ids of every event there is."""
    found: list[str] = []
    query: dict[str, object] = {"limit": 1000}
    while True:
        page = client.get("/v1/events", **query).json()
        found += [event["id"] for event in page["data"]]
        if page["metadata"]["cursor"]["after"] is None:
            return found
        query["after_cursor"] = page["metadata"]["cursor"]["after"]


@pytest.mark.slow  # 3 s
def test_a_dead_applier_is_started_again_and_nothing_is_lost_or_doubled(folder: Path) -> None:
    """Senders do not notice; reads wait for it."""
    with Server(folder) as server:
        with Load(server) as load:
            for _ in range(2):
                dead = server.applier()
                os.kill(dead, signal.SIGKILL)
                wait_for(lambda dead=dead: server.applier() != dead, 10)  # type: ignore[misc]
                time.sleep(0.2)
        wait_for(lambda: "x-analytex-lag" not in server.client().get("/v1/events").headers, 20)

        found = all_events(server.client())
        assert load.refused == []
        assert sorted(found) == sorted(load.acknowledged)
        assert "child_died" in server.errors()
        assert server.stop() == 0


@pytest.mark.slow  # 2 s each
@pytest.mark.parametrize("workers", [1, 2])
def test_a_dead_worker_is_started_again_and_what_it_acknowledged_stays(
    folder: Path, workers: int
) -> None:
    """Its connections break; their senders come back to the same port."""
    with Server(folder, words=["--workers", str(workers)]) as server:
        with Load(server) as load:
            dead = server.workers()[0]
            os.kill(dead, signal.SIGKILL)
            wait_for(lambda: len(server.workers()) == workers and dead not in server.workers(), 10)
            before = len(load.acknowledged)
            wait_for(lambda: len(load.acknowledged) > before + 100, 20)

        found = all_events(server.client())
        assert load.refused == []
        assert set(load.acknowledged) <= set(found)
        assert len(found) == len(set(found))
        assert server.stop() == 0


def test_two_workers_share_the_port_and_the_log(folder: Path) -> None:
    """Calls taken by one are read from the other, in the next line."""
    with Server(folder, words=["--workers", "2"]) as server:
        assert len(server.workers()) == 2
        servers = set()
        for number in range(40):
            with server.connect() as connection:  # a new one each: the kernel spreads them
                body = f'{{"user_id":"a","event_name":"e","metadata":{{"n":{number}}}}}'
                connection.send(f"{TRACK}Content-Length: {len(body)}\r\n\r\n{body}".encode())
                id = connection.reply().headers["x-request-id"]
                servers.add(id[13:])
            with server.connect() as connection:
                head = f"GET /v1/events?limit=1 HTTP/1.1\r\nHost: a\r\nAuthorization: Token {KEY}"
                connection.send(f"{head}\r\n\r\n".encode())
                assert id.encode() in connection.reply().body
        assert len(servers) == 2
        assert server.stop() == 0


@pytest.mark.slow  # 3 s
def test_a_stop_under_load_answers_what_was_accepted(folder: Path) -> None:
    """SIGTERM: the log holds just what was acknowledged, and the exit code is 0."""
    with Server(folder) as server:
        pids = server.pids()
        with Load(server) as load:
            time.sleep(0.2)
            assert server.stop() == 0
            load.end()
        assert load.refused == []
        assert not any(Path(f"/proc/{pid}").exists() for pid in pids)

        server.restart()
        assert sorted(all_events(server.client())) == sorted(load.acknowledged)


def test_a_stop_closes_idle_connections_at_once(folder: Path) -> None:
    """And does not wait for senders that keep theirs open."""
    with Server(folder) as server, server.connect() as idle, server.connect() as half:
        half.send(TRACK.encode())
        started = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - started < 5
        assert idle.rest() == half.rest() == b""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_server_in_silence(folder: Path, number: signal.Signals) -> None:
    """Nothing is wrong, so nothing is said."""
    with Server(folder) as server:
        assert server.process is not None
        server.process.send_signal(number)
        assert server.wait() == 0
        assert server.errors() == ""


@pytest.mark.slow  # 2 s
def test_everything_is_found_again_after_a_kill(folder: Path) -> None:
    """The first promise: 202 means on disk."""
    with Server(folder) as server:
        client = server.client()
        sent = [client.track("a", "e") for _ in range(5)]
        client.identify("a", {"n": 1}, {"id": "c"})
        server.kill()
        server.restart()

        assert all_events(server.client())[1:] == sent[::-1]
        assert server.client().user("a")["metadata"] == {"n": 1}
        assert server.client().user("a")["company_id"] == "c"


@pytest.mark.slow  # 4 s
def test_children_end_when_the_supervisor_is_killed(folder: Path) -> None:
    """Nobody is left who would hold the port and the data directory."""
    with Server(folder) as server:
        children = server.pids()[1:]
        assert server.process is not None
        server.process.kill()
        server.process.wait()
        wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in children), 15)
        server.restart()
        assert server.client().get("/v1/validate").status_code == 200


@pytest.mark.slow  # 5 s
def test_a_second_server_on_the_same_directory_is_refused(server: Server) -> None:
    """Two would both write; the message names the directory and what to do."""
    second = server.command("serve", "--port", "0")

    assert second.returncode not in (0, 2)
    assert "Another server uses the data directory" in second.stderr
    assert str(server.data) in second.stderr
    assert "--data" in second.stderr
    assert "Traceback" not in second.stderr
    assert server.client().get("/v1/validate").status_code == 200


def test_a_port_that_is_taken_is_named(server: Server, folder: Path) -> None:
    """With the option that chooses another one."""
    data = str(folder / "data")
    second = server.command("serve", "--data", data, "--port", str(server.port))

    assert second.returncode != 0
    assert f"127.0.0.1 port {server.port}" in second.stderr
    assert "--port" in second.stderr
    assert "Traceback" not in second.stderr


def test_a_folder_that_cannot_be_used_is_named(server: Server, tmp_path: Path) -> None:
    """Here it is a file."""
    (tmp_path / "file").write_text("")
    refused = server.command("serve", "--data", str(tmp_path / "file"), "--port", "0")

    assert refused.returncode != 0
    assert str(tmp_path / "file") in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.slow  # 4 s
def test_the_first_start_shows_a_key_and_the_second_does_not(folder: Path) -> None:
    """Only its hash is kept, so it can be shown only once; it goes on working."""
    with Server(folder) as server:
        server.settings.clear()
        server.stop()
        for path in server.data.iterdir():
            path.unlink()
        server.restart()
        [secret] = re.findall(r"ax_[0-9a-f]{40}(?=  )", server.output())
        assert re.search(r"app token NX-[0-9a-f]{8}\n", server.output())
        server.client(secret).track("a", "e")
        server.stop()

        server.restart()
        assert "ax_" not in server.output()
        assert len(server.client(secret).events()) == 1
        held = b"".join(path.read_bytes() for path in server.data.iterdir())
        assert secret.encode() not in held


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with the published limits of the hosted service."""
    with Server(tmp_path_factory.mktemp("limited"), settings={"limits": "userpilot"}) as server:
        yield server


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/track", b'{"user_id":"a","event_name":"e"}'),
        ("/v1/identify", b'{"user_id":"a"}'),
    ],
)
def test_the_published_limits_can_be_turned_on(limited: Server, path: str, body: bytes) -> None:
    """600 a minute for each call and app token; a refused call is not counted, nor kept."""
    client = limited.new_environment()
    head = f"POST {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Token {client.key}\r\n"
    one = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    broken = f"{head}Content-Length: 2\r\n\r\n{{}}".encode()
    with limited.connect() as connection:
        connection.send(broken + one * 600)
        assert connection.reply().status == 400
        assert {connection.reply().status for _ in range(600)} == {202}
        for _ in range(2):
            connection.send(one)
            reply = connection.reply()
            assert reply.status == 429
            assert 1 <= int(reply.headers["retry-after"]) <= 61
            assert reply.errors()[0]["error"] == "rate_limited"

    other = limited.new_environment()
    assert other.request("POST", path, content=body).status_code == 202
    assert client.post("/v1/companies/identify", {"company_id": "c"}).status_code == 202
    assert len(all_events(client)) == 601


def test_a_full_queue_is_a_503_and_nothing_is_kept(folder: Path) -> None:
    """With a second to wait; what was accepted before stays accepted."""
    with Server(folder, settings={"queue_limit": 1}) as server, Load(server, senders=16) as load:
        deadline = time.monotonic() + 10
        while not load.refused and time.monotonic() < deadline:
            time.sleep(0.01)
        load.end()

        assert load.refused
        assert all(b'"error_code":"503"' in body for body in load.refused)
        assert sorted(all_events(server.client())) == sorted(load.acknowledged)


def test_the_server_answers_health_checks_without_a_key(server: Server) -> None:
    """For load balancers, and for people who look."""
    with server.connect() as connection:
        connection.send(
            b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"
        )
        assert connection.reply().body == b'{"status":"ok"}'
        assert b'"name":"analytex"' in connection.reply().body


def test_ipv6_is_served(folder: Path) -> None:
    """Where the machine has it."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("This machine has no IPv6.")
    with Server(folder, words=["--host", "::1"]) as server:
        assert server.url.startswith("http://[::1]:")
        assert server.client().get("/v1/validate").status_code == 200


def test_the_directory_knows_where_its_server_answers(folder: Path) -> None:
    """Whichever port it was given; so the demo's last lines can be used as they are."""
    with Server(folder) as server:
        assert lock.url(server.data) == server.url
        shown = server.command("demo", "--users", "11", "--companies", "1", "--weeks", "1")
        assert f'curl "{server.url}/v1/users?limit=3"' in shown.stdout
        server.stop()

        assert lock.url(server.data) is None
