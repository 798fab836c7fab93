"""What the rows of a file do: events and profiles that are read afterwards, each row once."""

import gzip
import json
from collections.abc import Callable, Iterable
from typing import Final

import pytest

from tests.rows import Row, at, csv_file, identify, identify_company, ndjson, track
from tests.server import Client

FIREFOX: Final = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
FORMS: Final = {
    "NDJSON": ndjson,
    "CSV": csv_file,
    "packed NDJSON": lambda rows: gzip.compress(ndjson(rows)),
    "packed CSV": lambda rows: gzip.compress(csv_file(rows)),
}
Form = Callable[[Iterable[Row]], bytes]

a_form = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)


# What comes out


@a_form
def test_events_are_read_as_the_rows_say(client: Client, form: Form) -> None:
    """With their own times, and the web's fields where a row has them."""
    view = {
        "event_type": "page_view",
        "user_id": "ada",
        "source": "web-client",
        "inserted_at": at(5),
        "url": "https://app.example.org/reports?from=2025#top",
        "user_agent": FIREFOX,
        "browser_language": "de",
        "device_type": "desktop",
        "country_code": "CH",
        "screen_width": 1920,
        "screen_height": 1080,
        "metadata": {"x": 1.5},
    }
    job = client.import_rows(form([view, track(7, user_id="ada", company_id="acme")]))
    assert (job["completed_rows"], job["failed_rows"]) == (2, 0)

    [tracked] = client.events(event_type="track")
    assert (tracked["user_id"], tracked["company_id"]) == ("ada", "acme")
    assert (tracked["event_name"], tracked["source"]) == ("invoice paid", "backend-http-import")
    assert tracked["inserted_at"] == at(7).replace(" ", "T") + "Z"
    assert tracked["metadata"] == {"number": 7}
    assert tracked["hostname"] is tracked["browser"] is None

    [viewed] = client.events(event_type="page_view")
    assert (viewed["hostname"], viewed["pathname"]) == ("app.example.org", "/reports")
    assert (viewed["browser"], viewed["operating_system"]) == ("Firefox", "Linux")
    assert viewed["user_agent"] == FIREFOX
    for name in ("browser_language", "device_type", "country_code", "screen_width"):
        assert viewed[name] == view[name]
    assert (viewed["screen_height"], viewed["metadata"]) == (1080, {"x": 1.5})
    assert (viewed["event_name"], viewed["source"]) == ("", "web-client")
    assert client.events(id=viewed["id"]) == [viewed]


@a_form
def test_profiles_are_what_the_newest_rows_say(client: Client, form: Form) -> None:
    """In whatever order they stand in the file; null removes."""
    rows = [
        identify("ada", 3, metadata={"plan": "team", "gone": None}),
        identify("ada", 1, company_id="acme", metadata={"plan": "free", "gone": 1, "seats": 2}),
        identify("ada", 2, company_id="globex", metadata={}),
        identify_company("acme", 2, metadata={"name": "Acme"}),
        identify_company("acme", 1, metadata={"name": "?", "kind": "customer"}),
        track(9, user_id="bob"),
    ]
    job = client.import_rows(form(rows))
    assert job["completed_rows"] == 6

    ada = client.user("ada")
    assert ada["metadata"] == {"plan": "team", "seats": 2}
    assert ada["company_id"] == "globex"
    assert ada["first_seen_at"] == at(1).replace(" ", "T") + "Z"
    assert ada["last_seen_at"] == at(3).replace(" ", "T") + "Z"
    assert client.company("acme")["metadata"] == {"name": "Acme", "kind": "customer"}
    assert client.company("globex")["metadata"] == {}
    assert client.user("bob")["metadata"] == {}


@a_form
def test_late_history_never_overwrites_what_is_newer(client: Client, form: Form) -> None:
    """It only adds what nobody said since; a removal that is newer stays one."""
    client.identify("ada", {"plan": "team", "trial": None}, {"id": "acme", "size": 5})
    live = client.user("ada")

    rows = [
        identify(
            "ada", company_id="globex", metadata={"plan": "free", "trial": True, "city": "Bern"}
        ),
        identify_company("acme", metadata={"size": 1, "name": "Acme"}),
    ]
    assert client.import_rows(form(rows))["completed_rows"] == 2

    late = client.user("ada")
    assert late["metadata"] == {"plan": "team", "city": "Bern"}
    assert (late["company_id"], late["last_seen_at"]) == ("acme", live["last_seen_at"])
    assert late["first_seen_at"] < live["first_seen_at"]
    assert client.company("acme")["metadata"] == {"size": 5, "name": "Acme"}


def test_an_identify_company_keeps_only_its_keys(client: Client) -> None:
    """Contract 6.3: company_id, source, inserted_at and metadata; even what is wrong elsewhere."""
    row = identify_company("acme", user_id="ada", url=[], screen_width="wide", event_name={})
    assert client.import_rows(ndjson([row]))["failed_rows"] == 0

    [event] = client.events()
    assert (event["event_type"], event["company_id"]) == ("identify_company", "acme")
    assert event["user_id"] is event["hostname"] is event["screen_width"] is None
    assert event["metadata"] == {}
    assert client.get("/v1/users").json()["data"] == []


def test_properties_may_have_columns_of_their_own(client: Client) -> None:
    """They win over `metadata`; numbers and booleans are such, all else is text."""
    rows = (
        "\N{BYTE ORDER MARK}event_type,user_id,source,inserted_at,metadata,"
        "metadata.plan,metadata.seats,metadata.zip,note\r\n"
        'identify_user,ada,backend-http,2025-01-01,"{""plan"":""free"",""kept"":1}",'
        '"team, ""L""",4.50,0815,ignored\r\n'
    ).encode()
    assert client.import_rows(rows, name="users.csv")["failed_rows"] == 0

    assert client.user("ada")["metadata"] == {
        "plan": 'team, "L"',
        "seats": 4.5,
        "zip": "0815",
        "kept": 1,
    }


