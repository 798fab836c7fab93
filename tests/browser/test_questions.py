"""Asking questions, and handing the answer on."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.person import Person
from tests.server import KEY


def answer_of(page: Page) -> str:
    """Return the text of the answer, once there is one."""
    answer = page.get_by_role("region", name="Answer")
    expect(answer.get_by_role("img").first).to_be_visible()
    return answer.inner_text()


@pytest.mark.slow  # 3 s: two people sign in
def test_a_trend_is_asked_for_and_its_address_shows_others_the_same(
    somebody: Callable[..., Person],
) -> None:
    """A picture of a chart cannot be asked further; a link can."""
    asking, reading = somebody(), somebody()
    asking.signs_in(KEY)
    page = asking.picks("Trends")
    page.get_by_label("Events, 1").fill("Task Created")
    page.get_by_label("Broken down by").fill("event.priority")
    page.get_by_label("Interval").select_option(label="Week")
    page.get_by_role("button", name="Ask").click()
    told = answer_of(page)
    assert "urgent" in told

    reading.signs_in(KEY)
    reading.page.goto(page.url)
    assert answer_of(reading.page) == told


@pytest.mark.slow  # 2 s: a way through several pages
def test_a_funnel_is_asked_for_with_steps(person: Person) -> None:
    """Of those who made a task, how many got one done?"""
    person.signs_in(KEY)
    page = person.picks("Funnels")
    page.get_by_label("Step 1").fill("Task Created")
    page.get_by_label("Step 2").fill("Task Completed")
    page.get_by_role("button", name="Ask").click()

    steps = page.get_by_role("region", name="Answer").get_by_role("listitem")
    expect(steps.nth(0)).to_contain_text("Task Created")
    expect(steps.nth(1)).to_contain_text("Task Completed")
    expect(steps.nth(1)).to_contain_text("%")
