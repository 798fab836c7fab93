"""The pages of the quarantine: what was refused, mending it, sending it again, removing it."""

import json
import re
import sqlite3
from contextlib import closing
from html import unescape

import pytest

from analytex.console.quarantine import PER_PAGE
from analytex.console.quarantine_chosen import MOST
from analytex.domain.environments import Permission
from analytex.domain.quarantine import KEPT_BYTES
from tests.console.browser import Browser
from tests.console.insight_pages import MOST_BYTES, rows
from tests.server import Client, Server, wait_for

HOSTILE = "</textarea><script>alert('1')</script>"
HERE = "/console/quarantine"


def refused(client: Client, body: object, path: str = "/v1/track", **headers: str) -> str:
    """Send what is refused, and return the id of the refusal."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    reply = client.request("POST", path, content=content, headers=headers)
    assert 400 <= reply.status_code < 500, reply.text
    return reply.headers["x-request-id"]


def field(page: str) -> str:
    """Return what stands in the field with the body; browsers leave out its first line end."""
    found = re.search(r"<textarea[^>]*>\n?(.*?)</textarea>", page, re.DOTALL)
    assert found is not None
    return unescape(found[1])


def mend(browser: Browser, id: str, body: str, *, follow: bool = False) -> tuple[int, str]:
    """Send a body in the place of a refused one, as browsers do."""
    sent = {"body": body.replace("\n", "\r\n")}
    reply = browser.post(f"{HERE}/{id}/replay", sent, follow=follow)
    return reply.status_code, reply.text


# Looking


def test_refused_requests_are_listed_with_their_reasons(browser: Browser, client: Client) -> None:
    """The newest first."""
    refused(client, {"user_id": "ada"})
    refused(client, b'{"user_id":', "/v1/identify")

    found = [row[2:] for row in rows(browser.page(HERE))[1:]]

    assert found[0][:2] == ["400", "identify"]
    assert found[0][2].startswith("The body is not valid JSON.")
    assert found[1] == [
        "400",
        "trackada",
        "event_name is missing.Expected a string that is not empty.",
    ]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("path=/v1/identify", ["identify"]),
        ("status=400", ["track", "identify"]),
        ("status=413", []),
        ("status=400&path=/v1/track", ["track"]),
    ],
)
def test_the_list_can_be_filtered(
    browser: Browser, client: Client, query: str, expected: list[str]
) -> None:
    """By status and address, as the API does it."""
    refused(client, {}, "/v1/identify")
    refused(client, {})

    assert [row[3] for row in rows(browser.page(f"{HERE}?{query}"))[1:]] == expected


def test_empty_fields_of_the_filter_leave_the_address(browser: Browser, client: Client) -> None:
    """So that a link to a list is short, and says what it shows."""
    reply = browser.get(f"{HERE}?status=400&path=")

    assert (reply.status_code, reply.headers["location"]) == (303, f"{HERE}?status=400")


def test_a_long_list_has_pages(browser: Browser, client: Client) -> None:
    """Each request is on one of them."""
    ids = {refused(client, {"user_id": str(place)}) for place in range(PER_PAGE + 1)}

    page = browser.page(HERE)
    link = re.search(r'href="([^"]+)" rel="next"', page)
    assert link is not None
    older = browser.page(unescape(link[1]))

    assert {id for id in ids if id in page} | {id for id in ids if id in older} == ids
    assert f"{PER_PAGE + 1} requests" in page


def test_a_refused_request_is_shown_as_it_came(browser: Browser, client: Client) -> None:
    """Where, why, under which id, and its body with its numbers as they were sent."""
    id = refused(client, b'{"user_id":"ada","metadata":{"a":1.0,"b":12345678901234567890}}')

    page = unescape(browser.page(f"{HERE}/{id}"))

    assert "POST /v1/track" in page
    assert "400 bad_request" in page
    assert '"metadata": {\n    "a": 1.0,\n    "b": 12345678901234567890\n  }' in page


def test_a_body_that_is_no_text_is_shown_in_base64(browser: Browser, client: Client) -> None:
    """And cannot be mended in a field."""
    id = refused(client, b"\xff\xfe\x00")

    page = browser.page(f"{HERE}/{id}")

    assert "//4A" in page
    assert field(page) == ""


def test_a_request_that_is_not_there_is_not_found(browser: Browser, server: Server) -> None:
    """Those of other environments are not either."""
    elsewhere = refused(server.new_environment(), {})

    for id in ("6" * 20, elsewhere):
        assert browser.get(f"{HERE}/{id}").status_code == 404


def test_the_list_can_be_downloaded(browser: Browser, client: Client) -> None:
    """All that fit, each as the API shows it."""
    refused(client, {}, "/v1/identify")
    id = refused(client, {"user_id": "ada"})

    reply = browser.get(f"{HERE}.ndjson?path=/v1/track")

    assert "attachment" in reply.headers["content-disposition"]
    assert [json.loads(line) for line in reply.text.splitlines()] == [
        client.get(f"/v1/quarantine/{id}").json()
    ]


def test_jobs_whose_rows_were_refused_are_named(browser: Browser, client: Client) -> None:
    """Rows are kept with their job, each with its reason."""
    job = client.bulk("users", [{"user_id": "ada"}, {"metadata": {}}])

    page = browser.page(HERE)

    assert "1 of 2" in [row[2] for row in rows(page)]
    assert f"{job['links'].rpartition(':')[2]}/errors.csv" in page


def test_nothing_refused_is_said_with_what_would_be(browser: Browser, client: Client) -> None:
    """An empty page tells what it is for."""
    page = browser.page(HERE)

    assert "Nothing was refused" in page
    assert f"curl -i {client.server.url}/v1/track" in unescape(page)


def test_what_was_sent_is_text_on_the_pages(browser: Browser, client: Client) -> None:
    """It must not end the field in which it stands either."""
    id = refused(client, {"user_id": HOSTILE, HOSTILE: HOSTILE})

    for path in (HERE, f"{HERE}/{id}"):
        assert "<script>alert" not in browser.page(path)
    assert HOSTILE in field(browser.page(f"{HERE}/{id}"))


def test_the_pages_stay_small(browser: Browser, client: Client) -> None:
    """A kept body may consist of what takes five times the room in a page."""
    body = b'{"metadata":"' + b"&" * (KEPT_BYTES - 100) + b'"}'
    ids = [refused(client, body) for _ in range(PER_PAGE)]

    for path in (HERE, f"{HERE}/{ids[0]}"):
        assert len(browser.page(path).encode()) < MOST_BYTES


# Mending


def test_a_mended_request_is_stored_once(browser: Browser, client: Client) -> None:
    """It is a new call, and its place in the quarantine says as what it was accepted."""
    id = refused(client, {"user_id": "ada", "metadata": {"plan": "team"}})
    body = field(browser.page(f"{HERE}/{id}"))
    mended = body.replace('"metadata"', '"event_name": "signed up",\n  "metadata"')

    assert mend(browser, id, mended)[0] == 303
    page = browser.page(f"{HERE}/{id}")
    status, _ = mend(browser, id, mended)

    assert status == 409
    (event,) = client.events(user_id="ada")
    assert (event["event_name"], event["metadata"]) == ("signed up", {"plan": "team"})
    assert f'href="/console/live/{event["id"]}"' in page
    assert "<textarea" not in page
    assert client.get(f"/v1/quarantine/{id}").json()["replayed_as"] == event["id"]


def test_what_is_still_wrong_is_shown_with_what_was_written(
    browser: Browser, client: Client
) -> None:
    """The mender goes on from there; nothing new is in the quarantine."""
    id = refused(client, {"user_id": "ada"})

    status, page = mend(browser, id, '{"user_id": "ada", "event_name": 7}')

    assert status == 400
    assert "Refused again, 400" in page
    assert field(page) == '{"user_id": "ada", "event_name": 7}'
    assert len(client.get("/v1/quarantine").json()["data"]) == 1
    assert client.events(user_id="ada") == []


def test_a_request_without_a_change_is_sent_byte_for_byte(browser: Browser, client: Client) -> None:
    """What shows indented in the field is not what was sent; the same is refused again."""
    id = refused(client, b'{"user_id":"ada",  "n":1.00}')

    status, page = mend(browser, id, field(browser.page(f"{HERE}/{id}")))

    assert status == 400
    assert "`event_name`" in page.replace("<code>", "`").replace("</code>", "`")


def test_a_request_that_was_cut_is_not_sent_as_it_is(browser: Browser, client: Client) -> None:
    """Half a body must not become an event."""
    id = refused(client, b'{"user_id":"ada","metadata":{"text":"' + b"x" * KEPT_BYTES + b'"}}')

    status, page = mend(browser, id, field(browser.page(f"{HERE}/{id}")))

    assert status == 400
    assert "The request was not kept whole." in page


def test_a_mended_list_becomes_a_job(browser: Browser, client: Client) -> None:
    """All calls that take something in can be mended, not only the three."""
    id = refused(client, {"people": [{"user_id": "ada"}]}, "/v1/users/bulk_identify")

    status, page = mend(browser, id, '{"users": [{"user_id": "ada"}]}', follow=True)

    assert status == 200
    assert "It was sent again and accepted" in page
    (job,) = client.get("/v1/background_jobs").json()
    client.ended(job)
    assert client.user("ada")["user_id"] == "ada"


def test_a_form_with_a_file_keeps_its_line_ends(browser: Browser, client: Client) -> None:
    """Between its parts they are CR LF, as browsers send those of a field."""
    form = (
        '--b\r\nContent-Disposition: form-data; name="rows"; filename="rows.ndjson"\r\n\r\n'
        '{"user_id": "ada", "event_name": "x", "event_type": "track",'
        ' "timestamp": "2026-01-01T00:00:00Z"}\r\n--b--\r\n'
    )
    kind = "multipart/form-data; boundary=b"
    id = refused(client, form.encode(), "/v1/imports", **{"content-type": kind})

    text = field(browser.page(f"{HERE}/{id}")).replace("\r\n", "\n")
    status, page = mend(browser, id, text.replace('name="rows"', 'name="file"'), follow=True)

    assert status == 200
    assert "It was sent again and accepted" in page


def test_a_request_can_be_removed(browser: Browser, client: Client) -> None:
    """For good."""
    id = refused(client, {})

    reply = browser.post(f"{HERE}/remove", {"id": id}, follow=True)

    assert "1 request is removed." in reply.text
    assert client.get(f"/v1/quarantine/{id}").status_code == 404


# Several at once


def mended_by_itself(client: Client, id: str, body: bytes) -> None:
    """Let a refused request be one that is accepted today, as after a larger `max_body`."""
    assert client.get(f"/v1/quarantine/{id}").status_code == 200  # it is written now
    with closing(sqlite3.connect(client.server.data / "refused.db")) as db:
        db.execute("UPDATE refused SET body = ? WHERE id = ?", (body, id))
        db.commit()


def test_each_request_can_be_chosen_by_a_box_that_says_which(
    browser: Browser, client: Client
) -> None:
    """One hears the box without seeing its line; without script a link chooses all of a page."""
    id = refused(client, {"user_id": "ada"})

    box = re.search(r"<input [^>]*value=\"" + id + r"\"[^>]*>(.*?)</label>", browser.page(HERE))
    all = browser.page(f"{HERE}?all=1")

    assert box is not None
    assert "checked" not in box[0]
    assert "Choose track of ada, " in box[1]
    assert re.search(f'value="{id}" form="chosen" checked', all)


def test_those_that_are_chosen_are_removed_and_no_other(browser: Browser, client: Client) -> None:
    """One that somebody else removed in the meantime is not in the way."""
    ids = [refused(client, {"user_id": str(place)}) for place in range(4)]
    browser.post(f"{HERE}/remove", {"id": ids[0]})

    reply = browser.post(f"{HERE}/remove", {"id": ids[:3]}, follow=True)

    assert "2 requests are removed. 1 had gone before." in reply.text
    assert [id for id in ids if id in browser.page(HERE)] == [ids[3]]


def test_those_of_another_environment_cannot_be_chosen(
    server: Server, browser: Browser, client: Client
) -> None:
    """Their ids are unknown here."""
    other = server.new_environment()
    id = refused(other, {"user_id": "ada"})

    for what in ("remove", "send-again"):
        browser.post(f"{HERE}/{what}", {"id": id}, follow=True)

    assert other.get(f"/v1/quarantine/{id}").json()["replayed_at"] is None


def test_those_that_are_chosen_are_sent_again(browser: Browser, client: Client) -> None:
    """The oldest first; what is refused again stays, and a second try adds nothing."""
    good = [refused(client, {"user_id": "ada"}) for _ in range(2)]
    for place, id in enumerate(good):
        body = {"user_id": "ada", "event_name": "sent", "metadata": {"n": place}}
        mended_by_itself(client, id, json.dumps(body).encode())
    bad = refused(client, {"user_id": "bob"})
    ids = [bad, good[1], good[0]]  # as the list shows them

    reply = browser.post(f"{HERE}/send-again", {"id": ids}, follow=True)
    again = browser.post(f"{HERE}/send-again", {"id": good}, follow=True)

    assert "2 requests are accepted. 1 refused again: open one to mend it." in reply.text
    assert "0 requests are accepted. 2 had been sent again before." in again.text
    assert [event["metadata"]["n"] for event in client.events()] == [1, 0]  # the newest first


def test_what_deletes_or_was_not_kept_whole_is_not_sent_with_others(
    browser: Browser, client: Client
) -> None:
    """Whom a call deletes is to be read first; half a body says something else than the whole."""
    client.identify("ada", {"plan": "team"})
    reply = client.request("DELETE", "/v1/users", content=b'{"users": 1}')
    deletes = reply.headers["x-request-id"]
    mended_by_itself(client, deletes, b'{"users": ["ada"]}')
    cut = refused(client, {"user_id": "ada", "metadata": {"a": "x" * KEPT_BYTES}})

    shown = browser.post(f"{HERE}/send-again", {"id": [cut, deletes]}, follow=True).text

    assert "1 not sent: calls that delete" in shown
    assert "1 not sent: only the beginning was kept" in shown
    assert client.user("ada")["metadata"] == {"plan": "team"}


@pytest.mark.parametrize("what", ["remove", "send-again"])
def test_a_form_without_any_says_so_and_returns_to_where_it_was(
    browser: Browser, client: Client, what: str
) -> None:
    """To the same part of the list, and never out of it."""
    refused(client, {})
    back = f"{HERE}?status=400"

    reply = browser.post(f"{HERE}/{what}", {"back": back})
    other = browser.post(f"{HERE}/{what}", {"back": "/console/users"})

    assert reply.headers["location"] == back
    assert "Choose at least one request first." in browser.page(back)
    assert other.headers["location"] == HERE


def test_a_form_cannot_choose_without_bound(browser: Browser) -> None:
    """Each one is a write."""
    ids = [f"{place:020}" for place in range(MOST + 1)]

    assert browser.post(f"{HERE}/remove", {"id": ids}).status_code == 400


def test_a_key_that_only_reads_changes_nothing(server: Server) -> None:
    """It sees what was refused, without buttons; its forms are refused."""
    both = server.new_environment(Permission.READ, Permission.INGEST)
    id = refused(both, {"user_id": "ada"})
    made = server.command("keys", "create", "--app", both.app_token, "--permission", "read")
    key = re.search(r"ax_\w+", made.stdout)
    assert key is not None, made
    only = both._replace(key=key[0])
    wait_for(lambda: only.get("/v1/validate").status_code == 200, 5)

    with Browser(server) as browser:
        browser.sign_in(only)
        page = browser.page(f"{HERE}/{id}")
        replayed = mend(browser, id, '{"user_id": "ada", "event_name": "x"}')[0]
        forms = [
            browser.post(f"{HERE}/{what}", {"id": id}).status_code
            for what in ("remove", "send-again")
        ]
        listed = browser.page(HERE)

    assert "Send again" not in page + listed
    assert 'type="checkbox"' not in listed
    assert [replayed, *forms] == [403, 403, 403]
    assert both.events(user_id="ada") == []


def test_a_form_of_another_site_replays_nothing(browser: Browser, client: Client) -> None:
    """It does not know the token."""
    id = refused(client, {"user_id": "ada"})

    body = {"csrf": "guessed", "body": '{"user_id": "ada", "event_name": "x"}'}
    reply = browser.post(f"{HERE}/{id}/replay", body)

    assert reply.status_code == 403
    assert client.events(user_id="ada") == []
