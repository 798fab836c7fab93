"""Reading back: pages, filters, ids of every kind, freshness, and who may see what."""

import base64
import json
import os
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

import pytest

from analytex.domain.environments import Permission
from tests.server import APP_TOKEN, Client, Server, quote


def ids(events: list[dict[str, Any]]) -> list[str]:
    """Return the ids of events."""
    return [event["id"] for event in events]


def pages(client: Client, path: str, **query: object) -> Iterator[dict[str, Any]]:
    """Follow the cursors of a list."""
    while True:
        reply = client.get(path, **query)
        assert reply.status_code == 200, reply.text
        page = reply.json()
        yield page
        after = page["metadata"]["cursor"]["after"]
        if after is None:
            return
        query["after_cursor"] = after


def test_a_list_comes_in_the_documented_envelope(client: Client) -> None:
    """The same for users, companies and events; counts only where they are cheap."""
    client.identify("a", company={"id": "c"})

    for path, total in (("/v1/users", 1), ("/v1/companies", 1), ("/v1/events", None)):
        page = client.get(path).json()
        assert page.keys() == {"data", "metadata"}
        assert len(page["data"]) == 1
        assert page["metadata"] == {
            "cursor": {"after": None, "before": None},
            "limit": 50,
            "total_count": total,
        }


