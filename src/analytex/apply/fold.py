"""One run of events at once: loads the profiles they name, folds, and says what to store."""

from collections.abc import Sequence
from typing import Final

from analytex.apply.memberships import Memberships
from analytex.apply.profiles import (
    fold_company,
    fold_user,
    names_company,
    new_company,
    new_user,
)
from analytex.domain.events import Event, EventType
from analytex.domain.profiles import Company, User
from analytex.storage.interface import (
    ApplyStore,
    Changes,
    Membership,
    ProfileKey,
    Unreadable,
)

_IDENTIFY_USER: Final = EventType.IDENTIFY_USER  # looking a member up takes longer than the test


def fold(
    store: ApplyStore,
    memberships: Memberships,
    events: Sequence[Event],
    unreadable: Sequence[Unreadable],
) -> Changes:
    """Return what the events, in this order, change in the store.

    Fills in the company of each event that names none: the user's, at that point of the order.
    """
    users, members = _load_users(store, memberships, events)
    companies = _load_companies(store, events)
    for event in events:
        if names_company(event):
            _fold_company(companies, event)
        if event.user_id is not None:
            _fold_user(users, members, event)
    return Changes(list(users.values()), list(companies.values()), events, unreadable)


def _fold_company(companies: dict[ProfileKey, Company], event: Event) -> None:
    assert event.company_id is not None
    key = (event.environment_id, event.company_id)
    company = companies.get(key)
    if company is None:
        company = companies[key] = new_company(event)
    fold_company(company, event)


def _fold_user(
    users: dict[ProfileKey, User], members: dict[ProfileKey, Membership], event: Event
) -> None:
    assert event.user_id is not None
    key = (event.environment_id, event.user_id)
    user = users.get(key)
    if user is None:
        known = members.get(key)
        if known is not None:  # a track by a user that it does not change
            if event.company_id is None:
                event.company_id = known.company_id
            return
        user = users[key] = new_user(event)
    fold_user(user, event)
    if event.company_id is None:
        event.company_id = user.company_id


def _load_users(
    store: ApplyStore, memberships: Memberships, events: Sequence[Event]
) -> tuple[dict[ProfileKey, User], dict[ProfileKey, Membership]]:
    """Load whole users only where an event can change them; most tracks cannot."""
    changed: set[ProfileKey] = set()
    first_track: dict[ProfileKey, int] = {}
    for event in events:
        if event.user_id is None:
            continue
        key = (event.environment_id, event.user_id)
        if event.event_type is _IDENTIFY_USER:
            changed.add(key)
        elif first_track.get(key, event.inserted_at) >= event.inserted_at:
            first_track[key] = event.inserted_at
    members = memberships.find(first_track.keys() - changed)
    early = {key for key, known in members.items() if first_track[key] < known.first_seen_at}
    for key in early:
        del members[key]
    return store.users(changed | early), members


def _load_companies(store: ApplyStore, events: Sequence[Event]) -> dict[ProfileKey, Company]:
    return store.companies(
        {
            (event.environment_id, event.company_id)
            for event in events
            if event.company_id is not None and names_company(event)
        }
    )