# Each row once


@a_form
def test_the_same_file_again_changes_nothing(client: Client, form: Form) -> None:
    """Every row is completed, and every one a duplicate."""
    rows = [track(1), track(1), track(2), identify("ada", 3, metadata={"a": 1})]
    first = client.import_rows(form(rows))
    events, ada = client.events(), client.user("ada")

    again = client.import_rows(form(rows))

    assert (first["completed_rows"], first["duplicate_rows"]) == (4, 0)
    assert (again["completed_rows"], again["duplicate_rows"]) == (4, 4)
    assert (client.events(), client.user("ada")) == (events, ada)


@a_form
def test_rows_that_are_alike_inside_one_file_all_count(client: Client, form: Form) -> None:
    """Two payments of one second are two payments; a second file has the same two, and a third."""
    assert client.import_rows(form([track(1)] * 2))["duplicate_rows"] == 0
    assert len(client.events()) == 2

    more = client.import_rows(form([track(1)] * 3 + [track(2)]))
    assert (more["completed_rows"], more["duplicate_rows"]) == (4, 2)
    assert len(client.events()) == 4
    assert len({event["id"] for event in client.events()}) == 4

    assert client.import_rows(form([track(1)]))["duplicate_rows"] == 1
    assert len(client.events()) == 4


def test_a_row_is_known_by_what_it_says_not_by_how_it_is_written(client: Client) -> None:
    """As CSV, packed, with other spaces, keys in another order, or its time in another form."""
    row = track(0, metadata={"b": 1, "a": [1, {"c": "é"}]})
    client.import_rows(ndjson([row]))
    turned = dict(reversed(row.items())) | {"metadata": {"a": [1, {"c": "é"}], "b": 1}}
    spaced = json.dumps(turned, indent=None, separators=(" , ", " : "), ensure_ascii=False).encode()

    for file in (
        gzip.compress(csv_file([row])),
        spaced,
        ndjson([row | {"inserted_at": "2025-02-17T09:00:00+01:00"}]),
        ndjson([row | {"inserted_at": 1739779200}]),
        ndjson([row | {"company_id": "", "url": None, "unknown": 1}]),
    ):
        assert client.import_rows(file)["duplicate_rows"] == 1
    assert len(client.events()) == 1
    assert client.import_rows(ndjson([row | {"source": "backend-http"}]))["duplicate_rows"] == 0


def test_rows_of_one_environment_are_not_known_in_another(client: Client) -> None:
    """Staging and production may import the same file."""
    other = client.server.new_environment()
    for each in (client, other):
        assert each.import_rows(ndjson([track(1)]))["duplicate_rows"] == 0
        assert len(each.events()) == 1


# Bulk identify


@pytest.mark.parametrize("as_file", [False, True], ids=["JSON", "file"])
def test_a_bulk_identify_makes_and_changes_users(client: Client, as_file: bool) -> None:
    """As identify does, with the time of the job: of two rows for one user the later wins."""
    client.identify("ada", {"plan": "free", "trial": True, "city": "Bern"})
    rows: list[Row] = [
        {"user_id": "ada", "company_id": "acme", "metadata": {"plan": "x", "trial": None}},
        {"user_id": 7, "company_id": 31},
        {"user_id": "ada", "metadata": {"plan": "team"}},
        {"user_id": "bob", "company_id": None, "metadata": None},
        {"user_id": "", "metadata": {}},
    ]
    if as_file:
        reply = client.upload("/v1/users/bulk_identify", ndjson(rows))
        job = client.ended(reply.json())
    else:
        job = client.bulk("users", rows)
    assert (job["status"], job["completed_rows"], job["failed_rows"]) == ("completed", 4, 1)

    ada = client.user("ada")
    assert ada["metadata"] == {"plan": "team", "city": "Bern"}
    assert (ada["company_id"], ada["last_seen_at"]) == ("acme", job["submitted_at"])
    assert client.user("7")["company_id"] == "31"
    assert client.company("31")["metadata"] == client.user("bob")["metadata"] == {}
    events = client.events(from_=job["submitted_at"])
    assert [event["event_type"] for event in events] == ["identify_user"] * 4
    assert {event["source"] for event in events} == {"backend-http"}

    client.identify("ada", {"plan": "newest"})
    assert client.user("ada")["metadata"]["plan"] == "newest"


def test_a_bulk_identify_makes_and_changes_companies(client: Client) -> None:
    """Their users are not touched."""
    client.identify("ada", {}, {"id": "acme", "plan": "free", "seats": 3})
    job = client.bulk(
        "companies",
        [
            {"company_id": "acme", "metadata": {"plan": "team", "seats": None}},
            {"company_id": 31, "user_id": {"nobody": "looks"}},
            {"company_id": None},
        ],
    )
    assert (job["completed_rows"], job["failed_rows"]) == (2, 1)
    assert client.company("acme")["metadata"] == {"plan": "team"}
    assert client.company("31")["metadata"] == {}
    assert client.user("ada")["company_id"] == "acme"


def test_the_same_bulk_again_is_counted_again(client: Client) -> None:
    """It says what is so now, as every identify does; only history is known by its content."""
    for times in (1, 2):
        assert client.bulk("users", [{"user_id": "ada"}])["duplicate_rows"] == 0
        assert len(client.events()) == times
