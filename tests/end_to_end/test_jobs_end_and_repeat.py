"""Jobs that are cancelled, taken up again, tried without storing anything, and forgotten."""

import os
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.end_to_end.uploads import (
    BAD,
    COMPANIES,
    EVENTS,
    USERS,
    bulk_json,
    refusal,
    resting_applier,
)
from tests.rows import csv_file, ndjson, track
from tests.server import KEY, Client, Server, wait_for


@pytest.mark.slow  # 3 s
def test_a_job_can_be_cancelled_while_it_runs(client: Client) -> None:
    """What is stored stays; the same file again brings just the rest."""
    rows = ndjson(map(track, range(40_000)))
    job = client.upload("/v1/imports", rows).json()
    wait_for(lambda: client.job(job)["completed_rows"] > 0, 20)

    reply = client.post(job["links"] + "/cancel", None)

    assert reply.status_code == 200
    ended = reply.json()
    assert (ended["status"], ended["reason"]) == ("failed", "It was cancelled.")
    stored = ended["completed_rows"]
    assert 0 < stored < 40_000
    assert stored + ended["remaining_rows"] == 40_000
    assert len(client.all_events()) == stored
    assert refusal(client.post(job["links"] + "/cancel", None)) == (409, "job_state")
    assert os.listdir(client.server.data / "jobs" / job["job_id"].rpartition(":")[2]) == []

    again = client.import_rows(rows)
    assert (again["completed_rows"], again["duplicate_rows"]) == (40_000, stored)
    numbers = [event["metadata"]["number"] for event in client.all_events()]
    assert sorted(numbers) == list(range(40_000))


@pytest.mark.slow  # 2 s: that long the reply waits for the end
def test_a_job_can_be_cancelled_before_it_starts(client: Client) -> None:
    """Then none of its rows is stored, and the next one of the family may come."""
    with resting_applier(client.server):
        job = client.upload("/v1/imports", ndjson(EVENTS)).json()
        reply = client.post(job["links"] + "/cancel", None)
        assert reply.status_code == 200

    ended = client.ended(job)
    assert (ended["status"], ended["completed_rows"]) == ("failed", 0)
    assert client.events() == []
    assert client.import_rows(ndjson(EVENTS))["duplicate_rows"] == 0


@pytest.mark.parametrize("file", [ndjson, csv_file], ids=["NDJSON", "CSV"])
def test_a_retry_takes_up_the_failed_rows(
    client: Client, file: Callable[[list[dict[str, Any]]], bytes]
) -> None:
    """They are the whole of the new job. None of them is better than it was."""
    rows = [track(n, source="fax" if n % 2 else "backend-http") for n in range(10)]
    job = client.import_rows(file(rows))

    reply = client.post(job["links"] + "/retry", None)

    assert reply.status_code == 202
    again = client.ended(reply.json())
    assert again["job_id"] != job["job_id"]
    assert again["retry_of"] == job["job_id"].rpartition(":")[2]
    assert (again["total_rows"], again["completed_rows"], again["failed_rows"]) == (5, 0, 5)
    texts = [client.get(each["links"] + "/errors", format="rows").content for each in (job, again)]
    assert texts[0] == texts[1]
    assert len(client.events()) == 5


def test_when_there_is_nothing_to_retry(client: Client) -> None:
    """No row failed, the job has not ended, or another one of its family is under way."""
    good = client.ended(bulk_json(client).json())
    assert refusal(client.post(good["links"] + "/retry", None)) == (409, "job_state")
    bad = client.bulk("users", [{"user_id": ""}])
    with resting_applier(client.server):
        waiting = bulk_json(client).json()
        assert refusal(client.post(waiting["links"] + "/retry", None)) == (409, "job_state")
        assert refusal(client.post(bad["links"] + "/retry", None)) == (409, "job_running")
    client.ended(waiting)
    assert client.post(bad["links"] + "/retry", None).status_code == 202


@pytest.mark.parametrize(
    "send",
    [
        lambda c: c.upload("/v1/imports?dry_run=true", ndjson(BAD)),
        lambda c: c.upload("/v1/imports", csv_file(BAD[:4]), fields={"dry_run": "1"}),
        lambda c: c.upload("/v1/users/bulk_identify?dry_run=true", ndjson([*USERS, {}])),
        lambda c: c.post("/v1/users/bulk_identify?dry_run=TRUE", {"users": [*USERS, {}]}),
        lambda c: c.post("/v1/companies/bulk_identify?dry_run=1", {"companies": [*COMPANIES, {}]}),
    ],
    ids=["import", "import, by a field", "users as a file", "users", "companies"],
)
def test_a_dry_run_checks_and_stores_nothing(
    client: Client, send: Callable[[Client], httpx.Response]
) -> None:
    """It counts and reports as the real one would, which then finds nothing there before it."""
    job = client.ended(send(client).json())

    assert (job["dry_run"], job["status"]) == (True, "completed")
    assert job["completed_rows"] >= 1
    assert job["failed_rows"] == len(client.get(job["links"] + "/errors").json()["data"]) >= 1
    assert job["completed_rows"] + job["failed_rows"] == job["total_rows"]
    for path in ("events", "users", "companies"):
        assert client.get(f"/v1/{path}").json()["data"] == []
    assert client.import_rows(ndjson(BAD))["duplicate_rows"] == 0


@pytest.mark.slow  # 3 s
def test_jobs_are_forgotten_after_their_time(tmp_path_factory: pytest.TempPathFactory) -> None:
    """With their errors and their folder; what they stored stays."""
    with Server(tmp_path_factory.mktemp("forgetful"), settings={"job_keep": 0}) as server:
        client = server.client(KEY)
        client.import_rows(ndjson(BAD))
        server.stop()
        server.restart()  # it looks once a minute, and at the start
        client = server.client(KEY)
        wait_for(lambda: client.get("/v1/background_jobs").json() == [], 10)

        assert list((server.data / "jobs").iterdir()) == []
        assert len(client.events()) == 1
