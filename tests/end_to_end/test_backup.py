"""`analytex backup` and `restore`, while a server runs and calls come."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from analytex.cli.verify import DIFFERENT
from analytex.storage.open import ask_for_sealing, open_read_store
from tests.server import Client, Server, wait_for

ROWS = 10_000
JOBS = "/v1/background_jobs"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server of its own."""
    with Server(tmp_path / "server") as server:
        yield server


@pytest.fixture
def restored(tmp_path: Path) -> Iterator[Server]:
    """Another one, on what is restored."""
    server = Server(tmp_path / "restored")
    yield server
    server.close()


def rows(number: int, first: int = 0) -> bytes:
    """Return rows of an import file."""
    return b"".join(
        json.dumps(
            {
                "event_type": "track",
                "user_id": f"old-{n % 500}",
                "event_name": "imported",
                "source": "backend-http-import",
                "inserted_at": f"2025-02-{1 + n % 20:02} 08:00:{n % 60:02}.{n // 60:06}",
                "metadata": {"number": n},
            }
        ).encode()
        + b"\n"
        for n in range(first, first + number)
    )


def seal(server: Server) -> None:
    """Let all events that there are move into history, and wait until they have."""
    wanted = ask_for_sealing(server.data)
    with closing(open_read_store(server.data)) as store:
        wait_for(lambda: store.sealed().upto >= wanted, 30)


@contextmanager
def sending(client: Client) -> Iterator[list[str]]:
    """Track events until the block ends; give the ids of those that were acknowledged."""
    ids: list[str] = []
    stop = threading.Event()

    def send() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            ids.append(client.track(f"live-{number % 50}", "sent", number=number))

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield ids
    finally:
        stop.set()
        thread.join()


def succeeds(result: "subprocess.CompletedProcess[str]") -> str:
    """Return standard output of a command that ended well."""
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.mark.slow  # 8 seconds
def test_a_backup_has_all_that_was_acknowledged_before_it_began(
    server: Server, restored: Server, tmp_path: Path
) -> None:
    """Under load, with history, and with files under way: that is when backups are made."""
    client = server.client()
    client.import_rows(rows(ROWS))
    seal(server)
    with sending(client) as ids:
        wait_for(lambda: len(ids) > 200, 20)
        job = client.upload("/v1/imports", rows(ROWS, ROWS)).json()
        before = list(ids)
        succeeds(server.command("backup", str(tmp_path / "backup")))
        during = len(ids) - len(before)
    assert during > 0
    client.ended(job)

    succeeds(restored.command("restore", str(tmp_path / "backup")))
    succeeds(restored.command("verify"))
    restored.start()
    again = restored.client()
    assert again.ended(job)["completed_rows"] == ROWS
    found = again.all_events(event_name="sent")
    assert set(before) <= {event["id"] for event in found}
    imported = again.all_events(event_name="imported")
    assert {event["metadata"]["number"] for event in imported} == set(range(2 * ROWS))
    assert len(imported) == 2 * ROWS


@pytest.mark.slow  # 12 seconds
def test_sealing_and_deletions_in_between_do_no_harm(server: Server, tmp_path: Path) -> None:
    """A copy has a person as a whole or not at all, and files of one version of history."""
    client = server.client()
    client.import_rows(rows(5_000))
    seal(server)
    stop = threading.Event()

    def change() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            client.track("another", "sent", number=number)
            ask_for_sealing(server.data)
            client.request(
                "DELETE", "/v1/users", content=json.dumps({"users": [f"old-{number}"]}).encode()
            )
            time.sleep(0.5)

    thread = threading.Thread(target=change)
    thread.start()
    try:
        for number in range(2):
            succeeds(server.command("backup", str(tmp_path / f"backup-{number}")))
    finally:
        stop.set()
        thread.join()
    for number in range(2):
        folder = str(tmp_path / f"backup-{number}")
        again = Server(tmp_path / f"restored-{number}")
        succeeds(again.command("restore", folder))
        before = again.command("verify")
        # A deletion that is under way has taken some of the events, and not yet the profile.
        assert before.returncode in (0, DIFFERENT), before.stdout + before.stderr
        with again:
            _wait_for_jobs(again.client())
            succeeds(again.command("verify"))


@pytest.mark.slow  # 2 seconds
@pytest.mark.parametrize("after_s", [0.25, 0.35, 0.5])
def test_what_a_killed_backup_leaves_is_no_backup(
    server: Server, restored: Server, tmp_path: Path, after_s: float
) -> None:
    """Whoever restores it must not find half of the data."""
    client = server.client()
    client.import_rows(rows(5_000))
    folder = tmp_path / "backup"
    process = subprocess.Popen(
        [sys.executable, "-m", "analytex", "backup", str(folder)],
        env=server.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    time.sleep(after_s)
    process.send_signal(signal.SIGKILL)
    output = process.communicate()[0]

    result = restored.command("restore", str(folder))

    if process.returncode == 0 or b"copied" in output or (folder / "data").exists():
        assert result.returncode == 0  # it was quicker
    else:
        assert (result.returncode, result.stdout) == (1, "")
        assert not restored.data.exists()
        assert client.track("ada", "still there")


def test_a_backup_is_not_restored_under_a_server(server: Server, tmp_path: Path) -> None:
    """It would mix two servers' data."""
    succeeds(server.command("backup", str(tmp_path / "backup")))

    result = server.command("restore", str(tmp_path / "backup"))

    assert (result.returncode, result.stdout) == (1, "")
    assert "A server uses the data directory" in result.stderr


def _wait_for_jobs(client: Client) -> None:
    wait_for(lambda: all(job["end_time"] for job in client.get(JOBS).json()), 30)
