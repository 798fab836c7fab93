"""The live page: calls as they come in, and the page of one of them."""

import json
import re
from html import unescape
from typing import Any

import pytest

from analytex.console.live import SHOWN
from analytex.domain.environments import Permission
from tests.console.browser import COOKIE, Browser
from tests.console.insight_pages import MOST_BYTES, links, rows
from tests.server import Client, Server
from tests.stream import Stream

HOSTILE = "<script>alert(`1`)</script>\"'&"
_LINE = re.compile(r'<tr data-id="([^"]+)" data-kind="(\w+)">')


class PageStream(Stream):
    """The stream that a page opens, with the session of its browser."""

    def __init__(self, browser: Browser, client: Client, **query: str) -> None:
        cookie = f"{COOKIE}={browser.http.cookies[COOKIE]}"
        super().__init__(client, headers={"cookie": cookie, "authorization": ""})
        found = re.search(r'data-stream="([^"]+)"', browser.page("/console/live", **query))
        assert found is not None
        self._path = unescape(found[1])


def lines(page: str) -> list[tuple[str, str]]:
    """Return the ids and kinds of the lines of a page, without that of its template."""
    return [(id, kind) for id, kind in _LINE.findall(page.partition("<template")[0])]


def refused(client: Client, body: object = None) -> str:
    reply = client.post("/v1/track", {"user_id": "ada"} if body is None else body)
    assert reply.status_code == 400, reply.text
    return reply.headers["x-request-id"]


# The page


def test_the_newest_calls_are_listed_with_those_that_were_refused(
    browser: Browser, client: Client
) -> None:
    """Also without script: the newest first."""
    first = client.track("ada", "signed up", plan="team")
    second = refused(client)
    third = client.identify_company("acme", {"seats": 25})

    page = browser.page("/console/live")

    assert lines(page) == [(third, "accepted"), (second, "refused"), (first, "accepted")]
    found = [row[1:] for row in rows(page)[1:4]]
    assert found == [
        ["202", "identify company", "", "acme", '{"seats": 25}'],
        [
            "400",
            "track",
            "ada",
            "",
            "event_name is missing. Expected a string that is not empty.",
        ],
        ["202", "track signed up", "ada", "", '{"plan": "team"}'],
    ]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"show": "accepted"}, ["accepted", "accepted"]),
        ({"show": "refused"}, ["refused"]),
        ({"user_id": "grace"}, ["accepted"]),
        ({"user_id": "ada"}, ["refused", "accepted"]),
        ({"event_name": "saved"}, ["accepted"]),
        ({"company_id": "acme"}, []),
        ({"user_id": "ada", "show": "refused", "event_name": ""}, ["refused"]),
    ],
)
def test_calls_can_be_filtered(
    browser: Browser, client: Client, query: dict[str, str], expected: list[str]
) -> None:
    """A refused call fits if what is looked for stands anywhere in its body."""
    client.track("ada", "opened")
    refused(client)
    client.track("grace", "saved")

    assert [kind for _, kind in lines(browser.page("/console/live", **query))] == expected


def test_rows_of_files_are_listed_only_if_they_are_asked_for(
    browser: Browser, client: Client
) -> None:
    """An import of a million rows must not hide the calls."""
    client.bulk("users", [{"user_id": "ada", "metadata": {"plan": "team"}}])
    call = client.track("ada", "opened")

    assert lines(browser.page("/console/live")) == [(call, "accepted")]
    kinds = [kind for _, kind in lines(browser.page("/console/live", rows="1"))]
    assert sorted(kinds) == ["accepted", "row"]


def test_an_environment_without_calls_is_told_how_to_send_one(
    browser: Browser, client: Client
) -> None:
    """A line for each of the three calls, with this server's address, and what to check."""
    page = browser.page("/console/live")

    for call in ("track", "identify", "companies/identify"):
        assert f"curl -i {client.server.url}/v1/{call} " in unescape(page)
    assert "When nothing comes" in page
    assert client.app_token in page


def test_what_users_sent_is_text_on_the_page(browser: Browser, client: Client) -> None:
    """Names, ids and bodies are whatever somebody sent."""
    id = client.track(HOSTILE, HOSTILE, **{HOSTILE: HOSTILE})
    refused(client, {"user_id": HOSTILE, HOSTILE: 1})
    client.identify(HOSTILE, {HOSTILE: HOSTILE}, {"id": HOSTILE, HOSTILE: HOSTILE})

    for path in ("/console/live", f"/console/live/{id}", "/console/quarantine"):
        page = browser.page(path)
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert" in page


