"""Signing in and out, by mouse and by keyboard."""

from playwright.sync_api import expect

from tests.browser.person import Person
from tests.server import KEY


def test_a_wrong_key_is_told_and_the_right_one_opens_what_was_asked_for(person: Person) -> None:
    """Whoever followed a link arrives there, not at the first page."""
    page = person.goes_to("/console/events")
    expect(page.get_by_label("API key")).to_be_focused()

    person.watch.expect(401)
    page.get_by_label("API key").fill("not-a-key")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_be_visible()

    page.get_by_label("API key").fill(KEY)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Events")


def test_after_signing_out_pages_ask_for_a_key_again(person: Person) -> None:
    """On a machine that others use, too."""
    page = person.signs_in(KEY)

    page.get_by_role("banner").locator("summary").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("API key")).to_be_visible()

    person.goes_to("/console/users")
    expect(page.get_by_label("API key")).to_be_visible()


def test_tab_and_enter_are_enough_and_one_sees_where_one_is(person: Person) -> None:
    """Some cannot use a mouse; a focus that does not show is none."""
    page = person.goes_to("/console")
    page.keyboard.type(KEY)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")

    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    for _ in range(20):
        page.keyboard.press("Tab")
        width, style = page.evaluate(
            "() => { const style = getComputedStyle(document.activeElement);"
            " return [parseFloat(style.outlineWidth), style.outlineStyle] }"
        )
        assert (width >= 1, style) == (True, "solid"), page.evaluate(
            "document.activeElement.outerHTML"
        )
        if page.get_by_role("link", name="Events", exact=True).evaluate(
            "link => link === document.activeElement"
        ):
            break
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", level=1)).to_have_text("Events")
