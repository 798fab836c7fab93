"""What profiles shall be, said in the simplest way: sort the calls by time and id, obey each."""

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

from analytex.domain.events import Event, EventType
from analytex.domain.profiles import Company, User


class Seen(NamedTuple):
    """What is known of a user or a company; a company has no company."""

    metadata: dict[str, Any]
    company_id: str | None
    first_seen_at: int
    last_seen_at: int


class Profiles(NamedTuple):
    """All profiles, by id."""

    users: dict[str, Seen]
    companies: dict[str, Seen]


def expected(events: Iterable[Event]) -> Profiles:
    """Return the profiles of one environment's events."""
    users: dict[str, Seen] = {}
    companies: dict[str, Seen] = {}
    for event in sorted(events, key=lambda event: (event.inserted_at, event.id)):
        identifies = event.event_type is not EventType.TRACK
        # An event's company counts only where the call named it; others have the user's.
        names = event.company is not None or event.event_type is EventType.IDENTIFY_COMPANY
        company_id = event.company_id if names else None
        if event.user_id is not None:
            changes = event.metadata if identifies else "{}"
            _see(users, event.user_id, event.inserted_at, changes, company_id, identifies)
        if company_id is not None:
            changes = event.metadata if event.company is None else event.company
            _see(companies, company_id, event.inserted_at, changes, None, True)
    return Profiles(users, companies)


def found(users: Iterable[User], companies: Iterable[Company]) -> Profiles:
    """Return the profiles that a store holds, in the same form."""
    return Profiles(
        {user.id: _seen(user, user.company_id) for user in users},
        {company.id: _seen(company, None) for company in companies},
    )


def _see(
    profiles: dict[str, Seen],
    id: str,
    at: int,
    changes: str,
    company_id: str | None,
    identifies: bool,
) -> None:
    known = profiles.get(id) or Seen({}, None, at, at)
    metadata = known.metadata | json.loads(changes)
    profiles[id] = Seen(
        {name: value for name, value in metadata.items() if value is not None},
        known.company_id if company_id is None else company_id,
        known.first_seen_at,
        at if identifies else known.last_seen_at,
    )


def _seen(profile: User | Company, company_id: str | None) -> Seen:
    metadata = {name: json.loads(bytes(value)) for name, value in profile.properties.items()}
    return Seen(metadata, company_id, profile.first_seen_at, profile.last_seen_at)
