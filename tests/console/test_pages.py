"""What all pages have in common, tried on every one of them."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from starlette.routing import Route

from analytex.console.app import PAGES, POLICY
from analytex.console.gate import needed
from analytex.console.pages import code, size
from analytex.domain.environments import Permission
from tests.console.browser import Browser
from tests.server import Client, Server

MOST_BYTES = 150_000
HOSTILE = """"><script>alert('1')</script><img src=x onerror=alert(1)>{{ 7 * 7 }}"""


class _Anything:
    """Stands for the console where only the routes are asked for."""

    def __getattr__(self, name: str) -> Any:
        return _Anything()

    def __call__(self, *_: Any, **__: Any) -> Any:
        return _Anything()


def all_routes() -> list[Route]:
    return [route for pages in PAGES for route in pages(cast(Any, _Anything()))]


def named(route: Route) -> str:
    return f"{'POST' if 'POST' in (route.methods or ()) else 'GET'} {route.path}"


ROUTES = all_routes()
PROTECTED = [route for route in ROUTES if needed(route.endpoint) is not None]
#: what can be asked for without knowing an id
OPEN = sorted({r.path for r in ROUTES if "GET" in (r.methods or ()) and "{" not in r.path})


def send(browser: Browser, route: Route) -> httpx.Response:
    path = re.sub(r"{[^}]+}", "x", route.path)
    return browser.post(path) if "POST" in (route.methods or ()) else browser.get(path)


class _Page(HTMLParser):
    """Finds what a strict policy forbids, and what a page refers to."""

    def __init__(self) -> None:
        super().__init__()
        self.inline: list[str] = []
        self.addresses: list[str] = []
        self.headings: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if (tag == "script" and "src" not in given) or tag == "style":
            self.inline.append(tag)
        self.inline += [name for name in given if name == "style" or name.startswith("on")]
        self.addresses += [given[name] or "" for name in ("src", "href", "action") if name in given]
        if tag in ("h1", "h2"):
            self.headings.append(tag)


def read(text: str) -> _Page:
    page = _Page()
    page.feed(text)
    return page


@pytest.mark.parametrize("route", PROTECTED, ids=named)
def test_without_a_session_every_page_leads_to_the_sign_in(stranger: Browser, route: Route) -> None:
    """A page that forgot to ask would be open to everybody: the gate stands before all of them."""
    reply = send(stranger, route)

    assert reply.status_code == 303
    assert reply.headers["location"].startswith("/console/sign-in")


def test_only_the_pages_around_signing_in_need_no_session() -> None:
    """Whoever adds another one has to say so here."""
    assert {named(route) for route in ROUTES if route not in PROTECTED} == {
        "GET /console/sign-in",
        "POST /console/sign-in",
        "POST /console/sign-out",
    }


@pytest.mark.parametrize(
    "route",
    [route for route in PROTECTED if needed(route.endpoint) is not Permission.READ],
    ids=named,
)
def test_a_key_that_may_only_read_changes_nothing(server: Server, route: Route) -> None:
    """What asks for more than `read` answers 403, with a page that says what is missing."""
    reader = server.new_environment(Permission.READ)
    with Browser(server) as browser:
        browser.sign_in(reader)
        reply = send(browser, route)

    assert reply.status_code == 403
    assert "needs a key with the permission" in reply.text


def test_every_form_needs_more_than_reading_except_those_of_the_session() -> None:
    """A POST changes something; whoever adds one without `needs` has to say why here."""
    posts = [route for route in PROTECTED if "POST" in (route.methods or ())]

    assert {r.path for r in posts if needed(r.endpoint) is Permission.READ} <= {
        "/console/environment",
        "/console/exports",  # as with the API, who may read may export
    }


def test_the_menu_shows_no_page_that_the_key_does_not_open(server: Server) -> None:
    """A link that leads to a refusal helps nobody."""
    reader = server.new_environment(Permission.READ)
    with Browser(server) as browser:
        browser.sign_in(reader)
        links = read(browser.page("/console/trends")).addresses

    assert "/console/events" in links
    assert "/console/keys" not in links
    assert "/console/system" not in links


