"""Uploading a file: checked first, then stored; its errors are read."""

import pytest
from playwright.sync_api import FilePayload, expect

from tests.browser.person import Person
from tests.browser.town import ROWS
from tests.server import Client

FILE: FilePayload = {"name": "rows.ndjson", "mimeType": "application/x-ndjson", "buffer": ROWS}


@pytest.mark.slow  # 4 s: two jobs run
def test_a_file_with_bad_rows_is_checked_then_stored(person: Person, guest: Client) -> None:
    """The check stores nothing; storing takes the good rows, and says what is wrong with others."""
    person.signs_in(guest.key)
    page = person.picks("Jobs")
    page.get_by_role("link", name="Upload a file").first.click()
    page.get_by_label("Choose a file").set_input_files(FILE)
    page.get_by_role("button", name="Check first").click()

    errors = page.get_by_role("table", name="Rows with errors").get_by_role("row")
    expect(
        page.get_by_role("heading", name="3 of 5 rows are good; nothing is stored yet")
    ).to_be_visible()
    expect(errors).to_have_count(3)
    expect(errors.nth(1)).to_contain_text("soon")
    expect(errors.nth(2)).to_contain_text("fax")
    assert guest.events() == []

    page.get_by_role("button", name="Store these rows").click()
    expect(page.get_by_text("2 rows were not stored.")).to_be_visible()
    with page.expect_download() as downloading:
        page.get_by_role("link", name="Errors as CSV").click()
    assert downloading.value.path().read_text().count("\n") == 3
    assert len(guest.events()) == 3
