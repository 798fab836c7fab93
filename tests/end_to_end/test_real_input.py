"""What real senders send, sent to a real server and read back.

The first table is what each of the contract's examples and known clients does to users, companies
and events; the others are the freedoms that those clients take with HTTP and with types.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from tests.server import Client, Server

IDENTIFY: Final = "/v1/identify"
COMPANY: Final = "/v1/companies/identify"
TRACK: Final = "/v1/track"

Event = tuple[str, str, str | None, str | None]  #: type, name, user_id, company_id


class Case(NamedTuple):
    """Calls, and what is read afterwards: everything there is in the environment."""

    calls: list[tuple[str, str]]
    users: dict[str, tuple[str | None, dict[str, Any]]] = {}  # noqa: RUF012  # never changed
    companies: dict[str, dict[str, Any]] = {}  # noqa: RUF012
    events: list[Event] = []  # noqa: RUF012  # oldest first


CASES: Final = {
    "the contract's identify": Case(
        [
            (
                IDENTIFY,
                '{"user_id":"u-204","metadata":{"name":"Ines Roca","email":"ines@example.org",'
                '"created_at":"2025-11-03T09:15:00Z","seats":12,"beta":true,"old_plan":null},'
                '"company":{"id":"c-31","name":"Example Org","created_at":"2024-01-02T00:00:00Z",'
                '"plan":"team"}}',
            )
        ],
        users={
            "u-204": (
                "c-31",
                {
                    "name": "Ines Roca",
                    "email": "ines@example.org",
                    "created_at": "2025-11-03T09:15:00Z",
                    "seats": 12,
                    "beta": True,
                },
            )
        },
        companies={
            "c-31": {"name": "Example Org", "created_at": "2024-01-02T00:00:00Z", "plan": "team"}
        },
        events=[("identify_user", "", "u-204", "c-31")],
    ),
    "the contract's companies/identify": Case(
        [
            (
                COMPANY,
                '{"company_id":"c-31","metadata":{"name":"Example Org","employees":48,'
                '"trial":false,"created_at":"2024-01-02T00:00:00Z"}}',
            )
        ],
        companies={
            "c-31": {
                "name": "Example Org",
                "employees": 48,
                "trial": False,
                "created_at": "2024-01-02T00:00:00Z",
            }
        },
        events=[("identify_company", "", None, "c-31")],
    ),
    "the contract's track, by a user that nobody identified": Case(
        [
            (
                TRACK,
                '{"user_id":"u-204","event_name":"report_exported",'
                '"metadata":{"format":"pdf","pages":7,"created_at":"1762161300"}}',
            )
        ],
        users={"u-204": (None, {})},
        events=[("track", "report_exported", "u-204", None)],
    ),
    "segment nests the company in the user's traits": Case(
        [
            (
                IDENTIFY,
                '{"user_id":"anonymous-1","metadata":{"name":"Ada","roles":["admin","dev"],'
                '"company":{"id":"acme","name":"Acme","address":{"city":"Rome"}}}}',
            ),
            (TRACK, '{"user_id":"anonymous-1","event_name":"Order Completed"}'),
        ],
        users={
            "anonymous-1": (
                "acme",
                {
                    "name": "Ada",
                    "roles": ["admin", "dev"],
                    "company": {"id": "acme", "name": "Acme", "address": {"city": "Rome"}},
                },
            )
        },
        companies={"acme": {"name": "Acme", "address": {"city": "Rome"}}},
        events=[
            ("identify_user", "", "anonymous-1", "acme"),
            ("track", "Order Completed", "anonymous-1", "acme"),
        ],
    ),
    "a company in the traits that has no usable id is a property like others": Case(
        [
            (IDENTIFY, '{"user_id":"a","metadata":{"company":"Acme"}}'),
            (IDENTIFY, '{"user_id":"b","metadata":{"company":{"name":"Acme"}}}'),
            (IDENTIFY, '{"user_id":"c","metadata":{"company":{"id":{"x":1}}}}'),
            (IDENTIFY, '{"user_id":"d","metadata":{"company":{"id":""}}}'),
            (IDENTIFY, '{"user_id":"e","metadata":{"company":{"id":null}}}'),
        ],
        users={
            "a": (None, {"company": "Acme"}),
            "b": (None, {"company": {"name": "Acme"}}),
            "c": (None, {"company": {"id": {"x": 1}}}),
            "d": (None, {"company": {"id": ""}}),
            "e": (None, {"company": {"id": None}}),
        },
        events=[("identify_user", "", user, None) for user in "abcde"],
    ),
    "a company beside the traits wins over one in them": Case(
        [
            (
                IDENTIFY,
                '{"user_id":"a","metadata":{"company":{"id":"inner"}},"company":{"id":"outer"}}',
            )
        ],
        users={"a": ("outer", {"company": {"id": "inner"}})},
        companies={"outer": {}},
        events=[("identify_user", "", "a", "outer")],
    ),
    "rudderstack sends numbers as ids, nulls in the company and empty metadata": Case(
        [
            (IDENTIFY, '{"user_id":12345,"metadata":{},"company":{"id":678,"name":null,"n":1}}'),
            (COMPANY, '{"company_id":678,"metadata":{"plan":"x"}}'),
            (TRACK, '{"user_id":12345,"event_name":"e","metadata":{}}'),
        ],
        users={"12345": ("678", {})},
        companies={"678": {"n": 1, "plan": "x"}},
        events=[
            ("identify_user", "", "12345", "678"),
            ("identify_company", "", None, "678"),
            ("track", "e", "12345", "678"),
        ],
    ),
    "saastack sends an empty company with most calls": Case(
        [
            (IDENTIFY, '{"user_id":"user@tenant","metadata":{"name":"A"},"company":{}}'),
            (IDENTIFY, '{"user_id":"user@tenant","metadata":null,"company":null}'),
        ],
        users={"user@tenant": (None, {"name": "A"})},
        events=[("identify_user", "", "user@tenant", None)] * 2,
    ),
    "scripts send a company and more at the top of a track": Case(
        [
            (
                TRACK,
                '{"user_id":"a","event_name":"e","company":{"id":"c"},"timestamp":1,"x":[{}]}',
            )
        ],
        users={"a": (None, {})},
        events=[("track", "e", "a", None)],
    ),
    "company_id names the company too, and id wins over it": Case(
        [
            (IDENTIFY, '{"user_id":"a","company":{"company_id":"one","plan":"x"}}'),
            (IDENTIFY, '{"user_id":"b","company":{"company_id":"one","id":"two"}}'),
            (IDENTIFY, '{"user_id":"c","company":{"company_id":3,"id":null}}'),
        ],
        users={"a": ("one", {}), "b": ("two", {}), "c": ("3", {})},
        companies={"one": {"plan": "x"}, "two": {}, "3": {}},
        events=[
            ("identify_user", "", "a", "one"),
            ("identify_user", "", "b", "two"),
            ("identify_user", "", "c", "3"),
        ],
    ),
    "an identify merges, and null removes": Case(
        [
            (IDENTIFY, '{"user_id":"a","metadata":{"one":1,"two":2,"three":{"x":1,"y":2}}}'),
            (IDENTIFY, '{"user_id":"a","metadata":{"one":null,"two":3,"three":{"x":2}}}'),
            (COMPANY, '{"company_id":"c","metadata":{"one":1,"two":2}}'),
            (IDENTIFY, '{"user_id":"a","company":{"id":"c","two":null,"four":4}}'),
        ],
        users={"a": ("c", {"two": 3, "three": {"x": 2}})},
        companies={"c": {"one": 1, "four": 4}},
        events=[
            ("identify_user", "", "a", None),
            ("identify_user", "", "a", None),
            ("identify_company", "", None, "c"),
            ("identify_user", "", "a", "c"),
        ],
    ),
    "a user moves to the company named last, and events stay where they were": Case(
        [
            (IDENTIFY, '{"user_id":"a","company":{"id":"c1"}}'),
            (TRACK, '{"user_id":"a","event_name":"e"}'),
            (IDENTIFY, '{"user_id":"a","company":{"id":"c2"}}'),
            (IDENTIFY, '{"user_id":"a","metadata":{"n":1}}'),
            (TRACK, '{"user_id":"a","event_name":"e"}'),
        ],
        users={"a": ("c2", {"n": 1})},
        companies={"c1": {}, "c2": {}},
        events=[
            ("identify_user", "", "a", "c1"),
            ("track", "e", "a", "c1"),
            ("identify_user", "", "a", "c2"),
            ("identify_user", "", "a", "c2"),
            ("track", "e", "a", "c2"),
        ],
    ),
    "a number and its text are one id": Case(
        [
            (IDENTIFY, '{"user_id":12,"metadata":{"a":1}}'),
            (IDENTIFY, '{"user_id":12.0,"metadata":{"b":1}}'),
            (IDENTIFY, '{"user_id":"12","metadata":{"c":1}}'),
            (IDENTIFY, '{"user_id":1e3}'),
            (IDENTIFY, '{"user_id":-7.25}'),
            (IDENTIFY, '{"user_id":9007199254740993}'),
            (IDENTIFY, '{"user_id":18446744073709551615}'),
        ],
        users={
            "12": (None, {"a": 1, "b": 1, "c": 1}),
            "1000": (None, {}),
            "-7.25": (None, {}),
            "9007199254740993": (None, {}),
            "18446744073709551615": (None, {}),
        },
        events=[
            ("identify_user", "", id, None)
            for id in ["12"] * 3 + ["1000", "-7.25", "9007199254740993", "18446744073709551615"]
        ],
    ),
    "of a key that stands twice the last one counts": Case(
        [(IDENTIFY, '{"user_id":"no","user_id":"a","metadata":{"x":1,"y":1,"x":"last"}}')],
        users={"a": (None, {"x": "last", "y": 1})},
        events=[("identify_user", "", "a", None)],
    ),
    "escapes are decoded, in ids, names and keys alike": Case(
        [
            (IDENTIFY, r'{"\u0075ser_id":"\u00e9\ud83d\ude00\"\\\/","metadata":{"\u0061":"\n"}}'),
            (TRACK, r'{"user_id":"é😀\"\\/","event_name":"t\u0061b\t"}'),
        ],
        users={'é😀"\\/': (None, {"a": "\n"})},
        events=[
            ("identify_user", "", 'é😀"\\/', None),
            ("track", "tab\t", 'é😀"\\/', None),
        ],
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_clients_send_is_read_back(client: Client, case: Case) -> None:
    """Each call is accepted with 202 and `{}`, and does just what the contract says."""
    for path, body in case.calls:
        reply = client.request("POST", path, content=body.encode())
        assert (reply.status_code, reply.content) == (202, b"{}"), reply.text

    users = client.get("/v1/users").json()["data"]
    companies = client.get("/v1/companies").json()["data"]
    events = client.events()[::-1]

    assert {u["user_id"]: (u["company_id"], u["metadata"]) for u in users} == case.users
    assert {c["company_id"]: c["metadata"] for c in companies} == case.companies
    assert [
        (e["event_type"], e["event_name"], e["user_id"], e["company_id"]) for e in events
    ] == case.events
    for event, (path, body) in zip(events, case.calls, strict=True):
        sent = json.loads(body)
        assert event["metadata"] == (sent.get("metadata") or {})
        assert (event["source"], event["app_token"]) == ("backend-http", client.app_token)
        if path != IDENTIFY:
            assert event["company"] is None


VALUES: Final = [
    '"text"', '""', "12", "-0", "1.0", "1e3", "0.1", "12345678901234567890123", "true", "false",
    '"2025-02-17T08:03:11Z"', '"1762161300"', "1762161300", '"not a date"', "[]", "{}",
    '[1,"two",null,{"three":[3]}]', '{"a":{"b":{"c":null}}}', r'"\u00e9\u0000"', '"é 😀"',
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES)
def test_a_value_comes_back_byte_for_byte(client: Client, value: str) -> None:
    """Types are kept, numbers lose no digit, and a date that nobody can read is no error."""
    sent = f'{{"created_at":{value},"x":1}}'
    for path, id in ((IDENTIFY, "user_id"), (COMPANY, "company_id")):
        body = f'{{"{id}":"a","metadata":{sent}}}'
        assert client.request("POST", path, content=body.encode()).status_code == 202
    body = f'{{"user_id":"b","company":{{"id":"c","created_at":{value}}}}}'
    assert client.request("POST", IDENTIFY, content=body.encode()).status_code == 202

    member = f'"created_at":{value}'
    assert member in client.get("/v1/users/a").text
    assert member in client.get("/v1/companies/a").text
    assert member in client.get("/v1/companies/c").text
    assert sent in client.get("/v1/events", user_id="a").text


HEADERS: Final[dict[str, dict[str, str]]] = {
    "none": {},
    "as documented": {
        "content-type": "application/json",
        "x-api-version": "2020-09-22",
        "accept": "application/json, text/plain, */*",
    },
    "another version": {"x-api-version": "1999-01-01"},
    "another content type": {"content-type": "text/plain"},
    "a malformed content type": {"content-type": ";;"},
    "an accept that we cannot meet": {"accept": "image/png"},
}


@pytest.mark.parametrize("scheme", ["Token", "token", "TOKEN", "Bearer", "bearer"])
@pytest.mark.parametrize("headers", HEADERS.values(), ids=HEADERS)
def test_senders_are_free_in_their_headers(
    client: Client, headers: dict[str, str], scheme: str
) -> None:
    """The contract's pages differ on which are required, so clients differ too."""
    sent = {**headers, "authorization": f"{scheme} {client.key}"}

    reply = client.request("POST", TRACK, content=b'{"user_id":"a","event_name":"e"}', headers=sent)

    assert reply.status_code == 202
    assert reply.headers["content-type"] == "application/json; charset=utf-8"
    assert reply.json() == {}


