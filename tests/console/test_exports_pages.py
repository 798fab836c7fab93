"""The pages of exports: asked for with a form, watched, downloaded."""

import csv
import gzip
import io
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from analytex.console.exports import FILES
from analytex.domain.environments import Permission
from tests.console.browser import Browser
from tests.console.insight_pages import MOST_BYTES, links, rows
from tests.console.test_jobs_pages import resting_applier
from tests.rows import ndjson, track
from tests.server import Client, Server, wait_for

HERE = "/console/exports"
PLACE = "/api/v1/analytics/exports/files/"


def ask(browser: Browser, **fields: Any) -> httpx.Response:
    """Send the form, and return the page of the export once it has ended."""
    reply = browser.post(HERE, {name.rstrip("_"): value for name, value in fields.items()})
    assert reply.status_code == 303, reply.text
    address = reply.headers["location"]
    wait_for(lambda: "data-moves" not in browser.page(address), 30)
    return browser.get(address)


def files(page: httpx.Response) -> list[list[str]]:
    """Return day, name, events and size of each file on a page."""
    return [row[:4] for row in rows(page.text) if re.fullmatch(r"\d{4}-\d\d-\d\d", row[0])]


def fetched(page: httpx.Response) -> Iterator[dict[str, str]]:
    """Yield the rows of all CSV files that a page links to, fetched as a stranger."""
    for link in links(page.text, PLACE):
        reply = httpx.get(str(page.url.join(link)), trust_env=False)
        assert reply.status_code == 200
        yield from csv.DictReader(io.StringIO(reply.text))


def test_events_are_asked_for_and_downloaded(browser: Browser, client: Client) -> None:
    """A file for each day, behind links that need no key."""
    client.import_rows(
        ndjson([track(1, inserted_at="2026-03-01"), track(2, inserted_at="2026-03-02")])
    )

    page = ask(browser, format="ndjson")

    assert [row[:3] for row in files(page)] == [
        ["2026-03-01", "events-2026-03-01.ndjson.gz", "1"],
        ["2026-03-02", "events-2026-03-02.ndjson.gz", "1"],
    ]
    assert "The links work until" in page.text
    link = links(page.text, PLACE)[0]
    packed = httpx.get(browser.url + link, trust_env=False).content
    assert b'"invoice paid"' in gzip.decompress(packed)


def test_the_form_says_which_events(browser: Browser, client: Client) -> None:
    """Times, types, users and companies are those of the API; the last day belongs to it."""
    kept = track(1, user_id="ada", inserted_at="2026-03-02T23:00:00Z")
    others = [
        track(2, user_id="bob", inserted_at="2026-03-02"),
        track(3, user_id="ada", inserted_at="2026-03-03"),
        {**track(4, user_id="ada"), "event_type": "identify_user", "inserted_at": "2026-03-02"},
    ]
    client.import_rows(ndjson([kept, *others]))

    page = ask(
        browser,
        format="csv",
        from_="2026-03-01",
        to="2026-03-02",
        event_type=["track", "page_view"],
        user_id="ada\r\n\r\n eve \r\n",
    )

    assert [row["inserted_at"][:13] for row in fetched(page)] == ["2026-03-02T23"]
    assert "<code>ada</code>, <code>eve</code>" in page.text
    assert "Tracked events, Page views" in page.text


def test_what_is_wrong_stands_at_the_form(browser: Browser) -> None:
    """And what was typed is still there."""
    reply = browser.post(
        HERE,
        {"format": "csv", "from": "2026-03-02", "to": "2026-03-01", "user_id": "<b>\nada"},
    )

    assert reply.status_code == 400
    assert "<code>from</code> is not before <code>to</code>." in reply.text
    assert 'value="2026-03-02"' in reply.text
    assert '<option value="csv" selected>' in reply.text
    assert "&lt;b&gt;\nada</textarea>" in reply.text


def test_one_export_may_be_under_way(browser: Browser, client: Client) -> None:
    """The second one is refused at the form; the first one is watched."""
    client.track("ada", "opened")
    client.events()
    with resting_applier(client.server):
        first = browser.post(HERE, {"format": "csv"})
        second = browser.post(HERE, {"format": "csv"})
        page = browser.page(first.headers["location"])
        listed = browser.page(HERE)

    assert second.status_code == 409
    assert "One export of an app may be under way." in second.text
    assert "waiting for its turn" in page
    assert "data-moves" in page
    assert "data-moves" in listed
    wait_for(lambda: "data-moves" not in browser.page(first.headers["location"]), 30)


