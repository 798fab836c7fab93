"""Exports (contract 8.1 to 8.3) through a whole server: asked for, followed, downloaded."""

import csv
import gzip
import io
import json
import time
from pathlib import Path
from typing import Any, Final

import fastavro
import httpx
import pytest

from analytex.domain.environments import Permission
from tests.rows import ndjson, track
from tests.server import Client, Server, wait_for

EXPORTS: Final = "/api/v1/analytics/exports"


def ask(client: Client, **body: object) -> dict[str, Any]:
    """Ask for an export."""
    reply = client.post(EXPORTS, {key.rstrip("_"): value for key, value in body.items()})
    assert reply.status_code == 201, reply.text
    return dict(reply.json())


def look(client: Client, export: dict[str, Any]) -> dict[str, Any]:
    """Return an export as it is now."""
    reply = client.get(export["links"])
    assert reply.status_code == 200, reply.text
    return dict(reply.json())


def ended(client: Client, export: dict[str, Any], within_s: float = 30) -> dict[str, Any]:
    """Return an export once it has ended."""
    wait_for(lambda: bool(look(client, export)["end_time"]), within_s)
    return look(client, export)


def fetch(url: str, **headers: str) -> httpx.Response:
    """Fetch a link as a stranger."""
    return httpx.get(url, headers=headers, trust_env=False)


def rows(export: dict[str, Any]) -> list[dict[str, Any]]:
    """Return all events in the files of an NDJSON export."""
    found = []
    for file in export["presigned_urls"]:
        reply = fetch(file["url"])
        assert reply.status_code == 200, reply.text
        found += [json.loads(line) for line in gzip.decompress(reply.content).splitlines()]
    return found


