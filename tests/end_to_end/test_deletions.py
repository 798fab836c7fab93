"""Deletions: afterwards no byte of the data directory holds the id or a value of that person."""

import json
import os
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import CliRunner

from analytex.cli.main import main
from analytex.domain.environments import Permission
from tests.rows import csv_file, identify, ndjson, track
from tests.server import Client, Server, wait_for

IDS: Final = {
    "plain": "ada-lovelace-1815",
    "not ASCII": "zoë-größe-東京",
    "with signs": 'a"b\\c/d e<f>',
    "a number": "9007199254740993",
}


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose data directory only these tests fill."""
    with Server(tmp_path_factory.mktemp("target")) as server:
        yield server
        assert "Traceback" not in server.errors()
        assert server.stop() == 0


@pytest.fixture
def client(target: Server) -> Iterator[Client]:
    """An environment that only this test uses; at its end events and profiles must agree."""
    yield target.new_environment()
    # In this process: to start one takes longer than most of these tests.
    verified = CliRunner().invoke(main, ["verify", "--data", str(target.data)])
    assert verified.exit_code == 0, verified.output


def holding(server: Server, *texts: str) -> list[tuple[str, str]]:
    """Return which file of the data directory holds which of the texts, in any form."""
    found = []
    for path in sorted(files_below(server.data)):
        content = str(path).encode()
        with suppress(FileNotFoundError, IsADirectoryError):
            content += path.read_bytes()
        for text in texts:
            if any(form in content for form in forms(text)):
                found.append((str(path.relative_to(server.data)), text))
    return found


def files_below(folder: Path) -> Iterator[Path]:
    """Yield what is in a folder; what goes away meanwhile is left out."""
    for place, folders, files in os.walk(folder):
        yield from (Path(place, name) for name in (*folders, *files))


def forms(text: str) -> set[bytes]:
    """Return a text as UTF-8, and as JSON and CSV write it."""
    return {
        text.encode(),
        json.dumps(text)[1:-1].encode(),
        json.dumps(text, ensure_ascii=False)[1:-1].encode(),
        text.replace('"', '""').encode(),
    }


def everything_about(client: Client, id: str, secret: str) -> None:
    """Let the server know a user by each way there is, with values that nobody else has."""
    client.identify(id, {"name": f"{secret}-live", "plan": "team"}, {"id": "acme", "seats": 3})
    client.track(id, "opened", note=f"{secret}-note")
    client.identify(id, {"name": f"{secret}-newer"})
    client.bulk("users", [{"user_id": id, "metadata": {"city": f"{secret}-bulk"}}])
    rows = [
        identify(id, 1, metadata={"old": f"{secret}-old"}),
        track(2, user_id=id, event_name=f"{secret}-event"),
        track(3, user_id=id, source=f"{secret}-fails"),
        {"event_type": "page_view", "user_id": id, "source": "web-client", "inserted_at": 1e9,
         "user_agent": f"{secret}-agent", "url": f"https://{secret}-host/x"},
    ]  # fmt: skip
    assert client.import_rows(ndjson(rows))["failed_rows"] == 1
    table = csv_file([track(4, user_id=id, event_name=""), track(5, user_id=id)])
    assert client.import_rows(table)["failed_rows"] == 1


# What is gone


@pytest.mark.slow  # 1 s each: a call may be on its way to the log for so long
@pytest.mark.parametrize("id", IDS.values(), ids=IDS)
def test_nothing_of_a_user_is_left(client: Client, target: Server, id: str) -> None:
    """Neither in rows, log, job files nor in what the files do not use any more."""
    secret = f"secret-{random.randrange(10**12)}"
    everything_about(client, id, secret)
    everything_about(client, "bob", "harmless")
    assert {text for _, text in holding(target, id, secret)} == {id, secret}

    job = client.delete("users", [int(id) if id.isdecimal() else id])

    assert (job["status"], job["type"]) == ("completed", "delete_users")
    assert holding(target, id, secret) == []
    assert (
        client.get(f"/v1/users/{''.join(f'%{byte:02X}' for byte in id.encode())}").status_code
        == 404
    )
    assert client.events(user_id=id) == []
    assert client.user("bob")["metadata"]["city"] == "harmless-bulk"
    # What the user's identify said of the company belongs to the company.
    assert client.company("acme")["metadata"] == {"seats": 3}


@pytest.mark.slow  # 2 s
def test_nothing_of_others_is_touched(client: Client) -> None:
    """Nor of users with similar ids, nor of another environment with the same id."""
    other = client.server.new_environment()
    for each in (client, other):
        for id in ("ada", "ada-2", "Ada", "da", "adam", "acme"):
            everything_about(each, id, id)

    def others() -> list[Any]:
        events = [event for event in client.all_events() if event["user_id"] != "ada"]
        users = [user for user in listed(client, "users") if user["user_id"] != "ada"]
        return [
            users,
            [event for event in events if event["event_type"] != "identify_company"],
            listed(client, "companies"),
            listed(other, "users"),
            other.all_events(),
        ]

    before = others()
    client.delete("users", ["ada"])
    assert others() == before
    assert [user["user_id"] for user in listed(client, "users")] == [
        "Ada", "acme", "ada-2", "adam", "da",
    ]  # fmt: skip


def listed(client: Client, what: str) -> list[dict[str, Any]]:
    """Return all users or companies."""
    return list(client.get(f"/v1/{what}", limit=1000).json()["data"])


@pytest.mark.slow  # 1 s
def test_nothing_of_a_company_is_left(client: Client, target: Server) -> None:
    """Its users stay, with all else that is known of them, and without the company."""
    secret = f"secret-{random.randrange(10**12)}"
    id = "umbrella-corporation-1968"
    client.identify_company(id, {"name": f"{secret}-name"})
    client.identify("ada", {"plan": "team"}, {"id": id, "size": f"{secret}-size"})
    client.identify("bob", {"plan": "free", "company": {"id": id, "x": f"{secret}-nested"}})
    client.identify("cyd", {"plan": "free"}, {"id": "acme", "size": 1})
    client.track("ada", "opened", page=1)
    client.bulk("companies", [{"company_id": id, "metadata": {"x": f"{secret}-bulk"}}])
    client.bulk("users", [{"user_id": "eve", "company_id": id, "metadata": {"plan": "free"}}])
    client.import_rows(ndjson([track(1, user_id="cyd", company_id=id)]))

    job = client.delete("companies", [id])

    assert (job["status"], job["type"]) == ("completed", "delete_companies")
    assert holding(target, id, secret) == []
    assert client.get(f"/v1/companies/{id}").status_code == 404
    assert client.events(company_id=id) == []
    for user, plan in (("ada", "team"), ("bob", "free"), ("eve", "free")):
        assert client.user(user)["company_id"] is None
        assert client.user(user)["metadata"] == {"plan": plan}
    assert client.user("cyd")["company_id"] == "acme"
    assert client.events(event_name="opened")[0]["metadata"] == {"page": 1}
    assert client.events(event_name="invoice paid")[0]["metadata"] == {"number": 1}


@pytest.mark.slow  # 1 s
def test_a_user_who_changed_companies_goes_back_to_the_one_before(client: Client) -> None:
    """As if the deleted company had never been named."""
    client.identify("ada", {}, {"id": "acme"})
    client.identify("ada", {}, {"id": "globex"})
    client.delete("companies", ["globex"])
    assert client.user("ada")["company_id"] == "acme"


@pytest.mark.slow  # 1 s
def test_failed_rows_and_errors_of_earlier_jobs_are_forgotten(
    client: Client, target: Server
) -> None:
    """Those that mention the id; the others can still be read, and tried again."""
    id = "grace-hopper-1906"
    rows = [track(n, user_id=user, source="fax") for n, user in enumerate([id, "bob", id, "cyd"])]
    jobs = [client.import_rows(ndjson(rows)), client.import_rows(csv_file(rows))]
    bulk = client.bulk("users", [{"user_id": id, "metadata": 5}, {"user_id": ["x", id]}])

    receipt = client.delete("users", [id])

    assert holding(target, id) == []
    assert receipt["removed"]["failed_rows"] == 6
    for job, text in zip(jobs, (ndjson(rows[1::2]), csv_file(rows[1::2])), strict=True):
        assert client.get(job["links"] + "/errors", format="rows").content.replace(
            b"\r\n", b"\n"
        ) == text.replace(b"\r\n", b"\n")
        errors = client.get(job["links"] + "/errors").json()["data"]
        assert [error["row"] for error in errors] == [1, 2, 3, 4]
        reply = client.post(job["links"] + "/retry", None)
        assert reply.status_code == 202
        again = client.ended(reply.json())
        assert (again["failed_rows"], again["completed_rows"]) == (2, 0)
        assert again["total_rows"] == 2
    assert client.job(bulk)["failed_rows"] == 2
    assert client.post(bulk["links"] + "/retry", None).status_code == 409


# What comes afterwards


@pytest.mark.slow  # 1 s
def test_a_new_identify_starts_afresh(client: Client) -> None:
    """With nothing of before; the person came back, the data did not."""
    everything_about(client, "ada", "before")
    job = client.delete("users", ["ada"])

    client.identify("ada", {"plan": "new"})

    user = client.user("ada")
    assert (user["metadata"], user["company_id"]) == ({"plan": "new"}, None)
    assert user["first_seen_at"] == user["last_seen_at"] > job["due_at"]
    assert len(client.events(user_id="ada")) == 1


@pytest.mark.slow  # 1 s
def test_late_history_does_not_bring_a_user_back(client: Client, target: Server) -> None:
    """Its rows are completed and counted as erased, be it the same file or another one."""
    id = "barbara-liskov-1939"
    rows = [identify(id, 1, metadata={"x": 1}, company_id="acme"), track(2, user_id=id), track(3)]
    client.import_rows(ndjson(rows))
    client.delete("users", [id])

    same = client.import_rows(ndjson(rows))
    new = client.import_rows(csv_file([track(n, user_id=id) for n in range(10, 20)]))

    assert (same["completed_rows"], same["erased_rows"], same["duplicate_rows"]) == (3, 2, 1)
    assert (new["completed_rows"], new["erased_rows"]) == (10, 10)
    assert client.get(f"/v1/users/{id}").status_code == 404
    assert client.events(user_id=id) == []
    assert holding(target, id) == []

    client.identify(id, {"y": 2})
    assert client.import_rows(ndjson(rows))["erased_rows"] == 2
    assert client.user(id)["metadata"] == {"y": 2}
    ahead = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    later = client.import_rows(ndjson([identify(id, inserted_at=ahead, metadata={"z": 3})]))
    assert later["erased_rows"] == 0
    assert client.user(id)["metadata"] == {"y": 2, "z": 3}


@pytest.mark.slow  # 1 s
def test_late_history_does_not_bring_a_company_back(client: Client, target: Server) -> None:
    """Users' rows that name it are stored without it."""
    id = "tyrell-corporation-2019"
    client.identify_company(id, {"x": 1})
    client.delete("companies", [id])

    client.import_rows(
        ndjson(
            [
                {"event_type": "identify_company", "company_id": id, "source": "backend-http",
                 "inserted_at": 1e9},
                identify("ada", 1, company_id=id, metadata={"plan": "team"}),
                track(2, user_id="ada", company_id=id),
            ]
        )
    )  # fmt: skip

    assert client.get(f"/v1/companies/{id}").status_code == 404
    assert holding(target, id) == []
    assert client.user("ada")["company_id"] is None
    assert client.user("ada")["metadata"] == {"plan": "team"}
    assert len(client.events(user_id="ada")) == 2


