"""What tests of the downloaded file of everything share."""

import json
from collections.abc import Mapping
from typing import Any, Final

import httpx

from analytex.console.profiles_held import SECTIONS
from tests.console.browser import Browser
from tests.server import Client

NAMES: Final = [name for sections in SECTIONS.values() for name in sections]
OF_USERS: Final = [name for name in NAMES if name != "members"]
EXPORTS: Final = "/api/v1/analytics/exports"


def download(browser: Browser, id: str, kind: str = "users") -> httpx.Response:
    """Return the reply to a download."""
    return browser.get(f"/console/profiles/{kind}/download", id=id)


def refuse(client: Client, body: bytes, path: str = "/v1/track", type: str = "") -> str:
    """Send what is refused, and return its id."""
    reply = client.request("POST", path, content=body, headers={"content-type": type})
    assert reply.status_code in (400, 413, 415), reply.text
    return str(reply.headers["x-request-id"])


def bad(user: object, **rest: object) -> dict[str, object]:
    """A row of an import that fails."""
    row = {"event_type": "track", "source": "nowhere", "inserted_at": "2025-01-01"}
    return {**row, "user_id": user, "event_name": "opened", **rest}


def lines(*rows: object) -> bytes:
    """Return NDJSON."""
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def filled(found: Mapping[str, Any]) -> set[str]:
    """Return the sections in which something is."""
    return {name for name in NAMES if found.get(name)}
