"""What the pages of events show: names with their volumes, one name's properties and values."""

import json
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from analytex.domain.catalogue import Entry, Place, Section, ValueType, has_conflict
from analytex.domain.environments import Scope
from analytex.domain.events import Event, EventFilter, EventType
from analytex.domain.values import NULL
from analytex.http.deps import Deps
from analytex.query.insights.answers import TrendsAnswer
from analytex.query.insights.asked import Owner, Property, Selection, Top, Trends
from analytex.query.insights.spans import Interval, Span, default_since, end_of_day, span
from analytex.query.lookups import Lookup
from analytex.wire.replies import event_reply

PER_PAGE: Final = 50
DAYS: Final = 30
EXAMPLES: Final = 5  #: events of a name that are shown whole
LOOKED_AT: Final = 300  #: its newest, whose values are counted
VALUES: Final = 4  #: of a property that are shown
MOST_PROPERTIES: Final = 100
MOST_VALUE_CHARS: Final = 80

#: What has no names of its own, as questions call it.
KINDS: Final = {
    "@page_view": (EventType.PAGE_VIEW, Section.PAGE_VIEW),
    "@identify_user": (EventType.IDENTIFY_USER, Section.USER),
    "@identify_company": (EventType.IDENTIFY_COMPANY, Section.COMPANY),
}
KIND_TITLES: Final = {
    "@page_view": "Page views",
    "@identify_user": "Users identified",
    "@identify_company": "Companies identified",
}

_EVENT_NAME: Final = Property(Owner.FIELD, "event_name")
_EVENT_TYPE: Final = Property(Owner.FIELD, "event_type")
_decode_raw: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode


class Name(NamedTuple):
    """An event name; times are microseconds since 1970-01-01 UTC."""

    name: str
    volume: int
    first_seen: int
    last_seen: int
    days: Sequence[int]  #: how many on each of the last 30 days


class NamesPage(NamedTuple):
    """A page of names."""

    names: Sequence[Name]
    found: int  #: how many there are in all, on all pages
    known: int  #: and without a search
    page: int  #: from 1
    pages: int
    lookup: Lookup


class Value(NamedTuple):
    """A value of a property, and in how many of the newest events it was."""

    text: str
    times: int


class PropertyRow(NamedTuple):
    """A property of one event name."""

    name: str
    types: Sequence[tuple[ValueType, int]]  #: the most frequent first
    conflict: bool
    entry: Entry
    values: Sequence[Value]
    others: int  #: how many different values are not shown


class NamePage(NamedTuple):
    """All about one name."""

    entry: Entry | None  #: None: the catalogue does not know it (yet)
    now: int  #: microseconds since 1970-01-01 UTC
    trend: TrendsAnswer
    span: Span
    events: int  #: of the last 30 days
    users: int
    companies: int
    properties: Sequence[PropertyRow]
    more_properties: int  #: how many are not shown
    examples: Sequence[Event]
    looked_at: int  #: events whose values were counted


