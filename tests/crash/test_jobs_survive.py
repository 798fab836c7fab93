"""kill -9 in the middle of jobs: each goes on where it was, and every row counts just once.

ANALYTEX_CRASH_ROUNDS makes it longer: three kills of everything for each round.
ANALYTEX_CRASH_SEED says when.
"""

import json
import os
import random
import signal
import socket
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Final

import pytest

from tests.crash.job_files import (
    KINDS,
    USERS,
    File,
    check_events,
    check_job,
    make_file,
    user_of,
)
from tests.server import KEY, Client, Server, wait_for

KILLS: Final = 3 * int(os.environ.get("ANALYTEX_CRASH_ROUNDS", "12"))
SEED: Final = int(os.environ.get("ANALYTEX_CRASH_SEED", "1"))
# A job that is begun five times and never gets on is given up: by design, as a row may kill.
FRUITLESS: Final = 3

pytestmark = pytest.mark.slow


def upload(client: Client, file: File) -> dict[str, Any]:
    """Upload a file, and return its job."""
    reply = client.upload(file.path, file.content)
    assert reply.status_code in (200, 202), reply.text
    return dict(reply.json())


def progress(client: Client, job: dict[str, Any]) -> tuple[int, bool]:
    """Return how many rows are done, and whether the job has ended."""
    found = client.job(job)
    return found["completed_rows"] + found["failed_rows"], found["end_time"] is not None


def got_on(client: Client, job: dict[str, Any], then: int) -> bool:
    """Tell whether more rows are done than then, or all."""
    done, ended = progress(client, job)
    return ended or done > then


@pytest.mark.timeout(120 + 8 * KILLS)
def test_jobs_go_on_after_everything_was_killed(tmp_path: Path) -> None:
    """Jobs of each kind, killed again and again at random moments. 36 kills take about 25 s."""
    rng = random.Random(SEED)
    files: list[tuple[File, dict[str, Any]]] = []
    numbers: set[int] = set()  # of all good rows, and of the calls in between
    kills = 0
    with Server(tmp_path) as server:
        while kills < KILLS:
            kind = KINDS[len(files) % len(KINDS)]
            rows = 10_000 if kind == "bulk" else rng.choice((2_500, 20_000))  # read here, or beside
            file = make_file(kind, 100_000 * len(files), rows, rng)
            job = upload(server.client(), file)
            files.append((file, job))
            numbers |= file.good
            done, ended, fruitless = 0, False, 0
            while kills < KILLS and not ended:
                if fruitless >= FRUITLESS or rng.random() < 0.5:
                    wait_for(lambda job=job, then=done: got_on(server.client(), job, then), 30)  # type: ignore[misc]
                number = 10**9 + kills
                server.client().track("live", "e", number=number)
                numbers.add(number)
                time.sleep(rng.uniform(0, 0.12))
                server.kill()
                kills += 1
                server.restart()
                before, (done, ended) = done, progress(server.client(), job)
                fruitless = 0 if done > before else fruitless + 1
        print(f"{kills} kills during {len(files)} jobs")
        client = server.client()
        for file, job in files:
            check_job(client, file, client.ended(job, within_s=60))
        assert server.stop() == 0
    check_events(server.data, numbers)
    verified = server.command("verify")
    assert verified.returncode == 0, verified.stdout


def applier(server: Server) -> list[int]:
    """Return the process that stores."""
    return [server.applier()]


@pytest.mark.timeout(120)
@pytest.mark.parametrize("victim", [applier, Server.loaders], ids=["applier", "loader"])
@pytest.mark.parametrize("kind", KINDS[:2])
def test_a_job_goes_on_after_one_process_was_killed(
    tmp_path: Path, victim: Callable[[Server], list[int]], kind: str
) -> None:
    """The one that stores, or the one that reads the file; nobody else notices. About 6 s each."""
    rng = random.Random(SEED)
    with Server(tmp_path) as server:
        client = server.client()
        file = make_file(kind, 0, 40_000, rng)
        job = upload(client, file)
        for _ in range(4):
            done, _ = progress(client, job)
            wait_for(lambda then=done: got_on(client, job, then), 30)  # type: ignore[misc]
            time.sleep(rng.uniform(0, 0.05))
            for pid in victim(server):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            assert client.get("/v1/validate").status_code == 200
        check_job(client, file, client.ended(job, within_s=60))
        wait_for(lambda: not server.loaders(), 5)
        assert server.stop() == 0
    check_events(server.data, file.good)
    assert server.command("verify").returncode == 0


