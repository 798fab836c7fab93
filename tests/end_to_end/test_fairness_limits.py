"""`limits = "userpilot"`: the published speed of bulk jobs, and how often one may delete.

What it does to single calls is in test_service.py. Without it, nothing here is slowed or refused.
"""

import time
from collections.abc import Iterator

import pytest

from tests.rows import ndjson, track
from tests.server import Client, Server, wait_for

ROWS_A_SECOND = 30  # 1,800 a minute


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with the published limits."""
    with Server(tmp_path_factory.mktemp("limited"), settings={"limits": "userpilot"}) as server:
        yield server


@pytest.fixture
def client(limited: Server) -> Client:
    """An environment that only this test uses."""
    return limited.new_environment()


def start_bulk(client: Client, rows: int) -> dict[str, str]:
    """Send a bulk identify, and return its job."""
    users = [{"user_id": f"u-{number}"} for number in range(rows)]
    reply = client.post("/v1/users/bulk_identify", {"users": users})
    assert reply.status_code == 202
    return dict(reply.json())


@pytest.mark.slow  # 4 s
def test_bulk_jobs_keep_the_published_pace(client: Client) -> None:
    """1,800 rows a minute, and they come in steps that can be watched, as the real ones do."""
    started = time.monotonic()
    job = start_bulk(client, 4 * ROWS_A_SECOND)
    polls = [client.job(job)]
    while polls[-1]["end_time"] is None:
        seconds = time.monotonic() - started
        polls.append(client.job(job))
        assert polls[-1]["completed_rows"] <= (seconds + 1.2) * ROWS_A_SECOND
        time.sleep(0.05)

    assert 2.8 < time.monotonic() - started < 6
    steps = sorted({poll["completed_rows"] for poll in polls})
    assert len(steps) >= 4
    assert polls[-1]["completed_rows"] == 4 * ROWS_A_SECOND


def test_nothing_else_waits_for_a_bulk_job(client: Client, limited: Server) -> None:
    """Imports have no published pace; and calls, reads and other apps' jobs go on."""
    waiting = start_bulk(client, 10_000)
    wait_for(lambda: client.job(waiting)["completed_rows"] > 0, 5)
    started = time.monotonic()

    imported = client.import_rows(ndjson(map(track, range(2_000))))
    id = client.track("ada", "e")
    found = client.events(id=id)
    others = limited.new_environment().bulk("users", [{"user_id": "a"}])

    assert (imported["completed_rows"], others["completed_rows"]) == (2_000, 1)
    assert [event["id"] for event in found] == [id]
    assert time.monotonic() - started < 3
    cancelled = client.post(waiting["links"] + "/cancel", None).json()
    assert cancelled["status"] == "failed"
    assert 0 < cancelled["completed_rows"] < 10_000
    assert time.monotonic() - started < 4


@pytest.mark.slow  # 3 s
def test_a_paced_job_goes_on_after_a_restart(client: Client, limited: Server) -> None:
    """Where it was."""
    job = start_bulk(client, 3 * ROWS_A_SECOND)
    wait_for(lambda: client.job(job)["completed_rows"] > 0, 5)
    assert limited.stop() == 0
    limited.restart()
    assert client.ended(job)["completed_rows"] == 3 * ROWS_A_SECOND
    assert len(client.events()) == 3 * ROWS_A_SECOND


@pytest.mark.slow  # 3 s
def test_a_deletion_every_two_seconds(client: Client, limited: Server) -> None:
    """The next one is a 429 that says when to come again; every app has its own clock."""

    def delete(who: Client, key: str = "users", body: str = "") -> int:
        sent = (body or f'{{"{key}":["nobody"]}}').encode()
        return who.request("DELETE", f"/v1/{key}", content=sent).status_code

    other = limited.new_environment()
    assert delete(client, body="{") == 400  # is not counted
    started = time.monotonic()
    assert delete(client) == 202
    assert delete(other) == 202
    refused = client.request("DELETE", "/v1/users", content=b'{"users":["nobody"]}')
    assert refused.status_code == 429
    assert refused.json()["errors"][0]["error"] == "rate_limited"
    assert 1 <= int(refused.headers["retry-after"]) <= 3
    assert len(client.get("/v1/background_jobs").json()) == 1
    time.sleep(max(started + 2.1 - time.monotonic(), 0))
    assert delete(client, "companies") == 202


def test_without_the_limits_nothing_waits(server: Server) -> None:
    """The default."""
    client = server.new_environment()
    started = time.monotonic()
    assert client.ended(start_bulk(client, 1_000))["completed_rows"] == 1_000
    for _ in range(5):
        reply = client.request("DELETE", "/v1/users", content=b'{"users":["nobody"]}')
        assert reply.status_code == 202
    assert time.monotonic() - started < 3