def test_exports_are_listed_with_what_was_asked_for(browser: Browser, client: Client) -> None:
    """Newest first; and they are jobs too."""
    client.track("ada", "opened")
    ask(browser, format="csv", event_type="track", user_id="ada\nbob")
    ask(browser, format="parquet")

    listed = [row[0] for row in rows(browser.page(HERE))[1:]]

    assert listed == ["All eventsParquet", "Tracked eventsCSV, 2 users"]
    assert len(links(browser.page("/console/jobs", family="export"), f"{HERE}/")) == 2


def test_an_export_without_events_says_so(browser: Browser) -> None:
    """There is no file then."""
    page = ask(browser, format="csv")

    assert "No event fits" in page.text
    assert files(page) == []


def test_all_links_come_as_a_file(browser: Browser, client: Client) -> None:
    """For `wget -i`: whole addresses, one on each line."""
    client.track("ada", "opened")
    page = ask(browser, format="csv")

    reply = browser.get(f"{page.url.path}/links.txt")

    [line] = reply.text.splitlines()
    assert line == browser.url + links(page.text, PLACE)[0].replace("&amp;", "&")
    assert reply.headers["content-disposition"].startswith("attachment;")


def test_an_export_can_be_asked_for_again(browser: Browser, client: Client) -> None:
    """The form is filled as it was."""
    days = {"from_": "2026-03-01", "to": "2026-03-31"}
    page = ask(browser, format="avro", event_type="track", company_id="a&b\nc", **days)
    [again] = links(page.text, f"{HERE}/new?")

    form = browser.page(again)

    assert '<option value="avro" selected>' in form
    assert 'value="track" checked' in form
    assert 'value="2026-03-01"' in form
    assert 'value="2026-03-31"' in form
    assert "a&amp;b\nc</textarea>" in form


@pytest.mark.slow  # 2 s: that long the reply waits for the end
def test_an_export_can_be_cancelled(browser: Browser, client: Client) -> None:
    """By a key that may change something, as with the API."""
    with resting_applier(client.server):
        address = browser.post(HERE, {"format": "csv"}).headers["location"]
        assert f'action="{address}/cancel"' in browser.page(address)
        assert browser.post(f"{address}/cancel").status_code == 303
    wait_for(lambda: "data-moves" not in browser.page(address), 30)

    assert "It was cancelled." in browser.page(address)


@pytest.mark.slow  # 1.4 s: a deletion gives those time who still write
def test_a_deletion_takes_the_files_away(browser: Browser, client: Client) -> None:
    """The page says why there is no link any more."""
    client.track("ada", "opened")
    address = ask(browser, format="csv").url.path
    client.delete("users", ["ada"])

    page = browser.page(address)

    assert "The files are gone" in page
    assert links(page, PLACE) == []
    assert browser.get(f"{address}/links.txt").text == ""


@pytest.mark.slow  # 1.2 s: so long 72 files take
def test_many_files_are_on_pages_that_stay_small(browser: Browser, client: Client) -> None:
    """An export of years has a file for each day."""
    days = [f"2025-{month:02}-{day:02}" for month in range(1, 4) for day in range(1, 25)]
    client.import_rows(ndjson(track(n, inserted_at=day) for n, day in enumerate(days)))

    first = ask(browser, format="csv")
    [next] = [link for link in links(first.text, first.url.path) if "page=2" in link]
    second = browser.get(next.partition("#")[0])

    assert len(first.content) < MOST_BYTES
    assert len(files(first)) == FILES
    assert [row[0] for row in files(first) + files(second)] == days


def test_who_may_read_may_export(server: Server) -> None:
    """As with the API; cancelling takes more."""
    reader = server.new_environment(Permission.READ)
    with Browser(server) as browser:
        browser.sign_in(reader)
        with resting_applier(server):
            address = browser.post(HERE, {"format": "csv"}).headers["location"]
            page = browser.page(address)
        assert "waiting for its turn" in page
        assert f'action="{address}/cancel"' not in page
        assert browser.post(f"{address}/cancel").status_code == 403


def test_an_export_of_another_environment_is_not_there(browser: Browser, server: Server) -> None:
    """Nor its links."""
    with Browser(server) as other:
        other.sign_in(server.new_environment())
        address = ask(other, format="csv").url.path

    for path in (address, f"{address}/links.txt"):
        assert browser.get(path).status_code == 404
    assert browser.post(f"{address}/cancel").status_code == 404
