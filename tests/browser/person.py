"""Somebody in front of a browser."""

from playwright.sync_api import BrowserContext, Page

from tests.browser.watch import Watch

WITHIN_MS = 10_000  # of waiting for something on a page; more only where the machine is busy


class Person:
    """Has a browser of their own, which knows nothing yet, and one page open in it."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        context.set_default_timeout(WITHIN_MS)
        self.context = context
        self.url = url
        self.watch = Watch(context, url)
        self.page: Page = context.new_page()

    def goes_to(self, path: str) -> Page:
        """Open an address of the server, and return the page."""
        self.page.goto(self.url + path)
        return self.page

    def signs_in(self, key: str) -> Page:
        """Sign in with a key, and return the page that shows then."""
        page = self.goes_to("/console")
        page.get_by_label("API key").fill(key)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("heading", level=1, name="Overview").wait_for()
        return page

    def picks(self, name: str) -> Page:
        """Choose a page from the menu, and return it."""
        self.page.get_by_role("navigation", name="Pages").get_by_role("link", name=name).click()
        self.page.get_by_role("heading", level=1, name=name).wait_for()
        return self.page

    def leaves(self) -> list[str]:
        """Close the browser, and return what was amiss meanwhile."""
        self.context.close()
        return self.watch.problems