def test_the_page_stays_small_whatever_is_sent(browser: Browser, client: Client) -> None:
    """Ids may have 512 characters of any writing, bodies hundreds of kilobytes."""
    for place in range(SHOWN):
        user, company = f"{place}".ljust(512, "事"), f"{place}".ljust(512, "<")
        client.identify(user, {"text": "<" * 3000}, {"id": company, "text": '"' * 3000})
    big = client.track("ada", "<" * 512, **{f"<{place}" * 50: "<" * 900 for place in range(200)})

    assert len(browser.page("/console/live").encode()) < MOST_BYTES
    assert len(browser.page(f"/console/live/{big}").encode()) < MOST_BYTES


# The stream


def test_a_call_shows_as_it_comes_in(browser: Browser, client: Client) -> None:
    """The page's stream tells each line as the page shows it."""
    with PageStream(browser, client) as stream:
        id = client.track("ada", "signed up", plan="team")
        line = stream.next().json()

    assert (line["id"], line["kind"], line["call"]) == (id, "accepted", "track")
    assert (line["name"], line["user"], line["said"]) == ("signed up", "ada", '{"plan": "team"}')
    assert line["link"] == f"/console/live/{id}"
    assert line["user_link"] == "/console/users/ada"


def test_numbers_stay_as_they_were_sent(browser: Browser, client: Client) -> None:
    """A browser would write 1.0 as 1, and round what has many digits."""
    with PageStream(browser, client) as stream:
        body = (
            b'{"user_id":"ada","event_name":"paid","metadata":{"a":1.0,"b":12345678901234567890}}'
        )
        id = client.request("POST", "/v1/track", content=body).headers["x-request-id"]
        line = stream.next().json()

    assert line["said"] == '{"a":1.0,"b":12345678901234567890}'
    assert "12345678901234567890" in browser.page(f"/console/live/{id}")


def test_a_refused_call_shows_its_reason_as_it_is_refused(browser: Browser, client: Client) -> None:
    """The developer reads what is wrong a moment after the call."""
    with PageStream(browser, client) as stream:
        id = refused(client)
        line = stream.next().json()

    assert (line["id"], line["kind"], line["result"]) == (id, "refused", "400")
    assert line["said"].startswith("`event_name` is missing.")
    assert line["link"] == f"/console/quarantine/{id}"


def test_nothing_is_missed_between_the_page_and_its_stream(
    browser: Browser, client: Client
) -> None:
    """The page names the place from which its stream goes on."""
    stream = PageStream(browser, client)
    id = client.track("ada", "between")

    with stream:
        assert stream.next().json()["id"] == id


def test_a_stream_tells_only_what_its_page_shows(browser: Browser, client: Client) -> None:
    """Filters are the page's: also for refused calls."""
    with PageStream(browser, client, user_id="ada", show="refused") as stream:
        client.track("ada", "opened")
        refused(client, {"user_id": "grace"})
        id = refused(client, {"user_id": "ada"})
        assert stream.next().json()["id"] == id
        assert stream.is_silent()


def test_a_stream_goes_on_where_the_connection_broke(browser: Browser, client: Client) -> None:
    """Browsers send the id of the last event that came."""
    with PageStream(browser, client) as stream:
        client.track("ada", "before")
        last = stream.next()
    missed = client.track("ada", "meanwhile")

    again = PageStream(browser, client)
    again._headers["Last-Event-ID"] = last.id
    with again:
        assert again.next().json()["id"] == missed


def test_a_stream_needs_a_session(stranger: Browser) -> None:
    """A key in a header opens no page; a script is told so, rather than shown a form."""
    reply = stranger.http.get("/console/live/stream", headers={"accept": "text/event-stream"})

    assert reply.status_code == 401


def test_a_filter_that_is_not_known_is_refused(browser: Browser) -> None:
    """Rather than answered as if it were not there."""
    assert browser.get("/console/live", show="everything").status_code == 400


# One call


def facts(page: str) -> dict[str, str]:
    """Return what a page's list of facts says."""
    found = re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", page, re.DOTALL)
    return {name: unescape(re.sub("<[^>]+>", "", value)).strip() for name, value in found}


