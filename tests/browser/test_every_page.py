"""What holds for every page, wide and narrow, light and dark: pages are found, not listed."""

from collections.abc import Callable
from typing import Any, Final

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped] # has none
from playwright.sync_api import Page

from analytex.console.navigation import MENU
from tests.browser.addresses import PAGES, look_around
from tests.browser.person import Person
from tests.console.browser import Browser as Reader
from tests.server import Client, Server

MOST_BYTES: Final = 150_000
WIDE, NARROW = 1280, 375  # CSS pixels: a laptop's screen, a small telephone's
#: what axe calls a problem that keeps people from using a page
GRAVE: Final = ("serious", "critical")
CONTRAST: Final = "color-contrast"  # takes longer than all others together
axe = Axe()


@pytest.fixture(scope="session")
def addresses(town: Server) -> dict[str, list[str]]:
    """Where each page is, by the path of its route."""
    with Reader(town) as reader:
        reader.sign_in(town.client())
        return look_around(reader)


@pytest.fixture(scope="session")
def signed_in(town: Server) -> Any:
    """The cookies of somebody who is signed in, as Playwright takes them."""
    with Reader(town) as reader:
        reader.sign_in(town.client())
        return {
            "cookies": [
                {"name": name, "value": value, "url": town.url}
                for name, value in reader.http.cookies.items()
            ],
            "origins": [],
        }


@pytest.fixture
def visitor(somebody: Callable[..., Person], signed_in: Any) -> Person:
    """Somebody who is signed in to the town."""
    return somebody(storage_state=signed_in, viewport={"width": WIDE, "height": 900})


def test_links_or_forms_lead_to_every_page(addresses: dict[str, list[str]]) -> None:
    """Who adds a page that neither does says in `addresses.BEGIN` where it is."""
    assert set(PAGES) - set(addresses) == set()


@pytest.mark.slow  # about 2 s each
@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_usable_by_all_and_fits_every_screen(
    visitor: Person, addresses: dict[str, list[str]], path: str
) -> None:
    """Nobody looks at all of them in four ways after each change; a machine does."""
    for address in addresses[path]:
        page = visitor.page
        reply = page.goto(visitor.url + address)
        assert reply is not None
        assert len(reply.body()) < MOST_BYTES
        assert page.locator("h1").count() == 1
        assert page.title() not in ("", " · analytex")
        assert grave_problems(page) == []
        assert too_wide(page) == []
        page.emulate_media(color_scheme="dark")
        assert grave_problems(page, only=CONTRAST) == []
        page.set_viewport_size({"width": NARROW, "height": 812})
        assert too_wide(page) == []
        page.emulate_media(color_scheme="light")
        assert grave_problems(page, without=CONTRAST) == []
        page.set_viewport_size({"width": WIDE, "height": 900})


@pytest.mark.slow  # 6 s: all pages of the menu
def test_what_shows_where_nothing_is_yet_is_usable_by_all(person: Person, guest: Client) -> None:
    """The first thing that somebody sees of a page says what to do next."""
    person.signs_in(guest.key)
    for path in (entry.path for group in MENU for entry in group.entries):
        page = person.goes_to(path)
        assert (path, grave_problems(page)) == (path, [])


@pytest.mark.slow  # 2 s
def test_the_sign_in_and_a_page_that_is_not_there_are_usable_by_all(visitor: Person) -> None:
    """No link of the menu leads there."""
    visitor.watch.expect(404)
    assert grave_problems(visitor.goes_to("/console/nothing")) == []
    visitor.context.clear_cookies()
    page = visitor.goes_to("/console")
    assert page.title().startswith("Sign in")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert grave_problems(page) == []


def test_how_long_the_first_page_takes_is_told(
    visitor: Person, record_property: Callable[[str, object], None]
) -> None:
    """How fast it is depends on the machine: it is said at the end, and never a failure."""
    visitor.goes_to("/console")
    visitor.goes_to("/console")

    told = visitor.page.evaluate("performance.getEntriesByType('navigation')[0].toJSON()")
    assert 0 < told["responseEnd"] <= told["domContentLoadedEventEnd"]
    record_property(
        "told",
        f"The first page of the console: {told['responseEnd']:.0f} ms until all of it had come, "
        f"{told['domContentLoadedEventEnd']:.0f} ms until it could be used.",
    )


def test_these_checks_see_what_is_wrong(person: Person) -> None:
    """A check that sees nothing would be green for good."""
    page = person.page
    page.set_content(
        '<p style="color: #ccc; width: 3000px">pale</p><input><script>console.error("oh")</script>'
        '<img src="http://127.0.0.1:9/elsewhere.png">'
    )

    found = " ".join(grave_problems(page))
    assert "color-contrast" in found
    assert "label" in found
    assert any("pale" in each for each in too_wide(page))
    noted = " ".join(person.watch.problems)
    assert "error in the console: oh" in noted
    assert "a request to somewhere else: http://127.0.0.1:9/elsewhere.png" in noted
    person.watch.problems.clear()


def grave_problems(page: Page, *, only: str = "", without: str = "") -> list[str]:
    """Return what axe finds, with the elements; of one rule alone, or of all but one."""
    options: dict[str, Any] = {"resultTypes": ["violations"]}
    if only:
        options["runOnly"] = [only]
    if without:
        options["rules"] = {without: {"enabled": False}}
    found = axe.run(page, options=options).response["violations"]
    return [
        f"{problem['id']}: {node['html']}\n{node['failureSummary']}"
        for problem in found
        if problem["impact"] in GRAVE
        for node in problem["nodes"]
    ]


def too_wide(page: Page) -> list[str]:
    """Return the elements that make the document scroll sideways."""
    found: list[str] = page.evaluate(
        """() => {
          const width = document.documentElement.clientWidth;
          if (document.documentElement.scrollWidth <= width) return [];
          return [...document.querySelectorAll("body *")]
            .filter((each) => each.getBoundingClientRect().right > width)
            .map((each) => each.outerHTML.slice(0, 200));
        }"""
    )
    return found
