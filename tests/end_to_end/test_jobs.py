"""Background jobs as the contract has them: every field, every state, every form of their id.

What is taken is in test_uploads.py, and what the rows of a file do in test_rows_of_files.py.
"""

import re
import time
from itertools import pairwise
from typing import Final

import pytest

from tests.end_to_end.uploads import COMPANIES, EVENTS, bulk_json, refusal, resting_applier
from tests.rows import ndjson, track
from tests.server import Client, Server

FIELDS: Final = {
    "job_id", "status", "type", "filename", "file_size", "total_rows", "completed_rows",
    "failed_rows", "remaining_rows", "duplicate_rows", "erased_rows", "submitted_at", "start_time",
    "end_time", "elapsed_time", "links", "dry_run", "retry_of", "reason", "due_at", "requested_by",
    "removed",
}  # fmt: skip
STATES: Final = ("queued", "validating", "processing", "pending_refresh", "completed")
UUID: Final = "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
TIME: Final = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"


def test_a_job_object_has_every_field(client: Client) -> None:
    """In the reply, in the list and alone: the same fields, each of its type."""
    with resting_applier(client.server):
        upload = client.upload("/v1/imports", ndjson(EVENTS), name="history of 2025.ndjson")
        [listed] = client.get("/v1/background_jobs").json()
        alone = client.job(listed)
    job = upload.json()

    assert job.keys() == listed.keys() == alone.keys() == FIELDS
    assert job | {"elapsed_time": 0} == listed | {"elapsed_time": 0}
    assert re.fullmatch(f"import:jobs:{client.app_token}:{UUID}", job["job_id"])
    assert job["links"] == f"/v1/background_jobs/{job['job_id']}"
    assert (job["status"], job["filename"]) == ("queued", "history of 2025.ndjson")
    assert job["file_size"] == len(ndjson(EVENTS))
    numbers = ("total_rows", "remaining_rows", "completed_rows", "failed_rows", "elapsed_time")
    assert [job[name] for name in numbers] == [3, 3, 0, 0, 0]
    assert (job["duplicate_rows"], job["erased_rows"]) == (0, 0)
    assert re.fullmatch(TIME, job["submitted_at"])
    assert job["start_time"] == job["submitted_at"]
    nothing = ("end_time", "retry_of", "reason", "due_at", "requested_by", "removed")
    assert {job[name] for name in nothing} == {None}

    job = client.ended(job)
    assert job.keys() == FIELDS
    assert job["submitted_at"] <= job["start_time"] <= job["end_time"]
    assert re.fullmatch(TIME, job["end_time"])


def test_a_job_is_found_by_each_form_of_its_id(client: Client, server: Server) -> None:
    """Client libraries escape colons, and the published examples show a bare UUID as well."""
    job = client.import_rows(ndjson(EVENTS))
    id = job["job_id"]
    uuid = id.rpartition(":")[2]

    for form in (id, id.replace(":", "%3A"), id.replace(":", "%3a"), uuid, uuid.upper()):
        for path in ("/v1/background_jobs/", "/v1/imports/"):
            assert client.get(path + form).json()["job_id"] == id
    assert refusal(server.new_environment().get(f"/v1/background_jobs/{id}"))[0] == 404
    assert refusal(server.new_environment().get(f"/v1/background_jobs/{uuid}"))[0] == 404
    foreign = id.replace(client.app_token, "NX-00000000")
    assert refusal(client.get(f"/v1/background_jobs/{foreign}"))[0] == 404


def test_lists_are_bare_arrays_newest_first(client: Client) -> None:
    """Jobs that have ended stay in them; imports have a list of their own as well."""
    first = client.ended(bulk_json(client).json())
    second = client.import_rows(ndjson(EVENTS))
    third = client.bulk("companies", COMPANIES)

    def ids(path: str) -> list[str]:
        return [job["job_id"] for job in client.get(path).json()]

    newest_first = [third["job_id"], second["job_id"], first["job_id"]]
    assert ids("/v1/background_jobs") == newest_first
    assert ids("/v1/background_jobs?limit=2") == newest_first[:2]
    assert ids("/v1/imports") == newest_first[1:2]
    assert refusal(client.get(f"/v1/imports/{first['job_id']}"))[0] == 404
    assert refusal(client.get("/v1/background_jobs", limit=0))[0] == 400


@pytest.mark.slow  # 4 s
def test_totals_add_up_at_every_moment_of_a_long_job(client: Client) -> None:
    """States come in their order, numbers only grow, and rows can be read while others wait."""
    rows = [track(n) if n % 100 else track(n, source="fax") for n in range(50_000)]
    polls = [client.upload("/v1/imports", ndjson(rows)).json()]
    readable = 0
    while polls[-1]["end_time"] is None:
        polls.append(client.job(polls[0]))
        if polls[-1]["completed_rows"] and not readable:
            readable = len(client.events())
            assert polls[-1]["end_time"] is None, "The job is too short for this test."
        time.sleep(0.01)

    assert len(polls) > 10
    assert readable
    places = [STATES.index(poll["status"]) for poll in polls]
    assert places == sorted(places)
    for before, after in pairwise(polls):
        done, failed, rest = (after[f"{x}_rows"] for x in ("completed", "failed", "remaining"))
        assert done + failed + rest == after["total_rows"] == 50_000
        assert done >= before["completed_rows"]
        assert failed >= before["failed_rows"]
        assert after["elapsed_time"] >= before["elapsed_time"]
    assert (polls[-1]["completed_rows"], polls[-1]["failed_rows"]) == (49_500, 500)
    numbers = [event["metadata"]["number"] for event in client.all_events()]
    assert sorted(numbers) == [n for n in range(50_000) if n % 100]
