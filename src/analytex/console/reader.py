"""The reader's time zone, as the console's script tells it in a cookie (static/zone.js)."""

from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from starlette.requests import Request

COOKIE: Final = "analytex_zone"  #: a name of the IANA database; nothing else is stored in it


def named_zone(name: str | None) -> ZoneInfo | None:
    """Return the zone of that name; None if there is none."""
    try:
        return ZoneInfo(name) if name else None
    except (ValueError, OSError, ZoneInfoNotFoundError):
        return None


def reader_zone(request: Request) -> ZoneInfo:
    """Return the zone in which the reader lives; UTC until the script has told it."""
    return (
        named_zone(request.query_params.get("tz"))
        or named_zone(request.cookies.get(COOKIE))
        or ZoneInfo("UTC")
    )