@pytest.mark.slow  # 2 s
def test_a_deletion_waits_for_files_that_came_before(client: Client, target: Server) -> None:
    """Else their rows would bring the user back; those of others are all stored."""
    id = "radia-perlman-1951"
    rows = [track(n, user_id=id if n % 2 else "bob") for n in range(20_000)]
    job = client.upload("/v1/imports", ndjson(rows)).json()
    deletion = client.request("DELETE", "/v1/users", content=json.dumps({"users": [id]}).encode())

    job = client.ended(job)
    assert job["completed_rows"] == 20_000
    client.ended(deletion.json())

    assert holding(target, id) == []
    numbers = sorted(event["metadata"]["number"] for event in client.all_events())
    assert numbers == list(range(0, 20_000, 2))


# The request and the receipt


@pytest.mark.slow  # 1 s
def test_the_receipt_tells_what_was_removed(client: Client) -> None:
    """By whom, when, how much and from where, and names nobody."""
    client.identify("hedy", {"x": 1})
    client.track("hedy", "e")
    client.track("bob", "e")
    reply = client.request("DELETE", "/v1/users", content=b'{"users":["hedy","nobody","hedy",""]}')

    assert reply.status_code == 202
    body = reply.json()
    assert body.keys() == {"message", "job_id", "links"}
    assert body["message"] == "2 users are scheduled for deletion. Empty ids were ignored: 1."
    job = client.ended(body)
    assert job["job_id"].startswith(f"delete:jobs:{client.app_token}:")
    assert (job["total_rows"], job["completed_rows"], job["remaining_rows"]) == (2, 2, 0)
    removed = {name: count for name, count in job["removed"].items() if count}
    assert removed == {"users": 1, "events": 2, "log_records": 2}
    assert job["submitted_at"] == job["due_at"] <= job["start_time"] <= job["end_time"]
    assert job["requested_by"]
    assert "hedy" not in json.dumps(job)
    assert client.get("/v1/background_jobs").json() == [job]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("users", b'{"users":["nobody"]}', 202),
        ("users", b'{"users":[""]}', 202),  # Segment sends it where an event has no user id
        ("users", b'{"users":[]}', 202),
        ("users", b'{"users":[7, 1.5]}', 202),
        ("companies", b'{"companies":["nobody"]}', 202),
        ("users", b'{"companies":["a"]}', 400),
        ("companies", b'{"users":["a"]}', 400),
        ("users", b'{"users":"a"}', 400),
        ("users", b'{"users":[["a"]]}', 400),
        ("users", b'{"users":[null]}', 400),
        ("users", b'["a"]', 400),
        ("users", b"{", 400),
        ("users", b"", 400),
        ("users", b'{"users":["\xff"]}', 400),
        ("users", b'{"users":["' + b"x" * 513 + b'"]}', 400),
        ("users", b'{"users":["a"]}'.ljust(1024 * 1024 + 1), 413),
    ],
)
def test_which_requests_are_taken(client: Client, path: str, body: bytes, status: int) -> None:
    """Ids that nobody has are no mistake, and empty ones are ignored."""
    reply = client.request("DELETE", f"/v1/{path}", content=body)
    assert reply.status_code == status, reply.text
    if status == 202:
        assert "scheduled for deletion" in reply.json()["message"]
    else:
        assert reply.json()["errors"][0]["error_code"] == str(status)
        assert client.get("/v1/background_jobs").json() == []