def test_validate_tells_whether_a_key_is_valid(client: Client) -> None:
    """Segment tests a key with it, and sends a content type on a request that has no body."""
    reply = client.request("GET", "/v1/validate", headers={"content-type": "application/json"})

    assert (reply.status_code, reply.json()) == (200, {})
    wrong = client._replace(key="wrong").get("/v1/validate")
    assert wrong.status_code == 401
    assert wrong.json()["errors"][0]["error_code"] == "401"


def test_an_app_token_in_place_of_the_key_is_named_as_such(client: Client) -> None:
    """The commonest cause of a 401."""
    reply = client._replace(key=client.app_token).get("/v1/validate")

    assert reply.status_code == 401
    assert "app token" in reply.json()["errors"][0]["details"]


REFUSED: Final = {
    "user_id missing": (IDENTIFY, "{}", "`user_id` is missing"),
    "user_id null": (TRACK, '{"user_id":null,"event_name":"e"}', "`user_id` is missing"),
    "user_id empty": (IDENTIFY, '{"user_id":""}', "`user_id` is empty"),
    "user_id true": (IDENTIFY, '{"user_id":true}', "`user_id` has the wrong type"),
    "user_id object": (IDENTIFY, '{"user_id":{"a":1}}', "`user_id` has the wrong type"),
    "user_id too long": (IDENTIFY, '{"user_id":"%s"}' % ("x" * 513), "`user_id` is too long"),
    "event_name missing": (TRACK, '{"user_id":"a"}', "`event_name` is missing"),
    "event_name empty": (TRACK, '{"user_id":"a","event_name":""}', "`event_name` is empty"),
    "event_name a number": (TRACK, '{"user_id":"a","event_name":1}', "`event_name` has the wrong"),
    "event_name too long": (
        TRACK,
        '{"user_id":"a","event_name":"%s"}' % ("x" * 513),
        "`event_name` is too long",
    ),
    "company_id missing": (COMPANY, '{"id":"c"}', "`company_id` is missing"),
    "company without id": (IDENTIFY, '{"user_id":"a","company":{"name":"x"}}', "`company.id` is"),
    "company id null": (IDENTIFY, '{"user_id":"a","company":{"id":null}}', "`company.id` is"),
    "company id empty": (IDENTIFY, '{"user_id":"a","company":{"id":""}}', "`company.id` is empty"),
    "company id true": (IDENTIFY, '{"user_id":"a","company":{"id":true}}', "`company.id` has the"),
    "company_id array": (
        IDENTIFY,
        '{"user_id":"a","company":{"company_id":[]}}',
        "`company.company_id` has the wrong type",
    ),
    "company a string": (IDENTIFY, '{"user_id":"a","company":"c"}', "`company` has the wrong type"),
    "metadata a string": (TRACK, '{"user_id":"a","event_name":"e","metadata":"m"}', "`metadata`"),
    "metadata an array": (COMPANY, '{"company_id":"a","metadata":[]}', "`metadata` has the wrong"),
}