def test_an_event_has_every_field_of_the_contract(client: Client) -> None:
    """Those that a backend cannot know are null, so that readers find the same keys everywhere."""
    id = client.track("a", "e", x=1)
    [event] = client.events()

    assert event["id"] == event["internal_event_id"] == id
    assert event["metadata"] == {"x": 1}
    at = datetime.strptime(event["inserted_at"], "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    assert abs(time.time() - at.timestamp()) < 60
    unknown = {
        "hostname", "pathname", "device_type", "user_agent", "operating_system", "browser",
        "browser_language", "screen_width", "screen_height", "session", "country_code",
    }  # fmt: skip
    assert {name for name, value in event.items() if value is None} == unknown | {
        "company_id",
        "company",
    }


@pytest.mark.parametrize("limit", [1, 3, 7, 1000])
def test_pages_hold_everything_once_while_events_arrive(client: Client, limit: int) -> None:
    """Newest first; what arrives behind the first page's back is not part of the walk."""
    sent = [client.track(f"u{number % 3}", "e") for number in range(10)]
    seen = []
    for page in pages(client, "/v1/events", limit=limit):
        assert page["metadata"]["limit"] == limit
        seen += ids(page["data"])
        client.track("late", "e")

    assert seen == sent[::-1]


def test_pages_of_users_and_companies_go_by_id(client: Client) -> None:
    """In byte order, and a user that arrives meanwhile is found if its id is still to come."""
    names = ["Zoe", "a", "b", "é", "z", "10", "9"]
    for name in names:
        client.identify(name, company={"id": name})
    ordered = sorted(names, key=str.encode)

    users = [
        user["user_id"] for page in pages(client, "/v1/users", limit=2) for user in page["data"]
    ]
    companies = []
    for page in pages(client, "/v1/companies", limit=2):
        companies += [company["company_id"] for company in page["data"]]
        client.identify_company("!before")
        client.identify_company("~last")

    assert users == ordered
    assert companies == sorted([*names, "~last"], key=str.encode)


class Filled:
    """An environment with events of every kind."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.identified = client.identify("a", {"x": 1}, {"id": "c1", "p": 1})
        self.company = client.identify_company("c2")
        self.a1 = client.track("a", "one")
        self.b1 = client.track("b", "one")
        self.b2 = client.track("b", "two")
        self.moved = client.identify("a", None, {"id": "c2"})
        self.a2 = client.track("a", "two")

    @property
    def everything(self) -> list[str]:
        """All ids, newest first."""
        return [self.a2, self.moved, self.b2, self.b1, self.a1, self.company, self.identified]


@pytest.fixture(scope="module")
def filled(server: Server) -> Filled:
    """Nobody changes it."""
    return Filled(server.new_environment())


FILTERS: Final[dict[str, tuple[dict[str, str], list[str]]]] = {
    "none": ({}, ["a2", "moved", "b2", "b1", "a1", "company", "identified"]),
    "user": ({"user_id": "a"}, ["a2", "moved", "a1", "identified"]),
    "company, as it was then": ({"company_id": "c1"}, ["a1", "identified"]),
    "company, called or inherited": ({"company_id": "c2"}, ["a2", "moved", "company"]),
    "name": ({"event_name": "one"}, ["b1", "a1"]),
    "tracks": ({"event_type": "track"}, ["a2", "b2", "b1", "a1"]),
    "users identified": ({"event_type": "identify_user"}, ["moved", "identified"]),
    "companies identified": ({"event_type": "identify_company"}, ["company"]),
    "all of them must fit": ({"user_id": "a", "event_name": "two", "company_id": "c2"}, ["a2"]),
    "no name": ({"event_name": "", "user_id": "a"}, ["moved", "identified"]),
    "nobody": ({"user_id": "nobody"}, []),
    "not a part of an id": ({"user_id": ""}, []),
    "not an id": ({"id": "x"}, []),
    "an id's shape, but not its bytes": ({"id": "z" * 20}, []),
    "an unknown parameter": ({"colour": "red", "event_name": "one"}, ["b1", "a1"]),
    "empty times": ({"from": "", "to": "", "event_name": "one"}, ["b1", "a1"]),
    "long ago": ({"to": "2020-01-01"}, []),
    "since long ago": ({"from": "1577836800", "event_name": "two"}, ["a2", "b2"]),
}


@pytest.mark.parametrize(("query", "expected"), FILTERS.values(), ids=FILTERS)
@pytest.mark.parametrize("limit", [1, 1000])
def test_events_are_filtered(
    filled: Filled, query: dict[str, str], expected: list[str], limit: int
) -> None:
    """Filters combine, and paging goes on inside what they leave."""
    found = [id for page in pages(filled.client, "/v1/events", limit=limit, **query)
             for id in ids(page["data"])]  # fmt: skip

    assert found == [getattr(filled, name) for name in expected]


def test_every_event_is_found_by_the_request_id_of_its_call(filled: Filled) -> None:
    """So a sender's log leads to the event."""
    for id in filled.everything:
        assert ids(filled.client.events(id=id)) == [id]
        assert filled.client.events(id=id, user_id="nobody") == []


def test_from_is_part_of_the_span_and_to_is_not(filled: Filled) -> None:
    """In each form in which a time can be written."""
    events = filled.client.events()
    at = {event["id"]: event["inserted_at"] for event in events}
    first, last = at[filled.a1], at[filled.b2]

    for write in (
        lambda text: text,
        lambda text: text.replace("T", " ").removesuffix("Z"),
        lambda text: text.removesuffix("Z") + "+00:00",
        lambda text: f"{datetime.fromisoformat(text).timestamp():.6f}",
    ):
        found = filled.client.events(**{"from": write(first), "to": write(last)})
        assert ids(found) == [filled.b1, filled.a1]


REFUSED: Final = [
    "limit=0", "limit=1001", "limit=-1", "limit=ten", "limit=1.5", "limit=", "limit=" + "9" * 5000,
    "event_type=page", "event_type=", "from=yesterday", "to=2026-13-01", "from=1e5",
    "from=99999999999999999999", "to=-99999999999999999999", "from=" + "9" * 5000,
    "after_cursor=x", "after_cursor=%FF", "after_cursor=e30", "after_cursor=" + "A" * 9999,
]  # fmt: skip


@pytest.mark.parametrize("query", REFUSED)
def test_a_query_that_means_nothing_is_refused(client: Client, query: str) -> None:
    """400, naming the parameter."""
    reply = client.get(f"/v1/events?{query}")

    assert reply.status_code == 400, reply.text
    assert f"`{query.partition('=')[0]}`" in reply.json()["errors"][0]["message"]


@pytest.mark.parametrize(
    "place", [[10**30, 1], [1, 10**30], [-(10**30), -(10**30)], [1], "text", None, {"a": 1}]
)
@pytest.mark.parametrize("path", ["/v1/events", "/v1/users", "/v1/companies"])
def test_a_made_up_cursor_does_no_harm(client: Client, path: str, place: object) -> None:
    """Whoever guesses how a cursor is made gets a page or a 400."""
    cursor = base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")

    assert client.get(path, after_cursor=cursor).status_code in (200, 400)


IDS: Final = [
    "plain", "a/b", "/a/", "a//b", "100%", "%2F", "a b", "a+b", "a?b=c&d", "a#b", "..", ".",
    "../../etc", "user@example.org", "é", "日本語", "😀", "\u0000", "a\u0000b", "\n", "a\nb\n",
    "\r\n", "\t", "\u2028", "\ufeff", "\u202e", "'; DROP TABLE users; --", '"', "\\", "null",
    "x" * 512, "😀" * 512,
]  # fmt: skip


@pytest.mark.parametrize("id", IDS, ids=[ascii(id)[:20] for id in IDS])
def test_an_id_may_be_any_text(client: Client, id: str) -> None:
    """It comes back as it was sent, in lists, alone, and as a filter."""
    record = client.identify(id, {"x": id}, {"id": id})
    other = client.identify("other")

    assert client.user(id)["user_id"] == client.user(id)["company_id"] == id
    assert client.user(id)["metadata"] == {"x": id}
    assert client.company(id)["company_id"] == id
    assert ids(client.events(user_id=id)) == ids(client.events(company_id=id)) == [record]
    assert ids(client.events(user_id="other")) == [other]
    listed = [
        user["user_id"] for page in pages(client, "/v1/users", limit=1) for user in page["data"]
    ]
    assert listed == sorted([id, "other"], key=str.encode)


@pytest.mark.parametrize("path", ["/v1/users/nobody", "/v1/companies/nobody", "/v1/users/a%0Ab"])
def test_what_is_not_there_is_a_404(client: Client, path: str) -> None:
    """With the id as it was understood."""
    reply = client.get(path)

    assert reply.status_code == 404
    assert "There is no such" in reply.json()["errors"][0]["message"]


def test_a_read_sees_what_was_acknowledged_before_it(client: Client) -> None:
    """A test of somebody's code can write and read in the next line, every time."""
    for number in range(30):
        client.identify("a", {"n": number}, {"id": f"c{number}"})
        assert client.user("a")["metadata"] == {"n": number}
        assert client.company(f"c{number}")
        event = client.track("a", "e")
        assert ids(client.events(limit=1)) == [event]


def test_a_read_says_what_it_may_have_missed(server: Server) -> None:
    """While the applier stands still, reads wait `read_wait`, then answer with what there is."""
    client = server.new_environment()
    first = client.track("a", "e")
    assert ids(client.events()) == [first]
    applier = server.applier()
    os.kill(applier, signal.SIGSTOP)
    try:
        second = client.track("a", "e")
        third = client.track("b", "e")
        started = time.monotonic()
        reply = client.get("/v1/events")
        assert 1.5 < time.monotonic() - started < 10  # the setting's default is 2 s
        assert ids(reply.json()["data"]) == [first]
        assert reply.headers["x-analytex-lag"] == "2"
    finally:
        os.kill(applier, signal.SIGCONT)

    reply = client.get("/v1/events")
    assert "x-analytex-lag" not in reply.headers
    assert ids(reply.json()["data"]) == [third, second, first]
    assert client.user("b")


def test_environments_see_nothing_of_each_other(server: Server) -> None:
    """Though users, companies and names are called the same."""
    one, two = server.new_environment(), server.new_environment()
    for client, value in ((one, 1), (two, 2)):
        client.identify("a", {"x": value}, {"id": "c", "y": value})
        client.track("a", "e", z=value)
    one.identify("only-one", company={"id": "only-one"})

    for client, value in ((one, 1), (two, 2)):
        assert client.user("a")["metadata"] == {"x": value}
        assert client.company("c")["metadata"] == {"y": value}
        [track] = client.events(event_type="track")
        assert (track["metadata"], track["app_token"]) == ({"z": value}, client.app_token)
    assert two.get("/v1/users/only-one").status_code == 404
    assert two.get("/v1/companies/only-one").status_code == 404
    assert len(two.get("/v1/users").json()["data"]) == 1
    foreign = one.events(user_id="only-one")[0]["id"]
    assert two.events(id=foreign) == []


@pytest.mark.parametrize(
    ("permissions", "may_send", "may_read"),
    [
        ([Permission.INGEST], True, False),
        ([Permission.READ], False, True),
        ([Permission.INGEST, Permission.READ], True, True),
        ([Permission.ADMIN], True, True),
    ],
)
def test_a_key_may_do_what_it_was_made_for(
    server: Server, permissions: list[Permission], may_send: bool, may_read: bool
) -> None:
    """Everything else is a 401 that names the permission; the contract knows no 403."""
    client = server.new_environment(*permissions)
    sent = client.post("/v1/track", {"user_id": "a", "event_name": "e"})
    reads = [client.get(path) for path in ("/v1/users", "/v1/users/a", "/v1/companies/a",
                                           "/v1/companies", "/v1/events")]  # fmt: skip

    assert client.get("/v1/validate").status_code == 200
    assert (sent.status_code == 202) is may_send
    assert all((reply.status_code != 401) is may_read for reply in reads)
    for reply in (sent, *reads):
        if reply.status_code == 401:
            missing = "ingest" if reply is sent else "read"
            assert f"`{missing}`" in reply.json()["errors"][0]["message"]


def test_keys_change_without_a_restart(server: Server) -> None:
    """Made, rotated with a grace period, and revoked, by the command line, under a live server."""
    made = server.command("keys", "create", "--app", APP_TOKEN, "--name", "live")
    assert made.returncode == 0, made.stderr
    client = server.client(made.stdout.strip())
    assert client.get("/v1/validate").status_code == 200
    key_id = _key_id(server, "live")

    rotated = server.command("keys", "rotate", key_id)
    assert rotated.returncode == 0, rotated.stderr
    new = server.client(rotated.stdout.strip())
    assert new.get("/v1/validate").status_code == 200
    _refused_soon(client)

    assert server.command("keys", "revoke", _key_id(server, "live")).returncode == 0
    _refused_soon(new)


def _key_id(server: Server, name: str) -> str:
    keys = json.loads(server.command("keys", "list", "--json").stdout)
    return next(str(key["id"]) for key in keys if key["name"] == name and key["valid"])


def _refused_soon(client: Client) -> None:
    deadline = time.monotonic() + 3  # promised: within a second
    while client.get("/v1/validate").status_code == 200:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert client.post("/v1/track", {"user_id": "a", "event_name": "e"}).status_code == 401


def test_every_reply_has_a_request_id_of_its_own(client: Client) -> None:
    """20 characters, refusals and reads included."""
    replies = [client.get(path) for path in ("/", "/healthz", "/v1/users", "/nowhere", "/v1/track")]
    replies += [client.post("/v1/track", {}), client._replace(key="x").get("/v1/users")]

    found = {reply.headers["x-request-id"] for reply in replies}
    assert len(found) == len(replies)
    assert {len(id) for id in found} == {20}
    assert all(id.isascii() and id.isalnum() for id in found)


def test_an_address_with_a_slash_at_the_end_is_the_same(client: Client) -> None:
    """But a slash that belongs to an id is not one."""
    client.identify("a")
    client.identify("a/")

    assert client.get("/v1/users/a/").json()["user_id"] == "a"
    assert client.get(f"/v1/users/{quote('a/')}").json()["user_id"] == "a/"
    assert client.get("/v1/users/a%2F").json()["user_id"] == "a/"
    assert len(client.get("/v1/users/").json()["data"]) == 2