@pytest.mark.parametrize(
    ("permission", "status"),
    [(Permission.INGEST, 202), (Permission.READ, 401), (Permission.ADMIN, 202)],
)
def test_who_may_delete(target: Server, permission: Permission, status: int) -> None:
    """Senders, with the key they send with."""
    client = target.new_environment(permission)
    assert client.request("DELETE", "/v1/users", content=b'{"users":[]}').status_code == status
    stranger = client._replace(key="wrong")
    assert stranger.request("DELETE", "/v1/users", content=b'{"users":[]}').status_code == 401


@pytest.mark.slow  # 1 s
@pytest.mark.parametrize("ids", [[], [""]], ids=["no id", "an empty id"])
def test_a_deletion_of_nobody_removes_nothing(client: Client, ids: Sequence[str]) -> None:
    """No failed row of another job either."""
    client.track("ada", "e")
    job = client.import_rows(ndjson([track(1, source="fax"), track(2)]))
    before = client.get(job["links"] + "/errors").json()
    rows = client.get(job["links"] + "/errors", format="rows").content

    receipt = client.delete("users", ids)

    assert receipt["status"] == "completed"
    assert not any(receipt["removed"].values())
    assert client.get(job["links"] + "/errors").json() == before
    assert client.get(job["links"] + "/errors", format="rows").content == rows
    assert len(client.events()) == 2


