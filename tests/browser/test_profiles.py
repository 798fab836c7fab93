"""Finding a person, reading what is known, and deleting all of it."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import Dialog, expect

from tests.browser.person import Person
from tests.server import Client

HOSTILE = """<script>alert(1)</script>"><img src=x onerror=alert(1)>"""


@pytest.mark.slow  # 2 s: several pages
def test_a_name_that_is_markup_is_only_text(person: Person, guest: Client) -> None:
    """What senders chose is shown on every page, and run on none."""
    guest.identify(HOSTILE, {HOSTILE: HOSTILE}, {"id": HOSTILE})
    guest.track(HOSTILE, HOSTILE[:128], **{HOSTILE: HOSTILE})
    ran: list[str] = []

    def alerted(dialog: Dialog) -> None:
        ran.append(dialog.message)
        dialog.dismiss()

    person.page.on("dialog", alerted)
    person.signs_in(guest.key)

    for name in ("Live", "Events", "Companies", "Users"):
        expect(person.picks(name).get_by_text("<script>").first).to_be_visible()
    person.page.get_by_role("table").get_by_role("link").first.click()
    expect(person.page.get_by_role("heading", level=1)).to_contain_text("<script>")

    assert ran == []


@pytest.mark.slow  # 3 s: a way through several pages
def test_a_user_is_searched_read_downloaded_and_deleted(person: Person, guest: Client) -> None:
    """What somebody does who is asked "what do you know about me?", and then "forget me"."""
    guest.identify("ada", {"name": "Ada Lovelace", "plan": "team"}, {"id": "acme"})
    guest.identify("bob", {"name": "Bob"})
    guest.track("ada", "report exported", format="pdf")
    person.signs_in(guest.key)

    page = person.picks("Users")
    page.get_by_role("searchbox", name="Search").fill("Lovelace")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("link", name="bob")).to_have_count(0)
    page.get_by_role("link", name="ada", exact=True).click()

    expect(page.get_by_role("heading", level=1)).to_have_text("ada")
    expect(page.get_by_role("row").filter(has_text="plan")).to_contain_text("team")
    expect(page.get_by_role("region", name="Timeline")).to_contain_text("report exported")
    expect(page.get_by_role("region", name="Activity")).to_contain_text("12 months")

    with page.expect_download() as downloading:
        page.get_by_role("link", name="Download all").click()
    held = json.loads(Path(downloading.value.path()).read_bytes())
    assert "Ada Lovelace" in json.dumps(held)

    page.get_by_role("link", name="Delete…").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Delete user ada?")
    page.get_by_role("button", name="Delete ada for good").click()
    expect(page.get_by_role("heading", name="Receipt")).to_be_visible()
    person.picks("Users")
    expect(page.get_by_role("link", name="bob")).to_be_visible()
    expect(page.get_by_role("link", name="ada", exact=True)).to_have_count(0)
