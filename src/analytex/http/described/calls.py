"""The three real-time calls, and testing a key."""

from typing import Final

from analytex.http.described.operation import (
    EMPTY,
    EVENT_NAME,
    ID,
    METADATA,
    Content,
    Operation,
    Section,
    Sharper,
    said,
)
from analytex.wire import bodies

_COMPANY: Final = {
    "anyOf": [
        {"type": "null"},
        {"type": "object", "maxProperties": 0},
        {"type": "object", "required": ["id"], "properties": {"id": ID}},
        {
            "type": "object",
            "required": ["company_id"],
            "properties": {"company_id": ID, "id": {"type": "null"}},
        },
    ],
    "description": "The company to put the user into: its `id` (or `company_id`), and properties.",
}

IDENTIFY: Final = Content(
    bodies.IdentifyBody,
    sharper=Sharper(
        required=("user_id",),
        properties={
            "user_id": said(ID, "Who it is; a number is turned into its text."),
            "metadata": said(METADATA, "Properties of the user."),
            "company": _COMPANY,
        },
    ),
    example={
        "user_id": "u-204",
        "metadata": {"name": "Ines Roca", "seats": 12, "beta": True, "old_plan": None},
        "company": {"id": "c-31", "name": "Example Org", "plan": "team"},
    },
)
IDENTIFY_COMPANY: Final = Content(
    bodies.IdentifyCompanyBody,
    sharper=Sharper(
        required=("company_id",),
        properties={
            "company_id": said(ID, "Which company it is."),
            "metadata": said(METADATA, "Properties of the company."),
        },
    ),
    example={"company_id": "c-31", "metadata": {"employees": 48, "trial": False}},
)
TRACK: Final = Content(
    bodies.TrackBody,
    sharper=Sharper(
        required=("user_id", "event_name"),
        properties={
            "user_id": said(ID, "Who did it."),
            "event_name": said(EVENT_NAME, "What happened."),
            "metadata": said(METADATA, "Properties of the event."),
        },
    ),
    example={
        "user_id": "u-204",
        "event_name": "report_exported",
        "metadata": {"format": "pdf", "pages": 7},
    },
)

SECTION: Final = Section(
    "Calls",
    "Each answers 202 once the call is on disk. The same call sent twice is two events.",
    (
        Operation(
            "POST /v1/identify",
            "Create or update a user, and put the user into a company.",
            text="A property that is sent replaces its older value, one that is not sent stays, "
            "and `null` removes it. A user belongs to one company at a time.",
            key="ingest",
            takes=(IDENTIFY,),
            gives={202: (EMPTY,)},
            refuses=(429,),
        ),
        Operation(
            "POST /v1/companies/identify",
            "Create or update a company.",
            text="No user is attached by it.",
            key="ingest",
            takes=(IDENTIFY_COMPANY,),
            gives={202: (EMPTY,)},
        ),
        Operation(
            "POST /v1/track",
            "Record that a user did something.",
            text="A user that was never identified is made by it.",
            key="ingest",
            takes=(TRACK,),
            gives={202: (EMPTY,)},
            refuses=(429,),
        ),
        Operation(
            "GET /v1/validate",
            "Test a key.",
            text="200 if the key is valid, whatever it may do.",
            key="any",
            gives={200: (EMPTY,)},
        ),
    ),
)
