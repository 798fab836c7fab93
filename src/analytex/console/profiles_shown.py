"""What the pages of users and companies show: rows of lists, of properties, of a timeline."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from markupsafe import Markup, escape

from analytex.console.charts.elements import element
from analytex.console.event_names import event_json
from analytex.console.links import event_link, record_link
from analytex.console.profiles import (
    COMPANIES,
    NAMES,
    USERS,
    Room,
    Words,
    cut,
    known_as,
    link_to,
    page_of,
    value_text,
)
from analytex.console.profiles_history import LOOKED_AT, Change, History
from analytex.domain.catalogue import value_type
from analytex.domain.environments import Scope
from analytex.domain.events import Event, EventType
from analytex.domain.profiles import Profile, User
from analytex.domain.times import SECOND
from analytex.domain.values import Json, Stamp
from analytex.wire.replies import time_text

LIST_BYTES: Final = 45_000  #: of what people wrote, in a list
MEMBERS_BYTES: Final = 10_000
PROPERTIES_BYTES: Final = 20_000
EVENTS_BYTES: Final = 16_000
EVENT_LINKS_BYTES: Final = 8_000
BRIEF: Final = 2  #: properties that a list shows
VALUE_CHARS: Final = 200
EARLIER: Final = 8  #: earlier values of a property
EARLIER_CHARS: Final = 100
LINE_CHARS: Final = 110
EVENT_BYTES: Final = 1400  #: of an event that can be unfolded; longer ones are cut

Row = dict[str, Any]


#: Calls that set properties, of either kind of profile.
KINDS_THAT_SET: Final = {
    USERS: [(EventType.IDENTIFY_USER, "identifies")],
    COMPANIES: [
        (EventType.IDENTIFY_COMPANY, "identifies of the company"),
        (EventType.IDENTIFY_USER, "identifies of users that name it"),
    ],
}


class Properties(NamedTuple):
    """Some of a profile's properties."""

    rows: Sequence[Row]
    first: int  #: place of the first of them, from 0 on
    next: int | None  #: where the next page begins
    total: int


class Calls(NamedTuple):
    """Links to the calls that set properties."""

    looked_at: int  #: the links begin behind so many of the newest of each kind; 0: they have all
    links: Sequence[tuple[str, str]]  #: what they are, and where


def list_rows(words: Words, profiles: Sequence[Profile], bytes: int = LIST_BYTES) -> list[Row]:
    """Return the rows of a list: as many as a page has room for."""
    room = Room(bytes)
    rows: list[Row] = []
    for profile in profiles:
        row: Row = {
            "id": profile.id,
            "link": page_of(words, profile.id),
            "known_as": known_as(profile),
            "brief": _brief(profile),
            "first_seen_at": profile.first_seen_at,
            "identified_at": profile.identified_at,
        }
        if isinstance(profile, User):
            row["company_id"] = profile.company_id
            row["company_link"] = (
                link_to(COMPANIES, profile.company_id) if profile.company_id else ""
            )
        texts = [row["link"], row["known_as"], row.get("company_link") or ""]
        if not room.take(*texts, *(each for pair in row["brief"] for each in pair), besides=600):
            break
        rows.append(row)
    return rows


def property_rows(profile: Profile, known: History, first: int) -> Properties:
    """Return a page of a profile's properties, by name; those that were removed come last."""
    names = sorted(profile.stamps | profile.properties, key=lambda name: _order(profile, name))
    room = Room(PROPERTIES_BYTES)
    rows: list[Row] = []
    for name in names[first:]:
        row = _property(profile, name, known.changes.get(name, []))
        earlier = [each["text"] for each in row["earlier"]]
        if not room.take(name, row["text"], *earlier, besides=700 + 380 * len(earlier)):
            return Properties(rows, first, first + len(rows), len(names))
        rows.append(row)
    return Properties(rows, first, None, len(names))


def company_of(user: User, known: History) -> Row | None:
    """Return the company of a user, and those before, as far as calls tell."""
    if user.company_id is None:
        return None
    earlier = known.companies[1:] if known.companies[:1] else []
    return {
        "id": user.company_id,
        "link": page_of(COMPANIES, user.company_id),
        "call": user.company_stamp and _call(user.company_stamp),
        "earlier": [
            {"id": id, "link": page_of(COMPANIES, id), "at": stamp.at}
            for stamp, id in earlier[:EARLIER]
        ],
    }


def timeline(events: Sequence[Event], scope: Scope, words: Words, zone: ZoneInfo) -> list[Row]:
    """Return days, the newest first, with all events; whole ones as far as there is room."""
    texts, addresses = Room(EVENTS_BYTES), Room(EVENT_LINKS_BYTES)
    days: list[Row] = []
    for event in events:
        row = _event(event, scope, words, zone)
        if not texts.take(row["line"], row["text"], row["whole"]):
            stamp = Stamp(event.inserted_at, event.id)
            row |= {"line": "", "text": "", "whole": call_link(stamp)}
        if not addresses.take(row["link"], row["other_link"]):
            row |= {"link": "", "other_link": ""}
        day = _day(event.inserted_at, zone)
        if not days or days[-1]["day"] != day:
            days.append({"day": day, "events": []})
        days[-1]["events"].append(row)
    return days


