"""Events: every accepted call is one, kept as it was sent."""

from enum import StrEnum
from typing import Final

import msgspec


class EventType(StrEnum):
    """What kind of call the event was (contract, event schema)."""

    IDENTIFY_USER = "identify_user"
    IDENTIFY_COMPANY = "identify_company"
    TRACK = "track"


SOURCE_HTTP: Final = "backend-http"  #: the `source` of the real-time calls


class Event(msgspec.Struct, kw_only=True, gc=False):
    """One accepted call. It never changes, except that apply fills in the user's company."""

    id: str  #: the record's id, 20 characters, equal to the reply's x-request-id
    environment_id: int
    event_type: EventType
    event_name: str  #: empty unless the event is a track
    user_id: str | None  #: None for identify_company
    company_id: str | None  #: the company it names, else the user's company at that time
    source: str
    inserted_at: int  #: microseconds since 1970-01-01 UTC
    metadata: str  #: JSON object as it was sent
    company: str | None = None  #: JSON object of company properties, if identify named a company


class EventFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which events are asked for; None means any."""

    id: str | None = None
    user_id: str | None = None
    company_id: str | None = None
    event_type: EventType | None = None
    event_name: str | None = None
    since: int | None = None  #: inclusive
    until: int | None = None  #: exclusive
