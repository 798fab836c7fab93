"""Pages work where no script runs."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.person import Person
from tests.server import KEY


@pytest.mark.slow  # 2 s: a way through several pages
def test_signing_in_a_profile_and_a_trend_need_no_script(somebody: Callable[..., Person]) -> None:
    """Forms are forms and links are links; a script that fails takes nothing away."""
    person = somebody(java_script_enabled=False)
    person.signs_in(KEY)

    page = person.picks("Users")
    page.get_by_role("searchbox", name="Search").fill("ada")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name="ada", exact=True).first.click()
    expect(page.get_by_role("row").filter(has_text="name")).to_contain_text("Ada Lovelace")

    page = person.picks("Trends")
    page.get_by_label("Events, 1").fill("Task Created")
    page.get_by_role("button", name="Ask").click()
    answer = page.get_by_role("region", name="Answer")
    expect(answer.get_by_role("img").first).to_be_visible()
    expect(answer.get_by_role("link", name="Download as CSV")).to_be_visible()