def test_a_call_is_shown_with_its_request_and_its_record(browser: Browser, client: Client) -> None:
    """What came, when, under which id, and what is kept of it."""
    id = client.track("ada", "signed up", plan="team")

    page = browser.page(f"/console/live/{id}")
    text = unescape(page)

    assert facts(page)["Call"].startswith("POST /v1/track")
    assert facts(page)["Request id"].startswith(id)
    assert '"user_id": "ada",\n  "event_name": "signed up"' in text
    assert '"event_type": "track"' in text
    assert f"curl -i {client.server.url}/v1/track" in text


def test_a_call_shows_which_of_its_values_still_stand(browser: Browser, client: Client) -> None:
    """A newer call has set one of them since, and is linked."""
    company = {"id": "acme", "seats": 5}
    old = client.identify("ada", {"plan": "team", "name": "Ada", "age": None}, company)
    new = client.identify("ada", {"plan": "pro"})

    page = browser.page(f"/console/live/{old}")

    (plan, *others) = [row for row in rows(page) if row and row[0] in _NAMES]
    assert plan[:2] == ["plan", '"team"']
    assert plan[2].startswith("a newer one stands")
    assert [[*row[:2], row[2].split()[0]] for row in others] == [
        ["name", '"Ada"', "set"],
        ["age", "null", "removed"],
        ["seats", "5", "set"],
    ]
    assert f'href="/console/live/{new}"' in page
    assert "Belongs to acme" in page
    assert "It is the earliest record that names this user" in page


_NAMES = ("plan", "name", "age", "seats")


@pytest.mark.slow  # 1.1 s: a deletion waits a second for calls under way
def test_a_call_of_somebody_deleted_is_gone(browser: Browser, client: Client) -> None:
    """The record goes with the user: there is no page of it any more."""
    id = client.identify("ada", {"plan": "team"})
    assert browser.get(f"/console/live/{id}").status_code == 200
    client.delete("users", ["ada"])

    assert browser.get(f"/console/live/{id}").status_code == 404


def test_a_record_can_be_had_as_json(browser: Browser, client: Client) -> None:
    """As the API shows it, whole."""
    id = client.track("ada", "signed up", plan="team")

    found: Any = json.loads(browser.get(f"/console/live/{id}/record.json").text)

    assert found == client.events(id=id)[0]


def test_a_row_of_a_file_has_a_page_too(browser: Browser, client: Client) -> None:
    """Profiles name rows as what set a property."""
    client.bulk("users", [{"user_id": "ada", "metadata": {"plan": "team"}}])
    (event,) = client.events(user_id="ada")

    page = browser.page(f"/console/live/{event['id']}")
    (link,) = links(browser.page("/console/live", rows="1"), f"/console/live/{event['id']}")

    assert "?at=" in link  # which finds it at once, wherever it lies
    assert "The row" in browser.page(link)
    assert "The row" in page
    assert "set by this" in page


def test_a_refused_call_is_shown_by_the_quarantine(browser: Browser, client: Client) -> None:
    """Whoever has a request id need not know what became of it."""
    id = refused(client)

    reply = browser.get(f"/console/live/{id}")

    assert (reply.status_code, reply.headers["location"]) == (303, f"/console/quarantine/{id}")


def test_another_environment_does_not_see_a_call(
    browser: Browser, client: Client, server: Server
) -> None:
    """Nor its id."""
    id = server.new_environment().track("ada", "elsewhere")

    assert browser.get(f"/console/live/{id}").status_code == 404


def test_a_key_that_only_sends_sees_no_calls(server: Server) -> None:
    """Neither the page nor the stream nor a record."""
    sender = server.new_environment(Permission.INGEST)
    id = sender.track("ada", "opened")
    with Browser(server) as browser:
        browser.sign_in(sender)

        for path in ("/console/live", "/console/live/stream", f"/console/live/{id}"):
            assert browser.get(path).status_code in (303, 403)


@pytest.mark.parametrize("id", [".", ".."])
def test_who_is_called_like_a_step_of_a_path_has_a_page_that_browsers_can_open(
    id: str, browser: Browser, client: Client
) -> None:
    """They would leave the id out of the address, however it is written."""
    client.track(id, "opened")

    (address,) = set(links(browser.page("/console/live"), "/console/profiles/users/one?"))

    assert f">{id}</h1>" in browser.page(address)
