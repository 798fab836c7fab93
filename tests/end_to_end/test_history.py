"""History behind a running server: readers notice nothing, and deletions reach it."""

import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import duckdb
import pytest

from analytex.service.sealing import seal
from analytex.settings import Settings
from tests.rows import at, identify, identify_company, ndjson, track
from tests.server import Client, Server, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]  # 3 to 6 s each: processes are started

FILTERS: Final[list[dict[str, Any]]] = [
    {},
    {"user_id": "ada"},
    {"company_id": "acme"},
    {"event_type": "identify_user"},
    {"event_name": "opened"},
    {"from": at(3), "to": at(40)},
]


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
    verified = target.command("verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr


def seal_all(server: Server) -> None:
    """Move all events into history, as the server that runs does it."""
    seal(Settings(data=str(server.data)), within_s=30)


def rows_of(server: Server) -> list[tuple[Any, ...]]:
    """Return all that is in any Parquet file of the data directory, part of the table or not."""
    files = [str(path) for path in (server.data / "history").rglob("*.parquet")]
    return duckdb.connect().execute("FROM read_parquet(?)", (files,)).fetchall()


def holding(server: Server, *texts: str) -> list[str]:
    """Return the files that hold one of the texts in their bytes, and rows of history that do."""
    found = []
    for path in sorted(server.data.rglob("*")):
        with suppress(FileNotFoundError, IsADirectoryError):
            content = str(path).encode() + path.read_bytes()
            if any(text.encode() in content for text in texts):
                found.append(str(path.relative_to(server.data)))
    return found + [repr(row) for row in rows_of(server) if any(t in repr(row) for t in texts)]


def fill(client: Client) -> None:
    """Let some users do something, live and by import."""
    client.identify("ada", {"name": "Ada"}, {"id": "acme", "seats": 3})
    client.track("ada", "opened", n=1)
    client.track("bob", "opened", n=2)
    rows = [track(number, user_id=["ada", "bob", "cyd"][number % 3]) for number in range(60)]
    rows += [
        identify("bob", 61, metadata={"plan": "pro"}, company_id="acme"),
        {
            **track(62, user_id="ada"),
            "event_type": "page_view",
            "event_name": None,
            "url": "https://app.example/start?x=1",
            "user_agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
        },
    ]
    assert client.import_rows(ndjson(rows))["failed_rows"] == 0


def pages(client: Client) -> list[list[dict[str, Any]]]:
    """Return what is read by each filter, page by page."""
    return [client.all_events(limit=7, **wanted) for wanted in FILTERS]


def test_readers_cannot_tell_that_events_were_sealed(target: Server, client: Client) -> None:
    """The same pages before, in between, and when more has come and is sealed too."""
    fill(client)
    before = pages(client)
    seal_all(target)
    assert pages(client) == before

    id = client.track("ada", "opened", n=3)
    later = pages(client)
    assert later[0][0]["id"] == id
    assert later[0][1:] == before[0]
    seal_all(target)
    assert pages(client) == later


def test_an_import_that_is_repeated_after_sealing_changes_nothing(
    target: Server, client: Client
) -> None:
    """Its rows are known by their content, wherever their events are."""
    rows = ndjson([track(number) for number in range(20)])
    client.import_rows(rows)
    seal_all(target)
    assert client.import_rows(rows)["duplicate_rows"] == 20
    assert len(client.all_events()) == 20


def test_of_a_deleted_user_no_byte_is_left_in_history(target: Server, client: Client) -> None:
    """Nor is anything else gone, and what is newer than the deletion begins anew."""
    fill(client)
    client.import_rows(
        ndjson(
            [
                identify("eve-1815", 1, metadata={"name": "secret-name"}),
                track(2, user_id="eve-1815", metadata={"note": "secret-old"}),
                track(3, user_id="ada"),
            ]
        )
    )
    client.track("eve-1815", "opened", note="secret-note")
    seal_all(target)
    client.track("eve-1815", "opened", note="secret-hot")
    before = client.all_events()

    job = client.ended(client.delete("users", ["eve-1815"]))

    assert job["status"] == "completed"
    rest = [event for event in before if event["user_id"] != "eve-1815"]
    assert client.all_events() == rest
    assert len(before) - len(rest) == 4
    assert holding(target, "eve-1815", "secret-") == []

    client.track("eve-1815", "returned")
    assert [e["event_name"] for e in client.events(user_id="eve-1815")] == ["returned"]


def test_of_a_deleted_company_no_byte_is_left_in_history(target: Server, client: Client) -> None:
    """Its users stay, without it."""
    client.identify("ada", {"name": "Ada"}, {"id": "umbrella-77", "note": "secret-note"})
    client.import_rows(
        ndjson(
            [
                identify_company("umbrella-77", 1, metadata={"motto": "secret-motto"}),
                track(2, user_id="ada"),
                identify("bob", 3, company_id="bolt"),
            ]
        )
    )
    seal_all(target)
    client.identify("ada", {"name": "Ada L."})
    client.track("ada", "opened")

    job = client.ended(client.delete("companies", ["umbrella-77"]))

    assert job["status"] == "completed"
    assert client.user("ada")["company_id"] is None
    assert client.user("ada")["metadata"] == {"name": "Ada L."}
    assert client.user("bob")["company_id"] == "bolt"
    assert [e["company_id"] for e in client.all_events(user_id="ada")] == [None] * 4
    assert holding(target, "umbrella-77", "secret-") == []


def test_history_begins_by_itself_when_there_is_much(tmp_path: Path) -> None:
    """Whole segments; what is behind them stays hot, and nothing is lost or doubled. 8 s."""
    with Server(tmp_path, settings={"hot_events": 10_000}) as server:
        client = server.client()
        rows = [track(number, user_id=f"user-{number % 500}") for number in range(30_000)]
        client.import_rows(ndjson(rows))
        folder = server.data / "history"
        wait_for(lambda: any(folder.rglob("*.parquet")), 30)
        time.sleep(0.5)
        found = [event["metadata"]["number"] for event in client.all_events(limit=1000)]
        assert sorted(found) == list(range(30_000))
        mine = client.all_events(user_id="user-7", limit=9)
        assert len(mine) == 60
        assert server.command("verify").returncode == 0
