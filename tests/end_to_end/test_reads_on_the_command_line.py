"""`analytex tail`, `events`, `users`, `companies` and `sql` against a real server."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from analytex.cli.main import INTERRUPTED
from tests.server import Client, Server, wait_for

AT_MOST = 20


class Tail:
    """`analytex tail`, and the lines that it has written so far."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.lines: list[str] = []
        self._process = process
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait_for(self, number: int) -> None:
        """Wait until it has written so many lines."""
        wait_for(lambda: len(self.lines) >= number, AT_MOST)

    def interrupt(self) -> int:
        """Press Ctrl-C, and return the exit code."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait(AT_MOST)
        self._reader.join(AT_MOST)
        return self._process.returncode

    def _read(self) -> None:
        assert self._process.stdout is not None
        self.lines.extend(iter(self._process.stdout.readline, ""))


@contextmanager
def tail(client: Client, *words: str) -> Iterator[Tail]:
    """Run `analytex tail` with the key of an environment."""
    given = {"ANALYTEX_URL": client.server.url, "ANALYTEX_API_KEY": client.key}
    process = subprocess.Popen(
        [sys.executable, "-m", "analytex", "tail", *words],
        env=client.server.environment() | given | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield Tail(process)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def see_first(client: Client, tail: Tail) -> None:
    """Track until it shows something: then it is connected."""
    while not tail.lines:
        client.track("first", "first")
        os.sched_yield()
        try:
            wait_for(lambda: bool(tail.lines), 0.2)
        except AssertionError:
            continue


@pytest.mark.slow  # 2 seconds
def test_tail_shows_what_comes(client: Client) -> None:
    """Events and refused calls, in the order in which they came; Ctrl-C ends it."""
    with tail(client, "--json", "--refused") as shown:
        see_first(client, shown)
        id = client.track("ada", "signed up", plan="pro")
        client.post("/v1/track", {"user_id": "ada"})
        wait_for(lambda: any("refused" in line for line in shown.lines), AT_MOST)
        code = shown.interrupt()

    found = [json.loads(line) for line in shown.lines]
    event = next(each for each in found if each.get("id") == id)
    assert event == client.events(id=id)[0]
    assert found[-1]["refused"]["status"] == 400
    assert code == INTERRUPTED


@pytest.mark.slow  # 4 seconds
def test_tail_outlives_the_server(tmp_path: Path) -> None:
    """What came while it was away is shown when it is back."""
    with Server(tmp_path / "server", words=[]) as server:
        port = server.port
        with tail(server.client(), "--type", "track") as shown:
            see_first(server.client(), shown)
            server.stop()
            server.words = ["--port", str(port)]
            server.start()
            ids = [server.client().track("ada", f"event {number}") for number in range(3)]
            wait_for(lambda: "event 2" in "".join(shown.lines), AT_MOST)
            assert shown.interrupt() == INTERRUPTED

    assert len(ids) == 3
    assert [name for name in range(3) if f"event {name}" in "".join(shown.lines)] == [0, 1, 2]


@pytest.mark.slow  # 3 seconds
def test_lists_and_lookups_are_those_of_the_api(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same objects, over as many pages as it takes."""
    user_id = "a/b ä\x1b..?#%"
    client.identify(user_id, {"plan": "pro"}, {"company_id": "acme", "seats": 5})
    for number in range(3):
        client.track(user_id, "seen", number=number)
    monkeypatch.setitem(client.server.settings, "url", client.server.url)
    monkeypatch.setitem(client.server.settings, "api_key", client.key)

    def objects(*words: str) -> list[object]:
        result = client.server.command(*words, "--json")
        assert result.returncode == 0, result.stderr
        return [json.loads(line) for line in result.stdout.splitlines()]

    assert objects("events", "list", "--user", user_id) == client.all_events(user_id=user_id)
    assert objects("events", "list", "--limit", "2", "--name", "seen") == client.events(
        limit=2, event_name="seen"
    )
    assert objects("users", "list") == [client.user(user_id)]
    assert objects("companies", "list") == [client.company("acme")]
    shown = client.server.command("users", "show", user_id, "--json")
    assert json.loads(shown.stdout) == client.user(user_id)


@pytest.mark.slow  # 1 second
def test_sql_sees_what_is_applied_while_the_server_runs(client: Client) -> None:
    """Of the environment that is meant, and without changing anything."""
    for number in range(3):
        client.track("ada", "seen", number=number)
    assert len(client.events(event_name="seen")) == 3  # a read waits until they are applied

    question = "SELECT sum((metadata->>'number')::INT) AS total FROM events"
    result = client.server.command("sql", "--app", client.app_token, "--json", question)

    assert (result.returncode, result.stdout) == (0, '{"total":3}\n')
