"""Mending what was refused."""

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