async def names_page(
    deps: Deps, scope: Scope, *, search: str, sort: str, page: int, zone: ZoneInfo
) -> NamesPage:
    """Return a page of names. Raises Unavailable."""
    lookup = await deps.lookups.find(scope.environment_id, Section.EVENT)
    wanted = search.casefold()
    found = [each for each in lookup.entries if wanted in each[0].key.casefold()]
    orders = {
        "name": lambda each: (each[0].key.casefold(), each[0].key),
        "seen": lambda each: (-each[1].last_seen, each[0].key),
    }
    found.sort(key=orders.get(sort, lambda each: (-each[1].count, each[0].key)))
    pages = max(-(-len(found) // PER_PAGE), 1)
    page = min(max(page, 1), pages)
    shown = found[(page - 1) * PER_PAGE : page * PER_PAGE]
    days = await _days(deps, scope, [place.key for place, _ in shown], zone)
    names = [
        Name(place.key, entry.count, entry.first_seen, entry.last_seen, days.get(place.key, ()))
        for place, entry in shown
    ]
    return NamesPage(names, len(found), len(lookup.entries), page, pages, lookup)


async def kinds(deps: Deps, scope: Scope, zone: ZoneInfo) -> dict[str, Sequence[int]]:
    """Return for each of `KINDS` how many there were on each of the last days."""
    asked = Trends(last_days(zone), Selection(list(KINDS)), by=_EVENT_TYPE, limit=len(KINDS))
    found = await deps.insights.trends(scope.environment_id, asked)
    return {f"@{each.value}": each.counts for each in found.series if each.total}


async def name_page(deps: Deps, scope: Scope, name: str, zone: ZoneInfo) -> NamePage:
    """Return all about a name, or about a kind of `KINDS`. Raises Unavailable."""
    environment = scope.environment_id
    days = last_days(zone)
    chosen = Selection([name])
    kind, section = KINDS.get(name, (EventType.TRACK, Section.TRACK))
    wanted = EventFilter(event_type=kind, event_name=None if name in KINDS else name)
    lookup = await deps.lookups.find(environment, Section.EVENT, section)
    trend = await deps.insights.trends(environment, Trends(days, chosen))
    whole = Top(days.since, days.until, events=chosen, limit=1)
    total = (await deps.insights.top(environment, whole)).total
    newest = (await deps.reads.events(environment, wanted, cursor=None, limit=LOOKED_AT)).items
    places = dict(lookup.entries)
    event = name if section is Section.TRACK else ""
    entries = [
        (place.key, entry)
        for place, entry in lookup.entries
        if place.section is section and place.event == event
    ]
    entries.sort(key=lambda each: (-each[1].count, each[0]))
    values = _values(newest)
    return NamePage(
        places.get(Place(Section.EVENT, "", name)),
        time.time_ns() // 1000,
        trend,
        days,
        total.events,
        total.users,
        total.companies,
        [_property(*each, values.get(each[0], Counter())) for each in entries[:MOST_PROPERTIES]],
        max(len(entries) - MOST_PROPERTIES, 0),
        newest[:EXAMPLES],
        len(newest),
    )


def last_days(zone: ZoneInfo, *, days: int = DAYS) -> Span:
    """Return the last days, today with them."""
    until = end_of_day(time.time_ns() // 1000, zone)
    return span(default_since(until, zone, days=days), until, zone, Interval.DAY, at_most=days + 1)


def event_json(event: Event, scope: Scope) -> str:
    """Return an event as the API shows it, for people to read: without fields that hold nothing."""
    fields = _decode_raw(msgspec.json.encode(event_reply(event, scope.app_token)))
    held = {name: value for name, value in fields.items() if bytes(value) != NULL}
    return msgspec.json.format(msgspec.json.encode(held), indent=2).decode()


async def _days(
    deps: Deps, scope: Scope, names: Sequence[str], zone: ZoneInfo
) -> dict[str, Sequence[int]]:
    """Return how many there were of each name on each of the last days."""
    if not names:
        return {}
    asked = Trends(last_days(zone), Selection(list(names)), by=_EVENT_NAME, limit=len(names))
    found = await deps.insights.trends(scope.environment_id, asked)
    return {str(each.value): each.counts for each in found.series if not each.is_other}


def _values(events: Sequence[Event]) -> dict[str, Counter[str]]:
    """Return which values the properties of some events have, and how often."""
    found: dict[str, Counter[str]] = {}
    for event in events:
        for key, value in _decode(event.metadata).items():
            found.setdefault(key, Counter())[_text(value)] += 1
    return found


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MOST_VALUE_CHARS else text[: MOST_VALUE_CHARS - 1] + "…"


def _property(key: str, entry: Entry, values: Counter[str]) -> PropertyRow:
    types = sorted(entry.types.items(), key=lambda each: -each[1])
    ordered = sorted(values.items(), key=lambda each: (-each[1], each[0]))
    most = [Value(*each) for each in ordered[:VALUES]]
    return PropertyRow(key, types, has_conflict(entry), entry, most, len(values) - len(most))