def call_link(stamp: Stamp) -> str:
    """Return where the event of a call is shown alone, and whole."""
    asked = {"id": stamp.by, "from": time_text(stamp.at), "to": time_text(stamp.at + 1)}
    return f"/console/events/newest?{urlencode(asked)}"


def by_day(counts: Sequence[int], edges: Sequence[int], zone: ZoneInfo) -> Mapping[date, int]:
    """Return counts of days by the days."""
    return {_day(edge, zone): count for edge, count in zip(edges, counts, strict=False)}


def _brief(profile: Profile) -> list[tuple[str, str]]:
    """Return a few properties with short values."""
    found = []
    for name, value in profile.properties.items():
        if name not in NAMES and len(bytes(value)) <= 60 and len(name) <= 40:
            found.append((name, value_text(value)))
        if len(found) == BRIEF:
            break
    return found


def _order(profile: Profile, name: str) -> tuple[bool, bool, str, str]:
    return (name not in profile.properties, name not in NAMES, name.casefold(), name)


def _property(profile: Profile, name: str, changes: Sequence[Change]) -> Row:
    value, stamp = profile.properties.get(name), profile.stamps.get(name)
    return {
        "name": name,
        "removed": value is None,
        "text": "" if value is None else cut(value_text(value), VALUE_CHARS),
        "type": "" if value is None else value_type(value),
        "call": stamp and _call(stamp),
        "since": changes[0].stamp.at if changes else None,
        "earlier": [_earlier(each) for each in changes[1 : EARLIER + 1]],
        "more": max(len(changes) - 1 - EARLIER, 0),
    }


def calls_that_set(words: Words, id: str, rows: Sequence[Row], known: History) -> Calls | None:
    """Return where the calls are that set properties; None if the page tells all that they do."""
    field = f"{words.one}_id"
    kinds = KINDS_THAT_SET[words]
    if known.older:
        links = [
            (text, _calls({field: id, "event_type": kind, "after_cursor": known.older[kind]}))
            for kind, text in kinds
            if kind in known.older
        ]
        return Calls(LOOKED_AT, links)
    if any(row["more"] for row in rows):
        return Calls(0, [(text, _calls({field: id, "event_type": kind})) for kind, text in kinds])
    return None


def _calls(asked: dict[str, str]) -> str:
    return f"/console/events/newest?{urlencode(asked)}"


def _earlier(change: Change) -> Row:
    value: Json | None = change.value
    return {
        "removed": value is None,
        "text": "" if value is None else cut(value_text(value), EARLIER_CHARS),
        **_call(change.stamp),
    }


def _call(stamp: Stamp) -> Row:
    return {"at": stamp.at, "id": stamp.by, "link": record_link(stamp.by, stamp.at)}


def _event(event: Event, scope: Scope, words: Words, zone: ZoneInfo) -> Row:
    kind = f"@{event.event_type}"
    named = event.event_name if event.event_type is EventType.TRACK else kind
    is_company = words is COMPANIES
    text = event_json(event, scope)
    whole = len(escape(text)) <= EVENT_BYTES
    return {
        "clock": _clock(event.inserted_at, zone),
        "title": KIND_TITLES_OF_ONE.get(named, event.event_name),
        "is_call": event.event_type in (EventType.IDENTIFY_USER, EventType.IDENTIFY_COMPANY),
        "link": event_link(named),
        "other": (event.user_id if is_company else None) or "",
        "other_link": link_to(USERS, event.user_id) if is_company and event.user_id else "",
        "line": _line(event),
        "text": text if whole else cut(text, EVENT_BYTES // 5),
        "whole": "" if whole else call_link(Stamp(event.inserted_at, event.id)),
    }


def _clock(at: int, zone: ZoneInfo) -> Markup:
    """Return the time of day, under a heading that says the day."""
    exact = datetime.fromtimestamp(at // SECOND, UTC).replace(microsecond=at % SECOND)
    return element(
        "time",
        exact.astimezone(zone).strftime("%H:%M:%S"),
        datetime=exact.isoformat().replace("+00:00", "Z"),
        title=exact.strftime("%Y-%m-%d %H:%M:%S.%f UTC"),
    )


def _line(event: Event) -> str:
    """Return an event's properties in a line."""
    return "" if event.metadata == "{}" else cut(event.metadata, LINE_CHARS)


def _day(at: int, zone: ZoneInfo) -> date:
    return datetime.fromtimestamp(at // SECOND, zone).date()


#: What each of them is called alone.
KIND_TITLES_OF_ONE: Final = {
    "@page_view": "Page view",
    "@identify_user": "User identified",
    "@identify_company": "Company identified",
}