@pytest.mark.parametrize(("path", "body", "message"), REFUSED.values(), ids=REFUSED)
def test_a_refusal_names_the_field_and_what_is_wrong(
    client: Client, path: str, body: str, message: str
) -> None:
    """Whoever reads the log of a sender must find the mistake without asking us."""
    reply = client.request("POST", path, content=body.encode())

    assert reply.status_code == 400
    [error] = reply.json()["errors"]
    assert message in error["message"]
    assert error["details"]
    assert (error["error"], error["error_code"]) == ("bad_request", "400")
    assert client.events() == []


@pytest.fixture(scope="module")
def plain_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that leaves `metadata.company` alone."""
    folder: Path = tmp_path_factory.mktemp("plain")
    with Server(folder, settings={"company_from_metadata": False}) as server:
        yield server


def test_a_setting_leaves_the_company_in_the_traits_alone(plain_server: Server) -> None:
    """For senders whose traits hold a `company` that means something else."""
    client = plain_server.client()

    client.identify("a", {"company": {"id": "acme"}})

    assert client.user("a")["company_id"] is None
    assert client.user("a")["metadata"] == {"company": {"id": "acme"}}
    assert client.get("/v1/companies").json()["data"] == []


def test_first_and_last_seen_follow_the_calls(client: Client) -> None:
    """First seen at the first call of any kind, last seen at the newest identify."""
    client.track("a", "e")
    client.identify("a", company={"id": "c"})
    client.track("a", "e")
    after, identified, first = (event["inserted_at"] for event in client.events())

    user, company = client.user("a"), client.company("c")

    assert first < identified < after
    assert (user["first_seen_at"], user["last_seen_at"]) == (first, identified)
    assert (company["first_seen_at"], company["last_seen_at"]) == (identified, identified)
