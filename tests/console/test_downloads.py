"""The file of everything that is held of a user or company: what it has beside profile and events.

Whatever a deletion would remove, because it is of them or mentions them, is in it.
"""

import base64
import json
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest

from analytex.console import job_shown
from analytex.console.profiles_held import RECORDS_AT_ONCE, SECTIONS, WITHOUT, Search
from analytex.domain.calls import Call
from analytex.domain.environments import Permission, Scope
from analytex.domain.held import Held
from analytex.domain.profiles import ProfileKind
from analytex.http.deps import Deps
from analytex.query.reads import Reads
from analytex.storage.interface import Changes, Unreadable
from analytex.storage.open import open_apply_store, open_read_store
from analytex.wire.records import head, record_id
from tests.console.browser import Browser
from tests.console.downloads import (
    EXPORTS,
    NAMES,
    OF_USERS,
    bad,
    download,
    filled,
    lines,
    refuse,
)
from tests.console.insight_pages import links
from tests.console.profile_pages import downloaded
from tests.history.inside import engine
from tests.server import Client, Server

DOCS: Final = Path(__file__).parents[2] / "docs" / "console.md"
HEADER: Final = b"event_type,source,inserted_at,user_id,event_name\n"


def test_all_that_a_deletion_removes_has_a_section_or_a_reason() -> None:
    """So that a new place where people can be is not forgotten in the file, or in a receipt."""
    assert set(SECTIONS) | set(WITHOUT) == set(Held)
    assert not set(SECTIONS) & set(WITHOUT)
    assert set(job_shown.PLACES) < set(Held)


def test_every_section_is_documented() -> None:
    """Whoever hands the file on must know what is in it."""
    text = DOCS.read_text()

    assert [name for name in NAMES if f"`{name}`" not in text] == []


def test_the_file_tells_what_there_is_not_too(browser: Browser, client: Client) -> None:
    """Each section with its length, `complete` behind all of them."""
    client.track("ada", "opened")

    found = downloaded(browser, "users", "ada")

    parts = [part for name in OF_USERS for part in (name, f"{name}_count")]
    assert list(found) == ["app_token", "exported_at", "user", *parts, "complete"]
    assert filled(found) == {"events"}
    assert found["events_count"] == 1


def test_somebody_may_be_known_from_a_refused_request_only(
    browser: Browser, client: Client
) -> None:
    """There is no profile; the request is there as the API shows it."""
    id = refuse(client, b'{"user_id":"ada","metadata":{"name":"Ada"}}')
    refuse(client, b'{"user_id":"adam"}')

    found = downloaded(browser, "users", "ada")

    assert found["user"] is None
    assert filled(found) == {"refused_requests"}
    assert found["refused_requests"] == [client.get(f"/v1/quarantine/{id}").json()]
    assert found["refused_requests"][0]["body"] == '{"user_id":"ada","metadata":{"name":"Ada"}}'
    assert found["complete"] is True


def test_somebody_may_be_known_from_failed_rows_only(browser: Browser, client: Client) -> None:
    """Each row stands there as it came, with where it stood and why it failed."""
    job = client.import_rows(lines(bad("bob"), bad("ada"), bad("adam"), bad("ada", company_id=5)))

    found = downloaded(browser, "users", "ada")

    assert filled(found) == {"failed_rows"}
    assert found["user"] is None
    first, second = found["failed_rows"]
    assert first["job_id"] == job["job_id"]
    assert (first["type"], first["filename"]) == ("import", "rows.ndjson")
    assert (first["row"], first["line"], first["place"]) == (2, 2, "/source")
    assert (first["value"], first["code"]) == ("nowhere", "not_allowed")
    assert json.loads(first["text"]) == bad("ada")
    assert (second["row"], json.loads(second["text"])) == (4, bad("ada", company_id=5))


def test_a_search_that_does_not_find_the_id_leads_to_the_file(
    browser: Browser, client: Client
) -> None:
    """Somebody without a profile has no page with that button; if nothing is held, it says so."""
    client.track("bob", "opened")
    refuse(client, b'{"user_id":"ada"}')
    begin = "/console/profiles/users/download"

    (address,) = links(browser.page("/console/users", q="ada"), begin)

    assert browser.get(address).json()["refused_requests_count"] == 1
    assert links(browser.page("/console/users", q="bob"), begin) == []
    nobody = download(browser, "nobody")
    assert nobody.status_code == 404
    assert "Nothing is held of such a user." in nobody.text


def test_a_csv_row_has_its_header(browser: Browser, client: Client) -> None:
    """Without it nobody knows what its cells mean. A row may have several lines."""
    row = b'track,nowhere,2025-01-01,"x\nada",opened\n'
    client.import_rows(HEADER + b"track,nowhere,2025-01-01,bob,x\n" + row, name="rows.csv")

    (found,) = downloaded(browser, "users", "ada")["failed_rows"]

    assert found["text"].encode() + b"\n" == row
    assert found["header"].encode() + b"\n" == HEADER
    assert found["row"] == 2


def test_of_a_row_that_was_not_kept_its_beginning_is_told(browser: Browser, client: Client) -> None:
    """It was too long; the error of it has the beginning. Rows around it keep their reasons."""
    rows = lines(bad("ada", n=1), bad("ada", x="x" * 1_100_000), bad("ada", n=3))
    client.import_rows(rows)

    found = downloaded(browser, "users", "ada")["failed_rows"]

    codes = ["not_allowed", "row_too_long", "not_allowed"]
    assert [each["code"] for each in found] == codes
    assert [each["row"] for each in found] == [1, 2, 3]
    assert found[1]["text"] is None
    assert "nowhere" in found[1]["value"]
    assert [json.loads(found[place]["text"])["n"] for place in (0, 2)] == [1, 3]