@pytest.mark.timeout(60)
def test_a_reader_without_anybody_to_read_for_ends_by_itself(tmp_path: Path) -> None:
    """Else it would hold on to a file that the next one reads as well. About 3 s."""
    with Server(tmp_path) as server:
        client = server.client()
        job = upload(client, make_file("NDJSON", 0, 40_000, random.Random(SEED)))
        wait_for(lambda: bool(server.loaders()), 10)
        [orphan] = server.loaders()
        os.kill(server.applier(), signal.SIGKILL)
        wait_for(lambda: orphan not in running(), 5)
        client.ended(job)


def running() -> set[int]:
    """Return the readers of files that run on this machine."""
    found = set()
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError):
                if b"analytex.jobs.loading" in (folder / "cmdline").read_bytes():
                    found.add(int(folder.name))
    return found


@pytest.mark.timeout(120)
def test_an_upload_that_was_killed_leaves_nothing_and_can_be_repeated(tmp_path: Path) -> None:
    """Before its reply nothing was promised; after it, everything. 7 kills take about 7 s."""
    rng = random.Random(SEED)
    server = Server(tmp_path)
    file = make_file("NDJSON", 0, 20_000, rng)
    server.start()
    for part in (*(rng.random() for _ in range(4)), 1.0, 1.0, 1.0):
        before = {job["job_id"] for job in server.client().get("/v1/imports").json()}
        with suppress(OSError):
            send_part(server, file.content, part)
            time.sleep(rng.uniform(0, 0.1))
        server.kill()
        server.restart()
        client = server.client()
        jobs = {job["job_id"]: job for job in client.get("/v1/imports").json()}
        folders = {path.name for path in (server.data / "jobs").iterdir()}
        assert folders == {id.rpartition(":")[2] for id in jobs}
        assert part == 1.0 or jobs.keys() == before
        for job in jobs.values():  # all had come, and only the reply is missing
            assert client.ended(job)["status"] == "completed"
    with closing(server):
        client = server.client()
        job = client.ended(upload(client, file))
        assert (job["status"], job["failed_rows"]) == ("completed", len(file.bad))
        assert server.stop() == 0
    check_events(server.data, file.good)


def send_part(server: Server, rows: bytes, part: float) -> None:
    """Send so much of a form with a file; with 1.0 all of it, and do not wait for the reply."""
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'
    body = head + rows + b"\r\n--b--\r\n"
    request = (
        f"POST /v1/imports HTTP/1.1\r\nHost: a\r\nAuthorization: Token {KEY}\r\n"
        f"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode()
    with socket.create_connection(("127.0.0.1", server.port), 20) as connection:
        connection.sendall(request + body[: int(len(body) * part)])


# Deletions


@pytest.mark.timeout(120)
@pytest.mark.parametrize("seed", [SEED, SEED + 1])
def test_a_deletion_goes_on_until_nothing_is_left(tmp_path: Path, seed: int) -> None:
    """However often it is interrupted. 8 kills take about 7 s."""
    rng = random.Random(seed)
    gone = [user_of(number) for number in range(0, USERS, 2)]
    with Server(tmp_path) as server:
        client = server.client()
        file = make_file("NDJSON", 0, 20_000, rng)
        assert client.import_rows(file.content)["status"] == "completed"
        for number in range(USERS):
            client.identify(user_of(number), {"number": 10**9 + number}, {"id": "acme"})
        assert mentioned(server.data, gone) == set(gone)

        body = json.dumps({"users": gone}).encode()
        reply = client.request("DELETE", "/v1/users", content=body).json()
        for _ in range(8):
            time.sleep(rng.uniform(0, 0.4))
            server.kill()
            server.restart()
        client = server.client()
        receipt = client.ended(reply, within_s=60)

        assert receipt["status"] == "completed", receipt["reason"]
        assert mentioned(server.data, gone) == set()
        assert len(client.get("/v1/users", limit=100).json()["data"]) == USERS / 2
        events = [event for event in client.all_events() if event["user_id"] is not None]
        assert sorted(event["metadata"]["number"] for event in events) == sorted(
            [n for n in file.good if n % 2] + [10**9 + n for n in range(1, USERS, 2)]
        )
        assert server.stop() == 0
    verified = server.command("verify")
    assert verified.returncode == 0, verified.stdout


def mentioned(directory: Path, ids: list[str]) -> set[str]:
    """Return which of the ids the files of a data directory hold."""
    contents = [path.read_bytes() for path in directory.rglob("*") if path.is_file()]
    return {id for id in ids if any(id.encode() in content for content in contents)}
