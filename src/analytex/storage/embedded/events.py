"""Finding events newest first: in the tail by scanning, in segments by index or by scanning.

Nothing is sorted by time on disk. A row of `segments` says how new a segment's events are, so a
scan begins with the newest segment and ends when the rest cannot add to the page any more.
"""

import heapq
import sqlite3
from typing import Any, Final

from analytex import sqlite
from analytex.domain.events import EventFilter
from analytex.storage.interface import Place

_SQL: Final = sqlite.queries(__package__, "read.sql")
_FOREVER: Final = 2**63 - 1


def find_events(
    db: sqlite3.Connection,
    environment_id: int,
    wanted: EventFilter,
    after: Place | None,
    limit: int,
) -> list[Place]:
    """Return the places of the `limit` newest matching events behind `after`, newest first."""
    values = _values(environment_id, wanted, after, limit)
    indexed = db.execute(_SQL["indexed"]).fetchone()[0]
    places = _scan(db, values, indexed + 1, _FOREVER)
    field, value = _indexed_field(wanted)
    if field is None:
        return _walk_segments(db, values, places, limit)
    values |= {"field": field, "value": value, "other_filters": _has_other_filters(wanted)}
    places += map(Place._make, db.execute(_SQL["find_indexed"], values))
    return heapq.nlargest(limit, places)


def _walk_segments(
    db: sqlite3.Connection, values: dict[str, Any], places: list[Place], limit: int
) -> list[Place]:
    for first, last, newest in db.execute(_SQL["segments"], values).fetchall():
        if len(places) == limit and places[-1].inserted_at > newest:
            break
        places = heapq.nlargest(limit, places + _scan(db, values, first, last))
    return places


def _scan(db: sqlite3.Connection, values: dict[str, Any], first: int, last: int) -> list[Place]:
    found = db.execute(_SQL["scan_range"], values | {"first": first, "last": last})
    return list(map(Place._make, found))


def _values(
    environment_id: int, wanted: EventFilter, after: Place | None, limit: int
) -> dict[str, Any]:
    # Both ends are one place: strictly before `until`, and strictly behind the cursor.
    end = Place(_FOREVER if wanted.until is None else wanted.until, 0)
    before = end if after is None else min(end, after)
    return {
        "environment_id": environment_id,
        "since": -_FOREVER if wanted.since is None else wanted.since,
        "before_at": before.inserted_at,
        "before_sequence": before.sequence,
        "limit": limit,
        "id": wanted.id,
        "user_id": wanted.user_id,
        "company_id": wanted.company_id,
        "event_type": wanted.event_type,
        "event_name": wanted.event_name,
    }


def _indexed_field(wanted: EventFilter) -> tuple[str | None, str | None]:
    """The most selective index that helps; an id's time range is narrower than any of them."""
    if wanted.id is not None:
        return None, None
    if wanted.user_id is not None:
        return "u", wanted.user_id
    if wanted.company_id is not None:
        return "c", wanted.company_id
    if wanted.event_name:
        return "n", wanted.event_name
    return None, None


def _has_other_filters(wanted: EventFilter) -> bool:
    filters = (wanted.user_id, wanted.company_id, wanted.event_type, wanted.event_name)
    return sum(value is not None for value in filters) > 1
