"""What lookups show (contract 8.4)."""

from typing import Any

import msgspec
import pytest

from analytex.domain.catalogue import Entry, Place, Section, ValueType
from analytex.wire import lookup_replies as wire

ENTRY = Entry(
    count=3,
    first_seen=1_000_000,
    last_seen=2_500_000,
    types={ValueType.STRING: 1, ValueType.DATE: 2},
)
OWN = {"types": {"Date": 2, "String": 1}, "conflict": True, "count": 3}
EARLY, LATE = "1970-01-01T00:00:01.000000Z", "1970-01-01T00:00:02.500000Z"


def shown(reply: msgspec.Struct) -> dict[str, Any]:
    """Return a reply without its id, which `tests/unit/domain` knows."""
    found: dict[str, Any] = msgspec.to_builtins(reply)
    assert isinstance(found.pop("id"), int)
    return found


@pytest.mark.parametrize("section", [Section.USER, Section.COMPANY])
def test_a_property_has_the_fields_of_the_contract_and_ours(section: Section) -> None:
    """What is ours tells where a type is not the whole truth."""
    assert shown(wire.property_reply(Place(section, "", "plan"), ENTRY)) == {
        "type": f"{section}_property",
        "key": "plan",
        "display_name": "plan",
        "data_type": "String",
        "is_auto_property": False,
        "first_seen": EARLY,
        "last_seen": LATE,
        **OWN,
    }


def test_an_event_name_has_the_fields_of_the_contract_and_ours() -> None:
    """`key` is what `event_name` of an event is."""
    entry = Entry(count=3, first_seen=1_000_000, last_seen=2_500_000)
    assert shown(wire.event_name_reply(Place(Section.EVENT, "", "opened"), entry)) == {
        "key": "opened",
        "display_name": "opened",
        "data_type": "String",
        "count": 3,
        "first_seen": EARLY,
        "last_seen": LATE,
    }


def test_a_property_of_an_event_names_the_event() -> None:
    """By the id that the event has in the list of names."""
    name = wire.event_name_reply(Place(Section.EVENT, "", "opened"), ENTRY)
    assert shown(wire.event_property_reply(Place(Section.TRACK, "opened", "plan"), ENTRY)) == {
        "key": "plan",
        "display_name": "plan",
        "is_auto_property": False,
        "is_mobile_auto_property": False,
        "data_type": "String",
        "category": "track",
        "description": "",
        "is_archived": False,
        "event": {"id": name.id, "display_name": "opened"},
        "inserted_at": EARLY,
        "last_seen": LATE,
        **OWN,
    }


def test_page_views_are_not_a_track_of_that_name() -> None:
    """Somebody may track `page_view`."""
    viewed = wire.event_property_reply(Place(Section.PAGE_VIEW, "", "p"), ENTRY)
    tracked = wire.event_property_reply(Place(Section.TRACK, "page_view", "p"), ENTRY)
    assert viewed.event.display_name == tracked.event.display_name == "page_view"
    assert (viewed.category, tracked.category) == ("page_view", "track")
    assert viewed.event.id != tracked.event.id
    assert viewed.id != tracked.id


@pytest.mark.parametrize(
    ("section", "keys"),
    [
        (
            Section.USER,
            "name email created_at signed_up_at first_seen_at last_seen_at",
        ),
        (Section.COMPANY, "id name created_at"),
    ],
)
def test_reserved_and_automatic_properties_are_marked(section: Section, keys: str) -> None:
    """Those of contract 3.2, and no other."""
    for key in keys.split():
        assert wire.property_reply(Place(section, "", key), ENTRY).is_auto_property
    assert not wire.property_reply(Place(section, "", "Name"), ENTRY).is_auto_property
    assert not wire.property_reply(Place(Section.COMPANY, "", "email"), ENTRY).is_auto_property
