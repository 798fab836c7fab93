"""Mending what was refused."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.person import Person
from tests.server import Client


@pytest.mark.slow  # 2 s: a way through several pages
def test_a_refused_call_is_mended_and_sent_again(person: Person, guest: Client) -> None:
    """A mistake in the sender loses nothing."""
    assert guest.post("/v1/track", {"user_id": "ada"}).status_code == 400
    person.signs_in(guest.key)
    page = person.picks("Quarantine")
    page.get_by_role("table").get_by_role("link").first.click()

    page.get_by_label("Body").fill('{"user_id": "ada", "event_name": "mended"}')
    page.get_by_role("button", name="Send again").click()

    expect(page.get_by_text("It was sent again and accepted")).to_be_visible()
    assert [event["event_name"] for event in guest.events()] == ["mended"]


@pytest.mark.slow  # 2 s: a way through several pages
def test_several_requests_are_chosen_and_removed(person: Person, guest: Client) -> None:
    """All of a page at once, but one; nothing goes before it was asked for twice."""
    for place in range(3):
        assert guest.post("/v1/track", {"user_id": f"ada-{place}"}).status_code == 400
    person.signs_in(guest.key)
    page = person.picks("Quarantine")
    expect(page.get_by_role("button", name="Send again")).to_be_disabled()

    page.get_by_label("All on this page").check()
    page.get_by_label("Choose track of ada-1").uncheck()
    expect(page.get_by_text("2 chosen")).to_be_visible()
    page.get_by_text("Remove…").click()
    page.get_by_role("button", name="Remove for good").click()

    expect(page.get_by_text("2 requests are removed.")).to_be_visible()
    expect(page.get_by_role("table").get_by_role("link")).to_have_count(1)
    expect(page.get_by_text("ada-1", exact=True)).to_be_visible()


@pytest.mark.slow  # 2 s: a way through several pages
def test_several_requests_are_chosen_without_script(
    somebody: Callable[..., Person], guest: Client
) -> None:
    """A link chooses all of a page; the form is a form."""
    for place in range(2):
        assert guest.post("/v1/track", {"user_id": f"ada-{place}"}).status_code == 400
    person = somebody(java_script_enabled=False)
    person.signs_in(guest.key)
    page = person.picks("Quarantine")

    page.get_by_role("link", name="Choose all on this page").click()
    page.get_by_text("Remove…").click()
    page.get_by_role("button", name="Remove for good").click()

    expect(page.get_by_text("2 requests are removed.")).to_be_visible()
    expect(page.get_by_text("Nothing was refused")).to_be_visible()
