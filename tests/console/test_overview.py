"""The overview: what happens now, in numbers that are those of the questions."""

import asyncio
import re
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from analytex.console import overview
from analytex.console.overview_numbers import Now, Rates
from analytex.errors import Unavailable
from analytex.observability.health import State
from tests.console.browser import Browser
from tests.console.insight_pages import MOST_BYTES, Pages
from tests.server import Client

HOSTILE = "<script>alert('x')</script>"


@pytest.fixture
def pages(browser: Browser, client: Client) -> Pages:
    return Pages(browser, client)


def test_a_new_server_says_what_to_do_first(pages: Pages) -> None:
    """The line is the whole command, with the address under which the page was asked for."""
    pages.get("/console/overview/parts")

    page = pages.get("/console")

    assert f"curl {pages.url}/v1/track" in page.text
    assert "$KEY" in page.text


def test_with_events_the_first_steps_are_gone(pages: Pages) -> None:
    """They would be in the way."""
    pages.client.track("ada", "signed up")
    pages.client.events()
    pages.get("/console/overview/parts")

    page = pages.get("/console")

    assert "/v1/track" not in page.text


def test_the_numbers_are_those_of_the_questions(pages: Pages) -> None:
    """Two pages that say different things are worse than one."""
    for place in range(7):
        pages.client.track(f"u{place % 3}", "signed up")
    pages.client.identify("ada", {"plan": "team"}, {"id": "acme"})
    pages.client.user("ada")  # the overview does not wait for what is not applied: it says so

    parts = pages.get("/console/overview/parts")

    assert figures(parts.text)["Events, 24 hours"] == "8"
    assert figures(parts.text)["Users"] == "4"
    assert figures(parts.text)["Companies"] == "1"
    assert figures(parts.text)["Tracked events"] == "7"
    assert "3 active in 7 days" in parts.text


def test_what_was_refused_is_shown_with_its_reason(pages: Pages) -> None:
    """Whoever looks here should see that calls of an integration fail."""
    refused = pages.client.post("/v1/track", {"user_id": "ada", HOSTILE: 1})
    assert refused.status_code == 400
    pages.client.get("/v1/quarantine")  # the worker has written it then

    parts = pages.get("/console/overview/parts")

    assert figures(parts.text)["Refused, 24 hours"] == "1"
    assert "POST /v1/track" in parts.text
    assert HOSTILE not in parts.text


def test_names_are_text_whatever_they_hold(pages: Pages) -> None:
    """An event may be called anything."""
    pages.client.track("ada", HOSTILE)
    pages.client.events()

    parts = pages.get("/console/overview/parts")

    assert HOSTILE not in parts.text
    assert "&lt;script&gt;" in parts.text
    assert len(parts.content) < MOST_BYTES


async def test_the_page_does_not_wait_for_numbers_that_take_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first question of a process takes a second; the page is there at once, and asks again."""

    async def never(*_: Any) -> Any:
        await asyncio.Event().wait()

    monkeypatch.setattr(overview, "happening", never)
    monkeypatch.setattr(overview, "totals", never)

    found = await values_of("/console")

    assert found["now"] is None
    assert found["totals"] is None
    assert found["problem"] == ""


async def test_numbers_that_cannot_be_had_take_no_others_along(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Who looks after a server that is not well needs this page most."""

    async def fails(*_: Any) -> Any:
        raise Unavailable("History cannot be read.", details="It is on another disk.")

    async def happens(*_: Any) -> Any:
        return NOW

    monkeypatch.setattr(overview, "happening", happens)
    monkeypatch.setattr(overview, "totals", fails)

    found = await values_of("/console/overview/parts")

    assert found["problem"] == "History cannot be read. It is on another disk."
    assert found["now"]["day"] == "12"


NOW = Now(
    Rates(
        now=300, edges=[0, 300, 600], per_minute=[1, 2], minutes=[0], recent=0, day=12, day_before=0
    ),
    State(log_end=0, applied=0, lag_s=0, disk_size=9, disk_free=9, snapshots=[]),
    refused=[],
    refused_count=0,
)


async def values_of(path: str) -> dict[str, Any]:
    """Return what a page would be made of, where there is no server."""
    given: list[dict[str, Any]] = []

    def render(_: Request, __: str, values: dict[str, Any]) -> Response:
        given.append(values)
        return Response()

    scope = SimpleNamespace(environment_id=1)
    console: Any = SimpleNamespace(deps=None, scope=lambda _: scope, render=render)
    app = Starlette(routes=overview.routes(console))
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app), base_url="http://console.test"
    ) as http:
        await http.get(path)
    return given[0]


def test_the_parts_are_those_of_the_page(pages: Pages) -> None:
    """What is asked for again takes the place of what is there."""
    page, parts = pages.get("/console"), pages.get("/console/overview/parts")

    assert part_names(page.text) == part_names(parts.text) != []


def test_days_are_the_readers_own(pages: Pages) -> None:
    """The browser tells its time zone in a cookie."""
    there = last_point((pages.get("/console/overview/parts")).text)
    pages.live_in("Asia/Kathmandu")

    here = last_point((pages.get("/console/overview/parts")).text)

    assert here - there in (timedelta(hours=5, minutes=45), timedelta(hours=5, minutes=50))


def last_point(text: str) -> datetime:
    """Return when the last five minutes of the chart began, as the page says it."""
    found = re.search(r"(\d+ \w+ \d+, \d+:\d+) \(unfinished\)", text)
    assert found is not None
    return datetime.strptime(found[1], "%d %b %Y, %H:%M")


def figures(text: str) -> dict[str, str]:
    """Return the numbers of the page, by what they are called."""
    found = {}
    for part in text.split("<dt>")[1:]:
        name, _, rest = part.partition("</dt><dd>")
        found[name] = rest.partition("</dd>")[0]
    return found


def part_names(text: str) -> list[str]:
    return [part.partition('"')[0] for part in text.split('data-part="')[1:]]
