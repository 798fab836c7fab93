"""What a profile's properties were before, as far as the newest calls that set them tell."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

import msgspec

from analytex.apply.profiles import names_company
from analytex.domain.events import Event, EventFilter, EventType
from analytex.domain.profiles import ProfileKind
from analytex.domain.values import NULL, Json, Stamp
from analytex.query.reads import Page, Reads

LOOKED_AT: Final = 200  #: calls and rows, the newest of each kind

_decode: Final = msgspec.json.Decoder(dict[str, Json]).decode


class Change(NamedTuple):
    """A value that a property got."""

    stamp: Stamp  #: of the first call that set it to this, until another value came
    value: Json | None  #: None: it was removed


class History(NamedTuple):
    """What some properties were."""

    changes: dict[str, list[Change]]  #: of each property, the newest first
    companies: list[tuple[Stamp, str]]  #: of a user: to which it went, the newest first
    older: dict[EventType, str]  #: calls that were not looked at: the cursor behind which they are


async def history(
    reads: Reads, environment_id: int, kind: ProfileKind, id: str, newest: Page[Event] | None
) -> History:
    """Return the history of a user's or company's properties. Raises Unavailable.

    `newest`: the newest events that name it, of all types. If they are all that there are, nothing
    more is asked: over sealed events each question takes some 25 ms.
    """
    if newest is not None and newest.after is None:
        types = {wanted.event_type for wanted in _wanted(kind, id)}
        return _history([each for each in newest.items if each.event_type in types], kind, {})
    events: list[Event] = []
    older: dict[EventType, str] = {}
    for wanted in _wanted(kind, id):
        page = await reads.events(environment_id, wanted, cursor=None, limit=LOOKED_AT)
        events += page.items
        if page.after is not None and wanted.event_type is not None:
            older[wanted.event_type] = page.after
    return _history(events, kind, older)


def _history(events: list[Event], kind: ProfileKind, older: dict[EventType, str]) -> History:
    events.sort(key=_stamp, reverse=True)
    return History(
        changes_of(_set_by(events, kind)),
        [] if kind is ProfileKind.COMPANY else _companies(events),
        older,
    )


def changes_of(calls: Iterable[tuple[Stamp, str]]) -> dict[str, list[Change]]:
    """Return what calls set, each a stamp and a JSON object; the newest first.

    Calls that set a property to what it was are left out.
    """
    found: dict[str, list[Change]] = {}
    for stamp, text in calls:
        for name, raw in _decode(text).items():
            value = None if bytes(raw) == NULL else raw
            changes = found.setdefault(name, [])
            if changes and _same(changes[-1].value, value):
                changes.pop()  # it was set before
            changes.append(Change(stamp, value))
    return found


def _wanted(kind: ProfileKind, id: str) -> Sequence[EventFilter]:
    if kind is ProfileKind.USER:
        return [EventFilter(user_id=id, event_type=EventType.IDENTIFY_USER)]
    return [
        EventFilter(company_id=id, event_type=EventType.IDENTIFY_COMPANY),
        EventFilter(company_id=id, event_type=EventType.IDENTIFY_USER),
    ]


def _set_by(events: Iterable[Event], kind: ProfileKind) -> Iterator[tuple[Stamp, str]]:
    for event in events:
        if kind is ProfileKind.USER or event.event_type is EventType.IDENTIFY_COMPANY:
            yield _stamp(event), event.metadata
        elif event.company is not None:
            yield _stamp(event), event.company


def _companies(events: Iterable[Event]) -> list[tuple[Stamp, str]]:
    found: list[tuple[Stamp, str]] = []
    for event in events:
        if event.company_id is None or not names_company(event):
            continue
        if found and found[-1][1] == event.company_id:
            found.pop()
        found.append((_stamp(event), event.company_id))
    return found


def _same(one: Json | None, other: Json | None) -> bool:
    return one is other if one is None or other is None else bytes(one) == bytes(other)


def _stamp(event: Event) -> Stamp:
    return Stamp(event.inserted_at, event.id)
