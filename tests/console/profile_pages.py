"""What tests of the pages of users and companies share."""

import json
from typing import Any, Final
from urllib.parse import quote

from tests.console.browser import Browser

#: Ids that a page could trip over, by what is odd about them.
HOSTILE: Final = {
    "markup": "<script>alert(1)</script>",
    "slashes": "a/b/../c//",
    "escaped": "a%2Fb%00%",
    "address": "?q=1&x=%20#there;a",
    "spaces": " a b ",
    "line ends": "a\nb\r\nc",
    "zero": "a\x00b",
    "quotes": "\"'`",
    "a step": "..",
    "no step": ".",
    "a fixed page": "download",
    "turned": "\u202eabc",
    "long": "x" * 512,
    "long and wide": "\U0001f600" * 512,
}


def page_of(kind: str, id: str) -> str:
    """Return the address of a profile's page, as people write it who know the API."""
    if id in (".", ".."):
        return f"/console/profiles/{kind}/one?id={quote(id, safe='')}"
    return f"/console/{kind}/{quote(id, safe='')}"


def downloaded(browser: Browser, kind: str, id: str) -> dict[str, Any]:
    """Return the file of everything that is held."""
    reply = browser.get(f"/console/profiles/{kind}/download", id=id)
    assert reply.status_code == 200, reply.text
    found: dict[str, Any] = json.loads(reply.content)
    return found
