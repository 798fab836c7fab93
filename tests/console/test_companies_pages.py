"""The pages of companies: what they have beyond those of users."""

import pytest

from analytex.console.profiles_history import LOOKED_AT
from tests.console.browser import Browser
from tests.console.insight_pages import MOST_BYTES, links
from tests.console.profile_pages import HOSTILE, downloaded, page_of
from tests.console.test_users_pages import cells
from tests.server import Client

LIST = "/console/companies"
DELETE = "/console/profiles/companies/delete"


def test_companies_are_listed_and_found(browser: Browser, client: Client) -> None:
    """By id and by value."""
    client.identify_company("c-1", {"name": "Acme", "plan": "team"})
    client.identify_company("c-2", {"name": "Bolt"})

    assert "2 companies, by id" in browser.page(LIST)
    assert links(browser.page(LIST, q="c-2"), f"{LIST}/") == [f"{LIST}/c-2"]
    assert links(browser.page(LIST, q="ACME"), f"{LIST}/") == [f"{LIST}/c-1"]


def test_an_empty_list_says_what_to_do(browser: Browser) -> None:
    """How a company comes to be there, and how users get into it."""
    text = browser.page(LIST)

    assert f"curl {browser.url}/v1/companies/identify" in text
    assert f"curl {browser.url}/v1/identify" in text


def test_a_company_shows_its_members(browser: Browser, client: Client) -> None:
    """Those who belong to it now; the rest is one click away."""
    for place in range(15):
        client.identify(f"u-{place:02}", company={"id": "acme"})
    client.identify("u-03", company={"id": "other"})

    text = browser.page(f"{LIST}/acme")
    all_of_them = browser.page(links(text, "/console/users?company=acme")[0])

    here = [f"/console/users/u-{place:02}" for place in range(15) if place != 3]
    assert list(dict.fromkeys(links(text, "/console/users/")))[:10] == here[:10]
    assert links(all_of_them, "/console/users/") == here


def test_a_company_without_members_says_so(browser: Browser, client: Client) -> None:
    """Rather than nothing."""
    client.identify_company("acme", {"plan": "team"})

    assert "No user belongs to it." in browser.page(f"{LIST}/acme")


def test_properties_come_from_both_kinds_of_calls(browser: Browser, client: Client) -> None:
    """A company's own, and what an identify says of it."""
    client.identify_company("acme", {"plan": "free"})
    client.identify("ada", {"plan": "no"}, {"id": "acme", "plan": "team"})
    client.identify_company("acme", {"plan": "business"})

    plan = cells(browser.page(f"{LIST}/acme"))["plan"][0]

    assert plan.startswith("business2 earlier")
    assert plan.index("business2") < plan.index("team from") < plan.index("free from")
    assert "no from" not in plan


def test_activity_is_that_of_its_users(browser: Browser, client: Client) -> None:
    """How many did something, too."""
    for user in ("ada", "bob"):
        client.identify(user, company={"id": "acme"})
        client.track(user, "opened")

    text = browser.page("/console/profiles/companies/activity", id="acme")

    assert "2 events on 1 day, by 2 users" in " ".join(text.split())


@pytest.mark.parametrize("id", HOSTILE.values(), ids=HOSTILE)
def test_an_id_may_hold_anything(browser: Browser, client: Client, id: str) -> None:
    """As a user's."""
    client.identify_company(id, {"name": "<b>", "<i>": id})
    client.identify("ada", company={"id": id})

    for address in (page_of("companies", id), f"{DELETE}?id=%3Cu%3E"):
        text = browser.get(address).text
        assert len(text.encode()) < MOST_BYTES
        for sign in ("<script>a", "<b>", "<i>", "<u>"):
            assert sign not in text
    found = browser.page(page_of("companies", id))
    assert links(found, "/console/users/ada")
    assert links(browser.page("/console/users", company=id), "/console/users/ada")
    assert downloaded(browser, "companies", id)["company"]["company_id"] == id


def test_a_company_with_much_has_a_small_page(browser: Browser, client: Client) -> None:
    """Whatever its name is, and those of its users."""
    id = "\U0001f600" * 512
    for turn in range(9):
        values = {f"{place}" + "<" * 90: f"{turn}" + "<'" * 300 for place in range(20)}
        client.identify_company(id, values)
    for place in range(30):
        user = f"{place:02}" + "\U0001f600" * 510
        client.identify(user, {"name": "<" * 200, "p": "<" * 50}, {"id": id})
        client.track(user, f"{place:02}" + "\U0001f600" * 80, p="<" * 500)

    page = browser.get(page_of("companies", id))

    assert page.status_code == 200
    assert len(page.content) < MOST_BYTES


def test_the_file_holds_everything(browser: Browser, client: Client) -> None:
    """The profile, and the events that have the company."""
    call = client.identify_company("acme", {"plan": "team"})
    client.identify("ada", company={"id": "acme"})
    client.track("ada", "opened")

    found = downloaded(browser, "companies", "acme")

    assert found["company"]["properties"]["plan"]["set_by"] == call
    assert found["events"] == client.all_events(company_id="acme")
    assert found["events_count"] == 3


@pytest.mark.slow
def test_deleting_makes_a_job(browser: Browser, client: Client) -> None:
    """Its users stay, without the company. 1.2 s: the job."""
    client.identify("ada", company={"id": "acme", "name": "Acme"})
    assert "Its users and their events stay" in browser.page(DELETE, id="acme")

    browser.post(DELETE, {"id": "acme"})

    (job,) = client.get("/v1/background_jobs").json()
    assert client.ended(job)["type"] == "delete_companies"
    assert browser.get(f"{LIST}/acme").status_code == 404
    assert links(browser.page("/console/users/ada"), f"{LIST}/") == []


def test_older_calls_of_both_kinds_are_one_click_away(browser: Browser, client: Client) -> None:
    """A company's own, and those of users that name it; each kind only if there are more."""
    rows = [{"company_id": "acme", "metadata": {"step": step}} for step in range(LOOKED_AT + 1)]
    client.bulk("companies", rows)
    client.identify("ada", None, {"id": "acme", "plan": "team"})

    text = browser.page(f"{LIST}/acme")

    older = "/console/events/newest?company_id=acme&event_type="
    assert len(links(text, f"{older}identify_company&after_cursor=")) == 1
    assert not links(text, f"{older}identify_user")
