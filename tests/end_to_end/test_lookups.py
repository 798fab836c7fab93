"""Lookups (contract 8.4): what properties and events there are, right after they were sent."""

import json
import time
from pathlib import Path
from typing import Any, Final

import pytest

from analytex.domain.environments import Permission
from tests.server import Client, Server

LOOKUPS: Final = "/api/v1/analytics/exports/lookups"
ARRAYS: Final = ("user_properties", "company_properties", "features_events")
ABSENT: Final = (
    "flows",
    "banners",
    "embeds",
    "spotlights",
    "surveys",
    "resource_center_modules",
    "checklists",
)
ENVELOPES: Final = ("segments", "events_properties")


def lookup(client: Client, name: str, **query: object) -> Any:
    """Return what a lookup answers."""
    reply = client.get(f"{LOOKUPS}/{name}", **query)
    assert reply.status_code == 200, reply.text
    return reply.json()


def by_key(items: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the items by their keys."""
    return {item["key"]: item for item in items}


@pytest.mark.parametrize("name", [*ARRAYS, *ABSENT])
def test_an_empty_lookup_is_an_empty_array(client: Client, name: str) -> None:
    """With and without a last slash; also of the surfaces that this server does not have."""
    assert lookup(client, name) == lookup(client, f"{name}/") == []


@pytest.mark.parametrize("name", ENVELOPES)
def test_an_empty_envelope_is_an_envelope(client: Client, name: str) -> None:
    """The other two shapes of the contract."""
    assert (
        lookup(client, name)
        == lookup(client, f"{name}/")
        == {
            "data": [],
            "metadata": {
                "cursor": {"after": None, "before": None},
                "limit": 50,
                "total_count": 0,
            },
        }
    )


def test_a_lookup_sees_what_was_sent_a_moment_ago(client: Client) -> None:
    """Properties of users and companies, event names, and properties of each event."""
    client.identify("ada", {"plan": "pro", "seats": 3, "created_at": "2026-01-31T00:00:00Z"})
    client.identify("bob", {"plan": None}, company={"id": "acme", "name": "Acme", "trial": False})
    client.track("ada", "opened", pages=7)
    client.track("ada", "closed", pages="seven")

    users = by_key(lookup(client, "user_properties"))
    assert {key: each["data_type"] for key, each in users.items()} == {
        "created_at": "Date",
        "plan": "String",
        "seats": "Numeric",
    }
    assert users["plan"]["types"] == {"Null": 1, "String": 1}
    assert users["created_at"]["is_auto_property"]

    companies = by_key(lookup(client, "company_properties"))
    assert {key: each["data_type"] for key, each in companies.items()} == {
        "name": "String",
        "trial": "Boolean",
    }

    events = by_key(lookup(client, "features_events"))
    assert {key: each["count"] for key, each in events.items()} == {"opened": 1, "closed": 1}

    page = lookup(client, "events_properties")
    assert [(each["event"], each["key"], each["data_type"]) for each in page["data"]] == [
        ({"id": events["closed"]["id"], "display_name": "closed"}, "pages", "String"),
        ({"id": events["opened"]["id"], "display_name": "opened"}, "pages", "Numeric"),
    ]


def test_a_conflict_of_types_is_shown(client: Client) -> None:
    """And no value is changed for it."""
    client.identify("ada", {"seats": 3})
    client.identify("bob", {"seats": "3"})

    [seats] = lookup(client, "user_properties")
    assert (seats["data_type"], seats["conflict"]) == ("String", True)
    assert seats["types"] == {"Numeric": 1, "String": 1}
    assert client.user("ada")["metadata"] == {"seats": 3}
    assert client.user("bob")["metadata"] == {"seats": "3"}


def test_properties_of_events_come_in_pages(client: Client) -> None:
    """`after_cursor` is the contract's; `limit` is that of all our lists."""
    for number in range(7):
        client.track("ada", "opened", **{f"p{number}": number})

    found = []
    query: dict[str, object] = {"limit": 3}
    for expected in (3, 3, 1):
        page = lookup(client, "events_properties", **query)
        assert len(page["data"]) == expected
        assert page["metadata"]["total_count"] == 7
        found += [each["key"] for each in page["data"]]
        query["after_cursor"] = page["metadata"]["cursor"]["after"]
    assert found == [f"p{number}" for number in range(7)]
    assert query["after_cursor"] is None
    wrong = client.get(f"{LOOKUPS}/events_properties", after_cursor="mine")
    assert wrong.status_code == 400


@pytest.mark.slow
def test_imported_rows_are_counted_with_their_own_times(client: Client) -> None:
    """Over more rows than a segment holds, so that a part is catalogued and a part is not. 2 s."""
    rows = [
        {
            "event_type": "track",
            "event_name": "opened",
            "source": "backend-http",
            "user_id": "ada",
            "inserted_at": 1_700_000_000 + number,
            "metadata": {"pages": number},
        }
        for number in range(10_000)
    ]
    client.import_rows("\n".join(map(json.dumps, rows)).encode(), name="rows.ndjson")

    for _ in range(2):  # the second time, most of them are catalogued
        [event] = lookup(client, "features_events")
        [property] = lookup(client, "events_properties")["data"]
        assert event["count"] == property["count"] == 10_000
        assert event["first_seen"] == property["inserted_at"] == "2023-11-14T22:13:20.000000Z"
        assert event["last_seen"] == property["last_seen"] == "2023-11-15T00:59:59.000000Z"
        assert property["types"] == {"Numeric": 10_000}
        time.sleep(0.5)


def test_environments_are_wholly_separate(client: Client, server: Server) -> None:
    """Nobody learns what others send."""
    client.identify("ada", {"secret_project": 1})
    assert lookup(server.new_environment(), "user_properties") == []


@pytest.mark.parametrize("name", [*ARRAYS, *ABSENT, *ENVELOPES])
def test_a_lookup_needs_a_key_that_may_read(server: Server, client: Client, name: str) -> None:
    """One that may only send does not learn what others sent."""
    sender = server.new_environment(Permission.INGEST)
    assert sender.get(f"{LOOKUPS}/{name}").status_code == 401
    assert server.client("wrong").get(f"{LOOKUPS}/{name}").status_code == 401
    assert client.post(f"{LOOKUPS}/{name}", {}).status_code == 405


@pytest.mark.slow
def test_a_lookup_is_the_same_after_a_restart(tmp_path: Path) -> None:
    """Ids too. 2 s."""
    with Server(tmp_path) as server:
        server.client().identify("ada", {"plan": "pro"})
        before = lookup(server.client(), "user_properties")
        server.stop()
        server.restart()
        assert lookup(server.client(), "user_properties") == before != []
