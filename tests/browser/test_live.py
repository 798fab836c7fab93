"""Watching calls as they come in."""

import pytest
from playwright.sync_api import expect

from tests.browser.person import Person
from tests.server import Client


@pytest.mark.slow  # 2 s: a person waits for a call
def test_a_call_shows_as_it_comes_in_and_opens(person: Person, guest: Client) -> None:
    """The page that makes an integration work: send, look, mend."""
    person.signs_in(guest.key)
    page = person.picks("Live")
    expect(page.get_by_role("heading", name="Waiting for a first call")).to_be_visible()
    expect(page.get_by_text("Live", exact=True).and_(page.locator(".badge"))).to_be_visible()

    guest.track("ada", "report exported", format="pdf")
    line = page.get_by_role("row").filter(has_text="report exported")
    expect(line).to_contain_text("ada")
    assert guest.post("/v1/track", {"user_id": "ada"}).status_code == 400
    expect(page.get_by_role("row").filter(has_text="event_name is missing")).to_be_visible()

    line.get_by_role("link", name="report exported").click()
    box = page.get_by_role("dialog", name="One call")
    expect(box).to_contain_text("pdf")
    box.get_by_role("button", name="Close").click()
    expect(box).to_be_hidden()


@pytest.mark.slow  # 2 s: a person waits for a call
def test_a_pause_keeps_what_comes_for_later(person: Person, guest: Client) -> None:
    """Lines that move away under the eyes cannot be read."""
    person.signs_in(guest.key)
    page = person.picks("Live")
    expect(page.get_by_text("Live", exact=True).and_(page.locator(".badge"))).to_be_visible()

    page.get_by_role("button", name="Pause").click()
    guest.track("ada", "report exported")
    expect(page.get_by_text("Paused, 1 call waiting")).to_be_visible()
    expect(page.get_by_role("row").filter(has_text="report exported")).to_have_count(0)

    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("row").filter(has_text="report exported")).to_have_count(1)
