"""Reads of users, companies and events."""

from typing import Any, Final

from analytex.domain.events import EventType
from analytex.http.described.operation import (
    PAGES,
    RECORD_ID,
    TIME,
    Content,
    Operation,
    Query,
    Section,
    page,
)
from analytex.wire import replies

_USER: Final = {
    "user_id": "u-204",
    "company_id": "c-31",
    "metadata": {"name": "Ines Roca", "seats": 12, "beta": True},
    "first_seen_at": TIME,
    "last_seen_at": TIME,
}
_COMPANY: Final = {
    "company_id": "c-31",
    "metadata": {"name": "Example Org", "plan": "team"},
    "first_seen_at": TIME,
    "last_seen_at": TIME,
}
_EVENT: Final[dict[str, Any]] = {
    **dict.fromkeys(replies.EventReply.__struct_fields__),
    "id": RECORD_ID,
    "app_token": "NX-1f0c55a2",
    "event_type": "track",
    "event_name": "report_exported",
    "user_id": "u-204",
    "company_id": "c-31",
    "source": "backend-http",
    "inserted_at": TIME,
    "internal_event_id": RECORD_ID,
    "metadata": {"format": "pdf", "pages": 7},
}

EVENT_FILTERS: Final = (
    Query("id", "Events with this record id: the `x-request-id` of the call."),
    Query("user_id", "Events of this user."),
    Query("company_id", "Events of this company."),
    Query("event_name", "Events with exactly this name."),
    Query(
        "event_type",
        "Events of this type.",
        {"type": "string", "enum": [str(t) for t in EventType]},
    ),
)
FROM: Final = Query(
    "from",
    "Events received at this time or later: ISO 8601, in UTC if it names no zone, or Unix seconds.",
)
TO: Final = Query("to", "Events received before this time.")

SECTION: Final = Section(
    "Reads",
    "A read waits until everything that was acknowledged before it can be seen; if that takes too "
    "long, `x-analytex-lag` says how many calls may be missing.",
    (
        Operation(
            "GET /v1/users",
            "List users, by id.",
            key="read",
            query=PAGES,
            gives={200: (Content(replies.ListReply[replies.UserReply], example=page([_USER], 1)),)},
            lag=True,
        ),
        Operation(
            "GET /v1/users/{user_id}",
            "Look at a user.",
            text="Percent-encode the id: it may hold slashes and any other character.",
            key="read",
            gives={200: (Content(replies.UserReply, example=_USER),)},
            refuses=(404,),
            lag=True,
        ),
        Operation(
            "GET /v1/companies",
            "List companies, by id.",
            key="read",
            query=PAGES,
            gives={
                200: (
                    Content(replies.ListReply[replies.CompanyReply], example=page([_COMPANY], 1)),
                )
            },
            lag=True,
        ),
        Operation(
            "GET /v1/companies/{company_id}",
            "Look at a company.",
            text="Percent-encode the id, as that of a user.",
            key="read",
            gives={200: (Content(replies.CompanyReply, example=_COMPANY),)},
            refuses=(404,),
            lag=True,
        ),
        Operation(
            "GET /v1/events",
            "List events, newest first.",
            text="Every accepted call is one. Filters may be combined; an event has to fit all.",
            key="read",
            query=(*PAGES, *EVENT_FILTERS, FROM, TO),
            gives={200: (Content(replies.ListReply[replies.EventReply], example=page([_EVENT])),)},
            lag=True,
        ),
    ),
)
