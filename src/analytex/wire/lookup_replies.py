"""The JSON of lookups (contract 8.4). A field whose comment begins with `ours` is an addition."""

from typing import Final

import msgspec

from analytex.domain.catalogue import Entry, Place, Section, data_type, entry_id, has_conflict
from analytex.wire.replies import time_text

#: Reserved and automatic properties (contract 3.2).
AUTO: Final = {
    Section.USER: frozenset(
        ("name", "email", "created_at", "signed_up_at", "first_seen_at", "last_seen_at")
    ),
    Section.COMPANY: frozenset(("id", "name", "created_at")),
}
PAGE_VIEW: Final = "page_view"  #: shown as the event of a page view's property


class PropertyReply(msgspec.Struct, kw_only=True):
    """A property of users or companies."""

    id: int
    type: str  #: user_property, company_property
    key: str
    display_name: str
    data_type: str
    is_auto_property: bool
    types: dict[str, int]  #: ours: how many values of each type were seen
    conflict: bool  #: ours: of more than one
    count: int  #: ours: how many calls and rows carried it
    first_seen: str  #: ours: time of the earliest of them
    last_seen: str  #: ours: of the latest


class EventNameReply(msgspec.Struct, kw_only=True):
    """An event name that was tracked."""

    id: int  #: as in `event` of a property
    key: str
    display_name: str
    data_type: str  #: String
    count: int  #: ours, as are the times
    first_seen: str
    last_seen: str


class EventRef(msgspec.Struct, kw_only=True):
    """The event that carries a property."""

    id: int
    display_name: str


class EventPropertyReply(msgspec.Struct, kw_only=True):
    """A property of one event."""

    id: int
    key: str
    display_name: str
    is_auto_property: bool
    is_mobile_auto_property: bool
    data_type: str
    category: str  #: track, page_view
    description: str  #: empty
    is_archived: bool
    event: EventRef
    inserted_at: str  #: time of the earliest event that carried it
    last_seen: str
    types: dict[str, int]  #: ours, as are the next two
    conflict: bool
    count: int


def property_reply(place: Place, entry: Entry) -> PropertyReply:
    """Return what is shown of a property of users or companies."""
    return PropertyReply(
        id=entry_id(place),
        type=f"{place.section}_property",
        key=place.key,
        display_name=place.key,
        data_type=data_type(entry),
        is_auto_property=place.key in AUTO[place.section],
        types=_types(entry),
        conflict=has_conflict(entry),
        count=entry.count,
        first_seen=time_text(entry.first_seen),
        last_seen=time_text(entry.last_seen),
    )


def event_name_reply(place: Place, entry: Entry) -> EventNameReply:
    """Return what is shown of an event name."""
    return EventNameReply(
        id=entry_id(place),
        key=place.key,
        display_name=place.key,
        data_type="String",
        count=entry.count,
        first_seen=time_text(entry.first_seen),
        last_seen=time_text(entry.last_seen),
    )


def event_property_reply(place: Place, entry: Entry) -> EventPropertyReply:
    """Return what is shown of a property of an event."""
    name = place.event if place.section is Section.TRACK else PAGE_VIEW
    return EventPropertyReply(
        id=entry_id(place),
        key=place.key,
        display_name=place.key,
        is_auto_property=False,
        is_mobile_auto_property=False,
        data_type=data_type(entry),
        category=place.section,
        description="",
        is_archived=False,
        event=EventRef(id=_event_id(place), display_name=name),
        inserted_at=time_text(entry.first_seen),
        last_seen=time_text(entry.last_seen),
        types=_types(entry),
        conflict=has_conflict(entry),
        count=entry.count,
    )


def _event_id(place: Place) -> int:
    if place.section is Section.TRACK:
        return entry_id(Place(Section.EVENT, "", place.event))
    return entry_id(Place(Section.PAGE_VIEW, "", ""))  # not that of a track with this name


def _types(entry: Entry) -> dict[str, int]:
    return {kind.value: entry.types[kind] for kind in sorted(entry.types)}
