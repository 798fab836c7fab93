"""The JSON of replies: what reads answer, and errors."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Generic, TypeVar

import msgspec

from analytex.domain.events import Event, EventType
from analytex.domain.profiles import Company, User
from analytex.domain.values import NULL, Json

Item = TypeVar("Item")


class ErrorItem(msgspec.Struct, kw_only=True):
    """One problem (contract 2.2)."""

    error: str  #: short code, stable
    error_code: str  #: the HTTP status as text
    message: str  #: a sentence for people
    details: str  #: which field, what was expected, what to do


class ErrorReply(msgspec.Struct, kw_only=True):
    """The body of every refusal."""

    errors: list[ErrorItem]


class Cursor(msgspec.Struct, kw_only=True):
    """Where the page ends: `after` is the next page's `after_cursor`; null on the last page."""

    after: str | None
    before: str | None = None


class ListMetadata(msgspec.Struct, kw_only=True):
    """What accompanies a page."""

    cursor: Cursor
    limit: int
    total_count: int | None  #: null where counting would be slow


class ListReply(msgspec.Struct, Generic[Item], kw_only=True):
    """A page of things (contract 8.4's envelope)."""

    data: Sequence[Item]
    metadata: ListMetadata


class UserReply(msgspec.Struct, kw_only=True):
    """A user, as `GET /v1/users/{user_id}` shows it."""

    user_id: str
    company_id: str | None
    metadata: dict[str, Json]
    first_seen_at: str
    last_seen_at: str


class CompanyReply(msgspec.Struct, kw_only=True):
    """A company, as `GET /v1/companies/{company_id}` shows it."""

    company_id: str
    metadata: dict[str, Json]
    first_seen_at: str
    last_seen_at: str


class EventReply(msgspec.Struct, kw_only=True):
    """An event (contract 8.5), with its record id and the company properties that it carried."""

    id: str
    app_token: str
    event_type: EventType
    event_name: str
    user_id: str | None
    company_id: str | None
    source: str
    inserted_at: str
    internal_event_id: str
    metadata: Json
    company: Json
    hostname: str | None = None
    pathname: str | None = None
    device_type: str | None = None
    user_agent: str | None = None
    operating_system: str | None = None
    browser: str | None = None
    browser_language: str | None = None
    screen_width: int | None = None
    screen_height: int | None = None
    session: str | None = None
    country_code: str | None = None


def user_reply(user: User) -> UserReply:
    """Return what a read shows of a user."""
    return UserReply(
        user_id=user.id,
        company_id=user.company_id,
        metadata=user.properties,
        first_seen_at=time_text(user.first_seen_at),
        last_seen_at=time_text(user.last_seen_at),
    )


def company_reply(company: Company) -> CompanyReply:
    """Return what a read shows of a company."""
    return CompanyReply(
        company_id=company.id,
        metadata=company.properties,
        first_seen_at=time_text(company.first_seen_at),
        last_seen_at=time_text(company.last_seen_at),
    )


def event_reply(event: Event, app_token: str) -> EventReply:
    """Return what a read shows of an event."""
    web = {} if event.web is None else _decode_web(event.web)
    return EventReply(
        id=event.id,
        app_token=app_token,
        event_type=event.event_type,
        event_name=event.event_name,
        user_id=event.user_id,
        company_id=event.company_id,
        source=event.source,
        inserted_at=time_text(event.inserted_at),
        internal_event_id=event.id,
        metadata=msgspec.Raw(event.metadata),
        company=_NULL if event.company is None else msgspec.Raw(event.company),
        **web,
    )


def time_text(at: int) -> str:
    """Return a time in microseconds since 1970-01-01 UTC as ISO 8601 with microseconds."""
    moment = _EPOCH + timedelta(microseconds=at)
    return moment.isoformat(timespec="microseconds") + "Z"  # twice as fast as strftime


encode = msgspec.json.Encoder().encode
_EPOCH: Final = datetime(1970, 1, 1)
_decode_web: Final = msgspec.json.Decoder(dict[str, Any]).decode  # of a `Web`: fields of the reply
_NULL: Final = msgspec.Raw(NULL)