@pytest.mark.slow  # 3 s
def test_deletions_can_wait_for_a_time_of_day(tmp_path: Path) -> None:
    """Until then all is as it was, a restart included, and the deletion can be cancelled."""
    due = datetime.now(UTC) + timedelta(hours=3)
    with Server(tmp_path, settings={"delete_at": f"{due:%H:%M}"}) as server:
        client = server.client()
        client.identify("ada", {"plan": "team"})
        reply = client.request("DELETE", "/v1/users", content=b'{"users":["ada"]}').json()
        server.stop()
        server.restart()
        client = server.client()

        job = client.job(reply)
        assert job["status"] == "queued"
        assert job["due_at"] == f"{due:%Y-%m-%dT%H:%M}:00.000000Z"
        assert client.user("ada")["metadata"] == {"plan": "team"}
        cancelled = client.post(reply["links"] + "/cancel", None)
        assert cancelled.status_code == 200, cancelled.text
        assert cancelled.json()["status"] == "failed"
        assert client.user("ada")["metadata"] == {"plan": "team"}


# Many at once


@pytest.mark.slow  # 2 s
def test_many_users_are_deleted_while_calls_come_in(client: Client, target: Server) -> None:
    """Reads still see what was acknowledged, in the next line."""
    ids = [f"crowd-member-{n:05}" for n in range(2_000)]
    rows = [identify(id, n, metadata={"x": f"crowd-value-{id}"}) for n, id in enumerate(ids)]
    client.import_rows(ndjson(rows))
    client.import_rows(ndjson([track(n, source="fax", x="y" * 500) for n in range(5_000)]))

    reply = client.request("DELETE", "/v1/users", content=json.dumps({"users": ids[100:]}).encode())
    waits = []
    while client.job(reply.json())["end_time"] is None:
        started = time.monotonic()
        id = client.track("bob", "e")
        assert [event["id"] for event in client.events(id=id)] == [id]
        waits.append(time.monotonic() - started)

    assert max(waits) < 1, f"a call could be read only after {max(waits):.2f} s"
    assert holding(target, "crowd-member-00100", "crowd-value-crowd-member-01999") == []
    assert [user["user_id"] for user in listed(client, "users")][-100:] == ids[:100]
    wait_for(lambda: client.job(reply.json())["removed"]["users"] == 1_900, 1)


@pytest.mark.slow  # 2 s
def test_several_deletions_are_under_way_at_once(client: Client, target: Server) -> None:
    """Of one app one after the other, of several apps side by side; each to its end."""
    others = [target.new_environment() for _ in range(3)]
    ids = [f"parallel-{n:03}" for n in range(12)]
    for each in (client, *others):
        each.import_rows(ndjson(identify(id, metadata={"x": f"{id}-value"}) for id in ids))

    jobs = []
    for id in ids[:9]:
        for each in (client, *others):
            body = json.dumps({"users": [id]}).encode()
            jobs.append((each, each.request("DELETE", "/v1/users", content=body).json()))
    for each, job in jobs:
        assert each.ended(job, within_s=60)["status"] == "completed"

    assert holding(target, *ids[:9]) == []
    for each in (client, *others):
        assert [user["user_id"] for user in listed(each, "users")] == ids[9:]
