"""What is taken as a file or list of rows, what is refused, and who may send it."""

import gzip
import json
from collections.abc import Callable
from typing import Final

import httpx
import pytest

from analytex.domain.environments import Permission
from tests.end_to_end.uploads import COMPANIES, EVENTS, USERS, bulk_json, refusal, resting_applier
from tests.rows import csv_file, ndjson
from tests.server import Client, Server

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