def by_id(events: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return events by their ids."""
    assert len({event["internal_event_id"] for event in events}) == len(events)
    return {event["internal_event_id"]: event for event in events}


def test_an_export_holds_what_was_acknowledged_before_it(client: Client) -> None:
    """Every event as `GET /v1/events` shows it, in a file for each day. About 0.8 s."""
    client.import_rows(ndjson([track(1), track(2, inserted_at="2025-02-18 01:02:03")]))
    client.identify("ada", {"plan": "pro"}, {"id": "acme", "name": "Acme"})
    client.track("ada", "opened", big=2**60, nested={"a": [1.5, None]})
    export = ask(client)
    assert export["links"] == f"{EXPORTS}/jobs/{export['job_id']}"
    assert export["environment_app_token"] == client.app_token
    assert all(isinstance(value, str) for value in export.values())
    assert len(export) == 5

    done = ended(client, export)
    today = done["start_time"][:10]
    assert (done["status"], done["progress"]) == ("completed", "100")
    assert done["all_chunks"] == done["completed_chunks"] == ["2025-02-17", "2025-02-18", today]
    assert [file["filename"] for file in done["presigned_urls"]] == [
        f"events-{day}.ndjson.gz" for day in done["all_chunks"]
    ]
    read = by_id(client.all_events())
    for event in read.values():
        del event["id"]
    assert by_id(rows(done)) == read

    [listed] = client.get(f"{EXPORTS}/jobs/").json()
    assert client.get(f"{EXPORTS}/jobs").json() == [listed]
    assert (listed["job_id"], listed["status"]) == (export["job_id"], "completed")
    assert all(isinstance(value, str) for value in listed.values())
    [job, *_] = client.get("/v1/background_jobs").json()
    assert (job["type"], job["completed_rows"], job["remaining_rows"]) == ("export", len(read), 0)


def test_filters_and_times(client: Client) -> None:
    """All that are named must hold. About 0.8 s."""
    days = ["2025-03-01", "2025-03-02", "2025-03-03"]
    client.import_rows(
        ndjson(
            track(number, user_id=f"u-{number % 2}", inserted_at=f"{day} 23:59:59.999999")
            for number, day in enumerate(days * 2)
        )
    )
    done = ended(
        client,
        ask(
            client,
            from_="2025-03-02",
            to="2025-03-02",
            user_id=["u-1", "u-7"],
            event_type=["track"],
            event_types=["ignored"],
            start_date="ignored",
        ),
    )

    [event] = rows(done)
    assert (event["user_id"], event["inserted_at"]) == ("u-1", "2025-03-02T23:59:59.999999Z")


@pytest.mark.slow
def test_every_format_holds_the_same_events(client: Client) -> None:
    """CSV, Parquet and Avro too; a spreadsheet runs nothing. About 3 s."""
    client.track("=1+1", "opened", n=1)
    found = {}
    for form in ("json", "csv", "parquet", "avro"):
        [file] = ended(client, ask(client, format=form))["presigned_urls"]
        found[form] = fetch(file["url"])
        assert file["filename"].endswith({"json": ".ndjson.gz"}.get(form, f".{form}"))

    assert json.loads(gzip.decompress(found["json"].content))["user_id"] == "=1+1"
    [line] = csv.DictReader(io.StringIO(found["csv"].text, newline=""))
    assert (line["user_id"], json.loads(line["metadata"])) == ("'=1+1", {"n": 1})
    [record] = fastavro.reader(io.BytesIO(found["avro"].content))
    assert isinstance(record, dict)
    assert record["user_id"] == "=1+1"
    assert found["parquet"].content[:4] == b"PAR1"
    assert found["csv"].headers["content-type"] == "text/csv; charset=utf-8"


def test_an_export_of_nothing_completes(client: Client) -> None:
    """With no file; the body may be absent. About 0.7 s."""
    reply = client.request("POST", f"{EXPORTS}/")
    assert reply.status_code == 201
    done = ended(client, reply.json())

    assert (done["status"], done["progress"], done["all_chunks"]) == ("completed", "100", [])
    assert done["presigned_urls"] == []


def test_one_at_a_time(client: Client, server: Server) -> None:
    """409 for the same app while one runs; another app does not notice."""
    export = ask(client)
    refused = client.post(EXPORTS, {})
    assert refused.status_code == 409
    assert refused.json()["errors"][0]["error"] == "job_running"
    ask(server.new_environment())

    ended(client, export)
    ask(client)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"segment_id": "vip"}, "`segment_id` is not known."),
        ({"format": "xml"}, "`format` is not valid."),
        ({"from": "soon"}, "`from` is not a time."),
    ],
)
def test_what_is_not_valid_is_refused(client: Client, body: object, message: str) -> None:
    """And begins nothing."""
    reply = client.post(EXPORTS, body)

    assert (reply.status_code, reply.json()["errors"][0]["message"]) == (400, message)
    assert client.get(f"{EXPORTS}/jobs").json() == []


def test_a_key_is_needed_and_other_apps_see_nothing(server: Server, client: Client) -> None:
    """All but the links need one that may read."""
    sender = server.new_environment(Permission.INGEST)
    export = ask(client)
    for path in (f"{EXPORTS}/jobs", export["links"]):
        assert sender.get(path).status_code == 401
        assert httpx.get(server.url + path, trust_env=False).status_code == 401
    assert sender.post(EXPORTS, {}).status_code == 401
    other = server.new_environment()
    assert other.get(export["links"]).status_code == 404
    assert client.get(f"{EXPORTS}/jobs/nobody").status_code == 404
    assert client.get(f"{EXPORTS}/jobs/export:jobs:{export['job_id']}").status_code == 200


def test_a_link_needs_no_key_and_can_be_taken_up_again(client: Client, server: Server) -> None:
    """A part of it with Range; a link that was changed is refused. About 0.7 s."""
    for number in range(50):
        client.track("ada", "opened", number=number)
    [file] = ended(client, ask(client))["presigned_urls"]
    whole = fetch(file["url"])
    assert whole.headers["content-type"] == "application/gzip"
    assert "content-encoding" not in whole.headers

    part = fetch(file["url"], range="bytes=100-")
    assert (part.status_code, part.content) == (206, whole.content[100:])
    size = len(whole.content)
    assert part.headers["content-range"] == f"bytes 100-{size - 1}/{size}"
    assert httpx.head(file["url"], trust_env=False).headers["content-length"] == str(size)

    for changed in ("events-2020-01-01.ndjson.gz", "..%2F..%2Fstore.db"):
        address = file["url"].replace(file["filename"], changed)
        assert fetch(address).status_code in (401, 404)
    assert fetch(file["url"].partition("?")[0]).status_code == 401
    assert fetch(file["url"] + "0").status_code == 401


def test_an_export_can_be_cancelled_like_every_job(client: Client) -> None:
    """By its name among background jobs."""
    ask(client)
    [job] = client.get("/v1/background_jobs").json()
    reply = client.request("POST", f"{job['links']}/cancel")

    assert reply.status_code == 200
    [item] = client.get(f"{EXPORTS}/jobs").json()
    assert item["status"] in ("failed", "completed")


@pytest.mark.slow
def test_a_deletion_leaves_nobody_in_a_file(tmp_path: Path) -> None:
    """Neither in those that were ready, nor in what was asked for. About 5 s."""
    with Server(tmp_path) as server:
        client = server.client()
        client.track("somebody-to-forget", "opened")
        client.track("ada", "opened")
        first = ended(client, ask(client, format="csv", user_id=["somebody-to-forget"]))
        second = ended(client, ask(client, format="csv"))
        assert b"somebody-to-forget" in everything(server.data)

        client.delete("users", ["somebody-to-forget"])
        assert b"somebody-to-forget" not in everything(server.data)
        for export in (first, second):
            shown = client.get(f"{EXPORTS}/jobs/{export['job_id']}").json()
            assert (shown["status"], shown["presigned_urls"]) == ("completed", [])
            assert "deleted" in shown["reason"]
            assert fetch(export["presigned_urls"][0]["url"]).status_code == 404
        again = ended(client, ask(client))
        assert [event["user_id"] for event in rows(again)] == ["ada"]


def everything(directory: Path) -> bytes:
    """Return every byte of a data directory."""
    return b"".join(path.read_bytes() for path in directory.rglob("*") if path.is_file())


@pytest.mark.slow
def test_hot_events_and_history_are_one(tmp_path: Path) -> None:
    """Sealed, half sealed, hot: nobody can tell. About 10 s."""
    sent = [track(number, inserted_at=1_740_000_000 + number * 37) for number in range(30_000)]
    with Server(tmp_path, settings={"hot_events": 10_000}) as server:
        client = server.client()
        client.import_rows(ndjson(sent[:20_000]))
        wait_for(lambda: any((server.data / "history").rglob("*.parquet")), 20)
        client.import_rows(ndjson(sent[20_000:]))
        for _ in range(2):
            done = ended(client, ask(client))
            numbers = sorted(event["metadata"]["number"] for event in rows(done))
            assert numbers == list(range(30_000))
            time.sleep(0.2)


@pytest.mark.slow
def test_the_command_waits_and_saves(tmp_path: Path) -> None:
    """Into one file, or a file for each day. About 6 s."""
    with Server(tmp_path) as server:
        client = server.client()
        client.import_rows(ndjson(track(number) for number in range(10)))
        client.track("ada", "opened")
        to = ("--url", server.url)

        done = server.command("export", "-o", "all.ndjson", *to)
        assert done.returncode == 0, done.stderr
        assert len((tmp_path / "all.ndjson").read_text().splitlines()) == 11
        done = server.command("export", "--format", "csv", "-o", "days/", *to)
        assert done.returncode == 0, done.stderr
        assert len(list((tmp_path / "days").iterdir())) == 2
        done = server.command("export", "--format", "csv", "--user-id", "ada", "-o", "a.csv", *to)
        assert done.returncode == 0, done.stderr
        assert len((tmp_path / "a.csv").read_text().splitlines()) == 2
        done = server.command("export", "--format", "avro", "-o", "a.avro", *to)
        assert done.returncode == 1
        assert "Name a directory" in done.stderr
