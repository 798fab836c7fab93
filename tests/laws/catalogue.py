"""What events say of properties, told as plainly as possible: one value after the other."""

import json
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from analytex.domain.catalogue import Entry, Place, Section, ValueType
from analytex.domain.events import Event, EventType

Catalogue = dict[Place, Entry]


def catalogue(events: Iterable[Event], environment_id: int) -> Catalogue:
    """Return what the events of an environment say."""
    found: Catalogue = {}
    for event in events:
        if event.environment_id != environment_id:
            continue
        if event.event_type is EventType.TRACK:
            _see(found, Place(Section.EVENT, "", event.event_name), event.inserted_at, None)
        section, name = {
            EventType.TRACK: (Section.TRACK, event.event_name),
            EventType.PAGE_VIEW: (Section.PAGE_VIEW, ""),
            EventType.IDENTIFY_USER: (Section.USER, ""),
            EventType.IDENTIFY_COMPANY: (Section.COMPANY, ""),
        }[event.event_type]
        for key, value in json.loads(event.metadata).items():
            _see(found, Place(section, name, key), event.inserted_at, _type(value))
        for key, value in json.loads(event.company or "{}").items():
            _see(found, Place(Section.COMPANY, "", key), event.inserted_at, _type(value))
    return found


def _see(found: Catalogue, place: Place, at: int, kind: ValueType | None) -> None:
    entry = found.setdefault(place, Entry(count=0, first_seen=at, last_seen=at, types={}))
    entry.count += 1
    entry.first_seen = min(entry.first_seen, at)
    entry.last_seen = max(entry.last_seen, at)
    if kind is not None:
        entry.types[kind] = entry.types.get(kind, 0) + 1


def _type(value: Any) -> ValueType:
    if value is None:
        return ValueType.NULL
    if isinstance(value, bool):
        return ValueType.BOOLEAN
    if isinstance(value, int | float):
        return ValueType.NUMERIC
    if isinstance(value, str):
        return ValueType.DATE if _is_date(value) else ValueType.STRING
    return ValueType.ARRAY if isinstance(value, list) else ValueType.OBJECT


def _is_date(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return re.match("[0-9]{4}-[0-9]{2}-[0-9]{2}", text) is not None
