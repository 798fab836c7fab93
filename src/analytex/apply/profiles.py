"""Folding: how an event changes the profiles of a user and a company.

The newest value wins, per property; equal times are decided by record id. So any order, any
repetition and any split into batches of the same events gives the same profiles.
"""

from typing import Final

import msgspec

from analytex.domain.events import Event, EventType
from analytex.domain.profiles import Company, Profile, User
from analytex.domain.values import NULL, Json, Stamp

_decode_properties: Final = msgspec.json.Decoder(dict[str, Json]).decode
_IDENTIFY_USER: Final = EventType.IDENTIFY_USER  # looking a member up takes longer than the test
_IDENTIFY_COMPANY: Final = EventType.IDENTIFY_COMPANY


def new_user(event: Event) -> User:
    """Return the user that an event names for the first time."""
    assert event.user_id is not None
    return User(
        environment_id=event.environment_id,
        id=event.user_id,
        properties={},
        stamps={},
        first_seen_at=event.inserted_at,
    )


def new_company(event: Event) -> Company:
    """Return the company that an event names for the first time."""
    assert event.company_id is not None
    return Company(
        environment_id=event.environment_id,
        id=event.company_id,
        properties={},
        stamps={},
        first_seen_at=event.inserted_at,
    )


def fold_user(user: User, event: Event) -> None:
    """Change the user in place by an event that names it."""
    user.first_seen_at = min(user.first_seen_at, event.inserted_at)
    if event.event_type is not _IDENTIFY_USER:
        return
    stamp = _identified(user, event)
    _merge(user, event.metadata, stamp)
    if names_company(event) and (user.company_stamp is None or stamp > user.company_stamp):
        user.company_id = event.company_id
        user.company_stamp = stamp


def fold_company(company: Company, event: Event) -> None:
    """Change the company in place by an event that names it."""
    company.first_seen_at = min(company.first_seen_at, event.inserted_at)
    stamp = _identified(company, event)
    if event.event_type is _IDENTIFY_COMPANY:
        _merge(company, event.metadata, stamp)
    elif event.company is not None:
        _merge(company, event.company, stamp)


def names_company(event: Event) -> bool:
    """Tell whether the call itself named the company, rather than taking it from the user."""
    return event.company is not None or event.event_type is _IDENTIFY_COMPANY


def _identified(profile: Profile, event: Event) -> Stamp:
    if profile.identified_at is None or profile.identified_at < event.inserted_at:
        profile.identified_at = event.inserted_at
    return Stamp(event.inserted_at, event.id)


def _merge(profile: Profile, changes: str, stamp: Stamp) -> None:
    if changes == "{}":
        return
    for name, value in _decode_properties(changes).items():
        known = profile.stamps.get(name)
        if known is not None and known >= stamp:
            continue
        profile.stamps[name] = stamp
        if bytes(value) == NULL:
            profile.properties.pop(name, None)
        else:
            profile.properties[name] = value
