"""Things to put into a store."""

from typing import Any

import msgspec

from analytex.domain.events import SOURCE_HTTP, Event, EventType
from analytex.domain.profiles import Company, User
from analytex.domain.values import Json, Stamp
from analytex.storage.interface import Changes


def user(id: str, *, environment_id: int = 1, at: int = 1, **rest: Any) -> User:
    """A user with what a row can hold."""
    given: dict[str, Any] = {
        "properties": {"plan": json('"pro"'), "seats": json("1e2")},
        "stamps": {"plan": Stamp(at, "r1"), "seats": Stamp(at, "r1"), "gone": Stamp(at, "r2")},
        "first_seen_at": at,
        "identified_at": at + 1,
    }
    return User(environment_id=environment_id, id=id, **{**given, **rest})


def company(id: str, *, environment_id: int = 1, at: int = 1, **rest: Any) -> Company:
    """A company with what a row can hold."""
    given: dict[str, Any] = {
        "properties": {"name": json('"Äcme"')},
        "stamps": {"name": Stamp(at, "r1")},
        "first_seen_at": at,
        "identified_at": at + 1,
    }
    return Company(environment_id=environment_id, id=id, **{**given, **rest})


def event(id: str = "r1", *, environment_id: int = 1, at: int = 1, **rest: Any) -> Event:
    """A track."""
    given: dict[str, Any] = {
        "event_type": EventType.TRACK,
        "event_name": "opened",
        "user_id": "ada",
        "company_id": None,
        "source": SOURCE_HTTP,
        "metadata": '{"n": 1.0}',
    }
    return Event(id=id, environment_id=environment_id, inserted_at=at, **{**given, **rest})


def changes(*things: User | Company | Event) -> Changes:
    """Changes that hold these things."""
    return Changes(
        [thing for thing in things if isinstance(thing, User)],
        [thing for thing in things if isinstance(thing, Company)],
        [thing for thing in things if isinstance(thing, Event)],
        [],
    )


def json(text: str) -> Json:
    """A JSON value as it was sent."""
    return msgspec.Raw(text)
