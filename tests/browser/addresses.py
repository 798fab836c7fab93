"""All addresses of the console that show a page: its own table of routes, and its own links."""

import re
from collections import defaultdict
from html import unescape
from typing import Final
from urllib.parse import unquote

from starlette.routing import Route

from tests.console.browser import Browser
from tests.console.test_pages import ROUTES

#: how the paths end that answer with a part of a page, or with a file
NO_PAGES: Final = ("/parts", "/activity", "/stream", "/download", "/failed-rows")
#: where a look around begins, and what no link leads to: a form does, or an id such as `..`
BEGIN: Final = (
    "/console",
    "/console/sign-in",
    "/console/funnels?step=Project+Created&step=Task+Created&last=30d",
    "/console/profiles/users/one?id=ada",
    "/console/profiles/companies/one?id=acme",
)
_LINK: Final = re.compile(r'href="(/console[^"]*)"')


def shows_a_page(route: Route) -> bool:
    """Return whether it answers GET with a page, by its path."""
    last = route.path.rpartition("/")[2]
    return (
        "GET" in (route.methods or ())
        and not route.path.endswith(NO_PAGES)
        and "." not in last.partition("}")[2]
        and ("." not in last or "}" in last)
    )


PAGES: Final = [route.path for route in ROUTES if shows_a_page(route)]


def look_around(browser: Browser) -> dict[str, list[str]]:
    """Follow all links, and return the addresses of each page by the path of its route.

    Each page stands there at most twice: alone, and as a link asks for something of it.
    """
    found: dict[str, list[str]] = defaultdict(list)
    kinds: set[tuple[str, bool]] = set()
    to_see = list(BEGIN)
    while to_see:
        address = to_see.pop(0)
        path, asks, _ = address.partition("?")
        route = _route(unquote(path))
        if route is None or (route.path, bool(asks)) in kinds:
            continue
        kinds.add((route.path, bool(asks)))
        if not shows_a_page(route):
            continue
        found[route.path].append(address)
        to_see += [
            unescape(link).partition("#")[0] for link in _LINK.findall(_text(browser, address))
        ]
    return found


def _text(browser: Browser, address: str) -> str:
    return browser.http.get(address, follow_redirects=True).text


def _route(path: str) -> Route | None:
    fits = (r for r in ROUTES if "GET" in (r.methods or ()) and r.path_regex.match(path))
    return next(fits, None)