def test_a_name_of_a_file_is_something_held(browser: Browser, client: Client) -> None:
    """People call files by whom they are of; a deletion renames them."""
    client.import_rows(lines(bad("bob")), name="rows of ada.ndjson")

    found = downloaded(browser, "users", "ada")

    assert filled(found) == {"file_names"}
    assert found["file_names"][0]["filename"] == "rows of ada.ndjson"


def test_who_asked_for_their_events_is_told(browser: Browser, client: Client) -> None:
    """An export's request is kept, and names them; of others nothing is told."""
    asked = client.post(EXPORTS, {"user_id": ["ada", "bob"]})
    assert asked.status_code == 201, asked.text

    found = downloaded(browser, "users", "ada")

    assert filled(found) == {"export_requests"}
    (request,) = found["export_requests"]
    assert request["job_id"].endswith(asked.json()["job_id"].rpartition(":")[2])
    assert "bob" not in json.dumps(found)
    assert download(browser, "ada", "companies").status_code == 404


def test_a_company_is_found_in_the_same_places(browser: Browser, client: Client) -> None:
    """What mentions it does not say which kind it means."""
    id = refuse(client, b'{"company_id":"acme","metadata":1}', "/v1/companies/identify")
    client.import_rows(lines(bad("ada", company_id="acme")))
    client.post(EXPORTS, {"company_id": ["acme"]})

    found = downloaded(browser, "companies", "acme")

    assert found["company"] is None
    assert filled(found) == {"refused_requests", "failed_rows", "export_requests"}
    assert found["refused_requests"][0]["id"] == id


async def test_calls_that_could_not_be_applied_are_held(tmp_path: Path) -> None:
    """Of this environment, for certain: a record of another layout may be of any."""
    ours = head(Call.TRACK, 7) + record_id(5, "process").encode()
    others = head(Call.TRACK, 8) + record_id(5, "process").encode()
    body = b'{"user_id":"\\u0061da"'
    records = [ours + b"{ada\xff", ours + b"adam", others + body, b"\x02" + ours[1:] + body]
    records += [ours + body] * RECORDS_AT_ONCE
    strange = [Unreadable(number, record, "why") for number, record in enumerate(records)]
    with closing(open_apply_store(tmp_path)) as store:
        store.write(Changes([], [], [], strange), start=0, upto=len(records))
    reads = Reads(partial(open_read_store, tmp_path), lambda: 0, engine(tmp_path), wait_s=0)
    nothing: Any = None
    search = Search(
        deps=Deps(*[nothing] * len(Deps._fields))._replace(reads=reads),
        scope=Scope(7, "NX-one", "k1", frozenset({Permission.ADMIN})),
        kind=ProfileKind.USER,
        id="ada",
        sought=nothing,
        waiting=nothing,
        until=6,
    )

    items = SECTIONS[Held.UNREADABLE]["unreadable_records"].items(search)
    found = [each async for some in items for each in some]

    reads.close()
    assert [each["body"] for each in found] == [None] + [body.decode()] * RECORDS_AT_ONCE
    assert base64.b64decode(found[0]["body_base64"]) == b"{ada\xff"
    assert (found[0]["id"], found[0]["reason"]) == (record_id(5, "process"), "why")


@pytest.fixture
def late(tmp_path: Path) -> Iterator[Server]:
    """A server that deletes at night, and whose bulk jobs take their time."""
    settings = {"delete_at": "00:00", "limits": "userpilot"}
    with Server(tmp_path, settings=settings) as server:
        yield server


@pytest.mark.slow
def test_rows_that_wait_are_held(late: Server) -> None:
    """Of a file under way, and of a deletion that is to come. 1.5 s: a server of its own."""
    client = late.client()
    rows = [{"user_id": f"u-{place}", "metadata": {"of": "ada"}} for place in range(100)]
    reply = client.post("/v1/users/bulk_identify", {"users": [*rows, {"user_id": "zoe"}]})
    client.request("DELETE", "/v1/users", content=b'{"users": ["zoe"]}')
    with Browser(late) as browser:
        browser.sign_in(client)

        found = downloaded(browser, "users", "zoe")

        client.request("POST", f"{reply.json()['links']}/cancel")
    bulk, deletion = found["waiting_rows"]
    assert filled(found) == {"waiting_rows"}
    assert bulk["job_id"] == reply.json()["job_id"]
    assert (bulk["row"], json.loads(bulk["text"])["user_id"]) == (101, "zoe")
    assert (deletion["type"], deletion["text"]) == ("delete_users", '"zoe"')


def test_a_company_has_its_members(browser: Browser, client: Client) -> None:
    """Those who belong to it now, and since which call: its event may be too old to be kept."""
    last = {id: client.identify(id, company={"id": "acme"}) for id in ("ada", "bob", "zoe")}
    client.identify("bob", company={"id": "other"})

    found = downloaded(browser, "companies", "acme")

    members = {each["user_id"]: each["set_by"] for each in found["members"]}
    assert members == {id: last[id] for id in ("ada", "zoe")}
    assert found["members_count"] == 2
