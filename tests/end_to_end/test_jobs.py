"""Uploads and background jobs as the contract has them: every field, every status, every refusal.

What the rows of a file do is in test_rows_of_files.py.
"""

import csv
import gzip
import io
import json
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any, Final

import httpx
import pytest

from analytex.domain.environments import Permission
from tests.rows import Row, csv_file, ndjson, track
from tests.server import KEY, Client, Server, wait_for

FIELDS: Final = {
    "job_id", "status", "type", "filename", "file_size", "total_rows", "completed_rows",
    "failed_rows", "remaining_rows", "duplicate_rows", "erased_rows", "submitted_at", "start_time",
    "end_time", "elapsed_time", "links", "dry_run", "retry_of", "reason", "due_at", "requested_by",
    "removed",
}  # fmt: skip
STATES: Final = ("queued", "validating", "processing", "pending_refresh", "completed")
UUID: Final = "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
TIME: Final = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"

USERS: Final[list[Row]] = [{"user_id": "ada", "metadata": {"plan": "team"}}, {"user_id": 7}]
COMPANIES: Final[list[Row]] = [{"company_id": "acme", "metadata": {"seats": 3}}]
EVENTS: Final = [track(number) for number in range(3)]


@contextmanager
def resting_applier(server: Server) -> Iterator[None]:
    """Let no job get on, so that what is said while one waits can be looked at."""
    applier = server.applier()
    os.kill(applier, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(applier, signal.SIGCONT)


def refusal(reply: httpx.Response) -> tuple[int, str]:
    """Return status and code of a refusal in the documented form."""
    [error] = reply.json()["errors"]
    assert error.keys() == {"error", "error_code", "message", "details"}
    assert error["error_code"] == str(reply.status_code)
    assert error["message"]
    return reply.status_code, error["error"]


def bulk_json(client: Client) -> httpx.Response:
    """Send a JSON body."""
    return client.post("/v1/users/bulk_identify", {"users": USERS})


# What is taken


@pytest.mark.parametrize(
    ("send", "status", "type", "rows"),
    [
        pytest.param(bulk_json, 202, "bulk_identify_users", 2, id="users as JSON"),
        pytest.param(
            lambda c: c.upload("/v1/users/bulk_identify", ndjson(USERS)),
            202, "bulk_identify_users", 2, id="users as a file",
        ),
        pytest.param(
            lambda c: c.upload("/v1/users/bulk_identify", gzip.compress(ndjson(USERS))),
            202, "bulk_identify_users", 2, id="users as a packed file",
        ),
        pytest.param(
            lambda c: c.request(
                "POST", "/v1/users/bulk_identify",
                content=gzip.compress(json.dumps({"users": USERS}).encode()),
                headers={"content-encoding": "gzip"},
            ),
            202, "bulk_identify_users", 2, id="users as a packed body",
        ),
        pytest.param(
            lambda c: c.post("/v1/users/bulk_identify", {"users": []}),
            202, "bulk_identify_users", 0, id="no users",
        ),
        pytest.param(
            lambda c: c.post("/v1/companies/bulk_identify", {"companies": COMPANIES}),
            202, "bulk_identify_companies", 1, id="companies as JSON",
        ),
        pytest.param(
            lambda c: c.upload("/v1/companies/bulk_identify", ndjson(COMPANIES)),
            202, "bulk_identify_companies", 1, id="companies as a file",
        ),
        pytest.param(
            lambda c: c.upload("/v1/imports", ndjson(EVENTS)), 200, "import", 3, id="NDJSON",
        ),
        pytest.param(
            lambda c: c.upload("/v1/imports", csv_file(EVENTS)), 200, "import", 3, id="CSV",
        ),
        pytest.param(
            lambda c: c.upload("/v1/imports", gzip.compress(ndjson(EVENTS))),
            200, "import", 3, id="packed NDJSON",
        ),
        pytest.param(
            lambda c: c.upload("/v1/imports", gzip.compress(csv_file(EVENTS))),
            200, "import", 3, id="packed CSV",
        ),
        pytest.param(
            lambda c: c.upload("/v1/imports", csv_file(EVENTS).splitlines(True)[0]),
            200, "import", 0, id="a CSV header and no row",
        ),
    ],
)  # fmt: skip
def test_what_is_taken(
    client: Client, send: Callable[[Client], httpx.Response], status: int, type: str, rows: int
) -> None:
    """202 for a bulk identify, 200 for an import; either way the rows are counted already."""
    reply = send(client)

    assert reply.status_code == status, reply.text
    job = reply.json()
    assert (job["type"], job["total_rows"], job["dry_run"]) == (type, rows, False)
    job = client.ended(job)
    assert (job["status"], job["completed_rows"], job["failed_rows"]) == ("completed", rows, 0)


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


# What is refused

REFUSED: Final = {
    "no JSON": (400, lambda c: post(c, "users/bulk_identify", b'{"users":[')),
    "nothing": (400, lambda c: post(c, "users/bulk_identify", b"")),
    "no object": (400, lambda c: post(c, "users/bulk_identify", b'[{"user_id":"a"}]')),
    "no list": (400, lambda c: post(c, "users/bulk_identify", b'{"users":{"user_id":"a"}}')),
    "the other list": (400, lambda c: post(c, "users/bulk_identify", b'{"companies":[]}')),
    "two lists": (400, lambda c: post(c, "users/bulk_identify", b'{"users":[],"users":[]}')),
    "something behind": (400, lambda c: post(c, "users/bulk_identify", b'{"users":[]} {}')),
    "NDJSON as a body": (400, lambda c: post(c, "users/bulk_identify", ndjson(USERS))),
    "an import as a body": (400, lambda c: post(c, "imports", ndjson(EVENTS))),
    "an import as JSON": (400, lambda c: c.post("/v1/imports", EVENTS)),
    "a part of another name": (
        400, lambda c: c.upload("/v1/imports", ndjson(EVENTS), part="upload"),
    ),
    "an empty file": (400, lambda c: c.upload("/v1/imports", b"")),
    "a blank file": (400, lambda c: c.upload("/v1/imports", b"\n \n\n")),
    "a JSON array": (400, lambda c: c.upload("/v1/imports", json.dumps(EVENTS).encode())),
    "CSV without event_type": (400, lambda c: c.upload("/v1/imports", b"a,b\n1,2\n")),
    "CSV for a bulk": (400, lambda c: c.upload("/v1/users/bulk_identify", b"user_id\na\n")),
    "UTF-16": (
        400, lambda c: c.upload("/v1/imports", csv_file(EVENTS).decode().encode("utf-16")),
    ),
    "gzip cut short": (
        400, lambda c: c.upload("/v1/imports", gzip.compress(ndjson(EVENTS))[:-9]),
    ),
    "dry_run=maybe": (
        400, lambda c: c.upload("/v1/imports?dry_run=maybe", ndjson(EVENTS)),
    ),
    "10,001 rows as JSON": (
        413, lambda c: c.post("/v1/users/bulk_identify", {"users": [{"user_id": "a"}] * 10_001}),
    ),
    "10,001 rows as a file": (
        413, lambda c: c.upload("/v1/users/bulk_identify", ndjson([{"user_id": "a"}] * 10_001)),
    ),
    "50 MB and a byte": (
        413,
        lambda c: post(c, "users/bulk_identify", b'{"users":[]}'.ljust(50_000_001)),
    ),
    "another encoding": (
        415,
        lambda c: c.request(
            "POST", "/v1/users/bulk_identify", content=b"x", headers={"content-encoding": "br"}
        ),
    ),
    "no key": (401, lambda c: c.http.post(f"{c.server.url}/v1/imports", content=b"x")),
    "a wrong key": (401, lambda c: bulk_json(c._replace(key="wrong"))),
    "an unknown job": (
        404, lambda c: c.get("/v1/background_jobs/6f1c2d3e-0000-4000-8000-5a5a5a5a5a5a"),
    ),
    "a job of no form": (404, lambda c: c.get("/v1/background_jobs/%00")),
    "errors of an unknown job": (404, lambda c: c.get("/v1/background_jobs/x/errors")),
    "the end of an unknown job": (404, lambda c: c.post("/v1/background_jobs/x/cancel", None)),
    "a retry of an unknown job": (404, lambda c: c.post("/v1/background_jobs/x/retry", None)),
    "PUT of a bulk identify": (
        405, lambda c: c.request("PUT", "/v1/companies/bulk_identify", content=b"{}"),
    ),
    "DELETE of a job": (405, lambda c: c.request("DELETE", "/v1/background_jobs/x")),
}  # fmt: skip


def post(client: Client, path: str, body: bytes) -> httpx.Response:
    """Send a body as it is."""
    return client.request("POST", f"/v1/{path}", content=body)


@pytest.mark.parametrize(("status", "send"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused_leaves_nothing(
    client: Client, status: int, send: Callable[[Client], httpx.Response]
) -> None:
    """Neither a job nor a file; and the next upload is taken."""
    folder = client.server.data / "jobs"
    folder.mkdir(exist_ok=True)
    before = set(folder.iterdir())

    assert refusal(send(client))[0] == status

    assert set(folder.iterdir()) == before
    assert client.get("/v1/background_jobs").json() == []
    assert bulk_json(client).status_code == 202


@pytest.mark.parametrize(
    ("permission", "allowed"),
    [
        (Permission.READ, {"list", "one", "errors"}),
        (Permission.INGEST, {"upload", "list", "one", "cancel", "retry"}),
        (Permission.ADMIN, {"upload", "list", "one", "errors", "cancel", "retry"}),
    ],
)
def test_who_may_do_what(server: Server, permission: Permission, allowed: set[str]) -> None:
    """Senders see what becomes of their rows, but the rows themselves only readers see."""
    client = server.new_environment(permission)
    job = "/v1/background_jobs/x"
    found = {
        "upload": bulk_json(client),
        "list": client.get("/v1/background_jobs"),
        "one": client.get(job),
        "errors": client.get(f"{job}/errors"),
        "cancel": client.post(f"{job}/cancel", None),
        "retry": client.post(f"{job}/retry", None),
    }
    refused = {name for name, reply in found.items() if reply.status_code == 401}
    assert found.keys() - refused == allowed


def test_one_job_of_a_family_is_under_way(client: Client, server: Server) -> None:
    """Users and companies are one family, imports another, and every app has its own."""
    other = server.new_environment()
    with resting_applier(server):
        first = bulk_json(client)
        again = bulk_json(client)
        companies = client.upload("/v1/companies/bulk_identify", ndjson(COMPANIES))
        imported = client.upload("/v1/imports", ndjson(EVENTS))
        again_imported = client.upload("/v1/imports", csv_file(EVENTS))
        others = bulk_json(other)

    assert (first.status_code, imported.status_code, others.status_code) == (202, 200, 202)
    for reply in (again, companies, again_imported):
        assert refusal(reply) == (409, "job_running")
    for reply in (first, imported):
        client.ended(reply.json())
    assert bulk_json(client).status_code == 202
    assert len(client.get("/v1/background_jobs").json()) == 3


# Looking at jobs


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


# Rows that fail

BAD: Final = [
    track(0, source="fax"),
    track(1, event_name=None),
    track(2),
    track(3, inserted_at="yesterday"),
    track(4, metadata=["x" * 500]),
]


def test_errors_say_what_is_wrong_with_which_row(client: Client) -> None:
    """Row and line from 1, the place as a JSON pointer, what stands there, and a stable code."""
    job = client.import_rows(b"\n" + ndjson(BAD) + b'{"event_type":\n')
    assert (job["status"], job["total_rows"]) == ("completed", 6)
    assert (job["completed_rows"], job["failed_rows"]) == (1, 5)

    page = client.get(job["links"] + "/errors").json()

    assert page["metadata"] == {
        "cursor": {"after": None, "before": None},
        "limit": 50,
        "total_count": 5,
    }
    errors = page["data"]
    assert errors[0].keys() == {"row", "line", "place", "value", "code", "reason"}
    assert [(e["row"], e["line"], e["place"], e["code"]) for e in errors] == [
        (1, 2, "/source", "not_allowed"),
        (2, 3, "/event_name", "missing"),
        (4, 5, "/inserted_at", "not_a_time"),
        (5, 6, "/metadata", "wrong_type"),
        (6, 7, "", "not_json"),
    ]
    assert [errors[i]["value"] for i in (0, 2)] == ["fax", "yesterday"]
    assert len(errors[3]["value"]) <= 200
    assert all(error["reason"].endswith(".") for error in errors)


def test_errors_come_in_pages(client: Client) -> None:
    """Following the cursor gives each once."""
    job = client.import_rows(ndjson(track(n, source="fax") for n in range(7)))
    path = job["links"] + "/errors"

    rows: list[list[int]] = []
    after: dict[str, str | None] = {}
    while True:
        page = client.get(path, limit=3, **after).json()
        rows.append([error["row"] for error in page["data"]])
        after = {"after_cursor": page["metadata"]["cursor"]["after"]}
        if after["after_cursor"] is None:
            break

    assert rows == [[1, 2, 3], [4, 5, 6], [7]]
    assert refusal(client.get(path, after_cursor="nonsense"))[0] == 400
    assert refusal(client.get(path, format="xml"))[0] == 400


def test_errors_come_as_csv(client: Client) -> None:
    """For a spreadsheet, which may not run what a sender wrote."""
    job = client.import_rows(ndjson([track(0, source='=cmd|"/c calc"!A1'), track(1, source="a,b")]))

    reply = client.get(job["links"] + "/errors", format="csv")

    assert reply.headers["content-type"] == "text/csv; charset=utf-8"
    first, second = csv.DictReader(io.StringIO(reply.text))
    assert (first["row"], first["code"], first["value"]) == (
        "1",
        "not_allowed",
        '\'=cmd|"/c calc"!A1',
    )
    assert (second["row"], second["value"]) == ("2", "a,b")


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "packed"])
def test_failed_rows_come_back_as_they_were(client: Client, pack: Callable[[bytes], bytes]) -> None:
    """So they can be mended and uploaded again; CSV rows with their header, unpacked."""
    lines = ndjson(BAD).splitlines(keepends=True)
    job = client.import_rows(pack(ndjson(BAD)))
    reply = client.get(job["links"] + "/errors", format="rows")
    assert reply.content == b"".join(lines[:2] + lines[3:])
    assert reply.headers["content-type"] == "application/x-ndjson; charset=utf-8"

    table = b"event_type,user_id,event_name,source,inserted_at\r\n"
    good, bad = (
        f'track,a,"two\r\nlines",{x},2025-01-01\r\n'.encode() for x in ("backend-http", "fax")
    )
    job = client.import_rows(pack(b"\xef\xbb\xbf" + table + good + bad + good))
    reply = client.get(job["links"] + "/errors", format="rows")
    assert list(csv.reader(io.StringIO(reply.text, newline=""))) == list(
        csv.reader(io.StringIO((table + bad).decode(), newline=""))
    )
    assert reply.headers["content-type"] == "text/csv; charset=utf-8"

    good_job = client.ended(bulk_json(client).json())
    assert refusal(client.get(good_job["links"] + "/errors", format="rows"))[0] == 404


def test_of_a_damaged_file_nothing_is_taken(client: Client) -> None:
    """It is unpacked to be counted, so the damage shows before the reply."""
    packed = bytearray(gzip.compress(ndjson(EVENTS)))
    packed[-5] ^= 1
    assert refusal(client.upload("/v1/imports", bytes(packed))) == (400, "bad_request")


# Ending and repeating


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