@pytest.mark.parametrize("path", OPEN)
def test_every_page_is_strict_small_and_asks_nobody_else(browser: Browser, path: str) -> None:
    """The rules of the console, for pages that exist and for those that are added."""
    with browser.http.stream("GET", path, follow_redirects=True) as reply:
        if not reply.headers["content-type"].startswith("text/event-stream"):  # which has no end
            reply.read()

    assert reply.status_code in (200, 400, 404)
    assert reply.headers["content-security-policy"] == POLICY
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["referrer-policy"] == "same-origin"
    assert reply.headers["cache-control"] == "no-store"
    if not reply.headers["content-type"].startswith("text/html"):
        return
    assert len(reply.content) < MOST_BYTES
    page = read(reply.text)
    assert page.inline == []
    assert [each for each in page.addresses if not re.match(r"[/?#]", each)] == []
    if reply.text.startswith("<!doctype html>"):  # and no part of a page
        assert '<html lang="en">' in reply.text
        assert page.headings.count("h1") == 1


def test_the_policy_allows_nothing_inline() -> None:
    """One `unsafe-inline` would undo all of it."""
    assert "unsafe" not in POLICY
    assert "default-src 'none'" in POLICY
    assert "frame-ancestors 'none'" in POLICY


def test_names_that_senders_chose_are_text_and_nothing_else(
    server: Server, client: Client, browser: Browser
) -> None:
    """An event called `<script>` is shown, not run; nor is a template put together of it."""
    client.track("ada", HOSTILE[:128])
    client.events(limit=1)

    text = browser.page("/console/events")

    assert "&lt;script&gt;alert" in text
    assert "<script>alert" not in text
    assert "<img src=x" not in text
    assert "49" not in re.sub(r"<[^>]*>", "", text).partition("{{")[2][:12]


def test_files_of_pages_are_kept_for_good_under_the_hash_of_their_content(
    browser: Browser,
) -> None:
    """The next version has another address, so nobody sees a page with old styles."""
    found = re.findall(r"(/console/static/[0-9a-f]{12})/console\.css", browser.page("/console"))

    reply = browser.get(f"{found[0]}/console.css")
    assert reply.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert reply.headers["content-type"].startswith("text/css")
    assert browser.get("/console/static/0/console.css").headers["cache-control"] == "no-cache"
    assert browser.get(f"{found[0]}/..%2fapp.py").status_code == 404


def test_browsers_are_led_to_the_console_and_programs_see_json(server: Server) -> None:
    """`/` was an answer for programs before there were pages, and stays one."""
    reply = httpx.get(server.url, headers={"accept": "text/html,*/*"})
    assert (reply.status_code, reply.headers["location"]) == (307, "/console")
    assert httpx.get(server.url).json()["name"] == "analytex"


def test_a_page_that_does_not_exist_says_so_in_our_style(browser: Browser) -> None:
    """With the menu, to go on from; the address is escaped."""
    reply = browser.get("/console/<b>nothing")

    assert reply.status_code == 404
    assert "There is no such page." in reply.text
    assert "<b>nothing" not in reply.text
    assert 'href="/console/events"' in reply.text


def test_a_method_that_a_page_does_not_know_is_405(browser: Browser) -> None:
    """Not a 500, and not the page."""
    assert (
        browser.http.put("/console/keys", headers={"x-csrf-token": browser.token}).status_code
        == 405
    )


def test_requests_count_as_one_address_in_the_metrics(browser: Browser, client: Client) -> None:
    """Metrics have one line for each address for good; a console has hundreds."""
    browser.get("/console/events")
    browser.get("/console/nothing-at-all")

    lines = [line for line in client.get("/metrics").text.splitlines() if "/console" in line]

    assert lines
    assert all('path="/console"' in line for line in lines)


@pytest.mark.slow  # 1 s: starts a server
def test_the_console_can_be_turned_off(tmp_path: Path) -> None:
    """Who wants the API alone has no page that could be attacked."""
    with Server(tmp_path, settings={"console": False}) as server:
        assert httpx.get(f"{server.url}/console").status_code == 404
        reply = httpx.get(server.url, headers={"accept": "text/html"})
        assert reply.json()["name"] == "analytex"


@pytest.mark.parametrize(
    ("bytes", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (1_254_000, "1.25 MB"),
        (73_600_000_000, "73.6 GB"),
        (250_000, "250 kB"),
    ],
)
def test_sizes_have_three_digits(bytes: int, text: str) -> None:
    """More would tell nothing."""
    assert size(bytes) == text


def test_words_in_backticks_become_code_and_stay_escaped() -> None:
    """Sentences of settings are written for a document; the page shows them the same."""
    assert code("Set `a<b` to <1>.") == "Set <code>a&lt;b</code> to &lt;1&gt;."
