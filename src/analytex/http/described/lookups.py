"""Lookups (contract 8.4)."""

from typing import Any, Final

from analytex.http.described.operation import PAGES, TIME, Content, Operation, Section, page
from analytex.http.lookups import EMPTY
from analytex.wire import lookup_replies, replies

_PLACE: Final = "/api/v1/analytics/exports/lookups"
_SEEN: Final[dict[str, Any]] = {
    "types": {"integer": 40, "string": 2},
    "conflict": True,
    "count": 42,
}
_USER_PROPERTY: Final = {
    "id": 71,
    "type": "user_property",
    "key": "seats",
    "display_name": "seats",
    "data_type": "Numeric",
    "is_auto_property": False,
    **_SEEN,
    "first_seen": TIME,
    "last_seen": TIME,
}
_EVENT_NAME: Final = {
    "id": 12,
    "key": "report_exported",
    "display_name": "report_exported",
    "data_type": "String",
    "count": 42,
    "first_seen": TIME,
    "last_seen": TIME,
}
_EVENT_PROPERTY: Final = {
    "id": 95,
    "key": "pages",
    "display_name": "pages",
    "is_auto_property": False,
    "is_mobile_auto_property": False,
    "data_type": "Numeric",
    "category": "track",
    "description": "",
    "is_archived": False,
    "event": {"id": 12, "display_name": "report_exported"},
    "inserted_at": TIME,
    "last_seen": TIME,
    **_SEEN,
}
_NOTHING: Final = Content(schema={"type": "array", "maxItems": 0}, example=[])


def _array(name: str, summary: str, content: Content) -> Operation:
    return Operation(f"GET {_PLACE}/{name}", summary, key="read", gives={200: (content,)}, lag=True)


_properties: Final = list[lookup_replies.PropertyReply]

SECTION: Final = Section(
    "Lookups",
    "Which properties, events and surfaces there are.",
    (
        _array(
            "user_properties",
            "List the properties of users.",
            Content(_properties, example=[_USER_PROPERTY]),
        ),
        _array(
            "company_properties",
            "List the properties of companies.",
            Content(_properties, example=[{**_USER_PROPERTY, "type": "company_property"}]),
        ),
        _array(
            "features_events",
            "List the names of events.",
            Content(list[lookup_replies.EventNameReply], example=[_EVENT_NAME]),
        ),
        Operation(
            f"GET {_PLACE}/events_properties",
            "List the properties of events.",
            key="read",
            query=PAGES,
            gives={
                200: (
                    Content(
                        replies.ListReply[lookup_replies.EventPropertyReply],
                        example=page([_EVENT_PROPERTY], 1),
                    ),
                )
            },
            lag=True,
        ),
        Operation(
            f"GET {_PLACE}/segments",
            "List segments: there are none.",
            key="read",
            query=PAGES,
            gives={200: (Content(replies.ListReply[Any], example=page([], 0)),)},
        ),
        *(
            _array(name, f"List {name.replace('_', ' ')}: there are none.", _NOTHING)._replace(
                lag=False
            )
            for name in EMPTY
        ),
    ),
)
