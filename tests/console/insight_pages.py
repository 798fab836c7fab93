"""What tests of the pages of numbers share."""

from html.parser import HTMLParser
from typing import Any, Final

import httpx

from tests.console.browser import Browser
from tests.server import Client

MOST_BYTES: Final = 150_000  #: of a page


class Pages:
    """Pages as somebody sees them who is signed in to the environment of a client."""

    def __init__(self, browser: Browser, client: Client) -> None:
        self.client = client
        self.url = browser.url
        self._http = browser.http

    def get(self, address: str, **query: Any) -> httpx.Response:
        """Return a page; redirects are followed."""
        return self._http.get(address, params=query or None, follow_redirects=True)

    def live_in(self, zone: str) -> None:
        """Have a browser that lives in a time zone, and has told it."""
        self._http.cookies.set("analytex_zone", zone)


def rows(text: str) -> list[list[str]]:
    """Return the rows of all tables of a page, as the text of their cells."""
    reader = _Tables()
    reader.feed(text)
    return [[" ".join("".join(cell).split()) for cell in row] for row in reader.rows]


def links(text: str, begin: str) -> list[str]:
    """Return the links of a page that begin so, in their order."""
    reader = _Tables()
    reader.feed(text)
    return [link for link in reader.links if link.startswith(begin)]


class _Tables(HTMLParser):
    """Reads tables and links; what is not shown (titles of pictures) is left out."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[list[str]]] = []
        self.links: list[str] = []
        self._in_picture = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th") and self.rows:
            self.rows[-1].append([])
        elif tag == "svg":
            self._in_picture += 1
        elif tag == "a":
            self.links.append(dict(attrs).get("href") or "")

    def handle_endtag(self, tag: str) -> None:
        self._in_picture -= tag == "svg"

    def handle_data(self, data: str) -> None:
        if self.rows and self.rows[-1] and not self._in_picture:
            self.rows[-1][-1].append(data)
