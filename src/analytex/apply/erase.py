"""What a deletion leaves of events and profiles. Afterwards events give the profiles, as before."""

from collections.abc import Set
from typing import Final

import msgspec

from analytex.apply.profiles import (
    fold_company,
    fold_user,
    names_company,
    new_company,
    new_user,
)
from analytex.domain.events import Event, EventType
from analytex.domain.profiles import Company, User
from analytex.wire import erasing
from analytex.wire.records import ID_CHARS, TIME_DIGITS

COMPANY: Final = "company"  #: the property in which Segment nests a user's company

_IDENTIFY_USER: Final = EventType.IDENTIFY_USER
_IDENTIFY_COMPANY: Final = EventType.IDENTIFY_COMPANY


def without_user(event: Event) -> Event | None:
    """Return what stays of an event once its user is deleted: what it says of a company."""
    if event.event_type is not _IDENTIFY_USER or event.company is None:
        return None
    return msgspec.structs.replace(
        event,
        # The id of an imported row holds a hash of all that it said, by which a guess is confirmed.
        id=event.id if len(event.id) <= ID_CHARS else event.id[:TIME_DIGITS].ljust(ID_CHARS, "0"),
        event_type=_IDENTIFY_COMPANY,
        user_id=None,
        metadata=event.company,
        company=None,
        web=None,
    )


def without_company(event: Event, company_ids: Set[str]) -> Event | None:
    """Return what stays of an event once the company that it names or carries is deleted."""
    if event.event_type is _IDENTIFY_COMPANY:
        return None
    metadata = event.metadata.encode()
    return msgspec.structs.replace(
        event,
        company_id=None,
        company=None,
        metadata=erasing.metadata_without_company(metadata, company_ids).decode(),
    )


def refold_user(user: User | None, event: Event) -> User:
    """Return a user, or the one that the event names first, changed by one more event."""
    user = user or new_user(event)
    fold_user(user, event)
    return user


def refold_company(company: Company | None, event: Event) -> Company | None:
    """Return a company changed by one more event; one that only carries it changes nothing."""
    if not names_company(event):
        return company
    company = company or new_company(event)
    fold_company(company, event)
    return company


def refers_to(user: User, company_ids: Set[str], *, at: int) -> bool:
    """Tell whether a user belongs to one of these companies since a call not after `at`.

    Or has such a company as the property `company`.
    """
    if user.company_id in company_ids:
        assert user.company_stamp is not None
        if user.company_stamp.at <= at:
            return True
    value = user.properties.get(COMPANY)
    if value is None or user.stamps[COMPANY].at > at:
        return False
    return erasing.company_id(bytes(value)) in company_ids


def take_membership(user: User, refolded: User | None) -> None:
    """Give a user the company that a refold of the events that are left gives."""
    user.company_id = None if refolded is None else refolded.company_id
    user.company_stamp = None if refolded is None else refolded.company_stamp
    user.properties.pop(COMPANY, None)
    user.stamps.pop(COMPANY, None)
    if refolded is None:
        return
    if COMPANY in refolded.properties:
        user.properties[COMPANY] = refolded.properties[COMPANY]
    if COMPANY in refolded.stamps:
        user.stamps[COMPANY] = refolded.stamps[COMPANY]
