"""Making keys, using and revoking them."""

import pytest
from playwright.sync_api import expect

from tests.browser.person import Person
from tests.server import Client


@pytest.mark.slow  # 2 s: a way through several pages
def test_a_key_is_made_shown_once_and_revoked(person: Person, guest: Client) -> None:
    """Only a hash is kept: what was not copied is gone."""
    person.signs_in(guest.key)
    page = person.picks("Keys")
    page.get_by_role("region", name="New key").get_by_label("Name").fill("the mobile app")
    page.get_by_role("button", name="Make the key").click()
    secret = page.get_by_role("region", name="The key").locator("code").first.inner_text()
    made = guest._replace(key=secret)
    made.track("ada", "opened")

    page.get_by_role("link", name="Done").click()
    row = page.get_by_role("row").filter(has_text="the mobile app")
    expect(row).to_be_visible()
    assert secret not in page.content()

    row.get_by_text("Revoke", exact=True).click()
    row.get_by_role("button", name="Revoke for good").click()
    expect(page.get_by_role("status").first).to_be_visible()
    expect(
        page.get_by_role("table", name="Keys that work").get_by_role("row", name="the mobile app")
    ).to_have_count(0)
    assert made.get("/v1/validate").status_code == 401
