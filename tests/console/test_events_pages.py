"""The pages of events: names, one name, and the newest events."""

import httpx
import pytest

from analytex.console.event_names import PER_PAGE
from tests.console.browser import Browser
from tests.console.insight_pages import MOST_BYTES, Pages, links, rows
from tests.server import Client

HOSTILE = "<img src=x onerror=alert('1')>\"&/?#%00"


@pytest.fixture
def pages(browser: Browser, client: Client) -> Pages:
    return Pages(browser, client)


def names(page: httpx.Response) -> list[str]:
    return [row[0] for row in rows(page.text)[1:] if len(row) == 4]


def test_names_are_listed_with_their_volumes(pages: Pages) -> None:
    """The most frequent first; what is new shows at once."""
    for name in ("opened", "saved", "opened"):
        pages.client.track("ada", name)

    page = pages.get("/console/events")

    assert [row[:2] for row in rows(page.text)[1:3]] == [["opened", "2"], ["saved", "1"]]
    assert "2 names" in page.text


def test_names_are_found_by_a_part_of_them(pages: Pages) -> None:
    """Whatever its case."""
    for name in ("Report Opened", "Report Saved", "Signed In"):
        pages.client.track("ada", name)

    page = pages.get("/console/events", q="report s", sort="name")

    assert names(page) == ["Report Saved"]
    assert "1 name of 3" in page.text


def test_names_can_be_put_in_other_orders(pages: Pages) -> None:
    """By name, and by when they were last seen."""
    for name in ("b", "c", "c", "a"):
        pages.client.track("ada", name)

    assert names(pages.get("/console/events", sort="name")) == ["a", "b", "c"]
    assert names(pages.get("/console/events", sort="seen")) == ["a", "c", "b"]


def test_many_names_are_on_pages_that_stay_small(pages: Pages) -> None:
    """Names may be as long as they may be, in any writing."""
    long = "事" * 500
    rows = [{"user_id": "ada", "event_name": f"{place}{long}"} for place in range(PER_PAGE + 1)]
    for row in rows:
        pages.client.post("/v1/track", row)

    first = pages.get("/console/events")
    second = pages.get("/console/events", page=2)

    assert "Page 1 of 2" in first.text
    assert len(names(second)) == 1
    assert len(first.content) < MOST_BYTES


def test_a_page_that_is_not_there_is_the_last_one(pages: Pages) -> None:
    """Names may have become fewer since the link was made."""
    pages.client.track("ada", "a")

    assert names(pages.get("/console/events", page=99)) == ["a"]
    assert names(pages.get("/console/events", page="x")) == ["a"]


def test_a_name_may_hold_anything_and_its_link_leads_to_it(pages: Pages) -> None:
    """Escaped as text, and quoted in the address."""
    pages.client.track("ada", HOSTILE, plan="team")
    listed = pages.get("/console/events")

    page = pages.get(links(listed.text, "/console/events/name")[0])

    assert page.status_code == 200
    for text in (listed.text, page.text):
        assert "<img src=x" not in text
        assert "&lt;img src=x onerror" in text


def test_a_new_environment_says_what_to_do(pages: Pages) -> None:
    """An empty table says nothing."""
    page = pages.get("/console/events")

    assert f"curl {pages.url}/v1/track" in page.text


def test_a_name_has_its_numbers_and_properties(pages: Pages) -> None:
    """The same as those of the questions, and the types of the lookups."""
    for sent in ("team", "team", "free", 3):
        pages.client.track("ada", "upgraded", plan=sent, seats=1)

    page = pages.get("/console/events/name", name="upgraded")

    (plan, seats) = [row for row in rows(page.text) if row[0] in ("plan", "seats")]
    assert plan[1] == "string 3 numeric 1 conflict"
    assert plan[2:4] == ["4", "team 2 3 1 free 1"]
    assert seats[1:4] == ["numeric", "4", "1 4"]
    assert "<dt>Events, 30 days</dt><dd>4</dd>" in page.text


def test_a_name_shows_its_newest_events_whole(pages: Pages) -> None:
    """What an integration really sends."""
    pages.client.track("ada", "upgraded", plan={"a": ["<b>"]})

    page = pages.get("/console/events/name", name="upgraded")

    assert "&lt;b&gt;" in page.text
    assert "<b>" not in page.text.replace("<b></b>", "")
    assert "hostname" not in page.text  # it has none


def test_from_a_name_to_its_trend(pages: Pages) -> None:
    """One click further."""
    pages.client.track("ada", "a&b")
    page = pages.get("/console/events/name", name="a&b")

    trend = pages.get(links(page.text, "/console/trends")[0])

    assert 'value="a&amp;b"' in trend.text


def test_a_name_that_is_not_there_is_not_found(pages: Pages) -> None:
    """Not an empty page about nothing."""
    page = pages.get("/console/events/name", name="never")

    assert page.status_code == 404
    assert "There is no such event." in page.text


def test_calls_without_a_name_have_pages_too(pages: Pages) -> None:
    """Identified users, with the properties that they were given."""
    pages.client.identify("ada", {"plan": "team"})
    listed = pages.get("/console/events")

    page = pages.get(links(listed.text, "/console/events/name")[0])

    assert "Users identified" in page.text
    assert "plan" in [row[0] for row in rows(page.text)]


def test_the_newest_events_are_those_of_the_api(pages: Pages) -> None:
    """Filters are its parameters."""
    for user in ("ada", "bob", "ada"):
        pages.client.track(user, "opened")
    pages.client.track("ada", "saved")

    page = pages.get("/console/events/newest", user_id="ada", event_name="opened", to="")

    assert [row[1:3] for row in rows(page.text)[1:]] == [["opened", "ada"]] * 2
    assert str(page.url).endswith("?user_id=ada&event_name=opened")


def test_older_events_are_one_click_away(pages: Pages) -> None:
    """Each page begins where the one before ended."""
    for place in range(31):
        pages.client.track("ada", f"event {place}")
    first = pages.get("/console/events/newest", user_id="ada")

    second = pages.get(links(first.text, "/console/events/newest?user_id=ada&after")[0])

    assert len(rows(first.text)) == 31
    assert [row[1] for row in rows(second.text)[1:]] == ["event 0"]


def test_a_time_in_a_field_is_the_readers_own(pages: Pages) -> None:
    """The address names its zone, so that it means the same to whoever gets it."""
    pages.live_in("Asia/Kathmandu")

    page = pages.get("/console/events/newest", **{"from": "2025-11-03T14:00"})

    assert page.url.params["from"] == "2025-11-03T14:00:00+05:45"
    assert 'name="from" value="2025-11-03T14:00"' in page.text


def test_what_is_wrong_with_a_filter_stands_at_the_form(pages: Pages) -> None:
    """And what was typed is still there."""
    page = pages.get("/console/events/newest", user_id="ada", to="soon")

    assert page.status_code == 400
    assert "`to` is not a time." in page.text
    assert 'name="user_id" value="ada"' in page.text


def test_a_large_event_is_cut_in_the_list_and_whole_alone(pages: Pages) -> None:
    """Thirty of them are a page."""
    for _ in range(30):
        id = pages.client.track(
            "ada", "large", **{f"{place}\"'": "<>" * 200 for place in range(99)}
        )

    listed = pages.get("/console/events/newest")
    alone = pages.get("/console/events/newest", id=id)

    assert len(listed.content) < MOST_BYTES
    assert alone.text.count("&lt;&gt;") > 99 * 200
