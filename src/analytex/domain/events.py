"""Events: every accepted call is one, kept as it was sent."""

from enum import StrEnum
from typing import Final

import msgspec


class EventType(StrEnum):
    """What kind of call or imported row the event was (contract, event schema)."""

    IDENTIFY_USER = "identify_user"
    IDENTIFY_COMPANY = "identify_company"
    TRACK = "track"
    PAGE_VIEW = "page_view"


SOURCE_HTTP: Final = "backend-http"  #: the `source` of the real-time calls


class Web(msgspec.Struct, kw_only=True, omit_defaults=True, gc=False):
    """Where and with what an imported event happened (contract 6.2, 8.5)."""

    hostname: str | None = None
    pathname: str | None = None
    device_type: str | None = None
    user_agent: str | None = None
    operating_system: str | None = None
    browser: str | None = None
    browser_language: str | None = None
    screen_width: int | None = None
    screen_height: int | None = None
    country_code: str | None = None


class Event(msgspec.Struct, kw_only=True, array_like=True, gc=False):
    """One accepted call or row. It never changes, except that apply fills in the user's company."""

    id: str  #: of a call: the record's id, 20 characters, equal to the reply's x-request-id
    environment_id: int
    event_type: EventType
    event_name: str  #: empty unless the event is a track
    user_id: str | None  #: None for identify_company
    company_id: str | None  #: the company it names, else the user's company when it was applied
    source: str
    inserted_at: int  #: microseconds since 1970-01-01 UTC
    metadata: str  #: JSON object as it was sent
    company: str | None = None  #: JSON object of company properties, if identify named a company
    web: str | None = None  #: JSON object of a `Web`, if there is anything in it


class EventFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which events are asked for; None means any."""

    id: str | None = None
    user_id: str | None = None
    company_id: str | None = None
    event_type: EventType | None = None
    event_name: str | None = None
    since: int | None = None  #: inclusive
    until: int | None = None  #: exclusive
