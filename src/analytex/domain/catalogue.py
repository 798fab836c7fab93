"""The property catalogue: which properties and event names there are, as far as calls show it.

It is made of what was received and of nothing else. A value is looked at for its type and then
forgotten: no value is part of the catalogue.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from hashlib import blake2b
from itertools import chain, repeat
from operator import itemgetter
from typing import Any, Final, NamedTuple

import msgspec

from analytex.domain.events import EventType

MAX_KEY_CHARS: Final = 512  #: a longer key is left out
ID_BITS: Final = 53  #: every JSON reader takes such a number for what it is


class Section(StrEnum):
    """What an entry of the catalogue describes."""

    USER = "user"  #: a property of users
    COMPANY = "company"  #: a property of companies
    EVENT = "event"  #: an event name; the name is the key
    TRACK = "track"  #: a property of tracks of one name
    PAGE_VIEW = "page_view"  #: a property of page views


#: Entries of an environment, at most: whoever invents keys cannot fill the disk with them.
MOST_ENTRIES: Final = {
    Section.USER: 10_000,
    Section.COMPANY: 10_000,
    Section.EVENT: 10_000,
    Section.TRACK: 50_000,
    Section.PAGE_VIEW: 10_000,
}


class ValueType(StrEnum):
    """What a value is. A date is a string that ISO 8601 would read; it stays a string."""

    STRING = "String"
    DATE = "Date"
    NUMERIC = "Numeric"
    BOOLEAN = "Boolean"
    OBJECT = "Object"
    ARRAY = "Array"
    NULL = "Null"


class Place(NamedTuple):
    """What names an entry in its environment, and where it stands in a list."""

    section: Section
    event: str  #: the event name, of a track's property; else empty
    key: str


class Entry(msgspec.Struct, kw_only=True):
    """What is known about one property or event name. Times: microseconds since 1970-01-01 UTC."""

    count: int  #: how many calls and rows carried it
    first_seen: int  #: the earliest of their times, not the order in which they came
    last_seen: int
    types: dict[ValueType, int] = {}  #: how often each was seen; empty of an event name


#: As much of a stored event as the catalogue needs: sequence, environment id, event type, event
#: name, inserted_at, metadata, company (see `Event`).
Sample = tuple[int, int, str, str, int, str, str | None]
Group = tuple[int, Section, str]  #: environment id, section, event name
Shelf = tuple[int, Section]  #: environment id, section


class Findings(msgspec.Struct):
    """What some events say, by environment."""

    entries: dict[int, dict[Place, Entry]] = {}
    left_out: dict[Shelf, int] = {}  #: how many properties were not looked at: too long a key


def entry_id(place: Place) -> int:
    """Return the number of an entry: the same on every server, in every environment, for ever.

    It is made of the name alone, 53 bits of it: among 10,000 names two are alike once in a hundred
    million catalogues.
    """
    text = msgspec.json.encode(place)
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "big") >> (64 - ID_BITS)


def data_type(entry: Entry) -> ValueType:
    """Return the one type that all values have; String if they have several, or none."""
    seen = entry.types.keys() - {ValueType.NULL}
    if len(seen) == 1 and not seen & {ValueType.OBJECT, ValueType.ARRAY}:
        return next(iter(seen))
    return ValueType.STRING


def value_type(value: msgspec.Raw) -> ValueType:
    """Return the type of one value."""
    found = _value(value)
    if isinstance(found, str) and _is_date(found):
        return ValueType.DATE
    return _TYPES[type(found)]


def has_conflict(entry: Entry) -> bool:
    """Tell whether values of several types were seen. A null, which removes, is none."""
    return len(entry.types.keys() - {ValueType.NULL}) > 1


def merge(entry: Entry, other: Entry) -> None:
    """Add to an entry, in place, what other events say about it. Any order gives the same."""
    entry.count += other.count
    entry.first_seen = min(entry.first_seen, other.first_seen)
    entry.last_seen = max(entry.last_seen, other.last_seen)
    for kind, count in other.types.items():
        entry.types[kind] = entry.types.get(kind, 0) + count


def observe(samples: Sequence[Sample], sections: Collection[Section] = tuple(Section)) -> Findings:
    """Return what events say of these sections.

    About 2 us per event: whole columns go through C code, and nothing is done per property in
    Python but to look at its type.
    """
    found = Findings()
    for (environment_id, section, event), (times, texts) in _grouped(samples, sections).items():
        entries = found.entries.setdefault(environment_id, {})
        if section is Section.TRACK and Section.EVENT in sections:
            entries[Place(Section.EVENT, "", event)] = Entry(
                count=len(times), first_seen=times[0], last_seen=times[-1]
            )
        if section in sections:
            left_out = 0
            for key, entry in _properties(times, texts):
                if len(key) <= MAX_KEY_CHARS:
                    entries[Place(section, event, key)] = entry
                else:
                    left_out += entry.count
            if left_out:
                shelf = (environment_id, section)
                found.left_out[shelf] = found.left_out.get(shelf, 0) + left_out
    return found


def _grouped(
    samples: Sequence[Sample], sections: Collection[Section]
) -> dict[Group, tuple[list[int], list[str]]]:
    """Return times and properties of what belongs together, oldest first."""
    groups: dict[Group, tuple[list[int], list[str]]] = {}
    with_companies = Section.COMPANY in sections
    for _, environment_id, kind, event, at, metadata, company in sorted(samples, key=_INSERTED_AT):
        section = _SECTIONS.get(kind)
        if section is None:
            continue
        group = (environment_id, section, event)
        found = groups.get(group)
        if found is None:
            found = groups[group] = ([], [])
        found[0].append(at)
        found[1].append(metadata)
        if company is not None and with_companies:
            found = groups.setdefault((environment_id, Section.COMPANY, ""), ([], []))
            found[0].append(at)
            found[1].append(company)
    return groups


def _properties(times: Sequence[int], texts: Sequence[str]) -> Iterable[tuple[str, Entry]]:
    objects = _decode(texts)
    keys = list(chain.from_iterable(objects))
    classes = [
        _Date if v.__class__ is str and v[4:5] == "-" and _is_date(v) else v.__class__
        for each in objects
        for v in each.values()
    ]
    entries: dict[str, Entry] = {}
    for (key, kind), count in Counter(zip(keys, classes, strict=True)).items():
        entry = entries.get(key)
        if entry is None:
            entry = entries[key] = Entry(
                count=0, first_seen=times[0], last_seen=times[-1], types={}
            )
        entry.count += count
        type = _TYPES[kind]
        entry.types[type] = entry.types.get(type, 0) + count
    if any(entry.count < len(objects) for entry in entries.values()):
        _set_times(entries, keys, list(chain.from_iterable(map(repeat, times, map(len, objects)))))
    return entries.items()


def _set_times(entries: dict[str, Entry], keys: Sequence[str], times: Sequence[int]) -> None:
    """Set when each property was seen; needed where not every event carried it."""
    last = dict(zip(keys, times, strict=True))  # of equal keys, the last one stays
    first = dict(zip(reversed(keys), reversed(times), strict=True))
    for key, entry in entries.items():
        entry.first_seen, entry.last_seen = first[key], last[key]


def _decode(texts: Sequence[str]) -> list[dict[str, Any]]:
    try:
        return _decode_list(f"[{','.join(texts)}]")
    except msgspec.MsgspecError:
        return [_decode_hard(text) for text in texts]


def _decode_hard(text: str) -> dict[str, Any]:
    """Return properties with values that no number or string of ours can be, such as 1e999."""
    try:
        return {key: _value(value) for key, value in _decode_raw(text).items()}
    except msgspec.MsgspecError:  # no properties: a profile could not be folded with them either
        return {}


def _value(raw: msgspec.Raw) -> Any:
    try:
        return msgspec.json.decode(raw)
    except msgspec.MsgspecError:
        return {b'"': "", b"{": {}, b"[": []}.get(bytes(raw)[:1], 0)


def _is_date(text: str) -> bool:
    if text[7:8] != "-" or not text[8:10].isdecimal():
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


class _Date:
    """Stands for the class of a string that is a date."""


_INSERTED_AT: Final = itemgetter(4)
_SECTIONS: Final[dict[str, Section]] = {
    EventType.IDENTIFY_USER: Section.USER,
    EventType.IDENTIFY_COMPANY: Section.COMPANY,
    EventType.TRACK: Section.TRACK,
    EventType.PAGE_VIEW: Section.PAGE_VIEW,
}
_TYPES: Final[dict[type, ValueType]] = {
    str: ValueType.STRING,
    _Date: ValueType.DATE,
    int: ValueType.NUMERIC,
    float: ValueType.NUMERIC,
    bool: ValueType.BOOLEAN,
    dict: ValueType.OBJECT,
    list: ValueType.ARRAY,
    type(None): ValueType.NULL,
}
_decode_list: Final = msgspec.json.Decoder(list[dict[str, Any]]).decode
_decode_raw: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
