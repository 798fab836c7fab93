"""Rows of `store.db` ⇄ domain types."""

from typing import Any, Final

import msgspec

from analytex.domain.events import Event, EventType
from analytex.domain.profiles import Company, User
from analytex.domain.values import Json, Stamp

_encode: Final = msgspec.json.Encoder().encode
_properties: Final = msgspec.json.Decoder(dict[str, Json]).decode
_stamps: Final = msgspec.json.Decoder(dict[str, Stamp]).decode
_stamp: Final = msgspec.json.Decoder(Stamp).decode
_EVENT_TYPES: Final = {str(kind): kind for kind in EventType}
_TYPE_WORDS: Final = {kind: kind.value for kind in EventType}  # what sqlite3 takes as it is


def user(row: tuple[Any, ...]) -> User:
    """Return the user that a row of `users` holds."""
    environment_id, id, company_id, company_stamp, properties, stamps, first_seen, identified = row
    return User(
        environment_id=environment_id,
        id=id,
        company_id=company_id,
        company_stamp=None if company_stamp is None else _stamp(company_stamp),
        properties=_properties(properties),
        stamps=_stamps(stamps),
        first_seen_at=first_seen,
        identified_at=identified,
    )


def user_row(user: User) -> tuple[Any, ...]:
    """Return the row of `users` that holds a user."""
    return (
        user.environment_id,
        user.id,
        user.company_id,
        None if user.company_stamp is None else _text(user.company_stamp),
        _text(user.properties),
        _text(user.stamps),
        user.first_seen_at,
        user.identified_at,
    )


def company(row: tuple[Any, ...]) -> Company:
    """Return the company that a row of `companies` holds."""
    environment_id, id, properties, stamps, first_seen, identified = row
    return Company(
        environment_id=environment_id,
        id=id,
        properties=_properties(properties),
        stamps=_stamps(stamps),
        first_seen_at=first_seen,
        identified_at=identified,
    )


def company_row(company: Company) -> tuple[Any, ...]:
    """Return the row of `companies` that holds a company."""
    return (
        company.environment_id,
        company.id,
        _text(company.properties),
        _text(company.stamps),
        company.first_seen_at,
        company.identified_at,
    )


def event(row: tuple[Any, ...]) -> Event:
    """Return the event that a row of `events` holds, without its sequence."""
    id, environment_id, kind, name, user_id, company_id, source, at, metadata, company, web = row
    return Event(
        id=id,
        environment_id=environment_id,
        event_type=_EVENT_TYPES[kind],
        event_name=name,
        user_id=user_id,
        company_id=company_id,
        source=source,
        inserted_at=at,
        metadata=metadata,
        company=company,
        web=web,
    )


def event_row(sequence: int, event: Event) -> tuple[Any, ...]:
    """Return the row of `events` that holds an event."""
    return (
        sequence,
        event.id,
        event.environment_id,
        _TYPE_WORDS[event.event_type],
        event.event_name,
        event.user_id,
        event.company_id,
        event.source,
        event.inserted_at,
        event.metadata,
        event.company,
        event.web,
    )


def _text(value: object) -> str:
    return _encode(value).decode()
